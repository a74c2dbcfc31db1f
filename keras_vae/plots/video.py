"""Videos of latent spaces: recorded trajectories, and a rotating view of codes in three units."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_vae._utils import checks, palette
from keras_vae.errors import InputError
from keras_vae.plots import pacing, space_3d, visuals
from keras_vae.plots.frame_painter import MAX_SIDE_PIXELS, Aspect, Painter
from keras_vae.plots.pacing import Pace
from keras_vae.plots.side_by_side import SideBySide, joined, prepared_together
from keras_vae.plots.side_panel import Reconstructions
from keras_vae.plots.thumbnails import with_height_and_width
from keras_vae.plots.video_io import MACROBLOCK_PIXELS, MAX_FPS, checked_path, encode_mp4, write_gif
from keras_vae.trajectory import Trajectory

MAX_TURN_POINTS = 200_000  # of a turning view, 0.6 s per frame
MAX_SECONDS = 3_600
MAX_TURN_KEYS, MAX_TURN_CHARACTERS = 20, 16  # labels in the legend of a turning view, and the length of their names
LINE_CHARACTERS = 100  # of the legend, in the width of the video

__all__ = ["Painter", "Reconstructions", "prepared", "select", "write", "write_gif", "write_together", "write_turn"]


def write(
    trajectory: Trajectory,
    path: str | Path,
    *,
    epochs: tuple[float, float] | None = None,
    units: tuple[int, ...] | None = None,
    title: str = "",
    ellipses: bool = False,
    limit: float | None = None,
    pace: Pace = "travel",
    seconds: float = 20.0,
    smooth: float | None = None,
    aspect: Aspect = "square",
    decoded: Reconstructions | np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    size: int = 720,
    fps: int = 30,
    quiet: bool = False,
    standard_normal: bool = True,
) -> Path:
    """Writes a trajectory as an MP4 (H.264, yuv420p) whose frames are recorded ones, without interpolation.

    The first and the last frame are held for 1.2 seconds; between them the video is slow where points travel far. The
    view contains all circles in every frame. Means and log variances are moving averages over a window that the line
    below the picture states. Up to 100 points are drawn with their images beside the circles, up to 1,000 as circles
    with trails, and up to 20,000 as dots.

    Args:
        trajectory: as recorded by a `LatentRecorder`, of at most 20,000 points.
        path: ends in `.mp4`; the file appears under this name only when it is complete.
        epochs: first and last epoch to show, (0, 5) for the first five epochs; default all.
        units: two or three of the recorded units; default the first two. Three units are drawn in parallel
            projection from a direction that rotates slowly.
        title: text at the top.
        ellipses: draw 1σ ellipses instead of circles with r² = σₓ σᵧ; two units only.
        limit: half the side of a fixed view in data units, above 0, such as 3 for the prior's 3σ; arrows at the edge
            mark points outside. Default a camera that follows the outermost circle.
        pace: "travel", or "recorded" for exactly one video frame per recorded frame.
        seconds: duration of a video paced by travel; a short recording makes a shorter one.
        smooth: window of the moving average in epochs, 0 for the raw recording; default 5 % of the shown epochs.
        aspect: "square", or "wide" (16:9) with a panel that shows the median radius over time, of points and dots the
            median distance from the origin, and the images.
        decoded: in the wide panel, `Reconstructions` of the points at some epochs, or one image of each after training,
            `(points, height, width, …)`.
        class_names: names of the labels 0, 1, …, which stand in the wide panel or, without one, in the plane; default
            those of the trajectory.
        size: height in pixels, a multiple of 16.
        fps: frames per second, at least 1.
        quiet: show no progress bar.
        standard_normal: whether the prior is N(0, I), whose density and rings are then drawn.

    Returns:
        The path; a notebook shows the video.

    Raises:
        InputError: if an argument is out of range, or the trajectory has fewer than two units.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> mean = np.linspace(0, 1, 4 * 3 * 2, dtype="float32").reshape(4, 3, 2)  # 4 frames, 3 points, 2 units
        >>> trajectory = kv.Trajectory(steps=np.arange(4), epochs=np.arange(4) / 2, mean=mean, log_var=mean - 3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = kv.video.write(trajectory, f"{folder}/latent.mp4", size=64, quiet=True)
        ...     path.name, path.stat().st_size > 1000
        ('latent.mp4', True)
    """
    path = _checked_path(path, size, fps)
    shown, note = prepared(trajectory, epochs, units, smooth)
    if class_names is None and trajectory.class_names is not None:
        class_names = tuple(trajectory.class_names)
    painter = Painter(
        shown, title=title, ellipses=ellipses, limit=limit, size=size, fps=fps, aspect=aspect, note=note,
        frames=pacing.schedule(shown, pace, seconds, fps), decoded=_checked_reconstructions(decoded, shown),
        class_names=class_names, standard_normal=standard_normal,
    )  # fmt: skip
    return encode_mp4(painter.frames(), len(painter), path, fps, quiet)


def write_together(
    trajectories: Mapping[str, Trajectory],
    path: str | Path,
    *,
    epochs: tuple[float, float] | None = None,
    units: tuple[int, ...] | None = None,
    ellipses: bool = False,
    limit: float | None = None,
    pace: Pace = "travel",
    seconds: float = 20.0,
    smooth: float | None = None,
    note: str = "",
    size: int = 640,
    fps: int = 30,
    quiet: bool = False,
    learned_priors: Collection[str] = (),
) -> Path:
    """Writes trajectories of several trainings beside one another: one clock, one scale, one pace.

    The differences between two objectives, or two values of beta, can be seen if the trainings have the same seed and
    the same recorded images. Trainings that recorded at different epochs are aligned: a plane shows what was recorded
    last.

    Args:
        trajectories: two to nine by the title of their plane.
        path: ends in `.mp4`.
        epochs, units, ellipses, pace, seconds, smooth, fps, quiet: as in `write`, for all planes.
        limit: half the side of a fixed view in data units; default a camera that contains all circles of all planes.
        note: text added to the line below the planes.
        size: side of each plane in pixels, a multiple of 16; up to three planes stand in a row.
        learned_priors: the titles of the models whose prior is another than N(0, I), which is not drawn for them.

    Returns:
        The path.

    Raises:
        InputError: if an argument is out of range, or no epoch was recorded by all.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> still, moving = np.zeros((4, 3, 2), "float32"), np.linspace(0, 1, 24, dtype="float32").reshape(4, 3, 2)
        >>> times = {"steps": np.arange(4), "epochs": np.arange(4) / 2}
        >>> both = {"collapsed": kv.Trajectory(mean=still, **times), "active": kv.Trajectory(mean=moving, **times)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kv.video.write_together(both, f"{folder}/both.mp4", size=64, quiet=True).name
        'both.mp4'
    """
    path = _checked_path(path, size, fps)
    checks.mapping("trajectories", trajectories)
    note, learned_priors = checks.text("note", note), checks.texts("learned_priors", learned_priors)
    if unknown := [title for title in learned_priors if title not in trajectories]:
        raise InputError(f"learned_priors: expected titles of trajectories; {unknown[0]!r} is none of them.")
    shown = {title: prepared(each, epochs, units, smooth) for title, each in trajectories.items()}
    together = prepared_together({title: part for title, (part, _) in shown.items()})
    notes = dict.fromkeys(found for _, found in shown.values() if found)
    planes = SideBySide(
        together, size=size, fps=fps, frames=pacing.schedule(joined(list(together.values())), pace, seconds, fps),
        limit=limit, note="   ".join([*notes, *filter(None, [note])]), ellipses=ellipses,
        learned_priors=learned_priors,
    )  # fmt: skip
    return encode_mp4(planes.frames(), len(planes), path, fps, quiet)


def _checked_reconstructions(
    decoded: Reconstructions | np.ndarray | None, trajectory: Trajectory
) -> Reconstructions | None:
    """Reconstructions of the shown points; images without an epoch are those of the last one."""
    if decoded is None:
        return None
    if not isinstance(decoded, Reconstructions):
        images = with_height_and_width(decoded)
        return None if images is None else Reconstructions(trajectory.epochs[-1:], images[None])
    images = checks.array(
        "decoded.images", decoded.images, ("checkpoints", "points", "height", "width", "…"), dtype=None
    )
    epochs = checks.array("decoded.epochs", decoded.epochs, (len(images),), dtype=None, low=0)
    if not len(epochs) or (np.diff(epochs) <= 0).any():
        raise InputError(f"decoded.epochs: expected increasing epochs; received {epochs.tolist()}.")
    return Reconstructions(epochs, images)


def prepared(
    trajectory: Trajectory,
    epochs: tuple[float, float] | None = None,
    units: tuple[int, ...] | None = None,
    smooth: float | None = None,
) -> tuple[Trajectory, str]:
    """The part of a trajectory that a video shows, averaged, and the note that states the window.

    Args:
        trajectory, epochs, units, smooth: as in `write`. Frames outside `epochs` are part of the averages.
    """
    part = select(trajectory, epochs, units)
    shown = float(part.epochs[-1] - part.epochs[0])
    if smooth is not None and checks.number("smooth", smooth, low=0) > shown:
        raise InputError(f"smooth: expected a window of at most the {shown:g} epochs shown; received {smooth:g}.")
    window = pacing.default_window(part) if smooth is None else float(smooth)
    whole = part if epochs is None else select(trajectory, None, units)
    averaged = pacing.smoothed(whole, window)
    if averaged is whole:
        return part, ""
    note = f"moving average over {'up to ' if whole.steps[0] == 0 else ''}{window:.2g} epochs"
    return select(averaged, epochs, units), note


def write_turn(
    mean: np.ndarray,
    labels: np.ndarray | None,
    path: str | Path,
    *,
    units: tuple[int, ...] = (0, 1, 2),
    class_names: Sequence[str] | None = None,
    title: str = "",
    seconds: float = 12.0,
    size: int = 720,
    fps: int = 30,
    quiet: bool = False,
    standard_normal: bool = True,
) -> Path:
    """Writes an MP4 of codes in three latent units, rotated once by 360° so that the video can be looped.

    Args:
        mean: codes `(n, 3)`, at most 200,000.
        labels: `(n,)` integers or text, or None.
        path: ends in `.mp4`.
        units: numbers of the three units, which name the axes.
        class_names: names of the labels 0, 1, … in the legend; default the labels themselves.
        title: text at the top.
        seconds: duration of the rotation, at least one frame.
        size: side in pixels, a multiple of 16.
        fps: frames per second, at least 1.
        quiet: show no progress bar.
        standard_normal: whether the prior is N(0, I), whose rings and great circles are then drawn.

    Returns:
        The path; a notebook shows the video.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_vae import video
        >>> codes = np.random.default_rng(0).normal(size=(20, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = video.write_turn(codes, None, f"{folder}/turn.mp4", seconds=0.2, size=64, quiet=True)
        ...     path.name, path.stat().st_size > 1000
        ('turn.mp4', True)
    """
    path = _checked_path(path, size, fps)
    checks.text("title", title)
    mean = checks.array("mean", mean, ("n", 3), dtype=None)
    if len(mean) > MAX_TURN_POINTS:
        raise InputError(f"mean: expected at most {MAX_TURN_POINTS:,} codes to draw; received {len(mean):,}.")
    units = tuple(checks.array("units", units, (3,), dtype="int64", low=0).tolist())
    visuals.label_colors(labels, len(mean))  # refuses other labels before the encoder starts
    n_frames = round(checks.number("seconds", seconds, high=MAX_SECONDS) * fps)
    if n_frames < 1:
        raise InputError(f"seconds: expected at least one frame, 1/{fps} s; received {seconds!r}.")
    keys = [] if labels is None else visuals.label_keys(labels, class_names, MAX_TURN_KEYS, MAX_TURN_CHARACTERS)
    frames = _turn_frames(mean, labels, keys, units, title, size, n_frames, standard_normal)
    return encode_mp4(frames, n_frames, path, fps, quiet)


def _turn_frames(
    mean: np.ndarray,
    labels: np.ndarray | None,
    keys: list[Line2D],
    units: tuple[int, ...],
    title: str,
    size: int,
    n_frames: int,
    standard_normal: bool,
) -> Iterator[np.ndarray]:
    with visuals.style():
        figure = Figure(figsize=(size / 100, size / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        ax = figure.add_axes((0.064, 0.032, 0.872, 0.872))
        figure.text(0.03, 0.962, title, fontsize=13 * size / 720, fontweight="bold", color=palette.TITLE, va="center")
        cloud = space_3d.Cloud(ax, mean, labels, space_3d.limit(mean), units, standard_normal)
        cloud.points.set_animated(True)
        if keys:
            longest = max(len(str(key.get_label())) for key in keys)
            columns = min(10, LINE_CHARACTERS // (longest + 4))  # 4 for the dot and the space between columns
            figure.legend(handles=keys, loc="lower center", ncols=columns, handletextpad=0, columnspacing=1)
        canvas.draw()
    background, pixels = canvas.copy_from_bbox(figure.bbox), np.asarray(canvas.buffer_rgba())
    for i in range(n_frames):
        canvas.restore_region(background)
        cloud.turn(space_3d.AZIMUTH + 360 * i / n_frames, space_3d.ELEVATION)
        cloud.guides.draw()
        ax.draw_artist(cloud.points)
        yield pixels


def select(
    trajectory: Trajectory, epochs: tuple[float, float] | None = None, units: tuple[int, ...] | None = None
) -> Trajectory:
    """Restricts a trajectory to the units and epochs that a video shows.

    Args:
        trajectory: at least two units.
        epochs: first and last epoch, both included, the last may be infinite; default all.
        units: two or three of the recorded units; default the first two.

    Returns:
        A trajectory of two or three units.

    Raises:
        InputError: if the trajectory has fewer than two units, the number of `units` is not 2 or 3, one of them was
            not recorded, or no frame lies within `epochs`.

    Example:
        >>> import numpy as np
        >>> from keras_vae import Trajectory, video
        >>> recorded = Trajectory(np.arange(6), np.arange(6) / 2, np.zeros((6, 10, 4), "float32"))
        >>> video.select(recorded, epochs=(1, 2), units=(0, 3)).mean.shape  # epochs 1, 1.5 and 2
        (3, 10, 2)
    """
    if not isinstance(trajectory, Trajectory):
        raise InputError(f"trajectory: expected a Trajectory; received {type(trajectory).__name__}.")
    if trajectory.mean.shape[2] < 2:
        raise InputError(f"trajectory: expected at least two units to draw; received {trajectory.mean.shape[2]}.")
    if units is None:
        units = (0, 1) if trajectory.units is None else tuple(trajectory.units[:2].tolist())
    units = tuple(checks.array("units", units, ("n",), dtype="int64").tolist())
    if len(units) not in (2, 3):
        raise InputError(f"units: expected two or three to draw; received {len(units)}.")
    part = trajectory.of_units(*units)
    return part if epochs is None else part.between(*checked_epochs(epochs))


def checked_epochs(epochs: tuple[float, float]) -> list[float]:
    """The first and the last epoch of a range, 0 or later; the last may be infinite."""
    return checks.array("epochs", epochs, (2,), low=0, finite=False).tolist()


def _checked_path(path: str | Path, size: int, fps: int) -> Path:
    path = checked_path(path, ".mp4")
    size = checks.whole("size", size, low=0, high=MAX_SIDE_PIXELS)
    if size < MACROBLOCK_PIXELS or size % MACROBLOCK_PIXELS:
        raise InputError(f"size: expected a multiple of {MACROBLOCK_PIXELS} pixels; received {size!r}.")
    if checks.number("fps", fps, high=MAX_FPS) < 1:
        raise InputError(f"fps: expected at least 1 frame per second; received {fps!r}.")
    return path
