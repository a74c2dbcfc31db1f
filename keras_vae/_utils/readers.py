"""Readers of JSON, `.npz`, CSV and MP4 files: one function per format, which reads a file whole or raises one error."""

import csv
import io
import json
import lzma
import math
import re
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

import numpy as np

from keras_vae._utils import memory
from keras_vae.errors import DamagedFileError, InputError

MAX_TEXT_BYTES = 256e6  # of a JSON or CSV file
MAX_HEADER_BYTES = 16_384  # of an array in an .npz file; NumPy writes a few hundred
MAX_JSON_DEPTH = 50  # nested lists and objects
MP4_BOXES = {b"ftyp", b"moov", b"mdat"}  # of every video: its format, its description, its frames
MAX_REASON_CHARACTERS = 120  # of a library's message that is quoted

# Raised by NumPy's parser of headers, which are Python literals.
NPY_ERRORS = (MemoryError, RecursionError, SyntaxError, TypeError, ValueError, tokenize.TokenError)
# Raised by zipfile and its decompressors for archives that are damaged, encrypted or compressed by an unknown method;
# MemoryError where the system reported more free memory than it gives.
NPZ_ERRORS = (
    OSError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError, ValueError,
    lzma.LZMAError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def check_regular(path: Path, advice: str) -> None:
    """Checks that a file can be opened: it exists and is no folder, pipe or device.

    Args:
        path: the file, or a link to it.
        advice: what to do otherwise, as a part of a sentence.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if something else is in its place.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected a file; there is none; {advice}.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise DamagedFileError(
            path, f"expected a readable file; it can't be opened ({reason(error)})", advice
        ) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise DamagedFileError(path, f"expected a file; it is {kind}", advice)


def reason(error: BaseException) -> str:
    """The first line of a library's message, shortened; the kind of error where the message is empty."""
    text = getattr(error, "strerror", None) or str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return first.rstrip(".") if len(first) <= MAX_REASON_CHARACTERS else f"{first[:MAX_REASON_CHARACTERS]}…"


def read_text(path: Path, advice: str) -> str:
    """Reads a UTF-8 text file.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it can't be read, is not UTF-8 or exceeds `MAX_TEXT_BYTES`.
    """
    check_regular(path, advice)
    try:
        size = path.stat().st_size
        if size > MAX_TEXT_BYTES:
            raise DamagedFileError(
                path, f"expected at most {MAX_TEXT_BYTES / 1e6:.0f} MB of text; it has {size / 1e6:.0f} MB", advice
            )
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFileError(path, f"expected UTF-8 text; it can't be read ({reason(error)})", advice) from error


def read_json(path: Path, advice: str) -> Any:
    """Reads a JSON file; NaN and infinity are refused, since no file of the package holds them.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is not JSON, or nested deeper than `MAX_JSON_DEPTH`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = path.write_text('{"epochs": 3}')
        >>> read_json(path, "train again")
        {'epochs': 3}
    """
    text = read_text(path, advice)
    try:
        content = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        _check_depth(content)
        if re.search(r"\\u[dD][89a-fA-F]", text):  # half of a surrogate pair, which can't be written to a page
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"expected JSON; it can't be parsed ({reason(error)})", advice) from error
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(MAX_JSON_DEPTH + 1):
        level = [inner for outer in level for inner in _items(outer)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_JSON_DEPTH} levels")


def _items(content: Any) -> Iterable:
    if isinstance(content, dict):
        return content.values()
    return content if isinstance(content, list) else ()


class _PythonObjects(ValueError):
    """An array, named by the message, whose loading would run code of the file."""


class _Member(NamedTuple):
    """An array in an archive, as its header describes it."""

    info: zipfile.ZipInfo
    numbers: int
    bytes: int


