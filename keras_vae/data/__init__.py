"""Data sets: a registry of readers, checks of the arrays that they return, and scaling to [0, 1]."""

import importlib
from typing import TYPE_CHECKING

from keras_vae.data.registry import choices, names, register, register_format, title

if TYPE_CHECKING:
    from keras_vae.data.binarization import DynamicBinarization
    from keras_vae.data.dataset import Dataset, binarize, load

# Imported at first use, so that the registry's names can be listed without NumPy.
_LAZY = {
    "Dataset": "keras_vae.data.dataset",
    "DynamicBinarization": "keras_vae.data.binarization",
    "binarize": "keras_vae.data.dataset",
    "load": "keras_vae.data.dataset",
}
__all__ = [
    "Dataset",
    "DynamicBinarization",
    "binarize",
    "choices",
    "load",
    "names",
    "register",
    "register_format",
    "title",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'keras_vae.data' has no attribute {name!r}")
