"""Data sets as arrays: loading by name or path, splitting, scaling, digests, and binarization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.digests import of_arrays
from keras_vae._utils.foreign_text import cleaned, is_clean
from keras_vae._utils.formatting import listed
from keras_vae._utils.items import Items, Scaling
from keras_vae._utils.npy_file import NpyFile
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import registry
from keras_vae.data.checks import FACTOR_KEYS, as_arrays, check_factors
from keras_vae.data.images import ConstantColumnsError, Part, check_parts, scaled, scaling_of
from keras_vae.data.labels import classes
from keras_vae.data.options import DataOptions
from keras_vae.data.preparation import Preparation
from keras_vae.data.raw_data import RawData
from keras_vae.data.splitting import content_keys, split
from keras_vae.errors import InputError


class _Floats:
    """Attribute of a `Dataset` that is set to an array or `Items`, and returns them as float32.

    Args:
        items: name under which the data set keeps the items.
    """

    def __init__(self, items: str):
        self._items = items

    def __get__(self, dataset: "Dataset", owner: type) -> Any:
        items = dataset.__dict__[self._items]
        return items if items.is_mapped else items.array

    def __set__(self, dataset: "Dataset", value: Any) -> None:
        dataset.__dict__[self._items] = Items.of(value)


@dataclass(frozen=True)
class Dataset:
    """Training and test items, images in [0, 1] or standardised vectors, with optional labels and generative factors.

    `load` and `from_arrays` check and scale the arrays; the constructor takes them as they are.

    Attributes:
        name: the name or path that was passed to `load`.
        x_train, x_test: images, float32 in [0, 1] of shape `(n, height, width)` or `(n, height, width, channels)`, or
            vectors `(n, columns)`. Bytes are scaled when this is first read. Items of a file that is read in parts
            are no array: `x_train[rows]` returns one.
        y_train, y_test: class indices, integers from 0, of shape `(n,)`, or None.
        digest: SHA-256 of all arrays before scaling, with their shapes and types.
        factors_train, factors_test: the generative factors of the images, `(n, factors)`, or None where unknown.
        class_names: name of each class; None where the labels were the numbers of the classes.
        preparation: what was done to the items, and what undoes it.
        options: how the data set was read.

    Example:
        >>> import numpy as np
        >>> x = np.zeros((4, 8, 8), "float32")
        >>> Dataset("zeros", x_train=x, y_train=None, x_test=x[:2], y_test=None, digest="")
        Dataset('zeros', 4 + 2 images of (8, 8))
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    digest: str
    factors_train: np.ndarray | None = None
    factors_test: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    preparation: Preparation = field(default_factory=Preparation)
    options: DataOptions = field(default_factory=DataOptions)

    @classmethod
    def from_arrays(
        cls, name: str, arrays: Mapping[str, Any] | RawData, options: DataOptions | None = None
    ) -> "Dataset":
        """Makes a data set of arrays in memory: checks them, scales the images, and numbers the classes.

        Args:
            name: name of the data set, in messages and titles.
            arrays: `x_train` and `x_test`, images of shape `(n, height, width)` or `(n, height, width, channels)`,
                integers 0 … 255, integers 0 and 1, booleans, or floats in [0, 1], or vectors `(n, columns)` of numbers
                that are standardised, column by column; optionally `y_train` and `y_test`, labels as integers or text,
                one per item or one-hot, and `factors_train` and `factors_test`, `(n, factors)`. Or `x`, `y` and
                `factors`, which are split by the content of the items, a fifth of them for testing.
            options: `standardize` is used here; the others belong to the reader.

        Raises:
            InputError: if an array is not usable; the message says what to do.

        Example:
            >>> import numpy as np
            >>> x = np.random.default_rng(0).integers(0, 256, (4, 8, 8), "uint8")
            >>> y = ["cat", "dog", "dog", "cat"]
            >>> data = Dataset.from_arrays("pets", {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2]})
            >>> data.y_train.tolist(), data.class_names
            ([0, 1, 1, 0], ('cat', 'dog'))
            >>> table = np.random.default_rng(0).normal(170, 10, (100, 3))
            >>> Dataset.from_arrays("heights", {"x": table}).image_shape
            (3,)
        """
        _check_name(name)
        options = options or DataOptions()
        raw = arrays if isinstance(arrays, RawData) else RawData(arrays)
        found = as_arrays(raw.arrays, name)
        is_split = "x_train" in found
        train, test, of_parts = _given(found, name) if is_split else _split(found, raw, name)
        limits = check_parts(train, test, name, options.standardize)
        labels = classes(of_parts.get("y_train"), of_parts.get("y_test"), train.n, test.n, name)
        for key, part in zip(FACTOR_KEYS, (train, test), strict=True):
            if key in of_parts:
                check_factors(of_parts[key], part.n, f"{key} of {name}")
        try:
            scaling = scaling_of(train, limits, name, options.standardize)
        except ConstantColumnsError as error:
            raise _named(error, raw.columns) from None
        return cls(
            name=name,
            x_train=scaled(train, scaling),  # type: ignore[arg-type]
            y_train=labels.y_train,
            x_test=scaled(test, scaling),  # type: ignore[arg-type]
            y_test=labels.y_test,
            digest=of_arrays((key, _of_digest(key, found[key])) for key in sorted(found)),
            class_names=labels.names,
            preparation=_preparation(raw, scaling),
            options=options,
            **{key: of_parts[key] for key in FACTOR_KEYS if key in of_parts},
        )

    def __repr__(self) -> str:
        kind = "vectors" if len(self.image_shape) == 1 else "images"
        parts = [repr(self.name), f"{len(self.train):,} + {len(self.test):,} {kind} of {self.image_shape}"]
        if self.y_train is not None:
            parts.append(f"{len(np.unique(self.y_train)):,} classes")
        return f"Dataset({', '.join(parts)})"

    @property
    def train(self) -> Items:
        """The training items as they are stored; `VAE.fit` scales bytes within its steps, and reads files in parts."""
        return self.__dict__["train"]

    @property
    def test(self) -> Items:
        """The test items as they are stored."""
        return self.__dict__["test"]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one item: `(height, width)`, `(height, width, channels)`, or `(columns,)` of vectors."""
        return self.train.shape[1:]


# After the dataclass is made, which would take them as default values.
Dataset.x_train = _Floats("train")  # type: ignore[assignment]
Dataset.x_test = _Floats("test")  # type: ignore[assignment]


def load(
    name: str | Path, *, cache: Path | None = None, progress: ProgressReporter | None = None, **options: Any
) -> Dataset:
    """Loads a registered data set by its name, or images or a table from a file or folder.

    - `mnist`, `fashion-mnist`, `cifar10`, `cifar100`: read from Keras' cache (`$KERAS_HOME/datasets`, by default
      `~/.keras/datasets`), else downloaded. Files in the cache are neither deleted nor overwritten.
    - `mnist-5k`: 5,000 of MNIST's training digits, split into 4,000 / 1,000; included in the installation.
    - `digits`: 1,437 / 360 digits of 8 × 8 pixels, included in scikit-learn.
    - `tiles`: 60,000 / 10,000 generated images of a white square on black (see `keras_vae.data.tiles`), with its
      position and size as factors; `tiles-2k` has 1,600 / 400.
    - a folder of PNG, JPEG or WebP images. Subfolders are labels; folders `train` and `test` give the split.
    - a path that ends in `.npz`: a file in Keras' layout, with the arrays that `Dataset.from_arrays` takes.
    - a path that ends in `.npy`: one array, which is read in parts if it has more than 1 GB.
    - a path that ends in `.csv`: a table, whose columns are standardised.

    Data without a split is split by the content of its items, so that adding files moves none of the others.
    `keras_vae.data.register` adds a data set to this list, `keras_vae.data.register_format` a file format.

    Args:
        name: one of these names, or a path.
        cache: folder that keeps the decoded images of a folder; None to decode them each time.
        progress: shows a bar while images are decoded; by default one on a terminal.
        **options: see `keras_vae.data.DataOptions`.

    Returns:
        A `Dataset`: images scaled to [0, 1], or standardised vectors, with labels and factors where there are any.

    Raises:
        InputError: if the data set is unknown or damaged, can't be downloaded, or its arrays are not valid, or an
            option is not one of the data's format.

    Example:
        >>> data = load("mnist-5k")
        >>> data.x_train.shape, data.x_test.shape
        ((4000, 28, 28), (1000, 28, 28))
        >>> data.y_test[:5].tolist()
        [0, 8, 3, 8, 8]
    """
    raw = read(name, cache=cache, progress=progress, **options)
    return Dataset.from_arrays(str(name), raw, DataOptions(**options))


def read(
    name: str | Path,
    *,
    cache: Path | None = None,
    progress: ProgressReporter | None = None,
    columns: Sequence[str] | None = None,
    in_parts: bool = False,
    **options: Any,
) -> RawData:
    """The arrays of a data set as its reader returns them.

    Args:
        name, cache, progress, **options: as those of `load`.
        columns: of a table, the columns to read, in this order; others are left out.
        in_parts: whether a `.npy` file of any size stays on the disk.

    Raises:
        InputError: as `load`.
    """
    name = str(name)
    _check_name(name)
    found, wanted = registry.find_reader(name), DataOptions(**options)
    if found is None:
        raise InputError(f"dataset: expected {registry.choices()}; received {name!r}.")
    given = {key: value for key, value in wanted.given().items() if key != "standardize"}
    foreign = [key for key in given if key not in found.options]
    if foreign:
        accepted = listed([key for key in (*found.options, "standardize") if key in DataOptions.model_fields])
        raise InputError(f"{foreign[0]}: expected no such option for {found.label}, which takes {accepted}; remove it.")
    others = {"cache": cache, "progress": progress, "columns": columns, "in_parts": in_parts}
    arrays = found.read(**given, **{key: value for key, value in others.items() if key in found.options})
    return arrays if isinstance(arrays, RawData) else RawData(arrays)


def _given(found: Mapping[str, Any], name: str) -> tuple[Part, Part, Mapping[str, Any]]:
    """Training and test items that were read as such."""
    train, test = (Part(found[key], None, f"{key} of {name}") for key in ("x_train", "x_test"))
    return train, test, found


def _split(found: Mapping[str, Any], raw: RawData, name: str) -> tuple[Part, Part, dict[str, Any]]:
    """Training and test items of `x`, with their labels and factors."""
    x, where = found["x"], f"x of {name}"
    if not x.ndim or not x.size:
        raise InputError(f"dataset: expected at least two items in {where}; received shape {x.shape}.")
    for key in {"y", "factors"} & set(found):
        n = len(found[key]) if found[key].ndim else 0
        if n != len(x):
            raise InputError(
                f"dataset: expected {len(x)} rows, one per item, in {key} of {name}; received {n}; leave it out."
            )
    if "is_test" in found:
        rows = np.flatnonzero(~found["is_test"]), np.flatnonzero(found["is_test"])
    else:
        rows = split(content_keys(x) if raw.keys is None else raw.keys, name)
    of_parts = {
        f"{key}_{part}": found[key][chosen]
        for part, chosen in zip(("train", "test"), rows, strict=True)
        for key in ("y", "factors")
        if key in found
    }
    return Part(x, rows[0], where), Part(x, rows[1], where), of_parts


def _preparation(raw: RawData, scaling: Scaling) -> Preparation:
    steps, moments = list(raw.steps), {}
    if scaling.mean is not None:
        steps.append("standardised: mean 0 and standard deviation 1 of the training items")
        moments = {"mean": tuple(scaling.mean.tolist()), "std": tuple(scaling.std.tolist())}
    return Preparation(tuple(steps), raw.columns, damaged=raw.damaged, divisor=scaling.divisor, **moments)


def _named(error: ConstantColumnsError, columns: tuple[str, ...] | None) -> InputError:
    """The error with the names of the columns, where they have names."""
    if columns is None:
        return error
    names = [columns[i] for i in error.columns]
    return InputError(
        f"dataset: expected several values in every column of {error.where}; received one value in "
        f"{', '.join(names)}; drop them, drop={names[0]!r}."
    )


def binarize(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws binary images, each pixel 1 with its grey value as probability (Salakhutdinov & Murray 2008).

    Args:
        images: values in [0, 1], of any shape.
        seed: seed of the draw.

    Returns:
        Zeros and ones, float32, of the same shape.

    Raises:
        InputError: if a value is outside [0, 1].

    Example:
        >>> import numpy as np
        >>> binarize(np.array([0.0, 0.5, 0.5, 1.0]), seed=1).tolist()
        [0.0, 0.0, 1.0, 1.0]
    """
    images = checks.array("images", images, None, dtype=None, low=0, high=1)
    return (np.random.default_rng(checks.seed(seed)).random(images.shape) < images).astype("float32")


def _check_name(name: str) -> None:
    """Names stand in titles, pages, files and on the terminal."""
    if not is_clean(name):
        raise InputError(
            f"dataset: expected a name without control characters and undecodable bytes; received {cleaned(name)!r}; "
            "rename the file."
        )


def _of_digest(key: str, array: Any) -> np.ndarray:
    """The array whose bytes represent the content, not its layout: a column of labels is flat, objects are text.

    A file that is read in parts is represented by the digests of its items.
    """
    if isinstance(array, NpyFile):
        return content_keys(array)
    if key.startswith("y_") and array.ndim == 2 and array.shape[1] == 1:
        array = array.reshape(-1)
    return np.atleast_1d(array.astype("U") if array.dtype.kind == "O" else array)
