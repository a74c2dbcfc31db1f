"""Where latent points may be drawn from: the prior, a Gaussian that matches the codes, the codes' own mixture."""

import numpy as np

from keras_vae.errors import InputError


def prior(n: int, shape: int | tuple[int, ...], seed: int | None = None) -> np.ndarray:
    """`n` draws from N(0, I): `(n, units…)` float32."""
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    return np.random.default_rng(seed).standard_normal((n, *shape), dtype="float32")


def moment_matched(n: int, mean: np.ndarray, log_var: np.ndarray | None = None, seed: int | None = None) -> np.ndarray:
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
    covariance = np.atleast_2d(np.cov(codes, rowvar=False, ddof=0))
    if log_var is not None:
        covariance = covariance + np.diag(_flat(np.exp(np.broadcast_to(log_var, np.shape(mean)))).mean(axis=0))
    # By eigenvalues, not by Cholesky: collapsed units may leave the covariance singular.
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors * np.sqrt(np.clip(values, 0, None))
    noise = np.random.default_rng(seed).standard_normal((n, codes.shape[1]))
    drawn = codes.mean(axis=0) + noise @ factor.T
    return drawn.reshape(n, *np.shape(mean)[1:]).astype("float32")


def aggregate_posterior(n: int, mean: np.ndarray, log_var: np.ndarray | None = None, seed: int | None = None):
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


def _flat(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array, "float64")
    if array.ndim < 2 or not len(array):
        raise InputError(f"mean: expected codes of at least one image, (images, units…); received {array.shape}.")
    return array.reshape(len(array), -1)
