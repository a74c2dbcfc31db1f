"""The images or vectors of a data set as they are stored, scaled to float32 when they are read."""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from keras_vae._utils.npy_file import NpyFile

MAX_CHUNK_BYTES = 64e6  # of float32 numbers that are read at a time


class Scaling(NamedTuple):
    """How stored numbers become float32.

    Attributes:
        divisor: 255 for bytes of grey values, else 1.
        mean, std: of the standardisation, numbers or arrays that broadcast to an item; None for none.
        clip: whether floats outside of [0, 1] by rounding are clipped.
    """

    divisor: int = 1
    mean: Any = None
    std: Any = None
    clip: bool = False

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The scaled numbers; no copy is made of float32 that needs no change."""
        if self.mean is not None:
            return ((x.astype("float64") - self.mean) / self.std).astype("float32")
        if x.dtype.kind != "f":
            x = x.astype("float32")
            return x if self.divisor == 1 else x / np.float32(self.divisor)
        x = x.astype("float32", copy=False)
        return np.clip(x, 0, 1) if self.clip and x.size and (x.min() < 0 or x.max() > 1) else x


class Items:
    """Items `(n, …)` of a data set: stored numbers and their scaling. Indexing returns float32 arrays.

    Args:
        stored: an array, or a `NpyFile`, which is read in parts.
        scaling: how its numbers become float32.
        rows: indices of the stored items that belong to these; None for all.
    """

    dtype = np.dtype("float32")

    def __init__(self, stored: np.ndarray | NpyFile, scaling: Scaling | None = None, rows: np.ndarray | None = None):
        self.stored, self.scaling, self.rows = stored, scaling or Scaling(), rows

    @classmethod
    def of(cls, x: "np.ndarray | Items") -> "Items":
        """Items of an array as it is, or the items themselves."""
        return x if isinstance(x, Items) else cls(np.asarray(x))

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.stored.shape[1:])

    @property
    def ndim(self) -> int:
        return self.stored.ndim

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size as stored."""
        return self.size * self.stored.dtype.itemsize

    @property
    def is_mapped(self) -> bool:
        """Whether the items are read from a file in parts."""
        return isinstance(self.stored, NpyFile)

    @property
    def are_bytes(self) -> bool:
        """Whether the items are bytes in memory, which the device can scale."""
        return not self.is_mapped and self.stored.dtype == np.uint8 and self.scaling.mean is None

    def __len__(self) -> int:
        return len(self.stored) if self.rows is None else len(self.rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if "array" in self.__dict__:
            return self.array[rows]
        return self.scaling(self.stored[rows if self.rows is None else self.rows[rows]])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.array if dtype is None else self.array.astype(dtype, copy=False)

    @cached_property
    def limits(self) -> np.ndarray:
        """The smallest and the largest number, float32 `(2,)`; NaN where one is not a number."""
        if isinstance(self.stored, np.ndarray) and self.are_bytes:  # the scaling keeps their order
            return self.scaling(np.array([self.stored.min(), self.stored.max()]))
        ranges = [(chunk.min(), chunk.max()) for chunk in self.chunks()]
        lowest, highest = np.array(ranges, "float32").T
        return np.array([lowest.min(), highest.max()])

    def min(self) -> np.float32:
        return self.limits[0]

    def max(self) -> np.float32:
        return self.limits[1]

    @cached_property
    def array(self) -> np.ndarray:
        """All items as one float32 array, kept in memory."""
        return self.scaling(self.stored[:] if self.rows is None else self.stored[self.rows])

    def part(self, rows: slice | np.ndarray) -> "Items":
        """Some of the items; nothing is read from a file."""
        if not self.is_mapped:
            return Items(self.stored[rows], self.scaling)
        kept = np.arange(len(self.stored)) if self.rows is None else self.rows
        return Items(self.stored, self.scaling, kept[rows])

    def chunks(self, max_bytes: float = MAX_CHUNK_BYTES) -> Iterator[np.ndarray]:
        """All items in their order, in float32 arrays of at most `max_bytes`, or of one item."""
        size = max(1, int(max_bytes // (4 * max(1, math.prod(self.shape[1:])))))
        return (self[i : i + size] for i in range(0, len(self), size))
