"""Statistics of latent units: KL, variances, and which units are active or collapsed."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import log_variances, unchecked_kl_per_unit
from keras_vae.errors import InputError

ACTIVE_VAR_MEAN = 0.01  # variance of the posterior means above which a unit is active
COLLAPSED_MEAN_VAR = 0.8  # mean posterior variance above which an inactive unit is collapsed


class UnitStatistics(NamedTuple):
    """Statistics of each latent unit over the encodings of n images; every array has the shape of the units.

    Attributes:
        kl: mean over images of KL(q(z_i | x) ‖ N(0, 1)), nats; None for a posterior without a density.
        var_mean: variance over images of the posterior means.
        mean_var: mean over images of the posterior variances; None for a posterior without a density.
        active: `var_mean` above 0.01 (Burda et al. 2016, section 5.2).
        collapsed: not active, and `mean_var` above 0.8: the posterior is near the prior, whatever the image.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> statistics = diagnostics.units(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.log([[0.1, 1.0]]))
        >>> statistics.total_var.round(2).tolist()
        [1.1, 1.0]
        >>> statistics.active_by_variance.tolist()
        [True, False]
    """

    kl: np.ndarray | None
    var_mean: np.ndarray
    mean_var: np.ndarray | None
    active: np.ndarray
    collapsed: np.ndarray

    @property
    def total_var(self) -> np.ndarray:
        """E[σ²] + Var[μ]: the variance of the unit under the aggregate posterior q(z), by the law of total variance.

        Multiplying a unit by a, and dividing by it again in the decoder, leaves the reconstruction unchanged and makes
        the unit's KL ½ (a² (E[σ²] + E[μ²]) − 1 − ln a² − E[ln σ²]), which is minimal where a² (E[σ²] + E[μ²]) = 1. So
        in a converged model the sum is 1 for every unit whose codes are centred, collapsed (1 + 0) or active
        (0.01 + 0.99). The sum 1 is stationarity under rescaling; it does not prove that q(z) is the prior: two
        clusters at ±1 have it as well. For a posterior without a density it is `var_mean`.
        """
        return self.var_mean if self.mean_var is None else self.var_mean + self.mean_var

    @property
    def active_by_variance(self) -> np.ndarray:
        """Whether `mean_var` is below 0.8: a posterior narrower than the prior; without a density, `active`."""
        return self.active if self.mean_var is None else self.mean_var < COLLAPSED_MEAN_VAR


def units(mean: np.ndarray, log_var: np.ndarray | None = None) -> UnitStatistics:
    """Computes the statistics of every latent unit over the encodings of n images.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it (one variance per image), from −80 to 80;
            None for a posterior without a density.

    Returns:
        The statistics, arrays of shape `(units…)`.

    Raises:
        InputError: if there are no images, the shapes do not match, or a value is not a number in range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean = np.array([[-1.0, 0.0], [1.0, 0.0]])  # the second unit ignores the image
        >>> statistics = diagnostics.units(mean, np.log([[0.1, 1.0]]))
        >>> statistics.kl.round(3).tolist(), statistics.active.tolist(), statistics.collapsed.tolist()
        ([1.201, 0.0], [True, False], [False, True])
    """
    return units_from_batches([(mean, log_var)])


def units_from_batches(batches: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> UnitStatistics:
    """Computes the statistics of `units` batch by batch, with one batch in memory at a time.

    (The encodings of 10,000 images in 65,536 units take 5 GB.)

    Args:
        batches: pairs (mean, log_var), as `VAE.encode` returns them and `units` takes them.

    Returns:
        The statistics over the images of all batches, arrays of shape `(units…)`.

    Raises:
        InputError: if there are no images, the shapes do not match, or a value is not a number in range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> batches = (([[value, 0.0]], [[0.0, 0.0]]) for value in (-1.0, 1.0))
        >>> diagnostics.units_from_batches(batches).var_mean.tolist()
        [1.0, 0.0]
    """
    return _statistics(_validated(batches))


def unchecked_units(mean: np.ndarray, log_var: np.ndarray | None = None) -> UnitStatistics:
    """`units` of arrays as they are, whose numbers may be NaN: those of a model whose training diverges."""
    with np.errstate(invalid="ignore", over="ignore"):
        return _statistics([(mean, log_var)])


def _validated(batches: Iterable) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The batches as arrays, in their precision."""
    if not isinstance(batches, Iterable):
        raise InputError(f"batches: expected pairs (mean, log_var); received a value of type {type(batches).__name__}.")
    shape: tuple[int | str, ...] = ("units…",)  # of the units: that of the first batch
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise InputError(f"batches: expected pairs (mean, log_var); received a {type(batch).__name__} in them.")
        mean, log_var = batch
        mean = checks.array("mean", mean, ("n", *shape), dtype=None)
        shape = mean.shape[1:]
        yield mean, None if log_var is None else log_variances(log_var, mean.shape)


def _statistics(batches: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> UnitStatistics:
    moments = None
    for mean, log_var in batches:
        batch = _moments(mean, log_var)
        moments = batch if moments is None else moments.joined(batch)
    if moments is None:
        raise InputError("batches: expected encodings of at least one image; received none.")
    return classify_units(moments.kl, moments.var_mean, moments.mean_var)


def classify_units(kl: np.ndarray | None, var_mean: np.ndarray, mean_var: np.ndarray | None) -> UnitStatistics:
    """Classifies units as active or collapsed, and returns these statistics with the result."""
    active = var_mean > ACTIVE_VAR_MEAN
    collapsed = ~active if mean_var is None else ~active & (mean_var > COLLAPSED_MEAN_VAR)
    return UnitStatistics(kl, var_mean, mean_var, active, collapsed)


class _Moments(NamedTuple):
    """Means over n images, per unit."""

    n: int
    mean: np.ndarray
    var_mean: np.ndarray
    kl: np.ndarray | None
    mean_var: np.ndarray | None

    def joined(self, other: "_Moments") -> "_Moments":
        """The moments over the images of both (the variance by Chan, Golub & LeVeque 1983)."""
        n = self.n + other.n
        a, b = self.n / n, other.n / n
        var_mean = a * self.var_mean + b * other.var_mean + a * b * np.square(self.mean - other.mean)
        kl = _weighted_sum(a, self.kl, b, other.kl)
        mean_var = _weighted_sum(a, self.mean_var, b, other.mean_var)
        return _Moments(n, a * self.mean + b * other.mean, var_mean, kl, mean_var)


def _weighted_sum(a: float, first: np.ndarray | None, b: float, second: np.ndarray | None) -> np.ndarray | None:
    """a · first + b · second of statistics that all batches have, or none."""
    if first is None and second is None:
        return None
    if first is None or second is None:
        raise InputError("batches: expected log_var in all batches or in none; received it in some; pass one kind.")
    return a * first + b * second


def _moments(mean: np.ndarray, log_var: np.ndarray | None) -> _Moments:
    center, var_mean = mean.mean(axis=0, dtype="float64"), mean.var(axis=0, dtype="float64")
    if log_var is None:
        return _Moments(len(mean), center, var_mean, None, None)
    log_var = np.broadcast_to(log_var, mean.shape)
    kl = unchecked_kl_per_unit(mean, log_var).mean(axis=0, dtype="float64")
    return _Moments(len(mean), center, var_mean, kl, np.exp(log_var).mean(axis=0, dtype="float64"))
