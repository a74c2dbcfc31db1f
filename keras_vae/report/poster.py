"""The picture that stands in the place of a video until it is played: its last frame."""

import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
from PIL import Image

SECONDS_READ = 0.5  # of the end of the video
TIMEOUT_SECONDS = 30


def last_frame(path: Path) -> Image.Image | None:
    """The last frame of an MP4; None if ffmpeg is missing or can't decode it.

    Without one, browsers show a white area or the first frame, before training.
    """
    # The file may come from elsewhere: ffmpeg decodes it as an MP4 whatever it holds, and opens no other file.
    reading = ["-protocol_whitelist", "file", "-f", "mov", "-sseof", f"-{SECONDS_READ:g}", "-i", str(path.absolute())]
    writing = ["-vf", "reverse", "-frames:v", "1", "-c:v", "png", "-f", "image2pipe", "-"]
    try:
        done = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *reading, *writing],
            capture_output=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
        with Image.open(io.BytesIO(done.stdout), formats=("PNG",)) as frame:
            return frame.convert("RGB")
    except (OSError, RuntimeError, subprocess.SubprocessError):  # RuntimeError: imageio_ffmpeg found no ffmpeg
        return None
