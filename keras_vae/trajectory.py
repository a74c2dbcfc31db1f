"""Recorded trajectories: the posteriors of fixed images at each recorded training step."""

import math
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae._utils import checks, notebook
from keras_vae._utils.files import write_npz
from keras_vae._utils.readers import read_npz
from keras_vae.errors import DamagedFileError, InputError

LOAD_ADVICE = "pass a file that Trajectory.save has written"
MAX_SHOWN_LABELS = 12
TIMES = ("steps", "epochs")  # of a frame
EPOCH_TOLERANCE = 1e-9  # rounding of sums of fractions of an epoch; single fractions such as 469 / 469 are exact


def numbered_labels(name: str, value: Any) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Labels as integers with the names of the classes, in alphabetical order; other labels as they are, and None.

    Args:
        name: name of the argument, for the message.
        value: labels.
    """
    found = checks.converted(name, value)
    if found.dtype.kind != "U" and not (found.size and all(isinstance(label, str) for label in found.flat)):
        return value, None
    names, numbers = np.unique(found.astype(str), return_inverse=True)
    return numbers.reshape(found.shape), tuple(names.tolist())


def _checked_names(value: Any) -> tuple[str, ...]:
    found = checks.converted("class_names", value)
    if found.dtype.kind != "U" or found.ndim != 1 or not found.size:
        raise InputError(f"class_names: expected a list of texts, the names of the labels 0, 1, …; received {value!r}.")
    return tuple(found.tolist())


@dataclass(frozen=True, repr=False)
class Trajectory:
    """Posterior means and log variances of fixed images (the points) during training.

    Means and log variances may hold NaN: those of a training that diverged.

    Args:
        steps: `(frames,)` int64, optimizer steps completed when the frame was recorded; 0 is the untrained model.
        epochs: `(frames,)` float64, the same in epochs: 0.5 is the middle of the first epoch.
        mean: `(frames, points, units)` float32.
        log_var: `(frames, points, units)` float32, or None for a posterior without a density.
        labels: `(points,)` integers of 0 or more, or text, which is numbered in alphabetical order; or None.
        images: `(points, height, width[, channels])`, the images themselves, or None.
        units: `(units,)` int64, the recorded latent units by their index in the model; None for all units.
        class_names: names of the labels 0, 1, …; those of labels that are text by default, else None.

    Raises:
        InputError: if the shapes do not match, or steps, epochs, labels or units are not numbers of 0 or more.

    Example:
        >>> import numpy as np
        >>> from keras_vae import Trajectory
        >>> steps = np.arange(0, 60, 5)
        >>> trajectory = Trajectory(steps, steps / 10, np.zeros((12, 4, 3), "float32"), labels=np.array([7, 3, 7, 3]))
        >>> trajectory
        Trajectory(12 frames, 4 points, 3 units, steps 0 … 55, epochs 0 … 5.5, labels)
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
    class_names: tuple[str, ...] | np.ndarray | None = None

    def __post_init__(self):
        mean = checks.as_array("mean", self.mean)
        checks.require_shape("mean", mean, ("frames", "points", "units"))
        frames, points, units = mean.shape
        arrays = {
            "steps": checks.array("steps", self.steps, (frames,), dtype=np.integer, low=0),
            "epochs": checks.array("epochs", self.epochs, (frames,), dtype=None, low=0),
            "mean": mean,
        }
        if self.log_var is not None:
            arrays["log_var"] = checks.as_array("log_var", self.log_var)
            checks.require_shape("log_var", arrays["log_var"], mean.shape)
        if self.labels is not None:
            labels, names = numbered_labels("labels", self.labels)
            arrays["labels"] = checks.array("labels", labels, (points,), dtype=np.integer, low=0)
            object.__setattr__(self, "class_names", self.class_names if names is None else names)
        if self.class_names is not None:
            object.__setattr__(self, "class_names", _checked_names(self.class_names))
        if self.images is not None:
            arrays["images"] = checks.as_array("images", self.images)
            checks.require_shape("images", arrays["images"], (points, "…"))
        if self.units is not None:
            arrays["units"] = checks.array("units", self.units, (units,), dtype=np.integer, low=0)
        for name, array in arrays.items():
            object.__setattr__(self, name, array)  # lists become arrays

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.steps)

    def __repr__(self) -> str:
        frames, points, units = self.mean.shape
        parts = [f"{frames} frames, {points} points, {units} units"]
        if frames:
            parts += [f"{key} {values[0]:g} … {values[-1]:g}" for key, values in vars(self).items() if key in TIMES]
        parts += [key for key in ("log_var", "labels", "images") if getattr(self, key) is not None]
        return f"Trajectory({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        frames, points, units = self.mean.shape
        rows: dict[str, object] = {"frames": f"{frames:,}", "points": f"{points:,}", "latent units": units}
        if frames:
            rows |= {key: f"{vars(self)[key][0]:g} … {vars(self)[key][-1]:g}" for key in TIMES}
        if self.labels is not None:
            names = self.class_names or [str(label) for label in np.unique(self.labels).tolist()]
            rows["labels"] = ", ".join(names[:MAX_SHOWN_LABELS]) + (", …" if len(names) > MAX_SHOWN_LABELS else "")
        rows["arrays"] = ", ".join(
            f"{name} {array.shape}" for name, array in self.arrays().items() if name != "class_names"
        )
        return notebook.table("Trajectory", rows)

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
        first, last = (checks.number("epochs", epoch, low=-math.inf, high=math.inf) for epoch in (first, last))
        inside = (self.epochs >= first - EPOCH_TOLERANCE) & (self.epochs <= last + EPOCH_TOLERANCE)
        if not inside.any():
            recorded = f"{self.epochs.min():g} to {self.epochs.max():g}" if len(self) else "none"
            raise InputError(
                f"epochs: expected a range that overlaps the recorded epochs ({recorded}); received {first:g} to "
                f"{last:g}."
            )
        return self._frames(inside)

    def every(self, n: int) -> "Trajectory":
        """Every nth frame, beginning with the first.

        Raises:
            InputError: unless `n` is a whole number of 1 or more.
        """
        n = checks.whole("n", n)
        return self._frames(slice(None, None, n))

    def _frames(self, which: np.ndarray | slice) -> "Trajectory":
        log_var = None if self.log_var is None else self.log_var[which]
        return replace(self, steps=self.steps[which], epochs=self.epochs[which], mean=self.mean[which], log_var=log_var)

    def merged(self, other: "Trajectory") -> "Trajectory":
        """The frames of this trajectory and those of another one at further steps, in the order of their steps.

        Args:
            other: of the same points and units; frames at steps that this trajectory has are left out.

        Raises:
            InputError: if the other trajectory has other points or units, or only one of them has log variances.

        Example:
            >>> import numpy as np
            >>> from keras_vae import Trajectory
            >>> rare = Trajectory(np.array([0, 5, 10]), np.array([0.0, 0.5, 1.0]), np.zeros((3, 1, 2)))
            >>> dense = Trajectory(np.array([0, 1, 2]), np.array([0.0, 0.1, 0.2]), np.zeros((3, 1, 2)))
            >>> rare.merged(dense).steps.tolist()
            [0, 1, 2, 5, 10]
        """
        if not isinstance(other, Trajectory):
            raise InputError(f"other: expected a Trajectory; received {type(other).__name__}.")
        if (self.log_var is None) != (other.log_var is None) or self.mean.shape[1:] != other.mean.shape[1:]:
            raise InputError(
                f"other: expected frames of {self.mean.shape[1]} points and {self.mean.shape[2]} units, as in this "
                f"trajectory; received {other.mean.shape[1]} points and {other.mean.shape[2]} units, or other arrays."
            )
        new = ~np.isin(other.steps, self.steps)
        order = np.argsort(np.concatenate([self.steps, other.steps[new]]), kind="stable")
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)[new]])[order]
            for name in ("steps", "epochs", "mean", "log_var")
            if getattr(self, name) is not None
        }
        return replace(self, **joined)

    def points(self, which: np.ndarray | list[int] | slice) -> "Trajectory":
        """A subset of the points, in their recorded order.

        Args:
            which: indices of points, a slice, or a mask `(points,)`.

        Raises:
            InputError: for an index that no point has, a mask of another length, or no point.
        """
        n_points = self.mean.shape[1]
        if not isinstance(which, slice):
            which = checks.as_array("which", which)
            if which.dtype == bool:
                checks.require_shape("which", which, (n_points,))
            else:
                which = checks.array("which", which, ("points",), dtype="int64", low=-n_points, high=n_points - 1)
        mask = np.zeros(n_points, bool)
        mask[which] = True
        if not mask.any():
            raise InputError("which: expected at least one point; received none.")

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
            InputError: if one of them was not recorded, or there is none.
        """
        chosen = checks.array("units", units, ("units",), dtype="int64").tolist()
        recorded = list(range(self.mean.shape[2])) if self.units is None else self.units.tolist()
        if not set(chosen) <= set(recorded):
            raise InputError(f"units: expected some of the recorded units {recorded}; received {chosen}.")
        columns = [recorded.index(unit) for unit in chosen]
        log_var = None if self.log_var is None else self.log_var[..., columns]
        return replace(self, mean=self.mean[..., columns], log_var=log_var, units=np.array(chosen))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are present, by name, for `np.savez`."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def save(self, path: str | Path) -> None:
        """Writes a compressed `.npz` file.

        Args:
            path: the file; `.npz` is added where it is missing.

        Raises:
            WriteError: if it can't be written; no incomplete file is left.
        """
        path = Path(path if str(path).endswith(".npz") else f"{path}.npz")
        write_npz(path, self.arrays(), compressed=True)

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Reads a file written by `save`.

        Raises:
            InputError: if there is no file.
            DamagedFileError: if it is damaged, or holds other arrays than those of a trajectory.
        """
        path = Path(path)
        arrays = read_npz(path, LOAD_ADVICE)
        known = [field.name for field in fields(cls)]
        required = {field.name for field in fields(cls) if field.default is MISSING}
        if not required <= set(arrays) <= set(known):
            received = ", ".join(arrays) or "none"
            problem = f"expected the arrays of a trajectory ({', '.join(known)}); received {received}"
            raise DamagedFileError(path, problem, LOAD_ADVICE)
        try:
            return cls(**arrays)
        except InputError as error:  # the constructor checks shapes and values, and does not know the path
            problem = f"expected a trajectory; it holds other arrays ({str(error).rstrip('.')})"
            raise DamagedFileError(path, problem, LOAD_ADVICE) from error
