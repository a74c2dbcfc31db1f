"""Numbers, counts and intervals as text, Markdown tables, and text for outputs that lack some signs."""

import codecs
import itertools
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

ABSENT = "–"  # text for a value that was not measured
# Replacements of signs that an output's encoding lacks; Greek letters are spelled, and other signs decomposed.
REPLACEMENTS = {
    "–": "-", "−": "-", "─": "-", "…": "...", "·": "*", "×": "x", "→": "->", "‖": "||", "≤": "<=", "≥": ">=", "≠": "!=",
    "±": "+-", "√": "sqrt ", "∞": "inf", "∫": "integral ", "½": "1/2", "¼": "1/4", "ℓ": "l", "°": " degrees",
    "✓": "yes", "✗": "no", "“": '"', "”": '"', "’": "'", "\N{COMBINING CIRCUMFLEX ACCENT}": "-hat", "µ": "mu",
    "\N{COMBINING MACRON}": "-bar", "\N{NO-BREAK SPACE}": " ", "ø": "o", "ß": "ss", "⁻": "-", "∖": "\\", "′": "'",
}  # fmt: skip
ERRORS = "keras_vae.replace"  # name of the error handler of encodings that makes these replacements


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

    @property
    def text_columns(self) -> int:
        """The number of leading columns that hold words, at least 1.

        Example:
            >>> Table("", ["claim", "measure", "hours"], [["it holds", "|cos|", "0.5"]]).text_columns
            2
        """
        columns = list(zip(*self.rows, strict=True))[1:]
        holds_words = [not any(re.match(r"−?\d", cell) or cell == ABSENT for cell in cells) for cells in columns]
        return 1 + len(list(itertools.takewhile(bool, holds_words)))


def number(value: float | None) -> str:
    """A number with about three significant digits, `ABSENT` for None.

    Example:
        >>> number(1234.5), number(12.345), number(0.012), number(None)
        ('1,234', '12.35', '0.012', '–')
    """
    if value is None:
        return ABSENT
    digits = next((d for limit, d in ((1000, 0), (100, 1), (0.1, 2), (0.01, 3)) if abs(value) >= limit), 4)
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if text.strip("-0.") else "0"


def change(first: float, last: float) -> str:
    """How a number changed, as far as its digits show it.

    Example:
        >>> change(190.0, 152.0), change(1e-6, 2e-6)
        ('fell from 190.0 to 152.0', 'stayed at 0')
    """
    before, after = number(first), number(last)
    return f"stayed at {after}" if before == after else f"{'fell' if last < first else 'rose'} from {before} to {after}"


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


def amount(n: int) -> str:
    """A count: a whole number with commas between thousands.

    Example:
        >>> amount(8192)
        '8,192'
    """
    return f"{n:,}"


def count(n: int, noun: str) -> str:
    """A count with its noun: `1 epoch`, `2,000 epochs`."""
    return f"{amount(n)} {noun}" if n == 1 else f"{amount(n)} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def epochs(usual: int, others: Sequence[int]) -> str:
    """The lengths of trainings: `100 epochs (some configurations 8 or 300)`."""
    return count(usual, "epoch") + (f" (some configurations {listed(list(map(amount, others)))})" if others else "")


def markdown_table(table: Table) -> list[str]:
    """The lines of a table in Markdown, without its title."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines]


def printable(text: str, encoding: str | None = None) -> str:
    """Text with the signs that an encoding lacks replaced by those of ASCII.

    Args:
        text: any text.
        encoding: default that of the standard output.

    Example:
        >>> printable("‖z‖ ≤ 2σ", "cp1252"), printable("‖z‖ ≤ 2σ", "utf-8")
        ('||z|| <= 2sigma', '‖z‖ ≤ 2σ')
    """
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"  # a replaced output may have none
    return text.encode(encoding, ERRORS).decode(encoding)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """The error handler `ERRORS`: the replacement of the first sign that can't be encoded, and the place after it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _replacement(error.object[error.start]), error.start + 1


def _replacement(sign: str) -> str:
    if sign in REPLACEMENTS:
        return REPLACEMENTS[sign]
    name = unicodedata.name(sign, "")
    if name.startswith("GREEK"):
        letter = name.split()[-1]
        return letter.lower() if " SMALL " in name else letter.capitalize()
    # Superscripts and letters with accents become what they consist of: ² is 2, é is e.
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


codecs.register_error(ERRORS, _replace)
