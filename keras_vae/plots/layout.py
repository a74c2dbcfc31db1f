"""Figure scaffolding shared by the figure modules: grids of axes, headings, frames, row names, saving."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from scipy import stats

from keras_vae._utils import checks, palette
from keras_vae._utils.files import atomic
from keras_vae.plots import visuals

MAX_PANELS = 1_000  # of a figure
MAX_IMBALANCE_CHARACTERS = 4  # by which a line may exceed the mean
NOTE_POINTS = 9  # size of the note below a title
TITLE_CHARACTERS, NOTE_CHARACTERS = 9.5, 14  # that fit into an inch
RELATIVE_HEIGHTS = 0.45, 1.6  # of the images of a figure
TICKS_Z = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)  # of a latent unit, on the scale of the prior's quantiles
WIDTH = 10.5  # inches, of the widest figures: at 840 pixels their smallest text has 9 pixels


def save(figure: Figure, path: Path) -> Path:
    """Writes a figure in the package's style; the file takes its name when it is complete. Returns the path."""
    with atomic(path) as temporary, visuals.style():
        figure.savefig(temporary)
    return path


def columns(n: int, most: int = 3) -> int:
    """The number of columns for `n` panels, at most `most`, that leaves the fewest places in the last row empty.

    Example:
        >>> [columns(n) for n in (1, 2, 3, 4, 5, 6)]
        [1, 2, 3, 2, 3, 3]
    """
    n, most = checks.whole("n", n, high=MAX_PANELS), checks.whole("most", most, low=2, high=MAX_PANELS)
    return min(range(2, most + 1), key=lambda count: (-n % count, -count)) if n > 1 else 1


def panels(n: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure with `n` axes in a grid, row by row; the last row may be incomplete.

    Args:
        n: number of axes, at least 1.
        columns: of the grid.
        size: width and height of one cell, in inches.

    Returns:
        The figure and its `n` axes.

    Example:
        >>> figure, axes = panels(3, 2, (4.0, 3.0))
        >>> len(axes), figure.get_size_inches().tolist()
        (3, [8.0, 6.0])
    """
    n, columns = checks.whole("n", n, high=MAX_PANELS), checks.whole("columns", columns, high=MAX_PANELS)
    size = tuple(checks.array("size", size, (2,), low=0.1, high=100).tolist())
    rows = -(-n // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[n:]:
        ax.remove()
    return figure, list(axes[:n])


def parts(figure: Figure, rows: int = 1, columns: int = 1) -> list[SubFigure]:
    """The subfigures of a grid, row by row."""
    rows, columns = checks.whole("rows", rows, high=MAX_PANELS), checks.whole("columns", columns, high=MAX_PANELS)
    return list(figure.subfigures(rows, columns, squeeze=False).ravel())


def heading(figure: Figure | SubFigure, text: str, note: str = "") -> Text:
    """A bold heading at the upper left of a figure or subfigure, and a note below everything else."""
    if note:
        lines = [wrapped(line, round(NOTE_CHARACTERS * _width(figure))) for line in note.splitlines()]
        figure.supxlabel("\n".join(lines), fontsize=NOTE_POINTS, color=palette.MUTED)
    return figure.suptitle(_title_lines(figure, text), x=0.01, ha="left", fontweight="bold")


def add_note(figure: Figure, text: str) -> Text | None:
    """Adds lines below everything else in a figure, after those that it has; returns None for an empty text."""
    if not text:
        return None
    lines = [line for line in (figure.get_supxlabel(), wrapped(text, round(NOTE_CHARACTERS * _width(figure)))) if line]
    return figure.supxlabel("\n".join(lines), fontsize=NOTE_POINTS, color=palette.MUTED)


def title(ax: Axes, text: str, note: str) -> tuple[Text, Text]:
    """A bold title with a line of explanation below it."""
    below = ax.annotate(
        note, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=NOTE_POINTS
    )
    return ax.set_title(_title_lines(ax.figure, text), pad=NOTE_POINTS + 12), below


def _title_lines(figure: Figure | SubFigure, text: str) -> str:
    """A bold title in as many lines as the width of a figure needs."""
    return wrapped(text, max(1, round(TITLE_CHARACTERS * _width(figure))))


def _width(figure: Figure | SubFigure) -> float:
    """Inches."""
    return figure.bbox.width / figure.dpi


def relative_height(height: int, width: int) -> float:
    """Height over width of an image, within what a figure that is made for square images allows.

    Args:
        height, width: in pixels.

    Example:
        >>> relative_height(30, 20), relative_height(4, 90)
        (1.5, 0.45)
    """
    return float(np.clip(checks.whole("height", height) / checks.whole("width", width), *RELATIVE_HEIGHTS))


def subtitle(ax: Axes, text: str) -> Text:
    """The title of one panel of several, in regular weight."""
    return ax.set_title(text, fontweight="normal", fontsize=10)


def wrapped(text: str, characters: int) -> str:
    """Text in lines of at most so many characters and of similar lengths, where words permit.

    Example:
        >>> wrapped("samples from a Gaussian fitted to the codes", 40)
        'samples from a Gaussian\\nfitted to the codes'
    """
    lines = max(1, -(-len(text) // checks.whole("characters", characters)))
    balanced = min(characters, -(-len(text) // lines) + MAX_IMBALANCE_CHARACTERS)
    return "\n".join(textwrap.wrap(text, balanced, break_long_words=False))


def row_name(ax: Axes, text: str) -> Text:
    """A name to the left of a row of images."""
    return ax.text(-0.008, 0.5, text, transform=ax.transAxes, ha="right", va="center", fontsize=9)


def frame(ax: Axes) -> None:
    """A hairline around a grid of images, which separates it from its neighbour."""
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=palette.HAIRLINE)


def signed(values: np.ndarray) -> list[str]:
    """Latent coordinates as text with sign and two decimals.

    Example:
        >>> signed(np.array([-0.9674, 0.0, 0.9674]))
        ['−0.97', '0', '+0.97']
    """
    values = checks.array("values", values, ("n",))
    return ["0" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−") for value in values]


def quantile_ticks(n: int) -> tuple[np.ndarray, list[str]]:
    """Round values of a latent unit on an axis of `n` columns at the prior's quantiles (i + ½) / n.

    Returns:
        Their places, as shares of the axis, and their names. A place is the prior's distribution function of the value.

    Example:
        >>> places, names = quantile_ticks(10)
        >>> places.round(2).tolist(), names
        ([0.07, 0.16, 0.31, 0.5, 0.69, 0.84, 0.93], ['−1.5', '−1', '−0.5', '0', '0.5', '1', '1.5'])
    """
    places = stats.norm.cdf(TICKS_Z)
    margin = 0.5 / checks.whole("n", n)
    shown = [i for i, place in enumerate(places) if margin <= place <= 1 - margin]
    return places[shown], [f"{TICKS_Z[i]:g}".replace("-", "−") for i in shown]
