"""Imports everything that forked processes use, without running an operation of TensorFlow."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

MODULES = (
    "h5py",
    "tensorflow",
    "keras",
    "keras_vae.callbacks",
    "keras_vae.cli",
    "keras_vae.evaluation.bubbles",
    "keras_vae.evaluation.judge",
    "keras_vae.evaluation.run_evaluation",
    "keras_vae.networks.builders",
    "keras_vae.plots.run_figures",
    "keras_vae.plots.bubble_figures",
    "keras_vae.plots.study_figures",
    "keras_vae.report.index_page",
    "keras_vae.report.run_page",
    "keras_vae.report.study_page",
    "keras_vae.runs.adoption",
    "keras_vae.runs.checkpoint_callback",
    "keras_vae.studies.presentation",
    "sklearn.mixture",
    "sklearn.linear_model",
    "sklearn.neighbors",
)


def preload(cache: str) -> None:
    """Imports the modules; `cache` is the folder of trained classifiers."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(MPLBACKEND="agg", XDG_CACHE_HOME=cache)
    with _silent_stderr():
        for name in MODULES:
            importlib.import_module(name)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Hides the lines that TensorFlow's C++ code writes to stderr when it is imported."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
