"""Video encoding with ffmpeg: frames to MP4, MP4 to GIF."""

import contextlib
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import imageio_ffmpeg
import numpy as np

from keras_vae._utils.progress import ProgressReporter
from keras_vae.errors import InputError
from keras_vae.runs.files import atomic

MACROBLOCK_PIXELS = 16  # imageio rescales frames whose sides are not a multiple of it
MAX_GIF_BYTES = 5_000_000
GIF_WIDTHS_AND_FPS = ((480, 15), (420, 12), (360, 10), (320, 8), (240, 6), (160, 5), (120, 3))  # pixels, frames/s


def encode_mp4(frames: Iterable[np.ndarray], n_frames: int, path: Path, fps: int = 30, quiet: bool = False) -> Path:
    """Encodes frames as an MP4 (H.264, yuv420p) while they are drawn; at most two are in memory.

    An interrupted or failed write leaves no file.

    Args:
        frames: each `(height, width, 4)` uint8 with sides that are multiples of 16; an array may be overwritten when
            the next one is drawn.
        n_frames: their number, for the progress bar.
        path: the MP4 to write; its folder is created.
        fps: frames per second.
        quiet: show no progress bar.

    Returns:
        The path.
    """
    frames = ProgressReporter(quiet).track(frames, f"video {path.name}", n_frames)
    with (
        atomic(path) as temporary,
        contextlib.closing(_mp4_writer(temporary, fps)) as encoder,
        ThreadPoolExecutor(1) as executor,  # the next frame is painted while ffmpeg receives this one
    ):
        pending = None
        for frame in frames:
            frame = frame.copy()
            if pending:
                pending.result()
            pending = executor.submit(encoder.append_data, frame)
        if pending:
            pending.result()
    return path


def _mp4_writer(path: Path, fps: int) -> Any:
    """The imageio writer; it must be closed, since after an exception its own context leaves ffmpeg running."""
    return imageio.get_writer(
        path.absolute(),  # imageio expands a leading ~ of a relative path
        format="FFMPEG",
        fps=fps,
        codec="libx264",
        pixelformat="yuv420p",
        quality=None,
        macro_block_size=MACROBLOCK_PIXELS,
        ffmpeg_log_level="error",
        # one thread: painting takes longer than encoding, and needs the other core
        output_params=["-crf", "22", "-preset", "veryfast", "-threads", "1", "-movflags", "+faststart"],
    )


def write_gif(video: str | Path, path: str | Path, max_bytes: int = MAX_GIF_BYTES) -> Path:
    """Converts an MP4 to the largest and smoothest GIF within a number of bytes.

    Sizes from 480 pixels at 15 frames per second down to 120 pixels at 3 frames per second are tried in turn. The
    palette of 128 colours is computed from the video.

    Args:
        video: the MP4.
        path: the GIF to write.
        max_bytes: upper bound of its size; default 5 MB.

    Returns:
        The path.

    Raises:
        InputError: if the MP4 does not exist, or the smallest GIF of it exceeds `max_bytes`.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_vae import Trajectory, video
        >>> mean = np.linspace(0, 1, 4 * 3 * 2, dtype="float32").reshape(4, 3, 2)
        >>> trajectory = Trajectory(np.arange(4), np.arange(4) / 2, mean)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mp4 = video.write(trajectory, f"{folder}/latent.mp4", size=64, quiet=True)
        ...     gif = video.write_gif(mp4, f"{folder}/latent.gif", max_bytes=100_000)
        ...     gif.name, gif.stat().st_size < 100_000
        ('latent.gif', True)
    """
    video, path = Path(video), Path(path)
    if not video.is_file():
        raise InputError(f"video: expected an existing MP4; received {str(video)!r}, which is not a file.")
    with atomic(path) as temporary:
        for width, fps in GIF_WIDTHS_AND_FPS:
            _convert_to_gif(video, temporary, width, fps)
            if temporary.stat().st_size < max_bytes:
                return path
        raise InputError(
            f"video: expected one short enough for a GIF under {max_bytes / 1e6:g} MB; {video} is too long; choose "
            "fewer epochs."
        )


def _convert_to_gif(video: Path, path: Path, width: int, fps: int) -> None:
    # ffmpeg is called directly: imageio's FFMPEG writer refuses GIFs, and its Pillow writer stores a palette per
    # frame. Of 300 frames of benchmarks/videos.py at 480 pixels, 15 frames per second, Pillow made 7.4 MB (2.9 here)
    # for a gain of 0.7 dB, and 3.3 MB with one palette, at a loss of 0.9 dB.
    use = "paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle"
    palette = f"split[a][b];[a]palettegen=max_colors=128:stats_mode=diff[p];[b][p]{use}"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", video,
            "-vf", f"fps={fps},scale={width}:-1:flags=lanczos,{palette}", "-f", "gif", path,
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
