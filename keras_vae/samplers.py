"""Samplers of latent points: the prior, a Gaussian or a mixture fitted to the codes, and the posteriors of images."""

import math
from collections.abc import Sequence

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics import GaussianMixture, fit_mixture
from keras_vae.diagnostics.encodings import log_variances
from keras_vae.diagnostics.gaussian_mixture import check_prior

MAX_FITTED_CODES = 10_000
MAX_STD = 1e18  # a wider range than that of log variances
MIN_UNITS_WITHOUT_COVARIANCE = 512  # from this number of units on, no matrix of units × units is computed
Seed = int | np.random.Generator | None  # a generator continues from its state


def prior(
    n: int, shape: int | tuple[int, ...], seed: Seed = None, density: GaussianMixture | None = None
) -> np.ndarray:
    """`n` draws from N(0, I), or from a learned prior.

    Args:
        n: number of draws, at least 1.
        shape: shape of the units, or their number.
        seed: seed of the draws.
        density: a learned prior of as many units, as `vae.prior.density()` returns it; None for N(0, I).

    Returns:
        `(n, units…)` float32.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> from keras_vae import samplers
        >>> samplers.prior(5, (4, 4, 2), seed=0).shape
        (5, 4, 4, 2)
    """
    if isinstance(shape, tuple | list | np.ndarray):
        units = checks.array("shape", shape, ("axes",), dtype="int64", low=1).tolist()
    else:
        units = [checks.whole("shape", shape)]
    n = _count(n, units)
    if density is None:
        return _rng(seed).standard_normal((n, *units), dtype="float32")
    check_prior(density, math.prod(units), "density")
    return density.sample(n, _rng(seed)).reshape(n, *units)


def moment_matched(n: int, mean: np.ndarray, log_var: np.ndarray | None = None, seed: Seed = None) -> np.ndarray:
    """`n` draws from the Gaussian that has the mean and the covariance of the aggregate posterior q(z).

    Cov[z] = Cov[μ] + diag E[σ²]. Use it for models that were trained without sampling, whose latent space has an
    arbitrary scale: samples of N(0, I) would reflect that scale and not the shape of the space.

    Args:
        n: number of draws, at least 1.
        mean: posterior means `(images, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it, from −80 to 80; None for a posterior without
            a density.
        seed: seed of the draws.

    Returns:
        `(n, units…)` float32.

    Raises:
        InputError: if there are no images, the shapes do not match, or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import samplers
        >>> codes = np.random.default_rng(1).normal([10.0, 0.0], [2.0, 5.0], (1000, 2))
        >>> samplers.moment_matched(20_000, codes, seed=0).std(axis=0).round().tolist()
        [2.0, 5.0]
    """
    mean, log_var = _encodings(mean, log_var)
    n, rng = _count(n, mean.shape[1:]), _rng(seed, Stream.MOMENT_MATCHED_SAMPLES)
    codes = _flat(mean)
    n_images, n_units = codes.shape
    mean_var = None
    if log_var is not None:
        mean_var = np.exp(log_var.reshape(codes.shape)).mean(axis=0, dtype="float64")
    if n_units < min(n_images, MIN_UNITS_WITHOUT_COVARIANCE):
        drawn = _draw_by_covariance(n, codes, mean_var, rng)
    else:
        drawn = _draw_by_weighted_sums(n, codes, mean_var, rng)
    return drawn.reshape(n, *mean.shape[1:]).astype("float32", copy=False)


