"""The arrays behind pictures: grids of latent points, the plane to look at, the limits of a view."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np


def flat(codes: np.ndarray) -> np.ndarray:
    """Codes of any shape `(n, units…)` as `(n, all units)`, without a copy."""
    return codes.reshape(len(codes), -1)


def prior_quantiles(n: int) -> np.ndarray:
    """`n` values between which N(0, 1) has equal mass: its quantiles at (i + ½) / n, rising."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def latent_grid(n: int, units: tuple[int, ...], center: np.ndarray) -> np.ndarray:
    """Latent points at the prior's quantiles in some units (one to four, as a rule), the others as in `center`.

    In order of reading: within a row the first unit rises; from row to row, top to bottom, the second one falls.
    A third unit falls from slice to slice (one of n × n points), the highest first. Of four units, the third
    rises within a row of blocks and the fourth falls from one row of blocks to the next.

    Args:
        n: points in each unit.
        units: the units along x, y, and so on.
        center: `(all units,)`.

    Returns:
        `(n ** len(units), all units)` float32.
    """
    rising, falling = prior_quantiles(n), prior_quantiles(n)[::-1]
    axes = [falling if i % 2 else rising for i in range(len(units))]
    if len(units) == 3:
        axes[2] = falling
    columns = np.meshgrid(*axes[::-1], indexing="ij")[::-1]  # the first unit changes fastest
    z = np.tile(np.asarray(center, "float32"), (columns[0].size, 1))
    for unit, column in zip(units, columns, strict=True):
        z[:, unit] = column.ravel()
    return z


def most_varying_units(var_mean: np.ndarray, n: int = 2) -> tuple[int, ...]:
    """The `n` units whose means vary most (or all, if there are fewer), in rising order of their number."""
    return tuple(sorted(np.argsort(-np.ravel(var_mean), kind="stable")[:n].tolist()))


def linear_path(first: np.ndarray, last: np.ndarray, n: int) -> np.ndarray:
    """`n` points on the straight line between points `(…, units…)`, both ends included: `(n, …, units…)`.

    Of images it is their cross-fade.
    """
    t = np.linspace(0, 1, n, dtype="float32").reshape(-1, *[1] * np.ndim(first))
    path = (1 - t) * np.asarray(first, "float32")
    path += t * np.asarray(last, "float32")
    return path


def spherical_path(first: np.ndarray, last: np.ndarray, n: int) -> np.ndarray:
    """`n` points on the arc between latent points `(pairs, units…)`: `(n, pairs, units…)` (Shoemake 1985).

    The angle at the origin grows evenly, so the path keeps the radius of its ends, where a straight line cuts
    through the shell that the prior's mass lies in. Where the ends point in one direction, in opposite ones, or
    one is the origin, the line is taken: there is no arc, or any.
    """
    a, b = flat(np.asarray(first, "float32")), flat(np.asarray(last, "float32"))
    norms = np.linalg.norm(a, axis=1).astype("float64") * np.linalg.norm(b, axis=1)
    angle = np.arccos(np.clip((a * b).sum(axis=1, dtype="float64") / np.where(norms > 0, norms, 1), -1, 1))
    t = np.linspace(0, 1, n)[:, None]
    bent = (norms > 0) & (np.sin(angle) > 1e-6)
    safe = np.where(bent, angle, 1.0)
    weight_a = np.where(bent, np.sin((1 - t) * safe) / np.sin(safe), 1 - t)
    weight_b = np.where(bent, np.sin(t * safe) / np.sin(safe), t)
    path = weight_a.astype("float32")[..., None] * a
    path += weight_b.astype("float32")[..., None] * b
    return path.reshape(n, *np.shape(first))


class Plane(NamedTuple):
    """A projection on two directions that are orthogonal to each other.

    Attributes:
        points: `(n, 2)`; the latent space's origin stays at (0, 0).
        explained: the share of the codes' variance along each direction.
    """

    points: np.ndarray
    explained: np.ndarray


def principal_plane(codes: np.ndarray) -> Plane:
    """Codes `(n, units…)` of two units or more on their two principal components (PCA).

    No matrix of units × units is built.
    """
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="randomized", random_state=0) if flat(codes).shape[1] > 500 else PCA(2)
    pca.fit(flat(codes))
    return Plane(flat(codes) @ pca.components_.T, pca.explained_variance_ratio_)


def view_from(azimuth: float, elevation: float) -> np.ndarray:
    """The orthographic view of three units from a direction.

    Args:
        azimuth: degrees around the third unit's axis, which points up; from 0 the first unit points to the right.
        elevation: degrees above the plane of the first two.

    Returns:
        `(3, 3)`, orthonormal: `points @ view` are, by column, to the right, up, and towards the eye.
    """
    a, e = np.radians([azimuth, elevation])
    right = [np.cos(a), np.sin(a), 0]
    toward = [np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)]
    return np.column_stack([right, np.cross(toward, right), toward])


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
    """Half the side of a view that shows *all* points `(frames, points, units)` in that share of the frames.

    The first steps of a training fling points far out; a view that held those frames too would leave the others
    small. Three units count by their distance from the origin, from wherever they are seen.
    """
    if mean.shape[-1] == 3:
        distance = np.linalg.norm(mean, axis=-1)
        mean = np.stack([distance, np.zeros_like(distance)], axis=-1)
        std = None if std is None else np.repeat(std.prod(axis=-1, keepdims=True) ** (1 / 3), 2, axis=-1)
    return 1.06 * float(np.quantile(reach(mean, std).max(axis=1), share))
