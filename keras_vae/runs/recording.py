"""Choice of the test images and latent units that a training run records, and of the steps between records."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from keras_vae._utils import memory
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.data import Dataset
from keras_vae.errors import InputError
from keras_vae.runs.config import Config
from keras_vae.trajectory import Trajectory

MAX_KEPT_ENCODINGS = 10_000  # test images whose encodings are kept
MAX_RECORDED_UNITS = 256  # in a trajectory
MAX_RECORDING_BYTES = 256e6  # where `record_every` is not set
MAX_REQUESTED_RECORDING_BYTES = 1e9  # where it is
MAX_MONITORED_UNITS = 256  # measured several times per epoch; more units are measured at its end only
MEASUREMENTS_PER_EPOCH = 10
MIN_STEPS_BETWEEN_FRAMES = 5  # where `record_every` is not set
FIRST_STEPS = 50  # each of which is recorded: posteriors move farthest at the beginning
MAX_FIRST_STEPS_BYTES = 16e6
GROWING = ("steps", "epochs", "mean", "log_var")  # arrays of a trajectory with an axis of frames


class RecordingPlan(NamedTuple):
    """The images, units and steps that a training run records.

    Attributes:
        probes: indices of the recorded test images.
        units: indices of the recorded units, or None for all.
        frame_steps: optimizer steps between two frames of the trajectory.
        measurement_steps: optimizer steps between two measurements of the units, or None for one per epoch.
        first_steps: number of first optimizer steps after each of which a frame is recorded as well.
    """

    probes: np.ndarray
    units: np.ndarray | None
    frame_steps: int
    measurement_steps: int | None
    first_steps: int


def plan(config: Config, data: Dataset) -> RecordingPlan:
    """Derives from the configuration what a training run on this data records.

    Raises:
        InputError: if `record_every` makes a recording of more than 1 GB.
    """
    probes = choose_probes(data, config.seed, config.record_per_label)
    frame_steps = steps_between_frames(config, len(data.train), len(probes))
    measurement_steps = steps_between_measurements(config, len(data.train), frame_steps)
    first_steps = min(FIRST_STEPS, int(MAX_FIRST_STEPS_BYTES / _bytes_per_frame(config, len(probes))))
    return RecordingPlan(probes, choose_units(config), frame_steps, measurement_steps, first_steps)


def choose_probes(data: Dataset, seed: int, per_label: int) -> np.ndarray:
    """Indices of the recorded test images, chosen by the seed: one of each label, then another of each, and so on.

    Any first part of the list therefore has nearly equal numbers of all labels. Without labels, `10 · per_label`
    images.
    """
    rng = stream(seed, Stream.PROBE_IMAGES)
    order = rng.permutation(min(len(data.test), MAX_KEPT_ENCODINGS))
    if data.y_test is None:
        return order[: 10 * per_label]
    y = data.y_test[order]
    by_label = [order[y == label][:per_label] for label in np.unique(y)]
    longest = max(map(len, by_label))
    return np.array([rows[i] for i in range(longest) for rows in by_label if i < len(rows)])


def split(trajectory: Trajectory, recording_plan: RecordingPlan) -> tuple[Trajectory, Trajectory | None]:
    """The frames at multiples of `frame_steps`, with the last frame, and those between them; None if there are none.

    The first part is what is recorded without `first_steps`. The second has neither images nor labels.
    """
    between = (trajectory.steps % recording_plan.frame_steps != 0) & (trajectory.steps <= recording_plan.first_steps)
    between[-1] = False
    if not between.any():
        return trajectory, None
    regular, first = (
        replace(trajectory, **{name: array[chosen] for name, array in trajectory.arrays().items() if name in GROWING})
        for chosen in (~between, between)
    )
    return regular, replace(first, images=None, labels=None, units=None)


def kept(trajectory: Trajectory) -> Trajectory:
    """The trajectory as a run folder keeps it: images that exceed `memory.MAX_KEPT_IMAGES_BYTES` are reduced.

    They are drawn as thumbnails. Blocks of f × f pixels become their mean, with the smallest f that suffices.
    """
    images = trajectory.images
    if images is None or images.ndim < 3:
        return trajectory
    factor = math.ceil(math.sqrt(4 * images.size / memory.MAX_KEPT_IMAGES_BYTES))
    return trajectory if factor <= 1 else replace(trajectory, images=_reduced(images, factor))


def _reduced(images: np.ndarray, factor: int) -> np.ndarray:
    """Images `(n, height, width[, channels])` as means over blocks; what remains at the edges is left out."""
    n, height, width, *channels = images.shape
    rows, columns = (max(1, side // factor) for side in (height, width))
    high, wide = (min(factor, side) for side in (height, width))
    blocks = images[:, : rows * high, : columns * wide].reshape(n, rows, high, columns, wide, *channels)
    return blocks.mean(axis=(2, 4), dtype="float32")


def choose_units(config: Config) -> np.ndarray | None:
    """Indices of the recorded units, chosen by the seed; None for all, up to `MAX_RECORDED_UNITS`."""
    if config.n_units <= MAX_RECORDED_UNITS:
        return None
    return np.sort(stream(config.seed, Stream.RECORDED_UNITS).permutation(config.n_units)[:MAX_RECORDED_UNITS])


def steps_between_frames(config: Config, n_images: int, n_probes: int) -> int:
    """Optimizer steps between two frames of the trajectory.

    Returns:
        `record_every` where it is set, else 5 or as many as keep the recording under `MAX_RECORDING_BYTES`.

    Raises:
        InputError: if `record_every` makes a recording of more than 1 GB.
    """
    steps = config.epochs * math.ceil(n_images / config.batch_size)
    bytes_per_frame = _bytes_per_frame(config, n_probes)
    if config.record_every:
        size = steps / config.record_every * bytes_per_frame
        if size > MAX_REQUESTED_RECORDING_BYTES:
            raise InputError(
                f"record_every: expected steps between frames that keep the recording under 1 GB; "
                f"{config.record_every} make {size / 1e9:.1f} GB; choose a larger number."
            )
        return config.record_every
    return max(MIN_STEPS_BETWEEN_FRAMES, math.ceil(steps * bytes_per_frame / MAX_RECORDING_BYTES))


def _bytes_per_frame(config: Config, n_probes: int) -> int:
    """Bytes of the means and log variances of a frame."""
    return n_probes * min(config.n_units, MAX_RECORDED_UNITS) * 2 * 4


def steps_between_measurements(config: Config, n_images: int, frame_steps: int) -> int | None:
    """Optimizer steps between two measurements of the units, about ten per epoch.

    Args:
        config: configuration of the training run.
        n_images: number of training images.
        frame_steps: steps between two frames; the result is a multiple of it, so that frames and measurements use the
            same steps.

    Returns:
        The number of steps; None, for one measurement at the end of each epoch, with more than `MAX_MONITORED_UNITS`
        units.
    """
    if config.n_units > MAX_MONITORED_UNITS:
        return None
    steps = math.ceil(n_images / config.batch_size)
    return frame_steps * max(1, round(steps / MEASUREMENTS_PER_EPOCH / frame_steps))
