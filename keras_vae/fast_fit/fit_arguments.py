"""Arguments of Keras' `fit` and `evaluate`: binding to names, targets for sample weights, arrays to train on."""

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae._utils import checks
from keras_vae._utils.items import Items
from keras_vae.errors import InputError

DEFAULT_BATCH_SIZE = 32  # Keras' own


def bind(method: Callable, args: tuple, kwargs: dict) -> dict[str, Any]:
    """All arguments of a call of one of Keras' methods, by name, with their defaults."""
    bound = inspect.signature(method).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    return arguments | arguments.pop("kwargs", {})


def add_missing_targets(arguments: dict) -> None:
    """Adds a target, which is ignored, to sample weights: without a target Keras silently drops the weights.

    Raises:
        InputError: if a sample weight is a single number, or an array of them holds a negative or non-finite one.
    """
    weight = arguments.get("sample_weight")
    if weight is not None and np.ndim(weight) == 0:
        raise InputError(f"sample_weight: expected one weight per image, shape (images,); received {weight!r}.")
    if isinstance(weight, np.ndarray) and not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise InputError("sample_weight: expected finite weights of 0 or more; received others.")
    if weight is not None and arguments.get("y") is None:
        arguments["y"] = np.zeros(len(weight), "float32")


def warn_of_ignored_targets(arguments: dict, has_metrics: bool = False) -> None:
    """Warns of targets that nothing uses: class labels, or other images than the inputs, as for denoising.

    No warning is issued for the inputs themselves, as in `fit(x, x)`, for labels with class weights, and for metrics.
    """
    x, y = arguments["x"], arguments["y"]
    if has_metrics or arguments["class_weight"] is not None or not (is_array(x) and is_array(y)) or y is x:
        return
    if math.prod(y.shape) == math.prod(x.shape):
        if np.array_equal(np.ravel(_to_numpy(x)), np.ravel(_to_numpy(y))):
            return
        advice = "for other targets override compute_loss(x, y, …) and pass y in place of x"
    else:
        advice = "leave them out; labels belong to LatentRecorder(x, y) and to data sets"
    warnings.warn(f"y: targets are ignored, since a VAE reconstructs its input x; {advice}.", stacklevel=3)


def add_missing_validation_targets(arguments: dict) -> None:
    """As `add_missing_targets`, for arrays in `validation_data`."""
    validation = arguments.get("validation_data")
    if isinstance(validation, (tuple, list)):
        named = dict(zip(("x", "y", "sample_weight"), validation, strict=False))
        add_missing_targets(named)
        arguments["validation_data"] = tuple(named.values())


def is_array(x: Any) -> bool:
    """Whether data is one array or tensor, or the items of a data set."""
    return isinstance(x, np.ndarray | Items) or ops.is_tensor(x)


def is_shuffled_array(arguments: dict) -> bool:
    """Whether `fit` trains on an array in an order that Keras would shuffle."""
    return is_array(arguments["x"]) and arguments["shuffle"] is True and not arguments["steps_per_epoch"]


def take_arrays(arguments: dict) -> tuple[np.ndarray | Items, ...]:
    """Removes the arrays to train on from the arguments, after the same validation split that Keras would make.

    Returns:
        (x,), (x, y) or (x, y, sample_weight), each `(n, …)`; y is omitted without weights of images or classes. Items
        of bytes, and those that are read from a file, stay as they are.

    Raises:
        InputError: if there is no image, the lengths differ, or the split leaves no image on one side.
    """
    x, y, weight = (arguments.pop(key) for key in ("x", "y", "sample_weight"))
    if arguments["class_weight"] is None:
        y = None if weight is None else np.zeros(len(x), "float32")  # targets are ignored, and need not be an array
    arrays = tuple(_to_numpy(array) for array in (x, y, weight) if array is not None)
    n = len(arrays[0])
    if not n:
        raise InputError("x: expected at least one image; received none.")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise InputError(f"fit: expected arrays of one length; received {lengths}.")
    split = checks.number("validation_split", arguments.pop("validation_split") or 0.0, low=0, high=1)
    if not split or arguments["validation_data"] is not None:
        return arrays
    first = math.floor(n * (1.0 - split))
    if not 0 < first < n:
        raise InputError(
            f"validation_split: expected a fraction that leaves images on both sides of {n}; received {split!r}."
        )
    arguments["validation_data"] = tuple(array[first:] for array in arrays)
    return tuple(array[:first] for array in arrays)


def _to_numpy(array) -> np.ndarray | Items:
    if isinstance(array, Items):
        return array if array.are_bytes or array.is_mapped else array.array
    return ops.convert_to_numpy(array) if ops.is_tensor(array) else np.asarray(array)


def take_batch_size(arguments: dict) -> int:
    """Removes the batch size from the arguments and returns it; it remains the default for validation.

    Raises:
        InputError: if it is not a whole number of at least 1.
    """
    batch_size = arguments.pop("batch_size")
    batch_size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
    batch_size = checks.whole("batch_size", batch_size)
    arguments["validation_batch_size"] = arguments["validation_batch_size"] or batch_size
    return batch_size


def take_callbacks(arguments: dict) -> list[keras.callbacks.Callback]:
    """Removes the callbacks (one, several, a `CallbackList` or None) from the arguments; returns them as a list."""
    callbacks = arguments.pop("callbacks")
    callbacks = getattr(callbacks, "callbacks", callbacks)  # of a CallbackList
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
