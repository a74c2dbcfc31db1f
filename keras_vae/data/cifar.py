"""Reader of CIFAR-10 and CIFAR-100: 50,000 + 10,000 colour photographs of 32 × 32 (Krizhevsky 2009)."""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_vae.data import keras_cache
from keras_vae.errors import InputError

ORIGIN = "https://www.cs.toronto.edu/~kriz/"
# Everything that a pickled batch of arrays and labels refers to.
UNPICKLED = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"),
    ("numpy", "dtype"), ("_codecs", "encode"),
}  # fmt: skip


class _Published(NamedTuple):
    """A published set of pickled batches.

    Attributes:
        title: its name in messages.
        folder: the folder within the archive.
        archive: name of the published archive.
        places: folders of Keras' cache that hold the unpacked one, by versions of Keras.
        train, test: MD5 of the pickled batches by name, as they were published.
        labels: key of the labels in a batch.
    """

    title: str
    folder: str
    archive: str
    places: tuple[str, ...]
    train: dict[str, str]
    test: dict[str, str]
    labels: str


CIFAR_10 = _Published(
    "cifar10",
    "cifar-10-batches-py",
    "cifar-10-python.tar.gz",
    ("cifar-10-batches-py-target_extracted/", "cifar-10-batches-py-target/", ""),
    {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    {"test_batch": "40351d587109b95175f43aff81a1287e"},
    "labels",
)
CIFAR_100 = _Published(
    "cifar100",
    "cifar-100-python",
    "cifar-100-python.tar.gz",
    ("cifar-100-python-target_extracted/", "cifar-100-python-target/", ""),
    {"train": "16019d7e3df5f24257cddd939b257f8d"},
    {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    "fine_labels",
)


def read_10() -> dict[str, np.ndarray]:
    """Reads CIFAR-10 from Keras' cache, or downloads it."""
    return _read(CIFAR_10)


def read_100() -> dict[str, np.ndarray]:
    """Reads CIFAR-100 with its 100 fine labels from Keras' cache, or downloads it."""
    return _read(CIFAR_100)


def _read(published: _Published) -> dict[str, np.ndarray]:
    cached = keras_cache.cache_folder()
    for place in published.places:
        arrays = _arrays(published, partial(_content, cached / place / published.folder))
        if arrays is not None:
            return arrays
    for archive in keras_cache.candidates(published.archive):
        arrays = _arrays_in_archive(published, archive)
        if arrays is not None:
            return arrays
    archive = keras_cache.download(published.title, published.archive, origin=ORIGIN)
    arrays = _arrays_in_archive(published, archive)
    if arrays is None:
        keras_cache.refuse_download(published.title, archive)
    return arrays


def _content(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def _arrays_in_archive(published: _Published, path: Path) -> dict[str, np.ndarray] | None:
    try:
        with tarfile.open(path) as archive:

            def content(name: str) -> bytes:
                member = archive.extractfile(f"{published.folder}/{name}")
                return b"" if member is None else member.read()

            return _arrays(published, content)
    except (OSError, EOFError, tarfile.TarError, zlib.error):
        return None


def _arrays(published: _Published, content: Callable[[str], bytes]) -> dict[str, np.ndarray] | None:
    """The arrays of all batches; None unless every batch is there and is the published one."""
    arrays = {}
    for part, batches in (("train", published.train), ("test", published.test)):
        images, labels = [], []
        for name, md5 in batches.items():
            try:
                pickled = content(name)
            except (OSError, KeyError):
                return None
            if hashlib.md5(pickled, usedforsecurity=False).hexdigest() != md5:
                return None
            batch = _Unpickler(io.BytesIO(pickled), encoding="bytes").load()
            images.append(batch[b"data"].reshape(-1, 3, 32, 32))
            labels.append(np.array(batch[published.labels.encode()], "uint8"))
        arrays[f"x_{part}"] = np.ascontiguousarray(np.concatenate(images).transpose(0, 2, 3, 1))
        arrays[f"y_{part}"] = np.concatenate(labels)
    return arrays


class _Unpickler(pickle.Unpickler):
    """Loads arrays and containers only."""

    def find_class(self, module, name):
        if (module, name) not in UNPICKLED:
            received = f"{module}.{name}"
            raise InputError(f"dataset: expected arrays in a batch of CIFAR; received {received}; delete the file.")
        return super().find_class(module, name)
