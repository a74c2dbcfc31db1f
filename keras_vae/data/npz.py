"""Reader of `.npz` files in the layout of Keras' data sets."""

import os
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from keras_vae._utils import spelling
from keras_vae._utils.foreign_text import cleaned, shortened
from keras_vae._utils.readers import check_regular, read_npz
from keras_vae.data.checks import KEYS, SPLIT_KEYS, UNSPLIT_KEYS
from keras_vae.data.raw_data import RawData
from keras_vae.errors import DamagedFileError, InputError

ADVICE = "pass the path of an intact .npz file, or of a smaller one"
MISSING_ADVICE = "check the path"
MAX_LISTED_CHARACTERS = 200
MIN_SIMILARITY = 0.8  # of a name taken for misspelt, as difflib's ratio: y_trian, not x_mean or factor_names
SCALED_BYTES = 4  # of a number in the float32 copy that is made of the images


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a data set from an `.npz` file; other arrays in the file are ignored.

    Raises:
        DamagedFileError: if the file is damaged, or holds pickled Python objects.
        InputError: if there is no such file, or its arrays don't fit into memory.
    """
    return _read(path, KEYS)


def read_set(path: Path, images: str | None = None, labels: str | None = None, channels_first: bool = False) -> RawData:
    """Reads a data set from an `.npz` file: in Keras' layout, `x` and `y`, or the arrays named `images` and `labels`.

    Raises:
        DamagedFileError: if the file is damaged, holds pickled Python objects, or lacks an array.
        InputError: if there is no such file, its arrays don't fit into memory, or the name of one is misspelt.
    """
    if images is None and labels is not None:
        raise InputError("labels: expected with images, the name of the array of images; received labels alone.")
    if images is not None:
        wanted = {"x": images, "y": labels} if labels is not None else {"x": images}
        found = _read(path, [*wanted.values()])
        missing = [name for name in wanted.values() if name not in found]
        if missing:
            raise DamagedFileError(path, f"expected an array {missing[0]!r}; it holds {_held(path)}", "name another")
        arrays = {key: found[name] for key, name in wanted.items()}
    else:
        arrays = read(path)
        _check_spelling(path, arrays)
        if {"x_train", "x_test"} & set(arrays):
            arrays = {key: array for key, array in arrays.items() if key not in UNSPLIT_KEYS}
        elif "x" not in arrays:
            raise InputError(
                f"{path}: expected arrays x_train and x_test, or x; received {_held(path)}; name the array of images, "
                "images=NAME."
            )
    return RawData({key: _last(x) if channels_first and key[0] == "x" else x for key, x in arrays.items()})


def _read(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    check_regular(path, ADVICE if os.path.lexists(path) else MISSING_ADVICE)
    return read_npz(path, ADVICE, names=names, extra_bytes_per_number=SCALED_BYTES)


def _last(x: np.ndarray) -> np.ndarray:
    """Images with the channels as their last axis."""
    if x.ndim != 4:
        raise InputError(
            f"channels_first: expected images of shape (n, channels, height, width); received {x.shape}; remove it."
        )
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def _check_spelling(path: Path, arrays: Collection[str]) -> None:
    """Refuses a file with an array whose name resembles one that the file lacks: its contents would be ignored."""
    layout = SPLIT_KEYS if {"x_train", "x_test"} & set(arrays) else KEYS
    absent = set(layout) - set(arrays)
    for name in array_names(path):
        meant = None if name in arrays else spelling.similar(name, absent, MIN_SIMILARITY)
        if meant is not None:
            raise InputError(
                f"{path}: expected arrays named {', '.join(KEYS)}; received {cleaned(name)!r}, which resembles "
                f"{meant!r}; name it so, or name the array of images, images=NAME."
            )


def array_names(path: Path) -> list[str]:
    """Names of the arrays of a readable `.npz` file."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _held(path: Path) -> str:
    """The arrays of a readable `.npz` file, as text."""
    names = array_names(path)
    return shortened(cleaned(", ".join(names)), MAX_LISTED_CHARACTERS) if names else "no array"


def read_if_valid(path: Path) -> dict[str, np.ndarray] | None:
    """As `read`, but None in place of an error: a file in a cache that is not usable is downloaded again."""
    try:
        return read(path)
    except InputError:
        return None
