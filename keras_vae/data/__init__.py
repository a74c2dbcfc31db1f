"""Data sets: a registry of readers, checks of the arrays that they return, and scaling to [0, 1]."""

import importlib
from typing import TYPE_CHECKING

from keras_vae.data.registry import choices, names, register, register_format, title

if TYPE_CHECKING:
    from keras_vae.data.all_items import load_all
    from keras_vae.data.binarization import DynamicBinarization
    from keras_vae.data.dataset import Dataset, binarize, load
    from keras_vae.data.options import DataOptions
    from keras_vae.data.preparation import Preparation

# Imported at first use, so that the registry's names can be listed without NumPy.
_LAZY = {
    "DataOptions": "options",
    "Dataset": "dataset",
    "DynamicBinarization": "binarization",
    "Preparation": "preparation",
    "binarize": "dataset",
    "load": "dataset",
    "load_all": "all_items",
}
__all__ = [
    "DataOptions",
    "Dataset",
    "DynamicBinarization",
    "Preparation",
    "binarize",
    "choices",
    "load",
    "load_all",
    "names",
    "register",
    "register_format",
    "title",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(f"keras_vae.data.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'keras_vae.data' has no attribute {name!r}")
