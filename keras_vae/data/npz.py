"""Reader of `.npz` files in the layout of Keras' data sets."""

import os
from pathlib import Path

import numpy as np

from keras_vae._utils.readers import check_regular, read_npz
from keras_vae.data.checks import KEYS
from keras_vae.errors import InputError

ADVICE = "pass the path of an intact .npz file, or of a smaller one"
MISSING_ADVICE = "check the path"
SCALED_BYTES = 4  # of a number in the float32 copy that is made of the images


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a data set from an `.npz` file; other arrays in the file are ignored.

    Raises:
        DamagedFileError: if the file is damaged, or holds pickled Python objects.
        InputError: if there is no such file, or its arrays don't fit into memory.
    """
    check_regular(path, ADVICE if os.path.lexists(path) else MISSING_ADVICE)
    return read_npz(path, ADVICE, names=KEYS, extra_bytes_per_number=SCALED_BYTES)


def read_if_valid(path: Path) -> dict[str, np.ndarray] | None:
    """As `read`, but None in place of an error: a file in a cache that is not usable is downloaded again."""
    try:
        return read(path)
    except InputError:
        return None
