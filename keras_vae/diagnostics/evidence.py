"""How likely the data is: importance-weighted estimates of log p(x), and how far they can be trusted."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from keras_vae.diagnostics.encodings import flat_encodings, stream
from keras_vae.errors import InputError

UNRELIABLE = 0.7  # of Pareto's k̂: above, the mean of the weights converges too slowly to be used (Vehtari et al. 2024)
INFINITE_VARIANCE = 0.5  # of Pareto's k̂


class Evidence(NamedTuple):
    """log p̂_K(x) of n images, nats an image.

    Attributes:
        value: mean over images of log p̂_K: below log p(x) on average, the nearer the larger K (Burda et al. 2016).
        error: Monte-Carlo standard error of `value` as an estimate of E log p̂_K, not of log p(x).
        bias: estimate of E log p̂_K − log p(x), −Var(w) / (2K w̄²), mean over images (delta method): good while small.
        image_error: standard error over images: how far other images of the kind would take `value`.
        samples: K.
        curve: by number of samples k, a mean over images and over all disjoint sets of k samples.
        effective: median over images of the effective sample size, (Σw)² / Σw².
        pareto_k: per image, the shape of the generalised Pareto distribution of the largest weights.
        infinite_variance: share of images with k̂ > 0.5: their weights may have no variance, and `error` and `bias`
            then no meaning.
        unreliable: share with k̂ > 0.7. Both are None where there were too few samples to tell.
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
    at_once: int = 10_000,
) -> np.ndarray:
    """log p(x, z)/q(z | x) of exactly `samples` draws from each image's posterior.

    Draws depend on the seed and the image alone, whatever `at_once` is.

    Args:
        log_likelihood: of (indices of images `(m,)`, points `(m, units…)`): log p(x | z), nats, `(m,)`.
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        samples: K.
        seed: of the draws.
        at_once: pairs of image and point that are computed at once.

    Returns:
        `(n, samples)` float64.

    Raises:
        InputError: unless they are finite encodings of at least two images, and `samples` is above 0.
    """
    shape = np.shape(mean)[1:]
    mean, log_var = flat_encodings(mean, log_var)
    if samples < 1:
        raise InputError(f"samples: expected at least 1; received {samples}.")
    n, units = mean.shape
    weights = np.empty((n, samples))
    images_at_once, most = max(1, at_once // samples), min(samples, at_once)
    for i in range(0, n, images_at_once):
        images = np.arange(i, min(i + images_at_once, n))
        streams = [stream(seed, 100 + int(image)) for image in images]
        for k in range(0, samples, most):
            drawn = min(most, samples - k)
            noise = np.stack([stream.standard_normal((drawn, units)) for stream in streams])
            z = mean[images, None] + np.exp(0.5 * log_var[images, None]) * noise
            # The constants of both densities cancel.
            log_ratio = 0.5 * (np.square(noise) - np.square(z)).sum(axis=2) + 0.5 * log_var[images].sum(axis=1)[:, None]
            points = z.reshape(-1, *shape).astype("float32")
            given = np.asarray(log_likelihood(np.repeat(images, drawn), points), "float64")
            weights[i : i + len(images), k : k + drawn] = given.reshape(len(images), drawn) + log_ratio
    return weights


def importance_weighted(log_weights: np.ndarray) -> Evidence:
    """Summarises importance weights: the estimate, its errors, and the signs of weights that can't be trusted.

    Args:
        log_weights: `(images, samples)`, as of `importance_log_weights`.

    Raises:
        InputError: for anything but finite weights of at least two images and two samples.
    """
    log_weights = np.asarray(log_weights, "float64")
    if log_weights.ndim != 2 or min(log_weights.shape) < 2 or not np.isfinite(log_weights).all():
        raise InputError(
            "log_weights: expected finite (images, samples), at least 2 of each; received "
            f"{log_weights.shape}{'' if np.isfinite(log_weights).all() else ', some of them not finite'}."
        )
    n, k = log_weights.shape
    log_p = special.logsumexp(log_weights, axis=1) - math.log(k)
    relative = np.exp(log_weights - log_p[:, None])  # w / w̄
    spread = relative.var(axis=1, ddof=1)
    pareto = pareto_k(log_weights)
    return Evidence(
        value=float(log_p.mean()),
        error=float(math.sqrt((spread / k).sum()) / n),
        bias=float(-(spread / (2 * k)).mean()),
        image_error=float(log_p.std(ddof=1) / math.sqrt(n)),
        samples=k,
        curve={m: _of_sets(log_weights, m) for m in (*_powers_of_ten(k), k)},
        effective=float(np.median(k**2 / np.square(relative).sum(axis=1))),
        pareto_k=pareto,
        infinite_variance=_share_above(pareto, INFINITE_VARIANCE),
        unreliable=_share_above(pareto, UNRELIABLE),
    )


def pareto_k(log_weights: np.ndarray) -> np.ndarray:
    """Pareto k̂ of each image's weights (Vehtari et al. 2024), `(images,)`; NaN for fewer than 25 samples."""
    if log_weights.shape[1] < 25:
        return np.full(len(log_weights), np.nan)
    from arviz_stats.base import array_stats

    # Equal weights, of a posterior that is exact, have no tail to fit.
    equal = np.ptp(log_weights, axis=1) < 1e-9
    k = np.full(len(log_weights), -np.inf)
    if not equal.all():
        # It is made for leave-one-out weights, 1/likelihood, and takes the logarithm of their inverse.
        k[~equal] = array_stats.psislw(-log_weights[~equal], axis=-1)[1]
    return k


def _share_above(values: np.ndarray, limit: float) -> float | None:
    return None if np.isnan(values).any() else float((values > limit).mean())


def _of_sets(log_weights: np.ndarray, size: int) -> float:
    """Mean log p̂ over all disjoint sets of that many samples."""
    n, k = log_weights.shape
    sets = log_weights[:, : k // size * size].reshape(n, -1, size)
    return float((special.logsumexp(sets, axis=2) - math.log(size)).mean())


def _powers_of_ten(below: int) -> list[int]:
    return [10**i for i in range(int(math.log10(below)) + 1) if 10**i < below]
