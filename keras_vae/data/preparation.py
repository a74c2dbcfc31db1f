"""The preparation of a data set before training, as `config.json` keeps it, and its inverse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_vae._utils.items import Scaling


@dataclass(frozen=True)
class Preparation:
    """What was done to the items of a data set, and what undoes it.

    Attributes:
        steps: what was done, a phrase each, in order.
        columns: names of the columns of vectors; None for images and for vectors without names.
        mean, std: of the standardisation, one number for each column, or a single one for images; None for none.
        damaged: number of damaged images that were left out.
        divisor: 255 for images of bytes, which were divided by it; else 1. `undo` does not multiply by it: images are
            shown in [0, 1].

    Example:
        >>> import numpy as np
        >>> made = Preparation(columns=("height", "weight"), mean=(1.7, 70.0), std=(0.1, 10.0))
        >>> made.apply(np.array([[1.8, 60.0]])).round(3).tolist()
        [[1.0, -1.0]]
        >>> made.undo(np.array([[1.0, -1.0]])).round(3).tolist()
        [[1.8, 60.0]]
    """

    steps: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    damaged: int = 0
    divisor: int = 1

    @property
    def scaling(self) -> Scaling:
        """The standardisation as the scaling of stored items."""
        return Scaling() if self.mean is None else Scaling(mean=np.array(self.mean), std=np.array(self.std))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Items in the user's units as the model takes them, float32.

        Args:
            x: items `(…, columns)`, or images of any shape.
        """
        return self.scaling(np.asarray(x))

    def undo(self, x: np.ndarray) -> np.ndarray:
        """Items as the model takes them, in the user's units: the inverse of `apply`, float64.

        Args:
            x: items `(…, columns)`, or images of any shape.
        """
        x = np.asarray(x, "float64")
        return x if self.mean is None else x * np.array(self.std) + np.array(self.mean)

    def description(self) -> dict[str, Any]:
        """The preparation as JSON, without what was not done."""
        found = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return {name: value for name, value in found.items() if value and (name, value) != ("divisor", 1)}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Preparation":
        """The inverse of `description`."""
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in description.items()
        }
        return cls(**found)
