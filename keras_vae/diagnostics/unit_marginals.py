"""Marginals of the aggregate posterior for each unit, as exact one-dimensional mixtures, compared with N(0, 1)."""

import math
from typing import NamedTuple

import numpy as np
from scipy import integrate, stats

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import flat_encodings

SUPPORT_STDS = 8.0  # standard deviations to either side of its mean within which a component is evaluated
MIN_STD, MAX_STD = 1e-18, 1e18  # a wider range than that of log variances
STEPS_PER_STD = 4  # grid steps in the smallest standard deviation
OCTAVES_FINER = 2  # wider components have 2² times as many steps: 16 in a standard deviation
MIDPOINT_WEIGHTS = np.array([-5, 49, -245, 1225, 1225, -245, 49, -5]) / 2048  # of the eight nearest grid points
MAX_GRID_POINTS = 2**19  # where a finer grid would be necessary, the result is NaN
MAX_CHUNK_DENSITIES = 2**22  # densities that are computed at once


class Marginals(NamedTuple):
    """The marginal q(z_u) of every unit, compared with N(0, 1); each array `(units,)`.

    All values are of the mixture over the given images. NaN where a posterior is too narrow for the grid, below about
    10⁻⁵ of the marginal's width.

    Attributes:
        kl: KL(q(z_u) ‖ N(0, 1)), nats.
        wasserstein: the Wasserstein-1 distance, ∫ |F − Φ|.
        kolmogorov_smirnov: max |F − Φ|. It has no p-value: the mixture is known, and images are not a sample of it.
        mean, variance: mean and variance of z_u.
        kurtosis: excess kurtosis of z_u (of z, not of the means): 0 for a Gaussian.

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


def marginals(mean: np.ndarray, log_var: np.ndarray) -> Marginals:
    """Compares every unit's marginal with N(0, 1), by quadrature on a grid with steps of a quarter of the smallest σ.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.

    Raises:
        InputError: unless they are finite encodings of at least two images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.marginals(np.full((2, 1), 1.5), np.zeros((2, 1)))  # N(1.5, 1)
        >>> found.kl.round(3).tolist(), found.wasserstein.round(3).tolist()
        ([1.125], [1.5])
    """
    mean, log_var = flat_encodings(mean, log_var)
    rows = [_distances(m, np.exp(0.5 * v)) for m, v in zip(mean.T, log_var.T, strict=True)]
    kl, wasserstein, kolmogorov_smirnov = np.array(rows).T.reshape(3, -1)
    return Marginals(kl, wasserstein, kolmogorov_smirnov, *_moments(mean, np.exp(log_var)))


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


def _distances(mean: np.ndarray, std: np.ndarray) -> tuple[float, float, float]:
    """KL, Wasserstein-1 and Kolmogorov-Smirnov distance of one unit's marginal from N(0, 1)."""
    grid, q = marginal_density(mean, std)
    if not len(grid):
        return math.nan, math.nan, math.nan
    step, log_p = grid[1] - grid[0], stats.norm.logpdf(grid)
    log_ratio = np.log(np.maximum(q, np.finfo(float).tiny)) - log_p
    kl = integrate.simpson(q * log_ratio, dx=step)
    gap = np.abs(integrate.cumulative_simpson(q, dx=step, initial=0.0) - stats.norm.cdf(grid))
    return max(float(kl), 0.0), float(integrate.simpson(gap, dx=step)), float(gap.max())


def _moments(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and excess kurtosis of every unit's mixture."""
    center = mean.mean(axis=0)
    deviation = mean - center
    second = (np.square(deviation) + variance).mean(axis=0)
    fourth = (deviation**4 + 6 * np.square(deviation) * variance + 3 * np.square(variance)).mean(axis=0)
    return center, second, fourth / np.square(second) - 3
