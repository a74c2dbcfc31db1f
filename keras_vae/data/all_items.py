"""All items of a data set in their order, prepared as those of another data set were."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_vae._utils.items import Items, Scaling
from keras_vae.data.checks import as_arrays
from keras_vae.data.dataset import read
from keras_vae.data.images import Part, check_parts, scaled
from keras_vae.data.labels import flat
from keras_vae.data.preparation import Preparation
from keras_vae.errors import InputError


class AllItems(NamedTuple):
    """Items that are not split.

    Attributes:
        x: the items; those of a `.npy` file and of a large folder are read in parts.
        labels: as they stand in the data, `(n,)`, or None.
        names: of the items, such as the paths of image files within their folder; None without names.
    """

    x: Items
    labels: np.ndarray | None
    names: tuple[str, ...] | None = None


def load_all(name: str | Path, preparation: Preparation, **options: Any) -> AllItems:
    """Loads all items of a data set in their order, to be encoded by a model that was trained on another one.

    Args:
        name: a name or path that `load` accepts. Of data with a split, the training items come before the test items.
        preparation: of the data set that the model was trained on, such as `run.preparation`: vectors are standardised
            by its means and standard deviations. Of a table, the columns of these names are read, in any order.
        **options: see `load`.

    Raises:
        InputError: if the data cannot be read, or lacks a column of the preparation; if `preparation` is none.

    Example:
        >>> from keras_vae.data import Preparation
        >>> load_all("digits", Preparation()).x.shape
        (1797, 8, 8)
    """
    if not isinstance(preparation, Preparation):
        raise InputError(
            "preparation: expected a keras_vae.data.Preparation, such as run.preparation; received "
            f"{type(preparation).__name__}."
        )
    raw = read(name, columns=preparation.columns, in_parts=True, **options)
    if preparation.columns is not None and raw.columns != preparation.columns:
        raise InputError(
            f"dataset: expected a table with the columns {', '.join(preparation.columns)} of the training; received "
            f"{name}, whose columns have no names; save it as .csv."
        )
    found = as_arrays(raw.arrays, str(name))
    x, labels = (_joined(found, key) for key in ("x", "y"))
    part = Part(x, None, f"x of {name}")
    standardized = preparation.mean is not None
    limits = check_parts(part, part, str(name), standardized)
    scaling = preparation.scaling
    if standardized:
        _check_columns(x.shape, len(preparation.mean or ()), name)
    elif limits is not None:
        is_bytes = x.dtype.kind in "ui" and (preparation.divisor != 1 or limits.high > 1)
        scaling = Scaling(255 if is_bytes else 1, clip=x.dtype.kind == "f" and x.ndim > 2)
    labels = None if labels is None else flat(labels, len(x), f"labels of {name}")
    return AllItems(scaled(part, scaling), labels, raw.names)


def _check_columns(shape: tuple[int, ...], n: int, name: str | Path) -> None:
    """Checks the number of columns that are standardised: others would be broadcast."""
    if n > 1 and shape[1:] != (n,):
        raise InputError(f"dataset: expected vectors of {n} columns, as in training, in {name}; received {shape}.")


def _joined(found: dict[str, Any], key: str) -> Any:
    """The array of a key, or its training and test parts, one after the other; None if there is none."""
    if f"{key}_train" in found and f"{key}_test" in found:
        return np.concatenate([found[f"{key}_train"], found[f"{key}_test"]])
    return found.get(key)
