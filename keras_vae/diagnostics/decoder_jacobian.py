"""Jacobian of a decoder at latent points, by central differences."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError

DEFAULT_STEP, MAX_STEP = 0.01, 1.0  # in units of z
MAX_JACOBIAN_NUMBERS = 2**24  # that are computed at once: 64 MB
MAX_UNITS = 128  # the cost and the size of JᵀJ grow with their number


def in_parts(
    decode: Callable[[np.ndarray], np.ndarray], z: np.ndarray, step: float, units: Sequence[int] | None = None
) -> Iterator[np.ndarray]:
    """The Jacobian of the decoded image with respect to z, (f(z + h e) − f(z − h e)) / 2h for each unit.

    Args:
        decode: function of latent points `(n, units…)` that returns n images, of any shape.
        z: latent points, `(n, units…)`.
        step: h, in units of z, above 0 and at most 1.
        units: the units, in the flat order of z; None for all.

    Yields:
        The transpose of J at the next points, `(points, units, pixels)` float32, as many as fit into 64 MB.

    Raises:
        InputError: unless the points are finite, of at most 128 units, and the function returns one finite image for
            each.
    """
    checks.function("decode", decode)
    z = checks.array("z", z, ("n", "units…"), dtype="float32")
    step = checks.number("step", step, 0, MAX_STEP, open_low=True)
    n_units = int(np.prod(z.shape[1:]))
    moves = step * np.eye(n_units, dtype="float32")[slice(None) if units is None else _checked(units, n_units)]
    if len(moves) > MAX_UNITS:
        raise InputError(f"z: expected at most {MAX_UNITS} units; received {len(moves)}.")
    moves = moves.reshape(-1, *z.shape[1:])
    first, size = 0, 1  # the size of an image is known when one is decoded
    while first < len(z):
        jacobian = _jacobian(decode, z[first : first + size], moves, step)
        yield jacobian
        first += size
        size = max(1, MAX_JACOBIAN_NUMBERS // (2 * jacobian[0].size))


def _checked(units: Sequence[int], n_units: int) -> list[int]:
    found = checks.array("units", units, ("axes",), dtype="int64", low=0, high=n_units - 1).tolist()
    if len(set(found)) < len(found):
        raise InputError(f"units: expected different units; received {found}.")
    return found


def _jacobian(decode: Callable[[np.ndarray], np.ndarray], z: np.ndarray, moves: np.ndarray, step: float) -> np.ndarray:
    """`(n, units, pixels)`."""
    moved = np.stack([z[:, None] + moves, z[:, None] - moves])  # (2, n, units, units…)
    images = decode(moved.reshape(-1, *z.shape[1:]))
    images = checks.array("decode", images, (2 * len(z) * len(moves), "…"), dtype="float32")
    above, below = images.reshape(2, len(z), len(moves), -1)
    return (above - below) / (2 * step)
