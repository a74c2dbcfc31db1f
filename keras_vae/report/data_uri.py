"""Arrays, pictures and videos as text inside a page."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from PIL import Image

from keras_vae.runs.files import complete

LARGEST_VIDEO = 3e6  # bytes of all videos in a page; what is more lies beside it
QUALITIES = ((1600, 88), (1300, 80), (1000, 68), (700, 50))  # widths and qualities of pictures, tried in turn
WIDE, LARGE = 1.3, 1550  # width over height, and width in pixels, from which a picture gets a row of its own
SPRITE_COLUMNS = 40
LARGEST_WEBP = 16_383  # pixels along a side


class Picture(NamedTuple):
    """A picture that is part of a page: `src` is its data, `alt` what it shows."""

    src: str
    width: int
    height: int
    alt: str
    wide: bool


class Video(NamedTuple):
    """A video within a page, or `beside` it: then `src` is the way to it."""

    src: str
    alt: str
    caption: str
    beside: bool


def numbers(array: np.ndarray | None) -> str | None:
    """An array's numbers, little endian, in C order."""
    if array is None:
        return None
    return base64.b64encode(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).decode()


def sprite(images: np.ndarray | None) -> dict[str, Any] | None:
    """Images `(n, height, width[, channels])` uint8 in one lossless picture, so many columns wide."""
    if images is None:
        return None
    n, height, width = images.shape[:3]
    images = images.reshape(n, height, width, -1)
    images = images[..., :3] if images.shape[3] > 2 else images[..., :1]
    columns = max(1, min(SPRITE_COLUMNS, n, LARGEST_WEBP // width))
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, *images.shape[1:]), "uint8")
    padded[:n] = images
    tiled = padded.reshape(rows, columns, height, width, -1).swapaxes(1, 2).reshape(rows * height, columns * width, -1)
    picture = Image.fromarray(tiled[..., 0] if tiled.shape[2] == 1 else tiled)
    return {"src": _data_uri(picture, lossless=True), "columns": columns}


def _data_uri(picture: Image.Image, **options) -> str:
    buffer = io.BytesIO()
    kind = "webp" if max(picture.size) <= LARGEST_WEBP else "png"
    picture.save(buffer, kind.upper(), **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def pictures(figures: Sequence[tuple[Path, str]], budget: float) -> list[Picture]:
    """Figures as parts of a page, the finer the more of `budget` there is.

    Args:
        figures: paths, each with what the figure shows.
        budget: bytes for all of them.
    """
    made = []
    for width, quality in QUALITIES:
        made = [_picture(*figure, width, quality) for figure in figures]
        if sum(len(it.src) for it in made) <= budget:
            break
    return made


def _picture(path: Path, alt: str, width: int, quality: int) -> Picture:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    is_wide = picture.width > WIDE * picture.height and picture.width > LARGE
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    return Picture(_data_uri(picture, quality=quality), *picture.size, alt, is_wide)


def videos(folder: Path, alt: str, captions: Mapping[str, str]) -> list[Video]:
    """The videos of a folder; together they may weigh so much inside the page, the rest lies beside it.

    Args:
        folder: of the page, which has the videos in `videos/`.
        alt: what they show.
        captions: lines beneath them by file name; others get their name.
    """
    found, left = [], LARGEST_VIDEO
    for path in complete(folder / "videos", "*.mp4"):
        content = path.read_bytes()
        inside = len(content) <= left
        left -= len(content) if inside else 0
        data = f"data:video/mp4;base64,{base64.b64encode(content).decode()}"
        src = data if inside else quote(path.relative_to(folder).as_posix())
        name = path.stem.replace("-", " ")
        found.append(Video(src, f"{alt}: {name}", captions.get(path.stem, f"{name.capitalize()}."), not inside))
    return found
