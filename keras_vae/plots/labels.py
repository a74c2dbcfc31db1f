"""Labels of points: one colour and one marker per label, keys of a legend, names at the medians."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.textpath import TextPath

from keras_vae._utils import checks, palette
from keras_vae._utils.foreign_text import shortened

MAX_LEGEND_KEYS, MAX_LEGEND_CHARACTERS = 24, 14  # labels of a legend, and the length of their names
MAX_NAMED_CLASSES = 12  # whose names fit into a plane
MARKERS = {  # of `palette.LABEL_SHAPES`
    "circle": "o", "triangle": "^", "square": "s", "diamond": "D", "wedge": "v", "plus": "P", "cross": "X",
}  # fmt: skip
NAME_POINTS, NAME_MARGIN_POINTS = 9.0, 3.0  # size of a name at a median, and free space around it
BOLD_WIDTH = 1.15  # of a bold name, relative to a regular one
N_SEPARATION_STEPS = 300
LAYOUT_SHRINKAGE = 0.8  # of axes by the layout of the figure, which follows later


class SeriesStyle(NamedTuple):
    """How a figure shows one of several series.

    Attributes:
        color: RGB in [0, 1].
        marker: matplotlib's sign.
    """

    color: tuple[float, float, float]
    marker: str


def plain(text: str) -> str:
    """Text for matplotlib in which a dollar sign is a dollar sign: names of data sets and classes are not formulas.

    Example:
        >>> plain("a$\\\\frac{$.npz")
        'a\\\\$\\\\frac{\\\\$.npz'
    """
    return text.replace("$", r"\$")


def label_colors(labels: np.ndarray | None, n: int) -> np.ndarray:
    """The palette's colour of each label.

    Args:
        labels: `(n,)` integers, which take the palette's colours in turn, starting again after the last; other
            labels, such as text, are numbered in their order; None where there are no labels.
        n: number of points.

    Returns:
        `(n, 3)`, RGB in [0, 1]. Without labels every point has the first colour.

    Example:
        >>> label_colors(np.array([1, 0, 1]), 3).round(2).tolist()
        [[0.12, 0.44, 0.71], [0.82, 0.29, 0.36], [0.12, 0.44, 0.71]]
    """
    n = checks.whole("n", n, low=0)
    colors = np.array([to_rgb(color) for color in palette.LABELS])
    return colors[label_numbers(labels, n) % len(colors)]


def label_numbers(labels: np.ndarray | None, n: int) -> np.ndarray:
    """The number of each label `(n,)`, which selects its colour and marker; 0 without labels."""
    if labels is None:
        return np.zeros(n, int)
    labels = checks.labels("labels", labels)
    checks.require_shape("labels", labels, (n,))
    return labels.astype(int) if labels.dtype.kind in "ui" else np.unique(labels, return_inverse=True)[1]


def label_markers(labels: np.ndarray | None, n: int) -> list[str]:
    """Matplotlib's sign of each label's marker, as in the explorer.

    Labels of one colour have different markers, up to the seventieth label.

    Example:
        >>> label_markers(np.array([0, 1, 10]), 3)
        ['o', '^', '^']
    """
    signs = [MARKERS[shape] for shape in palette.LABEL_SHAPES]
    return [signs[number % len(signs)] for number in label_numbers(labels, checks.whole("n", n, low=0)).tolist()]


def series_styles(names: Iterable[str]) -> dict[str, SeriesStyle]:
    """A colour and a marker for each of several series, a pair that no other one of the first 70 has.

    All panels of a figure take the styles of all series, so that a series that one panel lacks changes no other one.

    Args:
        names: of the series, which have the colours and markers of the labels 0, 1, …

    Example:
        >>> styles = series_styles([str(i) for i in range(11)])
        >>> styles["0"].color == styles["10"].color, styles["0"].marker, styles["10"].marker
        (True, 'o', '^')
    """
    colors, shapes = palette.LABELS, palette.LABEL_SHAPES
    return {
        name: SeriesStyle(to_rgb(colors[i % len(colors)]), MARKERS[shapes[i % len(shapes)]])
        for i, name in enumerate(names)
    }


def marker_paths(labels: np.ndarray | None, n: int) -> list[Path]:
    """The path of each point's marker, for `PathCollection.set_paths`."""
    styles = {sign: MarkerStyle(sign) for sign in MARKERS.values()}
    paths = {sign: style.get_path().transformed(style.get_transform()) for sign, style in styles.items()}
    return [paths[sign] for sign in label_markers(labels, n)]


def label_keys(
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
    max_keys: int = MAX_LEGEND_KEYS,
    max_characters: int = MAX_LEGEND_CHARACTERS,
) -> list[Line2D]:
    """Handles of a legend: a marker for every label that occurs; if they are too many, the last line is their number.

    Args:
        labels: `(n,)`.
        class_names: names of the labels 0, 1, …; default the labels themselves.
        max_keys: maximum number of handles.
        max_characters: maximum length of a name; a longer one is cut in the middle. Where this makes names equal, the
            labels precede them.

    Example:
        >>> [key.get_label() for key in label_keys(np.array([3, 0, 3]))]
        ['0', '3']
        >>> [key.get_label() for key in label_keys(np.array([1, 0, 1]), ["cat", "dog"])]
        ['cat', 'dog']
    """
    present = np.unique(checks.labels("labels", labels))
    max_keys = checks.whole("max_keys", max_keys, low=2)
    n_shown = len(present) if len(present) <= max_keys else max_keys - 1
    names = _names(present[:n_shown], class_names, max_characters)
    colors, signs = label_colors(present, len(present)), label_markers(present, len(present))
    keys = [
        Line2D([], [], marker=sign, linestyle="", color=color, label=_legend_text(name))
        for name, color, sign in zip(names, colors, signs, strict=False)  # the colours of all, the names of some
    ]
    if n_shown < len(present):
        keys.append(Line2D([], [], linestyle="", label=f"and {len(present) - n_shown:,} others"))
    return keys


