"""Figures of vectors, such as the rows of a table: parallel coordinates."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_vae._utils import checks, palette
from keras_vae._utils.foreign_text import shortened
from keras_vae.plots import layout, visuals

MAX_ROWS = 8  # rows of a table that are drawn
MAX_NAMED = 16  # columns whose names are written
MAX_MARKED = 48  # columns whose values have markers
MAX_NAME_CHARACTERS = 20


@visuals.style()
def parallel_coordinates(
    originals: np.ndarray,
    reconstructions: np.ndarray,
    title: str,
    note: str = "",
    columns: Sequence[str] | None = None,
    value: str = "value",
) -> Figure:
    """A panel for each vector: its values over the columns, solid, and those of its reconstruction, dashed.

    Args:
        originals, reconstructions: `(n, columns)`; the first `MAX_ROWS` are drawn.
        title: heading of the figure.
        note: text below the figure.
        columns: names of the columns; default their numbers.
        value: label of the vertical axis.

    Example:
        >>> figure = parallel_coordinates(np.zeros((3, 5)), np.ones((3, 5)), "a run")
        >>> [len(ax.lines) for ax in figure.get_axes()]
        [2, 2, 2]
    """
    originals = checks.array("originals", originals, ("n", "columns"))[:MAX_ROWS]
    reconstructions = checks.array("reconstructions", reconstructions, ("n", originals.shape[1]))[: len(originals)]
    rows = -(-len(originals) // 2)
    figure = Figure(figsize=(layout.WIDTH, 1.9 * rows + 2.0), layout="constrained")
    axes = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    n, marker = originals.shape[1], "o" if originals.shape[1] <= MAX_MARKED else None
    x = np.arange(n)
    for ax, original, reconstruction in zip(axes.ravel(), originals, reconstructions, strict=False):
        ax.plot(x, original, color=palette.INK, marker=marker, markersize=4, label="test row")
        dashed = {"linestyle": (0, (3, 2)), "marker": marker, "markersize": 4, "fillstyle": "none"}
        ax.plot(x, reconstruction, color=palette.RECONSTRUCTION, label="reconstruction", **dashed)
        ax.grid(axis="y")
    for ax in axes.ravel()[len(originals) :]:
        ax.remove()
    for ax in axes[:, 0]:
        ax.set_ylabel(value)
    for ax in _lowest(axes):
        _name_columns(ax, columns, n)
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    layout.heading(figure, title, note)
    return figure


def _lowest(axes: np.ndarray) -> list[Axes]:
    """The lowest axes of each column of panels; the last panel may be missing."""
    return [[ax for ax in column if ax.figure is not None][-1] for column in axes.T if column[0].figure is not None]


def _name_columns(ax: Axes, columns: Sequence[str] | None, n: int) -> None:
    if columns is not None and n <= MAX_NAMED:
        names = [visuals.plain(shortened(name, MAX_NAME_CHARACTERS)) for name in columns]
        ax.set_xticks(np.arange(n), names, rotation=90)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("column")
    ax.tick_params(labelbottom=True)
