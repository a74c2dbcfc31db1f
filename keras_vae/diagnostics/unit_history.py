"""The units of a latent space through a training: when each came alive, and when it died."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN, UnitStatistics, _classified

SUSTAINED = 1.0  # epochs


class ActivePeriods(NamedTuple):
    """When each unit lived, in epochs, `(units,)` float64.

    Attributes:
        born: the first measurement of a spell in which the unit was active for a whole epoch or more; NaN if there
            was none.
        died: the first measurement after the last such spell, if a whole epoch or more passed since without
            another; NaN for a unit that is alive at the end or never lived.
    """

    active_from: np.ndarray
    collapsed_at: np.ndarray

    @property
    def alive(self) -> np.ndarray:
        return ~np.isnan(self.active_from) & np.isnan(self.collapsed_at)


@dataclass(frozen=True)
class UnitHistory:
    """Statistics of latent units, measured again and again during a training.

    Attributes:
        steps: `(frames,)` int64, optimizer steps done at each measurement; 0 is the untrained model.
        epochs: `(frames,)` float64, the same in epochs.
        var_mean, kl, mean_var: `(frames, units)`, as in `UnitStatistics`; the last two None without a density.
    """

    steps: np.ndarray
    epochs: np.ndarray
    var_mean: np.ndarray
    kl: np.ndarray | None = None
    mean_var: np.ndarray | None = None

    @property
    def active(self) -> np.ndarray:
        """`(frames, units)`, by Burda's criterion."""
        return self.var_mean > ACTIVE_VAR_MEAN

    def active_periods(self) -> ActivePeriods:
        """When each unit came alive and died.

        A unit must have lived to die: been active for a whole epoch. Shorter spells are the noise of the first
        steps, and the untrained encoder's, whose random weights make its means vary too.
        """
        later = self.epochs > 0
        times = [self._lifetime(unit, self.epochs[later]) for unit in self.active[later].T]
        born, died = np.array(times, "float64").reshape(-1, 2).T
        return ActivePeriods(born, died)

    @staticmethod
    def _lifetime(active: np.ndarray, epochs: np.ndarray) -> tuple[float, float]:
        """When one unit was born and died, from whether it was `active` at each of the `epochs`."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]])))
        spells = edges.reshape(-1, 2)  # first measurement inside, first one after
        lived = [(a, b) for a, b in spells.tolist() if epochs[b - 1] - epochs[a] >= SUSTAINED - 1e-9]
        if not lived:
            return np.nan, np.nan
        end = lived[-1][1]
        dead = end < len(epochs) and epochs[-1] - epochs[end] >= SUSTAINED - 1e-9
        return epochs[lived[0][0]], epochs[end] if dead else np.nan

    def frames(self) -> list[UnitStatistics]:
        """The measurements one by one."""
        absent = [None] * len(self.steps)
        kl = absent if self.kl is None else self.kl
        mean_var = absent if self.mean_var is None else self.mean_var
        return [_classified(*row) for row in zip(kl, self.var_mean, mean_var, strict=True)]

    def arrays(self) -> dict[str, np.ndarray]:
        """What is there, by name: for `np.savez`."""
        return {name: array for name, array in vars(self).items() if array is not None}
