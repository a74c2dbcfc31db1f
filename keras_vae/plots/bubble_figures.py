"""Pictures of the soap bubbles of several latent spaces, drawn from what `bubbles` measured."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from keras_vae._utils.formatting import number
from keras_vae.measures import BUBBLE_KINDS
from keras_vae.plots import visuals
from keras_vae.plots.study_figures import QUIET, Runs

PRIOR, BUBBLE = "#d1495b", "#333a45"
THICKNESS = 1 / math.sqrt(2)  # standard deviation of the distance from the centre, in many dimensions
SHOWN = 7  # bubbles
CLOUD = 700  # points of each distribution
LEAST = 1e-4  # overlap that is shown


@visuals.style()
def to_scale(runs: Runs) -> Figure:
    """Above, bubbles with their radii and distances to scale; below, one of them and the prior seen along μ.

    The upper row is a cut through the centres: a ring of radius √d and twice the shell's thickness around the origin
    (the prior), and some images' around their codes, whose distances from the origin are true; their directions are
    spread out, since those of many dimensions don't fit into a plane. The lower row magnifies where the mass of both
    is: one coordinate along μ, and the distance from that axis.
    """
    figure = Figure(figsize=(3.3 * len(runs), 5.0), layout="constrained")
    axes = figure.subplots(2, len(runs), squeeze=False, height_ratios=(2.1, 1))
    farthest = max(run.bubbles["codes"]["norm"] for run in runs.values())
    for (name, run), above, below in zip(runs.items(), *axes, strict=True):
        found, norms = run.bubbles, run.arrays("bubbles")["norms"]
        d, norm = found["units"], found["codes"]["norm"]
        _rings(above, d, np.quantile(norms, (np.arange(SHOWN) + 0.5) / SHOWN))
        above.set_title(f"{name}\n√d = {number(math.sqrt(d))}, ‖μ‖ = {number(norm)}", fontsize=10)
        _along_the_mean(below, d, norm, farthest)
        share = _share(found["overlap"]["one"]["median"])
        below.set_title(f"overlap 2Φ(−‖μ‖/2) = {share}", fontsize=10, fontweight="normal")
    axes[1, 0].set_ylabel("distance from that axis, less √d")
    figure.supxlabel("below: coordinate along μ (red: the prior, dark: the bubble of a median image)", fontsize=9)
    return figure


def _share(value: float) -> str:
    """A share in per cent, or a tiny one as a power of ten."""
    return f"{number(100 * value)} %" if value > 1e-6 else f"$10^{{{round(math.log10(value))}}}$"


def _rings(ax, d: int, norms: np.ndarray) -> None:
    radius = math.sqrt(d)
    for i, norm in enumerate(norms):
        angle = 2 * math.pi * (0.382 * i)  # the golden angle: no two directions alike
        _ring(ax, (norm * math.cos(angle), norm * math.sin(angle)), radius, BUBBLE, 0.16)
    _ring(ax, (0, 0), radius, PRIOR, 0.45)
    reach = 1.05 * (radius + max(norms[-1], 1) + THICKNESS)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _ring(ax, center: tuple[float, float], radius: float, color: str, alpha: float) -> None:
    """The shell as a band of twice its thickness; a hairline where that is too thin to be seen."""
    angle = np.linspace(0, 2 * np.pi, 400)
    outer, inner = radius + THICKNESS, max(radius - THICKNESS, 0)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    band = np.concatenate([outer * circle, inner * circle[::-1]]) + center
    ax.fill(*band.T, color=color, alpha=alpha, linewidth=0)
    ax.add_patch(Circle(center, radius, fill=False, edgecolor=color, linewidth=0.7, alpha=min(1, 2 * alpha)))


def _along_the_mean(ax, d: int, norm: float, farthest: float) -> None:
    rng = np.random.default_rng(0)
    for center, color in ((norm, BUBBLE), (0.0, PRIOR)):
        along = center + rng.standard_normal(CLOUD)
        across = (np.sqrt(rng.chisquare(d - 1, CLOUD)) if d > 1 else 0.0) - math.sqrt(d) + np.zeros(CLOUD)
        ax.scatter(along, across, s=5, color=color, alpha=0.5, linewidths=0)
    ax.set(xlim=(-4, farthest + 4), ylim=(-4, 4), aspect="equal")


@visuals.style()
def overlaps(runs: Runs) -> Figure:
    """How much of the prior the bubbles share: by dimension, and by the number of bubbles in the mixture."""
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _by_dimension(left, {name: run.bubbles for name, run in runs.items()})
    for (name, run), color in zip(runs.items(), visuals.label_colors(np.arange(len(runs)), len(runs)), strict=True):
        arrays = run.arrays("bubbles")
        for kind, dash in (("posterior", "-"), ("identity", (0, (2, 2)))):
            label = name if kind == "posterior" else None
            overlap = np.maximum(arrays[f"mixture_{kind}"][:, 0], LEAST)
            right.plot(arrays["sizes"], overlap, color=color, linestyle=dash, label=label)
    right.set(xscale="log", yscale="log", ylim=(LEAST, 1.3), xlabel="training bubbles in the mixture")
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 3, "fontsize": 8}
    right.legend(title="posteriors N(μ, σ²); dashed: N(μ, I)", **below)
    for ax in (left, right):
        ax.grid(axis="y")
    return figure


def _by_dimension(ax, found: dict[str, dict]) -> None:
    """One bubble, all training bubbles, the population. Of several runs with equally many units the first stands in
    the line; the others are squares."""
    line, squares = {}, {}
    for name, one in found.items():
        if one["units"] in line:
            squares[name] = one
        else:
            line[one["units"]] = one
    d, line = np.array(list(line)), list(line.values())
    low, median, high = np.array([[one["overlap"]["one"][k] for k in ("low", "median", "high")] for one in line]).T
    ax.fill_between(d, low, high, color=QUIET, alpha=0.15, linewidth=0)
    ax.plot(d, np.maximum(median, LEAST), color=QUIET, marker="o", label="one bubble N(μ, I): median, quartiles")
    square = {"marker": "s", "fillstyle": "none", "linestyle": ""}
    for name, one in squares.items():
        value = max(one["overlap"]["one"]["median"], LEAST)
        ax.plot(one["units"], value, color=QUIET, label=f"squares: {name}", **square)
    for (kind, name), color in zip(BUBBLE_KINDS.items(), (PRIOR, "#1f6fb4"), strict=True):
        count, _ = list(line[0]["overlap"][kind]["mixture"].items())[-1]
        mixtures = [_of_all_bubbles(one, kind) for one in line]
        ax.errorbar(d, *_bars(mixtures), color=color, marker="o", capsize=3, label=f"{int(count):,} bubbles {name}")
        low, high = ([one["overlap"][kind][end]["value"] for one in line] for end in ("low", "high"))
        between = {"color": color, "alpha": 0.18, "linewidth": 0, "label": "… the population, between bounds"}
        ax.fill_between(d, np.clip(low, LEAST, 1), np.clip(high, LEAST, 1), **between)
        for one in squares.values():
            ax.plot(one["units"], max(_of_all_bubbles(one, kind)["value"], LEAST), color=color, **square)
    ax.set(xscale="log", yscale="log", ylim=(LEAST, 1.3))
    ax.set(xlabel="latent units", ylabel="overlap with N(0, I), 1 − TV")
    ax.text(0.99, 0.01, "on the lower edge: less", transform=ax.transAxes, ha="right", fontsize=8, color=QUIET)
    ax.set_xticks(d, [f"{units:,}" for units in d])
    ax.minorticks_off()
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8)


def _of_all_bubbles(found: dict, kind: str) -> dict:
    return list(found["overlap"][kind]["mixture"].values())[-1]


def _bars(estimates: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Values and the lengths of their error bars; what is below the picture stands on its edge."""
    value, low, high = (np.array([one[key] for one in estimates]) for key in ("value", "low", "high"))
    shown = np.maximum(value, LEAST)
    return shown, np.stack([shown - np.clip(low, LEAST / 10, shown), np.maximum(high - shown, 0)])


