"""The rate–distortion plane: reconstruction over KL, with the paths of trainings and lines of equal ELBO."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from keras_vae._utils import checks, palette
from keras_vae._utils.foreign_text import shortened
from keras_vae._utils.formatting import number
from keras_vae.errors import InputError
from keras_vae.plots import layout, visuals
from keras_vae.plots.labels import label_markers
from keras_vae.runs import comparison
from keras_vae.runs.folder import Run

FILE = "rate-distortion.png"
EARLY_SHARE = 0.2  # of a training, whose losses may lie above the view
MAX_NAMED, MAX_NAME_CHARACTERS = 8, 26  # runs that are named beside their ends; others have a legend
MAX_LEGEND_KEYS = 24
N_DIAGONALS = 8
NAME_POINTS = 9
MAX_PUSHES = 300  # of names that overlap


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


def plane(ax: Axes, paths: Mapping[str, np.ndarray]) -> list[Line2D]:
    """Paths in the plane of KL and reconstruction; a line of slope −1 has one ELBO.

    Args:
        ax: to draw on.
        paths: KL and reconstruction, `(n, 2)` nats per image in the order of training, by name. Where the first epochs
            are far above the others, they lie above the view.

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
    ax.set(xlim=limits[0], ylim=limits[1], xlabel="KL, nats per image", ylabel="reconstruction, nats per image")
    _diagonals(ax)
    ends = []
    for i, (name, path) in enumerate(found.items()):
        color = visuals.label_colors(np.array([i]), 1)[0]
        marker = label_markers(np.array([i]), 1)[0]
        ax.plot(*path.T, "-", color=color, linewidth=1.2, alpha=0.7, zorder=2)
        ax.plot(*path[:-1].T, ".", color=color, markersize=3, alpha=0.7, zorder=2)
        style: dict[str, Any] = {"marker": marker, "markersize": 8, "markeredgecolor": "white", "zorder": 4}
        x, y = path[-1].tolist()
        ends += ax.plot([x], [y], color=color, linestyle="", label=visuals.plain(_short(name)), **style)
    if len(found) <= MAX_NAMED:
        _names(ax, ends)
    else:
        n_more = len(found) - MAX_LEGEND_KEYS
        handles = ends[:MAX_LEGEND_KEYS]
        if n_more > 0:
            handles = [*handles, Line2D([], [], linestyle="", label=f"and {n_more:,} others")]
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.1, 0.5), fontsize=9)
    return ends


def _short(name: str) -> str:
    return shortened(name, MAX_NAME_CHARACTERS)


def _limits(paths: Sequence[np.ndarray]) -> np.ndarray:
    """The view, `(2, 2)`: all ends, and the paths without their first epochs."""
    shown = np.concatenate([path[min(int(np.ceil(EARLY_SHARE * len(path))), len(path) - 1) :] for path in paths])
    low, high = shown.min(axis=0), shown.max(axis=0)
    margin = np.maximum(0.08 * (high - low), np.maximum(0.01 * np.abs(high), 0.1))
    left = min(0.0, low[0]) if low[0] < 0.5 * high[0] else low[0] - margin[0]
    # Names are written to the right of the ends.
    return np.array([[left, high[0] + 2.2 * margin[0]], [low[1] - margin[1], high[1] + margin[1]]])


def _diagonals(ax: Axes) -> None:
    """Lines of equal ELBO, named where they meet the upper or the right side of the view."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    style: dict[str, Any] = {"color": palette.MUTED, "fontsize": 8.5, "zorder": 1, "annotation_clip": False}
    for total in MaxNLocator(N_DIAGONALS, steps=[1, 2, 5, 10]).tick_values(left + bottom, right + top):
        x0, x1 = max(left, total - top), min(right, total - bottom)
        if x1 - x0 < 0.04 * (right - left):
            continue
        ax.plot([x0, x1], [total - x0, total - x1], color=palette.HAIRLINE, linewidth=0.9, zorder=0)
        text = f"ELBO {-total:g}".replace("-", "−")
        if total - right > bottom:  # the line leaves through the right side
            ax.annotate(text, (right, total - right), (4, 0), textcoords="offset points", va="center", **style)


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


def finding(paths: Mapping[str, np.ndarray]) -> str:
    """Which path ends at the highest ELBO; of a single one, where it ends.

    Example:
        >>> finding({"a": np.array([[6.0, 145.0]]), "b": np.array([[7.0, 135.0]])})
        'b has the highest ELBO, −142.0 nats per image'
    """
    best, end = min(((name, path[-1]) for name, path in paths.items()), key=lambda pair: pair[1].sum())
    if len(paths) == 1:
        return f"{_short(best)}: KL {number(end[0])}, reconstruction {number(end[1])} nats per image"
    return f"{_short(best)} has the highest ELBO, {number(-end.sum())} nats per image"


@visuals.style()
def figure(groups: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """A plane for each group of runs whose losses can be compared: of one data set and one likelihood.

    Args:
        groups: paths by name, by the title of the group.

    Example:
        >>> drawn = figure({"MNIST": {"a": np.array([[6.0, 145.0]]), "b": np.array([[7.0, 135.0]])}})
        >>> drawn.get_axes()[0].get_title("left")
        'b has the highest ELBO, −142.0 nats per image'
    """
    checks.mapping("groups", groups)
    drawn, axes = layout.panels(len(groups), 1, (8.4, 5.6))
    for ax, (name, paths) in zip(axes, groups.items(), strict=True):
        plane(ax, paths)
        note = f"{visuals.plain(name)}, test data: a dot after each epoch, a marker at the end; lines of equal ELBO"
        layout.title(ax, visuals.plain(finding(paths)), note)
    return drawn


def grouped(runs: Sequence[Run]) -> dict[str, dict[str, np.ndarray]]:
    """The paths of finished runs by data set and likelihood; runs without a KL are left out."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for title, members in comparison.comparable(runs).items():
        group = groups.setdefault(title, {})
        for run in members:
            name = run.path.resolve().name
            group[name if name not in group else str(run.path)] = path_of(run)
    return groups


def draw(folder: str | Path, runs: Sequence[Run]) -> Path:
    """Writes `rate-distortion.png` of the finished runs of a folder, and returns its path.

    Raises:
        InputError: if none of them has a KL.
    """
    groups = grouped(runs)
    if not groups:
        raise InputError(f"runs: expected a finished run with a KL in {folder}; found none; train one first.")
    return layout.save(figure(groups), Path(folder) / FILE)
