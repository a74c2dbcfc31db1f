"""Divergence of the aggregate posterior q(z) = E_x q(z | x) from the prior, and the information I(x; z).

mean KL(q(z | x) ‖ p) = I(x; z) + KL(q(z) ‖ p) (Hoffman & Johnson 2016). The left side is known exactly, so a bound on
one term of the right side implies a bound on the other.

N images have N² densities. Of many images, a random set S of C is the mixture q_S, each component with weight 1/C, and
draws from E of these components are evaluated. Both bounds hold for every C and E:

- E KL(q_S ‖ p) ≥ KL(q ‖ p), since KL is convex in its first argument and E q_S = q. A draw from a random component of
  S, evaluated under all of S, is an unbiased estimate of KL(q_S ‖ p).
- A component x of S and the others, S∖x, are independent, so for z ~ q(z | x), by Jensen's inequality,
  E log q_{S∖x}(z) / p(z) ≤ E log q(z) / p(z) = KL(q ‖ p).

With `mean_kl` they are the bounds on I(x; z) of Poole et al. (2019) for a known q(z | x). A larger C narrows them: the
first bound on I(x; z) is at most ln C. A smaller E only adds to their standard errors. (A weight of 1/N for the own
component, as in the stratified estimator of Chen et al. 2018, appendix C, estimates KL(q_N ‖ p) from below, which
bounds KL(q ‖ p) in neither direction.)

All densities are computed relative to N(0, I). For a learned prior p, log N(z; 0, I) − log p(z) is added to each draw's
log ratio; `mean_kl` is then the mean over the draws, regressed on the KL from N(0, I), and has a standard error.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings, kl_per_image, posterior_draws, random_images
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture, check_prior
from keras_vae.diagnostics.mixture_density import Gaussians, log_sum_exp
from keras_vae.diagnostics.mixture_fit import fit_mixture

DRAWS_PER_POSTERIOR = 2  # their differences give the Monte-Carlo error
MAX_COMPONENTS = 2**19  # images in the mixture
MAX_DRAWN_IMAGES = 10_000  # images whose posteriors are sampled
MAX_DENSITIES = 2**31  # draws × components; of many components, draws of fewer images are evaluated
MAX_BLOCK_COMPONENTS = 10_000  # components whose densities are computed at a time
MAX_CHUNK_BYTES = 16e6  # log densities of points × components, per thread
THREADS = 2
Z95 = 1.959963984540054  # scipy.stats.norm.ppf(0.975); computing it would load scipy.stats with this module
MIXTURE_SHARE = 0.7  # share of the work that is the mixture's densities; the rest is the fits
SATURATION_MARGIN = 1.0  # nats below ln N within which the information reflects N and not the posteriors
CANDIDATE_COMPONENTS = (1, 5, 10, 20)  # numbers of components of the fitted mixture, chosen by held-out likelihood


class AggregateDivergence(NamedTuple):
    """Bounds on KL(q(z) ‖ p) of the population of images from the prior p, N(0, I) or a learned one, in nats.

    Attributes:
        mean_kl: mean KL(q(z | x) ‖ p) over the images, the sum of information and divergence: exactly for N(0, I), by
            draws for a learned prior.
        high: KL(q_S ‖ p) of the mixture q_S of the posteriors of `images` images, including the component from
            which a sample was drawn. Its expectation is at least the population's divergence, since KL is convex.
        low: the same without that component. Its expectation is at most the population's divergence (Jensen).
        high_error, low_error: Monte-Carlo standard errors, for these posteriors, including that of the choice of the
            `evaluated` images.
        high_image_error, low_image_error: standard errors over images: how much the bounds vary with the given images
            and with the choice of the `evaluated` ones.
        information_low, information_high: bounds on I(x; z), `mean_kl` less the bounds above.
        fitted: E log g(z) − log p(z) of a Gaussian mixture g that was fitted to samples of one half of the images, on
            the other half: a second lower bound, which stays useful where posteriors do not overlap.
        fitted_error: its standard error over the images scored.
        images: number of images C in the mixture: all, or a random 524,288 of more.
        saturated: `information_low` is within 1 nat of ln C, its largest possible value for C images: `high` then
            depends on C more than on q(z), and no conclusion may be drawn from it.
        evaluated: number of images whose draws were evaluated for `low` and `high`: all of up to 10,000 images, 10,000
            of up to 107,374, and at least 2,048 of more.
        fitted_images: number of images whose draws were used for `fitted`: all, or a random 10,000 of more.
        mean_kl_error: Monte-Carlo standard error of `mean_kl`; 0 for N(0, I).

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
    evaluated: int
    fitted_images: int
    mean_kl_error: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The better lower bound and the upper bound, each widened by its 95 % error over images, within [0, mean KL].

        KL(q(z) ‖ p) = mean KL − I(x; z) and I(x; z) ≥ 0. An end at `mean_kl` has the error of the mean over the given
        images, which is not added. The lower end never exceeds the upper one: where the bounds cross, by their errors,
        the interval lies between them, and where the estimate of `mean_kl` is below 0, it is [0, 0].
        """
        largest = max(self.mean_kl, 0.0)
        low = max(self.low - Z95 * self.low_image_error, self.fitted - Z95 * self.fitted_error, 0.0)
        high = max(self.high + Z95 * self.high_image_error, 0.0)
        low, high = sorted(min(end, largest) for end in (low, high))
        return low, high


def aggregate_divergence(
    mean: np.ndarray,
    log_var: np.ndarray,
    seed: int = 0,
    progress: Callable[[float], None] = lambda share: None,
    prior: GaussianMixture | None = None,
) -> AggregateDivergence:
    """Bounds KL(q(z) ‖ p) and I(x; z) from the encodings of N images, with two draws from each posterior.

    It computes 2 N² densities as matrix products: 10,000 images of 32 units take seconds on two cores, and 100 MB of
    memory in addition to the codes. Of more than 10,000 images the draws of a random subset are evaluated, at most 2³¹
    densities; the module's docstring says why both bounds hold for subsets. The errors include the choice of the
    subset, and are reduced by regression on KL(q(z | x) ‖ N(0, I)), which is known for all images (Cochran 1977).

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: seed of the draws, subsets and fitted mixtures.
        progress: called with the share of the work that is done, in [0, 1].
        prior: p, a learned prior of as many units; None for N(0, I).

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
    return aggregate_divergences(mean, log_var, [prior], seed, progress)[0]


