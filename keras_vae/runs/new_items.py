"""Items that a run was not trained on, prepared as its training images were, chunk by chunk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae import data as datasets
from keras_vae._utils.items import Items
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import csv_table, npz, registry
from keras_vae.errors import InputError
from keras_vae.runs import run_data
from keras_vae.runs.folder import Run

INHERITED = ("size", "gray", "channels_first", "images", "label")  # options of the training's data


@dataclass(frozen=True)
class NewItems:
    """Items of any data set as the model of a run takes them.

    Attributes:
        name: the name or path of the data set.
        x: the items, scaled as in training.
        labels: as they stand in the data, `(n,)`, or None.
        names: of the items, such as the paths of image files within their folder; None without names.
        image_shape: shape of one item, as the model takes it.
        are_binarized: whether grey values are the probabilities of binary pixels, as in the run's training.
    """

    name: str
    x: Items
    labels: np.ndarray | None
    names: tuple[str, ...] | None
    image_shape: tuple[int, ...]
    are_binarized: bool

    def __len__(self) -> int:
        return len(self.x)

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The items in their order, float32 `(size, …)`; the last chunk may be smaller.

        Binary images are those of `data.binarize(x, seed=0)` for all items, whatever the size.
        """
        rng = np.random.default_rng(run_data.TEST_BINARIZATION_SEED)
        for i in range(0, len(self.x), size):
            x = self.x[i : i + size]
            if self.are_binarized:
                x = (rng.random(x.shape) < x).astype("float32")
            yield x.reshape(len(x), *self.image_shape)


def load(run: Run, name: str | Path, progress: ProgressReporter | None = None, **options: Any) -> NewItems:
    """Loads all items of a data set in their order, prepared as the training images of a run were.

    Columns of a table are standardised by the means and standard deviations of the training. Options of the run's data
    that say how it is read apply to data of the same format as well, unless others are given; a column of labels need
    not be present.

    Args:
        run: a run.
        name: a name or path that `kv.load` accepts.
        progress: shows a bar while images are decoded.
        **options: see `keras_vae.data.DataOptions`.

    Raises:
        InputError: if the data can't be read, or the items have another shape than those of the run.
    """
    name, config = str(name), run.config["config"]
    options = _inherited(name, config.get("data_options", {})) | options
    found = datasets.load_all(name, run.preparation, cache=run_data.cache_folder(run), progress=progress, **options)
    shape = tuple(found.x.shape[1:])
    if run_data.without_channel(shape) != run_data.without_channel(run.image_shape):
        raise InputError(_refusal(run, name, shape))
    binarized = bool(config.get("binarize"))
    return NewItems(name, found.x, found.labels, found.names, run.image_shape, binarized)


def _inherited(name: str, trained: dict[str, Any]) -> dict[str, Any]:
    """The options of the training's data that apply to other data."""
    reader = registry.find_reader(name)
    if reader is None:
        return {}
    found = {key: trained[key] for key in INHERITED if key in trained and key in reader.options}
    if "label" in found and found["label"] not in csv_table.column_names(Path(name)):
        del found["label"]
    if "images" in found and name.endswith(".npz") and found["images"] not in npz.array_names(Path(name)):
        del found["images"]
    return found


def _refusal(run: Run, name: str, shape: tuple[int, ...]) -> str:
    expected, advice = run.image_shape, "pass items of that shape"
    reader = registry.find_reader(name)
    if reader is not None and "size" in reader.options and len(expected) > 1 and expected[0] == expected[1]:
        gray = " and gray=True" if len(shape) > len(run_data.without_channel(expected)) else ""
        advice = f"set size={expected[0]}{gray}"
    kind = "rows of shape" if len(expected) == 1 else "images of shape"
    return f"dataset: expected {kind} {expected}, as {run.path} was trained on; received {shape} in {name}; {advice}."
