"""Frames of a trajectory video, drawn over a background that is rendered once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae.errors import InputError
from keras_vae.plots import space_3d, visuals
from keras_vae.plots.thumbnails import Thumbnails, with_height_and_width
from keras_vae.trajectory import Trajectory

MAX_THUMBNAILS = 500  # points; above, no images are drawn
MAX_CIRCLES = 1_000  # points; above, dots are drawn in place of circles and trails, which would take seconds per frame
MAX_POINTS = 20_000  # 0.1 s per frame
DOT_RADIUS, SMALL_DOT_RADIUS = 0.012, 0.005  # of the view; small ones where there are many
SMALL_DOT_OPACITY = 0.5
MAX_SIDE_PIXELS = 4_096  # of a frame
TRAIL_SECONDS = 1.5
TRAIL_PIECES = 12
TRAIL_STRIDE_FRAMES = 2  # between two vertices of a trail
ROTATION_DEGREES_PER_SECOND = 12  # of the view of three units
TIMELINE_RGB = (230, 233, 238)
ELAPSED_RGB = (107, 116, 128)


class Painter:
    """Draws the frames of a trajectory video.

    The background is rendered once. Each frame restores it and draws the moving collections and, at subpixel
    positions, the thumbnails. Up to 500 points are drawn with their images, up to 1,000 as circles with trails, and up
    to 20,000 as dots.

    Args:
        trajectory: of two or three units and 1 to 20,000 points, as returned by `select`.
        title: text at the top.
        ellipses: draw 1σ ellipses instead of circles with r² = σₓ σᵧ; two units only.
        limit: half the side of the view in data units, above 0; default the smallest view that contains all circles
            in 85 % of the frames, at least 2.25.
        size: side in pixels.
        fps: frames per second, which sets the length of the trails and the speed of the rotation.

    Raises:
        InputError: if an argument is out of range, or the trajectory is of a training that diverged.

    Example:
        >>> import numpy as np
        >>> from keras_vae import Trajectory, video
        >>> trajectory = Trajectory(np.arange(4), np.arange(4) / 2, np.zeros((4, 3, 2), "float32"))
        >>> painter = video.Painter(trajectory, size=64)
        >>> painter.limit
        2.25
        >>> painter.paint(0).shape, len([frame.mean() for frame in painter.frames()])
        ((64, 64, 4), 4)
    """

    def __init__(
        self,
        trajectory: Trajectory,
        title: str = "",
        ellipses: bool = False,
        limit: float | None = None,
        size: int = 720,
        fps: int = 30,
    ):
        self.trajectory, self.ellipses = trajectory, ellipses
        n = _number_of_points(trajectory)
        self.size = checks.whole("size", size, low=16, high=MAX_SIDE_PIXELS)
        self.fps = checks.number("fps", fps, low=1)
        self.has_circles = n <= MAX_CIRCLES
        self.mean = trajectory.mean.astype("float64")
        if limit is None:
            limit = max(geometry.trajectory_limit(trajectory.mean, trajectory.std), visuals.MIN_LIMIT)
        self.limit = checks.number("limit", limit, 0, open_low=True)
        self.is_3d = self.mean.shape[2] == 3
        # Without a density, or of very many points, a dot of constant size marks the point.
        radius = DOT_RADIUS if self.has_circles else SMALL_DOT_RADIUS
        dots = np.full_like(self.mean, radius * self.limit)
        self.std = trajectory.std if self.has_circles and trajectory.std is not None else dots
        if self.is_3d:  # the projection of a sphere is the same circle from every direction
            self.std = np.repeat(self.std.prod(axis=2, keepdims=True) ** (1 / 3), 2, axis=2)
        self.colors = visuals.label_colors(trajectory.labels, n)
        with visuals.style():
            self._render_background(title)
        self.thumbnails = None
        images = with_height_and_width(trajectory.images)
        if images is not None and n <= MAX_THUMBNAILS:
            crowding = np.clip(n / 10, 1, 6)
            side = max(8, round(size * 0.062 / crowding**0.28))
            self.thumbnails = Thumbnails(images, 0.4 * self.colors, side)

    def _render_background(self, title: str) -> None:
        size = self.size
        scale = size / 720
        self.figure = Figure(figsize=(size / 100, size / 100), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        self.ax = self.figure.add_axes((0.064, 0.052, 0.872, 0.872))
        self.ax.set(xlim=(-self.limit, self.limit), ylim=(-self.limit, self.limit))
        self.ax.set_axis_off()
        visuals.prior_density(self.ax, self.limit)
        visuals.prior_rings(self.ax, self.limit)
        self.guides = space_3d.Guides(self.ax, self.trajectory.units) if self.is_3d else None
        text: dict[str, Any] = {"transform": self.figure.transFigure, "va": "center"}
        self.figure.text(0.03, 0.962, title, fontsize=13 * scale, fontweight="bold", color=palette.TITLE, **text)
        self.figure.text(0.97, 0.95, "epoch", fontsize=9 * scale, ha="right", color=palette.MUTED, va="top")
        self.figure.text(0.03, 0.03, self._caption(), fontsize=8.5 * scale, color=palette.MUTED, **text)
        self.epoch_text = self.figure.text(
            0.97, 0.968, "", fontsize=20 * scale, ha="right", va="center", fontweight="bold", color=palette.TITLE
        )
        circles = self.mean[0, :, :2], self.std[0], self.colors, self.ellipses
        # A circle may be smaller or larger than its thumbnail: the disc is drawn below it, the outline above it.
        opacity = 0.18 if self.has_circles else SMALL_DOT_OPACITY
        self.discs = visuals.posterior_circles(self.ax, *circles, fill=opacity, line=0.0)
        animated: list[Artist] = [self.discs, self.epoch_text]
        if self.has_circles:
            self.circles = visuals.posterior_circles(self.ax, *circles, fill=0.0, line=0.95)
            self.circles.set_linewidth(1.5 * scale)
            self.trails = Trails(self.mean, self.colors, max(2, round(TRAIL_SECONDS * self.fps)), 1.5 * scale)
            self.ax.add_collection(self.trails.collection, autolim=False)
            animated += [self.circles, self.trails.collection]
        for artist in animated:
            artist.set(animated=True, clip_on=False)
        self.canvas.draw()
        self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self._pixels = np.asarray(self.canvas.buffer_rgba())

    def _caption(self) -> str:
        n = len(self.colors)
        if not self.has_circles:
            mark = f"dots: the means of {n:,} posteriors, without images, circles and trails"
        elif self.trajectory.log_var is None:
            mark = "points: the codes"
        elif self.is_3d:
            mark = "circles: r³ = σ₁ σ₂ σ₃ of each posterior"
        elif self.ellipses:
            mark = "ellipses: the posterior's σ along each axis"
        else:
            mark = "circles: r² = σₓ σᵧ of each posterior"
        if self.has_circles and n > MAX_THUMBNAILS and self.trajectory.images is not None:
            mark = f"{mark}, without the {n:,} images"
        units = self.trajectory.units
        shown = "" if units is None or tuple(units) == (0, 1) else f"   latent units {', '.join(map(str, units))}"
        return f"{mark}   dashed: the prior's σ{shown}"

    def frames(self) -> Iterator[np.ndarray]:
        """Yields all frames in order, `(size, size, 4)` uint8; each is overwritten when the next one is drawn."""
        for i in range(len(self.trajectory)):
            yield self.paint(i)

    def paint(self, i: int) -> np.ndarray:
        """Draws frame `i`, `(size, size, 4)` uint8 RGBA; the array is overwritten by the next call."""
        self.canvas.restore_region(self._background)
        self._paint_timeline(i)
        view = self._view(i)
        projected = self.mean[i] @ view
        for circles in (self.discs, self.circles) if self.has_circles else (self.discs,):
            visuals.move_circles(circles, projected[:, :2], self.std[i], self.ellipses)
        self.epoch_text.set_text(f"{self.trajectory.epochs[i]:.2f}")
        if self.guides is not None:
            self.guides.turn(view)
            self.guides.draw()
        if self.has_circles:
            self.trails.update(i, view[:, :2])
            self.ax.draw_artist(self.trails.collection)
        self.ax.draw_artist(self.discs)
        if self.thumbnails is not None:
            far_to_near = np.argsort(projected[:, 2], kind="stable") if self.is_3d else None
            self.thumbnails.blend_into(self._pixels, self._to_pixels(projected[:, :2]), far_to_near)
        if self.has_circles:
            self.ax.draw_artist(self.circles)
        self.figure.draw_artist(self.epoch_text)
        return self._pixels

    def _view(self, i: int) -> np.ndarray:
        """Matrix `(units, units)` that maps latent points to right, up and, for three units, towards the viewer."""
        if not self.is_3d:
            return np.eye(2)
        return geometry.view_from(space_3d.AZIMUTH + ROTATION_DEGREES_PER_SECOND * i / self.fps, space_3d.ELEVATION)

    def _to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Converts data units `(n, 2)` to columns and rows in pixels from the top left."""
        x, y = self.ax.transData.transform(points).T
        return np.column_stack([x, self.size - y])

    def _paint_timeline(self, i: int) -> None:
        """Draws a progress bar of the shown epochs along the lower edge."""
        first, last = self.trajectory.epochs[[0, -1]]
        elapsed = (self.trajectory.epochs[i] - first) / (last - first) if last > first else 1.0
        height = max(2, self.size // 180)
        self._pixels[-height:, :, :3] = TIMELINE_RGB
        self._pixels[-height:, : round(elapsed * self.size), :3] = ELAPSED_RGB


def _number_of_points(trajectory: Trajectory) -> int:
    if not isinstance(trajectory, Trajectory) or trajectory.mean.shape[2] not in (2, 3):
        raise InputError("trajectory: expected a Trajectory of two or three units; choose them with video.select.")
    n = trajectory.mean.shape[1]
    if n > MAX_POINTS:
        raise InputError(
            f"trajectory: expected at most {MAX_POINTS:,} points to draw; received {n:,}; select some with "
            f"trajectory.points(slice({MAX_POINTS}))."
        )
    return n


class Trails:
    """The recent path of each point, as a line that fades with age.

    A trail is split into pieces by age. All points of a colour share one path per piece, which is created once; a
    frame only overwrites its vertices.

    Args:
        mean: `(frames, points, units)`.
        colors: `(points, 3)` in [0, 1].
        length: of a trail, in frames.
        width: of the line, in typographic points.
    """

    def __init__(self, mean: np.ndarray, colors: np.ndarray, length: int, width: float):
        self.mean = mean
        self.lines_per_piece = -(-length // (TRAIL_PIECES * TRAIL_STRIDE_FRAMES))
        distinct, of_point = np.unique(colors, axis=0, return_inverse=True)
        self.groups = [np.flatnonzero(of_point.ravel() == k) for k in range(len(distinct))]
        opacities = 0.6 * (np.arange(1, TRAIL_PIECES + 1) / TRAIL_PIECES) ** 1.5
        codes = [Path.MOVETO] + [Path.LINETO] * self.lines_per_piece
        self.paths = [
            [Path(np.zeros((len(codes) * len(group), 2)), codes * len(group)) for _ in opacities]
            for group in self.groups
        ]
        self.collection = PathCollection(
            [path for pieces in self.paths for path in pieces],
            facecolors="none",
            edgecolors=[(*color, opacity) for color in distinct for opacity in opacities],
            linewidths=width,
        )

    def update(self, i: int, view: np.ndarray) -> None:
        """Sets the vertices to frame `i`, projected by `view` `(units, 2)`; trails start at the first frame."""
        frames_per_piece = self.lines_per_piece * TRAIL_STRIDE_FRAMES
        # Vertices are taken at multiples of the stride, the same ones in consecutive frames, or trails would flicker.
        ends = i - i % TRAIL_STRIDE_FRAMES - np.arange(TRAIL_PIECES)[::-1] * frames_per_piece
        # Each piece starts where the next older one ends; the newest ends at the point itself.
        frames = np.clip(ends[:, None] + np.arange(-frames_per_piece, 1, TRAIL_STRIDE_FRAMES), 0, None)
        frames[-1, -1] = i
        pieces = (self.mean[frames] @ view).transpose(0, 2, 1, 3)  # (pieces, points, vertices, 2)
        for group, paths in zip(self.groups, self.paths, strict=True):
            for piece, path in zip(pieces[:, group], paths, strict=True):
                path.vertices[:] = piece.reshape(-1, 2)  # type: ignore[index]  # an array, annotated as ArrayLike
