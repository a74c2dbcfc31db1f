"""Pictures that set several runs beside each other, as a study does; each is drawn from the runs' arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_vae import diagnostics, geometry
from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN, COLLAPSED_MEAN_VAR
from keras_vae.evaluation import tables
from keras_vae.plots import space_3d, visuals
from keras_vae.runs.files import atomic
from keras_vae.runs.folder import Run

Runs = Mapping[str, Run]  # by what to call each

ALIVE, COLLAPSED = "#1f6fb4", "#d1495b"
QUIET, HAIRLINE = "#6b7480", "#d5d9df"


def save_all(folder: Path, shown: Mapping[str, tuple[Figure, str]]) -> dict[Path, str]:
    """Writes the pictures of a study.

    Args:
        folder: of the study; they go to its `figures/`.
        shown: by name, a figure and what it shows, in a reader's order.

    Returns:
        What each shows, by its path.
    """
    drawn = {}
    for name, (figure, text) in shown.items():
        path = folder / "figures" / f"{name}.png"
        with atomic(path) as temporary, visuals.style():
            figure.savefig(temporary)
        drawn[path] = text
    return drawn


@visuals.style()
def comparison(runs: Runs) -> Figure:
    """A row a run: its codes in a plane, new images from the prior, new images from the codes' own Gaussian."""
    figure = Figure(figsize=(13, 4.6 * len(runs)), layout="constrained")
    rows = figure.subplots(len(runs), 3, gridspec_kw={"width_ratios": (1.13, 1, 1)}, squeeze=False)
    for (name, run), (left, *others) in zip(runs.items(), rows, strict=True):
        mean, labels, plane = _codes(run, 2)
        limit = max(geometry.scatter_limit(mean), 2.25)
        visuals.prior_density(left, limit)
        visuals.latent_scatter(left, mean, labels, limit, plane)
        left.set_title(name)
        samples = run.arrays("samples")
        drawn_from = {"images": "N(0, I)", "moment_matched": "a Gaussian like the codes"}
        for ax, (key, source) in zip(others, drawn_from.items(), strict=True):
            visuals.image_grid(ax, samples[key], 10, gap=2)
            _frame(ax)
            _subtitle(ax, f"new images, z from {source}")
    return figure


@visuals.style()
def dynamics(runs: Runs) -> Figure:
    """Loss, reconstruction and KL over epochs, each in a panel with a line a run; dashed on test images."""
    quantities = ("loss", "reconstruction", "kl")
    figure = Figure(figsize=(13, 4), layout="constrained")
    for ax, quantity in zip(figure.subplots(1, 3), quantities, strict=True):
        lines = {}
        for name, run in runs.items():
            history = run.history
            if quantity in history:
                lines |= {name: history[quantity], f"test {name}": history[f"val_{quantity}"]}
        visuals.curves(ax, history["epoch"], lines, "nats per image")
        ax.legend(handles=[line for line in ax.lines if not line.get_label().startswith("test ")])
        _subtitle(ax, f"{quantity} (dashed: test images)")
    return figure


