"""Tensors of any library as NumPy arrays; no library is imported."""

from typing import Any

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.readers import reason
from keras_vae.errors import InputError

SHORT_FLOATS = ("bfloat16", "float8")  # parts of the names of types that NumPy lacks


def to_array(name: str, value: Any) -> np.ndarray:
    """A tensor of PyTorch, JAX or TensorFlow, or whatever else NumPy converts, as an array of real numbers.

    Tensors that require gradients are detached, those on a device are copied, and numbers of fewer than 16 bits of
    precision (bfloat16, float8) become float32.

    Args:
        name: of the argument, for the message.
        value: the tensor.

    Raises:
        InputError: if it has no values, as a symbolic tensor, or is not a tensor of real numbers.
    """
    try:
        if callable(getattr(value, "detach", None)):  # of PyTorch
            value = value.detach().cpu()
            if any(part in str(value.dtype) for part in SHORT_FLOATS):
                value = value.float()
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name}: expected an array or tensor of numbers; received a value of type {type(value).__name__}, which "
            f"NumPy cannot convert ({reason(error)})."
        ) from error
    if any(part in found.dtype.name for part in SHORT_FLOATS):  # of JAX and TensorFlow
        found = found.astype("float32")
    return checks.as_array(name, found)
