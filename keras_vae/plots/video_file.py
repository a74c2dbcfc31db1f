"""Path of a video, which displays the video in a notebook."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

MAX_EMBEDDED_BYTES = 20_000_000  # a larger video is shown as its path
ELEMENTS = {  # by suffix
    ".mp4": '<video controls loop muted playsinline style="max-width: 100%" src="data:video/mp4;base64,{}"></video>',
    ".gif": '<img alt="Animation" style="max-width: 100%" src="data:image/gif;base64,{}">',
}

if TYPE_CHECKING:
    SystemPath = Path
else:
    SystemPath = type(Path())  # of this system; before Python 3.12 `Path` itself can't be subclassed


class VideoFile(SystemPath):
    """The path of an MP4 or GIF; a notebook shows the video.

    Example:
        >>> video = VideoFile("latent.mp4")
        >>> video == Path("latent.mp4"), video._repr_html_() is None  # there is no such file
        (True, True)
    """

    def _repr_html_(self) -> str | None:
        """The video as HTML; None, for which notebooks show the path, if it is absent, too large or no video."""
        element = ELEMENTS.get(self.suffix)
        if element is None or not self.is_file() or self.stat().st_size > MAX_EMBEDDED_BYTES:
            return None
        return element.format(base64.b64encode(self.read_bytes()).decode())
