"""Checks of the arrays of a data set."""

import numpy as np

from keras_vae.errors import InputError

FACTOR_KEYS = ("factors_train", "factors_test")
KEYS = ("x_train", "y_train", "x_test", "y_test", *FACTOR_KEYS)


def check_arrays(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Checks types, shapes and ranges of images, labels and factors, and that training and test images match.

    Args:
        arrays: as returned by a reader (see `registry`).
        name: name of the data set, for error messages.

    Returns:
        The arrays, with labels of shape `(n,)`.

    Raises:
        InputError: if an array is not usable; the message names the first.
    """
    checked = dict(arrays)
    for part in ("train", "test"):
        x, y, factors = (arrays.get(f"{kind}_{part}") for kind in ("x", "y", "factors"))
        if x is None:
            raise InputError(f"dataset: expected arrays x_train and x_test in {name}; x_{part} is missing.")
        _check_images(x, part, name)
        if y is not None:
            checked[f"y_{part}"] = _check_labels(y, len(x), part, name)
        if factors is not None:
            _check_factors(factors, len(x), part, name)
    train, test = arrays["x_train"], arrays["x_test"]
    if train.shape[1:] != test.shape[1:]:
        raise InputError(
            f"dataset: expected images of one shape in {name}; received {train.shape[1:]} for training and "
            f"{test.shape[1:]} for testing."
        )
    if train.dtype.kind != test.dtype.kind:
        raise InputError(
            f"dataset: expected one type of numbers in {name}; received {train.dtype} for training and {test.dtype} "
            "for testing."
        )
    return checked


def _check_images(x: np.ndarray, part: str, name: str) -> None:
    if x.dtype.kind not in "uif":
        raise InputError(f"dataset: expected numbers in x_{part} of {name}; received {x.dtype}.")
    if x.ndim not in (3, 4) or not x.size:
        raise InputError(
            f"dataset: expected images of shape (n, height, width) or (n, height, width, channels) in x_{part} of "
            f"{name}; received {x.shape}."
        )
    if x.ndim == 4 and x.shape[3] not in (1, 3):
        raise InputError(
            f"dataset: expected images of 1 or 3 channels in x_{part} of {name}; received {x.shape[3]} channels."
        )
    low, high = (0, 255) if x.dtype.kind in "ui" else (0.0, 1.0)
    # NaN fails both comparisons, so it is caught as well.
    if not (x.min() >= low and x.max() <= high):
        raise InputError(
            f"dataset: expected {x.dtype} values from {low} to {high} in x_{part} of {name}; received {x.min()} to "
            f"{x.max()}; scale the images first."
        )


def _check_labels(y: np.ndarray, n: int, part: str, name: str) -> np.ndarray:
    if y.dtype.kind not in "ui":
        raise InputError(f"dataset: expected whole numbers in y_{part} of {name}; received {y.dtype}.")
    if y.shape not in ((n,), (n, 1)):
        raise InputError(f"dataset: expected {n} labels, one per image, in y_{part} of {name}; received {y.shape}.")
    return y.reshape(n)


def _check_factors(factors: np.ndarray, n: int, part: str, name: str) -> None:
    if factors.shape[:1] != (n,) or factors.ndim != 2 or factors.dtype.kind not in "uif":
        raise InputError(
            f"dataset: expected numbers of shape ({n}, factors) in factors_{part} of {name}; received "
            f"{factors.dtype} {factors.shape}."
        )
