"""Figures and videos, drawn from arrays and run folders; nothing here trains or decodes."""

from keras_vae.plots.run_figures import draw

__all__ = ["draw"]
