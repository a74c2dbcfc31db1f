"""Registry of data sets by name, and of file formats.

A reader returns a dictionary of arrays: `x_train` and `x_test`, images of shape `(n, height, width[, channels])` or
vectors `(n, columns)`, or `x` alone, and optionally labels and known generative factors (see `Dataset.from_arrays`).
`load` checks the arrays and scales them.

A reader is given as a function or as `"module:function"`, which is imported when the data set is first loaded: the
names can be listed without NumPy.
"""

import importlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from keras_vae._utils.formatting import listed

IMAGE_FOLDER = "a FOLDER of images"  # label of the format that matches any folder
Reader = Callable[..., Any]


class _NamedSet(NamedTuple):
    title: str
    reader: Reader | str


class _Format(NamedTuple):
    matches: Callable[[str], bool]
    reader: Reader | str
    suffix: str | None
    options: tuple[str, ...]


_SETS: dict[str, _NamedSet] = {}
_FORMATS: dict[str, _Format] = {}


def register(name: str, title: str, reader: Reader | str) -> None:
    """Makes a data set available to `load` and `Config(dataset=…)` by a name.

    Registering a name again replaces its reader.

    Args:
        name: passed to `load`.
        title: shown in figures and pages.
        reader: called without arguments; see the module's description for the arrays that it returns.

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> from keras_vae.data import register
        >>> def noise():
        ...     x = np.random.default_rng(0).random((40, 8, 8))
        ...     return {"x_train": x[:30], "x_test": x[30:]}
        >>> register("noise", "Uniform noise", noise)
        >>> kv.load("noise").x_test.shape
        (10, 8, 8)
    """
    _SETS[name] = _NamedSet(title, reader)


def register_format(
    label: str, matches: str | Callable[[str], bool], reader: Reader | str, options: Sequence[str] = ()
) -> None:
    """Makes `load` read files or folders of a format.

    Registered names take precedence over formats, and earlier formats over later ones; folders of images come last.

    Args:
        label: lists the format in help texts and error messages, as in `a FILE.npz`.
        matches: a file suffix, or a function that returns whether the text passed to `load` is a path of this format.
        reader: called with the path, and with those of its options that are given, by name; see the module's
            description for the arrays that it returns.
        options: names of the options of `DataOptions`, and of `cache`, `progress`, `columns` and `in_parts`, that the
            reader takes.
    """
    if isinstance(matches, str):
        suffix = matches
        _FORMATS[label] = _Format(lambda text: text.endswith(suffix), reader, suffix, tuple(options))
    else:
        _FORMATS[label] = _Format(matches, reader, None, tuple(options))
    if IMAGE_FOLDER in _FORMATS:
        _FORMATS[IMAGE_FOLDER] = _FORMATS.pop(IMAGE_FOLDER)


def names() -> tuple[str, ...]:
    """Names of the registered data sets."""
    return tuple(_SETS)


def choices() -> str:
    """Everything that `load` accepts, as text: `mnist, …, tiles-2k or a FILE.npz`."""
    return listed([*_SETS, *_FORMATS])


def title(name: str) -> str:
    """Title of a registered data set, else the name of the file without its suffix."""
    return _SETS[name].title if name in _SETS else Path(name).stem


class FoundReader(NamedTuple):
    """The reader of a data set.

    Attributes:
        label: the name of the data set, or the label of its format.
        options: names of the options that `read` takes.
        read: returns the arrays; takes the options by name.
    """

    label: str
    options: tuple[str, ...]
    read: Callable[..., Any]


def find_reader(name: str) -> FoundReader | None:
    """The reader of a data set by its name or path, or None where neither a name nor a format matches."""
    if name in _SETS:
        return FoundReader(name, (), _resolved(_SETS[name].reader))
    for label, (matches, reader, _, options) in _FORMATS.items():
        if matches(name):
            return FoundReader(label, options, partial(_resolved(reader), Path(name)))
    return None


def is_file_name(name: str) -> bool:
    """Whether a name stands for a file: no registered data set has it, and its format, if it has one, has a suffix."""
    if name in _SETS:
        return False
    found = next((entry for entry in _FORMATS.values() if entry.matches(name)), None)
    return found is None or found.suffix is not None


def _resolved(reader: Reader | str) -> Reader:
    if callable(reader):
        return reader
    module, _, function = reader.partition(":")
    return getattr(importlib.import_module(module), function)


register("mnist", "MNIST", "keras_vae.data.mnist:read")
register("fashion-mnist", "Fashion-MNIST", "keras_vae.data.fashion_mnist:read")
register("mnist-5k", "MNIST-5k", "keras_vae.data.mnist_5k:read")
register("digits", "Digits", "keras_vae.data.digits:read")
register("cifar10", "CIFAR-10", "keras_vae.data.cifar:read_10")
register("cifar100", "CIFAR-100", "keras_vae.data.cifar:read_100")
register("tiles", "tiles", "keras_vae.data.tiles:read")
register("tiles-2k", "tiles-2k", "keras_vae.data.tiles:read_2k")
register_format("a FILE.npz", ".npz", "keras_vae.data.npz:read_set", ["images", "labels", "channels_first"])
register_format("a FILE.npy", ".npy", "keras_vae.data.npy:read", ["labels", "channels_first", "in_parts"])
register_format("a FILE.csv", ".csv", "keras_vae.data.csv_table:read", ["label", "drop", "columns"])
register_format(
    IMAGE_FOLDER,
    lambda text: text.endswith(("/", os.sep)) or os.path.isdir(text),
    "keras_vae.data.image_folder:read",
    ["size", "gray", "skip_damaged", "cache", "progress"],
)
