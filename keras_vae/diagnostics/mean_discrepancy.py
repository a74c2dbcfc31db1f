"""Maximum mean discrepancy between the aggregate posterior and the prior, without sampling from either."""

import math
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture, check_prior

MAX_PAIRED_IMAGES = 2000
MAX_PAIR_NUMBERS = 2**28  # images × images × units; with many units fewer images are paired
MAX_TILE_NUMBERS = 2**16  # images × images × units that are computed at once: fits a core's cache


class Discrepancy(NamedTuple):
    """MMD² between q(z) and the prior.

    Attributes:
        value: the unbiased estimate, which excludes pairs of an image with itself and can be negative.
        error: its standard error over images (jackknife).
        images: number of images that were paired.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> diagnostics.mmd(np.zeros((5, 2)), np.zeros((5, 2))).images
        5
    """

    value: float
    error: float
    images: int


def mmd(mean: np.ndarray, log_var: np.ndarray, seed: int = 0, prior: GaussianMixture | None = None) -> Discrepancy:
    """Estimates MMD² (Gretton et al. 2012) between q(z) and the prior with the kernel exp(−‖a − b‖² / 2d).

    Expectations over Gaussians are in closed form, E k(a, b) = Π_u √(d / s_u) exp(−(μ_u − ν_u)² / 2 s_u) with
    s_u = d + σ_u² + τ_u² for a ~ N(μ, σ²), b ~ N(ν, τ²), so the only randomness is that of the images.
    At most 2,000 images are paired, which takes seconds; `error` includes their choice.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: seed of the subset, where there are more than 2,000 images (or, for more than 64 units, fewer).
        prior: a learned prior of as many units; None for N(0, I).

    Raises:
        InputError: unless they are finite encodings of at least two images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean = np.random.default_rng(1).normal(3.0, 0.5, (200, 2))  # far from the prior
        >>> found = diagnostics.mmd(mean, np.full((200, 2), np.log(0.3)))
        >>> round(found.value, 1), found.error < 0.02
        (1.1, True)
    """
    seed = checks.seed(seed)
    mean, log_var = flat_encodings(mean, log_var)
    check_prior(prior, mean.shape[1])
    max_images = min(MAX_PAIRED_IMAGES, math.isqrt(MAX_PAIR_NUMBERS // mean.shape[1]))
    if len(mean) > max_images:
        subset = stream(seed, Stream.MMD_IMAGES).permutation(len(mean))[:max_images]
        mean, log_var = mean[subset], log_var[subset]
    variance, (n, d) = np.exp(log_var), mean.shape
    if prior is None:
        with_prior = _expected_kernel(np.square(mean), 1.0 + variance, d)
        among_prior = (d / (d + 2)) ** (d / 2)
    else:
        with_prior = _with_mixture(mean, variance, prior)
        among_prior = prior.weight @ _with_mixture(prior.mean, np.exp(prior.log_var), prior)
    pairs = _pair_sums(mean, variance)
    value = pairs.sum() / (n * (n - 1)) - 2 * with_prior.mean() + among_prior
    if n == 2:
        return Discrepancy(float(value), math.nan, n)
    # The estimate without image i, whose pairs count twice in the sum.
    without = (pairs.sum() - 2 * pairs) / ((n - 1) * (n - 2))
    without += among_prior - 2 * (with_prior.sum() - with_prior) / (n - 1)
    return Discrepancy(float(value), float(math.sqrt((n - 1) * without.var())), n)


def _with_mixture(mean: np.ndarray, variance: np.ndarray, prior: GaussianMixture) -> np.ndarray:
    """E k of each Gaussian and the mixture, `(n,)`."""
    total = np.zeros(len(mean))
    for weight, center, log_var in zip(prior.weight, prior.mean, prior.log_var, strict=True):
        total += weight * _expected_kernel(np.square(mean - center), variance + np.exp(log_var), mean.shape[1])
    return total


def _pair_sums(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Σ over all other images of E k, `(n,)`; each pair is computed once, in square tiles."""
    n, d = mean.shape
    sums = np.zeros(n)
    side = max(1, math.isqrt(MAX_TILE_NUMBERS // d))
    tiles = [slice(i, i + side) for i in range(0, n, side)]
    for k, rows in enumerate(tiles):
        for columns in tiles[k:]:
            squared = np.square(mean[rows, None] - mean[columns])
            kernel = _expected_kernel(squared, variance[rows, None] + variance[columns], d)
            if columns is rows:
                np.fill_diagonal(kernel, 0.0)  # pairs of an image with itself
            else:
                sums[columns] += kernel.sum(axis=0)
            sums[rows] += kernel.sum(axis=1)
    return sums


def _expected_kernel(squared: np.ndarray, variance: np.ndarray, d: int) -> np.ndarray:
    """E k over the last axis, from squared differences of means and sums of variances."""
    width = d + variance
    return np.exp(-0.5 * (squared / width + np.log(width / d)).sum(axis=-1))
