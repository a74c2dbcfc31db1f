"""Generated images of a white square on black, whose position and size are known generative factors."""

from typing import NamedTuple

import numpy as np

from keras_vae.errors import InputError

FACTORS = ("x", "y", "size")


class Tiles(NamedTuple):
    """Images of tiles and their factors.

    Attributes:
        images: `(n, side, side)` float32 in [0, 1]; a pixel's value is the share of it that the tile covers.
        factors: `(n, 3)` float32, in pixels: the centre from the left, the centre from the top, the tile's side.
    """

    images: np.ndarray
    factors: np.ndarray


def tiles(n: int, side: int = 28, sizes: tuple[float, float] = (4.0, 12.0), seed: int = 0) -> Tiles:
    """Generates images of one square tile each, with sizes and positions that need not be whole pixels.

    The size is uniform between the two `sizes`; the position is then uniform among those with the whole tile inside the
    image.

    Args:
        n: number of images.
        side: height and width of an image, in pixels.
        sizes: smallest and largest side of a tile, in pixels, above 0 and at most `side`.
        seed: seed of sizes and positions.

    Returns:
        `Tiles(images, factors)`.

    Raises:
        InputError: if `n` is below 1 or `sizes` is out of range.

    Example:
        >>> images, factors = tiles(3, side=8, sizes=(2, 4), seed=0)
        >>> images.shape, factors.shape
        ((3, 8, 8), (3, 3))
        >>> images.sum(axis=(1, 2)).round(2).tolist() == (factors[:, 2] ** 2).round(2).tolist()
        True
    """
    if n < 1:
        raise InputError(f"n: expected at least one image; received {n}.")
    if not 0 < sizes[0] <= sizes[1] <= side:
        raise InputError(
            f"sizes: expected (smallest, largest) above 0 and up to the image's side, {side}; received {sizes}."
        )
    rng = np.random.default_rng(seed)
    size = rng.uniform(*sizes, n)
    x, y = (rng.uniform(size / 2, side - size / 2) for _ in range(2))
    images = _coverage(y, size, side)[:, :, None] * _coverage(x, size, side)[:, None, :]
    return Tiles(images.astype("float32"), np.column_stack([x, y, size]).astype("float32"))


def read() -> dict[str, np.ndarray]:
    """The data set `tiles`: 60,000 / 10,000 images."""
    return _split(60_000, 10_000)


def read_2k() -> dict[str, np.ndarray]:
    """The data set `tiles-2k`: 1,600 / 400 images."""
    return _split(1600, 400)


def _split(n_train: int, n_test: int) -> dict[str, np.ndarray]:
    train, test = tiles(n_train, seed=0), tiles(n_test, seed=1)
    return {
        "x_train": train.images,
        "factors_train": train.factors,
        "x_test": test.images,
        "factors_test": test.factors,
    }


def _coverage(center: np.ndarray, size: np.ndarray, side: int) -> np.ndarray:
    """The share of each pixel along a line that an interval covers, `(n, side)`."""
    pixel = np.arange(side)
    first, last = (center - size / 2)[:, None], (center + size / 2)[:, None]
    return np.clip(np.minimum(pixel + 1, last) - np.maximum(pixel, first), 0.0, 1.0)
