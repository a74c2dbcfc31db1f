"""Text tables on the terminal."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from keras_vae._utils.formatting import Table

# Widths in characters, for output that is not a terminal and so has no width of its own.
FIRST_COLUMN_WIDTH, COLUMN_WIDTH = 60, 20


def print_table(console: Console, table: Table) -> None:
    """Prints a table; brackets in its cells are text, not markup."""
    rich_table = RichTable(title=Text(table.title) if table.title else None, title_justify="left")
    for name in table.head:
        rich_table.add_column(Text(name))
    for row in table.rows:
        rich_table.add_row(*map(Text, row))
    if not console.is_terminal:
        console.width = FIRST_COLUMN_WIDTH + COLUMN_WIDTH * (len(table.head) - 1)
    console.print(rich_table)