@visuals.style()
def planes(runs: Runs) -> Figure:
    """The codes of each run: of two units as they are, of more on their two principal components."""
    columns = 2
    rows = -(-len(runs) // columns)
    figure = Figure(figsize=(13.5, 6.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (name, run) in zip(axes, runs.items(), strict=False):
        encodings = run.arrays("encodings")
        mean, labels = geometry.flat(encodings["mean"]), encodings.get("labels")
        if mean.shape[1] == 2:
            limit = max(geometry.scatter_limit(mean), 2.25)
            visuals.prior_density(ax, limit)
            visuals.latent_scatter(ax, mean, labels, limit, (0, 1))
        else:
            visuals.principal_scatter(ax, mean, labels)
        ax.set_title(name)
    for ax in axes[len(runs) :]:
        ax.remove()
    return figure


@visuals.style()
def interpolations(runs: Runs, paths: int = 3) -> Figure:
    """The ways between the same pairs of test images, a column a run."""
    figure = Figure(figsize=(6.6 * len(runs), 1.55 * paths + 0.4), layout="constrained")
    for (name, run), part in zip(runs.items(), np.atleast_1d(figure.subfigures(1, len(runs))), strict=True):
        part.suptitle(name, x=0.01, ha="left", fontweight="bold")
        visuals.interpolations(part, run.arrays("interpolation"), paths)
    return figure


@visuals.style()
def drawn_from(rows: Mapping[str, np.ndarray], columns: int = 20) -> Figure:
    """Some images a row, by where they come from.

    Args:
        rows: images `(n, …)` by the row's name; the first `columns` of them are shown.
    """
    figure = Figure(figsize=(0.5 * columns + 2.2, 0.62 * len(rows) + 0.2), layout="constrained")
    for ax, (name, images) in zip(figure.subplots(len(rows), 1), rows.items(), strict=True):
        visuals.image_grid(ax, images[:columns], columns)
        ax.text(-0.008, 0.5, name, transform=ax.transAxes, ha="right", va="center", fontsize=9)
    return figure


@visuals.style()
def spaces(runs: Runs) -> Figure:
    """The codes of three latent units as a cloud in space."""
    figure = Figure(figsize=(6.4 * len(runs) + 0.8, 6.4), layout="constrained")
    for ax, (name, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True):
        mean, labels, units = _codes(run, 3)
        space_3d.Cloud(ax, mean, labels, space_3d.limit(mean), units)
        ax.set_title(name)
    if labels is not None:
        figure.legend(handles=visuals.label_keys(labels), loc="outside right center", title="label")
    return figure


@visuals.style()
def slices(runs: Runs) -> Figure:
    """Five horizontal slices through a space of three units, 25 images each, for every run."""
    figure = Figure(figsize=(13, 3.75 * len(runs)), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08)  # between a run's name and its slices'
    for (name, run), part in zip(runs.items(), np.atleast_1d(figure.subfigures(len(runs), 1)), strict=True):
        grid = run.arrays("grid_3d")
        side, units = int(grid["side"]), grid["units"]
        part.suptitle(name, x=0.01, ha="left", fontweight="bold")
        images = grid["images"].reshape(side, side * side, *grid["images"].shape[1:])
        for ax, slice_images, height in zip(
            part.subplots(1, side), images, geometry.prior_quantiles(side)[::-1], strict=True
        ):
            visuals.image_grid(ax, slice_images, side)
            _frame(ax)
            _subtitle(ax, f"unit {units[2]} = {_signed(height)}")
        part.supxlabel(
            f"in each slice, at the prior's quantiles: unit {units[0]} rises to the right, unit {units[1]} upwards",
            fontsize=9,
            color=QUIET,
        )
    return figure


@visuals.style()
def blocks(runs: Runs) -> Figure:
    """3⁴ = 81 images of four units: two of them choose the block, two the place in it."""
    figure = Figure(figsize=(6.6 * len(runs), 6.9), layout="constrained")
    for ax, (name, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True):
        _blocks(ax, run.arrays("grid_4d"))
        ax.set_title(name, pad=28)
    return figure


def _blocks(ax, grid: dict) -> None:
    side, units, images = int(grid["side"]), grid["units"], grid["images"]
    inner = [visuals.tile(block, side) for block in images.reshape(side * side, side * side, *images.shape[1:])]
    gap = images.shape[1] // 3
    visuals.image_grid(ax, np.stack(inner), side, gap=gap)
    height, width = inner[0].shape[:2]
    for i in range(1, side):  # hairlines between the blocks
        ax.axvline(i * (width + gap) - (gap + 1) / 2, color=HAIRLINE, linewidth=0.8)
        ax.axhline(i * (height + gap) - (gap + 1) / 2, color=HAIRLINE, linewidth=0.8)
    values = [_signed(value) for value in geometry.prior_quantiles(side)]
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.set_xticks([i * (width + gap) + width / 2 for i in range(side)], values)
    ax.set_yticks([i * (height + gap) + height / 2 for i in range(side)], values[::-1])
    ax.set(xlabel=f"the block: latent unit {units[2]}", ylabel=f"the block: latent unit {units[3]}")
    ax.tick_params(length=0)
    for axis, size, names, unit in (("x", width, values, units[0]), ("y", height, values[::-1], units[1])):
        step = (size + 1) / side
        places = [i * (size + gap) + (j + 0.5) * step for i in range(side) for j in range(side)]
        other = ax.secondary_xaxis("top") if axis == "x" else ax.secondary_yaxis("right")
        (other.set_xticks if axis == "x" else other.set_yticks)(places, names * side)
        other.tick_params(length=0, labelsize=7)
        other.spines[:].set_visible(False)
        label = f"within a block: latent unit {unit}"
        other.set_xlabel(label, fontsize=9) if axis == "x" else other.set_ylabel(label, fontsize=9)


@visuals.style()
def samples(runs: Runs) -> Figure:
    """A hundred images a run, decoded from draws of the prior."""
    columns = 2
    rows = -(-len(runs) // columns)
    figure = Figure(figsize=(6 * columns, 6.25 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (name, run) in zip(axes, runs.items(), strict=False):
        visuals.image_grid(ax, run.arrays("samples")["images"], 10, gap=2)
        _frame(ax)
        ax.set_title(name)
    for ax in axes[len(runs) :]:
        ax.remove()
    return figure


REPORT = {  # column of the report: the value to hold it against
    "kl": None,
    "var_mean": ACTIVE_VAR_MEAN,
    "mean_var": COLLAPSED_MEAN_VAR,
    "total_var": 1.0,
    "replacement_loss": None,
}


@visuals.style()
def collapse(name: str, run: Run) -> Figure:
    """What each unit of a run became, the liveliest first."""
    units = tables.by_decreasing_variance(run.evaluation["units"])
    columns = [column for column in REPORT if column in units[0][1]]
    figure = Figure(figsize=(13, 1.5 + 0.27 * len(units)), layout="constrained")
    colors = [ALIVE if unit["active"] else COLLAPSED for _, unit in units]
    places = np.arange(len(units))
    for ax, column in zip(figure.subplots(1, len(columns), sharey=True), columns, strict=True):
        title, line, logarithmic = tables.UNIT_COLUMNS[column], REPORT[column], column == "var_mean"
        values = np.array([unit[column] for _, unit in units])
        ax.barh(places, np.maximum(values, 1e-7) if logarithmic else values, color=colors, height=0.72)
        if logarithmic:
            ax.set_xscale("log")
            ax.set_xlim(min(1e-4, values[values > 0].min() / 2), None)
        if line is not None:
            ax.axvline(line, color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
        _subtitle(ax, title + ("" if line is None else f" (dashed: {line:g})"))
        ax.set_yticks(places, [f"unit {i}" for i, _ in units])
        ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(units) - 0.4, -0.6)
    keys = {"active": ALIVE, "inactive": COLLAPSED}
    handles = [Line2D([], [], marker="s", linestyle="", color=color, label=label) for label, color in keys.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    figure.suptitle(name, x=0.01, ha="left", fontweight="bold")
    return figure


@visuals.style()
def timelines(runs: Runs) -> Figure:
    """The KL of every unit through training, and where a unit died that had been active."""
    rows = -(-len(runs) // 2)
    figure = Figure(figsize=(13, 4.3 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    scale = mpl.colors.LogNorm(1e-3, 5)
    for ax, (name, run) in zip(axes, runs.items(), strict=False):
        history = diagnostics.UnitHistory(**run.arrays("unit_history"))
        drawn = visuals.unit_timeline(ax, history, scale)
        ax.set_title(name)
    for ax in axes[len(runs) :]:
        ax.remove()
    quantity = "Var[μ]" if history.kl is None else "KL, nats"
    figure.colorbar(drawn, ax=list(axes[: len(runs)]), label=quantity, extend="both", shrink=0.6)
    return figure


@visuals.style()
def seeds(
    histories: Mapping[str, Sequence[dict[str, np.ndarray]]],
) -> Figure:
    """The test loss of several trainings of each kind over epochs, all panels to one scale.

    Args:
        histories: `Run.history` of each seed, by the name of the kind.
    """
    quantity = "val_loss"
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    kinds = figure.subplots(1, len(histories), sharey=True)
    for ax, (name, rows) in zip(kinds, histories.items(), strict=True):
        for row in rows:
            ax.plot(row["epoch"], row[quantity], color=ALIVE, alpha=0.6, linewidth=1.2)
        last = [row[quantity][-1] for row in rows]
        ax.grid(axis="y")
        ax.set_xlabel("epoch")
        ax.set_title(name)
        spread = f"at the end {np.mean(last):.1f}" + (f" ± {np.std(last, ddof=1):.2f}" if len(last) > 1 else "")
        ax.text(0.97, 0.95, spread, transform=ax.transAxes, ha="right", va="top", fontsize=9)
    every = np.concatenate([row[quantity] for rows in histories.values() for row in rows])
    late = np.concatenate(
        [row[quantity][min(4, len(row[quantity]) - 1) :] for rows in histories.values() for row in rows]
    )
    if late.max() > late.min():
        kinds[0].set_ylim(every.min() - 0.05 * np.ptp(late), late.max() + 0.3 * np.ptp(late))
    kinds[0].set_ylabel("test loss, nats per image")
    return figure


@visuals.style()
def factors(runs: Runs, values: np.ndarray, names: Sequence[str]) -> Figure:
    """A row a run: its codes in the two units that vary most, coloured by each factor in turn.

    Args:
        runs: by what to call them.
        values: the factors of the encoded test images, `(n, factors)`.
        names: of the factors.
    """
    figure = Figure(figsize=(4.1 * len(names), 3.9 * len(runs)), layout="constrained")
    for (name, run), part in zip(runs.items(), np.atleast_1d(figure.subfigures(len(runs), 1)), strict=True):
        part.suptitle(name, x=0.01, ha="left", fontweight="bold")
        mean, _, plane = _codes(run, 2)
        limit = max(geometry.scatter_limit(mean), 2.25)
        size = np.clip(30_000 / len(mean), 3, 30)
        for ax, factor, value in zip(part.subplots(1, len(names)), names, values[: len(mean)].T, strict=True):
            visuals.prior_rings(ax, limit)
            points = ax.scatter(*mean.T, s=size, c=value, cmap="viridis", linewidths=0)
            visuals.square_view(ax, limit, plane)
            _subtitle(ax, f"coloured by {factor}")
            part.colorbar(points, ax=ax, shrink=0.8)
    return figure


@visuals.style()
def originals_and_reconstructions(runs: Runs) -> Figure:
    """Test images, and below them what each run makes of them."""
    shown = {name: run.arrays("reconstructions") for name, run in runs.items()}
    first = next(iter(shown.values()))["originals"]
    return drawn_from({"test image": first, **{name: arrays["images"] for name, arrays in shown.items()}}, len(first))


def _codes(run: Run, n: int) -> tuple[np.ndarray, np.ndarray | None, tuple[int, ...]]:
    """Codes in the `n` units that vary most, labels, and the units' numbers."""
    encodings = run.arrays("encodings")
    mean = geometry.flat(encodings["mean"])
    units = geometry.most_varying_units(mean.var(axis=0), n)
    return mean[:, list(units)], encodings.get("labels"), units


def _frame(ax) -> None:
    """A hairline around a grid of images, so that it ends where the next one begins."""
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=HAIRLINE)


def _subtitle(ax, text: str) -> None:
    ax.set_title(text, fontweight="normal", fontsize=10)


def _signed(value: float) -> str:
    return "0" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")
