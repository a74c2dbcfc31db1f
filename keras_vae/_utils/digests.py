"""Digests of arrays, which do not depend on the format of the file that holds them."""

import hashlib
from collections.abc import Iterable

import numpy as np


def of_arrays(arrays: Iterable[tuple[str, np.ndarray]]) -> str:
    """SHA-256 of named arrays in the given order, with their names, types and shapes; 64 hexadecimal digits.

    Example:
        >>> import numpy as np
        >>> of_arrays([("a", np.zeros(2))]) == of_arrays([("a", np.zeros((2, 1)))])
        False
    """
    digest = hashlib.sha256()
    for name, array in arrays:
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view("uint8").data)
    return digest.hexdigest()
