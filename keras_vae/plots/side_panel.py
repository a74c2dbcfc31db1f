"""The panel beside the plane of a wide trajectory video: the radius over time, and images of points."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.transforms import Bbox

from keras_vae._utils import palette
from keras_vae._utils.foreign_text import shortened
from keras_vae._utils.formatting import count
from keras_vae.plots import visuals
from keras_vae.plots.marks import Mark
from keras_vae.plots.stamps import Stamps
from keras_vae.trajectory import EPOCH_TOLERANCE, Trajectory

MAX_EXAMPLES, MAX_FULL_EXAMPLES = 12, 7  # images in a row, and those that have the full height of the panel there
ROW_SIDES, LAST_ROW_SIDES = 1.75, 1.95  # heights of a row with its heading, and of one with names below, in images
MIN_TICK_GAP = 0.07  # of the width, between the epochs on the axis
MAX_TICK_ERROR = 0.1  # of the epoch of a tick, relative to its number
TICK_EPOCHS = (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
MAX_NAME_CHARACTERS = 8
TEXT_CENTER_PIXELS = 4  # from the centre of a line of text to its baseline
RADII = {"circles": "median radius of the circles", "ellipses": "median radius √(σₓ σᵧ)"}  # by mark
HEADING_ROW = 84  # of the baseline of the heading, in pixels from the top of a frame of 720


class Reconstructions(NamedTuple):
    """Images decoded from the points at some epochs of a training, each by the decoder of its epoch.

    Attributes:
        epochs: `(checkpoints,)`, increasing.
        images: `(checkpoints, points, height, width[, channels])` in [0, 1], of all points or the first ones.

    Example:
        >>> Reconstructions(np.array([0.0, 1.0]), np.zeros((2, 10, 28, 28))).images.shape  # of ten points at two epochs
        (2, 10, 28, 28)
    """

    epochs: np.ndarray
    images: np.ndarray


class SidePanel:
    """Draws the panel; `paint` marks the moment of a video frame.

    Args:
        figure: of the video, 1280 × 720 pixels times `scale`.
        scale: of the video.
        trajectory: the shown points.
        mark: with which they are drawn.
        frames: the recorded frame of each video frame.
        images: `(points, height, width[, channels])` of the points, or None.
        decoded: reconstructions of the first points during training, or None.
        class_names: names of the labels 0, 1, …
    """

    def __init__(
        self,
        figure: Figure,
        scale: float,
        trajectory: Trajectory,
        mark: Mark,
        frames: np.ndarray,
        images: np.ndarray | None,
        decoded: Reconstructions | None,
        class_names: Sequence[str] | None = None,
    ):
        self.figure, self.scale = figure, scale
        width, height = 1280, 720
        has_images = images is not None
        bottom = 400 if has_images else 120
        self.ax = figure.add_axes((742 / width, bottom / height, 500 / width, (610 - bottom) / height))
        self.values, self.name = followed(trajectory, mark, frames)
        self._draw_curve(trajectory.epochs[frames])
        self.heading_stamps, self.heading = Stamps(10.5 * scale, palette.INK), ""
        (self.moment,) = self.ax.plot([], [], "o", ms=7 * scale, color=palette.POSTERIOR, animated=True, zorder=5)
        self.line = self.ax.axvline(0, color=palette.MUTED, linewidth=0.9 * scale, animated=True)
        self.examples = None
        if images is not None:
            box = (698 / width, 60 / height, 560 / width, 270 / height)
            epochs = trajectory.epochs[frames]
            self.examples = Examples(figure, box, scale, trajectory.labels, images, decoded, epochs, class_names)

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
        canvas = cast(FigureCanvasAgg, self.figure.canvas)
        self.heading = f"{self.name}: {self.values[i]:.2f}"
        pixels = np.asarray(canvas.buffer_rgba())
        self.heading_stamps.write(pixels, self.heading, 698 * self.scale, HEADING_ROW * self.scale)
        if self.examples is not None:
            self.examples.paint(canvas, i)
        self.moment.set_data([i], [self.values[i]])
        self.line.set_xdata([i, i])
        for artist in (self.line, self.moment):
            self.ax.draw_artist(artist)


def followed(trajectory: Trajectory, mark: Mark, frames: np.ndarray) -> tuple[np.ndarray, str]:
    """The median radius of circles or ellipses at each video frame, of other marks the median distance; its name."""
    if trajectory.log_var is None or mark not in RADII:
        recorded = [np.median(np.linalg.norm(mean, axis=1)) for mean in trajectory.mean]
        return np.array(recorded)[frames], "median distance from the origin"
    recorded = [np.median(np.exp(0.5 * log_var.mean(axis=1))) for log_var in trajectory.log_var]
    return np.array(recorded)[frames], RADII[mark]


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


class Examples:
    """A row of images, the first ones of each label, in their colours, above their reconstructions.

    A line below states the number of labels that are not shown.

    Args:
        figure: of the video.
        box: left, bottom, width and height of the area, as shares of the figure.
        scale: of the video.
        labels, images, decoded, class_names: as in `SidePanel`.
        epochs: of each video frame.
    """

    def __init__(
        self,
        figure: Figure,
        box: tuple[float, float, float, float],
        scale: float,
        labels: np.ndarray | None,
        images: np.ndarray,
        decoded: Reconstructions | None,
        epochs: np.ndarray,
        class_names: Sequence[str] | None,
    ):
        n = len(images)
        chosen = example_points(labels, n)
        if decoded is not None:  # very large images have few reconstructions
            known = chosen[chosen < decoded.images.shape[1]]
            known = known[np.isfinite(decoded.images[0, known]).all(axis=tuple(range(1, decoded.images.ndim - 1)))]
            chosen, decoded = (known, decoded) if len(known) else (chosen, None)
        self.colors = visuals.label_colors(labels, n)[chosen]
        self.decoded = None if decoded is None else decoded._replace(images=decoded.images[:, chosen])
        names = dict(enumerate(class_names or ()))
        titles = [] if labels is None else [str(names.get(int(label), "")) for label in labels[chosen]]
        titles = [title if i == 0 or title != titles[i - 1] else "" for i, title in enumerate(titles)]  # once each
        left, bottom, width, height = box
        top = bottom + height
        aspect = figure.get_figwidth() / figure.get_figheight()
        rows = LAST_ROW_SIDES + (0 if self.decoded is None else ROW_SIDES)
        self.cell = min(width / len(chosen), height / rows / aspect)
        self.tall = self.cell * aspect
        text: dict[str, Any] = {"fontsize": 9 * scale, "color": palette.INK, "va": "center"}
        figure.text(left, top - 0.2 * self.tall, "original", **text)
        self._row(figure, left, top, images[chosen], titles if self.decoded is None else [], scale)
        n_others = 0 if labels is None else len(np.unique(labels)) - len(np.unique(labels[chosen]))
        if n_others:
            below = top - (rows + 0.1) * self.tall
            figure.text(left, below, f"and {count(n_others, 'other')}", **text | {"va": "top"})
        if self.decoded is None:
            return
        top -= ROW_SIDES * self.tall
        self.reconstructions = self._row(figure, left, top, self.decoded.images[0], titles, scale)
        for picture in self.reconstructions:
            picture.set_animated(True)
        last = np.searchsorted(self.decoded.epochs, epochs + EPOCH_TOLERANCE, side="right") - 1
        self.shown = np.maximum(last, 0)  # the checkpoint of each video frame
        self.stamps, self.regions = Stamps(9 * scale, palette.INK), dict[int, Any]()
        size = figure.bbox.width, figure.bbox.height
        self.text_place = left * size[0], (1 - top + 0.2 * self.tall) * size[1] + TEXT_CENTER_PIXELS * scale
        self.area = Bbox.from_extents(left * size[0], (top - 1.45 * self.tall) * size[1], size[0], top * size[1])

    def _row(
        self, figure: Figure, left: float, top: float, pictures: np.ndarray, titles: Sequence[str], scale: float
    ) -> list[AxesImage]:
        """Draws images side by side, with their class names below them."""
        artists = []
        for k, picture in enumerate(pictures):
            place = left + k * self.cell, top - 1.45 * self.tall, 0.92 * self.cell, 0.92 * self.tall
            ax = figure.add_axes(place)
            artists.append(ax.imshow(in_color(picture, self.colors[k]), interpolation="bilinear"))
            ax.set_axis_off()
            if titles:
                name = visuals.plain(shortened(titles[k], MAX_NAME_CHARACTERS))
                ax.set_title(name, fontsize=7.5 * scale, y=-0.5, loc="center", fontweight="normal")
        return artists

    def paint(self, canvas: FigureCanvasAgg, i: int) -> None:
        """Draws the reconstructions of video frame `i`; those of a checkpoint are rendered once."""
        if self.decoded is None:
            return
        k = int(self.shown[i])
        if k in self.regions:
            canvas.restore_region(self.regions[k])
            return
        for picture, image, color in zip(self.reconstructions, self.decoded.images[k], self.colors, strict=True):
            picture.set_data(in_color(image, color))
            picture.axes.draw_artist(picture)
        text = f"reconstruction at epoch {self.decoded.epochs[k]:.4g}"
        self.stamps.write(np.asarray(canvas.buffer_rgba()), text, *self.text_place)
        self.regions[k] = canvas.copy_from_bbox(self.area)


def example_points(labels: np.ndarray | None, n: int) -> np.ndarray:
    """Indices of the points in a row of images: one of each label, at most 12, or as many as have full size.

    Args:
        labels: `(n,)` or None, for the first points.
        n: number of points.

    Example:
        >>> example_points(np.array([1, 0, 0, 1, 0, 1, 0]), 7).tolist()  # in the order of the labels
        [1, 2, 4, 0, 3, 5]
        >>> example_points(np.arange(10).repeat(2), 20).tolist()
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    """
    if labels is None:
        return np.arange(min(n, MAX_EXAMPLES))
    distinct = np.unique(labels)[:MAX_EXAMPLES]
    each = max(1, MAX_FULL_EXAMPLES // len(distinct))
    return np.concatenate([np.flatnonzero(labels == label)[:each] for label in distinct])


def in_color(picture: np.ndarray, color: np.ndarray) -> np.ndarray:
    """A grey image in a colour on white; an image of several channels as it is.

    Example:
        >>> in_color(np.array([[0.0, 1.0]]), np.array([1.0, 0.5, 0.0])).round(2).tolist()
        [[[1.0, 1.0, 1.0], [0.8, 0.4, 0.0]]]
    """
    picture = np.clip(picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture, 0, 1)
    return 1 - picture[..., None] * (1 - 0.8 * color) if picture.ndim == 2 else picture
