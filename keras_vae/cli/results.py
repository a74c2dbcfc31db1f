"""Results on the terminal: sentences, tables and the lines of an audit."""

from collections.abc import Sequence
from typing import Any

from keras_vae._utils.formatting import Table

AUDIT_LABEL_WIDTH = 31  # of the lines of `diagnostics.describe`


def print_results(
    sentences: Sequence[str],
    tables: Sequence[Table],
    encodings: dict[str, Any] | None,
    image_shape: tuple[int, ...] | None = None,
) -> None:
    """Prints sentences as paragraphs, tables, and the measures of encodings, in the words of the data.

    Args:
        sentences: the conclusion first.
        tables: with titles.
        encodings: content of `diagnostics.Audit.as_dict`; None where there is none.
        image_shape: shape of an item; None if it is unknown.
    """
    from rich.console import Console

    from keras_vae import diagnostics
    from keras_vae._utils.data_words import worded, worded_table
    from keras_vae._utils.terminal import print_paragraph, print_table, print_text

    shape = image_shape or ()
    console = Console(highlight=False)
    for paragraph in sentences:
        print_text(console, "")
        print_paragraph(console, worded(paragraph, shape))
    print_text(console, "")
    for table in tables:
        print_table(console, worded_table(table, shape))
    if encodings:
        for line in worded(diagnostics.describe(encodings), shape).splitlines():
            print_paragraph(console, line, AUDIT_LABEL_WIDTH if line.find("  ") > 0 else 0)
