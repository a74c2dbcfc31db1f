"""Image files: their sizes as they are shown, and their pixels as arrays of bytes."""

import io
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_vae._utils.readers import reason
from keras_vae.data.splitting import content_key
from keras_vae.errors import DamagedFileError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
FORMATS = ("PNG", "JPEG", "WEBP")  # the decoders that are used
GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")
BACKGROUND = 255  # white, behind transparent pixels
EXIF_ORIENTATION = 0x0112
ADVICE = "replace it, or set skip_damaged=True"
# Raised by Pillow's decoders for damaged files.
IMAGE_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error, UnidentifiedImageError, Image.DecompressionBombError,
)  # fmt: skip


class Header(NamedTuple):
    """An image as it is shown.

    Attributes:
        size: (width, height) in pixels, after its EXIF orientation.
        gray: whether it has no colours.
    """

    size: tuple[int, int]
    gray: bool


def read_header(path: Path) -> Header:
    """Reads the header of an image file.

    Raises:
        DamagedFileError: if it is not a PNG, JPEG or WebP image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(EXIF_ORIENTATION) in (5, 6, 7, 8)
            size = image.size[::-1] if turned else image.size
            return Header(size, image.mode in GRAY_MODES)
    except IMAGE_ERRORS as error:
        raise _damaged(path, error) from error


class Content(NamedTuple):
    """A decoded image.

    Attributes:
        pixels: bytes `(height, width)`, or `(height, width, 3)`.
        key: of the file's content, see `splitting.content_key`.
    """

    pixels: np.ndarray
    key: int


def read(path: Path, size: tuple[int, int], gray: bool) -> Content:
    """Decodes an image file.

    Args:
        path: the file.
        size: (width, height) of the result: the largest part of this shape around the centre is cropped and resized
            (bicubic, antialiased).
        gray: whether colours become grey values (ITU-R 601-2).

    Raises:
        DamagedFileError: if the file is damaged.
    """
    try:
        stored = path.read_bytes()
        with Image.open(io.BytesIO(stored), formats=FORMATS) as opened:
            image = _flattened(ImageOps.exif_transpose(opened), "L" if gray else "RGB")
            if image.size != size:
                image = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
            return Content(np.asarray(image), content_key(stored))
    except IMAGE_ERRORS as error:
        raise _damaged(path, error) from error


def _flattened(image: Image.Image, mode: str) -> Image.Image:
    """The image in a mode without transparency, on white."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        image = Image.fromarray((np.asarray(image).astype("uint32") // 257).clip(0, 255).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        image = Image.alpha_composite(background, image)
    return image.convert(mode)


def _damaged(path: Path, error: BaseException) -> DamagedFileError:
    if isinstance(error, UnidentifiedImageError):
        problem = "its content is none"
    elif isinstance(error, Image.DecompressionBombError):
        problem = "it has more pixels than are decoded"
    else:
        problem = reason(error)
    return DamagedFileError(path, f"expected a PNG, JPEG or WebP image; it can't be decoded ({problem})", ADVICE)
