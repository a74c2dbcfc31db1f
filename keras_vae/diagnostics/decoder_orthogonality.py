"""Orthogonality of a decoder: whether its units change the image in orthogonal directions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_vae.diagnostics import decoder_jacobian
from keras_vae.errors import InputError


class Orthogonality(NamedTuple):
    """How far the columns of a decoder's Jacobian are from orthogonal, at single points and on average.

    Attributes:
        distance: the mean of `distances`, the distance to orthogonality.
        distance_error: its standard error over points; NaN for a single one.
        cosine: the mean of `cosines`.
        cosine_error: its standard error over points.
        distances: ‖V − P(V)‖_F at each point, `(n,)`; NaN where fewer than two columns differ from 0.
        cosines: the largest |cos| of the angle between two columns at each point, `(n,)`; NaN there too.
        singular_ratios: at each point the largest ratio, at most 1, of a singular value to the next larger one, `(n,)`;
            near 1, V is not determined.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> decode = lambda z: z @ np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])  # columns at 45°
        >>> found = diagnostics.distance_to_orthogonality(decode, np.zeros((3, 2)))
        >>> round(found.cosine, 3), found.distances.shape
        (0.707, (3,))
    """

    distance: float
    distance_error: float
    cosine: float
    cosine_error: float
    distances: np.ndarray
    cosines: np.ndarray
    singular_ratios: np.ndarray


def distance_to_orthogonality(
    decode: Callable[[np.ndarray], np.ndarray],
    z: np.ndarray,
    step: float = decoder_jacobian.DEFAULT_STEP,
    units: Sequence[int] | None = None,
) -> Orthogonality:
    """How far the columns of a decoder's Jacobian J are from orthogonal (Rolínek, Zietlow and Martius 2019).

    With the singular value decomposition J = U Σ Vᵀ, of pixels × units, the distance at a point is

        ‖V − P(V)‖_F,  P(V) the nearest signed permutation matrix:  √(2d − 2 max_π Σᵢ |V_iπ(i)|)  for d units.

    It is 0 if each unit moves the image along one left singular vector, so that the columns of J are orthogonal. For
    two units whose singular directions are rotated by θ ≤ 45° it is 2√2 sin(θ/2): at most 1.082, and 0.548 on average
    over rotations.

    Where singular values are equal, V is determined up to a rotation of their directions, and where they are nearly
    equal, columns that are nearly orthogonal may have any V. The largest |cos| of two columns does not depend on that
    choice, nor on the scales of the units; `singular_ratios` shows where it matters. With a small noise variance σ² the
    best diagonal posterior of two units with this cosine is −½ ln(1 − cos²) nats from the exact one.

    J is computed by central differences, see `magnification`.

    Args:
        decode: function of latent points `(n, units…)` that returns n images, of any shape.
        z: latent points, such as the means of test images, `(n, units…)`.
        step: h, in units of z, above 0 and at most 1.
        units: the units whose columns are compared, in the flat order of z, two or more; None for all. Those of
            collapsed units are small, of random directions: `np.flatnonzero(units(mean, log_var).active)` leaves them
            out. Columns that are exactly 0 are left out at their points.

    Returns:
        `Orthogonality`.

    Raises:
        InputError: unless the points are finite, the units from 2 to 128, and the function returns one finite image for
            each point.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> angle = np.radians(30.0)
        >>> turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        >>> decode = lambda z: z @ turn @ np.diag([3.0, 1.0])
        >>> found = diagnostics.distance_to_orthogonality(decode, np.zeros((1, 2)))
        >>> round(found.distance, 3), round(float(2 * np.sqrt(2) * np.sin(angle / 2)), 3)
        (0.732, 0.732)
        >>> round(diagnostics.distance_to_orthogonality(lambda z: 5.0 * z, np.zeros((1, 2))).distance, 3)
        0.0
    """
    parts = [_at_points(jacobian) for jacobian in decoder_jacobian.in_parts(decode, z, step, units)]
    distances, cosines, ratios = np.concatenate(parts, axis=1)
    return Orthogonality(*_mean_and_error(distances), *_mean_and_error(cosines), distances, cosines, ratios)


def _at_points(jacobian: np.ndarray) -> np.ndarray:
    """Distance, cosine and ratio of singular values at each point, `(3, points)`, from `(points, units, pixels)`."""
    _, n_units, pixels = jacobian.shape
    if n_units < 2:
        raise InputError(f"z: expected at least 2 units; received {n_units}.")
    if pixels < n_units:
        raise InputError(f"decode: expected images of at least {n_units} pixels, one for each unit; received {pixels}.")
    columns = jacobian.astype("float64")
    return np.array([_of_columns(rows[rows.any(axis=1)]) for rows in columns]).T


def _of_columns(columns: np.ndarray) -> tuple[float, float, float]:
    """Distance, cosine and ratio of singular values of the columns of J, `(columns, pixels)`, none of which is 0."""
    from scipy.optimize import linear_sum_assignment  # which takes long to import

    n = len(columns)
    if n < 2:
        return np.nan, np.nan, np.nan
    v, singular, _ = np.linalg.svd(columns, full_matrices=False)
    matched = np.abs(v)[linear_sum_assignment(np.abs(v), maximize=True)].sum()
    directions = columns / np.linalg.norm(columns, axis=1, keepdims=True)
    cosines = np.abs(directions @ directions.T)[np.triu_indices(n, 1)]
    larger, smaller = singular[:-1], singular[1:]
    ratios = np.divide(smaller, larger, out=np.ones(n - 1), where=larger > 0)  # two that are 0 are equal
    return float(np.sqrt(max(2.0 * (n - matched), 0.0))), float(cosines.max()), float(ratios.max())


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of the values that are known."""
    known = values[~np.isnan(values)]
    error = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
    return float(known.mean()) if len(known) else np.nan, float(error)
