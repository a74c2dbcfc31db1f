"""Figures of an audit: q(z) compared with the prior, the estimate of log p(x), samples by the distribution of z."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.ticker import NullLocator
from scipy import stats

from keras_vae._utils import checks, palette
from keras_vae._utils.data_words import worded
from keras_vae._utils.formatting import amount, number
from keras_vae.diagnostics import GaussianMixture, radius_density, typicality
from keras_vae.errors import InputError
from keras_vae.evaluation.tables import of_prior
from keras_vae.measures import LEARNED_PRIOR, SAMPLER_ARTICLES, SAMPLERS
from keras_vae.plots import labels, layout, visuals
from keras_vae.plots.study_figures import Runs, of_runs
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import pictures

MIN_DRAWN_NATS = 1e-3  # length of the axis of the KL where all units are collapsed
MAX_RADIUS_BINS = 80
DARKEST_SHARE = 0.9  # of a distribution, where its density has a lighter colour than the darkest
TRAINING_IMAGES = {"data": "training images"}  # beside the samplers, for comparison


@visuals.style()
def posterior(run: Run, title: str, note: str = "") -> Figure:
    """The aggregate posterior compared with the prior: marginals, radii, parts of the KL, estimate of log p(x)."""
    audit, arrays, standard = run.evaluation["audit"], run.arrays("audit"), not run.has_learned_prior
    figure = Figure(figsize=(10.4, 7.4), layout="constrained")
    (upper_left, upper_right), (lower_left, lower_right) = figure.subplots(2, 2)
    marginals(upper_left, arrays["marginal_grid"], arrays["marginals"], arrays["marginal_units"], standard)
    radii(upper_right, arrays["radii"], audit["encodings"]["latent_units"], standard)
    kl_parts(lower_left, audit["encodings"]["divergence"])
    likelihood_curve(lower_right, audit["likelihood"], worded("image", run.image_shape))
    layout.heading(figure, title, note)
    return figure


def marginals(
    ax: Axes, grid: np.ndarray, densities: np.ndarray, units: np.ndarray, standard_normal: bool = True
) -> list[Line2D]:
    """Marginal densities q(z_u) of some units over N(0, 1).

    Args:
        ax: to draw on.
        grid: `(points,)` values of z.
        densities: `(units, points)`.
        units: `(units,)` numbers of the units.
        standard_normal: whether N(0, 1) is the prior.

    Example:
        >>> lines = marginals(Figure().subplots(), np.linspace(-3, 3, 7), np.ones((2, 7)), np.array([4, 0]))
        >>> [line.get_label() for line in lines]
        ['unit 4', 'unit 0']
    """
    grid = checks.array("grid", grid, ("points ≥ 2",))
    units = checks.array("units", units, ("units",), dtype="int64", low=0)
    densities = checks.array("densities", densities, (len(units), len(grid)), low=0, finite=False)
    _prior_area(ax, grid, stats.norm.pdf(grid), "N(0, 1)")
    colors = visuals.label_colors(np.arange(len(units)), len(units))
    lines = [
        ax.plot(grid, density, linewidth=1.2, label=f"unit {unit}", color=color)[0]
        for unit, density, color in zip(units, densities, colors, strict=True)
    ]
    ax.legend(fontsize=visuals.SMALL_POINTS)
    ax.set(xlim=(grid[0], grid[-1]), ylim=(0, None), xlabel="z of the unit", ylabel="density")
    reference = "the prior" if standard_normal else "N(0, 1)"
    layout.subtitle(ax, f"units whose marginal q(z) differs most from {reference}")
    return lines


def radii(ax: Axes, values: np.ndarray, n_units: int, standard_normal: bool = True) -> list[Polygon]:
    """The distribution of ‖z‖ under q(z), over that of N(0, I).

    Args:
        ax: to draw on.
        values: `(n,)` distances from the origin of draws from q(z).
        n_units: number of latent units.
        standard_normal: whether N(0, I) is the prior.
    """
    values = checks.array("values", values, ("n",), low=0)
    _prior_area(ax, *radius_density(n_units), "prior N(0, I)" if standard_normal else "N(0, I), not the model's prior")
    _, _, outlines = ax.hist(
        values,
        radius_bins(len(values)),
        density=True,
        histtype="step",
        label="aggregate posterior q(z)",
        color=palette.AGGREGATE_POSTERIOR,
        linewidth=1.4,
    )
    ax.legend(fontsize=visuals.SMALL_POINTS)
    ax.set(ylim=(0, None), xlabel="‖z‖", ylabel="density")
    layout.subtitle(ax, "distance from the origin")
    return cast(list[Polygon], outlines)  # of histtype="step"


def radius_bins(n: int) -> int:
    """The number of bins of a histogram of `n` values: 2 n^(1/3), as in Rice's rule, and at most 80.

    Example:
        >>> radius_bins(600), radius_bins(1_000_000)
        (17, 80)
    """
    return min(MAX_RADIUS_BINS, math.ceil(2 * checks.whole("n", n) ** (1 / 3)))


def _prior_area(ax: Axes, x: np.ndarray, density: np.ndarray, label: str) -> None:
    ax.fill_between(x, density, color=palette.PRIOR, alpha=0.25, linewidth=0, label=label)


def kl_parts(ax: Axes, divergence: Mapping) -> BarContainer:
    """The mean KL as a bar: KL(q(z) ‖ p) + I(x; z), hatched where the bounds leave open which of the two it is.

    Args:
        ax: to draw on.
        divergence: `encodings.divergence` of an audit.
    """
    checks.mapping("divergence", divergence, ("interval", "mean_kl", "images", "saturated"))
    low, high = (max(end, 0.0) for end in divergence["interval"])  # a KL is not negative, its estimates may be
    total, max_information = divergence["mean_kl"], math.log(divergence["images"])
    high = max(low, min(high, total))  # the bounds may cross, by their Monte-Carlo errors
    pieces = (
        (0, low, palette.AGGREGATE_POSTERIOR, "", "KL(q(z) ‖ p), at least"),
        (low, high - low, "white", "////", "either"),
        (high, total - high, palette.MUTUAL_INFORMATION, "", "I(x; z), at least"),
    )
    for left, width, color, hatch, label in pieces:
        style: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": palette.MUTED, "height": 0.5}
        bars = ax.barh(0, width, left=left, label=label, **style)
    if max_information < total:  # I(x; z) is measured from the right end, and at most ln N
        x = total - max_information
        ax.vlines(x, -0.35, 0.35, color=palette.INK, linestyle="--", linewidth=1)
        ax.annotate(
            f"I(x; z) = ln {amount(divergence['images'])}", (x, 0.4), fontsize=visuals.SMALL_POINTS, ha="center"
        )
    ax.set(
        yticks=[], ylim=(-0.6, 0.6), xlim=(0, max(total, MIN_DRAWN_NATS) * 1.02), xlabel="mean KL(q(z | x) ‖ p), nats"
    )
    ax.legend(fontsize=visuals.SMALL_POINTS, loc="lower center", ncols=3)
    suffix = ": saturated" if divergence["saturated"] else ""
    layout.subtitle(ax, f"KL(q(z) ‖ p) is {number(low)} … {number(high)} of {number(total)} nats{suffix}")
    return bars


def likelihood_curve(ax: Axes, likelihood: Mapping, item: str = "image") -> Line2D:
    """The importance-weighted bound on log p(x) over the number of samples K.

    Args:
        ax: to draw on.
        likelihood: `likelihood` of an audit.
        item: what log p(x) is of, an image or a row.

    Example:
        >>> found = {"curve": {"1": -100.0, "10": -98.0}, "infinite_variance": 0.1, "images": 500}
        >>> likelihood_curve(Figure().subplots(), found).get_ydata()
        array([-100.,  -98.])
    """
    checks.mapping("likelihood", likelihood, ("curve", "infinite_variance", "images"))
    samples = [int(k) for k in checks.mapping("likelihood['curve']", likelihood["curve"])]
    (line,) = ax.plot(samples, list(likelihood["curve"].values()), "o-", color=palette.LOSS, markersize=4)
    ax.set_xscale("log")
    ax.set(xlabel="importance samples K", ylabel=f"nats per {item}")
    infinite = likelihood["infinite_variance"]  # as in the conclusion of an evaluation
    if infinite is None:
        reliability = "too few samples for Pareto k̂"
    else:
        reliability = f"{100 * infinite:.0f} % of {item}s have Pareto k̂ > 0.5"
    text = f"log p(x), mean over {amount(likelihood['images'])} of the test data; K = 1: ELBO"
    layout.subtitle(ax, f"{text}\n{reliability}")
    ax.grid(axis="y")
    return line


@visuals.style()
def samplers(run: Run, title: str, note: str = "") -> Figure:
    """Samples by the distribution of z, with their Fréchet distances, and training images."""
    arrays, scores = run.arrays("audit"), run.evaluation["audit"]["samplers"]["scores"]
    named = of_prior(SAMPLERS, run.has_learned_prior)
    sources = {name: f"z from {SAMPLER_ARTICLES.get(name, '')}{text}" for name, text in named.items()}
    titles = {name: layout.wrapped(text, 44) for name, text in sources.items()}
    titles |= {name: worded(text, run.image_shape) for name, text in TRAINING_IMAGES.items()}
    titles = {name: text for name, text in titles.items() if f"samples_{name}" in arrays}
    images = {name: pictures(run, arrays[f"samples_{name}"]) for name in titles}
    height = 0.5 + 3.5 * layout.relative_height(*next(iter(images.values())).shape[1:3])
    figure, axes = layout.panels(len(titles), 3, (layout.WIDTH / 3, height))
    for ax, (name, text) in zip(axes, titles.items(), strict=True):
        visuals.image_grid(ax, images[name], 10, gap=2)
        score = scores.get("floor" if name in TRAINING_IMAGES else name)
        layout.subtitle(ax, text if score is None else f"{text}\nFréchet distance {number(score['frechet'])}")
    layout.heading(figure, title, note)
    return figure


@of_runs
def densities(runs: Runs) -> Figure:
    """For each run with two units: codes in the plane, and the densities of q(z) and of the prior on one scale."""
    figure = Figure(figsize=(layout.WIDTH, 3.4 * len(runs)), layout="constrained")
    for (name, run), row in zip(runs.items(), figure.subplots(len(runs), 3, squeeze=False), strict=True):
        encodings, arrays = run.arrays("encodings"), run.arrays("audit")
        limit, q = float(arrays["density_limit"]), arrays["density"]
        visuals.latent_scatter(
            row[0],
            encodings["mean"],
            encodings.get("labels"),
            limit,
            (0, 1),
            run.class_names,
            not run.has_learned_prior,
        )
        row[0].set_title(name)
        p, prior = _prior_on_grid(run, np.linspace(-limit, limit, len(q)))
        highest = _darkest(q, p) if run.has_learned_prior else 2 * p.max()
        for ax, density, title in ((row[1], q, "aggregate posterior q(z)"), (row[2], p, prior)):
            picture = plane_density(ax, density, limit, highest)
            ax.set(xticks=row[0].get_xticks(), xlim=(-limit, limit))
            layout.subtitle(ax, title)
        figure.colorbar(picture, ax=row[1:], label="density", extend="max", shrink=0.9)
    return figure


def _prior_on_grid(run: Run, side: np.ndarray) -> tuple[np.ndarray, str]:
    """The density of the model's prior on a square grid of two units, and its name."""
    learned = learned_prior(run, (0, 1))
    if learned is None:
        return stats.norm.pdf(side)[:, None] * stats.norm.pdf(side), "prior N(0, I)"
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return np.exp(learned.log_density(points)).reshape(len(side), -1), LEARNED_PRIOR


