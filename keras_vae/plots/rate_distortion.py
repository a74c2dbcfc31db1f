"""The rate–distortion plane: reconstruction over KL, with the paths of trainings and lines of equal ELBO."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from keras_vae._utils import checks, palette
from keras_vae._utils.data_words import worded
from keras_vae._utils.foreign_text import shortened
from keras_vae._utils.formatting import number
from keras_vae.errors import InputError
from keras_vae.plots import layout, visuals
from keras_vae.plots.labels import SeriesStyle, _width, series_styles
from keras_vae.runs import comparison
from keras_vae.runs.folder import Run

FILE = "rate-distortion.png"
EARLY_SHARE = 0.2  # of a training, whose losses may lie above the view
MAX_NAMED, MAX_NAMED_CHARACTERS = 8, 26  # runs that are named beside their ends, of short names; others have a legend
MAX_NAME_CHARACTERS = 52  # in a legend and in a title
MAX_LEGEND_KEYS = 24
N_DIAGONALS = 8
N_NAME_PLACES = 6  # along a line of equal ELBO, for its name within the view
NAME_BOX = ((-0.02, -0.03), (0.18, 0.08))  # around its left end, in shares of the view
NAME_POINTS = 9
MAX_PUSHES = 300  # of names that overlap
NAME_ANGLES = np.radians([0, 180, 45, -45, 135, -135, 90, -90])  # from a marker to its name, in order of preference
NAME_DISTANCES = (6, 12, 20, 30, 42, 56, 72, 90)  # points from a marker to the nearest side of its name
MARKER_BOX_POINTS, NAME_MARGIN_POINTS = 10.0, 2.0
MAX_SAMPLED_POINTS = 40  # of each segment of a curve, which names avoid


def path_of(run: Run) -> np.ndarray:
    """KL and reconstruction of a run on test images after each epoch, and at its end: `(n, 2)`, nats per image.

    A model that was trained elsewhere has its end only.
    """
    test = run.metrics["test"]
    end = np.array([[test["kl"], test["reconstruction"]]])
    if not run.has_history:
        return end
    history = run.history
    return np.concatenate([np.column_stack([history["val_kl"], history["val_reconstruction"]]), end])


def plane(ax: Axes, paths: Mapping[str, np.ndarray], item: str = "image") -> list[Line2D]:
    """Paths in the plane of KL and reconstruction; a line of slope −1 has one ELBO.

    Args:
        ax: to draw on.
        paths: KL and reconstruction, `(n, 2)` nats per image in the order of training, by name. Where the first epochs
            are far above the others, they lie above the view.
        item: what losses are measured on, an image or a row.

    Returns:
        The markers of the ends.

    Example:
        >>> ends = plane(Figure().subplots(), {"a": np.array([[1.0, 200.0], [5.0, 150.0], [6.0, 145.0]])})
        >>> ends[0].get_xdata().tolist(), ends[0].get_ydata().tolist()
        ([6.0], [145.0])
    """
    found = {
        name: checks.array(f"paths[{name!r}]", path, ("n", 2)) for name, path in checks.mapping("paths", paths).items()
    }
    limits = _limits(list(found.values()))
    ax.set(xlim=limits[0], ylim=limits[1], xlabel=f"KL, nats per {item}", ylabel=f"reconstruction, nats per {item}")
    _diagonals(ax, np.array([path[-1] for path in found.values()]))
    styles, shown = series_styles(found), _shown_names(found)
    ends = []
    for name, path in found.items():
        color, marker = styles[name]
        ax.plot(*path.T, "-", color=color, linewidth=1.2, alpha=0.7, zorder=2)
        ax.plot(*path[:-1].T, ".", color=color, markersize=3, alpha=0.7, zorder=2)
        style: dict[str, Any] = {"marker": marker, "markersize": 8, "markeredgecolor": "white", "zorder": 4}
        x, y = path[-1].tolist()
        ends += ax.plot([x], [y], color=color, linestyle="", label=visuals.plain(shown[name]), **style)
    if len(found) <= MAX_NAMED and max(map(len, shown.values())) <= MAX_NAMED_CHARACTERS:
        _names(ax, ends)
    else:
        n_more = len(found) - MAX_LEGEND_KEYS
        handles = ends[:MAX_LEGEND_KEYS]
        if n_more > 0:
            handles = [*handles, Line2D([], [], linestyle="", label=f"and {n_more:,} others")]
        # The space between is in units of the font, since the width of the axes depends on that of the names.
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), borderaxespad=7, fontsize=9)
    return ends


def _shown_names(names: Iterable[str]) -> dict[str, str]:
    """What is written for each name: a long one is cut, unless another one is then equal."""
    cut = {name: shortened(name, MAX_NAME_CHARACTERS) for name in names}
    occurrences = Counter(cut.values())
    return {name: text if occurrences[text] == 1 else name for name, text in cut.items()}


def _limits(paths: Sequence[np.ndarray]) -> np.ndarray:
    """The view, `(2, 2)`: all ends, and the paths without their first epochs."""
    shown = np.concatenate([path[min(int(np.ceil(EARLY_SHARE * len(path))), len(path) - 1) :] for path in paths])
    low, high = shown.min(axis=0), shown.max(axis=0)
    margin = np.maximum(0.08 * (high - low), np.maximum(0.01 * np.abs(high), 0.1))
    left = min(0.0, low[0]) if low[0] < 0.5 * high[0] else low[0] - margin[0]
    # Names are written to the right of the ends.
    return np.array([[left, high[0] + 2.2 * margin[0]], [low[1] - margin[1], high[1] + margin[1]]])


def _diagonals(ax: Axes, markers: np.ndarray) -> None:
    """Lines of equal ELBO, named where they leave through the right side of the view, or within it beside no marker.

    Args:
        ax: to draw on.
        markers: places of the markers, `(n, 2)`.
    """
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    style: dict[str, Any] = {"color": palette.MUTED, "fontsize": 8.5, "zorder": 1, "annotation_clip": False}
    outline = [patheffects.withStroke(linewidth=3, foreground="white")]
    for total in MaxNLocator(N_DIAGONALS, steps=[1, 2, 5, 10]).tick_values(left + bottom, right + top):
        x0, x1 = max(left, total - top), min(right, total - bottom)
        if x1 - x0 < 0.04 * (right - left):
            continue
        ax.plot([x0, x1], [total - x0, total - x1], color=palette.HAIRLINE, linewidth=0.9, zorder=0)
        text = f"ELBO {-total:g}".replace("-", "−")
        if total - right > bottom:  # the line leaves through the right side
            ax.annotate(text, (right, total - right), (4, 0), textcoords="offset points", va="center", **style)
        else:  # within the view: above it is the title, below it the axis
            x = _free_x(
                np.linspace(x0, x1, N_NAME_PLACES + 1)[:-1], total, markers, np.array([right - left, top - bottom])
            )
            place = x, total - x
            va, dy = ("top", -3) if place[1] > top - 0.06 * (top - bottom) else ("bottom", 1)
            ax.annotate(text, place, (4, dy), textcoords="offset points", va=va, path_effects=outline, **style)


def _free_x(candidates: np.ndarray, total: float, markers: np.ndarray, view: np.ndarray) -> float:
    """The first candidate at which the name of a line covers no marker; the very first if it covers one at each.

    Args:
        candidates: left ends of the name.
        total: the negative ELBO of the line.
        markers: places of the markers, `(n, 2)`.
        view: width and height of the view.
    """
    for x in candidates.tolist():
        offsets = (markers - (x, total - x)) / view
        if not ((offsets > NAME_BOX[0]) & (offsets < NAME_BOX[1])).all(axis=1).any():
            return x
    return float(candidates[0])


def _names(ax: Axes, ends: Sequence[Line2D]) -> None:
    """Names beside the ends of the paths, moved apart where they would overlap."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    box = ax.get_window_extent()
    scale = np.array([right - left, top - bottom]) / (np.array([box.width, box.height]) * 72 / ax.figure.dpi)
    places = np.array([np.asarray(line.get_xydata(), "float64")[0] for line in ends])
    widths = [0.62 * NAME_POINTS * len(str(line.get_label())) for line in ends]
    sizes = np.array([[width, 1.4 * NAME_POINTS] for width in widths])
    at_right = places[:, 0] / scale[0] + sizes[:, 0] + 8 < right / scale[0]
    side = np.where(at_right, 1, -1)
    centers = spread(places / scale + np.column_stack([side * (0.5 * sizes[:, 0] + 8), np.zeros(len(ends))]), sizes)
    outline = [patheffects.withStroke(linewidth=3, foreground="white")]
    for line, (x, y) in zip(ends, (centers * scale).tolist(), strict=True):
        style: dict[str, Any] = {"fontsize": NAME_POINTS, "color": line.get_color(), "path_effects": outline}
        ax.text(x, y, str(line.get_label()), ha="center", va="center", zorder=5, **style)


