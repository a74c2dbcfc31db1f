"""A trajectory as a video: digits wander through a latent space, each with the circle of its variance."""

import math
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as MplPath
from PIL import Image, ImageFilter

from keras_vae import geometry
from keras_vae._utils.progress import ProgressReporter
from keras_vae.errors import InputError
from keras_vae.plots import space_3d, visuals
from keras_vae.runs.files import atomic
from keras_vae.trajectory import Trajectory

MACROBLOCK = 16  # the encoder rescales, unasked, what isn't a multiple of it
LARGEST_GIF = 5_000_000  # bytes
TRAIL_SECONDS = 1.5
TRAIL_PIECES = 12
TRAIL_STRIDE = 2  # frames from one vertex of a trail to the next
DEGREES_A_SECOND = 12  # by which the view of three units turns


def write(
    trajectory: Trajectory,
    path: str | Path,
    *,
    epochs: tuple[float, float] | None = None,
    units: tuple[int, ...] | None = None,
    title: str = "",
    ellipses: bool = False,
    limit: float | None = None,
    size: int = 720,
    fps: int = 30,
    quiet: bool = False,
) -> Path:
    """Writes an MP4 (H.264, yuv420p) in which every frame was recorded; none is made up in between.

    Args:
        trajectory: what a `LatentRecorder` recorded.
        path: ends in `.mp4`; written under another name until complete.
        epochs: the part to show, (0, 5) for the first five epochs; default all of it. The view is chosen from
            this part, so a later one is drawn closer.
        units: two of the recorded units, or three, which are seen from a direction that turns slowly; default the
            first two.
        title: the line at the top.
        ellipses: 1σ ellipses in place of circles with r² = σₓ σᵧ, of two units.
        limit: half the side of the view in data units; default what holds all circles in 85 % of the frames.
        size: side in pixels, a multiple of 16.
        fps: frames a second.
        quiet: no progress bar.

    Returns:
        The path.

    Raises:
        InputError: if an argument is out of range, or the trajectory has fewer than two units.
    """
    path = Path(path)
    if path.suffix != ".mp4":
        raise InputError(f"path: expected a name that ends in .mp4; received {path.name!r}.")
    if size < MACROBLOCK or size % MACROBLOCK:
        raise InputError(f"size: expected a multiple of {MACROBLOCK} pixels; received {size!r}.")
    if fps < 1:
        raise InputError(f"fps: expected at least 1 frame a second; received {fps!r}.")
    part = select(trajectory, epochs, units)
    painter = Painter(part, title=title, ellipses=ellipses, limit=limit, size=size, fps=fps)
    return encode(painter.frames(), len(part), path, size, fps, quiet)


