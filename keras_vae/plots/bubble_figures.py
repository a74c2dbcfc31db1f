"""Figures that compare posteriors with the prior in many dimensions, drawn from the results of `evaluation.bubbles`.

A bubble is the shell that holds nearly all mass of N(μ, I) around the code μ of an image: in d units its radius is √d
and its thickness (standard deviation of the distance from μ) nearly 1/√2. The prior N(0, I) has such a shell around
the origin.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from keras_vae._utils import checks, palette
from keras_vae._utils.data_words import worded
from keras_vae._utils.formatting import amount, number
from keras_vae.measures import BUBBLE_KINDS
from keras_vae.plots import layout, visuals
from keras_vae.plots.study_figures import Runs, of_runs
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import pictures

SHELL_STD = 1 / math.sqrt(2)  # standard deviation of the distance from the centre, in many dimensions
N_DRAWN_BUBBLES = 7
N_DRAWN_POINTS = 700  # of each distribution
MIN_OVERLAP = 1e-4  # lower edge of the axes; smaller values are drawn on it
MIN_CONNECTED = 3  # numbers of latent units; fewer are drawn as bars, since a line between two suggests a trend
BAR_POINTS = 9  # width of these bars
SHIFTS = {"identity": 0.83, "posterior": 1.2}  # factors on the number of units, so that error bars stand side by side
MAX_DISTANCE = 6  # of a radius from √d; larger ones are drawn at the edge
DISTANCE_BIN = 0.2
MAX_DENSITY = 1.2  # upper edge, twice the maximum of the prior's density; narrower distributions exceed it
GOLDEN_ANGLE = 0.382  # of a full turn
BUBBLE_MARKER = "^"  # of points of N(μ, I); those of the prior are dots
COLORS = {"identity": palette.UNIT_VARIANCE_POSTERIOR, "posterior": palette.POSTERIOR}
LOG_OVERLAP_AXES = {"xscale": "log", "yscale": "log", "ylim": (MIN_OVERLAP, 1.3)}
BELOW_AXES: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "fontsize": visuals.SMALL_POINTS}


@of_runs
def to_scale(runs: Runs) -> Figure:
    """Bubbles with radii and distances to scale, and below them the prior and one bubble in coordinates along μ.

    The upper row is a cut through the centres: a ring of radius √d and twice the shell's standard deviation around
    the origin (the prior), and around the codes of some images, at their true distances from the origin. Their
    directions are spread evenly, since those of many dimensions don't fit into a plane. The lower row magnifies the
    region that holds the mass of both: the coordinate along μ, and the distance from that axis.
    """
    columns = layout.columns(len(runs))
    blocks = -(-len(runs) // columns)
    figure = Figure(figsize=(layout.WIDTH * columns / 3, 5.0 * blocks), layout="constrained")
    axes = figure.subplots(2 * blocks, columns, squeeze=False, height_ratios=(2.4, 1) * blocks)
    uppers, lowers = axes[::2].ravel(), axes[1::2].ravel()
    for ax in (*uppers[len(runs) :], *lowers[len(runs) :]):
        ax.remove()
    farthest = max(run.bubbles["codes"]["norm"] for run in runs.values())
    for (name, run), upper, lower in zip(runs.items(), uppers, lowers, strict=False):
        found, norms = run.bubbles, run.arrays("bubbles")["norms"]
        d, norm = found["units"], found["codes"]["norm"]
        rings(upper, d, np.quantile(norms, (np.arange(N_DRAWN_BUBBLES) + 0.5) / N_DRAWN_BUBBLES))
        upper.set_title(f"{name}\n√d = {number(math.sqrt(d))}, ‖μ‖ = {number(norm)}", fontsize=10)
        along_mean(lower, d, norm, farthest)
        layout.subtitle(lower, f"overlap 2Φ(−‖μ‖/2) = {_percentage(found['overlap']['one']['median'])}")
        lower.set_xlabel("coordinate along μ")
    for ax in lowers[: len(runs) : columns]:
        ax.set_ylabel("distance from\nthis axis − √d")
    keys = [
        Line2D([], [], marker="o", linestyle="", color=palette.PRIOR, label="prior N(0, I)"),
        Line2D([], [], marker=BUBBLE_MARKER, linestyle="", color=palette.UNIT_VARIANCE_POSTERIOR,
               label="N(μ, I) of test images"),
    ]  # fmt: skip
    figure.legend(handles=keys, loc="outside lower center", ncols=2)
    return figure


def _percentage(share: float) -> str:
    """A share in per cent, or a power of ten where it is tiny."""
    return f"{number(100 * share)} %" if share > 1e-6 else f"$10^{{{round(math.log10(share))}}}$"


def rings(ax: Axes, d: int, norms: np.ndarray) -> list[Circle]:
    """The shells of the prior and of N(μ, I), in a cut through their centres.

    Args:
        ax: to draw on.
        d: number of latent units.
        norms: `(n,)` distances of the codes from the origin, in increasing order.

    Returns:
        The circles of radius √d, the prior's last.

    Example:
        >>> circles = rings(Figure().subplots(), 16, np.array([1.0, 3.0]))
        >>> [circle.radius for circle in circles]
        [4.0, 4.0, 4.0]
    """
    d, norms = checks.whole("d", d), checks.array("norms", norms, ("n",), low=0)
    angles = 2 * np.pi * GOLDEN_ANGLE * np.arange(len(norms))
    centers = np.column_stack([norms * np.cos(angles), norms * np.sin(angles)])
    circles = [_ring(ax, center, math.sqrt(d), palette.UNIT_VARIANCE_POSTERIOR, 0.16) for center in centers]
    circles.append(_ring(ax, np.zeros(2), math.sqrt(d), palette.PRIOR, 0.45))
    limit = 1.05 * (math.sqrt(d) + max(norms[-1], 1) + SHELL_STD)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return circles


def _ring(ax: Axes, center: np.ndarray, radius: float, color: str, alpha: float) -> Circle:
    """A shell as a band of two standard deviations, with a hairline, since a band may be too thin to see."""
    angle = np.linspace(0, 2 * np.pi, 400)
    outer, inner = radius + SHELL_STD, max(radius - SHELL_STD, 0)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    band = np.concatenate([outer * circle, inner * circle[::-1]]) + center
    ax.fill(*band.T, color=color, alpha=alpha, linewidth=0)
    hairline = Circle(tuple(center), radius, fill=False, edgecolor=color, linewidth=0.7, alpha=min(1, 2 * alpha))
    ax.add_patch(hairline)
    return hairline


def along_mean(ax: Axes, d: int, norm: float, farthest: float) -> list:
    """Draws from the prior and from N(μ, I): the coordinate along μ, and the distance from that axis minus √d.

    Args:
        ax: to draw on.
        d: number of latent units.
        norm: ‖μ‖.
        farthest: the largest ‖μ‖ of all panels, which sets the common scale.
    """
    d, norm = checks.whole("d", d), checks.number("norm", norm, low=0)
    farthest = checks.number("farthest", farthest, low=0)
    rng = np.random.default_rng(0)
    drawn = []
    for center, color, marker in ((norm, palette.UNIT_VARIANCE_POSTERIOR, BUBBLE_MARKER), (0.0, palette.PRIOR, "o")):
        along = center + rng.standard_normal(N_DRAWN_POINTS)
        across = np.sqrt(rng.chisquare(d - 1, N_DRAWN_POINTS)) if d > 1 else np.zeros(N_DRAWN_POINTS)
        drawn.append(ax.scatter(along, across - math.sqrt(d), s=5, marker=marker, color=color, alpha=0.5, linewidths=0))
    ax.set(xlim=(-4, farthest + 4), ylim=(-4, 4), aspect="equal")
    return drawn


@of_runs
def overlaps(runs: Runs) -> Figure:
    """The overlap of the bubbles with the prior: by dimension, and by the number of bubbles in the mixture."""
    figure = Figure(figsize=(layout.WIDTH, 6.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    overlap_by_dimension(left, {name: run.bubbles for name, run in runs.items()})
    colors = visuals.label_colors(np.arange(len(runs)), len(runs))
    for (name, run), color in zip(runs.items(), colors, strict=True):
        arrays = run.arrays("bubbles")
        for kind, line in (("posterior", {"label": name}), ("identity", {"linestyle": visuals.DASHED})):
            overlap = np.maximum(arrays[f"mixture_{kind}"][:, 0], MIN_OVERLAP)
            right.plot(arrays["sizes"], overlap, color=color, **line)
    right.set(xlabel="number of training images in the mixture", ylabel="overlap with N(0, I), 1 − TV")
    right.set(**LOG_OVERLAP_AXES)
    right.legend(title="solid: posteriors N(μ, σ²)\ndashed: N(μ, I)", ncols=2, **BELOW_AXES)
    for ax in (left, right):
        ax.grid(axis="y")
    return figure


def overlap_by_dimension(ax: Axes, found: Mapping[str, dict]) -> list[Line2D]:
    """Overlap with the prior of one bubble, of all training bubbles, and of the population, by latent units.

    Args:
        ax: to draw on.
        found: `bubbles.json` of each run. Of several runs with the same number of units, the first belongs to the
            line, and the others are drawn as squares.

    Returns:
        The lines of the mixtures, in the order of `BUBBLE_KINDS`.
    """
    line, squares = {}, {}
    for name, one in checks.mapping("found", found).items():
        checks.mapping(f"found[{name!r}]", one, ("units", "overlap"))
        if one["units"] in line:
            squares[name] = one
        else:
            line[one["units"]] = one
    d, results = np.array(list(line)), list(line.values())
    _one_bubble(ax, d, results, squares)
    lines = [_mixture(ax, kind, d, results, squares) for kind in BUBBLE_KINDS]
    ax.set(xlabel="latent units", ylabel="overlap with N(0, I), 1 − TV")
    ax.set(**LOG_OVERLAP_AXES)
    ax.set_xticks(d, [amount(units) for units in d])
    ax.minorticks_off()
    if len(d) < MIN_CONNECTED:
        ax.margins(x=0.2)
    edge = f"values below {MIN_OVERLAP:g} are drawn on the lower edge"
    ax.legend(title=edge, title_fontsize=visuals.SMALL_POINTS, **BELOW_AXES)
    return lines


SQUARE: dict[str, Any] = {"marker": "s", "fillstyle": "none", "linestyle": "", "clip_on": False}


def _range(ax: Axes, d: np.ndarray, low: Sequence[float], high: Sequence[float], **style: Any) -> None:
    """The ranges from low to high over numbers of units: an area, or a bar for each of few numbers."""
    bottom, top = (np.clip(ends, MIN_OVERLAP, 1) for ends in (low, high))
    if len(d) >= MIN_CONNECTED:
        ax.fill_between(d, bottom, top, linewidth=0, **style)
    else:
        ax.vlines(d, bottom, top, linewidth=BAR_POINTS, **style)


def _one_bubble(ax: Axes, d: np.ndarray, results: Sequence[dict], squares: Mapping[str, dict]) -> None:
    """Overlap of one bubble: median and quartiles over images."""
    low, median, high = np.array([[one["overlap"]["one"][k] for k in ("low", "median", "high")] for one in results]).T
    label = "one bubble N(μ, I): median, quartiles"
    _range(ax, d, low, high, color=palette.INK, alpha=0.15)
    line = "-" if len(d) >= MIN_CONNECTED else ""
    ax.plot(d, np.maximum(median, MIN_OVERLAP), color=palette.INK, marker="o", linestyle=line, label=label)
    if squares:
        values = [max(one["overlap"]["one"]["median"], MIN_OVERLAP) for one in squares.values()]
        label = f"squares: {'; '.join(squares)}"
        ax.plot([one["units"] for one in squares.values()], values, color=palette.INK, label=label, **SQUARE)


def _mixture(ax: Axes, kind: str, d: np.ndarray, results: Sequence[dict], squares: Mapping[str, dict]) -> Line2D:
    """Overlap of the mixture of all training bubbles, and the bounds of the population's."""
    count, _ = list(results[0]["overlap"][kind]["mixture"].items())[-1]
    values, lengths = _error_bars([_largest_mixture(one, kind) for one in results])
    label = f"mixture of {amount(int(count))} bubbles {BUBBLE_KINDS[kind]}"
    style: dict[str, Any] = {"color": COLORS[kind], "linestyle": "-" if len(d) >= MIN_CONNECTED else ""}
    x = d * SHIFTS[kind]
    line, _, _ = ax.errorbar(x, values, lengths, marker="o", capsize=3, label=label, **style)
    low, high = ([one["overlap"][kind][end]["value"] for one in results] for end in ("low", "high"))
    bounds = f"population of bubbles {BUBBLE_KINDS[kind]}, bounds"
    _range(ax, x, low, high, color=COLORS[kind], alpha=0.18, label=bounds)
    for one in squares.values():
        value = max(_largest_mixture(one, kind)["value"], MIN_OVERLAP)
        ax.plot(one["units"] * SHIFTS[kind], value, color=COLORS[kind], **SQUARE)
    return line


