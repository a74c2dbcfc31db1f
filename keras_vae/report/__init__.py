"""HTML pages of runs and studies, each a single file."""

from keras_vae.report.run_page import write

__all__ = ["write"]
