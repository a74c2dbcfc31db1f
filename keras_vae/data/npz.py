"""Reader of `.npz` files in the layout of Keras' data sets."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_vae.data.checks import KEYS
from keras_vae.errors import InputError


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a data set from an `.npz` file; other arrays in the file are ignored.

    Raises:
        InputError: if there is no such file, it is damaged, or it holds pickled Python objects.
    """
    try:
        found = path.is_file()
    except OSError:  # the name is too long
        found = False
    if not found:
        raise InputError(f"dataset: expected an .npz file at {path}; there is none.")
    damaged = InputError(f"dataset: expected a readable .npz in {path}; it is damaged or something else.")
    if not zipfile.is_zipfile(path):
        raise damaged
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key in KEYS}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise InputError(f"dataset: expected arrays of numbers in {path}; received Python objects.") from error
        raise damaged from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise damaged from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise damaged
    return arrays


def read_if_valid(path: Path) -> dict[str, np.ndarray] | None:
    """As `read`, but None in place of an error."""
    try:
        return read(path)
    except InputError:
        return None
