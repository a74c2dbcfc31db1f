"""Reader of MNIST: 60,000 + 10,000 handwritten digits of 28 × 28 (LeCun, Bottou, Bengio & Haffner 1998)."""

import numpy as np

from keras_vae.data import keras_cache, npz

FILE = "mnist.npz"
# Of the unpacked IDX files as they were published.
IDX_MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}


def read() -> dict[str, np.ndarray]:
    """Reads MNIST from Keras' cache, or downloads it."""
    for path in keras_cache.candidates(FILE):
        arrays = npz.read_if_valid(path)
        if keras_cache.is_published(arrays, IDX_MD5):
            return arrays
    downloaded = keras_cache.download("mnist", FILE)
    arrays = npz.read_if_valid(downloaded)
    if not keras_cache.is_published(arrays, IDX_MD5):
        keras_cache.refuse_download("MNIST", downloaded)
    return arrays
