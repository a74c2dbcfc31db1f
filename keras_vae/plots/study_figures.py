"""Figures that compare several runs, drawn from the arrays in the run folders."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from keras_vae import diagnostics, geometry
from keras_vae._utils import checks, palette
from keras_vae._utils.data_words import worded
from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN, COLLAPSED_MEAN_VAR
from keras_vae.errors import InputError
from keras_vae.evaluation import tables
from keras_vae.plots import image_grids, layout, space_3d, visuals
from keras_vae.plots import labels as class_labels
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import pictures

Runs = Mapping[str, Run]  # by the name that the figure shows
Draw = TypeVar("Draw", bound=Callable[..., Figure])

UNIT_THRESHOLDS = {  # quantity of a unit: the value that the figure marks with a dashed line
    "kl": None,
    "var_mean": ACTIVE_VAR_MEAN,
    "mean_var": COLLAPSED_MEAN_VAR,
    "total_var": 1.0,  # of q(z) where it equals the prior
    "replacement_loss": None,
}


def of_runs(function: Draw) -> Draw:
    """A decorator of functions that draw runs: the package's style, and a check of the first argument."""

    @functools.wraps(function)
    def checked(runs: Runs, *args: Any, **kwargs: Any) -> Figure:
        if not isinstance(runs, Mapping) or not runs or not all(isinstance(run, Run) for run in runs.values()):
            raise InputError(f"runs: expected at least one Run by its name; received {type(runs).__name__}.")
        with visuals.style():
            return function(runs, *args, **kwargs)

    return cast(Draw, checked)


def save_all(folder: Path, figures: Mapping[str, tuple[Figure, str]]) -> dict[Path, str]:
    """Writes the figures of a study.

    Args:
        folder: of the study; the files go to its `figures/`.
        figures: figure and caption by file stem, in the order of the page.

    Returns:
        The captions by the paths of the files.
    """
    return {
        layout.save(figure, folder / "figures" / f"{name}.png"): caption for name, (figure, caption) in figures.items()
    }


@of_runs
def comparison(runs: Runs) -> Figure:
    """One row per run: codes in a plane, samples from the prior, samples from a Gaussian fitted to the codes."""
    figure = Figure(figsize=(layout.WIDTH, 3.5 * len(runs)), layout="constrained")
    rows = figure.subplots(len(runs), 3, gridspec_kw={"width_ratios": (1.25, 1, 1)}, squeeze=False)
    sources = {"images": "N(0, I)", "moment_matched": "a Gaussian fitted to the codes"}
    for (name, run), (left, *others) in zip(runs.items(), rows, strict=True):
        visuals.latent_plane(left, *_codes(run, 2), run.class_names, not run.has_learned_prior)
        left.set_title(name)
        samples = run.arrays("samples")
        for ax, (key, source) in zip(others, sources.items(), strict=True):
            visuals.image_grid(ax, pictures(run, samples[key]), 10, gap=2)
            layout.frame(ax)
            layout.subtitle(ax, layout.wrapped(f"samples, z from {source}", 32))
    return figure