def _darkest(q: np.ndarray, p: np.ndarray) -> float:
    """The density that has the darkest colour: a fraction `DARKEST_SHARE` of each distribution lies where it is lower.

    Narrow components have peaks, beside which the rest would not be seen.
    """
    heights = []
    for density in (q, p):
        values = np.sort(density.ravel().astype("float64"))
        heights.append(values[min(len(values) - 1, np.searchsorted(values.cumsum(), DARKEST_SHARE * values.sum()))])
    return max(*heights, np.finfo("float32").tiny)


def learned_prior(run: Run, units: tuple[int, ...]) -> GaussianMixture | None:
    """The marginal of a learned prior in the plane of two units; None for N(0, I)."""
    if not run.has_learned_prior:
        return None
    arrays = run.arrays("prior")
    return GaussianMixture(arrays["weight"], arrays["mean"], arrays["log_var"]).marginal(units)


def plane_density(ax: Axes, density: np.ndarray, limit: float, highest: float) -> AxesImage:
    """A density in the plane of latent units 0 and 1.

    Args:
        ax: to draw on.
        density: `(n, n)` on an even grid; rows from −limit upwards.
        limit: half the side of the view.
        highest: the density that has the darkest colour.

    Example:
        >>> picture = plane_density(Figure().subplots(), np.ones((4, 4)), limit=3.0, highest=1.0)
        >>> picture.get_extent()
        [-3.0, 3.0, -3.0, 3.0]
    """
    density = checks.array("density", density, ("n", "n"), dtype=None, low=0)
    limit = checks.number("limit", limit, 0, open_low=True)
    highest = checks.number("highest", highest, 0, open_low=True)
    view = (-limit, limit, -limit, limit)
    picture = ax.imshow(density, palette.DENSITY_MAP, origin="lower", extent=view, vmin=0, vmax=highest)
    ax.set(xlabel="latent unit 0", yticks=[], ylim=(-limit, limit))
    return picture


