"""Batches of an array in an order that is a function of a seed and an epoch, of nothing else."""

import math

import keras
import numpy as np


def order_of_epoch(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order in which n images come in an epoch, counted from a model's very first."""
    return np.random.default_rng([seed, epoch]).permutation(n)


class ShuffledBatches(keras.utils.PyDataset):
    """The batches of an epoch, for Keras' `fit`; every epoch in an order of its own.

    (Keras' own shuffle can't be taken up again after a restart, and on TensorFlow with a global seed it repeats
    itself in every `fit`.)

    Args:
        arrays: x, or x, y, or x, y and sample weights, of one length.
        batch_size: images a batch; the last one of an epoch may be smaller.
        seed: behind all orders.
        epochs_seen: a variable of the model, saved with it, that counts the epochs begun.
    """

    def __init__(self, arrays: tuple[np.ndarray, ...], batch_size: int, seed: int, epochs_seen: keras.Variable):
        super().__init__()
        self.arrays, self.batch_size, self.seed, self.epochs_seen = arrays, batch_size, seed, epochs_seen
        self._order = np.arange(len(arrays[0]))

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.batch_size)

    def on_epoch_begin(self) -> None:
        # Keras asks for an epoch's iterator after this, so none of its batches can come in the order before.
        epoch = int(self.epochs_seen)
        self.epochs_seen.assign(epoch + 1)
        self._order = order_of_epoch(self.seed, epoch, len(self._order))

    def __getitem__(self, i: int) -> tuple[np.ndarray, ...]:
        rows = self._order[i * self.batch_size : (i + 1) * self.batch_size]
        return tuple(array[rows] for array in self.arrays)
