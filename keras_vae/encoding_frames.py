"""Frames of a recording: the encodings of fixed images at successive training steps, which become a `Trajectory`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError
from keras_vae.trajectory import Trajectory, numbered_labels

MAX_RECORDING_BYTES = 10**9


class PointLabels(NamedTuple):
    """Labels of the recorded images.

    Attributes:
        numbers: `(points,)` integers of 0 or more, or None.
        names: of the labels 0, 1, … where they were text; else None.
    """

    numbers: np.ndarray | None
    names: tuple[str, ...] | None


def point_labels(name: str, value: Any, points: int | None) -> PointLabels:
    """Labels of any kind that a recorder takes, or None, as integers.

    Args:
        name: of the argument.
        value: `(points,)` whole numbers of 0 or more, or text, or None.
        points: number of images; None if it is not known.

    Raises:
        InputError: if they are others, or not one for each image.
    """
    if value is None:
        return PointLabels(None, None)
    value, names = numbered_labels(name, value)
    numbers = checks.array(name, value, ("points", "…"), dtype=np.integer, low=0).reshape(-1)
    if points is not None and len(numbers) != points:
        raise InputError(f"{name}: expected a label for each of {points} images; received {len(numbers)}.")
    return PointLabels(numbers, names)


class EncodingFrames:
    """Means and log variances of q(z | x) of the same images, frame by frame; what all recorders keep.

    Args:
        owner: name of the recorder, for messages.
        labels: of the images.
        units: indices of the latent units to keep; None for all.
    """

    def __init__(self, owner: str, labels: PointLabels, units: Any = None):
        self.labels = labels
        self.units = None if units is None else _checked_units(units)
        self._owner = owner
        self._means: list[np.ndarray] = []
        self._log_vars: list[np.ndarray] = []

    def __len__(self) -> int:
        """The number of frames."""
        return len(self._means)

    def append(self, mean: np.ndarray, log_var: np.ndarray | None) -> None:
        """Adds a frame.

        Args:
            mean: `(points, all units)`.
            log_var: of that shape, or `(points, 1)` for one variance of all units; None without a density.

        Raises:
            InputError: if the model lacks one of the units, or the recording becomes too large.
        """
        chosen = slice(None) if self.units is None else self.units
        if self.units is not None and self.units.max() >= mean.shape[1]:
            raise InputError(
                f"units: expected numbers from 0 to {mean.shape[1] - 1}, the model's latent units; received "
                f"{self.units.tolist()}."
            )
        kept = mean[:, chosen].astype("float32")
        self._check_size(len(self) + 1, *kept.shape)
        self._means.append(kept)
        if log_var is not None:
            # An isotropic posterior has one variance for all units.
            self._log_vars.append(np.broadcast_to(log_var, mean.shape)[:, chosen].astype("float32"))

    def cut(self, frames: int) -> None:
        """Discards the frames after the first `frames`."""
        del self._means[frames:], self._log_vars[frames:]

    def restore(self, trajectory: Trajectory) -> None:
        """Replaces the frames by those of a trajectory; later frames have the same units."""
        self.units = trajectory.units
        self._means = list(trajectory.mean)
        self._log_vars = [] if trajectory.log_var is None else list(trajectory.log_var)

    def check_size(self, frames: int) -> None:
        """Refuses a recording of so many frames, of which there is one, if it exceeds `MAX_RECORDING_BYTES`.

        Raises:
            InputError: with the size.
        """
        self._check_size(frames, *self._means[0].shape)

    def _check_size(self, frames: int, points: int, units: int) -> None:
        size = frames * points * units * 2 * 4
        if size > MAX_RECORDING_BYTES:
            raise InputError(
                f"{self._owner}: expected a recording under {MAX_RECORDING_BYTES / 1e9:g} GB; {frames} frames of "
                f"{points} images and {units} units take {size / 1e9:.1f} GB; choose fewer units=, fewer images or "
                "fewer frames."
            )

    def trajectory(
        self, steps: Sequence[int], epochs: Sequence[float], images: np.ndarray | None, first: int = 0
    ) -> Trajectory:
        """The frames from `first` on; there must be one.

        Args:
            steps, epochs: of all frames.
            images: of the points, or None.
            first: a negative index counts from the end.
        """
        return Trajectory(
            steps=np.array(steps[first:], "int64"),
            epochs=np.array(epochs[first:], "float64"),
            mean=np.stack(self._means[first:]),
            log_var=np.stack(self._log_vars[first:]) if self._log_vars else None,
            labels=self.labels.numbers,
            images=images,
            units=self.units,
            class_names=self.labels.names,
        )


def _checked_units(value: Any) -> np.ndarray:
    units = checks.as_array("units", value).reshape(-1)
    if not units.size:
        raise InputError("units: expected at least one latent unit to record; received none.")
    return checks.array("units", units, ("units",), dtype="int64", low=0)
