"""Each unit of the aggregate posterior beside N(0, 1): its marginal is a mixture in one dimension, known exactly."""

import math
from typing import NamedTuple

import numpy as np
from scipy import integrate, stats

from keras_vae.diagnostics.encodings import flat_encodings

WIDTH = 8.0  # standard deviations to either side that a component is looked at
STEPS = 4  # of the grid in the smallest standard deviation
FINER = 2  # octaves, of the grid of wider components: 16 steps in the smallest standard deviation
HALFWAY = np.array([-5, 49, -245, 1225, 1225, -245, 49, -5]) / 2048  # weights of the nearest eight
MOST_POINTS = 2**19  # of a grid: finer ones are not laid
CHUNK = 2**22  # densities that are computed at once


class Marginals(NamedTuple):
    """Per unit, of the marginal q(z_u) of the aggregate posterior against N(0, 1); each `(units,)`.

    All are of the mixture over the images at hand. NaN where a posterior is too narrow for a grid: below some
    10⁻⁵ of the marginal's width.

    Attributes:
        kl: KL(q(z_u) ‖ N(0, 1)), nats.
        wasserstein: the Wasserstein-1 distance, ∫ |F − Φ|.
        kolmogorov_smirnov: max |F − Φ|. No p-value belongs to it: images are no sample of a mixture that is known.
        mean, variance: of z_u.
        kurtosis: excess kurtosis of z_u (of z, not of the means): 0 for a Gaussian.
    """

    kl: np.ndarray
    wasserstein: np.ndarray
    kolmogorov_smirnov: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    kurtosis: np.ndarray


def marginals(mean: np.ndarray, log_var: np.ndarray) -> Marginals:
    """Compares every unit's marginal with N(0, 1), by quadrature on a grid of a quarter of the smallest σ.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.

    Raises:
        InputError: unless they are finite encodings of at least two images.
    """
    mean, log_var = flat_encodings(mean, log_var)
    rows = [_compared(m, np.exp(0.5 * v)) for m, v in zip(mean.T, log_var.T, strict=True)]
    return Marginals(*np.array(rows).T.reshape(3, -1), *_moments(mean, np.exp(log_var)))


def marginal_density(mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mixture of N(mean, std²) on an even grid that resolves and holds all of it and N(0, 1).

    Args:
        mean, std: of the components, `(n,)`.

    Returns:
        The grid's points and the density there; both empty where the grid would be too fine.
    """
    low = min((mean - WIDTH * std).min(), -WIDTH)
    high = max((mean + WIDTH * std).max(), WIDTH)
    points = math.ceil((high - low) / (min(std.min(), 1.0) / STEPS)) + 1
    if points > MOST_POINTS:
        return np.empty(0), np.empty(0)
    grid, step = np.linspace(low, high, points, retstep=True)
    # Components of an octave of widths need a window of their own width, on a grid of their own fineness.
    octaves = np.maximum(np.floor(np.log2(std / std.min())).astype(int) - FINER, 0)
    density = np.zeros(0)
    for octave in range(octaves.max(), -1, -1):
        here = octaves == octave
        laid = _sum_of_gaussians(low, step * 2**octave, math.ceil((points - 1) / 2**octave) + 1, mean[here], std[here])
        density = laid if not len(density) else laid + _between(density)[: len(laid)]
    return grid, np.maximum(density, 0.0) / (len(mean) * math.sqrt(2 * math.pi))


def _sum_of_gaussians(low: float, step: float, points: int, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Σ exp(−½ ((z − mean) / std)²) / std at the points low, low + step, …"""
    density = np.zeros(points)
    reach = math.ceil(WIDTH * std.max() / step) if len(std) else 0
    offsets = np.arange(-reach, reach + 1)
    nearest = np.rint((mean - low) / step).astype(int)
    at_once = max(1, CHUNK // len(offsets))
    for i in range(0, len(mean), at_once):
        at = nearest[i : i + at_once, None] + offsets
        away = (low + at * step - mean[i : i + at_once, None]) / std[i : i + at_once, None]
        heights = np.exp(-0.5 * np.square(away)) / std[i : i + at_once, None]
        inside = (at >= 0) & (at < points)
        density += np.bincount(at[inside], heights[inside], minlength=points)
    return density


def _between(values: np.ndarray) -> np.ndarray:
    """Values on an even grid, and half-way between them by a polynomial of degree 7 through the nearest eight."""
    padded = np.pad(values, 4)
    doubled = np.empty(2 * len(values))
    doubled[::2] = values
    doubled[1::2] = np.convolve(padded, HALFWAY, mode="valid")[1 : len(values) + 1]
    return doubled


def _compared(mean: np.ndarray, std: np.ndarray) -> tuple[float, float, float]:
    grid, q = marginal_density(mean, std)
    if not len(grid):
        return math.nan, math.nan, math.nan
    step, log_p = grid[1] - grid[0], stats.norm.logpdf(grid)
    log_ratio = np.log(np.maximum(q, np.finfo(float).tiny)) - log_p
    kl = integrate.simpson(q * log_ratio, dx=step)
    gap = np.abs(integrate.cumulative_simpson(q, dx=step, initial=0.0) - stats.norm.cdf(grid))
    return max(float(kl), 0.0), float(integrate.simpson(gap, dx=step)), float(gap.max())


def _moments(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    center = mean.mean(axis=0)
    away = mean - center
    second = (np.square(away) + variance).mean(axis=0)
    fourth = (away**4 + 6 * np.square(away) * variance + 3 * np.square(variance)).mean(axis=0)
    return center, second, fourth / np.square(second) - 3
