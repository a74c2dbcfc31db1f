"""How far the aggregate posterior q(z) = E_x q(z | x) is from the prior, and how much z says about the image.

mean KL(q(z | x) ‖ p) = I(x; z) + KL(q(z) ‖ p) (Hoffman & Johnson 2016): the first is known exactly, and what is known
of one of the other two is known of both.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from keras_vae.diagnostics.encodings import flat_encodings, posterior_draws, posterior_kl, stream
from keras_vae.diagnostics.fitted import fit_mixture
from keras_vae.diagnostics.mixture import Gaussians, log_sum_exp

DRAWS = 2  # of each posterior: what they differ by is the Monte-Carlo error
CHUNK = 16e6  # bytes of log densities, points × components, that a thread holds at once
THREADS = 2
Z95 = float(stats.norm.ppf(0.975))
NEAR = 1.0  # nats from ln N within which the information can't be told from "every image is known"
COMPONENTS = (1, 5, 10, 20)  # of the Gaussian mixtures that are tried as a lower bound


class AggregateDivergence(NamedTuple):
    """KL(q(z) ‖ N(0, I)) of the population of images, between two ends; nats.

    Attributes:
        mean_kl: mean KL(q(z | x) ‖ N(0, I)) over the images, exactly: the sum of information and divergence.
        high: KL(q_N ‖ N(0, I)) of the mixture q_N of the N posteriors at hand, which counts the component that a
            sample was drawn from. No less than the population's on average, since KL is convex.
        low: the same with that component left out. No more than the population's on average (Jensen).
        high_error, low_error: Monte-Carlo standard errors: of what was drawn from these N posteriors.
        high_image_error, low_image_error: standard errors over images: how far another N would take either end.
        information_low, information_high: of I(x; z), `mean_kl` less the other two ends.
        fitted: E log g(z) − log p(z), of a Gaussian mixture g that was fitted to samples of one half of the images, on
            the other half: a lower bound of its own kind, which does not fall apart where posteriors don't meet.
        fitted_error: its standard error over the images scored.
        images: N.
        saturated: `information_low` is within 1 nat of ln N, which is the most that N images can show: `high` then says
            more of N than of q(z), and no verdict may rest on it.
    """

    mean_kl: float
    low: float
    high: float
    low_error: float
    high_error: float
    low_image_error: float
    high_image_error: float
    information_low: float
    information_high: float
    fitted: float
    fitted_error: float
    images: int
    saturated: bool

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends with their 95 % errors over images; the lower one is the better of two lower bounds, at least 0."""
        low = max(self.low - Z95 * self.low_image_error, self.fitted - Z95 * self.fitted_error, 0.0)
        return low, self.high + Z95 * self.high_image_error


def aggregate_divergence(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> AggregateDivergence:
    """Brackets KL(q(z) ‖ N(0, I)) and I(x; z) from encodings of N images, with two draws from each posterior.

    2 N² densities, as matrix products: 10,000 images of 32 units take seconds on two cores, 100 MB beside the codes.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: of the draws and the fitted mixtures.

    Raises:
        InputError: unless they are finite encodings of at least two images.
    """
    mean, log_var = flat_encodings(mean, log_var)
    n, rng = len(mean), stream(seed, 1)
    z = posterior_draws(mean, log_var, DRAWS, rng)
    kl = posterior_kl(mean, log_var).sum(axis=1)
    own, others = log_ratios(mean, log_var, z)
    # own − kl has mean 0 whatever the posteriors are: what it strays by in these draws is taken off.
    high = _Ends.of(np.logaddexp(own, others) - math.log(n), own - kl)
    low = _Ends.of(others - math.log(n - 1), own - kl)
    in_no_order = rng.permutation(z.reshape(DRAWS, n, -1), axis=1)  # images may come sorted by their labels
    fitted, fitted_error = _fitted_bound(in_no_order, seed)
    mean_kl = float(kl.mean())
    information = mean_kl - high.value
    return AggregateDivergence(
        mean_kl=mean_kl,
        low=low.value,
        high=high.value,
        low_error=low.error,
        high_error=high.error,
        low_image_error=low.image_error,
        high_image_error=high.image_error,
        information_low=information,
        information_high=mean_kl - low.value,
        fitted=fitted,
        fitted_error=fitted_error,
        images=n,
        saturated=bool(information > math.log(n) - NEAR),
    )


def log_ratios(mean: np.ndarray, log_var: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log q(z_i | x_i) / p(z_i), and log Σ over all other images of q(z_i | x_j) / p(z_i); each `(draws, n)`."""
    components, n = Gaussians(mean, log_var, dtype="float64"), len(mean)
    own, others = np.empty(len(z)), np.empty(len(z))
    at_once = max(1, int(CHUNK // (8 * n)))

    def fill(i: int) -> None:
        ratio = components.log_ratio(z[i : i + at_once])
        rows = np.arange(len(ratio))
        itself = (i + rows) % n
        own[i : i + at_once] = ratio[rows, itself]
        ratio[rows, itself] = -np.inf  # taken out before the sum: after it, rounding would be left
        others[i : i + at_once] = log_sum_exp(ratio)

    # A part a core, each with one thread: most of the time is taken by exponentials, which NumPy takes one by one.
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, range(0, len(z), at_once)))
    return own.reshape(-1, n), others.reshape(-1, n)


class _Ends(NamedTuple):
    """A mean over images and draws with its two standard errors."""

    value: float
    error: float
    image_error: float

    @classmethod
    def of(cls, values: np.ndarray, control: np.ndarray) -> "_Ends":
        """Of `(draws, images)`, with a control variate whose mean is known to be 0."""
        spread = control.var()
        slope = np.mean((values - values.mean()) * (control - control.mean())) / spread if spread > 0 else 0.0
        adjusted = values - slope * control
        n = adjusted.shape[1]
        within = adjusted.var(axis=0, ddof=1) / len(adjusted)  # of each image's mean over its draws
        over_images = adjusted.mean(axis=0).std(ddof=1) / math.sqrt(n)
        return cls(float(adjusted.mean()), float(math.sqrt(within.sum()) / n), float(over_images))


def _fitted_bound(z: np.ndarray, seed: int) -> tuple[float, float]:
    """E log g/p over one half of the images, of a Gaussian mixture g that was fitted to and chosen on the other.

    Args:
        z: draws `(draws, images, units)`, the images in no order.
        seed: of the fits.
    """
    draws, n, units = z.shape
    half, quarter = n // 2, n // 8
    if half - quarter < 2 or not quarter:
        return -math.inf, 0.0
    first, chosen_on, known = (part.reshape(-1, units) for part in (z[:, :half], z[:, :quarter], z[:, quarter:half]))
    components = max(COMPONENTS, key=lambda k: fit_mixture(known, k, seed).score(chosen_on))
    second = z[:, half:].reshape(-1, units)
    ratio = fit_mixture(first, components, seed).score_samples(second) - stats.norm.logpdf(second).sum(axis=1)
    ratio = ratio.reshape(draws, -1).mean(axis=0)
    return float(ratio.mean()), float(ratio.std(ddof=1) / math.sqrt(len(ratio)))