def aggregate_divergences(
    mean: np.ndarray,
    log_var: np.ndarray,
    priors: Sequence[GaussianMixture | None],
    seed: int = 0,
    progress: Callable[[float], None] = lambda share: None,
) -> list[AggregateDivergence]:
    """`aggregate_divergence` from each of several priors, by the same draws, at little more than the cost of one."""
    seed = checks.seed(seed, high=checks.MAX_SKLEARN_SEED)
    checks.function("progress", progress)
    mean, log_var = flat_encodings(mean, log_var)
    for prior in priors:
        check_prior(prior, mean.shape[1])
    rng, image_rng = stream(seed, Stream.AGGREGATE_POSTERIOR_DRAWS), stream(seed, Stream.AGGREGATE_POSTERIOR_IMAGES)
    all_kl = kl = kl_per_image(mean, log_var)
    if len(mean) > MAX_COMPONENTS:
        components = random_images(len(mean), MAX_COMPONENTS, image_rng)
        mean, log_var, kl = mean[components], log_var[components], all_kl[components]
    drawn = random_images(len(mean), MAX_DRAWN_IMAGES, image_rng)
    z = posterior_draws(mean[drawn], log_var[drawn], DRAWS_PER_POSTERIOR, rng)
    z = z.reshape(DRAWS_PER_POSTERIOR, len(drawn), -1)
    under_mixture = _under_mixture(mean, log_var, z, drawn, progress)
    fitted_to = _fitted(rng.permutation(z, axis=1), seed)  # images may be sorted by label
    progress(1.0)
    return [_divergence(under_mixture, fitted_to, kl, all_kl, prior) for prior in priors]