def write_turn(
    mean: np.ndarray,
    labels: np.ndarray | None,
    path: str | Path,
    *,
    units: tuple[int, ...] = (0, 1, 2),
    title: str = "",
    seconds: float = 12.0,
    size: int = 720,
    fps: int = 30,
    quiet: bool = False,
) -> Path:
    """Writes an MP4 in which the codes of three latent units turn around once, so that it can play in a loop.

    Args:
        mean: codes `(n, 3)`.
        labels: `(n,)` or None.
        path: ends in `.mp4`.
        units: the numbers of the three units.
        title: the line at the top.
        seconds: of the turn.
        size, fps, quiet: as in `write`.
    """
    n = round(seconds * fps)
    with visuals.style():
        figure = Figure(figsize=(size / 100, size / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        ax = figure.add_axes((0.064, 0.032, 0.872, 0.872))
        figure.text(0.03, 0.962, title, fontsize=13 * size / 720, fontweight="bold", color="#1d2430", va="center")
        cloud = space_3d.Cloud(ax, mean, labels, space_3d.limit(mean), units)
        cloud.points.set_animated(True)
        if labels is not None:
            figure.legend(
                handles=visuals.label_keys(labels), loc="lower center", ncols=10, handletextpad=0, columnspacing=1
            )
        canvas.draw()
    still, pixels = canvas.copy_from_bbox(figure.bbox), np.asarray(canvas.buffer_rgba())

    def frames() -> Iterator[np.ndarray]:
        for i in range(n):
            canvas.restore_region(still)
            cloud.turn(space_3d.AZIMUTH + 360 * i / n, space_3d.ELEVATION)
            cloud.guides.draw()
            ax.draw_artist(cloud.points)
            yield pixels

    return encode(frames(), n, Path(path), size, fps, quiet)


def encode(frames: Iterable[np.ndarray], n: int, path: Path, size: int, fps: int = 30, quiet: bool = False) -> Path:
    """Writes `n` frames `(size, size, 4)` uint8 to an MP4 as they come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = ProgressReporter(quiet).track(frames, f"video {path.name}", n)
    with atomic(path) as temporary:
        encoder = imageio_ffmpeg.write_frames(
            str(temporary),
            (size, size),
            pix_fmt_in="rgba",
            pix_fmt_out="yuv420p",
            fps=fps,
            codec="libx264",
            quality=None,
            macro_block_size=MACROBLOCK,
            ffmpeg_log_level="error",
            # one thread: painting takes longer than encoding, and needs the other core
            output_params=["-crf", "22", "-preset", "veryfast", "-threads", "1", "-movflags", "+faststart"],
        )
        encoder.send(None)
        try:
            with ThreadPoolExecutor(1) as writer:  # the next frame is painted while one is handed over
                handed_over = None
                for frame in frames:
                    frame = frame.copy()  # which will be painted over
                    if handed_over:
                        handed_over.result()
                    handed_over = writer.submit(encoder.send, frame)
                if handed_over:
                    handed_over.result()
        finally:
            encoder.close()
    return path


def write_gif(video: str | Path, path: str | Path, largest: int | None = None) -> Path:
    """Makes a GIF of an MP4, with a palette of its own, as large and as smooth as its size in bytes allows.

    Args:
        video: the MP4.
        path: the GIF to write.
        largest: its size in bytes; default 5 MB.

    Raises:
        InputError: if there is no such video, or it is too long for any GIF of that size.
    """
    largest = largest or LARGEST_GIF
    video, path = Path(video), Path(path)
    if not video.is_file():
        raise InputError(f"video: expected an MP4 at {video}; there is none.")
    with atomic(path) as temporary:
        for width, fps in ((480, 15), (420, 12), (360, 10), (320, 8), (240, 6), (160, 5), (120, 3)):
            _gif(video, temporary, width, fps)
            if temporary.stat().st_size < largest:
                break
        else:
            raise InputError(
                f"video: expected one short enough for a GIF under {largest / 1e6:g} MB; {video} is too long; choose "
                "fewer epochs."
            )
    return path


def _gif(video: Path, path: Path, width: int, fps: int) -> None:
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


def select(
    trajectory: Trajectory, epochs: tuple[float, float] | None = None, units: tuple[int, ...] | None = None
) -> Trajectory:
    """The part of a trajectory that a video shows: two units or three, between two epochs."""
    if trajectory.mean.shape[2] < 2:
        raise InputError(f"trajectory: expected at least two units to draw; received {trajectory.mean.shape[2]}.")
    if units is None:
        units = (0, 1) if trajectory.units is None else tuple(trajectory.units[:2].tolist())
    if len(units) not in (2, 3):
        raise InputError(f"units: expected two or three to draw; received {len(units)}.")
    part = trajectory.of_units(*units)
    return part if epochs is None else part.between(*epochs)


class Painter:
    """Paints the frames of a trajectory.

    Everything that stands still is drawn once. A frame restores it, lays the digits' thumbnails on it at
    positions between pixels, and draws the collections that move.

    Args:
        trajectory: of two units or three, as `select` gives it.
        title, ellipses, limit, size, fps: as in `write`.
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
        self.trajectory, self.ellipses, self.size, self.fps = trajectory, ellipses, size, fps
        self.mean = trajectory.mean.astype("float64")
        self.limit = max(geometry.trajectory_limit(trajectory.mean, trajectory.std), 2.25) if limit is None else limit
        if not 0 < self.limit < math.inf:
            raise InputError(
                f"limit: expected half the side of the view, a finite number above 0; received {self.limit}; a "
                "training that diverged can't be drawn."
            )
        self.in_space = self.mean.shape[2] == 3
        # Without a density there is no variance to draw: a dot of constant size marks the point.
        self.std = np.full_like(self.mean, 0.012 * self.limit) if trajectory.std is None else trajectory.std
        if self.in_space:  # a ball is a circle from everywhere
            self.std = np.repeat(self.std.prod(axis=2, keepdims=True) ** (1 / 3), 2, axis=2)
        self.colors = visuals.label_colors(trajectory.labels, self.mean.shape[1])
        self._trail_frames = max(2, round(TRAIL_SECONDS * fps))
        with visuals.style():
            self._set_up(title)
        self.thumbnails = None
        pictures = _as_pictures(trajectory.images)
        if pictures is not None:
            crowd = np.clip(len(self.colors) / 10, 1, 6)
            side = max(8, round(size * 0.062 / crowd**0.28))
            self.thumbnails = Thumbnails(pictures, 0.4 * self.colors, side)

    def _set_up(self, title: str) -> None:
        size = self.size
        scale = size / 720
        self.figure = Figure(figsize=(size / 100, size / 100), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        self.ax = self.figure.add_axes((0.064, 0.052, 0.872, 0.872))
        self.ax.set(xlim=(-self.limit, self.limit), ylim=(-self.limit, self.limit))
        self.ax.set_axis_off()
        visuals.prior_density(self.ax, self.limit)
        visuals.prior_rings(self.ax, self.limit)
        self.guides = space_3d.Guides(self.ax, self.trajectory.units) if self.in_space else None
        text = {"transform": self.figure.transFigure, "va": "center"}
        self.figure.text(0.03, 0.962, title, fontsize=13 * scale, fontweight="bold", color="#1d2430", **text)
        self.figure.text(0.97, 0.95, "epoch", fontsize=9 * scale, ha="right", color="#6b7480", va="top")
        self.figure.text(0.03, 0.03, self._caption(), fontsize=8.5 * scale, color="#6b7480", **text)
        self.clock = self.figure.text(
            0.97, 0.968, "", fontsize=20 * scale, ha="right", va="center", fontweight="bold", color="#1d2430"
        )
        circles = self.mean[0, :, :2], self.std[0], self.colors, self.ellipses
        # A circle may be smaller than its digit or larger: its disc lies under the thumbnail, its line over it.
        self.discs = visuals.posterior_circles(self.ax, *circles, fill=0.18, line=0.0)
        self.circles = visuals.posterior_circles(self.ax, *circles, fill=0.0, line=0.95)
        self.circles.set_linewidth(1.5 * scale)
        self.trails = Trails(self.mean, self.colors, self._trail_frames, 1.5 * scale)
        self.ax.add_collection(self.trails.collection, autolim=False)
        moving = [self.discs, self.circles, self.trails.collection, self.clock]
        for artist in moving:
            artist.set(animated=True, clip_on=False)
        self.canvas.draw()
        self._still = self.canvas.copy_from_bbox(self.figure.bbox)
        self._pixels = np.asarray(self.canvas.buffer_rgba())

    def _caption(self) -> str:
        if self.trajectory.log_var is None:
            what = "points: the codes"
        elif self.in_space:
            what = "circles: r³ = σ₁ σ₂ σ₃ of each posterior"
        elif self.ellipses:
            what = "ellipses: the posterior's σ along each axis"
        else:
            what = "circles: r² = σₓ σᵧ of each posterior"
        units = self.trajectory.units
        shown = "" if units is None or tuple(units) == (0, 1) else f"   latent units {', '.join(map(str, units))}"
        return f"{what}   dashed: the prior's σ{shown}"

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in turn, each valid until the next is asked for: `(size, size, 4)` uint8."""
        for i in range(len(self.trajectory)):
            yield self.paint(i)

    def paint(self, i: int) -> np.ndarray:
        """Frame `i`, `(size, size, 4)` uint8; the array is painted over by the next call."""
        self.canvas.restore_region(self._still)
        self._paint_timeline(i)
        view = self._view(i)
        seen = self.mean[i] @ view
        self.trails.move(i, view[:, :2])
        for circles in (self.discs, self.circles):
            visuals.move_circles(circles, seen[:, :2], self.std[i], self.ellipses)
        self.clock.set_text(f"{self.trajectory.epochs[i]:.2f}")
        if self.guides is not None:
            self.guides.turn(view)
            self.guides.draw()
        self.ax.draw_artist(self.trails.collection)
        self.ax.draw_artist(self.discs)
        if self.thumbnails is not None:
            nearest_last = np.argsort(seen[:, 2], kind="stable") if self.in_space else None
            self.thumbnails.lay(self._pixels, self._to_pixels(seen[:, :2]), nearest_last)
        self.ax.draw_artist(self.circles)
        self.figure.draw_artist(self.clock)
        return self._pixels

    def _view(self, i: int) -> np.ndarray:
        """`(units, units)`: what turns latent points into right, up and, of three units, towards the eye."""
        if not self.in_space:
            return np.eye(2)
        return geometry.view_from(space_3d.AZIMUTH + DEGREES_A_SECOND * i / self.fps, space_3d.ELEVATION)

    def _to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Columns and rows, in pixels from the top left, of points `(n, 2)`."""
        x, y = self.ax.transData.transform(points).T
        return np.column_stack([x, self.size - y])

    def _paint_timeline(self, i: int) -> None:
        """A bar along the lower edge, as long as the part of the time that has passed."""
        first, last = self.trajectory.epochs[[0, -1]]
        share = (self.trajectory.epochs[i] - first) / (last - first) if last > first else 1.0
        height = max(2, self.size // 180)
        self._pixels[-height:, :, :3] = (230, 233, 238)
        self._pixels[-height:, : round(share * self.size), :3] = (107, 116, 128)


class Trails:
    """Where each point came from: a line that fades with age.

    A trail is cut into pieces by age. All points of a colour share one path a piece, made once; a frame only
    writes their vertices.

    Args:
        mean: `(frames, points, units)`.
        colors: `(points, 3)`.
        length: of a trail, in frames.
        width: of its line, in points.
    """

    def __init__(self, mean: np.ndarray, colors: np.ndarray, length: int, width: float):
        self.mean = mean
        self.steps = TRAIL_STRIDE * -(-length // (TRAIL_PIECES * TRAIL_STRIDE))  # frames of a piece
        distinct, of_point = np.unique(colors, axis=0, return_inverse=True)
        self.groups = [np.flatnonzero(of_point.ravel() == k) for k in range(len(distinct))]
        shades = 0.6 * (np.arange(1, TRAIL_PIECES + 1) / TRAIL_PIECES) ** 1.5
        codes = [MplPath.MOVETO] + [MplPath.LINETO] * (self.steps // TRAIL_STRIDE)
        self.paths = [
            [MplPath(np.zeros((len(codes) * len(group), 2)), codes * len(group)) for _ in shades]
            for group in self.groups
        ]
        self.collection = PathCollection(
            [path for pieces in self.paths for path in pieces],
            facecolors="none",
            edgecolors=[(*color, shade) for color in distinct for shade in shades],
            linewidths=width,
        )

    def move(self, i: int, view: np.ndarray) -> None:
        """To frame `i`, all of it seen by `view` `(units, 2)`; before the recording began a trail has no length."""
        # The same frames give the vertices in this picture and the next, or trails would tremble.
        ends = i - i % TRAIL_STRIDE - np.arange(TRAIL_PIECES)[::-1] * self.steps
        # A piece begins where the older one ends, and the newest ends at the point itself.
        frames = np.clip(ends[:, None] + np.arange(-self.steps, 1, TRAIL_STRIDE), 0, None)
        frames[-1, -1] = i
        pieces = (self.mean[frames] @ view).transpose(0, 2, 1, 3)  # (pieces, points, vertices, 2)
        for group, paths in zip(self.groups, self.paths, strict=True):
            for piece, path in zip(pieces[:, group], paths, strict=True):
                path.vertices[:] = piece.reshape(-1, 2)


class Thumbnails:
    """Small coloured images laid on a picture at positions between pixels.

    Args:
        images: `(points, height, width[, channels])`, values in [0, 1]; grey ones become ink in their colour.
        colors: `(points, 3)` in [0, 1].
        side: longer side in pixels.
    """

    def __init__(self, images: np.ndarray, colors: np.ndarray, side: int):
        # Premultiplied by its opacity, with a free border for the shift by a part of a pixel.
        self.stamps = np.stack([_stamp(image, color, side) for image, color in zip(images, colors, strict=True)])

    def lay(self, canvas: np.ndarray, centers: np.ndarray, order: np.ndarray | None = None) -> None:
        """Blends every thumbnail into the `(height, width, 4)` uint8 canvas, centred at `(points, 2)` (x, y); those
        that come later in `order` lie on top."""
        side = self.stamps.shape[1]
        corners = centers - side / 2
        whole = np.floor(corners).astype(int)
        shifted = _shift(self.stamps, corners - whole)
        kept = 1.0 - shifted[..., 3:]
        shifted *= 1.0, 1.0, 1.0, 255.0  # the canvas' own opacity stays whole
        shifted += 0.5  # rounds, when it is cut off
        height, width = canvas.shape[:2]
        for i in range(len(whole)) if order is None else order:
            left, top = whole[i].tolist()
            rows = slice(max(top, 0), min(top + side, height))
            columns = slice(max(left, 0), min(left + side, width))
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            seen = i, slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            blended = canvas[rows, columns] * kept[seen]
            blended += shifted[seen]
            canvas[rows, columns] = blended


def _as_pictures(images: np.ndarray | None) -> np.ndarray | None:
    """Images with height and width; flat ones of a square number of pixels are taken for squares."""
    if images is None or images.ndim > 2:
        return images
    side = math.isqrt(images.shape[1])
    return images.reshape(-1, side, side) if side**2 == images.shape[1] else None


def _stamp(image: np.ndarray, color: np.ndarray, side: int) -> np.ndarray:
    """`(side + 6, side + 6, 4)` float32, 0…255 premultiplied and opacity 0…1: ink in a white halo, or the picture."""
    image = np.clip(np.asarray(image, "float32"), 0, 1)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    height, width = image.shape[:2]
    factor = side / max(height, width)
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    small = np.asarray(Image.fromarray((255 * image).astype("uint8")).resize(shape, Image.Resampling.LANCZOS)) / 255
    stamp = np.zeros((side + 6, side + 6, 4), "float32")
    top, left = (side + 6 - shape[1]) // 2, (side + 6 - shape[0]) // 2
    inside = np.s_[top : top + shape[1], left : left + shape[0]]
    if small.ndim == 3:
        stamp[inside] = np.dstack([255 * small[..., :3], np.ones(small.shape[:2])])
        return stamp
    ink = np.zeros((side + 6, side + 6), "float32")
    ink[inside] = small
    blurred = Image.fromarray((255 * ink).astype("uint8")).filter(ImageFilter.GaussianBlur(1.4))
    halo = np.clip(2.2 * np.asarray(blurred) / 255, 0, 0.85) * (1 - ink)
    stamp[..., :3] = 255 * (ink[..., None] * color + halo[..., None])
    stamp[..., 3] = ink + halo
    return stamp


def _shift(stamps: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Stamps moved right and down by parts of a pixel `(points, 2)`, by bilinear weights."""
    x, y = part.astype("float32").T[:, :, None, None, None]
    right = np.roll(stamps, 1, axis=2)
    moved = stamps + x * (right - stamps)
    down = np.roll(moved, 1, axis=1)
    return moved + y * (down - moved)
