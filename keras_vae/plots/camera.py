"""The view of a trajectory video: half the side of its square at every frame, and the length of its scale bar."""

import math

import numpy as np

from keras_vae import geometry
from keras_vae._utils import checks
from keras_vae.plots import visuals
from keras_vae.trajectory import Trajectory

MARGIN = 1.1  # half the side, relative to the extent of the circles
EASE_SECONDS = 0.3  # before and after a change of the extent


def extents(trajectory: Trajectory) -> np.ndarray:
    """The largest absolute coordinate of all circles in each frame, `(frames,)`; of three units, from any direction.

    Raises:
        InputError: if a value is not finite, or there are other than two or three units.

    Example:
        >>> mean = np.array([[[0.0, 0.0]], [[-3.0, 1.0]]])
        >>> extents(Trajectory(np.arange(2), np.arange(2.0), mean, np.zeros((2, 1, 2)))).tolist()
        [1.0, 4.0]
    """
    return np.array(
        [
            _extent(trajectory.mean[i], None if trajectory.log_var is None else np.exp(0.5 * trajectory.log_var[i]))
            for i in range(len(trajectory))
        ]
    )


def _extent(mean: np.ndarray, std: np.ndarray | None) -> float:
    if mean.shape[-1] == 3:
        distance = np.linalg.norm(mean, axis=-1)
        mean = np.stack([distance, np.zeros_like(distance)], axis=-1)
        std = None if std is None else np.repeat(std.prod(axis=-1, keepdims=True) ** (1 / 3), 2, axis=-1)
    return float(geometry.reach(mean, std).max())


def envelope(extents: np.ndarray) -> np.ndarray:
    """The smallest view that contains every frame, and that grows up to the largest extent and shrinks after it.

    Args:
        extents: `(frames,)`.

    Returns:
        Half the side for each frame, `(frames,)`, at least 2.25: the prior's 2σ circle.

    Example:
        >>> envelope(np.array([1.0, 3.0, 2.5, 6.0, 3.0, 4.0, 2.0])).round(1).tolist()
        [2.2, 3.3, 3.3, 6.6, 4.4, 4.4, 2.2]
    """
    extents = checks.array("extents", extents, ("frames",), low=0)
    peak = int(extents.argmax())
    grown = np.maximum.accumulate(extents[: peak + 1])
    shrunk = np.maximum.accumulate(extents[peak:][::-1])[::-1]
    return np.maximum(MARGIN * np.concatenate([grown[:-1], shrunk]), visuals.MIN_LIMIT)


def limits(extents: np.ndarray, fps: float = 30.0) -> np.ndarray:
    """Half the side of the view at every video frame: `envelope`, eased in time.

    The logarithm of the envelope is replaced by its maximum over 0.3 s before and after, which is then averaged over
    the same time. The result is smooth and nowhere below the envelope.

    Args:
        extents: `(video frames,)`, as returned by `extents`.
        fps: video frames per second.

    Example:
        >>> sides = limits(np.array([1.0] * 30 + [20.0] * 30))
        >>> sides[[0, 30, 59]].round(2).tolist()
        [2.25, 22.0, 22.0]
    """
    wanted = np.log(envelope(extents))
    reach = max(1, round(EASE_SECONDS * checks.number("fps", fps, low=1)))
    width = 2 * reach + 1
    padded = np.pad(wanted, 2 * reach, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    kernel = np.hanning(width + 2)[1:-1]
    eased = np.convolve(highest, kernel / kernel.sum(), mode="valid")
    return np.exp(np.maximum(eased, wanted))  # the maximum removes the rounding of the average


def round_length(limit: float, share: float = 0.4) -> float:
    """The length of a scale bar: the largest of 1, 2, 5, 10, … (and 0.5, 0.2, …) up to a share of half the side.

    Example:
        >>> [round_length(limit) for limit in (2.25, 5.0, 30.0)]
        [0.5, 2.0, 10.0]
    """
    bound = share * checks.number("limit", limit, 0, open_low=True)
    power = 10.0 ** math.floor(math.log10(bound))
    length = max(step * power for step in (1, 2, 5) if step * power <= bound * (1 + 1e-9))
    return float(f"{length:.1g}")
