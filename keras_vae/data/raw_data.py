"""What a reader of a file or folder returns, where arrays alone do not describe it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RawData:
    """Arrays as they were read.

    Attributes:
        arrays: `x_train` and `x_test`, or `x`, which is split by the content of its items; labels and factors under
            `y…` and `factors…`.
        keys: of the items of `x`, see `splitting.content_keys`; None for those of the arrays.
        columns: names of the columns of vectors; None without names.
        steps: what the reader did, a phrase each.
        damaged: number of damaged images that were left out.
        names: of the items of `x`, such as the paths of image files; None without names.
    """

    arrays: Mapping[str, Any]
    keys: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    steps: tuple[str, ...] = ()
    damaged: int = 0
    names: tuple[str, ...] | None = None
