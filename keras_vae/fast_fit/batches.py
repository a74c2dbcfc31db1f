"""Batches of arrays in a given order, for Keras' `fit`: on one device, or of equal parts for several."""

import math
from typing import Any

import keras
import numpy as np

from keras_vae._utils.items import Items


class OrderedBatches(keras.utils.PyDataset):
    """The batches of arrays of one length, in the order last set; an epoch's last batch may be smaller."""

    def __init__(self, arrays: tuple[np.ndarray | Items, ...], batch_size: int):
        super().__init__()
        self.arrays, self.batch_size = arrays, batch_size
        self.set_order(np.arange(len(arrays[0])))

    def set_order(self, order: np.ndarray) -> None:
        self._order = order

    def set_images(self, images: np.ndarray) -> None:
        """Replaces the first of the arrays."""
        self.arrays = (images, *self.arrays[1:])

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.batch_size)

    def __getitem__(self, i: int) -> tuple[np.ndarray, ...]:
        rows = self._order[i * self.batch_size : (i + 1) * self.batch_size]
        return tuple(array[rows] for array in self.arrays)


def data_parallel() -> keras.distribution.DataParallel | None:
    """The distribution of data over devices that is set, on JAX; None without one."""
    if keras.backend.backend() != "jax":
        return None
    distribution = keras.distribution.distribution()
    return distribution if isinstance(distribution, keras.distribution.DataParallel) else None


class ShardedBatches(OrderedBatches):
    """Ordered batches of one size, a multiple of the number of devices: images of weight 0 fill up smaller ones.

    Keras can't divide other batches. The weighted loss of such a batch is that of its images alone. Their noise is the
    same too: JAX derives the number at each place from the seed and the place, so that added rows change no other.

    Each process receives the rows of its own devices.

    Args:
        arrays: images, and targets and weights if there are any, `(n, …)` each.
        batch_size: images per step.
        distribution: the distribution over devices.
    """

    def __init__(
        self, arrays: tuple[np.ndarray | Items, ...], batch_size: int, distribution: keras.distribution.DataParallel
    ):
        from keras_vae.fast_fit.jax import rows_of_process

        n_devices = distribution.device_mesh.devices.size
        self._size = n_devices * math.ceil(batch_size / n_devices)
        self._rows = rows_of_process(distribution, self._size)
        super().__init__(_with_weights(arrays), batch_size)

    def __getitem__(self, i: int) -> tuple[np.ndarray, ...]:
        rows = self._order[i * self.batch_size : (i + 1) * self.batch_size]
        is_image = (np.arange(self._size) < len(rows))[self._rows]
        *others, weights = (array[np.resize(rows, self._size)[self._rows]] for array in self.arrays)
        return (*others, weights * is_image)


def _with_weights(arrays: tuple[np.ndarray | Items, ...]) -> tuple[np.ndarray | Items, ...]:
    """(x, y, weight): targets of 0, which the loss ignores, and weights of 1 where there are none."""
    x, *others = arrays
    defaults = (np.zeros(len(x), "float32"), np.ones(len(x), "float32"))
    return (x, *others, *defaults[len(others) :])


def ordered_batches(arrays: tuple[np.ndarray | Items, ...], batch_size: int) -> tuple:
    """Batches for Keras' `fit` and a function that sets their order: `(batches, set_order)`."""
    if keras.backend.backend() == "tensorflow":
        from keras_vae.fast_fit.tensorflow import ordered_dataset

        return ordered_dataset(arrays, batch_size)
    batches = changeable_batches(arrays, batch_size)
    return batches, batches.set_order


def changeable_batches(arrays: tuple[np.ndarray | Items, ...], batch_size: int) -> OrderedBatches:
    """Batches made in Python, whose images can be replaced: a `tf.data.Dataset` keeps the tensors it was made of."""
    distribution = data_parallel()
    return ShardedBatches(arrays, batch_size, distribution) if distribution else OrderedBatches(arrays, batch_size)


def validation_batches(data: Any, batch_size: int) -> Any:
    """`validation_data` for Keras' `fit`: arrays as batches if they are distributed over devices, else unchanged."""
    distribution = data_parallel()
    arrays = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if distribution is None or not all(isinstance(array, np.ndarray | Items) for array in arrays):
        return data
    return ShardedBatches(arrays, batch_size, distribution)
