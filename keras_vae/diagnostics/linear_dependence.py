"""Dependence of latent units that their correlations show."""

import math

import numpy as np

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.errors import InputError
from keras_vae.geometry import flat

MAX_UNITS = 4_096
MAX_ROUNDING = 4 * np.finfo("float64").eps  # range of a unit, relative to its largest value, up to which it is constant
MIN_EIGENVALUE = 1e-12  # of a correlation matrix, below which units determine one another


def gaussian_total_correlation(mean: np.ndarray, log_var: np.ndarray | None = None) -> float:
    """Total correlation of the Gaussian with the covariance Σ of q(z), ½ (Σᵤ ln Σᵤᵤ − ln det Σ), in nats.

    It is 0 where no two units are correlated, and equal to the total correlation KL(q(z) ‖ Πᵤ q(zᵤ)) where q(z) is a
    Gaussian; a dependence without correlation is not seen. It is known for any number of units, also where the total
    correlation is not. Independent units have about units² / 4n on average.

    Args:
        mean: posterior means `(n, units…)` of n ≥ 2 images.
        log_var: log variances of that shape, or one that broadcasts to it; None for codes without a density.

    Returns:
        Nats; infinite where a linear combination of units is constant. Units without variance are left out.

    Raises:
        InputError: if the shapes do not match, a value is not finite, or there are more than 4,096 units.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> codes = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 20_000)
        >>> round(diagnostics.gaussian_total_correlation(codes), 2)  # −½ ln(1 − 0.8²) = 0.511
        0.51
        >>> round(diagnostics.gaussian_total_correlation(codes, np.zeros_like(codes)), 2)  # noise of variance 1 added
        0.09
    """
    variance = 0.0
    if log_var is None:
        mean = flat(checks.array("mean", mean, ("n ≥ 2", "units…")))
    else:
        mean, log_var = flat_encodings(mean, log_var)
        variance = np.exp(log_var).mean(axis=0)
    if mean.shape[1] > MAX_UNITS:
        raise InputError(
            f"mean: expected at most {MAX_UNITS:,} units; received {mean.shape[1]:,}; choose some of them."
        )
    low, high = mean.min(axis=0), mean.max(axis=0)
    # A constant other than 0 would have the rounding error of its mean as its deviation.
    constant = high - low <= MAX_ROUNDING * np.maximum(np.abs(low), np.abs(high))
    mean = np.where(constant, 0.0, mean)
    covariance = np.atleast_2d(np.cov(mean, rowvar=False, ddof=0)) + np.diag(np.broadcast_to(variance, mean.shape[1:]))
    std = np.sqrt(covariance.diagonal())
    varies = std > 0
    correlation = covariance[np.ix_(varies, varies)] / np.outer(std[varies], std[varies])
    eigenvalues = np.linalg.eigvalsh(correlation)
    if (eigenvalues < MIN_EIGENVALUE).any():
        return math.inf
    return max(0.0, -0.5 * float(np.log(eigenvalues).sum()))
