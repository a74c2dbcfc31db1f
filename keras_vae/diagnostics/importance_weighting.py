"""Importance-weighted estimates of log p(x), with diagnostics of their reliability."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture, check_prior

UNRELIABLE_PARETO_K = 0.7  # above it, the mean of the weights converges too slowly to be usable (Vehtari et al. 2024)
INFINITE_VARIANCE_PARETO_K = 0.5
MIN_PARETO_SAMPLES = 25  # per image
MAX_PROPORTIONAL_TAIL_SAMPLES = 225  # up to here the tail holds a fifth of the samples
EQUAL_WEIGHTS_RANGE = 1e-9  # nats between the largest and the smallest log weight


class Evidence(NamedTuple):
    """log p̂_K(x) of n images, nats per image.

    Attributes:
        value: mean over images of log p̂_K: on average below log p(x), and closer to it for larger K (Burda et al.
            2016).
        error: Monte-Carlo standard error of `value` as an estimate of E log p̂_K, not of log p(x).
        bias: estimate of E log p̂_K − log p(x), −Var(w) / (2K w̄²), mean over images (delta method): accurate if it is
            small.
        image_error: standard error over images: how much `value` varies with the choice of images.
        samples: K.
        curve: by number of samples k, the mean over images and over all disjoint sets of k samples.
        effective: median over images of the effective sample size, (Σw)² / Σw².
        pareto_k: per image, the shape of the generalised Pareto distribution of the largest weights.
        infinite_variance: share of images with k̂ > 0.5, whose weights may have infinite variance; `error` and `bias`
            then have no meaning.
        unreliable: share of images with k̂ > 0.7. Both shares are None for fewer than 25 samples.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.importance_weighted_evidence(np.full((5, 100), -3.0))  # an exact posterior
        >>> round(found.effective), found.unreliable
        (100, 0.0)
    """

    value: float
    error: float
    bias: float
    image_error: float
    samples: int
    curve: dict[int, float]
    effective: float
    pareto_k: np.ndarray
    infinite_variance: float | None
    unreliable: float | None


def importance_log_weights(
    log_likelihood: Callable[[np.ndarray, np.ndarray], np.ndarray],
    mean: np.ndarray,
    log_var: np.ndarray,
    samples: int,
    seed: int = 0,
    batch_size: int = 10_000,
    prior: GaussianMixture | None = None,
) -> np.ndarray:
    """log p(x, z)/q(z | x) of exactly `samples` draws from each image's posterior.

    The draws depend on the seed and the image alone, not on `batch_size`.

    Args:
        log_likelihood: function of indices of images `(m,)` and points `(m, units…)` that returns log p(x | z) in nats,
            `(m,)`.
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        samples: number of draws K per image, at least 1.
        seed: seed of the draws.
        batch_size: pairs of image and point that are computed at once.
        prior: p(z), a learned prior of as many units; None for N(0, I).

    Returns:
        `(n, samples)` float64.

    Raises:
        InputError: unless they are finite encodings of at least two images, `samples` is at least 1, and the function
            returns a finite number for each pair.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> no_data = lambda images, z: np.zeros(len(images))  # the posterior is the prior: all weights are 1
        >>> diagnostics.importance_log_weights(no_data, np.zeros((2, 3)), np.zeros((2, 3)), samples=4).tolist()
        [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    checks.function("log_likelihood", log_likelihood)
    samples, batch_size = checks.whole("samples", samples), checks.whole("batch_size", batch_size)
    seed = checks.seed(seed)
    flat, log_var = flat_encodings(mean, log_var)
    unit_shape, mean = np.shape(mean)[1:], flat
    n, units = mean.shape
    check_prior(prior, units)
    checks.allocation("samples", samples, n, samples)
    weights = np.empty((n, samples))
    batch_images, batch_samples = max(1, batch_size // samples), min(samples, batch_size)
    for i in range(0, n, batch_images):
        images = np.arange(i, min(i + batch_images, n))
        generators = [stream(seed, Stream.IMPORTANCE_WEIGHTS, int(image)) for image in images]
        for k in range(0, samples, batch_samples):
            drawn = min(batch_samples, samples - k)
            noise = np.stack([generator.standard_normal((drawn, units)) for generator in generators])
            z, log_ratio = _draw(mean[images], log_var[images], noise)
            if prior is not None:
                log_ratio = log_ratio + prior.log_ratio(z.reshape(-1, units)).reshape(log_ratio.shape)
            points = z.reshape(-1, *unit_shape).astype("float32")
            log_p = log_likelihood(np.repeat(images, drawn), points)
            log_p = checks.array("log_likelihood", log_p, (len(points),))
            weights[i : i + len(images), k : k + drawn] = log_p.reshape(len(images), drawn) + log_ratio
    return weights


def _draw(mean: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws z `(images, samples, units)` and their log N(z; 0, I)/q(z | x) `(images, samples)`, from standard noise."""
    z = mean[:, None] + np.exp(0.5 * log_var[:, None]) * noise
    # The constants of both densities cancel.
    return z, 0.5 * (np.square(noise) - np.square(z)).sum(axis=2) + 0.5 * log_var.sum(axis=1)[:, None]


def importance_weighted_evidence(log_weights: np.ndarray) -> Evidence:
    """Estimates log p(x) from importance weights, with its errors and the diagnostics of the weights.

    Args:
        log_weights: `(images, samples)`, as `importance_log_weights` returns them; at least two of each.

    Raises:
        InputError: unless they are finite weights of at least two images and two samples.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> log_weights = np.random.default_rng(0).normal(-90.0, 1.0, (50, 1000))  # log E w = −90 + 1/2
        >>> found = diagnostics.importance_weighted_evidence(log_weights)
        >>> round(found.value, 1), {k: round(value, 1) for k, value in found.curve.items()}
        (-89.5, {1: -90.0, 10: -89.6, 100: -89.5, 1000: -89.5})
    """
    log_weights = checks.array("log_weights", log_weights, ("images ≥ 2", "samples ≥ 2"))
    n, k = log_weights.shape
    log_p = scipy.special.logsumexp(log_weights, axis=1) - math.log(k)
    relative = np.exp(log_weights - log_p[:, None])  # w / w̄
    variance = relative.var(axis=1, ddof=1)
    pareto = pareto_k(log_weights)
    return Evidence(
        value=float(log_p.mean()),
        error=float(math.sqrt((variance / k).sum()) / n),
        bias=float(-(variance / (2 * k)).mean()),
        image_error=float(log_p.std(ddof=1) / math.sqrt(n)),
        samples=k,
        curve={m: _mean_over_sets(log_weights, m) for m in (*_powers_of_ten(k), k)},
        effective=float(np.median(k**2 / np.square(relative).sum(axis=1))),
        pareto_k=pareto,
        infinite_variance=_share_above(pareto, INFINITE_VARIANCE_PARETO_K),
        unreliable=_share_above(pareto, UNRELIABLE_PARETO_K),
    )


def pareto_k(log_weights: np.ndarray) -> np.ndarray:
    """Pareto k̂ of each image's importance weights (Vehtari et al. 2024).

    Args:
        log_weights: `(images, samples)`.

    Returns:
        `(images,)`: NaN for fewer than 25 samples, −∞ where the largest weights are equal.

    Raises:
        InputError: unless they are finite weights.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> uniform = np.random.default_rng(0).uniform(size=(50, 4000))
        >>> round(float(np.median(diagnostics.pareto_k(-0.9 * np.log(uniform)))), 1)  # Pareto weights of shape 0.9
        0.9
    """
    log_weights = checks.array("log_weights", log_weights, ("images", "samples"), dtype=None)
    if log_weights.shape[1] < MIN_PARETO_SAMPLES:
        return np.full(len(log_weights), np.nan)
    from arviz_stats.base import array_stats

    # Weights whose largest ones are equal, such as those of an exact posterior, have no tail to fit.
    samples = log_weights.shape[1]
    tail = int(3 * math.sqrt(samples)) if samples > MAX_PROPORTIONAL_TAIL_SAMPLES else samples // 5  # as `psislw`
    equal = np.ptp(np.partition(log_weights, -tail, axis=1)[:, -tail:], axis=1) < EQUAL_WEIGHTS_RANGE
    k = np.full(len(log_weights), -np.inf)
    if not equal.all():
        # `psislw` is written for leave-one-out weights, 1/likelihood, and expects the log likelihood. It divides by a
        # quantile of the tail, which is 0 for equal weights.
        with np.errstate(divide="ignore", invalid="ignore"):
            k[~equal] = array_stats.psislw(-log_weights[~equal], axis=-1)[1]
    return k


def _share_above(values: np.ndarray, limit: float) -> float | None:
    return None if np.isnan(values).any() else float((values > limit).mean())


def _mean_over_sets(log_weights: np.ndarray, size: int) -> float:
    """Mean log p̂ over all disjoint sets of `size` samples."""
    n, k = log_weights.shape
    sets = log_weights[:, : k // size * size].reshape(n, -1, size)
    return float((scipy.special.logsumexp(sets, axis=2) - math.log(size)).mean())


def _powers_of_ten(below: int) -> list[int]:
    return [10**i for i in range(int(math.log10(below)) + 1) if 10**i < below]
