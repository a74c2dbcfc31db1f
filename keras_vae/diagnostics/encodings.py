"""What every measure of posteriors begins with: checked means and log variances of n images, one row an image."""

import numpy as np

from keras_vae.errors import InputError


def flat_encodings(mean: np.ndarray, log_var: np.ndarray, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Means and log variances `(n, units)`.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it (one variance an image).

    Raises:
        InputError: if they are not of at least two images, don't fit each other, or aren't finite.
    """
    if log_var is None:
        raise InputError("log_var: expected log variances, of a posterior with a density; received None.")
    mean, log_var = np.asarray(mean, dtype), np.asarray(log_var, dtype)
    if mean.ndim < 2 or len(mean) < 2:
        raise InputError(f"mean: expected means (n, units…) of n ≥ 2 images; received {mean.shape}.")
    log_var = broadcast_log_var(mean, log_var)
    for name, array in (("mean", mean), ("log_var", log_var)):
        if not np.isfinite(array).all():
            raise InputError(f"{name}: expected finite numbers; received some that are not; look at the training.")
    return mean.reshape(len(mean), -1), log_var.reshape(len(mean), -1)


def broadcast_log_var(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """A log variance for every unit of every image.

    Raises:
        InputError: if the shapes don't fit.
    """
    try:
        return np.broadcast_to(log_var, mean.shape)
    except ValueError as error:
        raise InputError(
            f"log_var: expected a shape that broadcasts to the mean's {mean.shape}; received {np.shape(log_var)}."
        ) from error


def stream(seed: int, key: int) -> np.random.Generator:
    """The random numbers of one estimator.

    Not those of `default_rng(seed)`: codes that somebody made from these would be the noise that they are to be
    compared with.
    """
    return np.random.default_rng([0xA0D17, key, seed])


def posterior_draws(mean: np.ndarray, log_var: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """`draws` points of each image's posterior, `(draws · n, units)`: image after image, `draws` times over."""
    noise = rng.standard_normal((draws, *mean.shape))
    return (mean + np.exp(0.5 * log_var) * noise).reshape(-1, mean.shape[1])


def posterior_kl(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL(q(z | x) ‖ N(0, I)) of each unit of each image, nats, `(n, units)` (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (np.square(mean) + np.expm1(log_var) - log_var)
