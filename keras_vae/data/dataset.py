"""Data sets as arrays: loading by name or path, scaling to [0, 1], digests, and binarization."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.digests import of_arrays
from keras_vae._utils.foreign_text import cleaned, is_clean
from keras_vae.data import registry
from keras_vae.data.checks import FACTOR_KEYS, as_arrays, check_factors
from keras_vae.data.images import check_images, scaled
from keras_vae.data.labels import classes
from keras_vae.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """Training and test images in [0, 1] with optional labels and generative factors.

    `load` and `from_arrays` check and scale the arrays; the constructor takes them as they are.

    Attributes:
        name: the name or path that was passed to `load`.
        x_train, x_test: images, float32 in [0, 1] of shape `(n, height, width)` or `(n, height, width, channels)`.
        y_train, y_test: class indices, integers from 0, of shape `(n,)`, or None.
        digest: SHA-256 of all arrays before scaling, with their shapes and types.
        factors_train, factors_test: the generative factors of the images, `(n, factors)`, or None where unknown.
        class_names: name of each class; None where the labels were the numbers of the classes.

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
    class_names: tuple[str, ...] | None = None

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, Any]) -> "Dataset":
        """Makes a data set of arrays in memory: checks them, scales the images, and numbers the classes.

        Args:
            name: name of the data set, in messages and titles.
            arrays: `x_train` and `x_test`, images of shape `(n, height, width)` or `(n, height, width, channels)`,
                integers 0 … 255, integers 0 and 1, booleans, or floats in [0, 1]; optionally `y_train` and `y_test`,
                labels as integers or text, one per image or one-hot, and `factors_train` and `factors_test`,
                `(n, factors)`.

        Raises:
            InputError: if an array is not usable; the message says what to do.

        Example:
            >>> import numpy as np
            >>> x = np.random.default_rng(0).integers(0, 256, (4, 8, 8), "uint8")
            >>> y = ["cat", "dog", "dog", "cat"]
            >>> data = Dataset.from_arrays("pets", {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2]})
            >>> data.y_train.tolist(), data.class_names
            ([0, 1, 1, 0], ('cat', 'dog'))
        """
        _check_name(name)
        found = as_arrays(arrays, name)
        x_train, x_test = found["x_train"], found["x_test"]
        check_images(x_train, x_test, name)
        labels = classes(found.get("y_train"), found.get("y_test"), len(x_train), len(x_test), name)
        for key, x in zip(FACTOR_KEYS, (x_train, x_test), strict=True):
            if key in found:
                check_factors(found[key], len(x), f"{key} of {name}")
        digest = of_arrays((key, _of_digest(key, found[key])) for key in sorted(found))
        x_train, x_test = scaled(x_train, x_test, name)
        return cls(
            name=name,
            x_train=x_train,
            y_train=labels.y_train,
            x_test=x_test,
            y_test=labels.y_test,
            digest=digest,
            class_names=labels.names,
            **{key: found[key] for key in FACTOR_KEYS if key in found},
        )

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
    - a path that ends in `.npz`: a file in Keras' layout, with the arrays that `Dataset.from_arrays` takes.

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
    _check_name(name)
    read = registry.find_reader(name)
    if read is None:
        raise InputError(f"dataset: expected {registry.choices()}; received {name!r}.")
    return Dataset.from_arrays(name, read())


def binarize(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws binary images, each pixel 1 with its grey value as probability (Salakhutdinov & Murray 2008).

    Args:
        images: values in [0, 1], of any shape.
        seed: seed of the draw.

    Returns:
        Zeros and ones, float32, of the same shape.

    Raises:
        InputError: if a value is outside [0, 1].

    Example:
        >>> import numpy as np
        >>> binarize(np.array([0.0, 0.5, 0.5, 1.0]), seed=1).tolist()
        [0.0, 0.0, 1.0, 1.0]
    """
    images = checks.array("images", images, None, dtype=None, low=0, high=1)
    return (np.random.default_rng(checks.seed(seed)).random(images.shape) < images).astype("float32")


def _check_name(name: str) -> None:
    """Names stand in titles, pages, files and on the terminal."""
    if not is_clean(name):
        raise InputError(
            f"dataset: expected a name without control characters and undecodable bytes; received {cleaned(name)!r}; "
            "rename the file."
        )


def _of_digest(key: str, array: np.ndarray) -> np.ndarray:
    """The array whose bytes represent the content, not its layout: a column of labels is flat, objects are text."""
    if key.startswith("y_") and array.ndim == 2 and array.shape[1] == 1:
        array = array.reshape(-1)
    return np.atleast_1d(array.astype("U") if array.dtype.kind == "O" else array)
