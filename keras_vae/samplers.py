"""Where latent points may be drawn from: the prior, a Gaussian like the codes, their mixture, around an image's."""

import numpy as np

from keras_vae.diagnostics import fit_mixture
from keras_vae.errors import InputError

MOST_FITTED = 10_000  # codes that a mixture is fitted to
MANY_UNITS = 512  # for which no matrix of units × units is built any more
Seed = int | np.random.Generator | None  # a generator goes on from where it is


def prior(n: int, shape: int | tuple[int, ...], seed: Seed = None) -> np.ndarray:
    """`n` draws from N(0, I): `(n, units…)` float32."""
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    return np.random.default_rng(seed).standard_normal((n, *shape), dtype="float32")


def moment_matched(n: int, mean: np.ndarray, log_var: np.ndarray | None = None, seed: Seed = None) -> np.ndarray:
    """`n` draws from the Gaussian that has the mean and the covariance of the aggregate posterior q(z).

    Cov[z] = Cov[μ] + diag E[σ²]. It is what a latent space without a scale of its own (one that was trained
    without sampling) is to be sampled from: N(0, I) would compare its arbitrary scale, not its shape.

    Args:
        n: number of draws.
        mean: posterior means `(images, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it; None for a posterior without density.
        seed: of the draws.

    Returns:
        `(n, units…)` float32.
    """
    codes = _flat(mean)
    rng = np.random.default_rng(seed)
    n_images, n_units = codes.shape
    center = codes.mean(axis=0)
    mean_var = None
    if log_var is not None:
        log_var = np.broadcast_to(log_var, np.shape(mean)).reshape(codes.shape)
        mean_var = np.exp(log_var).mean(axis=0, dtype="float64")
    if n_units < min(n_images, MANY_UNITS):
        covariance = np.atleast_2d(np.cov(codes, rowvar=False, ddof=0))
        if mean_var is not None:
            covariance = covariance + np.diag(mean_var)
        # By eigenvalues, not by Cholesky: collapsed units may leave the covariance singular.
        values, vectors = np.linalg.eigh(covariance)
        drawn = center + rng.standard_normal((n, n_units)) @ (vectors * np.sqrt(np.clip(values, 0, None))).T
    else:
        # Sums of the codes' deviations with random weights have their covariance, and no matrix of units × units.
        drawn = rng.standard_normal((n, n_images), dtype="float32") @ (codes - center).astype("float32")
        drawn /= np.sqrt(np.float32(n_images))
        drawn += center.astype("float32")
        if mean_var is not None:
            drawn += np.sqrt(mean_var).astype("float32") * rng.standard_normal(drawn.shape, dtype="float32")
    return drawn.reshape(n, *np.shape(mean)[1:]).astype("float32", copy=False)


def aggregate_posterior(n: int, mean: np.ndarray, log_var: np.ndarray | None = None, seed: Seed = None):
    """`n` draws from q(z), the mixture of the images' posteriors; of the codes themselves without a density.

    Args:
        n, mean, log_var, seed: as in `moment_matched`.

    Returns:
        `(n, units…)` float32.
    """
    rng = np.random.default_rng(seed)
    mean = np.asarray(mean)
    chosen = rng.integers(0, len(mean), n)
    if log_var is None:
        return mean[chosen].astype("float32")
    std = np.exp(0.5 * np.broadcast_to(log_var, mean.shape)[chosen])
    return (mean[chosen] + std * rng.standard_normal(std.shape)).astype("float32")


def gaussian_mixture(
    n: int, mean: np.ndarray, log_var: np.ndarray | None = None, components: int = 20, seed: Seed = None
) -> np.ndarray:
    """`n` draws from a Gaussian mixture fitted to one draw from each image's posterior.

    Between the two before: it follows a shape that one Gaussian doesn't have, and keeps no image's place.

    Args:
        n, mean, log_var, seed: as in `moment_matched`.
        components: of the mixture, at most: see `diagnostics.fit_mixture`.

    Returns:
        `(n, units…)` float32.
    """
    rng = np.random.default_rng(seed)
    codes = _flat(mean)
    if len(codes) < 2:
        raise InputError(f"mean: expected codes of at least two images to fit a mixture to; received {len(codes)}.")
    if log_var is not None:
        log_var = np.broadcast_to(log_var, np.shape(mean)).reshape(codes.shape)
        codes = codes + np.exp(0.5 * log_var) * rng.standard_normal(codes.shape)
    mixture = fit_mixture(rng.permutation(codes)[:MOST_FITTED], components, int(rng.integers(2**31)))
    return rng.permutation(mixture.sample(n)[0]).reshape(n, *np.shape(mean)[1:]).astype("float32")


def neighbourhood(mean: np.ndarray, std: float | np.ndarray = 1.0, seed: Seed = None) -> np.ndarray:
    """One draw from N(μ(x), std² I) for each image: from around its code, as wide as is asked for.

    Args:
        mean: codes `(n, units…)`.
        std: of every unit, or an array that broadcasts to the codes' shape: the posterior's own.
        seed: of the draws.

    Returns:
        `(n, units…)` float32.
    """
    noise = np.random.default_rng(seed).standard_normal(np.shape(mean), dtype="float32")
    return np.asarray(mean, "float32") + np.asarray(std, "float32") * noise


def _flat(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim < 2 or not len(array):
        raise InputError(f"mean: expected codes of at least one image, (images, units…); received {array.shape}.")
    array = array.reshape(len(array), -1)
    return array.astype("float64") if array.shape[1] < MANY_UNITS else array  # very many stay as they are
