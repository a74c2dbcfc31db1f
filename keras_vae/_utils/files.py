"""Atomic writing of files, and checks that a folder can be written to."""

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import DamagedFileError, InputError, WriteError

REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)  # of a disk, not of a path
PARTIAL_PREFIX = ".partial-"  # of the names of files that are being written, before the number of the process


@contextlib.contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Raises an `OSError` of the block as a `WriteError` of this path."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), path) from error


@contextlib.contextmanager
def atomic(path: Path, check: Callable[[], None] | None = None) -> Iterator[Path]:
    """Yields a temporary path beside `path`; the file written there is renamed to `path` if the block succeeds.

    Two processes may write the same file at once, as `draw` and `evaluate` do: each has a temporary file of its own,
    and the last one to finish replaces the other's.

    Args:
        path: the file; its folder is created.
        check: called before the temporary file is created and before it is renamed; raises an exception if the file
            must not be written.

    Raises:
        WriteError: if the file can't be written; no incomplete file is left.
    """
    temporary = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{path.name}")
    check = check or _accept
    with translated_errors(path):
        check()
        path.parent.mkdir(parents=True, exist_ok=True)
        _delete_abandoned(path)  # its own could be a link, which writing would follow
        try:
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            check()
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def _delete_abandoned(path: Path) -> None:
    """Deletes the temporary files of `path` that killed processes have left, and one with this process's number."""
    pattern = re.compile(rf"{re.escape(PARTIAL_PREFIX)}(\d+)-{re.escape(path.name)}")
    for other in list(path.parent.iterdir()):
        found = pattern.fullmatch(other.name)
        if found and (int(found[1]) == os.getpid() or not _is_running(int(found[1]))):
            other.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether there is a process of this number; on Windows, where asking would end it, always."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        pass
    return True


def complete(folder: Path, pattern: str) -> list[Path]:
    """Sorted files of a folder that match a pattern, without those that a killed process left incomplete.

    Raises:
        DamagedFileError: if there is something else than a folder at its path.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise DamagedFileError(folder, "expected a folder; it is a file or a link to nothing", "delete it")
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith(PARTIAL_PREFIX))


def _accept() -> None:
    """The check of a file that may be written at any time."""


def write_text(path: Path, text: str, check: Callable[[], None] | None = None) -> None:
    """Writes UTF-8 text atomically; `check` as in `atomic`."""
    with atomic(path, check) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, check: Callable[[], None] | None = None) -> None:
    """Writes JSON atomically, `check` as in `atomic`; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n", check)


def write_npz(path: Path, arrays: dict[str, Any], compressed: bool, check: Callable[[], None] | None = None) -> None:
    """Writes arrays by name to an `.npz` file atomically; `check` as in `atomic`."""
    save = np.savez_compressed if compressed else np.savez
    with atomic(path, check) as temporary, open(temporary, "wb") as file:
        save(file, **arrays)


def delete(path: Path) -> None:
    """Deletes a file, a folder or a link, if there is one; what a link refers to is kept.

    Raises:
        WriteError: if it can't be deleted.
    """
    with translated_errors(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Checks that a folder can be created at `path` or written to; leaves no files behind.

    Raises:
        WriteError: if its disk or its permissions refuse; the message names the folder that can't be written to.
        InputError: if there can be no folder at the path.
    """
    folder = path
    try:
        while not _exists(folder):
            folder = folder.parent
        probe = folder / f"{PARTIAL_PREFIX}{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        if isinstance(error, OSError) and error.errno in REFUSALS:
            raise WriteError(error.errno, error.strerror or str(error), folder) from error
        raise InputError(
            f"folder: expected a folder that can be written at {path}; {folder} refuses "
            f"({getattr(error, 'strerror', error)}); choose another folder."
        ) from error


def _exists(path: Path) -> bool:
    """Whether there is something at this path, also a link to nothing; other errors than its absence are raised."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True
