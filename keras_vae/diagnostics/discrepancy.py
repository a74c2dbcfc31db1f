"""The maximum mean discrepancy between the aggregate posterior and the prior, without drawing from either."""

import math
from typing import NamedTuple

import numpy as np

from keras_vae.diagnostics.encodings import flat_encodings, stream

MOST_IMAGES = 2000  # pairs of these are taken
MOST_NUMBERS = 2**28  # images × images × units, above which fewer are taken
CHUNK = 2**16  # numbers, images × images × units, that are held at once, in a core's cache


class Discrepancy(NamedTuple):
    """MMD² between q(z) and N(0, I).

    Attributes:
        value: the unbiased estimate, which leaves out pairs of an image with itself, and can be below 0.
        error: its standard error over images (jackknife).
        images: how many were paired.
    """

    value: float
    error: float
    images: int


def mmd(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> Discrepancy:
    """MMD² (Gretton et al. 2012) with the kernel exp(−‖a − b‖² / 2d), its expectations over Gaussians in closed form.

    E k(a, b) for a ~ N(μ, σ²), b ~ N(ν, τ²) is Π_u √(d / s_u) exp(−(μ_u − ν_u)² / 2 s_u), s_u = d + σ_u² + τ_u²: so the
    only chance left is which images there are.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: of the choice of 2,000 images where there are more (fewer of more than 64 units).

    Raises:
        InputError: unless they are finite encodings of at least two images.
    """
    mean, log_var = flat_encodings(mean, log_var)
    most = min(MOST_IMAGES, math.isqrt(MOST_NUMBERS // mean.shape[1]))
    if len(mean) > most:
        some = stream(seed, 4).permutation(len(mean))[:most]
        mean, log_var = mean[some], log_var[some]
    variance, (n, d) = np.exp(log_var), mean.shape
    with_prior = _kernel(np.square(mean), 1.0 + variance, d)
    pairs = np.zeros(n)  # Σ over the other images of E k
    side = max(1, math.isqrt(CHUNK // d))
    tiles = [slice(i, i + side) for i in range(0, n, side)]
    for k, rows in enumerate(tiles):
        for columns in tiles[k:]:
            squared = np.square(mean[rows, None] - mean[columns])
            kernel = _kernel(squared, variance[rows, None] + variance[columns], d)
            if columns is rows:
                np.fill_diagonal(kernel, 0.0)  # pairs of an image with itself
            else:
                pairs[columns] += kernel.sum(axis=0)
            pairs[rows] += kernel.sum(axis=1)
    among_prior = (d / (d + 2)) ** (d / 2)
    value = pairs.sum() / (n * (n - 1)) - 2 * with_prior.mean() + among_prior
    if n == 2:
        return Discrepancy(float(value), math.nan, n)
    # Without image i: its pairs count twice in the sum.
    without = (pairs.sum() - 2 * pairs) / ((n - 1) * (n - 2))
    without += among_prior - 2 * (with_prior.sum() - with_prior) / (n - 1)
    return Discrepancy(float(value), float(math.sqrt((n - 1) * without.var())), n)


def _kernel(squared: np.ndarray, variance: np.ndarray, d: int) -> np.ndarray:
    """E k over the last axis, from squared distances of means and sums of variances."""
    width = d + variance
    return np.exp(-0.5 * (squared / width + np.log(width / d)).sum(axis=-1))
