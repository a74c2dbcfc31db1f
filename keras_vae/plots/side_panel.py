"""The panel beside the plane of a wide trajectory video: the radius over time, and images of points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_vae._utils import palette
from keras_vae._utils.foreign_text import shortened
from keras_vae.plots import visuals
from keras_vae.trajectory import Trajectory

MAX_EXAMPLES = 12  # images in a row
MIN_TICK_GAP = 0.07  # of the width, between the epochs on the axis
MAX_TICK_ERROR = 0.1  # of the epoch of a tick, relative to its number
TICK_EPOCHS = (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
MAX_NAME_CHARACTERS = 8


class SidePanel:
    """Draws the panel; `paint` marks the moment of a video frame.

    Args:
        figure: of the video, 1280 × 720 pixels times `scale`.
        scale: of the video.
        trajectory: the shown points.
        frames: the recorded frame of each video frame.
        images: `(points, height, width[, channels])` of the points, or None.
        decoded: images decoded from the points after training, of the same shape, or None.
        class_names: names of the labels 0, 1, …
    """

    def __init__(
        self,
        figure: Figure,
        scale: float,
        trajectory: Trajectory,
        frames: np.ndarray,
        images: np.ndarray | None,
        decoded: np.ndarray | None,
        class_names: Sequence[str] | None = None,
    ):
        self.scale = scale
        width, height = 1280, 720
        has_images = images is not None
        bottom = 400 if has_images else 120
        self.ax = figure.add_axes((742 / width, bottom / height, 500 / width, (610 - bottom) / height))
        self.values, self.name = followed(trajectory, frames)
        self._draw_curve(trajectory.epochs[frames])
        self.heading = figure.text(
            (742 - 44) / width, 640 / height, "", fontsize=10.5 * scale, color=palette.INK, va="center", animated=True
        )
        (self.moment,) = self.ax.plot([], [], "o", ms=7 * scale, color=palette.POSTERIOR, animated=True, zorder=5)
        self.line = self.ax.axvline(0, color=palette.MUTED, linewidth=0.9 * scale, animated=True)
        if images is not None:
            box = (698 / width, 60 / height, 560 / width, 270 / height)
            _examples(figure, box, scale, trajectory.labels, images, decoded, class_names)

    def _draw_curve(self, epochs: np.ndarray) -> None:
        ax, scale, n = self.ax, self.scale, len(self.values)
        ax.plot(np.arange(n), self.values, color=palette.POSTERIOR, linewidth=2 * scale)
        ax.set(xlim=(0, max(1, n - 1)), ylim=(0, 1.12 * max(float(self.values.max()), 1e-9)))
        positions, names = epoch_ticks(epochs)
        ax.set_xticks(positions, names)
        ax.locator_params(axis="y", nbins=4)
        ax.tick_params(labelsize=8.5 * scale, length=3 * scale, width=0.8 * scale)
        ax.spines[:].set_linewidth(0.8 * scale)
        ax.grid(axis="y", linewidth=0.8 * scale)
        ax.set_xlabel("epoch, spaced as in this video", fontsize=8.5 * scale, color=palette.MUTED)

    def paint(self, i: int) -> None:
        """Draws the moving parts of video frame `i`."""
        self.heading.set_text(f"{self.name}: {self.values[i]:.2f}")
        self.moment.set_data([i], [self.values[i]])
        self.line.set_xdata([i, i])
        for artist in (self.line, self.moment, self.heading):
            self.ax.draw_artist(artist)


def followed(trajectory: Trajectory, frames: np.ndarray) -> tuple[np.ndarray, str]:
    """The median radius of the circles at each video frame, or without a density the median distance, and its name."""
    if trajectory.log_var is None:
        recorded = [np.median(np.linalg.norm(mean, axis=1)) for mean in trajectory.mean]
        return np.array(recorded)[frames], "median distance from the origin"
    recorded = [np.median(np.exp(0.5 * log_var.mean(axis=1))) for log_var in trajectory.log_var]
    return np.array(recorded)[frames], "median radius of the circles"


def epoch_ticks(epochs: np.ndarray) -> tuple[list[int], list[str]]:
    """The video frames at which round numbers of epochs are reached, and these numbers; the first and last included.

    Args:
        epochs: of each video frame, `(video frames,)`.

    Example:
        >>> epoch_ticks(np.array([0.0] * 10 + [0.5] * 10 + [1.0] * 10 + [7.0] * 10))
        ([0, 10, 20, 39], ['0', '0.5', '1', '7'])
    """
    n, first, last = len(epochs), float(epochs[0]), float(epochs[-1])
    gap = max(1, MIN_TICK_GAP * n)
    ticks = {0: f"{first:.3g}", n - 1: f"{last:.3g}"}
    for epoch in sorted(TICK_EPOCHS, key=lambda value: (value not in (1, 10, 100), value)):
        position = int(np.searchsorted(epochs, epoch - 1e-9))
        if not first < epoch < last or epochs[position] > (1 + MAX_TICK_ERROR) * epoch:
            continue  # of a sparse recording, the frame that reaches this epoch may be much later
        if all(abs(position - other) >= gap for other in ticks):
            ticks[position] = f"{epoch:g}"
    return sorted(ticks), [ticks[position] for position in sorted(ticks)]


def _examples(
    figure: Figure,
    box: tuple[float, float, float, float],
    scale: float,
    labels: np.ndarray | None,
    images: np.ndarray,
    decoded: np.ndarray | None,
    class_names: Sequence[str] | None,
) -> None:
    """A row of images, one of each label or the first ones, in their colours, above their decoded images."""
    n = len(images)
    chosen = np.arange(n) if labels is None else np.unique(labels, return_index=True)[1]
    chosen = chosen[:MAX_EXAMPLES]
    colors = visuals.label_colors(labels, n)[chosen]
    rows: list[tuple[str, np.ndarray]] = [("test image", images[chosen])]
    if decoded is not None:
        rows.append(("decoded after training", decoded[chosen]))
    left, bottom, width, height = box
    top = bottom + height
    cell = min(width / len(chosen), 0.09)
    tall = cell * figure.get_figwidth() / figure.get_figheight()
    text: dict[str, Any] = {"fontsize": 9 * scale, "color": palette.INK, "va": "center"}
    for name, pictures in rows:
        figure.text(left, top - 0.2 * tall, name, **text)
        for k, picture in enumerate(pictures):
            ax = figure.add_axes((left + k * cell, top - 1.45 * tall, 0.92 * cell, 0.92 * tall))
            _draw_in_color(ax, picture, colors[k])
            if pictures is rows[-1][1] and labels is not None and class_names:
                name = shortened(str(dict(enumerate(class_names)).get(int(labels[chosen[k]]), "")), MAX_NAME_CHARACTERS)
                ax.set_title(visuals.plain(name), fontsize=7.5 * scale, y=-0.5, loc="center", fontweight="normal")
        top -= 1.75 * tall


def _draw_in_color(ax: Axes, picture: np.ndarray, color: np.ndarray) -> None:
    """A grey image in a colour on white; an image of several channels as it is."""
    picture = np.clip(picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture, 0, 1)
    if picture.ndim == 2:
        picture = 1 - picture[..., None] * (1 - 0.8 * color)
    ax.imshow(picture, interpolation="bilinear")
    ax.set_axis_off()