def _draw_by_covariance(n: int, codes: np.ndarray, mean_var: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    covariance = np.atleast_2d(np.cov(codes, rowvar=False, ddof=0))
    if mean_var is not None:
        covariance = covariance + np.diag(mean_var)
    # By eigenvalues, not by Cholesky: collapsed units may leave the covariance singular.
    values, vectors = np.linalg.eigh(covariance)
    noise = rng.standard_normal((n, codes.shape[1]))
    return codes.mean(axis=0) + noise @ (vectors * np.sqrt(np.clip(values, 0, None))).T


def _draw_by_weighted_sums(
    n: int, codes: np.ndarray, mean_var: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Randomly weighted sums of the codes' deviations: they have the codes' covariance, which is never computed."""
    center = codes.mean(axis=0)
    drawn = rng.standard_normal((n, len(codes)), dtype="float32") @ (codes - center).astype("float32")
    drawn /= np.sqrt(np.float32(len(codes)))
    drawn += center.astype("float32")
    if mean_var is not None:
        drawn += np.sqrt(mean_var).astype("float32") * rng.standard_normal(drawn.shape, dtype="float32")
    return drawn


def aggregate_posterior(n: int, mean: np.ndarray, log_var: np.ndarray | None = None, seed: Seed = None) -> np.ndarray:
    """`n` draws from q(z), the mixture of the images' posteriors; without a density, codes of random images.

    Args:
        n: number of draws, at least 1.
        mean: posterior means `(images, units…)` of at least one image.
        log_var: log variances of that shape, or one that broadcasts to it, from −80 to 80; None for a posterior without
            a density.
        seed: seed of the draws.

    Returns:
        `(n, units…)` float32.

    Raises:
        InputError: if there are no images, the shapes do not match, or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import samplers
        >>> codes = np.array([[-5.0], [5.0]])
        >>> np.unique(samplers.aggregate_posterior(100, codes, seed=0)).tolist()
        [-5.0, 5.0]
    """
    mean, log_var = _encodings(mean, log_var)
    n, rng = _count(n, mean.shape[1:]), _rng(seed, Stream.AGGREGATE_POSTERIOR_SAMPLES)
    chosen = rng.integers(0, len(mean), n)
    if log_var is None:
        return mean[chosen].astype("float32")
    std = np.exp(0.5 * log_var[chosen])
    return (mean[chosen] + std * rng.standard_normal(std.shape)).astype("float32")


def gaussian_mixture(
    n: int, mean: np.ndarray, log_var: np.ndarray | None = None, components: int = 20, seed: Seed = None
) -> np.ndarray:
    """`n` draws from a Gaussian mixture fitted to one draw from each image's posterior.

    A compromise between `moment_matched` and `aggregate_posterior`: it represents shapes that one Gaussian cannot,
    and does not reproduce the codes of individual images.

    Args:
        n: number of draws, at least 1.
        mean: posterior means `(images, units…)` of at least two images.
        log_var: log variances of that shape, or one that broadcasts to it, from −80 to 80; None for a posterior without
            a density.
        components: maximum number of components, at least 1 (see `diagnostics.fit_mixture`).
        seed: seed of the draws and the fit.

    Returns:
        `(n, units…)` float32.

    Raises:
        InputError: for fewer than two images, if the shapes do not match, or if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import samplers
        >>> codes = np.random.default_rng(1).normal(0, 0.1, (400, 1)) + np.repeat([[-3], [3]], 200, axis=0)
        >>> z = samplers.gaussian_mixture(100, codes, components=2, seed=0)
        >>> bool((np.abs(z) > 2).all())
        True
    """
    mean, log_var = _encodings(mean, log_var, "images ≥ 2")
    n, components = _count(n, mean.shape[1:]), checks.whole("components", components)
    rng = _rng(seed, Stream.MIXTURE_SAMPLES)
    codes = _flat(mean)
    if log_var is not None:
        codes = codes + np.exp(0.5 * log_var.reshape(codes.shape)) * rng.standard_normal(codes.shape)
    mixture = fit_mixture(rng.permutation(codes)[:MAX_FITTED_CODES], components, int(rng.integers(2**31)))
    return rng.permutation(mixture.sample(n)[0]).reshape(n, *mean.shape[1:]).astype("float32")


def neighbourhood(mean: np.ndarray, std: float | np.ndarray = 1.0, seed: Seed = None) -> np.ndarray:
    """One draw from N(μ(x), std² I) for each image.

    Args:
        mean: codes `(n, units…)`.
        std: standard deviation of every unit, 0 or more, or an array that broadcasts to the codes' shape, such as that
            of the posterior.
        seed: seed of the draws.

    Returns:
        `(n, units…)` float32.

    Raises:
        InputError: if the shapes do not match, or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import samplers
        >>> round(float(samplers.neighbourhood(np.full((20_000, 1), 3.0), 0.5, seed=0).std()), 1)
        0.5
    """
    mean = checks.array("mean", mean, ("n", "units…"), dtype="float32")
    std = checks.array("std", std, ("…",), dtype="float32", low=0, high=MAX_STD)
    noise = _rng(seed, Stream.NEIGHBOURHOOD_SAMPLES).standard_normal(mean.shape, dtype="float32")
    return mean + checks.broadcast("std", std, mean.shape) * noise


def _encodings(
    mean: np.ndarray, log_var: np.ndarray | None, images: str = "images"
) -> tuple[np.ndarray, np.ndarray | None]:
    """The checked encodings, log variances in the shape of the means."""
    mean = checks.array("mean", mean, (images, "units…"), dtype=None)
    return mean, None if log_var is None else log_variances(log_var, mean.shape)


def _count(n: int, units: Sequence[int]) -> int:
    """The checked number of draws."""
    n = checks.whole("n", n)
    checks.allocation("n", n, n, *units, itemsize=4)
    return n


def _rng(seed: Seed, purpose: Stream | None = None) -> np.random.Generator:
    """The generator of a seed, beside given codes that of a purpose: they may be `default_rng(seed)`'s own draws."""
    seed = checks.seed(seed, none=True, generator=True)
    if purpose is None or seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    return stream(seed, purpose)


def _flat(array: np.ndarray) -> np.ndarray:
    """Codes as `(images, units)`: float64 for few units; for many, in the given precision to save memory."""
    array = array.reshape(len(array), -1)
    return array.astype("float64") if array.shape[1] < MIN_UNITS_WITHOUT_COVARIANCE else array