@of_runs
def typical_densities(runs: Runs) -> Figure:
    """Distance of the densities of posterior samples from that of a typical sequence, in three definitions.

    Figure 3 of the paper that `diagnostics.typicality` cites, with the values of every Gaussian of diagonal
    covariance (lines).
    """
    found = {run.metrics["n_units"]: run.evaluation["audit"]["own_typicality"] for run in runs.values()}
    units = np.array(sorted(found))
    expected = typicality(units=tuple(np.unique(np.geomspace(units[0], units[-1], 12).astype(int)).tolist()))
    lines = {"deviation": expected.exact_deviation, "literal": expected.literal}
    titles = {
        "deviation": "|−log q/n − h|, nats per unit:\nthe same for all Gaussians",
        "relative": "the same relative to |h|, median:\ndepends on σ, infinite at σ² = 0.0585",
        "literal": "|q / e^(−nh) − 1|, upper quartile:\nthe density itself does not converge",
    }
    figure, axes = layout.panels(3, 3, (layout.WIDTH / 3, 3.5))
    for ax, (key, text) in zip(axes, titles.items(), strict=True):
        if key in lines:
            ax.plot(expected.units, lines[key], color=palette.MUTED, linewidth=1.5, label="any Gaussian")
        ax.plot(units, [found[d][key] for d in units], "o", color=palette.POSTERIOR, label="trained models")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(units, [str(d) for d in units])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set(xlabel="latent units n")
        layout.subtitle(ax, text)
        ax.grid(axis="y")
        if key in lines:  # in the other panel the legend's marker could be mistaken for a value
            ax.legend(fontsize=visuals.SMALL_POINTS)
    return figure


