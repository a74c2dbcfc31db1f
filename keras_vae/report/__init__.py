"""Self-contained HTML pages of runs and studies."""

from keras_vae.report.run_page import write

__all__ = ["write"]
