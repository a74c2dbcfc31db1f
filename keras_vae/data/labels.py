"""Labels of any kind as class indices 0 … K − 1, with the names of the classes."""

import logging
from typing import Any, NamedTuple

import numpy as np

from keras_vae._utils.foreign_text import cleaned, shortened
from keras_vae.errors import InputError

MAX_CLASSES = 10_000
MAX_LISTED_CLASSES = 5  # in a message
MAX_NAME_CHARACTERS = 60  # of a class; a longer name is cut in the middle
_LOG = logging.getLogger(__name__)


class Classes(NamedTuple):
    """The classes of training and test images.

    Attributes:
        y_train, y_test: class indices, integers from 0, of shape `(n,)`; None without labels.
        names: name of each class; None where the labels are the numbers of the classes.
    """

    y_train: np.ndarray | None
    y_test: np.ndarray | None
    names: tuple[str, ...] | None


def classes(y_train: np.ndarray | None, y_test: np.ndarray | None, n_train: int, n_test: int, name: str) -> Classes:
    """Maps labels to class indices.

    Integers from 0 up to `MAX_CLASSES` stay as they are. Others are numbered in their order: negative and larger
    integers, whole floats, booleans, and text. Rows of exactly one 1 (one-hot) become the position of the 1.

    Args:
        y_train, y_test: labels of any kind, or None.
        n_train, n_test: numbers of images.
        name: name of the data set, for error messages.

    Raises:
        InputError: if the labels are not one per image, not usable as classes, or of too many classes.
    """
    parts = {"y_train": (y_train, n_train), "y_test": (y_test, n_test)}
    labels = {part: flat(y, n, f"{part} of {name}") for part, (y, n) in parts.items() if y is not None}
    if len({y.dtype.kind == "U" for y in labels.values()}) > 1:
        raise InputError(f"dataset: expected one kind of labels in {name}; received text and numbers.")
    _warn_of_incomplete_labels(labels, name)
    values = sorted(set().union(*(np.unique(y).tolist() for y in labels.values())))
    is_number = bool(values) and not isinstance(values[0], str)
    if not values or (is_number and not isinstance(values[0], bool) and values[0] >= 0 and values[-1] < MAX_CLASSES):
        return Classes(labels.get("y_train"), labels.get("y_test"), None)
    if len(values) > MAX_CLASSES:
        raise InputError(
            f"dataset: expected labels of at most {MAX_CLASSES:,} classes in {name}; received {len(values):,}; "
            "leave them out, or pass numbers as factors_train and factors_test."
        )
    index = {value: i for i, value in enumerate(values)}
    indices = {part: _indices(y, index) for part, y in labels.items()}
    names = tuple(_name(value) for value in values)
    is_numbered = names == tuple(map(str, range(len(names))))
    return Classes(indices.get("y_train"), indices.get("y_test"), None if is_numbered else names)


def _warn_of_incomplete_labels(labels: dict[str, np.ndarray], name: str) -> None:
    """Logs labels of one part alone, and classes of the test images that no training image has."""
    if len(labels) == 1:
        (given,) = labels
        missing = "y_test" if given == "y_train" else "y_train"
        _LOG.warning(
            "%s: labels %s without %s: figures and scores that need both leave them out.", name, given, missing
        )
    elif labels:
        new = sorted(set(np.unique(labels["y_test"]).tolist()) - set(np.unique(labels["y_train"]).tolist()))
        if new:
            shown = ", ".join(_name(value) for value in new[:MAX_LISTED_CLASSES])
            more = ", …" if len(new) > MAX_LISTED_CLASSES else ""
            _LOG.warning("%s: y_test holds classes that y_train does not: %s%s.", name, shown, more)


def _indices(y: np.ndarray, index: dict[Any, int]) -> np.ndarray:
    present, positions = np.unique(y, return_inverse=True)
    return np.array([index[value] for value in present.tolist()], "int64")[positions.reshape(len(y))]


def _name(value: Any) -> str:
    return shortened(cleaned(str(value)), MAX_NAME_CHARACTERS)


def flat(y: np.ndarray, n: int, where: str) -> np.ndarray:
    """Labels of any kind as one per image: integers, booleans or text, of shape `(n,)`.

    Args:
        y: labels `(n,)` or `(n, 1)`, or one-hot `(n, classes)`.
        n: number of images.
        where: names the labels in error messages.

    Raises:
        InputError: if they are not one per image.
    """
    if y.dtype.kind not in "biufSUO":
        raise InputError(f"dataset: expected labels of classes in {where}; received {y.dtype}.")
    if y.ndim == 2 and y.shape[0] == n and y.shape[1] > 1:
        y = _from_one_hot(y, where)
    if y.shape not in ((n,), (n, 1)):
        raise InputError(f"dataset: expected {n} labels, one per image, in {where}; received {y.shape}.")
    y = y.reshape(n)
    if y.dtype.kind == "O":
        return _from_objects(y, where)
    if y.dtype.kind == "S":
        return np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind == "f":
        if not (np.abs(y) < 2**63).all() or not (y == np.rint(y)).all():  # NaN fails the first
            raise InputError(
                f"dataset: expected labels of classes, whole numbers or text, in {where}; received other numbers; pass "
                "them as factors, or leave them out."
            )
        return y.astype("int64")
    return y


def _from_one_hot(y: np.ndarray, where: str) -> np.ndarray:
    is_one_hot = y.dtype.kind in "biuf" and bool(
        (((y == 0) | (y == 1)).all(axis=1) & ((y == 1).sum(axis=1) == 1)).all()
    )
    if not is_one_hot:
        raise InputError(
            f"dataset: expected one label per image in {where}; received {y.shape}; pass the class with the largest "
            "value, y.argmax(axis=1), or several attributes of an image as factors."
        )
    _LOG.warning("%s: rows with a single 1 are taken as one-hot labels, y.argmax(axis=1).", where)
    return y.argmax(axis=1)


def _from_objects(y: np.ndarray, where: str) -> np.ndarray:
    """Python objects, as a reader may return them: text, or numbers."""
    values = y.tolist()
    if all(isinstance(value, str) for value in values):
        return np.array(values, "U")
    if all(isinstance(value, int) and abs(value) < 2**63 for value in values):
        return np.array(values, "int64")
    kinds = ", ".join(sorted({type(value).__name__ for value in values}))
    raise InputError(f"dataset: expected labels that are all text or all whole numbers in {where}; received {kinds}.")
