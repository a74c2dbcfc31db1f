"""Divergence of the aggregate posterior q(z) = E_x q(z | x) from the prior, and the information I(x; z).

mean KL(q(z | x) ‖ p) = I(x; z) + KL(q(z) ‖ p) (Hoffman & Johnson 2016). The left side is known exactly, so a bound on
one term of the right side implies a bound on the other.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings, kl_per_unit, posterior_draws
from keras_vae.diagnostics.mixture_density import Gaussians, log_sum_exp
from keras_vae.diagnostics.mixture_fit import fit_mixture

DRAWS_PER_POSTERIOR = 2  # their differences give the Monte-Carlo error
MAX_CHUNK_BYTES = 16e6  # log densities of points × components, per thread
THREADS = 2
Z95 = float(stats.norm.ppf(0.975))
SATURATION_MARGIN = 1.0  # nats below ln N within which the information reflects N and not the posteriors
CANDIDATE_COMPONENTS = (1, 5, 10, 20)  # numbers of components of the fitted mixture, chosen by held-out likelihood


class AggregateDivergence(NamedTuple):
    """Bounds on KL(q(z) ‖ N(0, I)) of the population of images, in nats.

    Attributes:
        mean_kl: mean KL(q(z | x) ‖ N(0, I)) over the images, exactly: the sum of information and divergence.
        high: KL(q_N ‖ N(0, I)) of the mixture q_N of the N given posteriors, including the component from which a
            sample was drawn. Its expectation is at least the population's divergence, since KL is convex.
        low: the same without that component. Its expectation is at most the population's divergence (Jensen).
        high_error, low_error: Monte-Carlo standard errors, for these N posteriors.
        high_image_error, low_image_error: standard errors over images: how much the bounds vary with the N images.
        information_low, information_high: bounds on I(x; z), `mean_kl` less the bounds above.
        fitted: E log g(z) − log p(z) of a Gaussian mixture g that was fitted to samples of one half of the images, on
            the other half: a second lower bound, which stays useful where posteriors do not overlap.
        fitted_error: its standard error over the images scored.
        images: N.
        saturated: `information_low` is within 1 nat of ln N, its largest possible value for N images: `high` then
            depends on N more than on q(z), and no conclusion may be drawn from it.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> collapsed = diagnostics.aggregate_divergence(np.zeros((50, 2)), np.zeros((50, 2)))
        >>> collapsed.mean_kl, collapsed.saturated
        (0.0, False)
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
        """The better lower bound (at least 0) and the upper bound, each widened by its 95 % error over images."""
        low = max(self.low - Z95 * self.low_image_error, self.fitted - Z95 * self.fitted_error, 0.0)
        return low, self.high + Z95 * self.high_image_error


