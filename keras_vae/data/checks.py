"""Checks of what a reader returns: a dictionary of arrays, and generative factors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_vae._utils import checks, spelling
from keras_vae._utils.npy_file import NpyFile
from keras_vae.errors import InputError

FACTOR_KEYS = ("factors_train", "factors_test")
IS_TEST = "is_test"  # which items of `x` are test items; set by readers
UNSPLIT_KEYS = ("x", "y", "factors")
SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test", *FACTOR_KEYS)
KEYS = (*SPLIT_KEYS, *UNSPLIT_KEYS)


def as_arrays(read: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arrays that a reader returned; lists and tensors become arrays, None stands for an absent array.

    A `NpyFile` stays as it is.

    Args:
        read: as returned by a reader (see `registry`).
        name: name of the data set, for error messages.

    Raises:
        InputError: if it is not a dictionary with `x_train` and `x_test`, or `x`, or one of its values is not an array.
    """
    if not isinstance(read, Mapping):
        raise InputError(
            f"dataset: expected a dictionary of arrays x_train, x_test and, optionally, y_train, y_test for {name}; "
            f"received a {type(read).__name__}."
        )
    _refuse_unknown(read, name)
    arrays = {key: _as_array(key, value, name) for key, value in read.items() if value is not None}
    for key in () if "x" in arrays and "x_train" not in arrays else ("x_train", "x_test"):
        if key not in arrays:
            held = ", ".join(map(str, arrays)) or "no array"
            raise InputError(
                f"dataset: expected arrays x_train and x_test in {name}; {key} is missing; received {held}."
            )
    return arrays


def _refuse_unknown(read: Mapping[str, Any], name: str) -> None:
    """Refuses an array of another name, which may be misspelt: it would be lost."""
    unknown = [str(key) for key in read if key not in (*KEYS, IS_TEST)]
    if unknown:
        raise InputError(
            f"dataset: expected arrays named {', '.join(KEYS)} in {name}; received {unknown[0]!r}; "
            f"{spelling.advice(unknown[0], KEYS, 'leave it out.')}"
        )


def _as_array(key: str, value: Any, name: str) -> Any:
    if isinstance(value, NpyFile):
        return value
    if isinstance(value, Mapping) or hasattr(value, "as_numpy_iterator"):  # a tf.data.Dataset
        raise InputError(
            f"dataset: expected an array as {key} of {name}; received a {type(value).__name__}; collect its images, as "
            "in np.stack([example['image'] for example in dataset.as_numpy_iterator()])."
        )
    expected = f"an array, or a list of images of one size, as {key} of {name}"
    return checks.converted("dataset", value, expected, "resize the images to one size")


def check_factors(factors: np.ndarray, n: int, where: str) -> None:
    """Checks generative factors.

    Args:
        factors: numbers of shape `(n, factors)`.
        n: number of images.
        where: name of the array and of the data set, for the error message.

    Raises:
        InputError: if shape or type are others, or a number is not finite; the message names the first such column.
    """
    if factors.shape[:1] != (n,) or factors.ndim != 2 or factors.dtype.kind not in "biuf":
        raise InputError(
            f"dataset: expected numbers of shape ({n}, factors) in {where}; received {factors.dtype} {factors.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(factors).all(axis=0))
    if bad.size:
        rows = np.count_nonzero(~np.isfinite(factors[:, bad[0]]))
        raise InputError(
            f"dataset: expected finite numbers in {where}; received NaN or infinity in {rows} of {n} rows of column "
            f"{bad[0]}; remove the column or the images."
        )
