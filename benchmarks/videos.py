"""Time and memory of videos of 60 circles with trails and thumbnails, and of their encoding alone.

A video is compared with one whose figure is rebuilt for every frame, and the encoder with a bare pipe to ffmpeg.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from timing import Row, alternate, row

from keras_vae import data as datasets
from keras_vae._utils import memory
from keras_vae.plots import video, visuals
from keras_vae.plots.video_io import encode_mp4
from keras_vae.trajectory import Trajectory

POINTS, SIZE_PIXELS = 60, 720
MOTION = ("-x264-params", "subme=1:me=dia:weightp=0:scenecut=0")  # as in `encode_mp4`
FRAMES, REBUILT_FRAMES, ENCODED_FRAMES = 300, 15, 30


def trajectory(frames: int) -> Trajectory:
    """Digits that move outwards, oscillate and come to rest while their circles shrink from 1 to 0.06."""
    data, rng = datasets.load("mnist-5k"), np.random.default_rng(0)
    chosen = np.concatenate([np.flatnonzero(data.y_test == k)[: POINTS // 10] for k in range(10)])
    t = np.linspace(0, 1, frames)[:, None, None]
    away, phase, speed = (rng.normal(size=(1, POINTS, 2)) * s for s in (1.2, 3.0, 9.0))
    mean = away * np.tanh(8 * t) + 0.3 * np.sin(phase + speed * t) * np.exp(-2 * t)
    log_var = np.broadcast_to(2 * np.log(0.06 + 0.94 * np.exp(-9 * t)), mean.shape)
    return Trajectory(
        np.arange(frames) * 5, np.linspace(0, 10, frames), mean.astype("float32"), log_var.astype("float32"),
        data.y_test[chosen], data.x_test[chosen],
    )  # fmt: skip


def rebuilt(t: Trajectory, i: int) -> np.ndarray:
    """Frame i, `(size, size, 4)` uint8, drawn from scratch as a new figure."""
    with visuals.style():
        figure = Figure(figsize=(SIZE_PIXELS / 100, SIZE_PIXELS / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        ax = figure.add_axes((0.064, 0.052, 0.872, 0.872))
        limit = 3.5
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        ax.set_axis_off()
        visuals.prior_density(ax, limit)
        visuals.prior_rings(ax, limit)
        colors = visuals.label_colors(t.labels, POINTS)
        for k, color in enumerate(colors):
            ax.plot(*t.mean[max(0, i - 45) : i + 1, k].T, color=color, alpha=0.4, linewidth=1.5)
            picture = OffsetImage(1 - t.images[k], zoom=1, cmap="gray")
            ax.add_artist(AnnotationBbox(picture, t.mean[i, k], frameon=False))
        visuals.posterior_circles(ax, t.mean[i], t.std[i], colors)
        figure.text(0.97, 0.968, f"{t.epochs[i]:.2f}", fontsize=20, ha="right", va="center")
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def encode_by_pipe(frames: Iterable[np.ndarray], path: Path) -> None:
    """Encodes with the settings of `encode_mp4`, without imageio, a thread, a progress bar or a temporary file."""
    encoder = imageio_ffmpeg.write_frames(
        str(path), (SIZE_PIXELS, SIZE_PIXELS), pix_fmt_in="rgba", fps=30, codec="libx264", quality=None,
        output_params=["-crf", "26", "-preset", "veryfast", *MOTION, "-threads", "1", "-movflags", "+faststart"],
    )  # fmt: skip
    encoder.send(None)
    for frame in frames:
        encoder.send(frame)
    encoder.close()


def milliseconds_per_frame(action: Callable[[], object], n_frames: int) -> float:
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began) / n_frames


def rows() -> list[Row]:
    t, short = trajectory(FRAMES), trajectory(REBUILT_FRAMES)
    painter = video.Painter(t, size=SIZE_PIXELS)
    painted = [painter.paint(i).copy() for i in range(0, FRAMES, FRAMES // ENCODED_FRAMES)]

    def repeated() -> Iterable[np.ndarray]:
        return (painted[i % len(painted)] for i in range(FRAMES))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"

        def write() -> float:
            return milliseconds_per_frame(
                lambda: video.write(t, path, pace="recorded", size=SIZE_PIXELS, quiet=True), FRAMES
            )

        def rebuild() -> float:
            frames = (rebuilt(short, i) for i in range(REBUILT_FRAMES))
            return milliseconds_per_frame(lambda: encode_mp4(frames, REBUILT_FRAMES, path, quiet=True), REBUILT_FRAMES)

        def encode() -> float:
            return milliseconds_per_frame(lambda: encode_mp4(repeated(), FRAMES, path, quiet=True), FRAMES)

        def pipe() -> float:
            return milliseconds_per_frame(lambda: encode_by_pipe(repeated(), path), FRAMES)

        written = alternate({"ours": write, "peer": rebuild}, 3)
        encoded = alternate({"ours": encode, "floor": pipe})
        peaks = []
        for frames in (FRAMES, 10 * FRAMES):
            memory.reset_peak()
            video.write(trajectory(frames), path, pace="recorded", size=SIZE_PIXELS, quiet=True)
            peaks.append(memory.peak_gb() or math.nan)
        grown = 1000 * (peaks[1] - peaks[0])
    name = f"video, {SIZE_PIXELS} × {SIZE_PIXELS}, {POINTS} circles, trails, thumbnails"
    return [
        row(name, "ms a frame", written, "a figure rebuilt for every frame", ratio=12, ours=10),
        row("the same, encoding alone", "ms a frame", encoded, "a pipe to ffmpeg", over_floor=1.15),
        row(f"peak memory of ten times as many frames, {10 * FRAMES:,}", "MB more", {"ours": [grown]}, "", ours=50),
    ]