def read_npz(
    path: Path,
    advice: str,
    *,
    names: Collection[str] | None = None,
    max_bytes: float | None = None,
    extra_bytes_per_number: int = 0,
) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file; pickled objects are refused.

    The headers are checked before an array is allocated: a header must agree with the size of its part of the archive,
    and all arrays together must fit into memory.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.
        names: names of the arrays to read, where they exist; default all.
        max_bytes: largest size in memory; default the free memory, where the system reports it.
        extra_bytes_per_number: memory that the caller needs in addition for each number that is read.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged, holds other things than arrays of numbers or text, or exceeds the memory.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.npz"
        >>> np.savez(path, x=np.arange(3))
        >>> read_npz(path, "train again")["x"].tolist()
        [0, 1, 2]
    """
    check_regular(path, advice)
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, names)
            needed = sum(member.bytes + extra_bytes_per_number * member.numbers for member in members.values())
            limit = memory.available_bytes() if max_bytes is None else max_bytes
            if limit is None or needed <= limit:
                return {name: _read_array(archive, member.info) for name, member in members.items()}
    except _PythonObjects as error:
        problem = f"expected arrays of numbers or text; {str(error)!r} holds Python objects, which are not loaded"
        convert = f"save it with another type, as in {error}.astype(str) for labels of pandas"
        raise DamagedFileError(path, problem, convert) from error
    except NPZ_ERRORS as error:
        raise DamagedFileError(path, f"expected a readable .npz; it is damaged ({reason(error)})", advice) from error
    problem = f"they need {needed / 1e9:.1f} GB, and {limit / 1e9:.1f} GB of memory are free"
    raise DamagedFileError(path, f"expected arrays that fit into memory; {problem}", advice)


def _members(archive: zipfile.ZipFile, names: Collection[str] | None) -> dict[str, _Member]:
    """The requested arrays by name."""
    members: dict[str, _Member] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in members:
            raise ValueError(f"array {name!r} is contained twice")
        members[name] = _member(archive, info, name)
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> _Member:
    with archive.open(info) as stream:
        start = io.BytesIO(stream.read(MAX_HEADER_BYTES))  # the length of a header that the file states may be 4 GB
    try:
        shape, dtype = read_npy_header(start)
    except NPY_ERRORS as error:
        raise ValueError(f"{name!r} is not an array") from error
    if dtype.hasobject:
        raise _PythonObjects(name)
    numbers = math.prod(shape)
    member = _Member(info, numbers, numbers * dtype.itemsize)
    if min(shape, default=0) < 0 or start.tell() + member.bytes != info.file_size:
        raise ValueError(f"the header of {name!r} does not agree with its size")
    return member


def read_npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array in a stream of the `.npy` format; raises one of `NPY_ERRORS`."""
    version = np.lib.format.read_magic(stream)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"version {version} of the .npy format is not used for arrays of numbers")
    shape, _, dtype = headers[version](stream)
    if dtype.kind == "V":
        raise ValueError(f"expected numbers or text; received {dtype}")
    return shape, dtype


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read(1)  # zipfile compares the check sum at the end
    return array


def check_archive(path: Path, advice: str) -> None:
    """Checks that a zip archive, such as a `.keras` file, is complete and that its parts fit into memory.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged or too large.
    """
    check_regular(path, advice)
    try:
        with zipfile.ZipFile(path) as archive:
            needed, limit = sum(info.file_size for info in archive.infolist()), memory.available_bytes()
            if limit is not None and needed > limit:
                raise MemoryError(f"{needed / 1e9:.1f} GB are needed, and {limit / 1e9:.1f} GB of memory are free")
            damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"its part {damaged!r} is damaged")
    except NPZ_ERRORS as error:
        raise DamagedFileError(path, f"expected a readable archive; it is damaged ({reason(error)})", advice) from error


def read_csv(path: Path, advice: str) -> dict[str, np.ndarray]:
    """Reads a table of numbers with a header.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Returns:
        The columns by name, each `(rows,)` float64; an empty cell is NaN.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it has no header, a name twice, rows of different lengths, cells that are not finite
            numbers, or an incomplete last line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("epoch,loss\\n1,210.5\\n2,180.25\\n")
        >>> read_csv(path, "train again")["loss"].tolist()
        [210.5, 180.25]
    """
    text = read_text(path, advice)
    try:
        if not text.endswith("\n"):
            raise ValueError("its last line is incomplete" if text else "it is empty")
        head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        if len(set(head)) < len(head):
            raise ValueError("a column is contained twice")
        if not head or any(is_number(name) or not name.strip() for name in head):
            raise ValueError("its first line does not name the columns")
        values = [[_finite(cell) if cell else math.nan for cell in row] for row in rows]
        columns = zip(*values, strict=True) if values else [()] * len(head)
        return {name: np.array(column, "float64") for name, column in zip(head, columns, strict=True)}
    except (csv.Error, ValueError) as error:
        raise DamagedFileError(path, f"expected a table of numbers; it is damaged ({reason(error)})", advice) from error


def is_number(text: str) -> bool:
    """Whether text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_mp4(path: Path, advice: str) -> bytes:
    """Reads an MP4 whose boxes are complete; the frames in them are not decoded.

    A file is a sequence of boxes (ISO/IEC 14496-12, section 4.2), each with its size in the first four bytes: a file
    that was cut ends within a box.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it can't be read, ends within a box, or lacks one of `MP4_BOXES`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.mp4"
        >>> boxes = [struct.pack(">I", 8) + name for name in (b"ftyp", b"moov", b"mdat")]
        >>> path.write_bytes(b"".join(boxes))
        24
        >>> len(read_mp4(path, "draw it again"))
        24
    """
    check_regular(path, advice)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(path, f"expected an MP4; it can't be read ({reason(error)})", advice) from error
    start = 0
    found: set[bytes] = set()
    while start + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, start)
        if size == 1 and start + 16 <= len(content):  # the size follows the name
            (size,) = struct.unpack_from(">Q", content, start + 8)
        elif size == 0:  # the last box, up to the end of the file
            size = len(content) - start
        if size < 8 or not (found or name == b"ftyp"):
            break
        start += size
        found.add(name)
    if start != len(content) or not found >= MP4_BOXES:
        raise DamagedFileError(path, f"expected a complete MP4; it is damaged or cut at {len(content):,} bytes", advice)
    return content
