"""Files with a row for each of many items, `.npz` or `.csv`, that are written chunk by chunk, and atomically."""

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from keras_vae._utils.files import atomic, check_writable
from keras_vae.errors import InputError

SUFFIXES = (".npz", ".csv")
MAX_CSV_COLUMNS = 10_000


def check_path(path: Path, overwrite: bool = False) -> None:
    """Checks, before work that takes long, that a file of items can be written.

    Raises:
        InputError: if its name has another ending, or there is something at the path that may not be replaced.
        WriteError: if its folder can't be written to.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"out: expected a path that ends in .npz or .csv; received {path}.")
    check_new(path, overwrite)


def check_new(path: Path, overwrite: bool) -> None:
    """Checks that a file can be written at a path, where there is none or it may be replaced.

    Raises:
        InputError: if there is a folder, or a file that may not be replaced.
        WriteError: if its folder can't be written to.
    """
    if path.is_dir():
        raise InputError(f"out: expected the path of a file; {path} is a folder; choose another out.")
    if os.path.lexists(path) and not overwrite:
        raise InputError(f"out: expected a new file; {path} exists; choose another out, or set overwrite=True.")
    check_writable(path.parent)


class ItemFile:
    """A file of items that is being written.

    Args:
        file: the file, open for bytes.
        n: number of items.
        texts: of each item, by name: labels and names of files, which are in memory.
    """

    def __init__(self, file: IO[bytes], n: int, texts: Mapping[str, np.ndarray]):
        self._file, self._n, self._texts, self._done = file, n, texts, 0

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Writes the next items: arrays `(items, …)` by name, the same names in every call."""
        n = len(next(iter(columns.values())))
        self._write(columns, slice(self._done, self._done + n))
        self._done += n

    def _write(self, columns: Mapping[str, np.ndarray], rows: slice) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """Completes the file."""


class _CsvFile(ItemFile):
    """A table with a column for each number of an item."""

    def _write(self, columns: Mapping[str, np.ndarray], rows: slice) -> None:
        import pandas as pd

        found = {"item": np.arange(rows.start, rows.stop)}
        found |= {name: values[rows] for name, values in self._texts.items()}
        for name, values in columns.items():
            if values.ndim == 1:
                found[name] = values
            else:
                flat = values.reshape(len(values), -1)
                found |= {f"{name}_{i}": flat[:, i] for i in range(flat.shape[1])}
        if len(found) > MAX_CSV_COLUMNS:
            raise InputError(
                f"out: expected at most {MAX_CSV_COLUMNS:,} columns in a .csv file; received {len(found):,}; choose a "
                "path that ends in .npz."
            )
        text = pd.DataFrame(found).to_csv(index=False, header=rows.start == 0, lineterminator="\n")
        self._file.write(text.encode())


class _NpzFile(ItemFile):
    """Arrays by name. Each is collected in a file without a name, which disappears with the process."""

    def __init__(self, file: IO[bytes], n: int, texts: Mapping[str, np.ndarray], stack: contextlib.ExitStack):
        super().__init__(file, n, texts)
        self._stack = stack
        self._parts: dict[str, IO[bytes]] = {}
        self._forms: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}

    def _write(self, columns: Mapping[str, np.ndarray], rows: slice) -> None:
        for name, values in columns.items():
            if name not in self._parts:
                part = tempfile.TemporaryFile(dir=Path(self._file.name).parent)  # noqa: SIM115, closed by the stack
                self._parts[name] = self._stack.enter_context(part)
                self._forms[name] = (values.dtype, values.shape[1:])
            self._parts[name].write(np.ascontiguousarray(values).data)

    def finish(self) -> None:
        with zipfile.ZipFile(self._file, "w") as archive:
            for name, part in self._parts.items():
                dtype, shape = self._forms[name]
                described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, described | {"shape": (self._n, *shape)})
                    part.seek(0)
                    shutil.copyfileobj(part, member, 2**20)
            for name, values in self._texts.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)


@contextlib.contextmanager
def written(path: Path, n: int, texts: Mapping[str, np.ndarray]) -> Iterator[ItemFile]:
    """Yields a file that items are appended to; it appears at `path` when the block succeeds.

    Memory holds one chunk of items, the texts, and nothing else.

    Args:
        path: ends in `.npz` or `.csv`.
        n: number of items that will be appended.
        texts: arrays `(n,)` by name.

    Raises:
        InputError: if a `.csv` file would have more than 10,000 columns.
        WriteError: if the file can't be written; no incomplete file is left.
    """
    with atomic(path) as temporary, open(temporary, "wb") as file, contextlib.ExitStack() as stack:
        made = _CsvFile(file, n, texts) if path.suffix == ".csv" else _NpzFile(file, n, texts, stack)
        yield made
        made.finish()