@of_runs
def dynamics(runs: Runs) -> Figure:
    """Loss, reconstruction and KL over epochs: one panel per quantity, one line per run; dashed on test images.

    A run has one colour and one marker in all panels; no two of the first 70 runs have both in common.
    """
    figure, axes = layout.panels(3, 3, (layout.WIDTH / 3, 3.4))
    unit = worded("nats per image", next(iter(runs.values())).image_shape)
    styles = class_labels.series_styles(runs)
    colors = {name: style.color for name, style in styles.items()}
    markers = {name: style.marker for name, style in styles.items()}
    for ax, (key, title) in zip(
        axes, {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL"}.items(), strict=True
    ):
        histories = {name: run.history for name, run in runs.items()}
        for name, history in histories.items():
            if key in history:
                lines = {name: history[key], f"test {name}": history[f"val_{key}"]}
                visuals.curves(ax, history["epoch"], lines, unit, colors, markers)
        visuals.epoch_axis(ax, max((history["epoch"] for history in histories.values()), key=len))
        ax.legend(handles=[line for line in ax.lines if not str(line.get_label()).startswith("test ")])
        layout.subtitle(ax, f"{title} (dashed: test data)")
    return figure


@of_runs
def planes(runs: Runs) -> Figure:
    """The codes of each run: of two units in their plane, of more units on their two principal components."""
    figure, axes = layout.panels(len(runs), 2, (layout.WIDTH / 2, 4.7))
    for ax, (name, run) in zip(axes, runs.items(), strict=True):
        encodings = run.arrays("encodings")
        mean, labels = geometry.flat(encodings["mean"]), encodings.get("labels")
        if mean.shape[1] == 2:
            visuals.latent_plane(ax, mean, labels, (0, 1), run.class_names, not run.has_learned_prior)
        else:
            visuals.principal_scatter(ax, mean, labels, run.class_names, not run.has_learned_prior)
        ax.set_title(name)
    return figure


@of_runs
def interpolations(runs: Runs, pairs: int = 3) -> Figure:
    """Interpolation paths between the same pairs of test images, two runs in a row."""
    rows = -(-len(runs) // 2)
    figure = Figure(figsize=(layout.WIDTH, (1.0 * pairs + 0.4) * rows), layout="constrained")
    for (name, run), part in zip(runs.items(), layout.parts(figure, rows, 2), strict=False):
        layout.heading(part, name)
        paths = {kind: pictures(run, images) for kind, images in run.arrays("interpolation").items()}
        visuals.interpolations(part, paths, pairs)
    return figure


@visuals.style()
def drawn_from(rows: Mapping[str, np.ndarray], columns: int = 20) -> Figure:
    """Rows of images with names.

    Args:
        rows: images `(n, height, width[, channels])` by the row's name; the first `columns` of them are drawn.
        columns: maximum number of images in a row.

    Example:
        >>> figure = drawn_from({"test image": np.zeros((5, 8, 8)), "reconstruction": np.ones((5, 8, 8))}, columns=5)
        >>> [ax.texts[0].get_text() for ax in figure.get_axes()]
        ['test image', 'reconstruction']
    """
    columns = checks.whole("columns", columns, high=image_grids.MAX_COLUMNS)
    checks.mapping("rows", rows)
    figure = Figure(figsize=(min(0.5 * columns + 2.2, layout.WIDTH), 0.52 * len(rows) + 0.2), layout="constrained")
    for ax, (name, images) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows.items(), strict=True):
        visuals.image_grid(ax, images[:columns], columns)
        layout.row_name(ax, name)
    return figure


@of_runs
def originals_and_reconstructions(runs: Runs) -> Figure:
    """Test images, and below them the reconstructions of each run."""
    first = next(iter(runs.values()))
    original = worded("test image", first.image_shape)
    rows = {original: pictures(first, first.arrays("reconstructions")["originals"])}
    rows |= {name: pictures(run, run.arrays("reconstructions")["images"]) for name, run in runs.items()}
    return drawn_from(rows, len(rows[original]))


@of_runs
def spaces(runs: Runs) -> Figure:
    """The codes of the three units that vary most, as a cloud in space."""
    figure = Figure(figsize=(layout.WIDTH, 0.5 * layout.WIDTH - 0.2), layout="constrained")
    for ax, (name, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True):
        mean, labels, units = _codes(run, 3)
        space_3d.Cloud(ax, mean, labels, space_3d.limit(mean), units, not run.has_learned_prior)
        if labels is not None:
            seen = mean @ geometry.view_from(space_3d.AZIMUTH, space_3d.ELEVATION)
            class_labels.names_at_medians(ax, seen[:, :2], labels, run.class_names)
        ax.set_title(name)
    if labels is not None:
        figure.legend(handles=visuals.label_keys(labels, run.class_names), loc="outside right center", title="label")
    return figure


@of_runs
def slices(runs: Runs) -> Figure:
    """Horizontal slices through a space of three units, usually five of 25 decoded images each, for every run."""
    spaced = ConstrainedLayoutEngine(h_pad=0.08)  # between the name of a run and the titles of its slices
    figure = Figure(figsize=(layout.WIDTH, 3.0 * len(runs)), layout=spaced)
    for (name, run), part in zip(runs.items(), layout.parts(figure, rows=len(runs)), strict=True):
        grid = run.arrays("grid_3d")
        side, units = int(grid["side"]), grid["units"]
        layout.heading(part, name)
        decoded = pictures(run, grid["images"])
        images = decoded.reshape(side, side * side, *decoded.shape[1:])
        heights = layout.signed(geometry.prior_quantiles(side)[::-1])
        for ax, slice_images, height in zip(part.subplots(1, side, squeeze=False)[0], images, heights, strict=True):
            visuals.image_grid(ax, slice_images, side)
            layout.frame(ax)
            layout.subtitle(ax, f"unit {units[2]} = {height}")
        text = (
            f"in each slice, at the prior's quantiles: unit {units[0]} increases to the right, unit {units[1]} upwards"
        )
        part.supxlabel(text, fontsize=9, color=palette.MUTED)
    return figure


@of_runs
def blocks(runs: Runs) -> Figure:
    """3⁴ = 81 images decoded on a grid in four units: two units select the block, two the position within it."""
    spaced = ConstrainedLayoutEngine(w_pad=0.1)  # between the axis names of neighbours
    figure = Figure(figsize=(layout.WIDTH, layout.WIDTH / len(runs)), layout=spaced)
    for ax, (name, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True):
        grid = run.arrays("grid_4d")
        image_blocks(ax, pictures(run, grid["images"]), int(grid["side"]), grid["units"].tolist())
        ax.set_title(name, pad=28)
    return figure


def image_blocks(ax: Axes, images: np.ndarray, side: int, units: Sequence[int]) -> AxesImage:
    """Images decoded on a grid in four units, as blocks of blocks.

    Args:
        ax: to draw on.
        images: `(side⁴, height, width[, channels])`, in the order of `geometry.latent_grid`.
        side: grid points in each unit.
        units: the numbers of the four units.
    """
    images, side = image_grids.checked_images("images", images), checks.whole("side", side)
    checks.require_shape("images", images, (side**4, "height", "width", "…"))
    units = checks.array("units", units, (4,), dtype="int64", low=0).tolist()
    inner = [visuals.tile(block, side) for block in images.reshape(side * side, side * side, *images.shape[1:])]
    gap = min(images.shape[1] // 3, image_grids.MAX_GAP_PIXELS)
    picture = visuals.image_grid(ax, np.stack(inner), side, gap=gap)
    height, width = inner[0].shape[:2]
    for i in range(1, side):
        ax.axvline(i * (width + gap) - (gap + 1) / 2, color=palette.HAIRLINE, linewidth=0.8)
        ax.axhline(i * (height + gap) - (gap + 1) / 2, color=palette.HAIRLINE, linewidth=0.8)
    values = layout.signed(geometry.prior_quantiles(side))
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.set_xticks([i * (width + gap) + width / 2 for i in range(side)], values)
    ax.set_yticks([i * (height + gap) + height / 2 for i in range(side)], values[::-1])
    ax.set(xlabel=f"across blocks: latent unit {units[2]}", ylabel=f"across blocks: latent unit {units[3]}")
    ax.tick_params(length=0)
    top, right = ax.secondary_xaxis("top"), ax.secondary_yaxis("right")
    top.set_xticks(_centers(width, gap, side), values * side)
    right.set_yticks(_centers(height, gap, side), values[::-1] * side)
    top.set_xlabel(f"within a block: latent unit {units[0]}", fontsize=9)
    right.set_ylabel(f"within a block: latent unit {units[1]}", fontsize=9)
    for axis in (top, right):
        axis.tick_params(length=0, labelsize=visuals.SMALL_POINTS)
        axis.spines[:].set_visible(False)
    return picture


def _centers(size: int, gap: int, side: int) -> list[float]:
    """The centres of all images along one side of the picture, in pixels; a block has `size` pixels."""
    step = (size + 1) / side
    return [i * (size + gap) + (j + 0.5) * step for i in range(side) for j in range(side)]


@of_runs
def samples(runs: Runs) -> Figure:
    """A hundred images per run, decoded from draws of the prior."""
    columns = layout.columns(len(runs))
    side = min(layout.WIDTH / columns, layout.WIDTH / 2)
    figure, axes = layout.panels(len(runs), columns, (side, side + 0.15))
    for ax, (name, run) in zip(axes, runs.items(), strict=True):
        visuals.image_grid(ax, pictures(run, run.arrays("samples")["images"]), 10, gap=2)
        layout.frame(ax)
        ax.set_title(name)
    return figure


@visuals.style()
def collapse(name: str, run: Run) -> Figure:
    """Statistics of each latent unit of a run, by decreasing KL (without a density, by variance of the means)."""
    key = "kl" if "kl" in run.evaluation["units"][0] else "var_mean"
    units = sorted(enumerate(run.evaluation["units"]), key=lambda unit: -unit[1][key])
    columns = [column for column in UNIT_THRESHOLDS if column in units[0][1]]
    figure = Figure(figsize=(layout.WIDTH, 1.7 + 0.24 * len(units)), layout="constrained")
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    active = np.array([unit["active"] for _, unit in units])
    for ax, column in zip(axes, columns, strict=True):
        values = np.array([unit[column] for _, unit in units], "float64")  # None becomes NaN
        unit_bars(ax, values, active, UNIT_THRESHOLDS[column], logarithmic=column == "var_mean")
        threshold = "" if UNIT_THRESHOLDS[column] is None else f"\n(dashed: {UNIT_THRESHOLDS[column]:g})"
        layout.subtitle(ax, layout.wrapped(tables.UNIT_COLUMNS[column], 20) + threshold)
    axes[0].set_yticks(np.arange(len(units)), [f"unit {i}" for i, _ in units])
    axes[0].set_ylim(len(units) - 0.4, -0.6)
    handles = [
        Patch(facecolor=palette.ACTIVE, edgecolor=palette.ACTIVE, label="active"),
        Patch(facecolor="white", edgecolor=palette.COLLAPSED, label="collapsed"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    layout.heading(figure, name)
    return figure


def unit_bars(
    ax: Axes, values: np.ndarray, active: np.ndarray, threshold: float | None, logarithmic: bool = False
) -> BarContainer:
    """One horizontal bar per unit: filled where the unit is active, hollow where it is collapsed.

    Args:
        ax: to draw on.
        values: `(units,)`.
        active: `(units,)` bool.
        threshold: marked with a dashed line, unless None.
        logarithmic: whether the scale of the values is logarithmic.

    Returns:
        The matplotlib container of the bars.

    Example:
        >>> bars = unit_bars(Figure().subplots(), np.array([0.9, 0.1]), np.array([True, False]), threshold=0.5)
        >>> [round(float(bar.get_width()), 2) for bar in bars]
        [0.9, 0.1]
    """
    values = checks.array("values", values, ("units",), finite=False)
    active = checks.array("active", active, None, low=0, high=1).astype(bool)
    checks.require_shape("active", active, values.shape)
    threshold = None if threshold is None else checks.number("threshold", threshold)
    edges = np.where(active, palette.ACTIVE, palette.COLLAPSED)
    faces = np.where(active, palette.ACTIVE, "white")
    lengths = np.maximum(values, 1e-7) if logarithmic else values
    bars = ax.barh(np.arange(len(values)), lengths, color=faces, edgecolor=edges, linewidth=1, height=0.72)
    if logarithmic:
        ax.set_xscale("log")
        ax.set_xlim(min(1e-4, values[values > 0].min(initial=1e-4) / 2), None)
    if threshold is not None:
        ax.axvline(threshold, color=palette.MUTED, linewidth=1, linestyle=(0, (4, 4)))
    ax.tick_params(axis="y", length=0)
    return bars


@visuals.style()
def dots(rows: Mapping[str, Mapping[str, np.ndarray]], quantities: Mapping[str, str], columns: int = 4) -> Figure:
    """One panel per quantity, one row per configuration: a dot per seed, a line at their mean.

    Args:
        rows: the values of the seeds by configuration and quantity, `(seeds,)`; NaN where one is missing.
        quantities: the title of the panel by quantity. Where a row holds bounds as well (keys `….low` and `….high`), a
            bar shows them, or a triangle at the lower one where the upper one is NaN.
        columns: panels side by side.

    Returns:
        A figure whose axes have the configurations from top to bottom.

    Example:
        >>> rows = {"β = 1": {"auc": np.array([0.6, 0.8])}, "β = 4": {"auc": np.array([0.5, 0.6])}}
        >>> ax = dots(rows, {"auc": "AUC"}).get_axes()[0]
        >>> [label.get_text() for label in ax.get_yticklabels()], ax.lines[0].get_xdata().tolist()
        (['β = 1', 'β = 4'], [0.6, 0.8])
    """
    checks.mapping("quantities", quantities)
    for name, values in checks.mapping("rows", rows).items():
        checks.mapping(f"rows[{name!r}]", values, tuple(quantities))
        for key in quantities:
            checks.array(f"rows[{name!r}]: {key}", values[key], ("seeds",), finite=False)
    columns = min(checks.whole("columns", columns, high=layout.MAX_PANELS), len(quantities))
    n_rows = -(-len(quantities) // columns)
    figure = Figure(figsize=(layout.WIDTH, (0.9 + 0.21 * len(rows)) * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, columns, sharey=True, squeeze=False).ravel()
    for ax in axes[len(quantities) :]:
        ax.remove()
    for ax, (key, title) in zip(axes, quantities.items(), strict=False):
        ax.margins(x=0.08)
        for y, values in enumerate(rows.values()):
            _dots_of_row(ax, y, values, key)
        found = np.concatenate([np.asarray(values[key], "float64") for values in rows.values()])
        if len(found) and (found == found.round()).all():  # counts, which may all be equal
            ax.set_xlim(found.min() - 0.5, found.max() + 0.5)
            ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        layout.subtitle(ax, layout.wrapped(title, 27))
        ax.grid(axis="y")
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(np.arange(len(rows)), [class_labels.plain(name) for name in rows])
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


def _dots_of_row(ax: Axes, y: int, values: Mapping[str, np.ndarray], key: str) -> None:
    """The seeds of one configuration, their mean, and their bounds."""
    found = np.asarray(values[key], "float64")
    color = palette.AGGREGATE_POSTERIOR
    ax.plot(found, np.full(len(found), y), "o", color=color, markersize=4.5, alpha=0.75, markeredgewidth=0, zorder=3)
    known = found[~np.isnan(found)]
    if len(known):
        ax.plot([known.mean()] * 2, [y - 0.32, y + 0.32], color=palette.INK, linewidth=1.4, zorder=4)
    ends = [np.asarray(values.get(f"{key}.{end}", ()), "float64") for end in ("low", "high")]
    low, high = (end[~np.isnan(end)] for end in ends)
    if len(low) and len(high):
        ax.plot([low.min(), high.max()], [y, y], color=color, linewidth=6, alpha=0.25, solid_capstyle="butt", zorder=2)
    elif len(low):
        ax.plot(low, np.full(len(low), y), ">", color=color, markersize=6, fillstyle="none", zorder=3)
    elif not len(known):
        ax.annotate(
            "not measured", (0.03, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=palette.MUTED
        )


@of_runs
def timelines(runs: Runs) -> Figure:
    """The KL of every unit through training; a cross marks the collapse of a unit that had been active."""
    columns = min(2, len(runs))
    figure, axes = layout.panels(len(runs), columns, (layout.WIDTH / columns, 3.5))
    for ax, (name, run) in zip(axes, runs.items(), strict=True):
        history = diagnostics.UnitHistory(**run.arrays("unit_history"))
        mesh = visuals.unit_timeline(ax, history)
        ax.set_title(name)
    figure.colorbar(mesh, ax=axes, label=visuals.unit_timeline_label(history), extend="both", shrink=0.6)
    return figure


@visuals.style()
def seeds(histories: Mapping[str, Sequence[dict[str, np.ndarray]]]) -> Figure:
    """The test loss over epochs of trainings that differ in the seed, one panel per configuration, on one scale.

    Args:
        histories: `Run.history` of each seed, by the name of the configuration.

    Example:
        >>> history = {"epoch": np.array([1, 2]), "val_loss": np.array([9.0, 4.0])}
        >>> figure = seeds({"784-2": [history, history]})
        >>> figure.get_axes()[0].texts[0].get_text()
        'final 4.0 ± 0.00'
    """
    for name, runs in checks.mapping("histories", histories).items():
        if not isinstance(runs, Sequence) or not runs:
            raise InputError(f"histories[{name!r}]: expected the history of one seed or more; received none.")
        for history in runs:
            found = checks.mapping(f"histories[{name!r}]", history, ("epoch", "val_loss"))
            checks.array(f"histories[{name!r}]: val_loss", found["val_loss"], (len(found["epoch"]),))
    figure = Figure(figsize=(layout.WIDTH, 3.2), layout="constrained")
    axes = figure.subplots(1, len(histories), sharey=True, squeeze=False)[0]
    for ax, (name, runs) in zip(axes, histories.items(), strict=True):
        for history in runs:
            marker = "o" if len(history["epoch"]) == 1 else None
            ax.plot(history["epoch"], history["val_loss"], color=palette.LOSS, alpha=0.6, linewidth=1.2, marker=marker)
        last = [history["val_loss"][-1] for history in runs]
        visuals.epoch_axis(ax, max((history["epoch"] for history in runs), key=len))
        ax.set_title(name, fontsize=10)
        text = f"final {np.mean(last):.1f}" + (f" ± {np.std(last, ddof=1):.2f}" if len(last) > 1 else "")
        ax.text(0.97, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=9)
    losses = [history["val_loss"] for runs in histories.values() for history in runs]
    late = np.concatenate([loss[min(4, len(loss) - 1) :] for loss in losses])  # the first epochs may exceed the view
    if late.max() > late.min():
        lowest = min(loss.min() for loss in losses)
        axes[0].set_ylim(lowest - 0.05 * np.ptp(late), late.max() + 0.3 * np.ptp(late))
    axes[0].set_ylabel("test loss, nats per image")
    return figure


@of_runs
def factors(runs: Runs, values: np.ndarray, names: Sequence[str]) -> Figure:
    """One row per run: its codes in the two units that vary most, coloured by each factor in turn.

    Args:
        runs: by the name that the figure shows.
        values: the factors of the encoded test images, `(n, factors)`.
        names: of the factors, with units.
    """
    values = checks.array("values", values, ("n", len(names)), dtype=None)
    figure = Figure(figsize=(min(3.5 * len(names), layout.WIDTH), 3.6 * len(runs)), layout="constrained")
    for (name, run), part in zip(runs.items(), layout.parts(figure, rows=len(runs)), strict=True):
        layout.heading(part, name)
        mean, _, plane = _codes(run, 2)
        if len(values) < len(mean):
            raise InputError(f"values: expected factors of {len(mean)} test images; received {len(values)}.")
        limit = visuals.view_limit(mean)
        size = visuals.marker_size(len(mean))
        for ax, factor, value in zip(part.subplots(1, len(names)), names, values[: len(mean)].T, strict=True):
            if not run.has_learned_prior:
                visuals.prior_rings(ax, limit)
            points = ax.scatter(*mean.T, s=size, c=value, cmap=palette.FACTOR_MAP, linewidths=0)
            visuals.square_view(ax, limit, plane)
            layout.subtitle(ax, f"coloured by {factor}")
            part.colorbar(points, ax=ax, shrink=0.8)
    return figure


def _codes(run: Run, n: int) -> tuple[np.ndarray, np.ndarray | None, tuple[int, ...]]:
    """Codes in the `n` units that vary most, labels, and the numbers of the units."""
    encodings = run.arrays("encodings")
    mean = geometry.flat(encodings["mean"])
    units = geometry.most_varying_units(mean.var(axis=0), n)
    return mean[:, list(units)], encodings.get("labels"), units
