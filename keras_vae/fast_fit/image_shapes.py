"""Checks of the shape of images before a model trains on them, is evaluated on them or encodes them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import InputError

Shape = tuple[int | None, ...]


def as_images(name: str, data: Any, image_shape: Shape) -> Any:
    """An array or tensor of images in a model's shape, also in a list or dictionary; data of other kinds as it is.

    A last axis of length 1 is added or removed, as Keras does.

    Args:
        name: name of the argument, for the message.
        data: an array, or whatever else Keras takes.
        image_shape: of one image; None for any length of an axis.

    Raises:
        InputError: if it is an array of another shape, or a list of images.
    """
    if isinstance(data, (list, tuple, dict)) and len(data) == 1:
        (data,) = data.values() if isinstance(data, dict) else data
    if isinstance(data, (list, tuple)):
        raise InputError(
            f"{name}: expected one array of images; received a {type(data).__name__} of {len(data)}; pass np.stack(x)."
        )
    if not (isinstance(data, np.ndarray) or ops.is_tensor(data)) or _fits(data.shape[1:], image_shape):
        return data
    if _without_channel(data.shape[1:]) == _without_channel(image_shape) and len(data.shape) > 1:
        return data.reshape(-1, *image_shape) if isinstance(data, np.ndarray) else ops.reshape(data, (-1, *image_shape))
    raise InputError(refusal(name, tuple(data.shape), image_shape))


def check_inputs(name: str, x: Any, encoder: keras.Model) -> None:
    """Checks arrays for an encoder of one or several inputs; a last axis of length 1 may be missing or present.

    Raises:
        InputError: if an array has another shape than its input.
    """
    inputs = getattr(encoder, "inputs", None) or ()
    names = [part.name for part in inputs]
    if isinstance(x, dict) and len(x) > 1 and set(x) == set(names):
        x = [x[part] for part in names]
    arrays = keras.tree.flatten(x)
    if len(arrays) != len(inputs) or (isinstance(x, dict) and len(x) > 1):
        return  # Keras knows what the model takes
    for array, part in zip(arrays, inputs, strict=True):
        found, wanted = tuple(array.shape[1:]), tuple(part.shape[1:])
        if not (_fits(found, wanted) or _fits(_without_channel(found), _without_channel(wanted))):
            raise InputError(refusal(name, tuple(array.shape), wanted))


def refusal(name: str, shape: Shape, image_shape: Shape) -> str:
    """The message about an array of another shape, with what makes it fit."""
    expected = ", ".join("any" if size is None else str(size) for size in ("n", *image_shape))
    advice = f"pass images of that shape, or build the model with image_shape={tuple(shape[1:])}"
    if tuple(shape) == tuple(image_shape):
        advice = "for a single image pass x[None]"
    elif None not in (*shape, *image_shape) and len(shape) > 1 and _product(shape[1:]) == _product(image_shape):
        advice = f"pass x.reshape(-1, {', '.join(map(str, image_shape))})"
    return f"{name}: expected images of shape ({expected}); received shape {tuple(shape)}; {advice}."


def _product(shape: Shape) -> int:
    return int(np.prod([size or 0 for size in shape], dtype="int64"))


def _fits(shape: Shape, wanted: Shape) -> bool:
    """Whether sizes agree where both are known."""
    return len(shape) == len(wanted) and all(
        None in (size, other) or size == other for size, other in zip(shape, wanted, strict=True)
    )


def _without_channel(shape: Shape) -> Shape:
    """A shape without a last axis of length 1, which is that of a channel."""
    return tuple(shape[:-1]) if len(shape) > 1 and shape[-1] == 1 else tuple(shape)
