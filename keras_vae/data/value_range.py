"""The range of a data set's values, to which pictures are scaled."""

import math

import numpy as np

from keras_vae._utils.items import Items

MAX_EXAMINED = 1000  # items
OUTSIDE = 0.001  # fraction of the examined values beyond each end of the range, which pictures clip

UNIT_RANGE = (0.0, 1.0)


def value_range(x: np.ndarray | Items) -> tuple[float, float]:
    """The limits of nearly all values: (0, 1) for images in [0, 1], else quantiles, symmetric for values of both signs.

    Args:
        x: images or vectors `(n, …)`.

    Example:
        >>> value_range(np.array([[0.0, 0.7]])), value_range(np.array([[-1.0, 4.0]]))
        ((0.0, 1.0), (-4.0, 4.0))
    """
    if x.dtype.kind != "f" or (x.min() >= 0 and x.max() <= 1):
        return UNIT_RANGE
    examined = x[:: math.ceil(len(x) / MAX_EXAMINED)]
    low, high = (float(f"{q:.4g}") for q in np.quantile(examined, (OUTSIDE, 1 - OUTSIDE), method="nearest"))
    if low < 0 < high:
        high = max(-low, high)
        return -high, high
    return (low, high) if low < high else (low, low + 1.0)
