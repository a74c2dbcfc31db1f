"""Training images that are others in every epoch: their interface, and the callback that replaces them."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import keras
import numpy as np


@runtime_checkable
class EpochImages(Protocol):
    """Training images that are others in every epoch, of the same number and shape.

    `fit` requests the images of an epoch when it begins, and trains on them as on an array.
    """

    def of_epoch(self, epoch: int) -> np.ndarray:
        """The images of an epoch, counted from the model's first, 0: `(n, …)`."""


class ImageReplacement(keras.callbacks.Callback):
    """Replaces the images of the previous epoch at the beginning of every epoch; called before the epoch is counted.

    Args:
        images: the images of all epochs.
        set_images: called with the images of an epoch, before Keras requests its first batch.
        epochs_seen: a variable of the model that counts the epochs begun. The images of the next one are in use.
    """

    def __init__(self, images: EpochImages, set_images: Callable[[np.ndarray], object], epochs_seen: keras.Variable):
        super().__init__()
        self.images, self.set_images, self.epochs_seen = images, set_images, epochs_seen
        self._in_use = int(epochs_seen)

    def on_epoch_begin(self, epoch, logs=None):
        epoch = int(self.epochs_seen)  # counted over all `fit` calls
        if epoch != self._in_use:
            self.set_images(self.images.of_epoch(epoch))
            self._in_use = epoch
