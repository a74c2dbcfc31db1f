"""Text and text tables on the terminal."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from keras_vae._utils.formatting import Table, printable

# Widths in characters, for output that is not a terminal and so has no width of its own.
FIRST_COLUMN_WIDTH, COLUMN_WIDTH = 60, 20


def print_text(console: Console, text: str) -> None:
    """Prints a line as it is: without markup, and without line breaks at the width of the terminal."""
    console.print(printable(text, console.encoding), markup=False, highlight=False, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Prints a table; brackets in its cells are text, not markup."""

    def cell(text: str) -> Text:
        return Text(printable(text, console.encoding))

    rich_table = RichTable(title=cell(table.title) if table.title else None, title_justify="left")
    for name in table.head:
        rich_table.add_column(cell(name))
    for row in table.rows:
        rich_table.add_row(*map(cell, row))
    if not console.is_terminal:
        console.width = FIRST_COLUMN_WIDTH + COLUMN_WIDTH * (len(table.head) - 1)
    console.print(rich_table)
