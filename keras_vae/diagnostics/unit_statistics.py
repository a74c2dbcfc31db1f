"""What each latent unit became: how much it says, whether it is active, whether it collapsed onto the prior."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_vae.diagnostics.encodings import broadcast_log_var
from keras_vae.errors import InputError

ACTIVE_VAR_MEAN = 0.01
COLLAPSED_MEAN_VAR = 0.8


class UnitStatistics(NamedTuple):
    """Per latent unit, each an array of the units' shape.

    Attributes:
        kl: mean over images of KL(q(z_i | x) ‖ N(0, 1)), nats; None where the posterior has no density.
        var_mean: variance over images of the posterior means.
        mean_var: mean over images of the posterior variances; None where the posterior has no density.
        active: `var_mean` above 0.01 (Burda et al. 2016, section 5.2).
        collapsed: not active, and `mean_var` above 0.8: the unit stayed at the prior, whatever the image.
    """

    kl: np.ndarray | None
    var_mean: np.ndarray
    mean_var: np.ndarray | None
    active: np.ndarray
    collapsed: np.ndarray

    @property
    def total_var(self) -> np.ndarray:
        """E[σ²] + Var[μ]: the variance of the unit under the aggregate posterior q(z), by the law of total variance.

        What a sum of 1 means: multiplying a unit by a, and dividing by it again in the decoder, leaves the
        reconstruction as it was and makes the unit's KL ½ (a² (E[σ²] + E[μ²]) − 1 − ln a² − E[ln σ²]), which is
        least where a² (E[σ²] + E[μ²]) = 1. So in a model that has come to rest, every unit whose codes are centred
        has a sum of 1, a collapsed one (1 + 0) like a lively one (0.01 + 0.99). It is stationarity under rescaling
        and no proof that q(z) is the prior: two clusters at ±1 have it as well.
        Without a density it is `var_mean`.
        """
        return self.var_mean if self.mean_var is None else self.var_mean + self.mean_var

    @property
    def active_by_variance(self) -> np.ndarray:
        """Whether `mean_var` is below 0.8: the posterior is narrower than the prior; by `active` without a density."""
        return self.active if self.mean_var is None else self.mean_var < COLLAPSED_MEAN_VAR


def units(mean: np.ndarray, log_var: np.ndarray | None = None) -> UnitStatistics:
    """Statistics of every latent unit over the encodings of n images.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it (one variance an image); None for a
            posterior without density.

    Raises:
        InputError: if there are no images or the shapes don't fit.
    """
    return units_of_parts([(mean, log_var)])


def units_of_parts(
    parts: Iterable[tuple[np.ndarray, np.ndarray | None]],
) -> UnitStatistics:
    """As `units`, of encodings that come in parts: of 65,536 units, 10,000 images' take 5 GB.

    Args:
        parts: pairs (mean, log_var), as `VAE.encode` gives them.
    """
    moments = None
    for mean, log_var in parts:
        part = _moments(np.asarray(mean), log_var)
        moments = part if moments is None else moments.joined(part)
    if moments is None:
        raise InputError("parts: expected encodings of at least one image; received none.")
    return _classified(moments.kl, moments.var_mean, moments.mean_var)


class _Moments(NamedTuple):
    """Means over n images, per unit."""

    n: int
    mean: np.ndarray
    var_mean: np.ndarray
    kl: np.ndarray | None
    mean_var: np.ndarray | None

    def joined(self, other: "_Moments") -> "_Moments":
        """Of the images of both (the variance by Chan, Golub & LeVeque 1983)."""
        n = self.n + other.n
        a, b = self.n / n, other.n / n
        var_mean = a * self.var_mean + b * other.var_mean + a * b * np.square(self.mean - other.mean)
        kl = None if self.kl is None else a * self.kl + b * other.kl
        mean_var = None if self.mean_var is None else a * self.mean_var + b * other.mean_var
        return _Moments(n, a * self.mean + b * other.mean, var_mean, kl, mean_var)


def _moments(mean: np.ndarray, log_var: np.ndarray | None) -> _Moments:
    if mean.ndim < 2 or not len(mean):
        raise InputError(f"mean: expected posterior means of shape (n, units…) with n above 0; received {mean.shape}.")
    center, var_mean = mean.mean(axis=0, dtype="float64"), mean.var(axis=0, dtype="float64")
    if log_var is None:
        return _Moments(len(mean), center, var_mean, None, None)
    log_var = broadcast_log_var(mean, log_var)
    variance = np.exp(log_var)
    kl = 0.5 * (np.square(mean) + variance - 1.0 - log_var).mean(axis=0, dtype="float64")
    return _Moments(len(mean), center, var_mean, kl, variance.mean(axis=0, dtype="float64"))


def _classified(kl: np.ndarray | None, var_mean: np.ndarray, mean_var: np.ndarray | None) -> UnitStatistics:
    active = var_mean > ACTIVE_VAR_MEAN
    collapsed = ~active if mean_var is None else ~active & (mean_var > COLLAPSED_MEAN_VAR)
    return UnitStatistics(kl, var_mean, mean_var, active, collapsed)
