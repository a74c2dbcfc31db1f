"""Batches of arrays in an order that depends only on a seed and the epoch's number."""

import math
from collections.abc import Callable

import keras
import numpy as np


def order_of_epoch(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order of n images in an epoch: a permutation `(n,)`. Epochs are counted from the model's first, 0.

    Example:

    >>> from keras_vae.fast_fit.epoch_order import order_of_epoch
    >>> sorted(order_of_epoch(seed=0, epoch=3, n=4).tolist())
    [0, 1, 2, 3]
    """
    return np.random.default_rng([seed, epoch]).permutation(n)


class EpochOrder(keras.callbacks.Callback):
    """Puts images in a new order at the beginning of every epoch.

    (Keras' own shuffle cannot be continued after a restart, and on TensorFlow with a global seed it repeats
    itself in every `fit`.)

    Args:
        set_order: called with the order, before Keras requests the epoch's first batch.
        seed: seed of all orders.
        n: number of images.
        epochs_seen: a variable of the model, saved with it, that counts the epochs begun.
    """

    def __init__(self, set_order: Callable[[np.ndarray], object], seed: int, n: int, epochs_seen: keras.Variable):
        super().__init__()
        self.set_order, self.seed, self.n, self.epochs_seen = set_order, seed, n, epochs_seen

    def on_epoch_begin(self, epoch, logs=None):
        epoch = int(self.epochs_seen)  # counted over all `fit` calls
        self.epochs_seen.assign(epoch + 1)
        self.set_order(order_of_epoch(self.seed, epoch, self.n))


class OrderedBatches(keras.utils.PyDataset):
    """The batches of arrays of one length, in the order last set; an epoch's last batch may be smaller."""

    def __init__(self, arrays: tuple[np.ndarray, ...], batch_size: int):
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


def ordered_batches(arrays: tuple[np.ndarray, ...], batch_size: int) -> tuple:
    """Batches for Keras' `fit` and a function that sets their order: `(batches, set_order)`."""
    if keras.backend.backend() == "tensorflow":
        from keras_vae.fast_fit.tensorflow import ordered_dataset

        return ordered_dataset(arrays, batch_size)
    batches = OrderedBatches(arrays, batch_size)
    return batches, batches.set_order
