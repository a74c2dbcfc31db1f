"""Reading of untrusted `.npz` files: sizes are checked before memory is used, and pickles are refused."""

import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from keras_vae._utils import memory
from keras_vae.errors import DamagedFileError, InputError

MIN_CHECKED_BYTES = 64e6  # smaller files are read without a look at the free memory
MAX_HEADER_BYTES = 16_384  # of an array in the file; NumPy writes a few hundred
REPLACE = "replace it by an intact file"
# Raised by `zipfile` and by the decompressors for damaged, encrypted and unsupported archives. Among them, ValueError
# includes UnicodeDecodeError, and RuntimeError includes NotImplementedError and RecursionError.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError, RuntimeError, OSError,
)  # fmt: skip
# Raised by NumPy for a damaged header of an array, which it parses as a Python literal.
_HEADER_ERRORS = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


def read_npz(
    path: str | Path,
    *,
    names: Collection[str] | None = None,
    max_bytes: float | None = None,
    extra_bytes_per_number: int = 0,
    advice: str = REPLACE,
) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file.

    The size that each array's header states is compared with the size of its data in the archive and, for all arrays
    together, with the free memory, before any array is read.

    Args:
        path: the file.
        names: names of the arrays to read, where they exist; all by default.
        max_bytes: largest size in memory; the free memory by default, where the system reports it.
        extra_bytes_per_number: memory that the caller needs in addition for each number that is read.
        advice: what to do about a damaged file, for the error message.

    Raises:
        DamagedFileError: if the file is not an intact archive of arrays of numbers or text.
        InputError: if there is no such file, it can't be opened, or its arrays don't fit into memory.
    """
    path = Path(path)
    with _open(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, names, path, advice)
                _check_size(members, extra_bytes_per_number, max_bytes, path)
                return {name: _read_array(archive, member.info) for name, member in members.items()}
        except (DamagedFileError, InputError):
            raise
        except MemoryError as error:  # the system reported more free memory than it gives
            raise InputError(f"{path}: expected arrays that fit into memory; they don't; make them smaller.") from error
        except _ARCHIVE_ERRORS as error:
            raise _damaged(path, _reason(error), advice) from error


class _Member:
    """An array in an archive: its entry, and the shape and type that its header states."""

    def __init__(self, info: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype):
        self.info = info
        self.numbers = math.prod(shape)
        self.bytes = self.numbers * dtype.itemsize


def _open(path: Path) -> IO[bytes]:
    try:
        if not path.is_file():  # a pipe or a device could be read without an end
            raise InputError(f"{path}: expected an .npz file; there is none.")
        return open(path, "rb")
    except (OSError, ValueError) as error:  # not readable, a name that is too long or has a null character
        raise InputError(f"{str(path)!r}: expected an .npz file that can be opened; {error}.") from error


def _members(archive: zipfile.ZipFile, names: Collection[str] | None, path: Path, advice: str) -> dict[str, _Member]:
    """The requested arrays by name, with checked headers."""
    members: dict[str, _Member] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in members:
            raise _damaged(path, f"it holds two arrays named {name!r}", advice)
        if info.flag_bits & 1:
            raise _damaged(path, "it is encrypted", advice)
        members[name] = _member(archive, info, name, path, advice)
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path, advice: str) -> _Member:
    with archive.open(info) as data:
        start = io.BytesIO(data.read(MAX_HEADER_BYTES))
    try:
        shape, dtype = _header(start)
    except _HEADER_ERRORS as error:
        raise _damaged(path, f"{name!r} is not an array", advice) from error
    if dtype.hasobject:
        raise _damaged(path, f"{name!r} holds Python objects, which are not loaded, in place of numbers", advice)
    member = _Member(info, shape, dtype)
    if start.tell() + member.bytes != info.file_size:
        raise _damaged(path, f"the size of {name!r} is not that of its shape {shape}", advice)
    return member


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array in the `.npy` format."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"version {version} of the format")
    shape, _, dtype = readers[version](file)
    if dtype.kind == "V" or any(length < 0 for length in shape):
        raise ValueError(f"array of {dtype} and shape {shape}")
    return shape, dtype


def _check_size(members: dict[str, _Member], extra_bytes: int, max_bytes: float | None, path: Path) -> None:
    needed = sum(member.bytes + extra_bytes * member.numbers for member in members.values())
    limit = max_bytes
    if max_bytes is None and needed > MIN_CHECKED_BYTES:
        limit = memory.available_bytes()
    if limit is not None and needed > limit:
        raise InputError(
            f"{path}: expected arrays that fit into {limit / 1e9:.2g} GB of memory; they need {needed / 1e9:.2g} GB; "
            "use fewer or smaller ones."
        )


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as data:
        array = np.lib.format.read_array(data, allow_pickle=False)
        data.read(1)  # the check sum is compared at the end of the data
    return array


def _damaged(path: Path, reason: str, advice: str) -> DamagedFileError:
    return DamagedFileError(f"{path}: expected an intact .npz file; {reason}; {advice}.")


def _reason(error: Exception) -> str:
    """What is wrong with the archive, for the messages that are clear; else that it is damaged."""
    if isinstance(error, NotImplementedError):
        return "it is compressed by a method that Python's zipfile can't read"
    if isinstance(error, zipfile.BadZipFile) and "not a zip file" in str(error):
        return "it is incomplete or another kind of file"
    return "it is damaged"
