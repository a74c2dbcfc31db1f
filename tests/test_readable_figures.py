"""Every figure of the package can be read: colours, sizes and places of texts, labels under colour blindness."""

import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterator

import figure_table
import numpy as np
import pytest
from drawn_runs import CLASS_NAMES, colours, generated_run, rows
from figure_table import REGISTERED, TABLE
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from test_explorer import DICHROMACY, lab_color

from keras_vae import Run
from keras_vae._utils import palette
from keras_vae.plots import audit_figures, bubble_figures, run_figures, seed_figures, study_figures

README_PIXELS = 840  # width of a picture in the README and in the documentation
MIN_TEXT_PIXELS = 9  # height of the font at that width
MIN_COLOR_DISTANCE = 40  # ΔE*ab between labels whose markers have one shape
OVERLAP_PIXELS = 1.5  # by which the boxes of two texts may overlap: they have a margin
CLIP_PIXELS = 3  # by which a box may exceed its edge

COLORS = {"#ffffff", *palette.LABELS} | {value for value in vars(palette).values() if str(value).startswith("#")}
COLOR_MAPS = {"gray_r", palette.DENSITY_MAP, palette.UNIT_KL_MAP, palette.FACTOR_MAP, palette.MAGNIFICATION_MAP}
MEANINGS = {  # the label of an artist: its colour
    "loss": palette.LOSS,
    "reconstruction": palette.RECONSTRUCTION,
    "KL": palette.KL,
    "prior": palette.PRIOR,
    "prior N(0, I)": palette.PRIOR,
    "N(0, 1)": palette.PRIOR,
    "aggregate posterior": palette.AGGREGATE_POSTERIOR,
    "aggregate posterior q(z)": palette.AGGREGATE_POSTERIOR,
    "active": palette.ACTIVE,
    "collapsed": palette.COLLAPSED,
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("drawn")
    found = {str(units): generated_run(folder / str(units), units) for units in (2, 3, 4, 16)}
    found["2 named"] = generated_run(folder / "named", 2, class_names=CLASS_NAMES)
    found["2 colours"] = generated_run(folder / "colours", 2, "c8-r16-32-2", make=colours)
    found["2 rows"] = generated_run(folder / "rows", 2, "12-32-2", make=rows)
    return found


RUN_FIGURES = {f"{name} of a run of {key} units": (name, key) for name, key in REGISTERED}


def registered(name: str, key: str, runs: dict[str, Run]) -> Figure | None:
    """A figure of the registry; None if it does not apply to the run."""
    figure = run_figures.FIGURES[name]
    return figure.draw(runs[key]) if figure.applies(runs[key]) else None


# -- texts ------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)  # every check of a figure asks for them
def visible_texts(figure: Figure) -> list[Text]:
    """The texts that the figure shows; of ticks, those within the axes."""
    of_ticks, shown = set(), []
    for axis in figure.findobj(Axis):
        of_ticks |= {axis.offsetText}
        for tick in (*axis.majorTicks, *axis.minorTicks):
            of_ticks |= {tick.label1, tick.label2}
        if not axis.axes.axison:
            of_ticks.add(axis.label)
        elif axis.get_visible():
            shown += [label for tick in axis._update_ticks() for label in (tick.label1, tick.label2)]
            shown.append(axis.offsetText)
    shown += [text for text in figure.findobj(Text) if text not in of_ticks]
    return [text for text in dict.fromkeys(shown) if text.get_visible() and text.get_text().strip()]


def small_texts(figure: Figure) -> Iterator[str]:
    """Texts of less than nine pixels where the figure is shown at the width of the README."""
    padding = 2 * 0.15  # inches, `savefig.pad_inches` of the style
    width = figure.get_tightbbox(figure.canvas.get_renderer()).width + padding
    for text in visible_texts(figure):
        pixels = text.get_fontsize() / 72 * README_PIXELS / width
        if pixels < MIN_TEXT_PIXELS:
            yield f"{text.get_text()!r} has {pixels:.1f} pixels in a figure of {width:.1f} inches"


def clipped_texts(figure: Figure) -> Iterator[str]:
    """Texts that the edge of the figure or of their axes cuts."""
    renderer = figure.canvas.get_renderer()
    for text in visible_texts(figure):
        box = text.get_window_extent(renderer)
        edges = [figure.bbox.padded(CLIP_PIXELS)]
        edges += (
            [text.get_clip_box().padded(CLIP_PIXELS)] if text.get_clip_on() and text.get_clip_box() is not None else []
        )
        if any(Bbox.union([edge, box]).extents.tolist() != edge.extents.tolist() for edge in edges):
            yield f"{text.get_text()!r} at {box.extents.round()}"


def overlapping_texts(figure: Figure) -> Iterator[str]:
    """Pairs of texts whose boxes overlap."""
    renderer = figure.canvas.get_renderer()
    boxes = [(text, text.get_window_extent(renderer)) for text in visible_texts(figure)]
    for (a, first), (b, second) in itertools.combinations(boxes, 2):
        common = Bbox.intersection(first, second)
        if common is not None and min(common.width, common.height) > OVERLAP_PIXELS:
            yield f"{a.get_text()!r} and {b.get_text()!r}"


def hyphens_as_minus_signs(figure: Figure) -> Iterator[str]:
    """Texts with a number that begins with a hyphen."""
    for text in visible_texts(figure):
        if re.search(r"(^|[\s(])-[\d.]", text.get_text()):
            yield repr(text.get_text())


# -- colours ----------------------------------------------------------------------------------------------------


def hexes(colors) -> set[str]:
    """Colours without their opacity; invisible ones are left out."""
    return {to_hex(color) for color in map(to_rgba, colors) if color[3] > 0}


@functools.lru_cache(maxsize=1)
def used_colors(figure: Figure) -> list[tuple[object, set[str]]]:
    found = []
    bars = [ax for ax in figure.findobj(Axes) if ax.get_label() == "<colorbar>"]
    inside = {id(artist) for ax in bars for artist in ax.findobj()}
    for artist in figure.findobj(lambda artist: artist.get_visible() and id(artist) not in inside):
        if isinstance(artist, Line2D):
            found.append((artist, hexes([artist.get_color()])))
        elif isinstance(artist, Collection) and artist.get_array() is None:
            found.append((artist, hexes(artist.get_facecolor()) | hexes(artist.get_edgecolor())))
        elif isinstance(artist, Patch):
            edge = [artist.get_edgecolor()] if artist.get_linewidth() else []
            found.append((artist, hexes([artist.get_facecolor(), *edge])))
    return found + [(text, hexes([text.get_color()])) for text in visible_texts(figure)]


def foreign_colors(figure: Figure) -> Iterator[str]:
    """Colours and colour maps that the palette does not hold."""
    for artist, colors in used_colors(figure):
        if colors - COLORS:
            yield f"{artist}: {sorted(colors - COLORS)}"
    for artist in figure.findobj(lambda a: isinstance(a, (AxesImage, Collection))):
        values = artist.get_array()
        if values is not None and values.ndim < 3 and artist.get_cmap().name not in COLOR_MAPS:
            yield f"{artist}: {artist.get_cmap().name}"


def wrong_colors(figure: Figure) -> Iterator[str]:
    """Quantities that have not the colour of their meaning."""
    for artist, colors in used_colors(figure):
        label = "" if isinstance(artist, Text) else str(artist.get_label()).removeprefix("test ")
        if label in MEANINGS and MEANINGS[label] not in colors:
            yield f"{label}: {sorted(colors)}"


# -- labels -----------------------------------------------------------------------------------------------------


def marker(key: Line2D) -> tuple:
    """The shape of a marker as the corners of its path."""
    style = key._marker  # the path of a marker has no public accessor
    return tuple(style.get_path().transformed(style.get_transform()).vertices.round(2).ravel())


def legends(figure: Figure) -> list[Legend]:
    return [legend for legend in figure.findobj(Legend) if legend.get_visible()]


def confusable_labels(figure: Figure) -> Iterator[str]:
    """Pairs of keys of a legend that have one shape, and nearly one colour under deuteranopia."""
    for legend in legends(figure):
        keys = [key for key in legend.legend_handles if isinstance(key, Line2D) and key.get_marker() != "None"]
        for a, b in itertools.combinations(keys, 2):
            lab = [lab_color(to_hex(key.get_color()), DICHROMACY["deuteranopia"]) for key in (a, b)]
            near = np.linalg.norm(lab[0] - lab[1]) < MIN_COLOR_DISTANCE
            if near and marker(a) == marker(b) and a.get_fillstyle() == b.get_fillstyle():
                yield f"{a.get_label()} and {b.get_label()}"


CHECKS: tuple[Callable[[Figure], Iterator[str]], ...] = (
    small_texts, clipped_texts, overlapping_texts, hyphens_as_minus_signs, foreign_colors, wrong_colors,
    confusable_labels,
)  # fmt: skip


@pytest.mark.parametrize("name", [*TABLE, *RUN_FIGURES])
def test_a_figure_can_be_read(name, runs):
    figure = TABLE[name](runs) if name in TABLE else registered(*RUN_FIGURES[name], runs)
    if figure is None:
        pytest.skip("the run has not what the figure needs")
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # the places of everything, which are checked
    faults = [f"{check.__name__}: {fault}" for check in CHECKS for fault in dict.fromkeys(check(figure))]
    assert not faults, "\n".join(faults)


def test_every_check_finds_its_fault():
    """A figure in Matplotlib's own style, with every fault that is checked."""
    figure = Figure(figsize=(20, 3))
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.plot([0, 1], color="red", marker="o", label="loss")
    ax.plot([1, 0], color="#fe0000", marker="o", label="b")
    ax.legend()
    for x in (0.5, 0.501):
        ax.text(x, 0.5, "(-3)", transform=ax.transAxes)
    ax.text(-2, 0.5, "outside")
    figure.canvas.draw()
    assert [check.__name__ for check in CHECKS if not list(check(figure))] == []


def test_the_table_holds_every_function_that_returns_a_figure():
    """A figure that is missing in the table is not checked."""
    source = inspect.getsource(figure_table)
    for module in (study_figures, seed_figures, audit_figures, bubble_figures):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            returned = inspect.signature(function).return_annotation
            if function.__module__ == module.__name__ and returned is Figure and name not in ("posterior", "checked"):
                assert f"{module.__name__.rsplit('.', 1)[1]}.{name}(" in source, name
