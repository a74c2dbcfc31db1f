"""Atomic writing of files, reading of `.npz` files, and checks that a folder can be written to."""

import contextlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import InputError, WriteError

PARTIAL_PREFIX = ".partial-"  # of the names of files that are being written
# Raised by NumPy for a damaged .npz.
NPZ_ERRORS = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


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
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; the file written there is renamed to `path` if the block succeeds.

    Raises:
        WriteError: if the file can't be written; no incomplete file is left.
    """
    temporary = path.with_name(PARTIAL_PREFIX + path.name)
    with translated_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # it could be a link, which writing would follow
        try:
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def complete(folder: Path, pattern: str) -> list[Path]:
    """Sorted files of a folder that match a pattern, without those that a killed process left incomplete."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith(PARTIAL_PREFIX))


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Writes JSON atomically; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays of an `.npz` file; pickled objects are refused."""
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def check_writable(path: Path) -> None:
    """Checks that a folder can be created at `path` or written to; leaves no files behind.

    Raises:
        InputError: if it can't; the message names the folder that can't be written to.
    """
    folder = path
    while not folder.exists():
        folder = folder.parent
    probe = folder / f"{PARTIAL_PREFIX}{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"folder: expected a folder that can be written at {path}; {folder} refuses ({error.strerror}); choose "
            "another folder."
        ) from error
