"""Decoded images of a folder as one array, in memory or in a cache beside the runs."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from keras_vae._utils.files import translated_errors
from keras_vae._utils.npy_file import NpyFile
from keras_vae._utils.readers import read_json, reason
from keras_vae.data.image_files import Content
from keras_vae.data.npy import MAX_LOADED_BYTES
from keras_vae.errors import InputError

VERSION = 1  # of the decoding
ADVICE = "delete it, so that it is made again"
NAMES = ("images.npy", "keys.npy", "kept.npy")
_LOG = logging.getLogger(__name__)


class Decoded(NamedTuple):
    """Decoded images.

    Attributes:
        x: bytes `(n, height, width[, 3])`, in memory or read from the cache in parts.
        keys: of their files' contents, uint64 `(n,)`; see `splitting.content_key`.
        kept: indices of the files that were not damaged, `(n,)`.
        steps: what was done to the images.
    """

    x: np.ndarray | NpyFile
    keys: np.ndarray
    kept: np.ndarray
    steps: tuple[str, ...]


def key(files: Sequence[Path], folder: Path, options: Sequence[Any]) -> str:
    """A digest of the files' names, sizes and times of change, and of the options; 16 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps([VERSION, str(folder.resolve()), options]).encode())
    for file in files:
        with contextlib.suppress(OSError):  # a link to nothing, which is reported when it is read
            found = file.stat()
            name = os.fsencode(os.path.relpath(file, folder))
            digest.update(name + f"\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def read(place: Path) -> Decoded | None:
    """Decoded images from a folder of the cache; None unless it is complete."""
    try:
        images, keys, kept = (NpyFile(place / name, ADVICE) for name in NAMES)
        steps = read_json(place / "steps.json", ADVICE)
    except InputError:
        return None
    if not (len(images) == len(keys) == len(kept) and len(images)):
        return None
    x = images if images.nbytes > MAX_LOADED_BYTES else images[:]
    return Decoded(x, keys[:], kept[:], tuple(steps))


def collect(
    decoded: Iterable[tuple[int, Content]],
    n: int,
    shape: tuple[int, ...],
    steps: tuple[str, ...],
    place: Path | None,
    folder: Path,
) -> Decoded:
    """Collects decoded images in the cache, or in memory if there is none or it can't be written.

    Args:
        decoded: index and content of each image that was not damaged.
        n: the largest possible number of images.
        shape: of each image.
        steps: what was done to the images.
        place: folder of the cache to write, or None.
        folder: the folder of the images, for messages.

    Raises:
        InputError: if all images are damaged.
    """
    with _writer(place, (n, *shape)) as images:
        keys, kept = [], []
        for i, content in decoded:
            images.append(content.pixels)
            keys.append(content.key)
            kept.append(i)
        if not kept:
            raise InputError(f"{folder}: expected images; all are damaged; pass a folder with images.")
        made = Decoded(images.finish(), np.array(keys, "uint64"), np.array(kept, "int64"), steps)
        images.keep(made)
    return (read(place) if place is not None else None) or made


class _InMemory:
    """Images that are collected in an array."""

    def __init__(self, shape: tuple[int, ...]):
        self._x, self._n = np.empty(shape, "uint8"), 0

    def append(self, pixels: np.ndarray) -> None:
        self._x[self._n] = pixels
        self._n += 1

    def finish(self) -> np.ndarray:
        return self._x[: self._n]

    def keep(self, made: Decoded) -> None:
        """Nothing is written."""


class _OnDisk:
    """Images that are collected in a file, whose folder is renamed to its place when it is complete."""

    def __init__(self, place: Path, temporary: Path, file: IO[bytes], shape: tuple[int, ...]):
        self._place, self._temporary, self._file, self._shape, self._n = place, temporary, file, shape, 0
        self._write_header(shape[0])

    def _write_header(self, n: int) -> None:
        # NumPy pads the header so that its length does not depend on the number of items.
        described = {"descr": "|u1", "fortran_order": False, "shape": (n, *self._shape[1:])}
        np.lib.format.write_array_header_1_0(self._file, described)

    def append(self, pixels: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(pixels).data)
        self._n += 1

    def finish(self) -> NpyFile:
        self._file.seek(0)
        self._write_header(self._n)
        self._file.flush()
        return NpyFile(self._temporary / NAMES[0], ADVICE)

    def keep(self, made: Decoded) -> None:
        np.save(self._temporary / NAMES[1], made.keys)
        np.save(self._temporary / NAMES[2], made.kept)
        (self._temporary / "steps.json").write_text(json.dumps(made.steps), encoding="utf-8")
        self._file.close()
        shutil.rmtree(self._place, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process has put the same images there
            os.rename(self._temporary, self._place)


@contextlib.contextmanager
def _writer(place: Path | None, shape: tuple[int, ...]) -> Iterator[_InMemory | _OnDisk]:
    if place is None:
        yield _InMemory(shape)
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=place.parent))
    except OSError as error:
        _LOG.warning("%s: the decoded images are not kept there (%s).", place.parent, reason(error))
        yield _InMemory(shape)
        return
    try:
        with translated_errors(place), open(temporary / NAMES[0], "wb+") as file:
            yield _OnDisk(place, temporary, file, shape)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
