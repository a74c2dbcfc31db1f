"""Statistics of latent units over the course of training, and the periods in which units are active."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN, UnitStatistics, classify_units

MIN_ACTIVE_EPOCHS = 1.0  # shorter periods, active or inactive, do not count
EPOCH_TOLERANCE = 1e-9  # rounding of the differences between epochs


class ActivePeriods(NamedTuple):
    """When each unit became active and when it collapsed, in epochs; each `(units,)` float64.

    Attributes:
        active_from: epoch of the first measurement in the first period in which the unit was active for a whole epoch
            or more; NaN if there was none.
        collapsed_at: epoch of the first measurement after the last such period, if a whole epoch or more follows it;
            NaN for a unit that is active at the end or never was.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> periods = diagnostics.ActivePeriods(np.array([1.0, 1.0, np.nan]), np.array([np.nan, 3.0, np.nan]))
        >>> periods.active_at_end.tolist()
        [True, False, False]
    """

    active_from: np.ndarray
    collapsed_at: np.ndarray

    @property
    def active_at_end(self) -> np.ndarray:
        """`(units,)` booleans."""
        return ~np.isnan(self.active_from) & np.isnan(self.collapsed_at)


@dataclass(frozen=True)
class UnitHistory:
    """Statistics of latent units, measured repeatedly during a training.

    Attributes:
        steps: `(frames,)` int64, optimizer steps completed at each measurement; 0 is the untrained model.
        epochs: `(frames,)` float64, the same in epochs.
        var_mean, kl, mean_var: `(frames, units)`, as in `UnitStatistics`; the last two are None for a posterior
            without a density. They may hold NaN: those of a training that diverged.

    Raises:
        InputError: if the shapes do not match, or steps or epochs are not numbers of 0 or more.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> var_mean = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.0], [0.5, 0.0]])
        >>> history = diagnostics.UnitHistory(10 * np.arange(5), np.arange(5.0), var_mean)
        >>> history.active_periods().collapsed_at.tolist()
        [nan, 3.0]
    """

    steps: np.ndarray
    epochs: np.ndarray
    var_mean: np.ndarray
    kl: np.ndarray | None = None
    mean_var: np.ndarray | None = None

    def __post_init__(self):
        var_mean = checks.as_array("var_mean", self.var_mean)
        checks.require_shape("var_mean", var_mean, ("frames", "units"))
        shape, frames = var_mean.shape, len(var_mean)
        arrays = {
            "steps": checks.array("steps", self.steps, (frames,), dtype="int64", low=0),
            "epochs": checks.array("epochs", self.epochs, (frames,), dtype=None, low=0),
            "var_mean": var_mean,
        }
        for name in ("kl", "mean_var"):
            if getattr(self, name) is not None:
                arrays[name] = checks.as_array(name, getattr(self, name))
                checks.require_shape(name, arrays[name], shape)
        for name, array in arrays.items():
            object.__setattr__(self, name, array)

    @property
    def active(self) -> np.ndarray:
        """`(frames, units)` booleans: `var_mean` above 0.01 (Burda et al. 2016)."""
        return self.var_mean > ACTIVE_VAR_MEAN

    def active_periods(self) -> ActivePeriods:
        """When each unit became active and when it collapsed.

        Only periods of a whole epoch or more count: shorter ones are noise of the first steps. The untrained model is
        left out, since its random weights make the means vary as well.

        Raises:
            InputError: if a variance is not finite.
        """
        checks.array("var_mean", self.var_mean, None, dtype=None)
        trained = self.epochs > 0
        times = [self._active_period(unit, self.epochs[trained]) for unit in self.active[trained].T]
        active_from, collapsed_at = np.array(times, "float64").reshape(-1, 2).T
        return ActivePeriods(active_from, collapsed_at)

    @staticmethod
    def _active_period(active: np.ndarray, epochs: np.ndarray) -> tuple[float, float]:
        """When one unit became active and when it collapsed, from its activity `(frames,)` at the `epochs`."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]])))
        periods = edges.reshape(-1, 2)  # first frame of the period, first frame after it
        shortest = MIN_ACTIVE_EPOCHS - EPOCH_TOLERANCE
        sustained = [(a, b) for a, b in periods.tolist() if epochs[b - 1] - epochs[a] >= shortest]
        if not sustained:
            return np.nan, np.nan
        end = sustained[-1][1]
        collapsed = end < len(epochs) and epochs[-1] - epochs[end] >= shortest
        return epochs[sustained[0][0]], epochs[end] if collapsed else np.nan

    def frames(self) -> list[UnitStatistics]:
        """The measurements, one by one."""
        absent = [None] * len(self.steps)
        kl = absent if self.kl is None else self.kl
        mean_var = absent if self.mean_var is None else self.mean_var
        return [classify_units(*row) for row in zip(kl, self.var_mean, mean_var, strict=True)]

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are present, by name, for `np.savez`."""
        return {name: array for name, array in vars(self).items() if array is not None}
