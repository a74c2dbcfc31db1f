"""Images of a data set: checks of shape, type and range, and scaling to [0, 1]."""

import logging
import math

import numpy as np

from keras_vae._utils.checks import PIXEL_ROUNDING
from keras_vae.errors import InputError

KINDS = {"u": "integers", "i": "integers", "b": "booleans", "f": "floats"}  # by NumPy's kind of type
_LOG = logging.getLogger(__name__)


def check_images(x_train: np.ndarray, x_test: np.ndarray, name: str) -> None:
    """Checks shapes, types and ranges, and that training and test images match.

    Args:
        x_train, x_test: as returned by a reader (see `registry`).
        name: name of the data set, for error messages.

    Raises:
        InputError: if the images are not usable; the message names what to do.
    """
    for part, x in (("x_train", x_train), ("x_test", x_test)):
        where = f"{part} of {name}"
        if x.dtype.kind not in KINDS:
            raise InputError(f"dataset: expected real numbers in {where}; received {x.dtype}.")
        _check_shape(x.shape, where)
        _check_range(x, where)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise InputError(
            f"dataset: expected images of one shape in {name}; received {x_train.shape[1:]} for training and "
            f"{x_test.shape[1:]} for testing."
        )
    if KINDS[x_train.dtype.kind] != KINDS[x_test.dtype.kind]:
        raise InputError(
            f"dataset: expected one type of numbers in {name}; received {x_train.dtype} for training and "
            f"{x_test.dtype} for testing."
        )


def scaled(x_train: np.ndarray, x_test: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Checked images as float32 in [0, 1].

    Booleans become 0 and 1. Integers are divided by 255, unless all are 0 or 1: these are binary images and keep their
    values, which is logged. Floats keep their values; those outside of [0, 1] by rounding are clipped.

    Args:
        x_train, x_test: images that `check_images` accepts.
        name: name of the data set, for the log.
    """
    divisor = np.float32(1)
    if KINDS[x_train.dtype.kind] == "integers":
        is_binary = max(x_train.max(), x_test.max()) == 1
        if is_binary:
            _LOG.warning("%s: integers that are all 0 or 1 are taken as binary images, not as values up to 255.", name)
        else:
            divisor = np.float32(255)
    return _scaled(x_train, divisor), _scaled(x_test, divisor)


def _scaled(x: np.ndarray, divisor: np.float32) -> np.ndarray:
    if x.dtype.kind != "f":
        return x.astype("float32") / divisor
    x = x.astype("float32", copy=False)
    return np.clip(x, 0, 1) if x.min() < 0 or x.max() > 1 else x


def _check_shape(shape: tuple[int, ...], where: str) -> None:
    if len(shape) not in (3, 4) or not math.prod(shape):
        raise InputError(
            "dataset: expected images of shape (n, height, width) or (n, height, width, channels) in "
            f"{where}; received {shape}{_reshaping(shape)}."
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
        return "the channels are first; put them last, x.transpose(0, 2, 3, 1)"
    if last in (2, 4):
        return f"drop the alpha channel, x[..., :{last - 1}]"
    return "choose 1 or 3 of the channels, as in x[..., :3]"


def _check_range(x: np.ndarray, where: str) -> None:
    if x.dtype.kind == "b":
        return
    low, high = x.min(), x.max()
    if KINDS[x.dtype.kind] == "integers":
        if low < 0 or high > 255:
            raise InputError(
                f"dataset: expected {x.dtype} values from 0 to 255 in {where}; received {low} to {high}; "
                f"{_integer_scaling(low, high)}."
            )
        return
    tolerance = max(PIXEL_ROUNDING, float(np.finfo(x.dtype).eps))
    if not (math.isfinite(low) and math.isfinite(high)):
        n_bad = np.count_nonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))
        raise InputError(
            f"dataset: expected finite numbers in {where}; received NaN or infinity in {n_bad} of {len(x)} images; "
            "remove these images."
        )
    if not (low >= -tolerance and high <= 1 + tolerance):
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
    return "scale the images to [0, 1] first, or undo their standardization"
