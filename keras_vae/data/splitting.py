"""Split of items into training and test items by the digest of each one's content.

An item stays on its side when others are added or removed, and copies of an item are on the same side.
"""

import hashlib

import numpy as np

from keras_vae._utils.items import MAX_CHUNK_BYTES
from keras_vae._utils.npy_file import NpyFile
from keras_vae.errors import InputError

TEST_FRACTION = 0.2


def content_key(content: bytes | memoryview) -> int:
    """The first 64 bits of the SHA-256 digest of an item's content."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


def content_keys(x: np.ndarray | NpyFile) -> np.ndarray:
    """`content_key` of each item `(n, …)`: uint64 `(n,)`."""
    rows = max(1, int(MAX_CHUNK_BYTES * len(x) / max(1, x.nbytes)))
    chunks = (np.ascontiguousarray(x[i : i + rows]) for i in range(0, len(x), rows))
    keys = (content_key(item.reshape(-1).view("uint8").data) for chunk in chunks for item in chunk)
    return np.fromiter(keys, "uint64", len(x))


def split(keys: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and test items, each in their order.

    Args:
        keys: of the items, see `content_keys`.
        name: name of the data set, for error messages.

    Raises:
        InputError: if there are not at least two different items.

    Example:
        >>> train, test = split(content_keys(np.arange(1000)), "numbers")
        >>> len(train), len(test)
        (798, 202)
    """
    if len(np.unique(keys)) < 2:
        raise InputError(
            f"dataset: expected at least two different items in {name}, one for training and one for testing; received "
            f"{len(np.unique(keys))}; add others."
        )
    limit = np.uint64(int(TEST_FRACTION * 2**64))
    is_test = keys < limit
    if is_test.all():  # of a few items
        is_test = keys != keys.max()
    elif not is_test.any():
        is_test = keys == keys.min()
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)
