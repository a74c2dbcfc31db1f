"""Architectures as text, and the networks built from them."""
