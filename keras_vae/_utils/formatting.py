"""Numbers, counts and intervals as text, and Markdown tables."""

from collections.abc import Sequence
from typing import NamedTuple

ABSENT = "–"  # text for a value that was not measured


class Table(NamedTuple):
    """A table of text.

    Attributes:
        title: heading of the table.
        head: names of the columns.
        rows: cells, row by row.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float | None) -> str:
    """A number with about three significant digits, `ABSENT` for None.

    Example:
        >>> number(1234.5), number(12.345), number(0.012), number(None)
        ('1234', '12.35', '0.012', '–')
    """
    if value is None:
        return ABSENT
    digits = next((d for limit, d in ((1000, 0), (100, 1), (0.1, 2), (0.01, 3)) if abs(value) >= limit), 4)
    text = f"{value:.{digits}f}"
    return "0" if not float(text) else text.replace("-", "−")


def cell(value: float | bool | None) -> str:
    """A number, or yes or no for a boolean."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value)


def region(low: float | None, high: float | None) -> str:
    """An interval; None is an open end.

    Example:
        >>> region(0.5, None), region(0.5, 1.0)
        ('above 0.50', 'within 0.50 … 1.00')
    """
    if high is None:
        return f"above {number(low)}"
    return f"below {number(high)}" if low is None else f"within {number(low)} … {number(high)}"


def count(n: int, noun: str) -> str:
    """A count with its noun: `1 epoch`, `2 epochs`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def epochs(usual: int, others: Sequence[int]) -> str:
    """The lengths of trainings: `100 epochs (some configurations 300)`."""
    return count(usual, "epoch") + "".join(f" (some configurations {n})" for n in others)


def markdown_table(table: Table) -> list[str]:
    """The lines of a table in Markdown, without its title."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines]
