"""Pictures of an audit: q(z) beside the prior, the likelihood's estimate, what the samplers give."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy import stats

from keras_vae._utils.formatting import number
from keras_vae.diagnostics import radius_density, typicality
from keras_vae.measures import SAMPLERS
from keras_vae.plots import visuals
from keras_vae.plots.study_figures import Runs
from keras_vae.runs.folder import Run

PRIOR, MEASURED, INFORMATION = "#d1495b", "#1f6fb4", "#8d99a6"
COLORS = ("#1f6fb4", "#d1495b", "#3f9a6b", "#8b62b5")
DATA = {"data": "images of the training set"}


@visuals.style()
def posterior(run: Run, title: str) -> Figure:
    """The aggregate posterior beside the prior: marginals, radii, how KL divides, and the estimate of log p(x)."""
    found, arrays = run.evaluation["audit"], run.arrays("audit")
    figure = Figure(figsize=(10.4, 7.4), layout="constrained")
    (marginals, radii), (split, curve) = figure.subplots(2, 2)
    _marginals(marginals, arrays)
    _radii(radii, arrays, found["encodings"]["latent_units"])
    _split(split, found["encodings"]["divergence"])
    _curve(curve, found["likelihood"])
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _marginals(ax, arrays: dict) -> None:
    grid = arrays["marginal_grid"]
    ax.fill_between(grid, stats.norm.pdf(grid), color=PRIOR, alpha=0.18, linewidth=0, label="N(0, 1)")
    for i, (unit, density) in enumerate(zip(arrays["marginal_units"], arrays["marginals"], strict=True), 1):
        ax.plot(grid, density, linewidth=1.2, label=f"unit {unit}", color=f"C{i}")  # C0 is the prior's
    ax.legend(fontsize=8)
    ax.set(xlim=(grid[0], grid[-1]), ylim=(0, None), xlabel="z of the unit")
    ax.set_title("units whose q(z) is furthest from the prior", fontweight="normal", fontsize=10)


def _radii(ax, arrays: dict, units: int) -> None:
    r, density = radius_density(units)
    ax.fill_between(r, density, color=PRIOR, alpha=0.18, linewidth=0, label="prior")
    ax.hist(arrays["radii"], 80, density=True, histtype="step", color=MEASURED, linewidth=1.4, label="q(z)")
    ax.legend(fontsize=8)
    ax.set(ylim=(0, None), xlabel="‖z‖")
    ax.set_title("distance from the origin", fontweight="normal", fontsize=10)


def _split(ax, divergence: dict) -> None:
    """mean KL as a bar, divided where KL(q(z) ‖ p) may end: hatched is what either of the two may be."""
    low, high = divergence["interval"]
    total, most = divergence["mean_kl"], math.log(divergence["images"])
    high = min(high, total)
    pieces = (
        (0, low, PRIOR, "", "at least KL(q(z) ‖ p)"),
        (low, high - low, "white", "////", "either"),
        (high, total - high, INFORMATION, "", "at least I(x; z)"),
    )
    for left, width, color, hatch, label in pieces:
        ax.barh(0, width, left=left, color=color, hatch=hatch, edgecolor=INFORMATION, height=0.5, label=label)
    # The information is read from the right end, where ln N ends its scale.
    if most < total:
        ax.axvline(total - most, color="#333a45", linestyle="--", linewidth=1)
        ax.annotate(f"I = ln {divergence['images']:,}", (total - most, 0.42), fontsize=8, ha="center")
    ax.set(yticks=[], ylim=(-0.6, 0.6), xlim=(0, total * 1.02), xlabel="mean KL(q(z | x) ‖ p), nats")
    ax.legend(fontsize=8, loc="lower center", ncols=3)
    suffix = ": saturated" if divergence["saturated"] else ""
    heading = f"KL(q(z) ‖ p) is {number(low)} … {number(high)} of {number(total)} nats{suffix}"
    ax.set_title(heading, fontweight="normal", fontsize=10)


def _curve(ax, likelihood: dict) -> None:
    samples = [int(k) for k in likelihood["curve"]]
    values = list(likelihood["curve"].values())
    ax.plot(samples, values, "o-", color=MEASURED, markersize=4)
    ax.set_xscale("log")
    ax.set(xlabel="samples K", ylabel="nats per image")
    ax.set_title(
        f"log p̂(x) of {likelihood['images']} test images; K = 1 is the ELBO\n" + _trust(likelihood["unreliable"]),
        fontweight="normal",
        fontsize=10,
    )
    ax.grid(axis="y")


def _trust(unreliable: float | None) -> str:
    if unreliable is None:
        return "too few samples for Pareto's k̂"
    return f"{number(100 * unreliable)} % of images have Pareto k̂ > 0.7"


@visuals.style()
def samplers(run: Run, title: str) -> Figure:
    """New images by where z was drawn from."""
    arrays, found = run.arrays("audit"), run.evaluation["audit"]["samplers"]
    shown = {name: f"z from {text}" for name, text in SAMPLERS.items()} | DATA
    shown = {name: text for name, text in shown.items() if f"samples_{name}" in arrays}
    columns = 3
    figure = Figure(figsize=(4.3 * columns, 4.7 * -(-len(shown) // columns)), layout="constrained")
    axes = figure.subplots(-(-len(shown) // columns), columns, squeeze=False).ravel()
    for ax, (name, text) in zip(axes, shown.items(), strict=False):
        visuals.image_grid(ax, arrays[f"samples_{name}"], 10, gap=2)
        score = found["scores"].get("floor" if name in DATA else name)
        below = "" if score is None else f"\nFréchet distance {number(score['frechet'])}"
        ax.set_title(f"{text}{below}", fontweight="normal", fontsize=10)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


@visuals.style()
def densities(runs: Runs) -> Figure:
    """Of each run of two units: test images in the plane, and q(z) beside N(0, I) on one scale."""
    figure = Figure(figsize=(14, 4.7 * len(runs)), layout="constrained")
    for (name, run), row in zip(runs.items(), figure.subplots(len(runs), 3, squeeze=False), strict=True):
        encodings, arrays = run.arrays("encodings"), run.arrays("audit")
        limit, q = float(arrays["density_limit"]), arrays["density"]
        visuals.latent_scatter(row[0], encodings["mean"], encodings.get("labels"), limit, (0, 1))
        row[0].set_title(name)
        side = np.linspace(-limit, limit, len(q))
        p = stats.norm.pdf(side)[:, None] * stats.norm.pdf(side)
        for ax, density, title in ((row[1], q, "q(z)"), (row[2], p, "N(0, I)")):
            picture = ax.imshow(
                density, origin="lower", extent=(-limit, limit) * 2, cmap="BuPu", vmin=0, vmax=2 * p.max()
            )
            ax.set_title(title, fontweight="normal", fontsize=10)
            ax.set(xlabel="latent unit 0", xticks=row[0].get_xticks(), yticks=[])
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        figure.colorbar(picture, ax=row[1:], label="density", extend="max", shrink=0.9)
    return figure


@visuals.style()
def typical_densities(runs: Runs) -> Figure:
    """How near densities of posterior samples come to a typical sequence's, in the three ways that can be meant.

    The paper's Figure 3, beside what every Gaussian with diagonal covariance gives (lines).
    """
    found = {run.metrics["n_units"]: run.evaluation["audit"]["own_typicality"] for run in runs.values()}
    units = np.array(sorted(found))
    expected = typicality(units=tuple(np.unique(np.geomspace(units[0], units[-1], 12).astype(int)).tolist()))
    titles = {
        "deviation": "|−log q/n − h|, nats a unit:\nan identity of all Gaussians",
        "relative": "the same relative to |h|, median:\ndepends on σ, infinite at σ² = 0.0585",
        "literal": "|q / e^(−nh) − 1|, upper quartile:\nthe density itself does not settle",
    }
    figure = Figure(figsize=(13, 4), layout="constrained")
    for ax, (key, heading) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        if key != "relative":
            line = expected.exact_deviation if key == "deviation" else expected.literal
            ax.plot(expected.units, line, color=INFORMATION, linewidth=1.5, label="any Gaussian")
        ax.plot(units, [found[d][key] for d in units], "o", color=MEASURED, label="trained models")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(units, [str(d) for d in units])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set(xlabel="latent units n")
        ax.set_title(heading, fontweight="normal", fontsize=10)
        ax.grid(axis="y")
        if key != "relative":  # where its dot would pass for a value
            ax.legend(fontsize=8)
    return figure


@visuals.style()
def over_units(series: Mapping[str, Mapping[int, Mapping[str, np.ndarray]]], quantities: Mapping[str, str]) -> Figure:
    """A panel a quantity: its values over the number of latent units, a line a series, a dot a seed.

    Args:
        series: by name, by number of units, by quantity, the values of the seeds.
        quantities: what to draw, and the panel's title; one whose ends are known as well (", low", ", high") gets a
            bar.
    """
    columns = min(3, len(quantities))
    rows = -(-len(quantities) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (quantity, title) in zip(axes, quantities.items(), strict=False):
        for i, (name, by_units) in enumerate(series.items()):
            units, color = np.array(list(by_units)), COLORS[i % len(COLORS)]
            values = np.array([np.mean(found[quantity]) for found in by_units.values()])
            ax.plot(units, values, color=color, linewidth=1.5, label=name)
            for d, found in by_units.items():
                ax.plot(np.full(len(found[quantity]), d), found[quantity], "o", color=color, markersize=3.5)
                _bar(ax, d, found, quantity, color)
        ax.set_xscale("log", base=2)
        ax.set_xticks(sorted({d for by_units in series.values() for d in by_units}))
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.set(xlabel="latent units")
        ax.set_title(title, fontweight="normal", fontsize=10)
        ax.grid(axis="y")
    axes[0].legend(fontsize=8)
    for ax in axes[len(quantities) :]:
        ax.set_axis_off()
    return figure


def _bar(ax, d: int, found: Mapping[str, np.ndarray], quantity: str, color: str) -> None:
    """Between the ends of a quantity, where it has some; an arrow upwards where the upper one isn't known."""
    if f"{quantity}.low" not in found:
        return
    low, high = np.min(found[f"{quantity}.low"]), np.max(found[f"{quantity}.high"])
    if np.isnan(high):
        ax.plot(d, low, "^", color=color, markersize=6, fillstyle="none")
    else:
        ax.plot([d, d], [low, high], color=color, linewidth=4, alpha=0.25)
