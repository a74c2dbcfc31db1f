"""Reader of `.npy` files: one array of images or vectors, in memory or read in parts."""

from pathlib import Path

import numpy as np

from keras_vae._utils.npy_file import NpyFile
from keras_vae.data.raw_data import RawData
from keras_vae.errors import InputError

ADVICE = "pass the path of an intact .npy file"
MAX_LOADED_BYTES = 10**9  # larger arrays are read in parts, whatever memory is free: the results must not depend on it


def read(path: Path, labels: str | None = None, channels_first: bool = False, in_parts: bool = False) -> RawData:
    """Reads a data set from a `.npy` file, which is split into training and test items.

    Args:
        path: the file; an array of more than `MAX_LOADED_BYTES` stays on the disk.
        labels: path of a `.npy` file with one label per item.
        channels_first: whether the file holds `(n, channels, height, width)`.
        in_parts: whether an array of any size stays on the disk.

    Raises:
        InputError: if a file is missing, or the shape is another.
        DamagedFileError: if it is damaged or holds Python objects.
    """
    x = NpyFile(path, ADVICE, channels_first)
    if channels_first and x.ndim != 4:
        raise InputError(
            f"channels_first: expected images of shape (n, channels, height, width); received {x.shape}; remove it."
        )
    arrays: dict = {"x": x if in_parts or x.nbytes > MAX_LOADED_BYTES else np.ascontiguousarray(x[:])}
    if labels is not None:
        arrays["y"] = NpyFile(Path(labels), ADVICE)[:]
    return RawData(arrays)
