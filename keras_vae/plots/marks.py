"""The marks of a trajectory's points in a video: circles or ellipses of their posteriors, points, or dots."""

from typing import Literal

from keras_vae.trajectory import Trajectory

MAX_CIRCLES = 1_000  # points; above, dots are drawn in place of circles and trails, which would take seconds per frame

Mark = Literal["circles", "ellipses", "points", "dots"]


def mark_of(trajectory: Trajectory, ellipses: bool = False) -> Mark:
    """The marks of a trajectory of two or three units.

    Args:
        trajectory: the shown points; those without a density are drawn as points of one size.
        ellipses: whether 1σ ellipses are wanted in place of circles; three units have circles.

    Example:
        >>> import numpy as np
        >>> steps, mean = np.arange(2), np.zeros((2, 5, 2), "float32")
        >>> [mark_of(Trajectory(steps, steps / 2, mean, log_var)) for log_var in (None, mean)]
        ['points', 'circles']
    """
    n, units = trajectory.mean.shape[1:]
    if n > MAX_CIRCLES:
        return "dots"
    if trajectory.log_var is None:
        return "points"
    return "ellipses" if ellipses and units == 2 else "circles"


def explained(trajectory: Trajectory, ellipses: bool = False) -> str:
    """What the marks of a trajectory are, for a caption; the arguments are those of `mark_of`."""
    n, units = trajectory.mean.shape[1:]
    codes = f"{n:,} codes" if trajectory.log_var is None else f"the means of {n:,} posteriors"
    return {
        "circles": f"circles: {'r² = σₓ σᵧ' if units == 2 else 'r³ = σ₁ σ₂ σ₃'} of each posterior",
        "ellipses": "ellipses: the posterior's σ along each axis",
        "points": "points: the codes",
        "dots": f"dots: {codes}",
    }[mark_of(trajectory, ellipses)]
