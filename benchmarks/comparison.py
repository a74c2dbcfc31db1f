"""Comparison of the ratios of a run of the benchmarks with those of the backend's table in RESULTS.md."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from timing import LABELS, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
TOLERANCE = 0.1  # of a ratio, beyond the range of the stored runs
RATIOS = ("ratio", "over_floor")
SOFTWARE = re.compile(r"Keras \S+ on (\w+) ")  # above a table, as `bench.py` prints it


class Key(NamedTuple):
    """What identifies a ratio: the row's item, the first part of what it is compared with, the name of the ratio."""

    item: str
    against: str
    ratio: str


def key_of(item: str, against: str, ratio: str) -> Key:
    """The key of a ratio; what follows a semicolon in `against` may vary between runs."""
    return Key(item, against.split(";")[0].strip(), ratio)


def stored_ratios(text: str, backend: str) -> dict[Key, list[float]]:
    """The ratios of the table of a backend in a document in Markdown, a value for each stored run."""
    found: dict[Key, list[float]] = {}
    columns: list[str] = []
    of_backend = ""
    for line in text.splitlines():
        if software := SOFTWARE.search(line):
            of_backend = software[1]
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if LABELS["ratio"] in cells:
            columns = cells if of_backend == backend else []
        elif columns and len(cells) == len(columns):
            named = dict(zip(columns, cells, strict=True))
            for ratio in RATIOS:
                values = named[LABELS[ratio]]
                if values and set(values) <= set("0123456789. ·"):
                    key = key_of(cells[0], named["against"], ratio)
                    found[key] = [float(value) for value in values.split("·")]
        else:  # the end of the table
            columns = []
    return found


def compare(rows: Sequence[Row], stored: dict[Key, list[float]], tolerance: float = TOLERANCE) -> list[str]:
    """Lines that name the ratios that moved, and a last line that counts all.

    Args:
        rows: rows of a run.
        stored: see `stored_ratios`.
        tolerance: a ratio has moved if it is outside the range of the stored ones by more than this fraction.
    """
    lines, counts = [], {"slower": 0, "faster": 0, "unchanged": 0, "not in the table": 0}
    for row in rows:
        for ratio in RATIOS:
            value = getattr(row, ratio)
            if value is None:
                continue
            values = stored.get(key_of(row.item, row.against, ratio))
            moved = "not in the table" if values is None else _moved(ratio, value, values, tolerance)
            counts[moved] += 1
            if moved != "unchanged":
                before = "" if values is None else f", stored {' · '.join(f'{v:.2f}' for v in values)}"
                lines.append(f"{moved}: {row.item} against {row.against}: {LABELS[ratio]} {value:.2f}{before}")
    counted = ", ".join(f"{n} {name}" for name, n in counts.items())
    return [*lines, f"{sum(counts.values())} ratios, tolerance {tolerance:.0%} beyond the stored range: {counted}"]


def _moved(ratio: str, value: float, stored: Sequence[float], tolerance: float) -> str:
    is_below, is_above = value < min(stored) / (1 + tolerance), value > max(stored) * (1 + tolerance)
    if not (is_below or is_above):
        return "unchanged"
    return "slower" if is_below == (ratio == "ratio") else "faster"
