"""Pacing of trajectory videos: the moving average that is shown, and the recorded frame of each video frame."""

import itertools
import math
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError
from keras_vae.plots import camera
from keras_vae.trajectory import Trajectory

HOLD_SECONDS = 1.2  # of the first and of the last frame
MAX_REPEATS = 6  # video frames per recorded frame
WINDOW_SHARE = 0.05  # of the recorded epochs, in the default window of the moving average
EARLY_SHARE = 0.125  # half the window, relative to the steps done so far: early changes are not averaged away
LOG_STEP_SHARE = 0.35  # of the duration that is distributed evenly over log(step), whatever the points do
RADIUS_WEIGHT = 0.25  # of a change of log radius, in half sides of the view
MAX_CHUNK_NUMBERS = 2_000_000  # averaged at a time
MAX_PACED_POINTS = 1_000  # whose median displacement sets the pace

Pace = Literal["travel", "recorded"]


def default_window(trajectory: Trajectory) -> float:
    """The default window of the moving average, in epochs: 5 % of what is recorded, with two significant digits.

    Example:
        >>> default_window(Trajectory(np.arange(5), np.arange(5) * 2.5, np.zeros((5, 1, 2))))
        0.5
    """
    epochs = trajectory.epochs
    span = float(epochs[-1] - epochs[0]) if len(epochs) else 0.0
    return float(f"{WINDOW_SHARE * span:.2g}")


def smoothed(trajectory: Trajectory, window: float) -> Trajectory:
    """Moving averages of the means and log variances, at the recorded steps.

    The window is centred. At step s it reaches at most s / 8 steps to either side, so the frame before training is
    exact; at the end it contains only the recorded half.

    Args:
        trajectory: a recording with steps in ascending order.
        window: width in epochs; 0 returns the trajectory itself.

    Example:
        >>> mean = np.array([0.0, 5.0, 5.0, 6.0, 4.0]).reshape(5, 1, 1)
        >>> early, late = (Trajectory(np.arange(5) * 8 + start, np.arange(5.0), mean) for start in (0, 80))
        >>> smoothed(early, window=2.0).mean.ravel().tolist()  # steps 0 to 32: the window reaches less than a frame
        [0.0, 5.0, 5.0, 6.0, 4.0]
        >>> smoothed(late, window=2.0).mean.ravel().astype("float64").round(2).tolist()
        [2.5, 3.33, 5.33, 5.0, 5.0]
    """
    window = checks.number("smooth", window, low=0)
    steps, epochs = trajectory.steps.astype("float64"), trajectory.epochs
    if not window or len(steps) < 3 or epochs[-1] <= epochs[0]:
        return trajectory
    half = np.minimum(0.5 * window * (steps[-1] - steps[0]) / (epochs[-1] - epochs[0]), EARLY_SHARE * steps)
    first = np.searchsorted(steps, steps - half, side="left")
    last = np.searchsorted(steps, steps + half, side="right")
    spacing = np.gradient(steps)  # frames may be denser in one half of a window than in the other
    averaged = {
        name: _averaged(values, first, last, spacing)
        for name, values in (("mean", trajectory.mean), ("log_var", trajectory.log_var))
        if values is not None
    }
    return replace(trajectory, **averaged)


