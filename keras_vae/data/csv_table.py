"""Reader of `.csv` tables: numeric columns, and one column of labels."""

import csv
import difflib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_vae._utils import memory
from keras_vae._utils.foreign_text import cleaned, shortened
from keras_vae._utils.readers import check_regular, is_number, reason
from keras_vae.data.raw_data import RawData
from keras_vae.errors import DamagedFileError, InputError

if TYPE_CHECKING:
    import pandas as pd

ADVICE = "save the table as UTF-8 text with commas and one line of column names"
MAX_HEADER_BYTES = 10**6
MAX_LISTED = 5  # columns in a message
MAX_CELL_CHARACTERS = 30
MEMORY_PER_FILE_BYTE = 4  # bytes that pandas and the array of numbers need for each byte of the file
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>", "#N/A", "#NA"]
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read(
    path: Path, label: str | None = None, drop: Sequence[str] = (), columns: Sequence[str] | None = None
) -> RawData:
    """Reads a table with a header, whose columns are numbers; its rows are split into training and test rows.

    Args:
        path: the file, UTF-8 text with commas.
        label: the column that holds the labels, text or numbers.
        drop: columns that are left out.
        columns: the columns to read, in this order, as an earlier reading returned them; the others are left out, and
            the table may have a single row. None for all.

    Raises:
        InputError: if there is no such file or column, or a column has text, missing or infinite values.
        DamagedFileError: if the file is not a table with commas and a header.
    """
    names = column_names(path)
    for option, wanted in [("drop", name) for name in drop] + ([("label", label)] if label is not None else []):
        _check_column(option, wanted, names, path)
    if label in drop:
        raise InputError(f"drop: expected other columns than the label; received {label!r}; name it once.")
    found = [name for name in names if name != label and name not in drop]
    chosen = found if columns is None else _chosen(columns, found, path)
    table = _table(path, names, label, min_rows=2 if columns is None else 1)
    numbers = table[chosen]
    if not numbers.shape[1]:
        raise InputError(f"{path}: expected at least one column of numbers; received none besides {', '.join(names)}.")
    _refuse_text(numbers, path)
    _refuse_missing(numbers, path)
    x = numbers.to_numpy("float64")
    _refuse_infinite(x, list(numbers.columns), path)
    arrays = {"x": x} if label is None else {"x": x, "y": _labels(table[label], path)}
    steps = [f"column {label} taken as labels"] if label is not None else []
    steps += [f"columns {', '.join(drop)} left out"] if drop else []
    return RawData(arrays, columns=tuple(map(cleaned, numbers.columns)), steps=tuple(map(cleaned, steps)))


def _chosen(columns: Sequence[str], names: list[str], path: Path) -> list[str]:
    """The names in the table of columns that an earlier reading returned."""
    by_shown = {cleaned(name): name for name in names}
    missing = [column for column in columns if column not in by_shown]
    if missing:
        raise InputError(
            f"dataset: expected the columns {_listed(columns)} of the training in {path}; {_listed(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; add or rename {'it' if len(missing) == 1 else 'them'}."
        )
    return [by_shown[column] for column in columns]


def column_names(path: Path) -> list[str]:
    """The names of the columns of a table.

    Raises:
        DamagedFileError: if the file is not a table with commas and a header.
    """
    check_regular(path, ADVICE)
    limit, needed = memory.available_bytes(), MEMORY_PER_FILE_BYTE * path.stat().st_size
    if limit is not None and needed > limit:
        problem = f"it needs about {needed / 1e9:.1f} GB, and {limit / 1e9:.1f} GB of memory are free"
        raise DamagedFileError(path, f"expected a table that fits into memory; {problem}", "convert it to .npy")
    try:
        with open(path, "rb") as file:
            start = file.read(MAX_HEADER_BYTES)
        if b"\0" in start:
            raise ValueError("it is not text")
        first = io.StringIO(start.decode("utf-8-sig", "strict" if len(start) < MAX_HEADER_BYTES else "ignore"))
        names = [name.strip() for name in next(csv.reader(first, strict=True), [])]
    except (OSError, ValueError, csv.Error) as error:
        raise DamagedFileError(path, f"expected a table; it can't be read ({reason(error)})", ADVICE) from error
    if not names:
        raise DamagedFileError(path, "expected a table with a header; it is empty", ADVICE)
    _check_names(names, path)
    return names


