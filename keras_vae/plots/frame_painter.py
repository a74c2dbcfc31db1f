"""Frames of a trajectory video: a plane with a moving camera, beside it in a wide video the panel of the training."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae.errors import InputError
from keras_vae.plots import camera, digit_layout, marks, space_3d, visuals
from keras_vae.plots.edge_fade import EdgeFade
from keras_vae.plots.plane_background import PlaneBackground
from keras_vae.plots.side_panel import Reconstructions, SidePanel
from keras_vae.plots.stamps import Stamps
from keras_vae.plots.thumbnails import Thumbnails, with_height_and_width
from keras_vae.plots.video_io import MAX_FPS
from keras_vae.trajectory import Trajectory

MAX_THUMBNAILS = 100  # points; above, one image of each label is drawn
MAX_NAMED_CLASSES = 12  # in the plane; a last line states the number of others
MAX_LABEL_THUMBNAILS = 20  # labels; above, no images are drawn
MAX_POINTS = 20_000  # 0.1 s per frame
DOT_RADIUS, SMALL_DOT_RADIUS = 0.012, 0.005  # of the view; small ones where there are many
SMALL_DOT_OPACITY = 0.5
MAX_SIDE_PIXELS = 4_096  # of a frame
TRAIL_SECONDS = 1.5
TRAIL_PIECES = 12
FADE_PIXELS = 28  # along the edge of the plane, in which trails fade, in a frame of 720 pixels
TRAIL_STRIDE_FRAMES = 2  # between two vertices of a trail
ROTATION_DEGREES_PER_SECOND = 12  # of the view of three units
TIMELINE_RGB = (230, 233, 238)
ELAPSED_RGB = (107, 116, 128)
EPOCH_BASELINE = 0.048  # of the height of the frame, from its top
IMAGE_SIDE = 0.047  # of ten points, of the height of the frame
TITLE_POINTS = 13  # font size, in a frame of 720 pixels
PART_TEXT_SCALE = 1.4  # texts of one of several planes, whose frame is shown smaller
CAPTION_SPACE = "   "  # between the parts of a caption
CAPTION_CHARACTERS = 104  # in the width of the plane; a longer caption is smaller
ARROW_PIXELS = 9  # of a marker at the edge, in a frame of 720 pixels

Aspect = Literal["square", "wide"]


class Plane(NamedTuple):
    """The place of the square plane in a frame of 720 pixels height.

    Attributes:
        width: of the frame.
        left, bottom, side: of the plane.
    """

    width: int
    left: int
    bottom: int
    side: int


PLANES = {"square": Plane(720, 46, 42, 628), "wide": Plane(1280, 24, 42, 628)}


class Painter:
    """Draws the frames of a trajectory video.

    What doesn't move is rendered once. Each frame restores it, draws the prior and the scale bar at the scale of the
    camera, and then the moving collections and, at subpixel positions, the images. Up to 100 points are drawn with
    their images beside the circles, up to 1,000 as circles with trails, and up to 20,000 as dots; above 100 points,
    one image of each label stands at the median of its points.

    Args:
        trajectory: of two or three units and 1 to 20,000 points, as returned by `select`.
        title: text at the top.
        ellipses: draw 1σ ellipses instead of circles with r² = σₓ σᵧ; two units only.
        limit: half the side of a fixed view in data units, above 0; arrows at the edge mark points outside. Default a
            camera that contains all circles in every frame.
        size: height in pixels.
        fps: frames per second, which sets the length of the trails and the speed of the rotation.
        frames: the recorded frame that each video frame shows, `(video frames,)`; default each one once.
        aspect: "square", or "wide" (16:9) with a panel that shows the median radius over time, of points and dots the
            median distance from the origin, and the images.
        note: text added to the line below the picture.
        decoded: in the wide panel, reconstructions of the points during training.
        class_names: names of the labels 0, 1, …, which stand in the panel or, without one, in the plane.
        standard_normal: whether the prior is N(0, I), whose density, rings and, of three units, great circles are then
            drawn.
        limits: half the side of the view at each video frame, in place of the camera's.
        is_part: of a frame with several planes, which has caption, epoch and timeline itself; the title is larger.

    Attributes:
        limits: half the side of the view at each video frame, `(video frames,)`.

    Raises:
        InputError: if an argument is out of range, or the trajectory is of a training that diverged.

    Example:
        >>> import numpy as np
        >>> from keras_vae import Trajectory, video
        >>> trajectory = Trajectory(np.arange(4), np.arange(4) / 2, np.zeros((4, 3, 2), "float32"))
        >>> painter = video.Painter(trajectory, size=64)
        >>> painter.limits.round(2).tolist()
        [2.25, 2.25, 2.25, 2.25]
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
        fps: float = 30,
        frames: np.ndarray | None = None,
        aspect: Aspect = "square",
        note: str = "",
        decoded: Reconstructions | None = None,
        class_names: Sequence[str] | None = None,
        standard_normal: bool = True,
        limits: np.ndarray | None = None,
        is_part: bool = False,
    ):
        self.standard_normal = standard_normal
        self.trajectory, self.ellipses, self.note = trajectory, ellipses, checks.text("note", note)
        n = _number_of_points(trajectory)
        self.size = checks.whole("size", size, low=16, high=MAX_SIDE_PIXELS)
        self.fps = checks.number("fps", fps, low=1, high=MAX_FPS)
        self.width, self.plane = frame_width(self.size, aspect), PLANES[aspect]
        self.scale = self.size / 720
        high = len(trajectory) - 1
        shown = np.arange(high + 1) if frames is None else frames
        self.shown = checks.array("frames", shown, ("video frames",), dtype="int64", low=0, high=high)
        self.has_circles = n <= marks.MAX_CIRCLES
        self.is_3d = trajectory.mean.shape[2] == 3
        self.is_part = is_part
        extents = camera.extents(trajectory)[self.shown]
        self.is_fixed = limit is not None
        if limit is not None:
            self.limits = np.full(len(self.shown), checks.number("limit", limit, 0, open_low=True))
        elif limits is None:
            self.limits = camera.limits(extents, self.fps)
        else:
            self.limits = checks.array("limits", limits, (len(self.shown),), low=0)
        self.colors = visuals.label_colors(trajectory.labels, n)
        images = with_height_and_width(trajectory.images)
        self.pictured, self.followed = _pictured(trajectory.labels, n) if images is not None else (None, None)
        with visuals.style():
            names_are_in_panel = aspect == "wide" and images is not None
            self._render_background(checks.text("title", title), None if names_are_in_panel else class_names)
            self.panel = None
            if aspect == "wide":
                args = trajectory, marks.mark_of(trajectory, ellipses), self.shown, images, decoded, class_names
                self.panel = SidePanel(self.figure, self.scale, *args)
            self.canvas.draw()
        self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self._pixels = np.asarray(self.canvas.buffer_rgba())
        self._scaled: tuple[float, Any] = (0.0, None)  # the background with the prior at this limit
        self._add_thumbnails(images)

    def _render_background(self, title: str, class_names: Sequence[str] | None) -> None:
        scale, plane = self.scale, self.plane
        self.figure = Figure(figsize=(self.width / 100, self.size / 100), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        pixel = scale / self.width  # of a frame 720 pixels high, as a share of the width
        box = plane.left * pixel, plane.bottom / 720, plane.side * pixel, plane.side / 720
        self.ax = self.figure.add_axes(box)
        self.ax.set_axis_off()
        self._set_limit(self.limits[0])
        keys, labels = [], self.trajectory.labels
        if labels is not None and class_names is not None:
            keys = visuals.label_keys(labels, class_names, MAX_NAMED_CLASSES)
        scale_of_text = scale * (PART_TEXT_SCALE if self.is_part else 1)
        self.background = PlaneBackground(self.ax, scale_of_text, keys, self.standard_normal)
        guides = self.ax, self.trajectory.units, self.standard_normal
        self.guides = space_3d.Guides(*guides) if self.is_3d else None
        left, right = plane.left * pixel, (plane.left + plane.side) * pixel
        text: dict[str, Any] = {"transform": self.figure.transFigure, "va": "center"}
        fontsize = TITLE_POINTS * scale * (PART_TEXT_SCALE if self.is_part else 1)
        self.figure.text(left, 0.962, title, fontsize=fontsize, fontweight="bold", color=palette.TITLE, **text)
        if not self.is_part:
            fontsize = 8.5 * scale * min(1, CAPTION_CHARACTERS / len(self.caption))
            self.figure.text(left, 0.03, self.caption, fontsize=fontsize, color=palette.MUTED, **text)
        x, align = (right, "right") if plane.width == 720 else (698 / plane.width, "left")
        self.epoch_stamps, self.epoch_place = Stamps(20 * scale, palette.TITLE, "bold"), (x * self.width, align)
        self._add_moving_artists()

    def _add_moving_artists(self) -> None:
        n, scale = len(self.colors), self.scale
        mean, std = self._posteriors(0)
        circles = mean[:, :2], std, self.colors, self.ellipses
        # Discs of many points overlap before training: their colours must not add up to grey.
        opacity = float(np.clip(1.2 / n, 0.05, 0.12)) if self.has_circles else SMALL_DOT_OPACITY
        self.discs = visuals.posterior_circles(self.ax, *circles, fill=opacity, line=0.0)
        animated: list[Artist] = [self.discs]
        if self.has_circles:
            self.circles = visuals.posterior_circles(self.ax, *circles, fill=0.0, line=1.0)
            self.circles.set_linewidth(_outline_width(n) * scale)
            length = max(2, round(TRAIL_SECONDS * self.fps))
            self.trails = Trails(self.trajectory.mean, self.shown, self.colors, length, 1.5 * scale)
            self.ax.add_collection(self.trails.collection, autolim=False)
            (left, top), (right, bottom) = (np.rint(corner).astype(int).tolist() for corner in self.plane_box())
            self.fade = EdgeFade(left, top, right, bottom, round(FADE_PIXELS * scale))
            animated += [self.circles, self.trails.collection]
        pixels: dict[str, Any] = {"transform": IdentityTransform(), "clip_on": False}
        n_leaders = 0 if self.pictured is None else len(self.pictured)
        self.leader_paths = [Path(np.zeros((2, 2))) for _ in range(n_leaders)]
        self.leaders = PathCollection(self.leader_paths, facecolors="none", linewidths=1.0 * scale, **pixels)
        self.arrows = PolyCollection([], facecolors=self.colors, linewidths=0, **pixels)
        for collection in (self.leaders, self.arrows):
            self.ax.add_collection(collection, autolim=False)
        animated += [self.leaders, self.arrows]
        for artist in animated:
            artist.set_animated(True)

    def _add_thumbnails(self, images: np.ndarray | None) -> None:
        """Prepares the images and their positions in all frames."""
        self.thumbnails, chosen = None, self.pictured
        if images is None or chosen is None:
            return
        side = max(6, round(self.size * IMAGE_SIDE / np.clip(len(chosen) / 10, 1, 10) ** 0.28))
        self.thumbnails = Thumbnails(images[chosen], 0.7 * self.colors[chosen], side)
        self.image_side = side
        self.leaders.set_edgecolor(self.colors[chosen])
        anchors = [self._anchors(i) for i in range(len(self.shown))]
        self.centers, self.radii = (np.array(part) for part in zip(*anchors, strict=True))
        self.positions = digit_layout.place(self.centers, self.radii, side, *self.plane_box())

    def _anchors(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels `(images, 2)` and radii in pixels `(images,)` of the circles beside which images stand."""
        projected, std = self._posteriors(i)
        centers, scale = self.to_pixels(projected[:, :2], i), 0.5 * self.ax.bbox.width / self.limits[i]
        if self.followed is not None:  # the image of a label stands at the median, as if in a circle of its own
            medians = np.array([np.median(centers[points], axis=0) for points in self.followed])
            return medians, np.full(len(medians), 2.0 * self.image_side)
        widest = std.max(axis=1) if self.ellipses else np.sqrt(std[:, 0] * std[:, 1])
        return centers, widest * scale

    def plane_box(self) -> tuple[np.ndarray, np.ndarray]:
        """The upper left and the lower right corner of the plane, in pixels from the top left of a frame."""
        box = self.ax.bbox
        return np.array([box.x0, self.size - box.y1]), np.array([box.x1, self.size - box.y0])

    def _posteriors(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Means `(points, units)` as seen in video frame `i`, and standard deviations `(points, 2)` of the circles."""
        frame = self.shown[i]
        mean = self.trajectory.mean[frame].astype("float64") @ self._view(i)
        if not self.has_circles or self.trajectory.log_var is None:
            # Without a density, or of very many points, a dot of constant size marks the point.
            radius = DOT_RADIUS if self.has_circles else SMALL_DOT_RADIUS
            return mean, np.full((len(mean), 2), radius * self.limits[i])
        std = np.exp(0.5 * self.trajectory.log_var[frame].astype("float64"))
        if self.is_3d:  # the projection of a sphere is the same circle from every direction
            std = np.repeat(std.prod(axis=1, keepdims=True) ** (1 / 3), 2, axis=1)
        return mean, std

    @property
    def caption(self) -> str:
        """What is drawn, in one line."""
        return CAPTION_SPACE.join(filter(None, self.caption_parts))

    @property
    def caption_parts(self) -> tuple[str, ...]:
        """The marks, the images, the prior, the arrows, the window of the average, the latent units; "" for none."""
        units = self.trajectory.units
        return (
            marks.explained(self.trajectory, self.ellipses),
            "images: medians of labels" if self.followed is not None else "",
            "dashed: the prior's σ" if self.standard_normal else "",
            "arrows: points outside the view" if self.is_fixed else "",
            self.note,
            "" if units is None or tuple(units) == (0, 1) else f"latent units {', '.join(map(str, units))}",
        )

    def __len__(self) -> int:
        """The number of video frames."""
        return len(self.shown)

    def frames(self) -> Iterator[np.ndarray]:
        """Yields all frames in order, `(size, width, 4)` uint8; each is overwritten when the next one is drawn."""
        for i in range(len(self)):
            yield self.paint(i)

    def paint(self, i: int) -> np.ndarray:
        """Draws video frame `i`, `(size, width, 4)` uint8 RGBA; the array is overwritten by the next call."""
        self._restore_background(self.limits[i])
        if not self.is_part:
            paint_timeline(self._pixels, self.trajectory.epochs[self.shown], i, max(2, self.size // 180))
        projected, std = self._posteriors(i)
        for circles in (self.discs, self.circles) if self.has_circles else (self.discs,):
            visuals.move_circles(circles, projected[:, :2], std, self.ellipses)
        if self.guides is not None:
            self.guides.fit(self.limits[i])
            self.guides.turn(self._view(i))
            self.guides.draw()
        if self.has_circles:
            self._paint_trails(i)
        self.ax.draw_artist(self.discs)
        if self.has_circles:
            self.ax.draw_artist(self.circles)
        self._paint_images(i, projected)
        if self.is_fixed:
            self._paint_arrows(i, projected)
        if not self.is_part:
            self._write_epoch(i)
        if self.panel is not None:
            self.panel.paint(i)
        return self._pixels

    def _paint_trails(self, i: int) -> None:
        """Draws the trails; those that leave the plane fade towards its edge."""
        self.trails.update(i, self._view(i)[:, :2])
        share = 1 - 2 * self.fade.width / self.ax.bbox.width  # of the plane, within the band that fades
        below = self.fade.copy(self._pixels) if self.trails.reach > share * self.limits[i] else None
        self.ax.draw_artist(self.trails.collection)
        if below is not None:
            self.fade.apply(self._pixels, below)

    def _write_epoch(self, i: int) -> None:
        epoch, (x, align) = self.trajectory.epochs[self.shown[i]], self.epoch_place
        self.epoch_stamps.write(self._pixels, epoch_text(epoch), x, EPOCH_BASELINE * self.size, align)

    def _set_limit(self, limit: float) -> None:
        # Unlike `set_xlim`, this does not update the ticks, which aren't drawn.
        self.ax.viewLim.set_points(np.array([[-limit, -limit], [limit, limit]]))

    def _restore_background(self, limit: float) -> None:
        """Restores all that is not a point, at the scale of the camera."""
        known, region = self._scaled
        self._set_limit(limit)
        if known == limit:
            self.canvas.restore_region(region)
            return
        self.canvas.restore_region(self._background)
        self.background.paint(self._pixels, limit)
        is_repeated = int((self.limits == limit).sum()) > 1
        self._scaled = (limit, self.canvas.copy_from_bbox(self.figure.bbox)) if is_repeated else (0.0, None)

    def _paint_images(self, i: int, projected: np.ndarray) -> None:
        """Draws the images with the lines that lead to their circles."""
        if self.thumbnails is None:
            return
        positions, centers, radii = self.positions[i], self.centers[i], self.radii[i]
        low, high = self.plane_box()
        inside = np.all((centers >= low) & (centers <= high), axis=1)
        between = positions - centers
        distance = np.linalg.norm(between, axis=1)
        direction = between / np.maximum(distance, 1e-6)[:, None]
        start, end = np.minimum(radii, distance), distance - 0.5 * self.image_side
        has_leader = inside & (end > start + 1) & (self.followed is None)
        lines = np.stack([centers + direction * start[:, None], centers + direction * end[:, None]], axis=1)
        lines[~has_leader] = -10.0  # outside the frame
        lines[..., 1] = self.size - lines[..., 1]
        for line, path in zip(lines, self.leader_paths, strict=True):
            path.vertices[:] = line  # type: ignore[index]  # an array, annotated as ArrayLike
        self.ax.draw_artist(self.leaders)
        order = np.argsort(projected[:, 2], kind="stable") if self.is_3d and self.followed is None else None
        order = np.arange(len(positions)) if order is None else order
        self.thumbnails.blend_into(self._pixels, positions, order[inside[order]])

    def _paint_arrows(self, i: int, projected: np.ndarray) -> None:
        """Draws a triangle at the edge of the plane, in its direction from the origin, for each point outside."""
        far = np.abs(projected[:, :2]).max(axis=1)
        limit, box = self.limits[i], self.ax.bbox
        direction = projected[:, :2] / np.maximum(np.linalg.norm(projected[:, :2], axis=1), 1e-12)[:, None]
        tip = np.array([box.x0, box.y0]) + (projected[:, :2] * (limit / np.maximum(far, limit))[:, None] + limit) * (
            0.5 * box.width / limit
        )
        across = direction[:, ::-1] * (-1, 1)
        length = ARROW_PIXELS * self.scale
        base = tip - direction * length
        corners = np.stack([tip, base + 0.45 * length * across, base - 0.45 * length * across], axis=1)
        corners[far <= limit] = -10.0
        self.arrows.set_verts(list(corners))
        self.ax.draw_artist(self.arrows)

    def _view(self, i: int) -> np.ndarray:
        """Matrix `(units, units)` that maps latent points to right, up and, for three units, towards the viewer."""
        if not self.is_3d:
            return np.eye(2)
        return geometry.view_from(space_3d.AZIMUTH + ROTATION_DEGREES_PER_SECOND * i / self.fps, space_3d.ELEVATION)

    def to_pixels(self, points: np.ndarray, i: int) -> np.ndarray:
        """Converts data units `(n, 2)` to columns and rows in pixels from the top left, at the scale of frame `i`."""
        box, limit = self.ax.bbox, self.limits[i]
        x, y = ((points + limit) * (0.5 * box.width / limit) + (box.x0, box.y0)).T
        return np.column_stack([x, self.size - y])


def paint_timeline(pixels: np.ndarray, epochs: np.ndarray, i: int, height: int) -> None:
    """Draws a progress bar of the shown epochs along the lower edge, in place.

    Args:
        pixels: a frame, `(height, width, 4)` uint8.
        epochs: of each video frame, ascending.
        i: the video frame.
        height: of the bar, in pixels.
    """
    first, last = epochs[[0, -1]]
    elapsed = (epochs[i] - first) / (last - first) if last > first else 1.0
    pixels[-height:, :, :3] = TIMELINE_RGB
    pixels[-height:, : round(elapsed * pixels.shape[1]), :3] = ELAPSED_RGB


def epoch_text(epoch: float) -> str:
    """The moment that a frame shows: "epoch 1.50"."""
    return "before training" if epoch == 0 else f"epoch {epoch:.2f}"


def frame_width(size: int, aspect: Aspect) -> int:
    """The width of a frame of this height in pixels, a multiple of 16 where the height is one.

    Example:
        >>> frame_width(720, "square"), frame_width(720, "wide"), frame_width(64, "wide")
        (720, 1280, 112)
    """
    if aspect not in get_args(Aspect):
        raise InputError(f"aspect: expected square or wide; received {aspect!r}.")
    return size if aspect == "square" else round(size / 9) * 16


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


def _outline_width(n: int) -> float:
    """The width of the outlines of `n` circles, in typographic points."""
    if n <= MAX_THUMBNAILS:
        return 2.4 if n <= 20 else 1.8
    return 1.3


def _pictured(labels: np.ndarray | None, n: int) -> tuple[np.ndarray | None, list[np.ndarray] | None]:
    """The points whose images are drawn, or None; and, where an image stands for a label, the points of each label."""
    if n <= MAX_THUMBNAILS:
        return np.arange(n), None
    if labels is None:
        return None, None
    distinct, first = np.unique(labels, return_index=True)
    if len(distinct) > MAX_LABEL_THUMBNAILS:
        return None, None
    return first, [np.flatnonzero(labels == label) for label in distinct]


class Trails:
    """The recent path of each point, as a line that fades with age.

    A trail is split into pieces by age. All points of a colour share one path per piece, which is created once; a
    frame only overwrites its vertices.

    Args:
        mean: `(frames, points, units)`, as recorded.
        shown: the recorded frame of each video frame.
        colors: `(points, 3)` in [0, 1].
        length: of a trail, in video frames.
        width: of the line, in typographic points.

    Attributes:
        reach: the largest absolute coordinate of the vertices in the last frame.
    """

    reach = 0.0

    def __init__(self, mean: np.ndarray, shown: np.ndarray, colors: np.ndarray, length: int, width: float):
        self.mean, self.shown = mean, shown
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
        """Sets the vertices to video frame `i`, projected by `view` `(units, 2)`; trails start at the first frame."""
        frames_per_piece = self.lines_per_piece * TRAIL_STRIDE_FRAMES
        # Vertices are taken at multiples of the stride, the same ones in consecutive frames, or trails would flicker.
        ends = i - i % TRAIL_STRIDE_FRAMES - np.arange(TRAIL_PIECES)[::-1] * frames_per_piece
        # Each piece starts where the next older one ends; the newest ends at the point itself.
        frames = np.clip(ends[:, None] + np.arange(-frames_per_piece, 1, TRAIL_STRIDE_FRAMES), 0, None)
        frames[-1, -1] = i
        pieces = (self.mean[self.shown[frames]] @ view).transpose(0, 2, 1, 3)  # (pieces, points, vertices, 2)
        self.reach = float(np.abs(pieces).max())
        for group, paths in zip(self.groups, self.paths, strict=True):
            for piece, path in zip(pieces[:, group], paths, strict=True):
                path.vertices[:] = piece.reshape(-1, 2)  # type: ignore[index]  # an array, annotated as ArrayLike
