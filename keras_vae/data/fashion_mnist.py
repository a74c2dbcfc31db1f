"""Reader of Fashion-MNIST: 60,000 + 10,000 images of clothes of 28 × 28 (Xiao, Rasul & Vollgraf 2017)."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from keras_vae.data import keras_cache

MAX_IDX_BYTES = 50_000_000  # of an unpacked file; the largest published one has 47 MB
FOLDER = "fashion-mnist"
FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
# Of the unpacked IDX files as they were published.
IDX_MD5 = {
    "x_train": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "y_train": "9018921c3c673c538a1fc5bad174d6f9",
    "x_test": "8181f5470baa50b63fa0f6fddb340f0a",
    "y_test": "15d484375f8d13e6eb1aabb0c3f46965",
}


def read() -> dict[str, np.ndarray]:
    """Reads Fashion-MNIST from Keras' cache, or downloads it."""
    for folder in keras_cache.candidates(FOLDER):
        arrays = _read_if_valid({key: folder / file for key, file in FILES.items()})
        if keras_cache.is_published(arrays, IDX_MD5):
            return arrays
    downloaded = {key: keras_cache.download("fashion-mnist", file, FOLDER) for key, file in FILES.items()}
    arrays = _read_if_valid(downloaded)
    if not keras_cache.is_published(arrays, IDX_MD5):
        keras_cache.refuse_download("Fashion-MNIST", downloaded["x_train"].parent)
    return arrays


def _read_if_valid(paths: dict[str, Path]) -> dict[str, np.ndarray] | None:
    try:
        return {key: _read_idx(path) for key, path in paths.items()}
    except (OSError, EOFError, IndexError, ValueError, struct.error, zlib.error):  # damaged, or no gzipped IDX file
        return None


def _read_idx(path: Path) -> np.ndarray:
    """Reads a gzipped IDX file of bytes: a magic number whose last byte is the rank, the shape, the values."""
    with gzip.open(path) as file:
        raw = file.read(MAX_IDX_BYTES)
    dimensions = raw[3]
    shape = struct.unpack(f">{dimensions}i", raw[4 : 4 + 4 * dimensions])
    return np.frombuffer(raw, "uint8", offset=4 + 4 * dimensions).reshape(shape)
