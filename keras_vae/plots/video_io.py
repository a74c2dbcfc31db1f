"""Video encoding with ffmpeg: frames to MP4, MP4 to GIF."""

import contextlib
import errno
import io
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, cast

import imageio_ffmpeg
import numpy as np

from keras_vae._utils import checks, readers
from keras_vae._utils.files import atomic
from keras_vae._utils.progress import ProgressReporter
from keras_vae.errors import InputError
from keras_vae.plots.video_file import VideoFile

MACROBLOCK_PIXELS = 16  # H.264 encodes squares of this side; other sizes are padded
# Quality 26 makes files of 0.6 times the size of 22, with no difference that is seen beside it (38 dB). One thread:
# painting takes longer than encoding and needs the other core. Motion is estimated with less effort than by the preset,
# which takes 0.75 of its processor time, for files of 1.09 times the size and an SSIM of 0.9800 in place of 0.9805
# (100 frames of benchmarks/videos.py).
MP4_OPTIONS = (
    "-an", "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", "26", "-preset", "veryfast",
    "-x264-params", "subme=1:me=dia:weightp=0:scenecut=0", "-threads", "1", "-movflags", "+faststart", "-f", "mp4",
)  # fmt: skip
MAX_FPS = 1_000
MAX_GIF_BYTES = 5_000_000
GIF_WIDTHS_AND_FPS = ((480, 15), (420, 12), (360, 10), (320, 8), (240, 6), (160, 5), (120, 3))  # pixels, frames/s


def checked_path(path: str | Path, suffix: str) -> Path:
    """The path of a video to write, which ends in `suffix`."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"path: expected a name that ends in {suffix}; received {type(path).__name__}.")
    path = Path(path)
    if path.suffix != suffix:
        raise InputError(f"path: expected a name that ends in {suffix}; received {path.name!r}.")
    return path


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
        The path; a notebook shows the video.

    Raises:
        InputError: if ffmpeg can't be started.
        WriteError: if ffmpeg fails or the file can't be written.
    """
    tracked = ProgressReporter(quiet).track(frames, f"video {path.name}", n_frames)
    with (
        atomic(path) as temporary,
        ThreadPoolExecutor(1) as executor,  # the next frame is painted while ffmpeg receives this one
    ):
        first = next(tracked)
        with _ffmpeg([*_input_options(first, fps), *MP4_OPTIONS], temporary) as pipe:
            pending = executor.submit(pipe.write, first.copy().data)
            for frame in tracked:
                copied = frame.copy()
                pending.result()
                pending = executor.submit(pipe.write, copied.data)
            pending.result()
    return VideoFile(path)


def _input_options(frame: np.ndarray, fps: int) -> list[str]:
    """ffmpeg's description of the frames in the pipe."""
    height, width, _ = frame.shape
    return ["-f", "rawvideo", "-s", f"{width}x{height}", "-pix_fmt", "rgba", "-r", str(fps), "-i", "-"]


@contextlib.contextmanager
def _ffmpeg(options: Sequence[str | Path], path: Path) -> Iterator[io.BufferedWriter]:
    """Runs ffmpeg; yields its standard input, and waits for its end after the block.

    Raises:
        InputError: if ffmpeg can't be started.
        OSError: if it fails; ffmpeg's last message is the reason.
    """
    with tempfile.TemporaryFile() as messages:
        process = _start([*options, path.absolute()], messages)  # a relative path could look like an option
        pipe = cast(io.BufferedWriter, process.stdin)
        try:
            yield pipe
            pipe.close()
            failed = process.wait() != 0
        except BrokenPipeError:  # ffmpeg has ended; its messages say why
            failed = True
        finally:  # after any other exception ffmpeg is still running
            process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        if failed:
            raise _failure(messages)


def _start(arguments: Sequence[str | Path], messages: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            start_new_session=True,  # Ctrl-C stops this process, which then stops ffmpeg
        )
    except (OSError, RuntimeError) as error:  # RuntimeError: imageio_ffmpeg found none
        raise InputError(
            f"ffmpeg: expected the program that encodes videos; it can't be started ({error}); install imageio-ffmpeg, "
            "set IMAGEIO_FFMPEG_EXE to an ffmpeg, or draw with video=False."
        ) from error


def _failure(messages: IO[bytes]) -> OSError:
    messages.seek(0)
    text = messages.read().decode(errors="replace").strip()
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        if os.strerror(number) in text:
            return OSError(number, os.strerror(number))
    return OSError(None, f"ffmpeg failed ({text.splitlines()[-1] if text else 'it gave no reason'})")


def write_gif(video: str | Path, path: str | Path, max_bytes: int = MAX_GIF_BYTES) -> Path:
    """Converts an MP4 to the largest and smoothest GIF within a number of bytes.

    Sizes from 480 pixels at 15 frames per second down to 120 pixels at 3 frames per second are tried in turn. The
    palette of 128 colours is computed from the video.

    Args:
        video: the MP4.
        path: the GIF to write.
        max_bytes: upper bound of its size, at least 1; default 5 MB.

    Returns:
        The path; a notebook shows the video.

    Raises:
        InputError: if an argument is out of range, the MP4 is not a file, the smallest GIF of it exceeds `max_bytes`,
            or ffmpeg can't be started.
        WriteError: if ffmpeg fails or the file can't be written.

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
    video, path = Path(video), checked_path(path, ".gif")
    max_bytes = checks.whole("max_bytes", max_bytes, low=1)
    readers.check_regular(video, "pass the path of an MP4")
    with atomic(path) as temporary:
        for width, fps in GIF_WIDTHS_AND_FPS:
            _convert_to_gif(video, temporary, width, fps)
            if temporary.stat().st_size < max_bytes:
                return VideoFile(path)
        raise InputError(
            f"video: expected one short enough for a GIF under {max_bytes / 1e6:g} MB; {video} is too long; choose "
            "fewer epochs."
        )


def _convert_to_gif(video: Path, path: Path, width: int, fps: int) -> None:
    # Pillow stores a palette per frame. Of 300 frames of benchmarks/videos.py at 480 pixels, 15 frames per second, it
    # made 7.4 MB (2.9 here) for a gain of 0.7 dB, and 3.3 MB with one palette, at a loss of 0.9 dB.
    use = "paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle"
    palette = f"split[a][b];[a]palettegen=max_colors=128:stats_mode=diff[p];[b][p]{use}"
    # Rounding up keeps a frame of a video that is shorter than the time between two frames.
    options = ["-vf", f"fps={fps}:round=up,scale={width}:-1:flags=lanczos,{palette}", "-f", "gif"]
    with _ffmpeg(["-i", video.absolute(), *options], path):
        pass  # it reads a file, not the pipe
