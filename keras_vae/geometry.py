"""Geometry of latent points: grids, interpolation paths, projections, and limits of views."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError

VIEW_MARGIN = 1.06  # side of a view, relative to the extent of the points in it
MAX_QUANTILES = 10**6  # in one unit of a grid
MIN_ARC_SINE = 1e-6  # sine of the angle between two points below which a line replaces their arc
MAX_EXACT_PCA_UNITS = 500  # for more units, PCA uses a randomised solver


def flat(codes: np.ndarray) -> np.ndarray:
    """Codes of any shape `(n, units…)` as `(n, all units)`, without a copy where the memory layout allows it.

    Raises:
        InputError: for an array of another shape.

    Example:
        >>> flat(np.zeros((3, 2, 2, 5))).shape
        (3, 20)
    """
    codes = checks.as_array("codes", codes)
    checks.require_shape("codes", codes, ("n", "units…"))
    return codes.reshape(len(codes), -1)


def prior_quantiles(n: int) -> np.ndarray:
    """The quantiles of N(0, 1) at (i + ½) / n, ascending: `n` values with equal mass between them.

    Args:
        n: number of quantiles, from 1 to 10⁶.

    Raises:
        InputError: for another number.

    Example:
        >>> prior_quantiles(3).round(2).tolist()
        [-0.97, 0.0, 0.97]
    """
    n = checks.whole("n", n, high=MAX_QUANTILES)
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def latent_grid(n: int, units: tuple[int, ...], center: np.ndarray) -> np.ndarray:
    """Latent points at the prior's quantiles in some units (usually one to four), the others as in `center`.

    Points are in reading order: within a row the first unit ascends; from row to row, top to bottom, the second unit
    descends. A third unit descends from slice to slice (of n × n points), the highest first. Of four units, the third
    ascends within a row of blocks and the fourth descends from one row of blocks to the next.

    Args:
        n: points in each unit, from 1 to 10⁶.
        units: the units along x, y, and so on, at least one, all different.
        center: `(all units,)`.

    Returns:
        `(n ** len(units), all units)` float32.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> latent_grid(2, (0, 2), np.array([0.0, 9.0, 0.0])).astype("float64").round(2).tolist()
        [[-0.67, 9.0, 0.67], [0.67, 9.0, 0.67], [-0.67, 9.0, -0.67], [0.67, 9.0, -0.67]]
    """
    center = checks.array("center", center, ("units",), dtype="float32")
    units = checks.array("units", units, ("axes",), dtype="int64", low=0, high=len(center) - 1).tolist()
    if len(set(units)) < len(units):
        raise InputError(f"units: expected different units; received {units}.")
    n = checks.whole("n", n, high=MAX_QUANTILES)
    checks.allocation("n", n, *[n] * len(units), len(center), itemsize=4)
    rising, falling = prior_quantiles(n), prior_quantiles(n)[::-1]
    axes = [falling if i % 2 else rising for i in range(len(units))]
    if len(units) == 3:
        axes[2] = falling
    columns = np.meshgrid(*axes[::-1], indexing="ij")[::-1]  # the first unit changes fastest
    z = np.tile(center, (columns[0].size, 1))
    for unit, column in zip(units, columns, strict=True):
        z[:, unit] = column.ravel()
    return z


def most_varying_units(var_mean: np.ndarray, n: int = 2) -> tuple[int, ...]:
    """The `n` units whose means have the largest variance (all units, if there are fewer), in ascending order.

    Args:
        var_mean: variance of the posterior means, of the shape of the units; units are numbered in its flat order.
        n: number of units, at least 1.

    Raises:
        InputError: for other variances or another number.

    Example:
        >>> most_varying_units([0.1, 3.0, 0.0, 2.0])
        (1, 3)
    """
    var_mean, n = checks.array("var_mean", var_mean, None, dtype=None, low=0), checks.whole("n", n)
    return tuple(sorted(np.argsort(-var_mean.ravel(), kind="stable")[:n].tolist()))


def linear_path(first: np.ndarray, last: np.ndarray, n: int) -> np.ndarray:
    """`n` points on the straight line between two points, both ends included; for images, a cross-fade.

    Args:
        first, last: the ends, of any equal shape.
        n: number of points, at least 2.

    Returns:
        `(n, …)` float32.

    Raises:
        InputError: for ends of different shapes or that are not finite, or fewer than two points.

    Example:
        >>> linear_path(np.array([0.0, 2.0]), np.array([4.0, 2.0]), 3).tolist()
        [[0.0, 2.0], [2.0, 2.0], [4.0, 2.0]]
    """
    first, last, n = _ends(first, last, n, None)
    t = np.linspace(0, 1, n, dtype="float32").reshape(-1, *[1] * first.ndim)
    path = (1 - t) * first
    path += t * last
    return path


def _ends(
    first: np.ndarray, last: np.ndarray, n: int, shape: tuple[str, ...] | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """The checked arguments of a path, the ends as float32."""
    first = checks.array("first", first, shape, dtype="float32")
    last = checks.array("last", last, first.shape, dtype="float32")
    n = checks.whole("n", n, low=2)
    checks.allocation("n", n, n, first.size, itemsize=4)
    return first, last, n


def spherical_path(first: np.ndarray, last: np.ndarray, n: int) -> np.ndarray:
    """`n` points on the arc between latent points, both ends included (Shoemake 1985).

    The angle at the origin increases evenly, so between ends of equal radius the path keeps that radius, while a
    straight line leaves the shell that holds most of the prior's mass. Where the ends have the same or opposite
    directions, or one is the origin, the arc is undefined and the straight line is returned.

    Args:
        first, last: the ends, `(pairs, units…)`.
        n: number of points, at least 2.

    Returns:
        `(n, pairs, units…)` float32.

    Raises:
        InputError: for ends of different shapes or that are not finite, or fewer than two points.

    Example:
        >>> path = spherical_path(np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]]), 3)
        >>> path[:, 0].astype("float64").round(3).tolist()
        [[2.0, 0.0], [1.414, 1.414], [0.0, 2.0]]
    """
    first, last, n = _ends(first, last, n, ("pairs", "units…"))
    a, b = flat(first), flat(last)
    norms = np.linalg.norm(a, axis=1).astype("float64") * np.linalg.norm(b, axis=1)
    angle = np.arccos(np.clip((a * b).sum(axis=1, dtype="float64") / np.where(norms > 0, norms, 1), -1, 1))
    t = np.linspace(0, 1, n)[:, None]
    has_arc = (norms > 0) & (np.sin(angle) > MIN_ARC_SINE)
    safe = np.where(has_arc, angle, 1.0)
    weight_a = np.where(has_arc, np.sin((1 - t) * safe) / np.sin(safe), 1 - t)
    weight_b = np.where(has_arc, np.sin(t * safe) / np.sin(safe), t)
    path = weight_a.astype("float32")[..., None] * a
    path += weight_b.astype("float32")[..., None] * b
    return path.reshape(n, *first.shape)


class Plane(NamedTuple):
    """A projection on two orthogonal directions.

    Attributes:
        points: `(n, 2)`; the latent space's origin stays at (0, 0).
        explained: `(2,)`, the share of the codes' variance along each direction; 0 for codes without variance.
    """

    points: np.ndarray
    explained: np.ndarray


def principal_plane(codes: np.ndarray) -> Plane:
    """Projects codes on their two principal components (PCA), without a matrix of units × units.

    Args:
        codes: `(n, units…)` of two units or more, at least two codes.

    Raises:
        InputError: for other codes, or if one is not finite.

    Example:
        >>> plane = principal_plane(np.array([[0.0, 0, 0], [4.0, 0, 0], [0, 3.0, 0], [4.0, 3.0, 0]]))
        >>> plane.points.shape, plane.explained.round(2).tolist()
        ((4, 2), [0.64, 0.36])
    """
    from sklearn.decomposition import PCA

    codes = flat(checks.array("codes", codes, ("n ≥ 2", "units…"), dtype=None))
    checks.require_shape("codes", codes, ("n ≥ 2", "units ≥ 2"))
    pca = PCA(2, svd_solver="randomized", random_state=0) if codes.shape[1] > MAX_EXACT_PCA_UNITS else PCA(2)
    with np.errstate(invalid="ignore"):  # 0 / 0 for codes without variance
        pca.fit(codes)
    return Plane(codes @ pca.components_.T, np.nan_to_num(pca.explained_variance_ratio_))


def view_from(azimuth: float, elevation: float) -> np.ndarray:
    """The orthographic view of three units from a direction.

    Args:
        azimuth: degrees around the third unit's axis, which points up; at 0 the first unit points to the right.
        elevation: degrees above the plane of the first two.

    Returns:
        `(3, 3)`, orthonormal: the columns of `points @ view` are the coordinates to the right, up, and towards the
        viewer.

    Raises:
        InputError: unless both are finite numbers.

    Example:
        >>> (np.array([1.0, 2.0, 3.0]) @ view_from(0, 0)).tolist()  # the second unit points away
        [1.0, 3.0, -2.0]
    """
    a, e = np.radians([checks.number("azimuth", azimuth), checks.number("elevation", elevation)])
    right = [np.cos(a), np.sin(a), 0]
    toward = [np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)]
    return np.column_stack([right, np.cross(toward, right), toward])


def reach(mean: np.ndarray, std: np.ndarray | None = None) -> np.ndarray:
    """The largest absolute coordinate of each point in the plane, including its circle r² = σₓ σᵧ.

    Args:
        mean: `(…, 2)` points.
        std: `(…, 2)` standard deviations, or None for points without circles.

    Returns:
        `(…,)`.

    Raises:
        InputError: if the shapes do not match, or a value is not finite.

    Example:
        >>> reach(np.array([[-3.0, 1.0]]), np.array([[0.5, 2.0]])).tolist()
        [4.0]
    """
    mean = checks.array("mean", mean, None, dtype=None)
    if mean.shape[-1:] != (2,):
        raise InputError(f"mean: expected shape (…, 2); received shape {mean.shape}.")
    std = None if std is None else checks.array("std", std, mean.shape, dtype=None, low=0)
    farthest = np.abs(mean).max(axis=-1)
    return farthest if std is None else farthest + np.sqrt(std[..., 0] * std[..., 1])


def scatter_limit(mean: np.ndarray, share: float = 0.998) -> float:
    """Half the side of a square view around the origin that shows a share of the points.

    Args:
        mean: `(n, 2)` points.
        share: share of the points that the view contains, in (0, 1].

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> scatter_limit(np.array([[0.0, -2.0], [1.0, 2.0]]))
        2.12
    """
    mean = checks.array("mean", mean, ("n", 2), dtype=None)
    share = checks.number("share", share, low=0, high=1, open_low=True)
    return VIEW_MARGIN * float(np.quantile(reach(mean), share))