@visuals.style()
def over_units(series: Mapping[str, Mapping[int, Mapping[str, np.ndarray]]], quantities: Mapping[str, str]) -> Figure:
    """One panel per quantity: its values over the number of latent units, one line per series, one dot per seed.

    Args:
        series: the values of the seeds by series, number of units, and quantity.
        quantities: the title of the panel by quantity. Where a series holds bounds as well (keys `….low` and
            `….high`), a bar shows them, or a triangle where the upper bound is NaN.

    Example:
        >>> series = {"2 layers": {d: {"AUC": np.array([0.6, 0.7])} for d in (2, 8)}}
        >>> line = over_units(series, {"AUC": "AUC of a classifier"}).get_axes()[0].lines[0]
        >>> line.get_xdata().tolist(), line.get_ydata().round(2).tolist()
        ([2, 8], [0.65, 0.65])
    """
    checks.mapping("quantities", quantities)
    for name, by_units in checks.mapping("series", series).items():
        for found in checks.mapping(f"series[{name!r}]", by_units).values():
            checks.mapping(f"series[{name!r}]", found, tuple(quantities))
    figure, axes = layout.panels(len(quantities), min(3, len(quantities)), (layout.WIDTH / 3, 3.1))
    styles = labels.series_styles(series)
    for ax, (quantity, title) in zip(axes, quantities.items(), strict=True):
        for by_units, (color, marker) in zip(series.values(), styles.values(), strict=True):
            units = np.array(list(by_units))
            values = np.array([np.mean(found[quantity]) for found in by_units.values()])
            ax.plot(units, values, color=color, linewidth=1.5)
            for d, found in by_units.items():
                ax.plot(np.full(len(found[quantity]), d), found[quantity], marker, color=color, markersize=4)
                if f"{quantity}.low" in found:
                    _bounds(ax, d, np.min(found[f"{quantity}.low"]), np.max(found[f"{quantity}.high"]), color)
        ax.set_xscale("log", base=2)
        ax.set_xticks(sorted({d for by_units in series.values() for d in by_units}))
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.set(xlabel="latent units")
        layout.subtitle(ax, layout.wrapped(title, 40))
        ax.grid(axis="y")
    handles = _keys(styles)
    columns = 3 if len(axes) > 1 else 1
    figure.legend(handles=handles, fontsize=visuals.SMALL_POINTS, loc="outside lower center", ncols=columns)
    return figure


