"""Recorded trajectories: the posteriors of fixed images at each recorded training step."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import InputError

EPOCH_TOLERANCE = 1e-9  # rounding of sums of fractions of an epoch; single fractions such as 469 / 469 are exact


@dataclass(frozen=True)
class Trajectory:
    """Posterior means and log variances of fixed images (the points) during training.

    Args:
        steps: `(frames,)` int64, optimizer steps completed when the frame was recorded; 0 is the untrained model.
        epochs: `(frames,)` float64, the same in epochs: 0.5 is the middle of the first epoch.
        mean: `(frames, points, units)` float32.
        log_var: `(frames, points, units)` float32, or None for a posterior without a density.
        labels: `(points,)` integers, or None.
        images: `(points, height, width[, channels])`, the images themselves, or None.
        units: `(units,)` int64, the recorded latent units by their index in the model; None for all units.

    Raises:
        InputError: if the shapes do not match.

    Example:
        >>> import numpy as np
        >>> from keras_vae import Trajectory
        >>> steps = np.arange(0, 60, 5)
        >>> trajectory = Trajectory(steps, steps / 10, np.zeros((12, 4, 3), "float32"), labels=np.array([7, 3, 7, 3]))
        >>> trajectory.between(1, 2).epochs.tolist()
        [1.0, 1.5, 2.0]
        >>> trajectory.one_per_label().of_units(2, 0).mean.shape
        (12, 2, 2)
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
                    f"{name}: expected shape {shape} for means of shape {self.mean.shape}; received {array.shape}."
                )
        if self.images is not None and len(self.images) != points:
            raise InputError(f"images: expected one for each of {points} points; received {len(self.images)}.")

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.steps)

    @property
    def std(self) -> np.ndarray | None:
        """`(frames, points, units)` standard deviations, or None."""
        return None if self.log_var is None else np.exp(0.5 * self.log_var)

    def between(self, first: float, last: float) -> "Trajectory":
        """The frames from epoch `first` to epoch `last`, both included.

        (1, 10) is from the start of the second epoch to the end of the tenth.

        Raises:
            InputError: if no frame is between them.
        """
        inside = (self.epochs >= first - EPOCH_TOLERANCE) & (self.epochs <= last + EPOCH_TOLERANCE)
        if not inside.any():
            recorded = f"{self.epochs.min():g} to {self.epochs.max():g}" if len(self) else "none"
            raise InputError(
                f"epochs: expected a range that overlaps the recorded epochs ({recorded}); received {first:g} to "
                f"{last:g}."
            )
        return self._frames(inside)

    def every(self, n: int) -> "Trajectory":
        """Every nth frame, beginning with the first."""
        return self._frames(slice(None, None, n))

    def _frames(self, which: np.ndarray | slice) -> "Trajectory":
        log_var = None if self.log_var is None else self.log_var[which]
        return replace(self, steps=self.steps[which], epochs=self.epochs[which], mean=self.mean[which], log_var=log_var)

    def points(self, which: np.ndarray | list[int] | slice) -> "Trajectory":
        """A subset of the points, in their recorded order.

        Args:
            which: indices of points, a slice, or a mask `(points,)`.
        """
        mask = np.zeros(self.mean.shape[1], bool)
        mask[which] = True

        return replace(
            self,
            mean=np.compress(mask, self.mean, 1),
            log_var=None if self.log_var is None else np.compress(mask, self.log_var, 1),
            labels=None if self.labels is None else np.compress(mask, self.labels, 0),
            images=None if self.images is None else np.compress(mask, self.images, 0),
        )

    def one_per_label(self) -> "Trajectory":
        """The first point of each label.

        Raises:
            InputError: if the trajectory has no labels.
        """
        if self.labels is None:
            raise InputError(
                "labels: expected a trajectory with labels, to select one point per label; received one without; "
                "record it with labels."
            )
        return self.points(np.unique(self.labels, return_index=True)[1])

    def of_units(self, *units: int) -> "Trajectory":
        """A subset of the recorded units, in the given order.

        Args:
            units: their indices in the model.

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
        """The arrays that are present, by name, for `np.savez`."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def save(self, path: str | Path) -> None:
        """Writes a compressed `.npz` file."""
        arrays: dict[str, Any] = self.arrays()  # Any: for numpy's type hints a name could be that of an option
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Reads a file written by `save`."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})
