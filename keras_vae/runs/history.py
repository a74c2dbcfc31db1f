"""Losses of an epoch or an evaluation, in the order and precision in which they are written, and a check of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_vae import objectives
from keras_vae.errors import DamagedFileError

QUANTITIES = ("loss", "reconstruction", "kl", "penalty", "beta", "elbo")
DECIMALS = 5


def ordered_losses(logs: Mapping[str, float]) -> dict[str, float]:
    """Keras' logs in the order of `QUANTITIES`, the objective's parts, then those of validation, without beta; rounded.

    Args:
        logs: by name, as passed to callbacks and returned by `evaluate`; other entries are ignored.
    """
    quantities = (*QUANTITIES, *objectives.part_names())
    keys = [*quantities, *(f"val_{key}" for key in quantities if key != "beta")]
    return {key: round(float(logs[key]), DECIMALS) for key in keys if key in logs}


def check_history(columns: Mapping[str, np.ndarray], epochs: int | None, path: Path, advice: str) -> None:
    """Checks the columns of a history.csv.

    Args:
        columns: by name, `(epochs,)` each.
        epochs: number of epochs of a finished training; None for any.
        path: the file.
        advice: what to do if it is damaged, as a part of a sentence.

    Raises:
        DamagedFileError: if epochs or losses are missing, or the epochs are not 1, 2, … up to `epochs`.
    """
    missing = [name for name in ("epoch", "loss") if name not in columns]
    if missing:
        raise DamagedFileError(path, f"expected a column {missing[0]!r}; it is missing", advice)
    empty = [name for name, column in columns.items() if np.isnan(column).any()]
    if empty:
        raise DamagedFileError(path, f"expected a number in each cell of the column {empty[0]!r}; one is empty", advice)
    numbers = columns["epoch"]
    if not np.array_equal(numbers, np.arange(1, len(numbers) + 1)) or not len(numbers):
        raise DamagedFileError(path, "expected the epochs 1, 2, … in its rows; received others", advice)
    if epochs is not None and len(numbers) != epochs:
        problem = f"expected {epochs} epochs, as in metrics.json; received {len(numbers)}"
        raise DamagedFileError(path, problem, advice)
