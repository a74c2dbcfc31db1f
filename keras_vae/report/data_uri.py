"""Figures, videos and arrays as text that is embedded in a page."""

import base64
import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import numpy as np
from PIL import Image

from keras_vae._utils import readers
from keras_vae._utils.files import complete
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.report import captions, poster
from keras_vae.report.captions import Figure

MAX_EMBEDDED_VIDEO_BYTES = 3e6  # of all videos of a page together; the others stay files beside it
IMAGE_QUALITIES = ((1600, 88), (1300, 80), (1000, 68), (700, 50))  # (width in pixels, WebP quality), finest first
MIN_WIDE_ASPECT_RATIO = 1.15  # width over height above which a large figure gets a row of its own
MIN_WIDE_PIXELS = 1550  # width above which a figure is large
POSTER_QUALITY = 75  # of WebP
SPRITE_COLUMNS = 40
MAX_FIGURE_PIXELS = 2**28  # as RGB, 800 MB
FIGURE_ADVICE = "draw the figures again"
VIDEO_ADVICE = "delete it and draw the video again"
# Raised by Pillow for damaged pictures; SyntaxError by its reader of PNG files.
PICTURE_ERRORS = (OSError, EOFError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError)
MAX_WEBP_SIDE = 16_383  # pixels, a limit of the format

T = TypeVar("T")


class Picture(NamedTuple):
    """A figure embedded in a page.

    Attributes:
        src: the data URI.
        width, height: in pixels.
        alt: what the figure shows.
        is_wide: whether it gets a row of its own.
        stem: of its file.
    """

    src: str
    width: int
    height: int
    alt: str
    is_wide: bool
    stem: str


class Video(NamedTuple):
    """A video of a page.

    Attributes:
        src: the data URI, or the relative address of a file.
        alt: what the video shows.
        caption: the text below it.
        is_file: whether `src` is the address of a file beside the page.
        poster: the data URI of the picture that is shown until the video is played, or None.
    """

    src: str
    alt: str
    caption: str
    is_file: bool
    poster: str | None


def array_base64(array: np.ndarray | None) -> str | None:
    """The values of an array, little endian and in C order, in base 64."""
    if array is None:
        return None
    return base64.b64encode(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).decode()


def sprite(images: np.ndarray | None, quality: int | None = None) -> dict[str, Any] | None:
    """Tiles images into one picture.

    Args:
        images: `(n, height, width[, channels])` uint8.
        quality: of WebP, up to 100; None for a lossless picture.

    Returns:
        `src`, the data URI, and `columns`, the number of images side by side.
    """
    if images is None:
        return None
    n, height, width = images.shape[:3]
    images = images.reshape(n, height, width, -1)
    images = images[..., :3] if images.shape[3] > 2 else images[..., :1]
    columns = max(1, min(SPRITE_COLUMNS, n, MAX_WEBP_SIDE // width))
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, *images.shape[1:]), "uint8")
    padded[:n] = images
    tiled = padded.reshape(rows, columns, height, width, -1).swapaxes(1, 2).reshape(rows * height, columns * width, -1)
    picture = Image.fromarray(tiled[..., 0] if tiled.shape[2] == 1 else tiled)
    options = {"lossless": True} if quality is None else {"quality": quality}
    return {"src": _data_uri(picture, **options), "columns": columns}


def data_uri(kind: str, content: bytes) -> str:
    """The content of a file of a media type as a data URI.

    Example:
        >>> data_uri("image/png", b"abc")
        'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _data_uri(picture: Image.Image, **options) -> str:
    buffer = io.BytesIO()
    kind = "webp" if max(picture.size) <= MAX_WEBP_SIDE else "png"
    picture.save(buffer, kind.upper(), **options)
    return data_uri(f"image/{kind}", buffer.getvalue())


class Media(NamedTuple, Generic[T]):
    """The pictures or videos of a page.

    Attributes:
        shown: those that could be read.
        notes: a sentence for each other one.
    """

    shown: list[T]
    notes: list[str]


def pictures(figures: Sequence[Figure], max_bytes: float) -> Media[Picture]:
    """Embeds figures at the highest of `IMAGE_QUALITIES` at which all of them fit into `max_bytes`.

    If none of them suffices, the lowest quality is used. A damaged figure is left out, with a note.
    """
    opened: list[tuple[Figure, Image.Image]] = []
    notes = []
    for figure in figures:
        try:
            opened.append((figure, _open(figure.path)))
        except InputError:
            notes.append(_note(figure.path, FIGURE_ADVICE))
    embedded = []
    for width, quality in IMAGE_QUALITIES:
        embedded = [_picture(figure, picture, width, quality) for figure, picture in opened]
        if sum(len(picture.src) for picture in embedded) <= max_bytes:
            break
    return Media(embedded, notes)


def _note(path: Path, advice: str) -> str:
    return f"{path.parent.name}/{path.name} is damaged and not shown; {advice}."


def _open(path: Path) -> Image.Image:
    """The decoded picture of a file.

    Raises:
        InputError: if it is a link to nothing.
        DamagedFileError: if it can't be decoded or has more than `MAX_FIGURE_PIXELS` pixels.
    """
    readers.check_regular(path, FIGURE_ADVICE)
    try:
        with Image.open(path, formats=("PNG",)) as found:
            if found.width * found.height > MAX_FIGURE_PIXELS:
                raise ValueError(f"it has {found.width} × {found.height} pixels")
            found.verify()  # check sums, which decoding ignores; afterwards the file must be opened again
        with Image.open(path, formats=("PNG",)) as found:
            return found.convert("RGB")
    except PICTURE_ERRORS as error:
        problem = f"expected a readable picture; it is damaged ({readers.reason(error)})"
        raise DamagedFileError(path, problem, FIGURE_ADVICE) from error


def _picture(figure: Figure, picture: Image.Image, width: int, quality: int) -> Picture:
    is_wide = picture.width > MIN_WIDE_ASPECT_RATIO * picture.height and picture.width > MIN_WIDE_PIXELS
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    return Picture(_data_uri(picture, quality=quality), *picture.size, figure.caption, is_wide, figure.path.stem)


def videos(folder: Path, alt: str, descriptions: Mapping[str, str]) -> Media[Video]:
    """The videos of a folder, embedded while they fit into `MAX_EMBEDDED_VIDEO_BYTES`, else as files.

    What is not a file or not a complete MP4 is left out, with a note.

    Args:
        folder: of the page; its videos are in `videos/`.
        alt: what all of them show.
        descriptions: captions by file stem.
    """
    shown, notes, remaining = [], [], MAX_EMBEDDED_VIDEO_BYTES
    for path in complete(folder / "videos", "*.mp4"):
        try:
            content = readers.read_mp4(path, VIDEO_ADVICE)
        except InputError:
            notes.append(_note(path, VIDEO_ADVICE))
            continue
        is_file = len(content) > remaining
        if is_file:
            src = quote(path.relative_to(folder).as_posix())
        else:
            remaining -= len(content)
            src = data_uri("video/mp4", content)
        caption = captions.describe(path.stem, descriptions)
        frame = poster.last_frame(path)
        shown_first = None if frame is None else _data_uri(frame, quality=POSTER_QUALITY)
        shown.append(Video(src, f"{alt}: {captions.from_stem(path.stem)}", caption, is_file, shown_first))
    return Media(shown, notes)
