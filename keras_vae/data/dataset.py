"""Data sets as arrays: loading by name or path, scaling to [0, 1], digests, and binarization."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_vae.data import registry
from keras_vae.data.checks import FACTOR_KEYS, check_arrays
from keras_vae.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """Training and test images in [0, 1] with optional labels and generative factors.

    Attributes:
        name: the name or path that was passed to `load`.
        x_train, x_test: images, float32 in [0, 1] of shape `(n, height, width)` or `(n, height, width, channels)`.
        y_train, y_test: integer labels of shape `(n,)`, or None.
        digest: SHA-256 of all arrays before scaling, with their shapes and types.
        factors_train, factors_test: the generative factors of the images, `(n, factors)`, or None where unknown.

    Example:
        >>> import numpy as np
        >>> x = np.zeros((4, 8, 8), "float32")
        >>> data = Dataset("zeros", x_train=x, y_train=None, x_test=x[:2], y_test=None, digest="")
        >>> data.image_shape
        (8, 8)
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    digest: str
    factors_train: np.ndarray | None = None
    factors_test: np.ndarray | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image: `(height, width)` or `(height, width, channels)`."""
        return self.x_train.shape[1:]


def load(name: str | Path) -> Dataset:
    """Loads a registered data set by its name, or images from a file.

    - `mnist`, `fashion-mnist`: read from Keras' cache (`$KERAS_HOME/datasets`, by default `~/.keras/datasets`), else
      downloaded. Files in the cache are neither deleted nor overwritten.
    - `mnist-5k`: 5,000 of MNIST's training digits, split into 4,000 / 1,000; included in the installation.
    - `tiles`: 60,000 / 10,000 generated images of a white square on black (see `keras_vae.data.tiles`), with its
      position and size as factors; `tiles-2k` has 1,600 / 400.
    - a path that ends in `.npz`: a file in Keras' layout with `x_train` and `x_test`, integers 0 … 255 or floats
      0 … 1; optionally labels `y_train` and `y_test`, and generative factors `factors_train` and `factors_test` of
      shape `(n, factors)`.

    `keras_vae.data.register` adds a data set to this list, `keras_vae.data.register_format` a file format.

    Args:
        name: one of these names, or a path.

    Returns:
        A `Dataset`: images scaled to [0, 1], with labels and factors where there are any.

    Raises:
        InputError: if the data set is unknown or damaged, can't be downloaded, or its arrays are not valid.

    Example:
        >>> data = load("mnist-5k")
        >>> data.x_train.shape, data.x_test.shape
        ((4000, 28, 28), (1000, 28, 28))
        >>> data.y_test[:5].tolist()
        [0, 8, 3, 8, 8]
    """
    name = str(name)
    read = registry.find_reader(name)
    if read is None:
        raise InputError(f"dataset: expected {registry.choices()}; received {name!r}.")
    arrays = check_arrays(read(), name)
    return Dataset(
        name=name,
        x_train=_scaled(arrays["x_train"]),
        y_train=arrays.get("y_train"),
        x_test=_scaled(arrays["x_test"]),
        y_test=arrays.get("y_test"),
        digest=_digest(arrays),
        **{key: arrays[key] for key in FACTOR_KEYS if key in arrays},
    )


def binarize(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws binary images, each pixel 1 with its grey value as probability (Salakhutdinov & Murray 2008).

    Args:
        images: values in [0, 1], of any shape.
        seed: seed of the draw.

    Returns:
        Zeros and ones, float32, of the same shape.

    Example:
        >>> import numpy as np
        >>> binarize(np.array([0.0, 0.5, 0.5, 1.0]), seed=1).tolist()
        [0.0, 0.0, 1.0, 1.0]
    """
    return (np.random.default_rng(seed).random(images.shape) < images).astype("float32")


def _scaled(x: np.ndarray) -> np.ndarray:
    return x.astype("float32") / np.float32(255) if x.dtype.kind in "ui" else x.astype("float32", copy=False)


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