def aggregate_divergence(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> AggregateDivergence:
    """Bounds KL(q(z) ‖ N(0, I)) and I(x; z) from the encodings of N images, with two draws from each posterior.

    It computes 2 N² densities as matrix products: 10,000 images of 32 units take seconds on two cores, and 100 MB of
    memory in addition to the codes.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: seed of the draws and the fitted mixtures.

    Raises:
        InputError: unless they are finite encodings of at least two images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean = np.random.default_rng(1).normal(0, np.sqrt(0.7), (1000, 2))
        >>> found = diagnostics.aggregate_divergence(mean, np.full((1000, 2), np.log(0.3)))  # q(z) is the prior
        >>> [round(bound, 2) for bound in found.interval], round(found.mean_kl, 2)
        ([0.0, 0.01], 1.21)
    """
    seed = checks.seed(seed, high=checks.MAX_SKLEARN_SEED)
    mean, log_var = flat_encodings(mean, log_var)
    n, rng = len(mean), stream(seed, Stream.AGGREGATE_POSTERIOR_DRAWS)
    z = posterior_draws(mean, log_var, DRAWS_PER_POSTERIOR, rng)
    kl = kl_per_unit(mean, log_var).sum(axis=1)
    own, others = log_ratios(mean, log_var, z)
    # own − kl has expectation 0 for all posteriors, which makes it a control variate.
    high = _Bound.estimate(np.logaddexp(own, others) - math.log(n), own - kl)
    low = _Bound.estimate(others - math.log(n - 1), own - kl)
    shuffled = rng.permutation(z.reshape(DRAWS_PER_POSTERIOR, n, -1), axis=1)  # images may be sorted by label
    fitted, fitted_error = _fitted_bound(shuffled, seed)
    mean_kl = float(kl.mean())
    return AggregateDivergence(
        mean_kl=mean_kl,
        low=low.value,
        high=high.value,
        low_error=low.error,
        high_error=high.error,
        low_image_error=low.image_error,
        high_image_error=high.image_error,
        information_low=mean_kl - high.value,
        information_high=mean_kl - low.value,
        fitted=fitted,
        fitted_error=fitted_error,
        images=n,
        saturated=bool(mean_kl - high.value > math.log(n) - SATURATION_MARGIN),
    )


def log_ratios(mean: np.ndarray, log_var: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log density ratios of draws: under the image's own posterior, and summed over all other posteriors.

    Args:
        mean, log_var: `(n, units)`.
        z: `(draws · n, units)`, as `posterior_draws` returns them.

    Returns:
        log q(z_i | x_i) / p(z_i), and log Σ_{j ≠ i} q(z_i | x_j) / p(z_i); each `(draws, n)`.
    """
    components, n = Gaussians(mean, log_var, dtype="float64"), len(mean)
    own, others = np.empty(len(z)), np.empty(len(z))
    chunk = max(1, int(MAX_CHUNK_BYTES // (8 * n)))

    def fill(i: int) -> None:
        ratio = components.log_ratio(z[i : i + chunk])
        rows = np.arange(len(ratio))
        itself = (i + rows) % n
        own[i : i + chunk] = ratio[rows, itself]
        ratio[rows, itself] = -np.inf  # removed before the sum: subtracting it afterwards would leave rounding errors
        others[i : i + chunk] = log_sum_exp(ratio)

    # One chunk per core, with one BLAS thread each: most of the time goes to exponentials, where NumPy uses one core.
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, range(0, len(z), chunk)))
    return own.reshape(-1, n), others.reshape(-1, n)


class _Bound(NamedTuple):
    """A mean over images and draws with its Monte-Carlo error and its standard error over images."""

    value: float
    error: float
    image_error: float

    @classmethod
    def estimate(cls, values: np.ndarray, control: np.ndarray) -> "_Bound":
        """Estimates from values `(draws, images)`, with a control variate whose expectation is 0."""
        spread = control.var()
        slope = np.mean((values - values.mean()) * (control - control.mean())) / spread if spread > 0 else 0.0
        adjusted = values - slope * control
        n = adjusted.shape[1]
        within = adjusted.var(axis=0, ddof=1) / len(adjusted)  # variance of each image's mean over its draws
        over_images = adjusted.mean(axis=0).std(ddof=1) / math.sqrt(n)
        return cls(float(adjusted.mean()), float(math.sqrt(within.sum()) / n), float(over_images))


def _fitted_bound(z: np.ndarray, seed: int) -> tuple[float, float]:
    """E log g/p over one half of the images, for a Gaussian mixture g fitted to and selected on the other half.

    Args:
        z: draws `(draws, images, units)`, the images in random order.
        seed: seed of the fits.

    Returns:
        The bound and its standard error over images.
    """
    draws, n, units = z.shape
    half, quarter = n // 2, n // 8
    if half - quarter < 2 or not quarter:
        return -math.inf, 0.0
    first, validation, train = (part.reshape(-1, units) for part in (z[:, :half], z[:, :quarter], z[:, quarter:half]))
    components = max(CANDIDATE_COMPONENTS, key=lambda k: fit_mixture(train, k, seed).score(validation))
    second = z[:, half:].reshape(-1, units)
    ratio = fit_mixture(first, components, seed).score_samples(second) - stats.norm.logpdf(second).sum(axis=1)
    ratio = ratio.reshape(draws, -1).mean(axis=0)
    return float(ratio.mean()), float(ratio.std(ddof=1) / math.sqrt(len(ratio)))
