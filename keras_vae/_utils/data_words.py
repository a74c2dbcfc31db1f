"""Words for the items of a data set: images of pixels, or rows of values."""

import re
from collections.abc import Sequence

from keras_vae._utils.formatting import Table

WORDS_OF_ROWS = {"image": "row", "pixel": "value"}
WORD = re.compile(rf"\b({'|'.join(WORDS_OF_ROWS)})(?=s?\b)", re.IGNORECASE)


def is_row(shape: Sequence[int]) -> bool:
    """Whether items of this shape are vectors, such as the rows of a table."""
    return len(shape) == 1


def worded(text: str, shape: Sequence[int]) -> str:
    """A text on images in the words of the data: of vectors, an image is a row, and a pixel a value.

    Args:
        text: on images.
        shape: of an item, `(columns,)` or that of an image.

    Example:
        >>> worded("Test images, nearest in pixels", (12,)), worded("Test images", (28, 28))
        ('Test rows, nearest in values', 'Test images')
    """
    return WORD.sub(_word_of_rows, text) if is_row(shape) else text


def worded_table(table: Table, shape: Sequence[int]) -> Table:
    """A table in the words of the data; see `worded`."""
    rows = [[worded(cell, shape) for cell in row] for row in table.rows]
    return Table(worded(table.title, shape), [worded(cell, shape) for cell in table.head], rows)


def _word_of_rows(found: re.Match[str]) -> str:
    word = WORDS_OF_ROWS[found[0].lower()]
    return word.capitalize() if found[0][0].isupper() else word
