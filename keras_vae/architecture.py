"""Architectures of dense layers as the literature writes them: `784-256-32-8-2`."""

import math
import os
from collections.abc import Sequence
from itertools import pairwise

from keras_vae.errors import InputError


def parse(architecture: str | Sequence[int]) -> tuple[int, ...]:
    """`"784-256-2"` → `(784, 256, 2)`: pixels first, latent units last; a sequence of integers passes through.

    Raises:
        InputError: unless there are at least two whole numbers, all of them above 0.
    """
    parts = architecture.split("-") if isinstance(architecture, str) else list(architecture)
    texts = [str(part).strip() for part in parts]
    # Python itself refuses to read numbers of thousands of digits.
    sizes = tuple(int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 100)
    if len(sizes) != len(parts) or len(sizes) < 2 or not 1 <= min(sizes) <= max(sizes) < 10**15:
        raise InputError(
            "architecture: expected layer sizes above 0 joined by dashes, from the pixels to the latent units, "
            f"such as 784-256-2; received {architecture!r}."
        )
    return sizes


def count_parameters(sizes: Sequence[int]) -> int:
    """Weights and biases of encoder and mirrored decoder, with both heads (mean and log_var)."""
    layers = sum((a + 1) * b for a, b in pairwise(sizes))
    mirrored = sum((b + 1) * a for a, b in pairwise(sizes))
    log_var_head = (sizes[-2] + 1) * sizes[-1]
    return layers + log_var_head + mirrored


def check(sizes: Sequence[int], image_shape: Sequence[int]) -> None:
    """Refuses an architecture that doesn't fit the image or can't be trained in the machine's memory.

    Raises:
        InputError: saying which.
    """
    written = "-".join(map(str, sizes))
    pixels = math.prod(image_shape)
    if pixels != sizes[0]:
        raise InputError(
            f"architecture: expected {pixels} as its first number, the size of an image of shape "
            f"{tuple(image_shape)}; received {written}."
        )
    if not hasattr(os, "sysconf"):  # Windows doesn't tell
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # float32 weights, their gradients and an optimizer's two moments
    needed = 4 * 4 * count_parameters(sizes)
    if needed > memory:
        raise InputError(
            f"architecture: expected layers that can be trained in this machine's {memory / 2**30:.0f} GiB of memory; "
            f"received {written}, which needs about {needed / 2**30:,.0f} GiB; make its layers smaller."
        )
