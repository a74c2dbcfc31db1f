"""Marginals of the aggregate posterior for each unit, as exact one-dimensional mixtures, compared with N(0, 1)."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings, random_images

SUPPORT_STDS = 8.0  # standard deviations to either side of its mean within which a component is evaluated
MIN_STD, MAX_STD = 1e-18, 1e18  # a wider range than that of log variances
STEPS_PER_STD = 4  # grid steps in the smallest standard deviation
OCTAVES_FINER = 2  # wider components have 2² times as many steps: 16 in a standard deviation
MIDPOINT_WEIGHTS = np.array([-5, 49, -245, 1225, 1225, -245, 49, -5]) / 2048  # of the eight nearest grid points
MAX_GRID_POINTS = 2**19  # where a finer grid would be necessary, the result is NaN
MAX_CHUNK_DENSITIES = 2**22  # densities that are computed at once
MIN_SUBSET_IMAGES = 10_000  # up to which all images are used
MAX_CODE_NUMBERS = 2**20  # images × units; of more, a subset of the images is used
NODES = np.arange(-5, 7)  # grid points through which a polynomial is fitted for the interval from 0 to 1
SUBSTEPS = 16  # points in an interval at which that polynomial is evaluated
HERMITE_NODES = np.array([-math.sqrt(3), 0.0, math.sqrt(3)])  # of the quadrature of N(0, 1) of degree 5
HERMITE_WEIGHTS = np.array([1, 4, 1]) / 6


class Marginals(NamedTuple):
    """The marginal q(z_u) of every unit, compared with N(0, 1); each array `(units,)`.

    All values are of the mixture over `images` images. NaN where a posterior is too narrow for the grid, below about
    10⁻⁵ of the marginal's width.

    Attributes:
        kl: KL(q(z_u) ‖ N(0, 1)), nats.
        wasserstein: the Wasserstein-1 distance, ∫ |F − Φ|.
        kolmogorov_smirnov: max |F − Φ|. It has no p-value: the mixture is known, and images are not a sample of it.
        mean, variance: mean and variance of z_u.
        kurtosis: excess kurtosis of z_u (of z, not of the means): 0 for a Gaussian.
        kl_error: standard error of `kl` over images: how much it varies with the images that were given or chosen.
        images: number of images in the mixture: all, or a random subset of many.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.marginals(np.array([[-1.0], [1.0]]), np.log([[0.5]]))
        >>> found.variance.round(2).tolist(), found.kurtosis.round(2).tolist()
        ([1.5], [-0.89])
    """

    kl: np.ndarray
    wasserstein: np.ndarray
    kolmogorov_smirnov: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    kurtosis: np.ndarray
    kl_error: np.ndarray
    images: int


def marginals(
    mean: np.ndarray, log_var: np.ndarray, seed: int = 0, progress: Callable[[float], None] = lambda share: None
) -> Marginals:
    """Compares every unit's marginal with N(0, 1), by quadrature on a grid with steps of a quarter of the smallest σ.

    It computes 64 to 256 densities for each image and unit. Of more than 10,000 images, a random subset of a million
    images × units (at least 10,000 images) is used. `kl` of a subset exceeds that of all images on average, since KL is
    convex; `kl_error` is its standard error. F of n images differs from that of all images by about 1/√n or less.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: seed of the subset.
        progress: called with the share of the work that is done, in [0, 1].

    Raises:
        InputError: unless they are finite encodings of at least two images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.marginals(np.full((2, 1), 1.5), np.zeros((2, 1)))  # N(1.5, 1)
        >>> found.kl.round(3).tolist(), found.wasserstein.round(3).tolist()
        ([1.125], [1.5])
    """
    seed = checks.seed(seed)
    checks.function("progress", progress)
    mean, log_var = flat_encodings(mean, log_var)
    mean, log_var = marginal_subset(mean, log_var, seed)
    rows = []
    for m, v in zip(mean.T, log_var.T, strict=True):
        rows.append(_distances(m, np.exp(0.5 * v)))
        progress(len(rows) / mean.shape[1])
    distances = _Distances(*np.array(rows).T)
    center, variance, kurtosis = _moments(mean, np.exp(log_var))
    return Marginals(
        kl=distances.kl,
        wasserstein=distances.wasserstein,
        kolmogorov_smirnov=distances.kolmogorov_smirnov,
        mean=center,
        variance=variance,
        kurtosis=kurtosis,
        kl_error=distances.kl_error,
        images=len(mean),
    )


def marginal_subset(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The encodings that `marginals` uses of `(n, units)`: all, or those of a random subset of more than 10,000 images.

    Example:
        >>> import numpy as np
        >>> from keras_vae.diagnostics.unit_marginals import marginal_subset
        >>> marginal_subset(np.zeros((40_000, 64)), np.zeros((40_000, 64)))[0].shape
        (16384, 64)
    """
    max_images = max(MIN_SUBSET_IMAGES, MAX_CODE_NUMBERS // mean.shape[1])
    if len(mean) <= max_images:
        return mean, log_var
    chosen = random_images(len(mean), max_images, stream(seed, Stream.MARGINAL_IMAGES))
    return mean[chosen], log_var[chosen]


def marginal_density(mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The density of a mixture of N(mean, std²) on an even grid that resolves it and covers both it and N(0, 1).

    Args:
        mean, std: means and standard deviations of the components, `(n,)` each; standard deviations from 10⁻¹⁸ to 10¹⁸.

    Returns:
        The grid and the density there, each `(points,)`; both empty where the grid would be too fine.

    Raises:
        InputError: if the shapes do not match, or a value is not a number in range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> grid, density = diagnostics.marginal_density(np.array([-2.0, 2.0]), np.array([0.5, 0.5]))
        >>> round(float(density.sum() * (grid[1] - grid[0])), 6)
        1.0
    """
    mean = checks.array("mean", mean, ("n",), dtype=None)
    std = checks.array("std", std, mean.shape, dtype=None, low=MIN_STD, high=MAX_STD)
    low = min((mean - SUPPORT_STDS * std).min(), -SUPPORT_STDS)
    high = max((mean + SUPPORT_STDS * std).max(), SUPPORT_STDS)
    points = math.ceil((high - low) / (min(std.min(), 1.0) / STEPS_PER_STD)) + 1
    if points > MAX_GRID_POINTS:
        return np.empty(0), np.empty(0)
    grid, step = np.linspace(low, high, points, retstep=True)
    # Wide components are evaluated on coarser grids, octave by octave of their widths, and interpolated.
    octaves = np.maximum(np.floor(np.log2(std / std.min())).astype(int) - OCTAVES_FINER, 0)
    density = np.zeros(0)
    for octave in range(octaves.max(), -1, -1):
        here = octaves == octave
        coarse_step, coarse_points = step * 2**octave, math.ceil((points - 1) / 2**octave) + 1
        added = _sum_of_gaussians(low, coarse_step, coarse_points, mean[here], std[here])
        density = added if not len(density) else added + _with_midpoints(density)[: len(added)]
    return grid, np.maximum(density, 0.0) / (len(mean) * math.sqrt(2 * math.pi))


def _sum_of_gaussians(low: float, step: float, points: int, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Σ exp(−½ ((z − mean) / std)²) / std at the points low, low + step, …"""
    density = np.zeros(points)
    reach = math.ceil(SUPPORT_STDS * std.max() / step) if len(std) else 0
    offsets = np.arange(-reach, reach + 1)
    nearest = np.rint((mean - low) / step).astype(int)
    chunk = max(1, MAX_CHUNK_DENSITIES // len(offsets))
    for i in range(0, len(mean), chunk):
        at = nearest[i : i + chunk, None] + offsets
        standardized = (low + at * step - mean[i : i + chunk, None]) / std[i : i + chunk, None]
        heights = np.exp(-0.5 * np.square(standardized)) / std[i : i + chunk, None]
        inside = (at >= 0) & (at < points)
        density += np.bincount(at[inside], heights[inside], minlength=points)
    return density


def _with_midpoints(values: np.ndarray) -> np.ndarray:
    """Values on an even grid with midpoints inserted, by a polynomial of degree 7 through the nearest eight points."""
    padded = np.pad(values, 4)
    doubled = np.empty(2 * len(values))
    doubled[::2] = values
    doubled[1::2] = np.convolve(padded, MIDPOINT_WEIGHTS, mode="valid")[1 : len(values) + 1]
    return doubled


class _Distances(NamedTuple):
    """Distances of marginals from N(0, 1), and the standard error of the KL over images; numbers, or one per unit."""

    kl: Any
    wasserstein: Any
    kolmogorov_smirnov: Any
    kl_error: Any


def _distances(mean: np.ndarray, std: np.ndarray) -> _Distances:
    """Distances of one unit's marginal."""
    grid, q = marginal_density(mean, std)
    if not len(grid):
        return _Distances(*[math.nan] * 4)
    step, log_p = grid[1] - grid[0], scipy.stats.norm.logpdf(grid)
    log_ratio = np.log(np.maximum(q, np.finfo(float).tiny)) - log_p
    kl = scipy.integrate.simpson(q * log_ratio, dx=step)
    # The derivative of the KL by the weight of an image is E log q(z_u) / p(z_u) under its posterior, less the KL.
    at = mean[:, None] + std[:, None] * HERMITE_NODES
    of_images = np.interp(at, grid, log_ratio) @ HERMITE_WEIGHTS
    # The density's integral over the intervals: F, as exact as the density.
    gap = np.concatenate([[0.0], np.cumsum(step * (_windows(q) @ INTEGRATION[:, -1]))]) - scipy.stats.norm.cdf(grid)
    return _Distances(
        kl=max(float(kl), 0.0),
        wasserstein=step * _absolute_integral(gap),
        kolmogorov_smirnov=_absolute_maximum(gap),
        kl_error=float(of_images.std(ddof=1) / math.sqrt(len(mean))),
    )


def _absolute_integral(values: np.ndarray) -> float:
    """∫ |f| over an even grid, in steps."""
    fine = _interpolated(values)
    areas = np.diff(_windows(values) @ INTEGRATION, axis=1, prepend=0.0).ravel()
    left, right = fine[:-1], fine[1:]
    # Where f changes its sign it is taken as linear between two of the fine points.
    crossed = left * right < 0
    left, right = np.abs(left[crossed]), np.abs(right[crossed])
    areas[crossed] = (left**2 + right**2) / (2 * SUBSTEPS * (left + right))
    return float(np.abs(areas).sum())


def _absolute_maximum(values: np.ndarray) -> float:
    """max |f| on an even grid, by a parabola through the three largest of the interpolated points."""
    fine = np.abs(_interpolated(values))
    k = int(np.clip(fine.argmax(), 1, len(fine) - 2))
    below, top, above = fine[k - 1 : k + 2]
    curvature = 2 * top - below - above
    return float(top + ((above - below) ** 2 / (8 * curvature) if curvature > 0 else 0.0))


def _interpolated(values: np.ndarray) -> np.ndarray:
    """Values on an even grid and at `SUBSTEPS` − 1 points in every interval, `((points − 1) · SUBSTEPS + 1,)`."""
    inner = _windows(values) @ INTERPOLATION
    return np.append(values[0], np.where(np.arange(SUBSTEPS) == SUBSTEPS - 1, values[1:, None], inner).ravel())


def _windows(values: np.ndarray) -> np.ndarray:
    """The values around every interval, `(points − 1, nodes)`; 0 beyond the ends."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, (-NODES[0], NODES[-1] - 1)), len(NODES))


def _polynomial_weights() -> tuple[np.ndarray, np.ndarray]:
    """Weights of the values at `NODES` for the polynomial and its integral at 1/SUBSTEPS, 2/SUBSTEPS, … 1."""
    powers = np.arange(len(NODES))
    at = (np.arange(1, SUBSTEPS + 1) / SUBSTEPS)[:, None]
    coefficients = np.linalg.inv(np.vander(NODES.astype(float), increasing=True))  # (powers, nodes)
    return (at**powers @ coefficients).T, (at ** (powers + 1) / (powers + 1) @ coefficients).T


INTERPOLATION, INTEGRATION = _polynomial_weights()


def _moments(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and excess kurtosis of every unit's mixture."""
    center = mean.mean(axis=0)
    deviation = mean - center
    second = (np.square(deviation) + variance).mean(axis=0)
    fourth = (deviation**4 + 6 * np.square(deviation) * variance + 3 * np.square(variance)).mean(axis=0)
    return center, second, fourth / np.square(second) - 3
