"""Published data sets in Keras' cache folder: download, and validation by the digests of their arrays.

Keras' own loader deletes a cached file whose hash it doesn't know when its download then fails (seen in 3.15), so it
is not used here: cached files are only read, and downloads go to a separate folder beside them.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import NoReturn, TypeGuard

import numpy as np

from keras_vae._utils.keras_import import import_keras
from keras_vae._utils.user_folders import home
from keras_vae.errors import DamagedFileError, InputError

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
DOWNLOADS = "keras_vae"  # folder inside Keras' cache


def cache_folder() -> Path:
    """Keras' folder of data sets: `$KERAS_HOME/datasets`, by default `~/.keras/datasets`."""
    return Path(os.environ.get("KERAS_HOME") or home() / ".keras") / "datasets"


def candidates(path: str) -> tuple[Path, Path]:
    """Places of a cached file or folder: where Keras keeps it, and where `download` does."""
    return cache_folder() / path, cache_folder() / DOWNLOADS / path


def download(name: str, file: str, folder: str = "", origin: str = ORIGIN) -> Path:
    """Downloads a file of a data set into this package's folder inside Keras' cache.

    Args:
        name: name of the data set, for the error message.
        file: name of the file at `origin` and in the cache.
        folder: subfolder of the download folder.
        origin: address of the folder that holds the file.

    Returns:
        Path of the downloaded file.

    Raises:
        InputError: if the download fails.
    """
    keras = import_keras()
    try:
        path = keras.utils.get_file(
            fname=file,
            origin=origin + file,
            cache_dir=cache_folder().parent,
            cache_subdir=Path("datasets", DOWNLOADS, folder),
        )
    except Exception as error:  # Keras raises a bare Exception
        damaged = [str(path) for path in candidates(str(Path(folder, file))) if os.path.lexists(path)]
        found = f"{damaged[0]} is damaged or another file, and there is no network" if damaged else "found neither"
        reason = str(error).rpartition(" -- ")[2]  # of the network; the exceptions behind it are many pages
        raise InputError(
            f"dataset: expected {name} in {cache_folder()} (KERAS_HOME/datasets) or a network to download it; {found} "
            f"({reason}); use dataset='mnist-5k', which needs no download, or dataset='FILE.npz'."
        ) from None
    return Path(path)


def refuse_download(name: str, path: Path) -> NoReturn:
    """Raises the error of a downloaded file or folder that doesn't hold the published data set."""
    raise DamagedFileError(
        path,
        f"expected the published {name}; it is damaged or another file",
        "delete it, so that it is downloaded again",
    )


def is_published(arrays: dict[str, np.ndarray] | None, md5: dict[str, str]) -> TypeGuard[dict[str, np.ndarray]]:
    """Whether these are the published arrays, by their digests, whatever file format they were stored in.

    Args:
        arrays: by name, or None where the file was not readable.
        md5: by name, of the unpacked IDX files as they were published.
    """
    if arrays is None or set(arrays) != set(md5):
        return False
    return all(idx_md5(arrays[key]) == digest for key, digest in md5.items())


def idx_md5(array: np.ndarray) -> str:
    """MD5 of an array as an IDX file of bytes: a magic number, the shape, the values."""
    header = struct.pack(f">{1 + array.ndim}i", 0x0800 + array.ndim, *array.shape)
    return hashlib.md5(header + array.astype("uint8").tobytes(), usedforsecurity=False).hexdigest()
