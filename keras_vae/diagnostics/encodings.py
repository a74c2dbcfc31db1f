"""Validation of encodings, the KL of their units, and draws from their posteriors."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from keras_vae._utils import checks
from keras_vae.errors import InputError

LOG_VAR_RANGE = (-80.0, 80.0)  # σ from 4·10⁻¹⁸ to 2·10¹⁷: variances and precisions are finite in float32
MAX_CHUNK_NUMBERS = 2**21  # numbers of one temporary array where rows are processed in chunks: 16 MB


def flat_encodings(
    mean: np.ndarray, log_var: np.ndarray | None, dtype: str = "float64"
) -> tuple[np.ndarray, np.ndarray]:
    """Validates encodings and flattens them to two dimensions.

    Args:
        mean: posterior means `(n, units…)` of n ≥ 2 images.
        log_var: log variances of that shape, or one that broadcasts to it (one variance per image), from −80 to 80;
            None, of a posterior without a density, is refused.
        dtype: dtype of the returned arrays, float32 or float64.

    Returns:
        Means and log variances, each `(n, units)`.

    Raises:
        InputError: if there are fewer than two images, the shapes do not match, or a value is not a number in range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean, log_var = diagnostics.flat_encodings(np.zeros((5, 2, 3)), np.zeros((5, 1, 1)))
        >>> mean.shape, log_var.shape
        ((5, 6), (5, 6))
    """
    number_type = checks.float_dtype(dtype)
    mean = checks.array("mean", mean, ("n ≥ 2", "units…"), dtype=number_type)
    log_var = log_variances(log_var, mean.shape, number_type)
    return mean.reshape(len(mean), -1), log_var.reshape(len(mean), -1)


def log_variances(log_var: np.ndarray | None, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> np.ndarray:
    """Validates log variances and broadcasts them to the shape of the means, without a copy.

    Args:
        log_var: log variances from −80 to 80.
        shape: shape of the means.
        dtype: dtype of the result; None keeps that of the log variances.

    Raises:
        InputError: if one is not a number in that range, or they do not broadcast to that shape.
    """
    if log_var is None:
        raise InputError("log_var: expected the log variances of a posterior with a density; received None.")
    low, high = LOG_VAR_RANGE
    found = checks.array("log_var", log_var, ("…",), dtype=dtype, low=low, high=high)
    return checks.broadcast("log_var", found, shape)


def posterior_draws(mean: np.ndarray, log_var: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws from each image's posterior, `(draws · n, units)`: all images once, then all of them again."""
    noise = rng.standard_normal((draws, *mean.shape))
    return (mean + np.exp(0.5 * log_var) * noise).reshape(-1, mean.shape[1])


def random_images(n: int, max_images: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of `max_images` random images of n, in random order; of all images in their order where n is smaller."""
    return np.arange(n) if n <= max_images else rng.permutation(n)[:max_images]


def row_chunks(array: np.ndarray, max_numbers: int = MAX_CHUNK_NUMBERS) -> Iterator[slice]:
    """Slices of the rows of an array, of at most `max_numbers` numbers each but at least one row."""
    rows = max(1, max_numbers // max(1, array[:1].size))
    return (slice(i, i + rows) for i in range(0, len(array), rows))


def kl_per_image(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL(q(z | x) ‖ N(0, I)) of every image `(n,)`, nats, from encodings `(n, units)`."""
    return np.concatenate([unchecked_kl_per_unit(mean[rows], log_var[rows]).sum(axis=1) for rows in row_chunks(mean)])


def kl_per_unit(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of every latent unit of every image, in nats.

    ½ (mean² + exp(log_var) − 1 − log_var): Kingma & Welling 2014, appendix B. `expm1` keeps the digits of units near
    the prior, where the difference cancels. `layers.kl_per_unit` is the same for tensors.

    Args:
        mean: posterior means of any shape.
        log_var: log variances of that shape, or one that broadcasts to it, from −80 to 80.

    Returns:
        An array of the shape of `mean`, in the precision of the inputs.

    Raises:
        InputError: if the shapes do not match, or a value is not a number in range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> diagnostics.kl_per_unit(np.array([[0.0, 2.0]]), np.zeros((1, 2))).tolist()
        [[0.0, 2.0]]
    """
    mean = checks.array("mean", mean, None, dtype=None)
    return unchecked_kl_per_unit(mean, log_variances(log_var, mean.shape))


def unchecked_kl_per_unit(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """`kl_per_unit` of arrays that were validated, or that may hold NaN."""
    return 0.5 * (np.square(mean) + np.expm1(log_var) - log_var)
