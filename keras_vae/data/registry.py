"""Registry of data sets by name, and of file formats.

A reader returns a dictionary of arrays: `x_train` and `x_test`, images of shape `(n, height, width[, channels])`, and
optionally labels and known generative factors (see `Dataset.from_arrays`). `load` checks the arrays and scales the
images.

A reader is given as a function or as `"module:function"`, which is imported when the data set is first loaded: the
names can be listed without NumPy.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from keras_vae._utils.formatting import listed

Reader = Callable[..., dict[str, Any]]


class _NamedSet(NamedTuple):
    title: str
    reader: Reader | str


class _Format(NamedTuple):
    matches: Callable[[str], bool]
    reader: Reader | str
    suffix: str | None


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


def register_format(label: str, matches: str | Callable[[str], bool], reader: Reader | str) -> None:
    """Makes `load` read files or folders of a format.

    Registered names take precedence over formats, and earlier formats over later ones.

    Args:
        label: lists the format in help texts and error messages, as in `a FILE.npz`.
        matches: a file suffix, or a function that returns whether the text passed to `load` is a path of this format.
        reader: called with the path; see the module's description for the arrays that it returns.
    """
    if isinstance(matches, str):
        suffix = matches
        _FORMATS[label] = _Format(lambda text: text.endswith(suffix), reader, suffix)
    else:
        _FORMATS[label] = _Format(matches, reader, None)


def names() -> tuple[str, ...]:
    """Names of the registered data sets."""
    return tuple(_SETS)


def choices() -> str:
    """Everything that `load` accepts, as text: `mnist, …, tiles-2k or a FILE.npz`."""
    return listed([*_SETS, *_FORMATS])


def title(name: str) -> str:
    """Title of a registered data set, else the name of the file without its suffix."""
    return _SETS[name].title if name in _SETS else Path(name).stem


def find_reader(name: str) -> Callable[[], dict[str, Any]] | None:
    """A function without arguments that reads the data set, or None where neither a name nor a format matches."""
    if name in _SETS:
        return _resolved(_SETS[name].reader)
    for matches, reader, _ in _FORMATS.values():
        if matches(name):
            return lambda: _resolved(reader)(Path(name))
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
register("tiles", "tiles", "keras_vae.data.tiles:read")
register("tiles-2k", "tiles-2k", "keras_vae.data.tiles:read_2k")
register_format("a FILE.npz", ".npz", "keras_vae.data.npz:read")