def _names(present: np.ndarray, class_names: Sequence[str] | None, max_characters: int) -> list[str]:
    named = dict(enumerate(class_names or ()))
    shown = present.tolist()
    names = [shortened(str(named.get(label, label)), max_characters) for label in shown]
    if len(set(names)) < len(names):
        names = [f"{label}: {name}" for label, name in zip(shown, names, strict=True)]
    return names


def _legend_text(name: str) -> str:
    """Matplotlib leaves names that begin with an underscore out of legends."""
    return f" {plain(name)}" if name.startswith("_") else plain(name)


def names_at_medians(
    ax: Axes,
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
    occupied: Sequence[tuple[float, float]] = (),
) -> list[Text]:
    """The name of each label at the median of its points; names that would overlap are moved apart.

    Args:
        ax: to draw on; its view is a square.
        points: `(n, 2)`, in data units.
        labels: `(n,)`. Of more than 12 labels, none is named.
        class_names: as in `label_keys`.
        occupied: centres of short texts that are drawn already, in data units.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> _ = ax.set(xlim=(-3, 3), ylim=(-3, 3))
        >>> [name.get_text() for name in names_at_medians(ax, np.eye(2), np.array([0, 1]), ["cat", "dog"])]
        ['cat', 'dog']
    """
    present = np.unique(labels)
    if not 1 < len(present) <= MAX_NAMED_CLASSES:
        return []
    names = [plain(name) for name in _names(present, class_names, MAX_LEGEND_CHARACTERS)]
    medians = np.array([np.median(points[labels == label], axis=0) for label in present])
    center, limit = np.array([np.mean(ax.get_xlim()), np.mean(ax.get_ylim())]), 0.5 * float(np.ptp(ax.get_xlim()))
    box = ax.get_window_extent()
    unit = 2 * limit / (LAYOUT_SHRINKAGE * min(box.width, box.height) * 72 / ax.figure.dpi)  # per point
    widths = [_width(name) for name in names] + [_width("3σ")] * len(occupied)
    sizes = unit * (np.column_stack([widths, np.full(len(widths), NAME_POINTS)]) + NAME_MARGIN_POINTS)
    centers = np.concatenate([medians, np.reshape(occupied, (-1, 2))]) - center
    placed = center + _separated(centers, sizes, limit, len(names))
    outline = [patheffects.withStroke(linewidth=2.5, foreground="white")]
    style: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": NAME_POINTS,
        "fontweight": "bold",
        "color": palette.TITLE,
    }
    return [
        ax.text(x, y, name, path_effects=outline, zorder=6, **style)
        for (x, y), name in zip(placed.tolist(), names, strict=False)
    ]


def share_at_own_median(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points that are nearer to the median of their own label than to that of any other.

    It is 1 for separate clusters, and near 1 / labels where all labels lie at the same place. Of more than 12 labels,
    which are not named, it is not computed: 0.

    Args:
        points: `(n, 2)`.
        labels: `(n,)`.

    Example:
        >>> share_at_own_median(np.array([[0.0, 0.0], [0.1, 0.0], [2.0, 2.0]]), np.array([0, 0, 1]))
        1.0
    """
    present, own = np.unique(labels, return_inverse=True)
    if len(present) > MAX_NAMED_CLASSES:
        return 0.0
    medians = np.array([np.median(points[labels == label], axis=0) for label in present])
    distances = np.linalg.norm(points[:, None] - medians, axis=2)  # (n, labels)
    return float(np.mean(distances.argmin(axis=1) == own.ravel()))


def _width(name: str) -> float:
    """The width of a bold name in points."""
    return BOLD_WIDTH * float(TextPath((0, 0), name or " ", size=NAME_POINTS).get_extents().width)


def _separated(centers: np.ndarray, sizes: np.ndarray, limit: float, n_movable: int) -> np.ndarray:
    """Centres of boxes, relative to that of the view, moved until the first `n_movable` are apart and within it."""
    centers = centers.astype("float64") + 1e-6 * np.arange(len(centers))[:, None]  # equal centres have a direction
    room = np.maximum(limit - sizes[:n_movable] / 2, 0)
    for _ in range(N_SEPARATION_STEPS):
        shift = np.zeros_like(centers)
        for i in range(n_movable):
            apart = centers[i] - centers
            overlap = (sizes[i] + sizes) / 2 - np.abs(apart)
            overlap[i] = 0
            for j in np.flatnonzero((overlap > 0).all(axis=1)):
                axis = int(overlap[j].argmin())
                share = 0.5 if j < n_movable else 1.0
                shift[i, axis] += share * overlap[j, axis] * np.sign(apart[j, axis])
        if not shift.any():
            break
        centers += shift
        centers[:n_movable] = np.clip(centers[:n_movable], -room, room)
    return centers
