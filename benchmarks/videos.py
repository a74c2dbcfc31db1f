"""Videos of 60 circles with trails and thumbnails, painted and encoded, beside a figure rebuilt for every frame."""

import math
import tempfile
import time
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from timing import Row, alternate, row

from keras_vae import data as datasets
from keras_vae._utils import memory
from keras_vae.plots import video, visuals
from keras_vae.trajectory import Trajectory

POINTS, SIZE = 60, 720
FRAMES, REBUILT = 300, 15


def trajectory(frames: int) -> Trajectory:
    """Digits that are flung out, wander smoothly and settle while their circles shrink from 1 to 0.06."""
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
    """Frame i with everything that a frame shows, as a figure of its own."""
    with visuals.style():
        figure = Figure(figsize=(SIZE / 100, SIZE / 100), dpi=100)
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


def rows() -> list[Row]:
    t, short = trajectory(FRAMES), trajectory(REBUILT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"

        def write() -> float:
            began = time.perf_counter()
            video.write(t, path, size=SIZE, quiet=True)
            return 1000 * (time.perf_counter() - began) / FRAMES

        def rebuild() -> float:
            began = time.perf_counter()
            frames = (rebuilt(short, i) for i in range(REBUILT))
            video.encode(frames, REBUILT, path, SIZE, quiet=True)
            return 1000 * (time.perf_counter() - began) / REBUILT

        found = alternate({"ours": write, "peer": rebuild}, 3)
        peaks = []
        for frames in (FRAMES, 10 * FRAMES):
            memory.reset_peak()
            video.write(trajectory(frames), path, size=SIZE, quiet=True)
            peaks.append(memory.peak_gb() or math.nan)
        grown = 1000 * (peaks[1] - peaks[0])
    name = f"video, {SIZE} × {SIZE}, {POINTS} circles, trails, thumbnails"
    return [
        row(name, "ms a frame", found, "a figure rebuilt for every frame", ratio=12, ours=10),
        row(f"peak memory of ten times as many frames, {10 * FRAMES:,}", "MB more", {"ours": [grown]}, "", ours=50),
    ]
