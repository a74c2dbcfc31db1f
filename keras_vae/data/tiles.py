"""White tiles on black: images that a few known factors make, so that one can ask which of them a code kept."""

from typing import NamedTuple

import numpy as np

from keras_vae.errors import InputError

FACTORS = ("x", "y", "size")


class Tiles(NamedTuple):
    """Images and what made them.

    Attributes:
        images: `(n, side, side)` float32 in [0, 1]; a pixel that the tile covers in part is grey by that part.
        factors: `(n, 3)` float32, in pixels: the centre from the left, the centre from the top, the tile's side.
    """

    images: np.ndarray
    factors: np.ndarray


def tiles(n: int, side: int = 28, sizes: tuple[float, float] = (4.0, 12.0), seed: int = 0) -> Tiles:
    """`n` images of one square tile each, of a size and at a position between pixels.

    The size is uniform between the two `sizes`, then the position uniform among those that show the whole tile.

    Raises:
        InputError: if there is to be no image, or the tiles don't fit.
    """
    if n < 1:
        raise InputError(f"n: expected at least one image; received {n}.")
    if not 0 < sizes[0] <= sizes[1] <= side:
        raise InputError(f"sizes: expected (least, largest) above 0 and up to the image's side, {side}; got {sizes}.")
    rng = np.random.default_rng(seed)
    size = rng.uniform(*sizes, n)
    x, y = (rng.uniform(size / 2, side - size / 2) for _ in range(2))
    images = _covered(y, size, side)[:, :, None] * _covered(x, size, side)[:, None, :]
    return Tiles(images.astype("float32"), np.column_stack([x, y, size]).astype("float32"))


def _covered(center: np.ndarray, size: np.ndarray, side: int) -> np.ndarray:
    """The part of each pixel along a line that an interval covers, `(n, side)`."""
    pixel = np.arange(side)
    first, last = (center - size / 2)[:, None], (center + size / 2)[:, None]
    return np.clip(np.minimum(pixel + 1, last) - np.maximum(pixel, first), 0.0, 1.0)
