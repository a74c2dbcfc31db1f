"""Measures of a finished run: latent units, samples, the audit of its aggregate posterior."""