@visuals.style()
def codes(runs: Runs) -> Figure:
    """How the means and standard deviations of all posteriors are distributed, a line a run."""
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    names = {"mean": "μ of every unit and test image", "std": "σ of every unit and test image"}
    for ax, (quantity, title) in zip(figure.subplots(1, 2), names.items(), strict=True):
        for name, run in runs.items():
            arrays = run.arrays("bubbles")
            edges, counts = arrays[f"{quantity}_edges"], arrays[f"{quantity}_counts"]
            density = counts / counts.sum() / np.diff(edges)
            # A line through the bins' centres: a staircase of empty ones would fall to the bottom again and again.
            ax.plot(0.5 * (edges[1:] + edges[:-1]), np.where(counts > 0, density, np.nan), label=name, linewidth=1.5)
        ax.set_yscale("log")
        ax.set_title(title, fontweight="normal", fontsize=10)
        ax.grid(axis="y")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=len(runs))
    return figure


@visuals.style()
def radii(runs: Runs) -> Figure:
    """How far from the origin draws come to lie, less √d: the shell has one thickness in all dimensions."""
    figure = Figure(figsize=(3.3 * len(runs), 3.2), layout="constrained")
    colors = {"prior": PRIOR, "aggregate": BUBBLE, "posterior": "#1f6fb4"}
    bins = np.linspace(-6, 6, 61)
    for ax, (name, run) in zip(figure.subplots(1, len(runs), sharey=True, squeeze=False)[0], runs.items(), strict=True):
        found, arrays = run.bubbles["radii"], run.arrays("bubbles")
        for which, color in colors.items():
            label = {"posterior": "one posterior", "aggregate": "aggregate posterior"}.get(which, which)
            distance = np.clip(arrays[f"radius_{which}"] - found["root_d"], -6, 6)
            ax.hist(distance, bins, density=True, histtype="step", color=color, linewidth=1.5, label=label)
        relative = 100 * found["prior"]["std"] / found["root_d"]
        ax.set_title(f"{name}\nthickness {number(relative)} % of the radius", fontsize=10)
        ax.set_xlabel("‖z‖ − √d")
        ax.set_ylim(0, 1.2)
    ax.legend()
    return figure


@visuals.style()
def images(runs: Runs) -> Figure:
    """What is decoded from around each image's code, and from the prior, a column a run."""
    rows = {
        "test image": "images_original",
        "decoded from μ": "images_reconstruction",
        "from N(μ, σ²)": "images_posterior",
        "from N(μ, I)": "images_identity",
        "again": "images_identity_2",
        "and again": "images_identity_3",
        "from N(0, I)": "images_prior",
    }
    figure = Figure(figsize=(5.4 * len(runs) + 1.2, 4.4), layout="constrained")
    parts = np.atleast_1d(figure.subfigures(1, len(runs)))
    for part, (name, run) in zip(parts, runs.items(), strict=True):
        arrays = run.arrays("bubbles")
        columns = len(arrays["images_original"])
        part.suptitle(name, fontsize=11, fontweight="bold")
        for ax, (row, key) in zip(part.subplots(len(rows), 1), rows.items(), strict=True):
            visuals.image_grid(ax, arrays[key][:columns], columns)
            if part is parts[0]:
                ax.text(-0.02, 0.5, row, transform=ax.transAxes, ha="right", va="center", fontsize=9)
    return figure
