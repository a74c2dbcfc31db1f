"""The columns of a run's vectors: their names, and values in the units of the user's table."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_vae.runs.folder import Run


class Columns(NamedTuple):
    """The columns of vectors.

    Attributes:
        names: of the columns; None where they have none.
        mean, std: of the standardization, a number for each column; None without one.
    """

    names: tuple[str, ...] | None
    mean: np.ndarray | None
    std: np.ndarray | None

    def in_own_units(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors `(…, columns)` as the model takes them, in the units of the user's table."""
        return vectors if self.mean is None or self.std is None else vectors * self.std + self.mean


def of_run(run: Run) -> Columns:
    """The columns as config.json describes them."""
    described: Mapping[str, Any] = run.config["dataset"].get("preparation") or {}
    names, mean, std = (described.get(key) for key in ("columns", "mean", "std"))
    return Columns(
        None if names is None else tuple(map(str, names)),
        None if mean is None else np.array(mean, "float64"),
        None if std is None else np.array(std, "float64"),
    )