def _averaged(values: np.ndarray, first: np.ndarray, last: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means over the frames from `first` to before `last`, of values `(frames, points, units)`."""
    frames, points, units = values.shape
    result = np.empty(values.shape, "float32")
    total = np.concatenate([[0.0], np.cumsum(weights)])
    of_window = (total[last] - total[first])[:, None, None]
    chunk = max(1, MAX_CHUNK_NUMBERS // (frames * units))
    for start in range(0, points, chunk):
        part = np.s_[:, start : start + chunk]
        sums = np.zeros((frames + 1, *values[part].shape[1:]))
        np.cumsum(values[part] * weights[:, None, None], axis=0, out=sums[1:])
        result[part] = (sums[last] - sums[first]) / of_window
    alone = last - first == 1
    result[alone] = values[alone]  # without the rounding of sums
    return result


def schedule(trajectory: Trajectory, pace: Pace = "travel", seconds: float = 20.0, fps: float = 30.0) -> np.ndarray:
    """The recorded frame that each video frame shows.

    With `pace="travel"` the first and the last frame are held for 1.2 seconds. Between them, a part of the training is
    shown the longer, the farther the points travel on the screen, with a share that is even in log(step). A recorded
    frame is repeated at most six times, so a short recording makes a shorter video.

    Args:
        trajectory: two or three units, as shown.
        pace: "travel", or "recorded" for one video frame per recorded frame.
        seconds: duration of a video paced by travel.
        fps: video frames per second.

    Returns:
        Indices of recorded frames, `(video frames,)`, which never decrease.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> mean = np.zeros((100, 1, 2))
        >>> mean[:, 0, 0] = np.minimum(np.arange(100) / 10, 2)  # moves during the first 20 steps
        >>> frames = schedule(Trajectory(np.arange(100), np.arange(100.0), mean), seconds=4, fps=30)
        >>> len(frames), bool((frames[:36] == 0).all()), bool((frames[-36:] == 99).all())
        (120, True, True)
        >>> bool((np.diff(frames)[36:50] <= 2).all())  # few frames are skipped while the point moves
        True
    """
    if pace not in get_args(Pace):
        raise InputError(f"pace: expected travel or recorded; received {pace!r}.")
    seconds, fps = checks.number("seconds", seconds, 0, open_low=True), checks.number("fps", fps, low=1)
    n = len(trajectory)
    if pace == "recorded" or n < 2:
        return np.arange(n)
    hold = max(1, round(HOLD_SECONDS * fps))
    durations = _durations(_effort(trajectory), max(1, round(seconds * fps) - 2 * hold))
    shown_until = np.cumsum(durations)  # the time at which the next recorded frame is reached
    times = np.arange(1, math.floor(shown_until[-1] + 1e-6) + 1)
    moving = np.searchsorted(shown_until, times, side="right")
    return np.concatenate([np.zeros(hold, int), np.minimum(moving, n - 1), np.full(hold, n - 1)])


def _effort(trajectory: Trajectory) -> np.ndarray:
    """Duration that each interval between recorded frames deserves, `(frames - 1,)`, in arbitrary units."""
    sides = camera.envelope(camera.extents(trajectory))
    chosen = slice(0, None, max(1, -(-trajectory.mean.shape[1] // MAX_PACED_POINTS)))
    mean = trajectory.mean[:, chosen]
    travelled = np.array(
        [np.median(np.linalg.norm(after - before, axis=-1)) for before, after in itertools.pairwise(mean)]
    )
    travelled = travelled / sides[1:] + np.abs(np.diff(np.log(sides)))
    if trajectory.log_var is not None:
        radii = np.median(trajectory.log_var[:, chosen].mean(axis=2), axis=1) / 2
        travelled += RADIUS_WEIGHT * np.abs(np.diff(radii))
    start = 0.02 * trajectory.steps[-1] + 1  # steps before it count about evenly
    even = np.diff(np.log(trajectory.steps + start))
    total = travelled.sum()
    if total <= 0:
        return np.ones(len(even))
    return (1 - LOG_STEP_SHARE) * travelled / total + LOG_STEP_SHARE * even / max(even.sum(), 1e-9)


def _durations(effort: np.ndarray, n: int) -> np.ndarray:
    """Durations in video frames, proportional to the effort up to `MAX_REPEATS`, of `n` frames in all if possible."""
    if len(effort) * MAX_REPEATS <= n:
        return np.full(len(effort), float(MAX_REPEATS))
    low, high = 0.0, n / max(effort.max(), 1e-9)
    while np.minimum(high * effort, MAX_REPEATS).sum() < n and high < 1e12:
        high *= 2
    for _ in range(60):
        factor = (low + high) / 2
        low, high = (factor, high) if np.minimum(factor * effort, MAX_REPEATS).sum() < n else (low, factor)
    return np.minimum(high * effort, MAX_REPEATS)
