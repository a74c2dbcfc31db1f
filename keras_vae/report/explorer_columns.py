"""The columns of a table in the explorer: their names, the values of test rows, and the scale of the bars."""

import math
from typing import Any

import numpy as np

from keras_vae._utils.data_words import is_row
from keras_vae._utils.formatting import count, number
from keras_vae.report.data_uri import array_base64
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import MAX_BARS

MAX_COLUMNS = 40  # whose values the page lists
MAX_NAMES = 1000  # columns that are named where the pointer is
MAX_LABELLED = 12  # columns whose names stand below the bars
MAX_DECIMALS = 6  # of a listed value


def columns(run: Run) -> dict[str, Any] | None:
    """What the explorer states of the columns of vectors; None for images.

    Vectors are stored as bytes, 0 to 255 over the range of the values that the model was trained on.

    Args:
        run: a finished run with `arrays/explorer.npz`.

    Returns:
        `names`, or None for columns without; `low`, `step` and `decimals` of each listed column: byte b stands for
        low + b · step in the units of the table that was read, which is written with that number of decimals; `values`,
        `(test rows, listed columns)` bytes in base 64; `isLabelled`, whether the names fit below the bars; `note`, the
        scale of the bars.
    """
    if not is_row(run.image_shape):
        return None
    n, preparation, (low, high) = run.image_shape[0], run.preparation, run.value_range
    listed = min(n, MAX_COLUMNS)
    ends = preparation.undo(np.array([np.full(n, low), np.full(n, high)]))[:, :listed]
    step = (ends[1] - ends[0]) / 255
    names = preparation.columns
    return {
        "names": list(names) if names is not None and n <= MAX_NAMES else None,
        "low": ends[0].tolist(),
        "step": step.tolist(),
        "decimals": [_decimals(size) for size in step.tolist()],
        "values": array_base64(run.arrays("explorer")["images"][:, :listed]),
        "isLabelled": names is not None and n <= MAX_LABELLED,
        "note": _note(n, low, high, preparation.mean is not None),
    }


def _decimals(step: float) -> int:
    """Decimals of a value that is known to a step.

    Example:
        >>> _decimals(0.3), _decimals(0.02), _decimals(500.0)
        (1, 2, 0)
    """
    return int(np.clip(math.ceil(-math.log10(abs(step) or 1.0)), 0, MAX_DECIMALS))


def _note(n: int, low: float, high: float, is_standardized: bool) -> str:
    """The scale of the bars, and which columns have no row in the list or no bar of their own."""
    unit = " standard deviations" if is_standardized else ""
    if low == -high:
        middle = "the mean of its column" if is_standardized else "0"
        scale = f"from the line in the middle, {middle}, up or down; half the height is {number(high)}{unit}"
    else:
        scale = f"from {number(low)}{unit} at the bottom to {number(high)}{unit} at the top"
    groups = " Neighbouring columns share a bar, which shows their mean." if n > MAX_BARS else ""
    listed = f" The list has the first {MAX_COLUMNS} of {count(n, 'column')}." if n > MAX_COLUMNS else ""
    return f"A bar is a column: {scale}.{groups}{listed}"
