"""Text and text tables on the terminal."""

import os
import re
import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console

from keras_vae._utils.formatting import Table, printable

# Widths in characters; the first two are for output that is not a terminal and so has no width of its own.
PARAGRAPH_WIDTH, TABLE_WIDTH = 80, 240
MAX_PARAGRAPH_WIDTH = 100
MIN_LABEL_WIDTH = 24  # of the first column, which holds labels and may be wrapped
GAP, LABEL_INDENT = "  ", "  "  # between columns; of the second and later lines of a label
MAX_HEADING_LINES = 4

UNBROKEN_SPACE = re.compile(r"(?<=N\(0,) (?=[I1]\))|(?<=\d) (?=%)")  # in N(0, I) and 81 %

Column = tuple[Sequence[str], int]  # the heading with the cells below it, and the width


def print_text(console: Console, text: str) -> None:
    """Prints a line as it is: without markup, and without line breaks at the width of the terminal."""
    console.print(printable(text, console.encoding), markup=False, highlight=False, soft_wrap=True)


def print_paragraph(console: Console, text: str, indent: int = 0) -> None:
    """Prints text in lines that fit the terminal, those after the first indented by `indent` characters."""
    width = min(_width(console, PARAGRAPH_WIDTH), MAX_PARAGRAPH_WIDTH)
    shown = UNBROKEN_SPACE.sub("\N{NO-BREAK SPACE}", printable(text, console.encoding))
    for line in textwrap.wrap(shown, width, subsequent_indent=" " * indent, break_long_words=False):
        print_text(console, line.replace("\N{NO-BREAK SPACE}", " "))


def print_table(console: Console, table: Table) -> None:
    """Prints a table; brackets in its cells are text, not markup.

    A table that is wider than the terminal is printed in parts, one below the other: each has the first column and as
    many of the others as fit.
    """
    if table.title:
        print_paragraph(console, table.title)
    rows = [[printable(cell, console.encoding) for cell in row] for row in (table.head, *table.rows)]
    for part in _parts(list(zip(*rows, strict=True)), _width(console, TABLE_WIDTH)):
        for line in _lines(part):
            print_text(console, line)
        print_text(console, "")


def _width(console: Console, default: int) -> int:
    """The width of the terminal, or the one that the environment sets for other output."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else default


def _parts(columns: Sequence[Sequence[str]], width: int) -> list[list[Column]]:
    """Columns in parts that fit; headings have as few lines as let all columns fit into one part."""
    first, *others = columns
    full = _least_width(first, 1)
    for lines in range(1, MAX_HEADING_LINES + 1):
        widths = [_least_width(cells, lines) for cells in others]
        left = width - sum(len(GAP) + other for other in widths)
        if left >= full or (lines == MAX_HEADING_LINES and left >= MIN_LABEL_WIDTH):
            return [[(first, min(full, left)), *zip(others, widths, strict=True)]]
    labels = (first, min(full, max(width // 2, 1)))
    parts: list[list[Column]] = [[labels]]
    for column in zip(others, widths, strict=True):
        if len(parts[-1]) > 1 and sum(w + len(GAP) for _, w in parts[-1]) + column[1] > width:
            parts.append([labels])
        parts[-1].append(column)
    return parts


def _least_width(cells: Sequence[str], heading_lines: int) -> int:
    """The least width of a column whose cells have one line and whose heading has at most `heading_lines`."""
    heading, *others = cells
    width = max((1, *map(cell_len, (*others, *heading.split()))))
    while len(textwrap.wrap(heading, width)) > heading_lines:
        width += 1
    return width


def _lines(columns: Sequence[Column]) -> Iterator[str]:
    """The lines of a table: the headings, which stand directly above the rule, and the rows."""
    texts, widths = zip(*columns, strict=True)
    for index, row in enumerate(zip(*texts, strict=True)):
        cells = [textwrap.wrap(text, width) for text, width in zip(row, widths, strict=True)]
        if index > 0:
            cells[0] = textwrap.wrap(row[0], widths[0], subsequent_indent=LABEL_INDENT)
        height = max(1, *map(len, cells))
        for i, lines in enumerate(cells):
            missing = [""] * (height - len(lines))
            cells[i] = missing + lines if index == 0 else lines + missing
        for line in zip(*cells, strict=True):
            yield GAP.join(
                text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True)
            ).rstrip()
        if index == 0:
            yield "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
