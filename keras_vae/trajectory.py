"""A recorded trajectory: where the posteriors of a few images stood at each recorded step of a training."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from keras_vae.errors import InputError


@dataclass(frozen=True)
class Trajectory:
    """Means and log variances of fixed images (the points) through training.

    Attributes:
        steps: `(frames,)` int64, optimizer steps done when the frame was recorded; 0 is the untrained model.
        epochs: `(frames,)` float64, the same in epochs: 0.5 is the middle of the first.
        mean: `(frames, points, units)` float32.
        log_var: `(frames, points, units)` float32, or None where the posterior has no density.
        labels: `(points,)` integers, or None.
        images: `(points, height, width[, channels])` the images themselves, or None.
        units: `(units,)` int64, which latent units were recorded.
    """

    steps: np.ndarray
    epochs: np.ndarray
    mean: np.ndarray
    log_var: np.ndarray | None = None
    labels: np.ndarray | None = None
    images: np.ndarray | None = None
    units: np.ndarray | None = None

    def __post_init__(self):
        frames, points, units = self.mean.shape
        expected = {
            "steps": (frames,),
            "epochs": (frames,),
            "log_var": (frames, points, units),
            "labels": (points,),
            "units": (units,),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise InputError(
                    f"{name}: expected shape {shape} beside means of {self.mean.shape}; received {array.shape}."
                )
        if self.images is not None and len(self.images) != points:
            raise InputError(f"images: expected one for each of {points} points; received {len(self.images)}.")

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def std(self) -> np.ndarray | None:
        """`(frames, points, units)` standard deviations, or None."""
        return None if self.log_var is None else np.exp(0.5 * self.log_var)

    def between(self, first: float, last: float) -> "Trajectory":
        """The frames from epoch `first` to epoch `last`, both included: (1, 10) is from the start of the
        second epoch to the end of the tenth.

        Raises:
            InputError: if no frame lies between them.
        """
        # Fractions such as 469 / 469 are exact, but sums of them need a little room.
        inside = (self.epochs >= first - 1e-9) & (self.epochs <= last + 1e-9)
        if not inside.any():
            recorded = f"{self.epochs.min():g} to {self.epochs.max():g}" if len(self) else "nothing"
            raise InputError(
                f"epochs: expected a part of what was recorded ({recorded}); received {first:g} to {last:g}."
            )
        return self._frames(inside)

    def every(self, n: int) -> "Trajectory":
        """Every nth frame."""
        return self._frames(slice(None, None, n))

    def _frames(self, which) -> "Trajectory":
        log_var = None if self.log_var is None else self.log_var[which]
        return replace(self, steps=self.steps[which], epochs=self.epochs[which], mean=self.mean[which], log_var=log_var)

    def points(self, which) -> "Trajectory":
        """The points that `which` (indices or a mask) chooses."""

        def choose(array, axis):
            return None if array is None else np.compress(_mask(which, self.mean.shape[1]), array, axis)

        return replace(
            self,
            mean=choose(self.mean, 1),
            log_var=choose(self.log_var, 1),
            labels=choose(self.labels, 0),
            images=choose(self.images, 0),
        )

    def one_per_label(self) -> "Trajectory":
        """The first point of each label."""
        if self.labels is None:
            raise InputError("labels: expected a trajectory with labels to choose one point a label; it has none.")
        return self.points(np.unique(self.labels, return_index=True)[1])

    def of_units(self, *units: int) -> "Trajectory":
        """Some of the recorded units, by their number in the model.

        Raises:
            InputError: if one of them was not recorded.
        """
        recorded = list(range(self.mean.shape[2])) if self.units is None else self.units.tolist()
        if not set(units) <= set(recorded):
            raise InputError(f"units: expected some of the recorded units {recorded}; received {units}.")
        columns = [recorded.index(unit) for unit in units]
        log_var = None if self.log_var is None else self.log_var[..., columns]
        return replace(self, mean=self.mean[..., columns], log_var=log_var, units=np.array(units))

    def arrays(self) -> dict[str, np.ndarray]:
        """What is there, by name: for `np.savez`."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def save(self, path: str | Path) -> None:
        """Writes an `.npz`."""
        np.savez_compressed(path, **self.arrays())

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})


def _mask(which, length: int) -> np.ndarray:
    mask = np.zeros(length, bool)
    mask[which] = True
    return mask
