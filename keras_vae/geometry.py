"""The arrays behind pictures: grids of latent points, the plane to look at, the limits of a view."""

from statistics import NormalDist

import numpy as np


def prior_quantiles(n: int) -> np.ndarray:
    """`n` values between which N(0, 1) has equal mass: its quantiles at (i + ½) / n, rising."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def latent_grid(n: int, plane: tuple[int, ...], center: np.ndarray) -> np.ndarray:
    """Latent points at the prior's quantiles in one or two units, the others as in `center`.

    Args:
        n: points along each side.
        plane: the units along x and, if there is a second, y.
        center: `(units,)`.

    Returns:
        `(n, units)` or `(n · n, units)` float32, row by row from the top left (lowest x, highest y): as images
        are read.
    """
    axes = [prior_quantiles(n), prior_quantiles(n)[::-1]][: len(plane)]
    columns = np.meshgrid(*axes)
    z = np.tile(np.asarray(center, "float32"), (columns[0].size, 1))
    for unit, column in zip(plane, columns, strict=True):
        z[:, unit] = column.ravel()
    return z


def liveliest_plane(var_mean: np.ndarray) -> tuple[int, ...]:
    """The two units whose means vary most (or the only one), in rising order of their number."""
    return tuple(sorted(np.argsort(-np.asarray(var_mean), kind="stable")[:2].tolist()))


def reach(mean: np.ndarray, std: np.ndarray | None = None) -> np.ndarray:
    """How far from the origin along either axis each point goes, with the circle r² = σₓ σᵧ around it.

    Args:
        mean: `(…, 2)` points.
        std: `(…, 2)` standard deviations, or None for bare points.

    Returns:
        `(…,)`.
    """
    farthest = np.abs(mean).max(axis=-1)
    return farthest if std is None else farthest + np.sqrt(std[..., 0] * std[..., 1])


def scatter_limit(mean: np.ndarray, share: float = 0.998) -> float:
    """Half the side of a square view around the origin that shows that share of the points `(n, 2)`."""
    return 1.06 * float(np.quantile(reach(mean), share))


def trajectory_limit(mean: np.ndarray, std: np.ndarray | None = None, share: float = 0.85) -> float:
    """Half the side of a view that shows *all* points `(frames, points, 2)` in that share of the frames.

    The first steps of a training fling points far out; a view that held those frames too would leave the others
    small.
    """
    return 1.06 * float(np.quantile(reach(mean, std).max(axis=1), share))
