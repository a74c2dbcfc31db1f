"""Videos of several trainings beside one another: one clock, one scale, one pace."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_vae._utils import checks, palette
from keras_vae.errors import InputError
from keras_vae.plots import camera, visuals
from keras_vae.plots.frame_painter import CAPTION_SPACE, Painter, epoch_text, paint_timeline
from keras_vae.plots.stamps import Stamps
from keras_vae.plots.video_io import MACROBLOCK_PIXELS
from keras_vae.trajectory import Trajectory

MAX_PLANES, MAX_COLUMNS = 9, 3
FOOTER_SHARE = 0.1  # of the side of a plane
MARGIN_SHARE = 0.4  # of the height of the footer, to either side of its texts
LINE_SHARES = 0.24, 0.2  # of that height, the size in points of a caption in one line and in two
MIN_POINTS = 1.0  # of a caption, in videos of few pixels


def aligned(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """Trajectories with one frame each at common epochs.

    The epochs are those of the trajectory that has the most frames in the time which all have recorded. Of the others,
    the last frame recorded until then is shown.

    Args:
        trajectories: at least one.

    Raises:
        InputError: if there is no epoch that all have recorded.

    Example:
        >>> import numpy as np
        >>> fine, coarse = (Trajectory(np.arange(n), np.linspace(0, 2, n), np.zeros((n, 1, 2))) for n in (5, 3))
        >>> [each.epochs.tolist() for each in aligned([fine, coarse])]
        [[0.0, 0.5, 1.0, 1.5, 2.0], [0.0, 0.5, 1.0, 1.5, 2.0]]
        >>> aligned([fine, coarse])[1].steps.tolist()
        [0, 0, 1, 1, 2]
    """
    first = max(each.epochs[0] for each in trajectories)
    last = min(each.epochs[-1] for each in trajectories)
    if first > last:
        raise InputError("trajectories: expected epochs that all have recorded; one ends before another begins.")
    shared = [each.between(first, last) for each in trajectories]
    clock = max(shared, key=len).epochs
    return [_at(each, clock) for each in trajectories]


def _at(trajectory: Trajectory, epochs: np.ndarray) -> Trajectory:
    """The frames that were the last recorded ones at these epochs."""
    frames = np.searchsorted(trajectory.epochs, epochs + 1e-9, side="right") - 1
    log_var = None if trajectory.log_var is None else trajectory.log_var[frames]
    steps, mean = trajectory.steps[frames], trajectory.mean[frames]
    return replace(trajectory, steps=steps, epochs=epochs, mean=mean, log_var=log_var)


def joined(trajectories: Sequence[Trajectory]) -> Trajectory:
    """The points of all, as one trajectory of the same frames; it sets the pace and the view.

    Args:
        trajectories: as returned by `aligned`.
    """
    parts = [each.log_var for each in trajectories if each.log_var is not None]
    log_var = np.concatenate(parts, axis=1) if len(parts) == len(trajectories) else None
    mean = np.concatenate([each.mean for each in trajectories], axis=1)
    return Trajectory(trajectories[0].steps, trajectories[0].epochs, mean, log_var)


class SideBySide:
    """Draws frames with a plane for each training, to one scale, above a line with the caption and the epoch.

    Args:
        trajectories: up to nine by their title, of two or three units each, as returned by `aligned`.
        size: side of a plane in pixels.
        fps: frames per second.
        frames: the recorded frame that each video frame shows, `(video frames,)`; default each one once.
        limit: half the side of a fixed view; default a camera that contains all circles of all planes.
        note: text added to the caption.
        ellipses: draw 1σ ellipses instead of circles.
        learned_priors: the titles of the models whose prior is another than N(0, I), which is not drawn for them.

    Attributes:
        painters: one `Painter` for each plane.

    Raises:
        InputError: if an argument is out of range, or the numbers of units differ.

    Example:
        >>> import numpy as np
        >>> still = Trajectory(np.arange(4), np.arange(4) / 2, np.zeros((4, 3, 2), "float32"))
        >>> planes = SideBySide({"ELBO": still, "free bits": still}, size=160)
        >>> planes.paint(0).shape, len(planes)
        ((176, 320, 4), 4)
    """

    def __init__(
        self,
        trajectories: Mapping[str, Trajectory],
        size: int = 640,
        fps: float = 30,
        frames: np.ndarray | None = None,
        limit: float | None = None,
        note: str = "",
        ellipses: bool = False,
        learned_priors: Collection[str] = (),
    ):
        found = list(trajectories.values())
        whole = joined(found)
        shown = np.arange(len(whole)) if frames is None else frames
        limits = None if limit is not None else camera.limits(_extents(found)[shown], fps)
        self.painters = [
            Painter(
                trajectory, title=title, ellipses=ellipses, limit=limit, size=size, fps=fps, frames=shown, note=note,
                class_names=None if trajectory.class_names is None else tuple(trajectory.class_names), limits=limits,
                is_part=True, standard_normal=title not in learned_priors,
            )
            for title, trajectory in trajectories.items()
        ]  # fmt: skip
        self.columns = _columns(len(found))
        self.rows = math.ceil(len(found) / self.columns)
        self.size, self.epochs = size, whole.epochs[shown]
        width = self.columns * size
        self.footer = max(1, round(FOOTER_SHARE * size / MACROBLOCK_PIXELS)) * MACROBLOCK_PIXELS
        self._pixels = np.full((self.rows * size + self.footer, width, 4), 255, "uint8")
        self._stamps = Stamps(0.42 * self.footer, palette.TITLE, "bold")
        clock = max(self._stamps.length(epoch_text(epoch)) for epoch in self.epochs)
        room = width - clock - 3 * MARGIN_SHARE * self.footer
        self._line = _caption(self.caption, width, self.footer, room)

    @property
    def caption(self) -> str:
        """What is drawn in one plane or another: the distinct parts of the captions of all."""
        parts = zip(*(painter.caption_parts for painter in self.painters), strict=True)
        return CAPTION_SPACE.join(filter(None, dict.fromkeys(itertools.chain(*parts))))

    def __len__(self) -> int:
        """The number of video frames."""
        return len(self.epochs)

    def frames(self) -> Iterator[np.ndarray]:
        """Yields all frames in order, `(height, width, 4)` uint8; each is overwritten when the next one is drawn."""
        for i in range(len(self)):
            yield self.paint(i)

    def paint(self, i: int) -> np.ndarray:
        """Draws video frame `i`, `(height, width, 4)` uint8 RGBA; the array is overwritten by the next call."""
        places = itertools.product(range(self.rows), range(self.columns))
        for painter, (row, column) in zip(self.painters, places, strict=False):
            top, left = row * self.size, column * self.size
            self._pixels[top : top + self.size, left : left + self.size] = painter.paint(i)
        line = self._pixels[-self.footer :]
        line[:] = self._line
        x = line.shape[1] - MARGIN_SHARE * self.footer
        self._stamps.write(line, epoch_text(self.epochs[i]), x, 0.62 * self.footer, "right")
        paint_timeline(self._pixels, self.epochs, i, max(2, self.size // 120))
        return self._pixels


def prepared_together(trajectories: Mapping[str, Trajectory]) -> dict[str, Trajectory]:
    """Aligned trajectories by their title; their number, and that of their units, is checked."""
    if not 2 <= len(trajectories) <= MAX_PLANES:
        raise InputError(f"trajectories: expected 2 to {MAX_PLANES}; received {len(trajectories)}.")
    titles = [checks.text("title", title) for title in trajectories]
    found = aligned(list(trajectories.values()))
    units = {each.mean.shape[2] for each in found}
    if len(units) > 1:
        raise InputError(f"trajectories: expected two units of each, or three; received {sorted(units)}.")
    return dict(zip(titles, found, strict=True))


def _extents(trajectories: Sequence[Trajectory]) -> np.ndarray:
    """The largest coordinate of all circles of all planes in each frame, `(frames,)`."""
    return np.max([camera.extents(each) for each in trajectories], axis=0)


def _columns(n: int) -> int:
    return 2 if n == 4 else min(n, MAX_COLUMNS)


def _caption(text: str, width: int, height: int, room: float) -> np.ndarray:
    """The line below the planes, `(height, width, 4)` uint8.

    Args:
        text: if it does not fit into one line, it is written in two and, if that is not enough, smaller.
        width, height: of the line in pixels.
        room: for the text, in pixels.
    """
    left = MARGIN_SHARE * height
    with visuals.style():
        figure = Figure(figsize=(width / 100, height / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        place: dict[str, Any] = {"transform": figure.transFigure, "va": "center", "color": palette.MUTED}
        points, smaller = (share * height for share in LINE_SHARES)
        drawn = figure.text(left / width, 0.52, text, fontsize=points, **place)
        if drawn.get_window_extent().width > room:
            points = smaller
            drawn.set(text=_in_two_lines(text), fontsize=points)
        drawn.set_fontsize(max(MIN_POINTS, points * min(1.0, room / drawn.get_window_extent().width)))
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:height, :width].copy()


def _in_two_lines(caption: str) -> str:
    """The parts of a caption in the two lines of which the longer one is shortest."""
    parts = caption.split(CAPTION_SPACE)
    lines = [[CAPTION_SPACE.join(some) for some in (parts[:i], parts[i:])] for i in range(1, len(parts))]
    return "\n".join(min(lines, key=lambda two: max(map(len, two)), default=[caption]))