def _largest_mixture(found: dict, kind: str) -> dict:
    """The estimate for the mixture with the most bubbles."""
    return list(found["overlap"][kind]["mixture"].values())[-1]


def _error_bars(estimates: Sequence[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Values `(n,)` and lengths of their error bars `(2, n)`; values below the axes are put on the lower edge."""
    value, low, high = (np.array([one[key] for one in estimates]) for key in ("value", "low", "high"))
    drawn = np.maximum(value, MIN_OVERLAP)
    return drawn, np.stack([drawn - np.clip(low, MIN_OVERLAP / 10, drawn), np.maximum(high - drawn, 0)])


@of_runs
def codes(runs: Runs) -> Figure:
    """Distributions of the means and standard deviations of all posteriors, one line per run."""
    figure = Figure(figsize=(layout.WIDTH, 4.0), layout="constrained")
    names = {"mean": "posterior mean μ", "std": "posterior standard deviation σ"}
    for ax, (quantity, xlabel) in zip(figure.subplots(1, 2), names.items(), strict=True):
        for name, run in runs.items():
            arrays = run.arrays("bubbles")
            edges, counts = arrays[f"{quantity}_edges"], arrays[f"{quantity}_counts"]
            density = counts / counts.sum() / np.diff(edges)
            # A line through the centres of the bins: in a staircase each empty bin would fall to the lower edge.
            ax.plot(0.5 * (edges[1:] + edges[:-1]), np.where(counts > 0, density, np.nan), label=name, linewidth=1.5)
        ax.set_yscale("log")
        ax.set(xlabel=xlabel, ylabel="density")
        layout.subtitle(ax, "of all units and all test data")
        ax.grid(axis="y")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=min(4, len(runs)))
    return figure


@of_runs
def radii(runs: Runs) -> Figure:
    """Distances of draws from the origin, minus √d: the shell has one thickness in all dimensions."""
    figure, axes = layout.panels(len(runs), layout.columns(len(runs)), (layout.WIDTH / 3, 3.0))
    sources = {
        "prior": ("prior", palette.PRIOR),
        "aggregate": ("aggregate posterior", palette.AGGREGATE_POSTERIOR),
        "posterior": ("one posterior", palette.POSTERIOR),
    }
    distances = {name: _distances(run, sources) for name, run in runs.items()}
    farthest = max(np.abs(drawn).max() for found in distances.values() for drawn in found.values())
    limit = min(math.ceil(farthest), MAX_DISTANCE)
    bins = np.arange(-limit, limit + DISTANCE_BIN / 2, DISTANCE_BIN)
    for ax, (name, run) in zip(axes, runs.items(), strict=True):
        for key, (label, color) in sources.items():
            drawn = np.clip(distances[name][key], -limit, limit)
            ax.hist(drawn, bins.tolist(), density=True, histtype="step", color=color, linewidth=1.5, label=label)
        found = run.bubbles["radii"]
        relative = 100 * found["prior"]["std"] / found["root_d"]
        ax.set_title(f"{name}\nprior's thickness {number(relative)} % of √d", fontsize=10)
        ax.set(xlabel="‖z‖ − √d", ylabel="density", ylim=(0, MAX_DENSITY))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _distances(run: Run, sources: Iterable[str]) -> dict[str, np.ndarray]:
    """The distances of draws from the origin, minus √d, by source."""
    arrays = run.arrays("bubbles")
    return {source: arrays[f"radius_{source}"] - run.bubbles["radii"]["root_d"] for source in sources}


IMAGE_ROWS = {  # name of the row: array in `bubbles.npz`
    "test image": "images_original",
    "decoded from μ": "images_reconstruction",
    "from N(μ, σ²)": "images_posterior",
    "from N(μ, I), draw 1": "images_identity",
    "draw 2": "images_identity_2",
    "draw 3": "images_identity_3",
    "from N(0, I)": "images_prior",
}


@of_runs
def images(runs: Runs) -> Figure:
    """Images decoded from points around the code of each test image, and from the prior, one column per run."""
    figure = Figure(figsize=(layout.WIDTH, 0.5 + 8.4 / len(runs)), layout="constrained")
    widths = [1.4] + [1.0] * (len(runs) - 1)  # the first column holds the names of the rows
    parts = figure.subfigures(1, len(runs), squeeze=False, width_ratios=widths)[0]
    for part, (name, run) in zip(parts, runs.items(), strict=True):
        arrays = run.arrays("bubbles")
        columns = len(arrays["images_original"])
        axes = part.subplots(len(IMAGE_ROWS), 1)
        axes[0].set_title(name)
        for ax, (row, key) in zip(axes, IMAGE_ROWS.items(), strict=True):
            visuals.image_grid(ax, pictures(run, arrays[key][:columns]), columns)
            if part is parts[0]:
                layout.row_name(ax, worded(row, run.image_shape))
    return figure
