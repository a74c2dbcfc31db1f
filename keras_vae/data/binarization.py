"""Dynamic binarization: binary images that are drawn anew for every epoch of a training."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream

NUMBERS_PER_CHUNK = 2**20  # pixels that are drawn with one generator; determines the draws
MAX_CHUNKS = 2**32  # of one epoch
MAX_THREADS = 8


class DynamicBinarization:
    """Grey images as the probabilities of binary ones, which `VAE.fit` draws anew for every epoch.

    Each pixel is 1 with its grey value as probability (Salakhutdinov & Murray 2008; Burda et al. 2016). The same draw
    is the encoder's input and the target of the reconstruction. The draws of an epoch are a function of the seed and of
    the number of epochs that the model has been trained, so that a continued training is the same as an uninterrupted
    one.

    Args:
        images: values in [0, 1], of shape `(n, …)`.
        seed: seed of the draws; 0 or more.

    Raises:
        InputError: if a value is outside [0, 1], or the seed is negative.

    Example:
        >>> import numpy as np
        >>> images = DynamicBinarization(np.full((2, 3), 0.5, "float32"), seed=1)
        >>> images.of_epoch(0).tolist(), images.of_epoch(1).tolist()
        ([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]], [[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    """

    def __init__(self, images: np.ndarray, seed: int = 0):
        self.images = np.ascontiguousarray(checks.array("images", images, ("n", "…"), dtype="float32", low=0, high=1))
        self.seed = checks.seed(seed)

    def __len__(self) -> int:
        return len(self.images)

    def of_epoch(self, epoch: int) -> np.ndarray:
        """The binary images of an epoch, counted from 0: zeros and ones, float32, of the shape of `images`."""
        drawn = np.empty(self.images.shape, "float32")
        probabilities, flat = self.images.reshape(-1), drawn.reshape(-1)
        starts = range(0, flat.size, NUMBERS_PER_CHUNK)
        draw = partial(self._draw, probabilities, flat, MAX_CHUNKS * epoch)
        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
            list(pool.map(draw, range(len(starts)), starts))  # raises what a thread raised
        return drawn

    def _draw(self, probabilities: np.ndarray, drawn: np.ndarray, first: int, chunk: int, start: int) -> None:
        part = slice(start, start + NUMBERS_PER_CHUNK)
        noise = stream(self.seed, Stream.BINARY_IMAGES, first + chunk).random(probabilities[part].size, "float32")
        np.less(noise, probabilities[part], out=drawn[part])