def log_ratios(
    mean: np.ndarray,
    log_var: np.ndarray,
    z: np.ndarray,
    images: np.ndarray | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Log density ratios of draws: under the image's own posterior, and summed over all other posteriors.

    Args:
        mean, log_var: `(n, units)`.
        z: `(draws · m, units)`, the draws of m images as `posterior_draws` returns them.
        images: `(m,)` indices of the images from whose posteriors z was drawn; all n in their order by default.
        progress: called with the share of the work that is done, in [0, 1].

    Returns:
        log q(z_i | x_i) / p(z_i), and log Σ_{j ≠ i} q(z_i | x_j) / p(z_i); each `(draws, m)`.
    """
    n = len(mean)
    images = np.arange(n) if images is None else images
    own, others = np.empty(len(z)), np.full(len(z), -np.inf)
    # Blocks of about equal size, since each must hold another component than the own one.
    edges = np.linspace(0, n, math.ceil(n / MAX_BLOCK_COMPONENTS) + 1).astype(int)
    chunk = max(1, int(MAX_CHUNK_BYTES // (8 * np.diff(edges).max())))

    def fill(components: Gaussians, start: int, i: int) -> None:
        ratio = components.log_ratio(z[i : i + chunk])
        itself = images[np.arange(i, i + len(ratio)) % len(images)] - start
        rows = np.flatnonzero((itself >= 0) & (itself < len(components)))
        own[i + rows] = ratio[rows, itself[rows]]
        ratio[rows, itself[rows]] = -np.inf  # removed before the sum: subtracting it later would leave rounding errors
        others[i : i + chunk] = np.logaddexp(others[i : i + chunk], log_sum_exp(ratio))

    # One chunk per core, with one BLAS thread each: most of the time goes to exponentials, where NumPy uses one core.
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        for start, end in itertools.pairwise(edges):
            components = Gaussians(mean[start:end], log_var[start:end], dtype="float64")
            list(pool.map(partial(fill, components, start), range(0, len(z), chunk)))
            progress(end / n)
    return own.reshape(-1, len(images)), others.reshape(-1, len(images))


class _Bound(NamedTuple):
    """A mean over images and draws with its Monte-Carlo error and its standard error over images."""

    value: float
    error: float
    image_error: float

    @classmethod
    def estimate(cls, values: np.ndarray, control: np.ndarray, kl: np.ndarray, all_kl: np.ndarray) -> "_Bound":
        """Estimates the mean over all N images from values of n of them.

        A subset is corrected by regression on the KL, whose mean over all images is known (Cochran 1977, section 12.6):
        the part R² of the variance that the KL explains is divided by N, the rest by n. Where all images have values,
        the correction is 0.

        Args:
            values: `(draws, n)`.
            control: a control variate of that shape whose expectation is 0.
            kl: `(n,)`, of the images that have values.
            all_kl: `(N,)`.
        """
        adjusted = values - _slope(values, control) * control
        by_image = adjusted.mean(axis=0)
        n, share = len(kl), len(kl) / len(all_kl)
        slope = _slope(by_image, kl)
        variance = by_image.var(ddof=1)
        explained = min(1.0, slope**2 * kl.var(ddof=1) / variance) if variance > 0 else 0.0
        within = adjusted.var(axis=0, ddof=1) / len(adjusted)  # variance of each image's mean over its draws
        between = (1 - share) * (1 - explained) * n * variance
        return cls(
            value=float(adjusted.mean() - slope * (kl.mean() - all_kl.mean())),
            error=float(math.sqrt(share * within.sum() + between) / n),
            image_error=float(by_image.std(ddof=1) / math.sqrt(n) * math.sqrt(1 - explained * (1 - share))),
        )


class _Draws(NamedTuple):
    """Draws from the posteriors of m images, with log density ratios relative to N(0, I), each `(draws, m)`.

    Attributes:
        z: `(draws, m, units)`.
        images: indices of the images among the n components of the mixture, `(m,)`.
        own: log q(z | x) of the own posterior.
        low, high: log densities of the mixture without and with the own posterior.
        components: n.
    """

    z: np.ndarray
    images: np.ndarray
    own: np.ndarray
    low: np.ndarray
    high: np.ndarray
    components: int


def _under_mixture(
    mean: np.ndarray, log_var: np.ndarray, z: np.ndarray, drawn: np.ndarray, progress: Callable[[float], None]
) -> _Draws:
    """The mixture of the posteriors of n images at draws of as many of them as the cost allows.

    Args:
        mean, log_var: `(n, units)`, the components.
        z: `(draws, m, units)`, draws from the posteriors of m images.
        drawn: `(m,)`, the indices of these images.
        progress: called with the share of all work that is done, up to `MIXTURE_SHARE`.
    """
    n = len(mean)
    images = drawn[: max(2, MAX_DENSITIES // (DRAWS_PER_POSTERIOR * n))]
    points = z[:, : len(images)].reshape(-1, mean.shape[1])
    own, others = log_ratios(mean, log_var, points, images, lambda share: progress(MIXTURE_SHARE * share))
    low, high = others - math.log(n - 1), np.logaddexp(own, others) - math.log(n)
    return _Draws(z[:, : len(images)], images, own, low, high, n)


def _divergence(
    draws: _Draws, fitted_to: "_Fitted", kl: np.ndarray, all_kl: np.ndarray, prior: GaussianMixture | None
) -> AggregateDivergence:
    """The divergence from a prior.

    Args:
        draws, fitted_to: log density ratios relative to N(0, I).
        kl: `(n,)`, KL(q(z | x) ‖ N(0, I)) of the components.
        all_kl: `(N,)`, that of all given images.
        prior: a learned prior; None for N(0, I).
    """
    # own − kl has expectation 0 for all posteriors, which makes it a control variate.
    kl = kl[draws.images]
    control = draws.own - kl
    offset = 0.0 if prior is None else -_log_ratio(prior, draws.z)  # log N(z; 0, I) − log p(z)
    low, high = (_Bound.estimate(values + offset, control, kl, all_kl) for values in (draws.low, draws.high))
    mean_kl = _Bound(float(all_kl.mean()), 0.0, 0.0)
    if prior is not None:
        mean_kl = _Bound.estimate(draws.own + offset, control, kl, all_kl)
    fitted, fitted_error = fitted_to.bound(prior)
    return AggregateDivergence(
        mean_kl=mean_kl.value,
        low=low.value,
        high=high.value,
        low_error=low.error,
        high_error=high.error,
        low_image_error=low.image_error,
        high_image_error=high.image_error,
        information_low=mean_kl.value - high.value,
        information_high=mean_kl.value - low.value,
        fitted=fitted,
        fitted_error=fitted_error,
        images=draws.components,
        saturated=bool(mean_kl.value - high.value > math.log(draws.components) - SATURATION_MARGIN),
        evaluated=len(draws.images),
        fitted_images=fitted_to.images,
        mean_kl_error=mean_kl.error,
    )


def _log_ratio(prior: GaussianMixture, z: np.ndarray) -> np.ndarray:
    """log p(z) − log N(z; 0, I) of points `(draws, m, units)`, `(draws, m)`."""
    return prior.log_ratio(z.reshape(-1, z.shape[-1])).reshape(z.shape[:-1])


def _slope(values: np.ndarray, regressor: np.ndarray) -> float:
    """Slope of the regression of values on a regressor of the same shape; 0 for a constant one."""
    spread = regressor.var()
    if spread == 0:
        return 0.0
    return float(np.mean((values - values.mean()) * (regressor - regressor.mean())) / spread)


class _Fitted(NamedTuple):
    """A Gaussian mixture g that was fitted to the draws of one half of the images, at the draws of the other half.

    Attributes:
        z: the draws of the other half, `(draws, images of the half, units)`; empty for too few images.
        log_ratio: log g(z) − log N(z; 0, I), `(draws, images of the half)`.
        images: number of images of both halves.
    """

    z: np.ndarray
    log_ratio: np.ndarray
    images: int

    def bound(self, prior: GaussianMixture | None) -> tuple[float, float]:
        """E log g/p over the other half, and its standard error over images."""
        if not self.log_ratio.size:
            return -math.inf, 0.0
        ratio = self.log_ratio if prior is None else self.log_ratio - _log_ratio(prior, self.z)
        ratio = ratio.mean(axis=0)
        return float(ratio.mean()), float(ratio.std(ddof=1) / math.sqrt(len(ratio)))


def _fitted(z: np.ndarray, seed: int) -> _Fitted:
    """Fits and selects a mixture on one half of the images and evaluates it on the other.

    Args:
        z: draws `(draws, images, units)`, the images in random order.
        seed: seed of the fits.
    """
    draws, n, units = z.shape
    half, quarter = n // 2, n // 8
    if half - quarter < 2 or not quarter:
        return _Fitted(np.empty((draws, 0, units)), np.empty((draws, 0)), n)
    first, validation, train = (part.reshape(-1, units) for part in (z[:, :half], z[:, :quarter], z[:, quarter:half]))
    components = max(CANDIDATE_COMPONENTS, key=lambda k: fit_mixture(train, k, seed).score(validation))
    second = z[:, half:].reshape(-1, units)
    ratio = fit_mixture(first, components, seed).score_samples(second) - scipy.stats.norm.logpdf(second).sum(axis=1)
    return _Fitted(z[:, half:], ratio.reshape(draws, -1), n)