def spread(places: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Centres of boxes moved apart where the boxes overlap.

    Args:
        places: `(n, 2)` centres.
        sizes: `(n, 2)` widths and heights.

    Returns:
        `(n, 2)`.

    Example:
        >>> spread(np.array([[0.0, 0.0], [0.0, 0.1]]), np.ones((2, 2))).round(2).tolist()
        [[0.0, -0.45], [0.0, 0.55]]
    """
    places = np.array(places, "float64")
    for _ in range(MAX_PUSHES):
        moved = False
        for i in range(len(places)):
            for j in range(i):
                gap = places[i] - places[j]
                overlap = 0.5 * (sizes[i] + sizes[j]) - np.abs(gap)
                if (overlap <= 1e-6).any():
                    continue
                axis = int(np.argmin(overlap))
                shift = 0.5 * overlap[axis] * (1 if gap[axis] >= 0 else -1)
                places[i, axis] += shift
                places[j, axis] -= shift
                moved = True
        if not moved:
            break
    return places


@visuals.style()
def ends(
    groups: Mapping[str, Mapping[str, np.ndarray]],
    curves: Mapping[str, Sequence[str]] | None = None,
    max_kl: float = math.inf,
) -> Figure:
    """Where the trainings of several configurations end, a plane for each group: means over seeds with their ranges.

    Args:
        groups: KL and reconstruction of each seed, `(seeds, 2)` nats per image, by configuration, by the title of the
            group.
        curves: by title of the group, the configurations that a line connects, in its order.
        max_kl: where the view ends. A configuration whose mean KL is larger is drawn at the border, with its KL in its
            name.

    Returns:
        A figure whose axes have the markers of the configurations as their last lines, in the order of the groups.

    Example:
        >>> found = {"β = 1": np.array([[20.0, 90.0], [21.0, 89.0]]), "β = 4": np.array([[8.0, 130.0], [8.0, 131.0]])}
        >>> ax = ends({"16 units": found}, {"16 units": ["β = 1", "β = 4"]}).get_axes()[0]
        >>> [line.get_xdata().tolist() for line in ax.lines[-2:]]
        [[20.5], [8.0]]
    """
    curves, max_kl = curves or {}, checks.number("max_kl", max_kl, 0, math.inf, open_low=True)
    found = {
        title: {
            name: checks.array(f"groups[{title!r}][{name!r}]", seeds, ("seeds", 2))
            for name, seeds in checks.mapping(f"groups[{title!r}]", of_group).items()
        }
        for title, of_group in checks.mapping("groups", groups).items()
    }
    for title, names in checks.mapping("curves", curves).items() if curves else ():
        checks.mapping(f"groups[{title!r}]", found.get(title, {}), tuple(names))
    on_curves = {name for names in curves.values() for name in names}
    others = list(dict.fromkeys(name for of_group in found.values() for name in of_group if name not in on_curves))
    styles = series_styles(others)
    drawn, axes = layout.panels(len(found), 1, (8.4, 5.4))
    named = [
        _ends(ax, of_group, list(curves.get(title, ())), styles, max_kl)
        for ax, (title, of_group) in zip(axes, found.items(), strict=True)
    ]
    for ax, title in zip(axes, found, strict=True):
        layout.title(
            ax, visuals.plain(title), "test data: means over seeds, bars over their range; diagonals of equal ELBO"
        )
    drawn.draw_without_rendering()  # names are placed by the size of the axes in the layout
    for ax, markers in zip(axes, named, strict=True):
        _names_beside(ax, markers)
    return drawn


def _ends(
    ax: Axes, seeds: Mapping[str, np.ndarray], curve: Sequence[str], styles: Mapping[str, SeriesStyle], max_kl: float
) -> list[Line2D]:
    """The markers of one plane, whose labels are the names to write."""
    means = {name: values.mean(axis=0) for name, values in seeds.items()}
    inside = [name for name, (kl, _) in means.items() if kl <= max_kl] or list(means)
    all_seeds = np.concatenate(list(seeds.values()))
    limits = _limits([np.concatenate([seeds[name][:1], seeds[name]]) for name in inside])
    if len(inside) < len(seeds):
        margin = 0.04 * np.ptp(all_seeds[:, 1])
        limits[0, 1] = max_kl
        limits[1] = min(limits[1, 0], all_seeds[:, 1].min() - margin), max(limits[1, 1], all_seeds[:, 1].max() + margin)
    ax.set(xlim=limits[0], ylim=limits[1], xlabel="KL, nats per image", ylabel="reconstruction, nats per image")
    _diagonals(ax, np.array(list(means.values())))
    if curve:
        ax.plot(*np.array([means[name] for name in curve]).T, "-", color=palette.MUTED, linewidth=1.4, zorder=2)
    for name, values in seeds.items():
        color = styles[name].color if name in styles else palette.INK
        (x, y), (low, high) = means[name].tolist(), np.array([values.min(axis=0), values.max(axis=0)])
        bars: dict[str, Any] = {"color": color, "linewidth": 1.6, "zorder": 3}
        shown = min(x, limits[0, 1])
        ax.plot([shown, shown], [low[1], high[1]], **bars)
        if name in inside:
            ax.plot([low[0], high[0]], [y, y], **bars)
    markers = []
    for name in seeds:
        x, y = means[name].tolist()
        color, marker = styles.get(name, (palette.INK, "o"))
        label, place = (name, x) if name in inside else (f"{name}: KL {x:.0f} →", limits[0, 1])
        style: dict[str, Any] = {"markersize": 8, "markeredgecolor": "white", "zorder": 4, "clip_on": False}
        markers += ax.plot([place], [y], marker, color=color, label=visuals.plain(label), **style)
    return markers


def _names_beside(ax: Axes, markers: Sequence[Line2D]) -> list[Annotation]:
    """The label of each marker beside it, where it covers no other name, marker or curve; a line leads to a far one."""
    scale = 72 / ax.figure.dpi
    at = [scale * ax.transData.transform(np.asarray(line.get_xydata(), "float64")[0]) for line in markers]
    view = scale * np.asarray(ax.get_window_extent().get_points())
    obstacles = [_box(place, (MARKER_BOX_POINTS, MARKER_BOX_POINTS)) for place in at]
    for line in ax.lines:
        points = np.asarray(line.get_xydata(), "float64")
        if line.get_zorder() == 2:  # a curve
            points = scale * ax.transData.transform(points)
            steps = np.linspace(0, 1, MAX_SAMPLED_POINTS)[:, None]
            for a, b in itertools.pairwise(points):
                obstacles += [_box(point, (3.0, 3.0)) for point in a + steps * (b - a)]
    outline = [patheffects.withStroke(linewidth=3, foreground="white")]
    names = []
    for line, place in zip(markers, at, strict=True):
        size = np.array([_width(str(line.get_label())), 1.5 * NAME_POINTS])
        center, distance = _free_place(place, size, obstacles, view)
        obstacles.append(_box(center, size))
        point = np.asarray(line.get_xydata(), "float64")[0]
        text: dict[str, Any] = {
            "fontsize": NAME_POINTS,
            "color": line.get_color(),
            "path_effects": outline,
            "zorder": 5,
        }
        offset: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}
        name = str(line.get_label())
        names.append(ax.annotate(name, point, tuple(center - place), ha="center", va="center", **offset, **text))
        if distance > NAME_DISTANCES[0]:
            nearest = np.clip(place, *_box(center, size - NAME_MARGIN_POINTS)) - place
            leader = {"arrowstyle": "-", "color": palette.AXIS, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 4}
            ax.annotate("", point, tuple(nearest), arrowprops=leader, **offset)
    return names


def _free_place(
    place: np.ndarray, size: np.ndarray, obstacles: Sequence[np.ndarray], view: np.ndarray
) -> tuple[np.ndarray, float]:
    """The centre of the nearest free box of a size beside a place, and its distance, all in points.

    Args:
        place: `(2,)`.
        size: width and height, `(2,)`.
        obstacles: boxes `((left, bottom), (right, top))` to avoid.
        view: the box to stay within.

    Returns:
        The centre; where no box is free, the one that covers least.
    """
    best, least, at = place, np.inf, 0.0
    taken = np.array(obstacles)
    for distance in NAME_DISTANCES:
        for angle in NAME_ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            center = place + direction * distance + 0.5 * size * np.sign(direction.round(3))
            box = _box(center, size)
            overlaps = np.minimum(box[1], taken[:, 1]) - np.maximum(box[0], taken[:, 0])
            covered = np.prod(np.maximum(overlaps, 0), axis=1).sum()
            covered += 10 * np.maximum([view[0] - box[0], box[1] - view[1]], 0).sum()
            if covered < least - 1e-9:
                best, least, at = center, covered, float(distance)
        if least <= 0:
            break
    return best, at


def _box(center: np.ndarray, size: Sequence[float] | np.ndarray) -> np.ndarray:
    """A box `((left, bottom), (right, top))`."""
    return np.array([center - 0.5 * np.asarray(size), center + 0.5 * np.asarray(size)])


def finding(paths: Mapping[str, np.ndarray], item: str = "image") -> str:
    """Which path ends at the highest ELBO, in nats per `item`; of a single one, where it ends.

    Example:
        >>> finding({"a": np.array([[6.0, 145.0]]), "b": np.array([[7.0, 135.0]])})
        'b has the highest ELBO, −142.0 nats per image'
    """
    best, end = min(((name, path[-1]) for name, path in paths.items()), key=lambda pair: pair[1].sum())
    shown = _shown_names(paths)[best]
    if len(paths) == 1:
        return f"{shown}: KL {number(end[0])}, reconstruction {number(end[1])} nats per {item}"
    return f"{shown} has the highest ELBO, {number(-end.sum())} nats per {item}"


@visuals.style()
def figure(groups: Mapping[str, Mapping[str, np.ndarray]], items: Mapping[str, str] | None = None) -> Figure:
    """A plane for each group of runs whose losses can be compared: of one data set and one likelihood.

    Args:
        groups: paths by name, by the title of the group.
        items: by the title of the group, what its losses are measured on; by default an image.

    Example:
        >>> drawn = figure({"MNIST": {"a": np.array([[6.0, 145.0]]), "b": np.array([[7.0, 135.0]])}})
        >>> drawn.get_axes()[0].get_title("left")
        'b has the highest ELBO, −142.0 nats per image'
    """
    checks.mapping("groups", groups)
    drawn, axes = layout.panels(len(groups), 1, (8.4, 5.6))
    for ax, (name, paths) in zip(axes, groups.items(), strict=True):
        item = (items or {}).get(name, "image")
        plane(ax, paths, item)
        note = f"{visuals.plain(name)}, test data: a dot after each epoch, a marker at the end; lines of equal ELBO"
        layout.title(ax, visuals.plain(finding(paths, item)), note)
    return drawn


def grouped(runs: Sequence[Run]) -> dict[str, dict[str, np.ndarray]]:
    """The paths of finished runs by name, by data set and likelihood; runs without a KL are left out."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for title, members in comparison.comparable(runs).items():
        names = comparison.names(members)
        groups[title] = {name: path_of(run) for name, run in zip(names, members, strict=True)}
    return groups


def draw(folder: str | Path, runs: Sequence[Run]) -> Path:
    """Writes `rate-distortion.png` of the finished runs of a folder, and returns its path.

    Raises:
        InputError: if none of them has a KL.
    """
    groups = grouped(runs)
    if not groups:
        raise InputError(f"runs: expected a finished run with a KL in {folder}; found none; train one first.")
    items = {name: worded("image", members[0].image_shape) for name, members in comparison.comparable(runs).items()}
    return layout.save(figure(groups, items), Path(folder) / FILE)
