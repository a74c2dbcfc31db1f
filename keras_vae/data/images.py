"""Images and vectors of a data set: checks of shape, type and range, and their scaling."""

import logging
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keras_vae._utils.checks import PIXEL_ROUNDING
from keras_vae._utils.items import MAX_CHUNK_BYTES, Items, Scaling
from keras_vae._utils.npy_file import NpyFile
from keras_vae.errors import InputError

KINDS = {"u": "integers", "i": "integers", "b": "booleans", "f": "floats"}  # by NumPy's kind of type
CONSTANT_RATIO = 1e-12  # standard deviation, relative to the mean, up to which a column has one value
Stored = np.ndarray | NpyFile
_LOG = logging.getLogger(__name__)


class ConstantColumnsError(InputError):
    """Columns of vectors, or all images, have one value.

    Args:
        columns: their indices.
        where: names the part and the data set.
        advice: of flat images, how they are reshaped; else empty.
    """

    def __init__(self, columns: np.ndarray, where: str, advice: str):
        self.columns, self.where = columns, where
        super().__init__(
            f"dataset: expected several values in every column of {where}; received one value in {len(columns)} "
            f"columns, the first {columns[0]}; leave them out{advice}."
        )


class Part(NamedTuple):
    """Training or test items as they were read.

    Attributes:
        x: images `(n, height, width[, channels])` or vectors `(n, columns)`.
        rows: indices of the items in `x` that belong to the part; None for all.
        where: names the part and the data set in error messages.
    """

    x: Stored
    rows: np.ndarray | None
    where: str

    @property
    def n(self) -> int:
        return len(self.x) if self.rows is None else len(self.rows)

    def chunks(self) -> Iterator[np.ndarray]:
        """The stored items: an array in memory at once, a file in parts."""
        if isinstance(self.x, np.ndarray):
            yield self.x if self.rows is None else self.x[self.rows]
            return
        rows = np.arange(len(self.x)) if self.rows is None else self.rows
        size = max(1, int(MAX_CHUNK_BYTES * len(self.x) / max(1, self.x.nbytes)))
        yield from (self.x[rows[i : i + size]] for i in range(0, len(rows), size))


class Limits(NamedTuple):
    """The smallest and the largest number of an array; NaN where one is not a number."""

    low: float
    high: float


def check_parts(train: Part, test: Part, name: str, standardize: bool = False) -> Limits | None:
    """Checks shapes, types and ranges, and that training and test items match.

    Args:
        train, test: the items.
        name: name of the data set, for error messages.
        standardize: whether they will be standardised, so that they may have any range.

    Returns:
        The limits of all numbers; None for booleans.

    Raises:
        InputError: if the items are not usable; the message names what to do.
    """
    found = []
    for part in (train,) if test is train else (train, test):
        if part.x.dtype.kind not in KINDS:
            raise InputError(f"dataset: expected real numbers in {part.where}; received {part.x.dtype}.")
        _check_shape(part.x, part.where)
        if part.x.dtype.kind != "b":
            found.append(_limits(part))
            _check_range(part, found[-1], standardize or part.x.ndim == 2)
    if train.x.shape[1:] != test.x.shape[1:]:
        raise InputError(
            f"dataset: expected images of one shape in {name}; received {train.x.shape[1:]} for training and "
            f"{test.x.shape[1:]} for testing{_reshaping(train.x.shape) or _reshaping(test.x.shape)}."
        )
    if KINDS[train.x.dtype.kind] != KINDS[test.x.dtype.kind]:
        raise InputError(
            f"dataset: expected one type of numbers in {name}; received {train.x.dtype} for training and "
            f"{test.x.dtype} for testing."
        )
    return Limits(min(part.low for part in found), max(part.high for part in found)) if found else None


def _limits(part: Part) -> Limits:
    lows, highs = zip(*((chunk.min(), chunk.max()) for chunk in part.chunks()), strict=True)
    return Limits(np.min(lows), np.max(highs))


def scaling_of(train: Part, limits: Limits | None, name: str, standardize: bool = False) -> Scaling:
    """How checked items become float32.

    Vectors are standardised column by column, and images by one mean and one standard deviation if that is requested.
    Booleans become 0 and 1. Other integers of images are divided by 255, unless all are 0 or 1: these are binary images
    and keep their values, which is logged. Floats keep their values; those outside of [0, 1] by rounding are clipped.

    Args:
        train: the training items, whose mean and standard deviation apply to the test items as well.
        limits: as returned by `check_parts`.
        name: name of the data set, for the log.
        standardize: whether images are standardised.

    Raises:
        InputError: if a column of vectors, or all images, have one value.
    """
    if limits is None:
        return Scaling()
    if standardize or train.x.ndim == 2:
        return _standardization(train)
    if KINDS[train.x.dtype.kind] == "floats":
        return Scaling(clip=True)
    if limits.high == 1:
        _LOG.warning("%s: integers that are all 0 or 1 are taken as binary images, not as values up to 255.", name)
        return Scaling()
    return Scaling(255)