def _bounds(ax: Axes, d: int, low: float, high: float, color: tuple[float, float, float]) -> None:
    """A bar between two bounds; a triangle at the lower one where the upper one is unknown (NaN)."""
    if np.isnan(high):
        ax.plot(d, low, "^", color=color, markersize=6, fillstyle="none")
    else:
        ax.plot([d, d], [low, high], color=color, linewidth=4, alpha=0.25)


@visuals.style()
def divergence_over_epochs(panels: Mapping[str, Mapping[str, Sequence[Mapping[str, np.ndarray]]]]) -> Figure:
    """Bounds on KL(q(z) ‖ p) over epochs: one panel for each of several groups of models, one line per series.

    Args:
        panels: by title of the panel and name of the series, the bounds of each seed: `epochs`, `low` and `high`, all
            `(n,)` and in nats, of the same epochs for all seeds. An upper bound that is unknown is NaN.

    Returns:
        A figure whose lines are the means of the lower bounds over seeds, one dot per seed. The shade reaches to the
        mean of the upper bounds; where that is unknown, a triangle marks the line.

    Example:
        >>> found = {"epochs": np.array([1, 2]), "low": np.array([0.5, 0.4]), "high": np.array([0.7, np.nan])}
        >>> figure = divergence_over_epochs({"two units": {"N(0, I)": [found]}})
        >>> [line.get_xdata().tolist() for line in figure.get_axes()[0].lines]  # line, dots, triangles
        [[1.0, 2.0], [1.0, 2.0], [2.0]]
    """
    stacked = {
        title: {
            name: _stacked(f"panels[{title!r}][{name!r}]", runs)
            for name, runs in checks.mapping(f"panels[{title!r}]", series).items()
        }
        for title, series in checks.mapping("panels", panels).items()
    }
    fullest_first = sorted(stacked.values(), key=len, reverse=True)  # whose order is that of the colours
    names = list(dict.fromkeys(name for series in fullest_first for name in series))
    styles = labels.series_styles(names)
    columns = min(3, len(panels))
    figure, axes = layout.panels(len(panels), columns, (layout.WIDTH / 3, 3.3))
    for ax, (title, series) in zip(axes, stacked.items(), strict=True):
        for name, (epochs, low, high) in series.items():
            color, marker = styles[name]
            line, top = low.mean(axis=0), high.mean(axis=0)
            ax.plot(epochs, line, color=color, linewidth=1.5)
            ax.plot(np.tile(epochs, len(low)), low.ravel(), marker, color=color, markersize=3)
            ax.fill_between(epochs, line, top, color=color, alpha=0.25, linewidth=0)
            unknown = np.isnan(top)
            ax.plot(epochs[unknown], line[unknown], "^", color=color, markersize=7, fillstyle="none")
        visuals.epoch_axis(ax, np.concatenate([epochs for epochs, _, _ in series.values()]))
        ax.set_ylim(0, None)
        layout.subtitle(ax, layout.wrapped(title, 40))
    for ax in axes[::columns]:
        ax.set_ylabel("KL(q(z) ‖ p), nats")
    handles = _keys(styles)
    figure.legend(handles=handles, fontsize=visuals.SMALL_POINTS, loc="outside lower center", ncols=3)
    return figure


def _keys(styles: Mapping[str, labels.SeriesStyle]) -> list[Line2D]:
    """Handles of a legend of series, by name."""
    return [
        Line2D([], [], color=color, marker=marker, markersize=4, label=name) for name, (color, marker) in styles.items()
    ]


class _Bounds(NamedTuple):
    """Bounds of several seeds: epochs `(n,)`, lower and upper bounds `(seeds, n)`."""

    epochs: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _stacked(name: str, runs: Sequence[Mapping[str, np.ndarray]]) -> _Bounds:
    """The bounds of the seeds of one series."""
    if not isinstance(runs, Sequence) or not runs:
        raise InputError(f"{name}: expected the bounds of one seed or more; received none.")
    found = [checks.mapping(name, run, ("epochs", "low", "high")) for run in runs]
    epochs = checks.array(f"{name}: epochs", found[0]["epochs"], ("n",), low=0)
    shape = (len(found), len(epochs))
    if any(not np.array_equal(run["epochs"], epochs) for run in found):
        raise InputError(f"{name}: epochs: expected the same epochs for all seeds; received different ones.")
    low = checks.array(f"{name}: low", [run["low"] for run in found], shape)
    return _Bounds(epochs, low, checks.array(f"{name}: high", [run["high"] for run in found], shape, finite=False))