def _check_names(names: list[str], path: Path) -> None:
    for delimiter, text in OTHER_DELIMITERS.items():
        if len(names) == 1 and delimiter in names[0]:
            raise DamagedFileError(path, f"expected columns separated by commas; they are separated by {text}", ADVICE)
    repeated = sorted({name for name in names if names.count(name) > 1 and name})
    if repeated:
        problem = f"expected names of columns that differ; {_listed(repeated)} stand there twice"
        raise DamagedFileError(path, problem, "rename them")
    if "" in names:
        place = names.index("") + 1
        raise DamagedFileError(
            path,
            f"expected a name for every column; column {place} has none",
            "name it, or leave out the row numbers, as with pandas' to_csv(index=False)",
        )
    numbers = [name for name in names if is_number(name)]
    if numbers:
        problem = f"expected names of columns in the first line; it holds the number {numbers[0]}"
        raise DamagedFileError(path, problem, "add a line of names")


def _check_column(option: str, name: str, names: list[str], path: Path) -> None:
    if name not in names:
        similar = difflib.get_close_matches(name, names, 1)
        advice = f"did you mean {similar[0]!r}?" if similar else f"the columns are {_listed(names)}"
        raise InputError(f"{option}: expected a column of {path}; received {name!r}; {advice.rstrip('?')}.")


def _table(path: Path, names: list[str], label: str | None, min_rows: int) -> "pd.DataFrame":
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(
                path,
                names=names,
                header=0,
                index_col=False,
                dtype={label: str} if label is not None else None,
                keep_default_na=False,  # in a column of labels, NA is one
                na_values={name: MISSING for name in names if name != label},
                encoding="utf-8-sig",
                skipinitialspace=True,
                low_memory=False,
            )
    except (OSError, ValueError, OverflowError, MemoryError, Warning, csv.Error) as error:
        raise DamagedFileError(path, f"expected a table; it can't be parsed ({reason(error)})", ADVICE) from error
    if len(table) < min_rows:
        least = "two rows" if min_rows == 2 else "one row"
        raise InputError(f"{path}: expected at least {least} below the header; received {len(table)}.")
    return table


def _refuse_text(numbers: "pd.DataFrame", path: Path) -> None:
    import pandas as pd

    texts = [name for name in numbers if numbers[name].dtype.kind not in "biuf"]
    if not texts:
        return
    column = numbers[texts[0]]
    is_text = pd.to_numeric(column, errors="coerce").isna() & column.notna()
    row = int(is_text.to_numpy().argmax())
    cell = shortened(cleaned(str(column.iloc[row])), MAX_CELL_CHARACTERS)
    advice = f"pass label={texts[0]!r} if these are labels, else drop={texts[0]!r}"
    if len(texts) > 1:
        advice = f"pass one of them as label={texts[0]!r}, and drop the others, drop={texts[1]!r}"
    raise InputError(
        f"{path}: expected numbers in every column; received text in {_listed(texts)}, the first "
        f"{cell!r} in row {row + 1}; {advice}."
    )


def _refuse_missing(numbers: "pd.DataFrame", path: Path) -> None:
    counts = numbers.isna().sum()
    missing = [f"{name} ({counts[name]:,} of {len(numbers):,} rows)" for name in numbers if counts[name]]
    if missing:
        first = int(numbers.isna().any(axis=1).to_numpy().argmax()) + 1
        raise InputError(
            f"{path}: expected a number in every cell; received missing values in {_listed(missing)}, the first in row "
            f"{first}; fill them, remove these rows, or drop the columns."
        )


def _refuse_infinite(x: np.ndarray, names: list[str], path: Path) -> None:
    bad = np.flatnonzero(~np.isfinite(x).all(axis=0))
    if bad.size:
        row, bad_names = int((~np.isfinite(x[:, bad[0]])).argmax()) + 1, [names[i] for i in bad]
        raise InputError(
            f"{path}: expected finite numbers; received infinity in {_listed(bad_names)}, the first in row {row}; "
            "replace them, or drop the columns."
        )


def _labels(column: "pd.Series", path: Path) -> np.ndarray:
    texts = [cell.strip() for cell in column]
    empty = [i for i, text in enumerate(texts, 1) if not text]
    if empty:
        raise InputError(
            f"label: expected a label in every row of {path}; received none in {len(empty):,} rows, the first row "
            f"{empty[0]}; fill them, or remove these rows."
        )
    try:
        return np.array([int(text) for text in texts], "int64")
    except (ValueError, OverflowError):
        return np.array(texts)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(shortened(cleaned(str(name)), MAX_CELL_CHARACTERS + 30) for name in names[:MAX_LISTED])
    return shown if len(names) <= MAX_LISTED else f"{shown} and {len(names) - MAX_LISTED} more"
