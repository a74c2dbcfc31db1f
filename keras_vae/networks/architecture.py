"""Architecture strings: `784-256-32-8-2` (dense), `c32-c64-256-16` (convolutions), `c64-c128-8x8x1024` (latent map).

The parts run from the image to the latent units; the decoder mirrors the encoder.

- `c32` is a convolution with 32 filters that halves height and width.
- `r32` is one, followed by a residual block: two convolutions whose result is added to their input.
- A plain number is a dense layer; without convolutions the first number is the size of the image.
- The last part is the latent space: a number of units, or a map of height × width × channels.
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from keras_vae.errors import InputError

KERNEL = 3
STRIDE = 2
DEFAULTS = {"dense": "784-256-2", "conv": "c32-c64-256-2", "spatial": "c32-c64-8x8x16"}


@dataclass(frozen=True)
class Architecture:
    """Layer sizes of an encoder and its decoder.

    Attributes:
        pixels: number of pixels of the image for a dense architecture, else None.
        filters: numbers of filters of the convolutions.
        residual: for each of them, whether a residual block follows.
        hidden: sizes of the encoder's dense layers before the latent space.
        latent_shape: `(units,)`, or `(height, width, channels)`.
        decoder: sizes of the decoder's dense layers, from the latent space on; None for `hidden` reversed.
    """

    pixels: int | None
    filters: tuple[int, ...]
    hidden: tuple[int, ...]
    latent_shape: tuple[int, ...]
    decoder: tuple[int, ...] | None = None
    residual: tuple[bool, ...] = ()

    @property
    def hidden_back(self) -> tuple[int, ...]:
        """Sizes of the decoder's dense layers."""
        return self.hidden[::-1] if self.decoder is None else self.decoder

    @property
    def kind(self) -> str:
        """`dense`, `conv` or `spatial`."""
        if self.pixels is not None:
            return "dense"
        return "conv" if len(self.latent_shape) == 1 else "spatial"

    @property
    def n_units(self) -> int:
        return math.prod(self.latent_shape)

    def __str__(self) -> str:
        pixels = [] if self.pixels is None else [str(self.pixels)]
        convolutions = [
            f"{'r' if residual else 'c'}{n}" for n, residual in zip(self.filters, self.residual, strict=True)
        ]
        return "-".join([*pixels, *convolutions, *map(str, self.hidden), "x".join(map(str, self.latent_shape))])

    def smallest_map(self, image_shape: Sequence[int]) -> tuple[int, int]:
        """Height and width after all convolutions of the padded image."""
        if self.kind == "spatial":
            height, width, _ = self.latent_shape
            return height, width
        halved = STRIDE ** len(self.filters)
        height, width = (-(-side // halved) for side in image_shape[:2])
        return height, width

    def padded(self, image_shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of the padded image: the smallest that halve evenly, or those required by a latent map."""
        return tuple(side * STRIDE ** len(self.filters) for side in self.smallest_map(image_shape))

    def check(self, image_shape: Sequence[int]) -> None:
        """Checks that the architecture fits the image and can be trained in the machine's memory.

        Raises:
            InputError: if it does not fit the image or the memory.
        """
        image_shape = tuple(image_shape)
        if self.kind == "dense":
            if math.prod(image_shape) != self.pixels:
                size = (
                    "the number of columns" if len(image_shape) == 1 else f"the size of an image of shape {image_shape}"
                )
                n = math.prod(image_shape)
                fitting = "-".join(str(self).split("-")[1:])
                raise InputError(
                    f"architecture: expected {n} as its first number, {size}; received {self}; {n}-{fitting} fits."
                )
        elif len(image_shape) not in (2, 3):
            raise InputError(
                f"architecture: expected images of shape (height, width) or (height, width, channels) for the "
                f"convolutions of {self}; received {image_shape}; choose a dense one, such as "
                f"{math.prod(image_shape)}-64-2."
            )
        elif any(padded < side for padded, side in zip(self.padded(image_shape), image_shape, strict=False)):
            height, width = self.padded(image_shape)
            wanted = (-(-side // STRIDE ** len(self.filters)) for side in image_shape[:2])
            fitting = "x".join(map(str, [*wanted, self.latent_shape[2]]))
            raise InputError(
                f"architecture: expected a latent map that images of {image_shape[0]} × {image_shape[1]} fit into, "
                f"such as {fitting}; received {self}, which is made for {height} × {width}."
            )
        self._check_memory(image_shape)

    def _check_memory(self, image_shape: tuple[int, ...]) -> None:
        if not hasattr(os, "sysconf"):  # Windows does not report it
            return
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        # float32 weights, their gradients and an optimizer's two moments
        needed = 4 * 4 * self.count_parameters(image_shape)
        if needed > memory:
            raise InputError(
                f"architecture: expected layers that can be trained in this machine's {memory / 2**30:.0f} GiB of "
                f"memory; received {self}, which needs about {needed / 2**30:,.0f} GiB; make its layers smaller."
            )

    def count_parameters(self, image_shape: Sequence[int]) -> int:
        """Weights and biases of encoder and decoder, with both heads (mean and log_var)."""
        channels = image_shape[2] if len(image_shape) == 3 else 1
        window = KERNEL * KERNEL
        there = sum((a * window + 1) * b for a, b in pairwise([channels, *self.filters]))
        back = sum((b * window + 1) * a for a, b in pairwise([channels, *self.filters]))
        blocks = sum(
            2 * (n * window + 1) * n for n, residual in zip(self.filters, self.residual, strict=True) if residual
        )
        there, back = there + blocks, back + blocks
        if self.kind == "spatial":
            features, latent = self.filters[-1], self.latent_shape[2]
            return there + back + 2 * (features + 1) * latent + (latent + 1) * features
        first = self.pixels or math.prod(self.smallest_map(image_shape)) * self.filters[-1]
        sizes = [first, *self.hidden, self.latent_shape[0]]
        there += sum((a + 1) * b for a, b in pairwise(sizes)) + (sizes[-2] + 1) * sizes[-1]
        return there + back + sum((a + 1) * b for a, b in pairwise([sizes[-1], *self.hidden_back, first]))


def parse(architecture: str | Sequence[int] | Architecture) -> Architecture:
    """Parses an architecture string.

    Args:
        architecture: `"784-256-2"`, `"c32-r64-256-16"` or `"c64-c128-8x8x1024"`; a sequence of integers is dense.

    Raises:
        InputError: if it has none of these forms, or a size is not a whole number above 0.

    Example:

    >>> from keras_vae.networks.architecture import parse
    >>> parse("c32-c64-256-16").filters
    (32, 64)
    >>> parse([784, 256, 2]).kind
    'dense'
    """
    if isinstance(architecture, Architecture):
        return architecture
    if not isinstance(architecture, str | list | tuple):
        raise InputError(
            f"architecture: expected text such as 784-256-2, or a list of sizes; received {architecture!r}."
        )
    parts = architecture.split("-") if isinstance(architecture, str) else [str(part) for part in architecture]
    parts = [part.strip() for part in parts]
    convolutions = [part for part in parts if part.startswith(("c", "r"))]
    residual = tuple(part.startswith("r") for part in convolutions)
    filters = _numbers(part[1:] for part in convolutions)
    *sizes, last = parts[len(convolutions) :] or [""]
    hidden, latent = _numbers(sizes), _numbers(last.split("x"))
    # Convolutions come first, and a latent map follows them directly.
    is_ordered = parts[: len(convolutions)] == convolutions
    if is_ordered and filters is not None and hidden is not None and latent is not None:
        if filters and (len(latent) == 1 or (len(latent) == 3 and not hidden)):
            return Architecture(None, filters, hidden, latent, residual=residual)
        if not filters and hidden and len(latent) == 1:
            return Architecture(hidden[0], (), hidden[1:], latent)
    raise InputError(
        "architecture: expected layer sizes above 0 joined by dashes, from the image to the latent units, such as "
        "784-256-2 (dense), c32-c64-256-2 (with convolutions; r64 adds a residual block) or c32-c64-8x8x16 (whose "
        "latent space is a map); "
        f"received {architecture!r}."
    )


def with_decoder(architecture: Architecture, decoder: str | None) -> Architecture:
    """The architecture with a decoder that does not mirror the encoder.

    Args:
        architecture: a dense or convolutional one.
        decoder: sizes of the decoder's dense layers in their order, `"500-500"`; None changes nothing.

    Raises:
        InputError: if `decoder` cannot be read, or the architecture has no dense layers.
    """
    if decoder is None:
        return architecture
    sizes = _numbers(decoder.split("-")) if isinstance(decoder, str) else None
    if sizes is None or architecture.kind == "spatial":
        raise InputError(
            "decoder: expected sizes of dense layers above 0 joined by dashes, from the latent units on, such as "
            f"500-500, for an architecture with dense layers; received {decoder!r} for {architecture}."
        )
    return replace(architecture, decoder=sizes)


def parse_kind(architecture: str | Sequence[int] | Architecture, *kinds: str) -> Architecture:
    """As `parse`, for the given kinds only.

    Raises:
        InputError: if it cannot be read or is of another kind.
    """
    parsed = parse(architecture)
    if parsed.kind not in kinds:
        expected = " or ".join(f"{kind} one, such as {DEFAULTS[kind]}" for kind in kinds)
        raise InputError(f"architecture: expected a {expected}; received {parsed}, which is {parsed.kind}.")
    return parsed


def _numbers(texts: Iterable[str]) -> tuple[int, ...] | None:
    """The texts as whole numbers above 0; None if one of them is not such a number."""
    texts = tuple(texts)
    # Python raises an error for a number of thousands of digits.
    if not all(text.isascii() and text.isdigit() and len(text) < 16 for text in texts):
        return None
    numbers = tuple(map(int, texts))
    return numbers if all(numbers) else None
