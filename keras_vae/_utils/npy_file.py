"""An array in a `.npy` file that is read in parts, so that memory holds only the rows that are requested."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae._utils.readers import NPY_ERRORS, check_regular, read_npy_header, reason
from keras_vae.errors import DamagedFileError, InputError

CHANGED = "the file changed while it was in use; do not write to it during a training"


class NpyFile:
    """The array of a `.npy` file. Indexing reads rows; the file is mapped for the time of one read only.

    (Pages of a file that stays mapped count as memory of the process, up to the size of the file.)

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.
        channels_first: whether the file holds `(n, channels, height, width)`; the array is `(n, height, width,
            channels)`.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged or holds Python objects.
    """

    def __init__(self, path: Path, advice: str, channels_first: bool = False):
        check_regular(path, advice)
        self.path, self.advice, self.channels_first = path, advice, channels_first
        try:
            size = path.stat().st_size
            with open(path, "rb") as file:
                start = io.BytesIO(file.read(16_384))
            shape, self.dtype = read_npy_header(start)
            if self.dtype.hasobject:
                raise ValueError("it holds Python objects, which are not loaded")
            if min(shape, default=0) < 0 or start.tell() + math.prod(shape) * self.dtype.itemsize != size:
                raise ValueError("its header does not agree with its size")
        except (OSError, *NPY_ERRORS) as error:
            raise DamagedFileError(
                path, f"expected a readable .npy; it is damaged ({reason(error)})", advice
            ) from error
        if not shape:
            raise InputError(f"{path}: expected an array of items; received a single number; {advice}.")
        self.shape = (shape[0], *shape[2:], shape[1]) if channels_first and len(shape) == 4 else shape

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    nbytes = property(lambda self: self.size * self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The rows of a slice, or of an array of indices, as an array in memory."""
        try:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            problem = f"expected the array that was read before ({reason(error)})"
            raise DamagedFileError(self.path, problem, CHANGED) from error
        read = np.array(mapped[rows])
        return np.moveaxis(read, 1, -1) if self.channels_first and self.ndim == 4 else read