def scaled(part: Part, scaling: Scaling) -> Items:
    """The items of a part: bytes of images stay as they are, and so do files; other arrays are scaled here."""
    if not isinstance(part.x, np.ndarray):
        return Items(part.x, scaling, part.rows)
    x = part.x if part.rows is None else part.x[part.rows]
    if x.dtype.kind != "f" and scaling.mean is None:
        return Items(x.astype("uint8", copy=False), scaling)
    return Items(scaling(x))


def _standardization(train: Part) -> Scaling:
    """Means and standard deviations of the columns of vectors, or of all images."""
    axes = 0 if train.x.ndim == 2 else None
    n = train.n if axes == 0 else train.n * math.prod(train.x.shape[1:])
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sum(chunk.sum(axis=axes, dtype="float64") for chunk in train.chunks()) / n
        squares = sum(np.square(chunk.astype("float64") - mean).sum(axis=axes) for chunk in train.chunks())
        mean, std = np.atleast_1d(mean), np.atleast_1d(np.sqrt(squares / n))
    too_large = np.flatnonzero(~np.isfinite(std))
    if too_large.size:
        raise InputError(
            f"dataset: expected numbers whose squares are finite in {train.where}; received larger ones in column "
            f"{too_large[0]}; rescale or drop it."
        )
    constant = np.flatnonzero(std <= np.abs(mean) * CONSTANT_RATIO)
    if constant.size and axes is None:
        raise InputError(f"dataset: expected several values in {train.where}; received one; pass other images.")
    if constant.size:
        raise ConstantColumnsError(constant, train.where, _reshaping(train.x.shape).replace("them", "images"))
    return Scaling(mean=mean, std=std)


def _check_shape(x: Stored, where: str) -> None:
    shape: tuple[int, ...] = x.shape
    if len(shape) == 2 and x.size and x.dtype != np.uint8:
        return
    if len(shape) not in (3, 4) or not x.size:
        vectors = "; for vectors that are no images convert them, x.astype('float32')" if len(shape) == 2 else ""
        raise InputError(
            "dataset: expected images of shape (n, height, width) or (n, height, width, channels) in "
            f"{where}; received {shape}{_reshaping(shape)}{vectors}."
        )
    if len(shape) == 4 and shape[3] not in (1, 3):
        raise InputError(
            f"dataset: expected images of shape (n, height, width, channels) with 1 or 3 channels in {where}; "
            f"received {shape}; {_choice_of_channels(shape)}."
        )


def _reshaping(shape: tuple[int, ...]) -> str:
    """How flat images `(n, pixels)` become rows and columns."""
    if len(shape) != 2 or not math.prod(shape):
        return ""
    pixels = shape[1]
    side, side_of_colour = math.isqrt(pixels), math.isqrt(pixels // 3)
    if side**2 == pixels:
        return f"; reshape them, x.reshape(-1, {side}, {side})"
    if 3 * side_of_colour**2 == pixels:
        sides = f"{side_of_colour}, {side_of_colour}"
        return f"; reshape them, x.reshape(-1, {sides}, 3) or x.reshape(-1, 3, {sides}).transpose(0, 2, 3, 1)"
    return "; reshape them, x.reshape(-1, height, width)"


def _choice_of_channels(shape: tuple[int, ...]) -> str:
    _, first, _, last = shape
    if first in (1, 3) and last > 4:
        return "the channels are first; put them last, x.transpose(0, 2, 3, 1), or set channels_first=True"
    if last in (2, 4):
        return f"drop the alpha channel, x[..., :{last - 1}]"
    return "choose 1 or 3 of the channels, as in x[..., :3]"


def _check_range(part: Part, limits: Limits, any_range: bool) -> None:
    x, where, (low, high) = part.x, part.where, limits
    if KINDS[x.dtype.kind] == "integers":
        if any_range:
            return
        if low < 0 or high > 255:
            raise InputError(
                f"dataset: expected {x.dtype} values from 0 to 255 in {where}; received {low} to {high}; "
                f"{_integer_scaling(int(low), int(high))}."
            )
        return
    tolerance = max(PIXEL_ROUNDING, float(np.finfo(x.dtype).eps))
    if not (math.isfinite(low) and math.isfinite(high)):
        n_bad = sum(np.count_nonzero(~np.isfinite(c).reshape(len(c), -1).all(axis=1)) for c in part.chunks())
        items = "rows" if x.ndim == 2 else "images"
        raise InputError(
            f"dataset: expected finite numbers in {where}; received NaN or infinity in {n_bad} of {part.n} {items}; "
            f"remove these {items}."
        )
    if not any_range and not (low >= -tolerance and high <= 1 + tolerance):
        raise InputError(
            f"dataset: expected {x.dtype} values from 0 to 1 in {where}; received {low:.7g} to {high:.7g}; "
            f"{_float_scaling(low, high)}."
        )


def _integer_scaling(low: int, high: int) -> str:
    if low < 0:
        return "shift and scale the images to 0 … 255 first"
    return f"divide them first, x / {65535 if high <= 65535 else high}"


def _float_scaling(low: float, high: float) -> str:
    if low >= 0 and high <= 255:
        return "divide them first, x / 255"
    if low >= -1 and high <= 1:
        return "map them from [-1, 1] first, (x + 1) / 2"
    return "scale the images to [0, 1] first, undo their standardization, or set standardize=True"
