"""The units of a latent space through a training: when each came alive, and when it died."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN, UnitStatistics, _classified


class Lifetimes(NamedTuple):
    """When each unit lived, in epochs, `(units,)` float64.

    Attributes:
        born: the first measurement after training began that found the unit active; NaN if none did.
        died: the first measurement from which on it was never active again; NaN for one that is alive at the
            end or never lived.
    """

    born: np.ndarray
    died: np.ndarray

    @property
    def alive(self) -> np.ndarray:
        return ~np.isnan(self.born) & np.isnan(self.died)


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

    def lifetimes(self) -> Lifetimes:
        """When each unit came alive and died.

        A unit must have lived to die. What an untrained encoder puts out varies from image to image too, since its
        weights are random; the first measurement therefore doesn't count.
        """
        active, epochs = self.active[self.epochs > 0], self.epochs[self.epochs > 0]
        frames = np.arange(len(epochs))[:, None]
        first = np.where(active, frames, len(epochs)).min(axis=0, initial=len(epochs))
        last = np.where(active, frames, -1).max(axis=0, initial=-1)
        times = np.append(epochs, np.nan)  # after the last measurement nothing is known
        born = times[first]
        died = np.where(last < 0, np.nan, times[last + 1])
        return Lifetimes(born, died)

    def frames(self) -> list[UnitStatistics]:
        """The measurements one by one."""
        absent = [None] * len(self.steps)
        kl = absent if self.kl is None else self.kl
        mean_var = absent if self.mean_var is None else self.mean_var
        return [_classified(*row) for row in zip(kl, self.var_mean, mean_var, strict=True)]

    def arrays(self) -> dict[str, np.ndarray]:
        """What is there, by name: for `np.savez`."""
        return {name: array for name, array in vars(self).items() if array is not None}
