"""Functions that draw arrays on given `Axes` and return the artists; none saves a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, PathCollection, QuadMesh
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae.diagnostics import GaussianMixture, UnitHistory
from keras_vae.errors import InputError
from keras_vae.plots.image_grids import checked_images, image_grid, interpolations, tile
from keras_vae.plots.labels import (
    label_colors,
    label_keys,
    marker_paths,
    names_at_medians,
    plain,
    share_at_own_median,
)

# The parts of this module that have files of their own.
__all__ = [
    "checked_images", "curves", "epoch_axis", "image_grid", "interpolations", "label_colors", "label_keys",
    "latent_plane", "latent_scatter", "marker_size", "move_circles", "name_classes", "plain", "posterior_circles",
    "principal_scatter", "prior_density", "prior_rings", "square_view", "style", "tile", "unit_timeline",
    "unit_timeline_label", "view_limit",
]  # fmt: skip

STYLE = Path(__file__).with_name("style.mplstyle")
LOSS_COLORS = {
    "loss": palette.LOSS,
    "reconstruction": palette.RECONSTRUCTION,
    "KL": palette.KL,
    "penalty": palette.KL,
}
DASHED = (0, (2, 2))  # line style of curves on test images
MAX_CURVE_MARKERS, CURVE_MARKER_POINTS = 6, 5.0  # of one curve over epochs
MIN_LIMIT = 2.25  # half the side of a view that holds the prior's 2σ circle
SMALL_POINTS = 8.5  # the smallest text: 9 pixels in a figure of 10.5 inches that is shown at 840 pixels
MIN_NAMED_SHARE = 0.6  # of points nearest to the median of their own label, for names at the medians
MAX_NAMED_LIMIT = 12.0  # half the side of a view in which the name of a ring has space
UNIT_KL_SCALE = LogNorm(1e-3, 5)  # nats, of the colours of a timeline of units


def style():
    """A context in which figures are created in the package's style; also a decorator.

    Example:
        >>> with style():
        ...     mpl.rcParams["axes.titleweight"]
        'bold'
    """
    return mpl.rc_context(mpl.rc_params_from_file(STYLE, use_default_template=False))


def view_limit(mean: np.ndarray) -> float:
    """Half the side of a square view that shows nearly all points `(n, 2)` and the prior's 2σ circle."""
    return max(geometry.scatter_limit(mean), MIN_LIMIT)


def prior_rings(ax: Axes, limit: float) -> list[Circle]:
    """The prior N(0, I) as its circles of 1σ, 2σ and, where the view reaches it, 3σ, in data units.

    Args:
        ax: to draw on.
        limit: half the side of the view, in data units.

    Example:
        >>> from matplotlib.figure import Figure
        >>> [ring.radius for ring in prior_rings(Figure().subplots(), limit=2.5)]
        [1.0, 2.0]
    """
    limit = checks.number("limit", limit, 0, open_low=True)
    rings = []
    named = _named_rings(limit)
    for sigma in (1, 2, 3) if limit > 3.2 else (1, 2):
        line = {"edgecolor": palette.PRIOR, "linewidth": 0.9, "linestyle": (0, (4, 4)), "alpha": 0.8}
        ring = Circle((0, 0), sigma, fill=False, **line)
        ax.add_patch(ring)
        rings.append(ring)
        if sigma not in named:
            continue
        ax.text(
            *_ring_name_place(sigma),
            f"{sigma}σ",
            ha="center",
            va="center",
            color=palette.PRIOR,
            fontsize=SMALL_POINTS,
            path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
            zorder=5,
        )
    return rings


def _named_rings(limit: float) -> tuple[int, ...]:
    """The rings with names: those in wide views would overlap."""
    if limit > MAX_NAMED_LIMIT:
        return ()
    if limit > 0.5 * MAX_NAMED_LIMIT:
        return (3,)
    return (1, 2, 3) if limit > 3.2 else (1, 2)


def _ring_name_place(sigma: int) -> tuple[float, float]:
    """On the circle, at the lower right."""
    return sigma / np.sqrt(2), -sigma / np.sqrt(2)


def prior_density(ax: Axes, limit: float, strength: float = 0.2, prior: GaussianMixture | None = None) -> AxesImage:
    """The density of the prior in a plane, as a light shade behind everything else.

    Args:
        ax: to draw on.
        limit: half the side of the view, in data units.
        strength: opacity at the highest density, in [0, 1].
        prior: a learned prior of the two units; None for N(0, I).
    """
    limit, strength = checks.number("limit", limit, 0, open_low=True), checks.number("strength", strength, 0, 1)
    x = np.linspace(-limit, limit, 256)
    density = np.exp(-0.5 * (x**2 + x[:, None] ** 2)) if prior is None else _relative_density(prior, x)
    shade = np.empty((*density.shape, 4))
    shade[..., :3] = to_rgb(palette.PRIOR)
    shade[..., 3] = strength * density
    return ax.imshow(shade, extent=(-limit, limit) * 2, interpolation="bilinear", zorder=-1, origin="lower")


def _relative_density(prior: GaussianMixture, x: np.ndarray) -> np.ndarray:
    """The density on the grid of x × x relative to the highest there, `(n, n)`; rows upwards."""
    z = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    log_density = prior.log_density(z)
    return np.exp(log_density - log_density.max()).reshape(len(x), len(x))


def posterior_circles(
    ax: Axes,
    mean: np.ndarray,
    std: np.ndarray,
    colors: np.ndarray,
    ellipses: bool = False,
    fill: float = 0.16,
    line: float = 0.9,
) -> EllipseCollection:
    """Each posterior as the circle r² = σₓ σᵧ (geometric mean of its two variances), or as its 1σ ellipse.

    Args:
        ax: to draw on.
        mean, std: `(points, 2)`, in data units.
        colors: `(points, 3)`, RGB in [0, 1].
        ellipses: 1σ ellipses in place of circles.
        fill, line: opacities in [0, 1].

    Returns:
        A collection that `move_circles` sets to other posteriors.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> circles = posterior_circles(ax, np.zeros((1, 2)), np.array([[0.5, 2.0]]), np.zeros((1, 3)))
        >>> circles.get_widths().tolist(), circles.get_heights().tolist()  # diameters
        ([2.0], [2.0])
    """
    mean = checks.array("mean", mean, ("points", 2), dtype=None)
    std = checks.array("std", std, mean.shape, dtype=None, low=0)
    colors = checks.array("colors", colors, (len(mean), 3), low=0, high=1)
    fill, line = checks.number("fill", fill, 0, 1), checks.number("line", line, 0, 1)
    if len(colors) == 1:
        # Matplotlib draws a collection of one colour as markers, and those snap to whole pixels.
        colors = np.repeat(colors, 2, axis=0)
    circles = EllipseCollection(
        *_diameters(std, ellipses),
        np.zeros(len(mean)),
        units="xy",
        offsets=mean,
        offset_transform=ax.transData,
        facecolors=np.column_stack([colors, np.full(len(colors), fill)]),
        edgecolors=np.column_stack([colors, np.full(len(colors), line)]),
        linewidths=1.3 if line else 0.0,  # a transparent line takes as long to draw as a visible one
    )
    ax.add_collection(circles)
    return circles


def move_circles(circles: EllipseCollection, mean: np.ndarray, std: np.ndarray, ellipses: bool = False) -> None:
    """Sets a collection of `posterior_circles` to other posteriors, `mean` and `std` `(points, 2)`."""
    widths, heights = _diameters(std, ellipses)
    circles.set(offsets=mean, widths=widths, heights=heights)


def _diameters(std: np.ndarray, ellipses: bool) -> tuple[np.ndarray, np.ndarray]:
    """Full widths and heights, `(points,)` each."""
    if ellipses:
        return 2 * std[:, 0], 2 * std[:, 1]
    diameter = 2 * np.sqrt(std[:, 0] * std[:, 1])
    return diameter, diameter


def latent_scatter(
    ax: Axes,
    mean: np.ndarray,
    labels: np.ndarray | None,
    limit: float,
    units: tuple[int, ...],
    class_names: Sequence[str] | None = None,
    rings: bool = True,
) -> PathCollection:
    """Posterior means with colour and marker by label, the names of the labels, the prior's rings and a legend.

    Args:
        ax: to draw on.
        mean: `(n, 2)`.
        labels: `(n,)` integers or None.
        limit: half the side of the view, in data units.
        units: the numbers of the two latent units, which name the axes.
        class_names: as in `label_keys`.
        rings: whether to draw those of N(0, I).

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> points = latent_scatter(ax, np.zeros((5, 2)), np.arange(5), limit=3.0, units=(4, 7))
        >>> len(points.get_offsets()), ax.get_xlabel()
        (5, 'latent unit 4')
    """
    mean = checks.array("mean", mean, ("n", 2), dtype=None)
    if rings:
        prior_rings(ax, limit)
    colors = label_colors(labels, len(mean))
    order = np.random.default_rng(0).permutation(len(mean))  # no label lies on top of all others
    x, y = mean[order].T
    points = ax.scatter(x, y, s=marker_size(len(mean)), c=colors[order], alpha=0.6, linewidths=0)
    square_view(ax, limit, units)
    if labels is not None:
        paths = marker_paths(labels, len(mean))
        points.set_paths([paths[i] for i in order])
        name_classes(ax, mean, labels, limit, class_names)
    return points


def name_classes(
    ax: Axes, mean: np.ndarray, labels: np.ndarray, limit: float, class_names: Sequence[str] | None = None
) -> None:
    """A legend of the labels and, where the classes lie apart, the name of each at the median of its means.

    Args:
        ax: to draw on, in a square view of half the side `limit`.
        mean: `(n, 2)`.
        labels: `(n,)`.
        class_names: as in `label_keys`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> name_classes(ax, np.array([[0.0, 0.0], [2.0, 2.0]]), np.array([0, 1]), limit=3.0)
        >>> [text.get_text() for text in ax.texts], [text.get_text() for text in ax.get_legend().get_texts()]
        (['0', '1'], ['0', '1'])
    """
    keys = label_keys(labels, class_names)
    ax.legend(handles=keys, loc="center left", bbox_to_anchor=(1.0, 0.5), title="label", handletextpad=0.1)
    if share_at_own_median(mean, labels) >= MIN_NAMED_SHARE:
        names_at_medians(ax, mean, labels, class_names, [_ring_name_place(sigma) for sigma in _named_rings(limit)])


def marker_size(n: int) -> float:
    """The area of a point's marker, in points², in a scatter of `n` points."""
    return float(np.clip(40_000 / checks.whole("n", n), 5, 30))


def latent_plane(
    ax: Axes,
    mean: np.ndarray,
    labels: np.ndarray | None,
    units: tuple[int, ...],
    class_names: Sequence[str] | None = None,
    standard_normal: bool = True,
) -> PathCollection:
    """`latent_scatter` over the density of N(0, I), if it is the prior, in a view that shows nearly all points."""
    limit = view_limit(mean)
    if standard_normal:
        prior_density(ax, limit)
    return latent_scatter(ax, mean, labels, limit, units, class_names, standard_normal)


def principal_scatter(
    ax: Axes,
    codes: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str] | None = None,
    standard_normal: bool = True,
) -> PathCollection:
    """Codes on their two principal components; the axis labels state the share of the variance.

    Args:
        ax: to draw on.
        codes: `(n, units…)`.
        labels: `(n,)` integers or None.
        class_names: as in `label_keys`.
        standard_normal: whether the prior is N(0, I), which is then drawn.
    """
    points, explained = geometry.principal_plane(codes)
    drawn = latent_plane(ax, points, labels, (0, 1), class_names, standard_normal)
    names = [f"principal component {i} ({100 * share:.0f} % of the variance)" for i, share in enumerate(explained, 1)]
    ax.set(xlabel=names[0], ylabel=names[1])
    return drawn


def square_view(ax: Axes, limit: float, units: tuple[int, ...]) -> None:
    """Equal scales from −limit to limit, and the names of the two units."""
    limit = checks.number("limit", limit, 0, open_low=True)
    units = checks.array("units", units, (2,), dtype="int64", low=0).tolist()
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.set(xlabel=f"latent unit {units[0]}", ylabel=f"latent unit {units[1]}")


def curves(
    ax: Axes,
    epochs: np.ndarray,
    lines: Mapping[str, np.ndarray],
    ylabel: str = "nats per image",
    colors: Mapping[str, Any] | None = None,
    markers: Mapping[str, str] | None = None,
) -> list[Line2D]:
    """Curves over epochs; a name that starts with `test ` is dashed, in the colour of the name without it.

    Args:
        ax: to draw on.
        epochs: `(n,)`.
        lines: `(n,)` values by the name of the curve.
        ylabel: quantity and unit of the values.
        colors: by the name of the curve; loss, reconstruction, KL and penalty have those of the palette, the others
            take the style's colours in turn.
        markers: matplotlib's signs by the name of the curve; at most six of them mark a curve.

    Example:
        >>> from matplotlib.figure import Figure
        >>> train, test = curves(Figure().subplots(), [1, 2], {"loss": [3, 2], "test loss": [4, 3]})
        >>> train.get_linestyle(), test.get_linestyle(), train.get_color() == test.get_color()
        ('-', '--', True)
    """
    epochs = checks.array("epochs", epochs, ("n",), dtype=None)
    drawn = []
    used: dict[str, Any] = LOSS_COLORS | dict(colors or {})  # colours in any of matplotlib's notations
    signs, default = markers or {}, "o" if len(epochs) == 1 else None
    spacing = -(-len(epochs) // MAX_CURVE_MARKERS)
    for name, values in checks.mapping("lines", lines).items():
        values = checks.array(f"lines[{name!r}]", values, (len(epochs),), dtype=None, finite=False)
        quantity = name.removeprefix("test ")
        options: dict[str, Any] = {"color": used[quantity]} if quantity in used else {}
        if quantity != name:
            options |= {"linestyle": DASHED, "fillstyle": "none"}
        options |= {"marker": signs.get(quantity, default), "markersize": CURVE_MARKER_POINTS, "markevery": spacing}
        (line,) = ax.plot(epochs, values, label=name, **options)
        used.setdefault(quantity, line.get_color())
        drawn.append(line)
    ax.set_ylabel(ylabel)
    epoch_axis(ax, epochs)
    ax.legend()
    return drawn


def epoch_axis(ax: Axes, epochs: np.ndarray) -> None:
    """An x axis from the first to the last epoch with ticks at whole epochs, and horizontal grid lines."""
    epochs = checks.array("epochs", epochs, ("n",), dtype=None)
    ax.set_xlabel("epoch")
    margin = 0.5 if len(epochs) == 1 else 0.0
    ax.set_xlim(min(epochs) - margin, max(epochs) + margin)
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ax.grid(visible=True, axis="y")  # without a value, a second call would remove the lines


def unit_timeline(ax: Axes, history: UnitHistory, scale: Normalize = UNIT_KL_SCALE) -> QuadMesh:
    """The KL (without a density, the variance of the means) of every unit over epochs, by decreasing final value.

    A cross marks the epoch in which an active unit collapsed. The untrained model is left out, since the epochs are
    on a logarithmic scale.

    Args:
        ax: to draw on.
        history: statistics of the units through training.
        scale: of the colours.

    Raises:
        InputError: if no measurement is later than epoch 0.

    Example:
        >>> from matplotlib.figure import Figure
        >>> kl = np.array([[0.0, 0.0], [0.1, 1.0], [0.1, 2.0]])
        >>> history = UnitHistory(np.arange(3), np.arange(3.0), var_mean=kl, kl=kl, mean_var=kl)
        >>> ax = Figure().subplots()
        >>> mesh = unit_timeline(ax, history)
        >>> mesh.get_array().shape, [label.get_text() for label in ax.get_yticklabels()]
        ((2, 2), ['1', '0'])
    """
    quantity = history.var_mean if history.kl is None else history.kl
    order = np.argsort(-quantity[-1], kind="stable")
    later = history.epochs > 0
    if not later.any():
        raise InputError("history: expected a measurement after epoch 0; received none; record at least one epoch.")
    epochs, values = history.epochs[later], np.clip(quantity[later][:, order], 1e-12, None)
    edges = np.concatenate([[0.5 * epochs[0]], 0.5 * (epochs[1:] + epochs[:-1]), [epochs[-1]]])
    y = np.arange(len(order) + 1) - 0.5
    mesh = ax.pcolormesh(edges, y, values.T, norm=scale, cmap=palette.UNIT_KL_MAP, rasterized=True)
    collapsed_at = history.active_periods().collapsed_at[order]
    rows = np.flatnonzero(~np.isnan(collapsed_at))
    ax.plot(collapsed_at[rows], rows, "x", color=palette.COLLAPSED, markersize=8, markeredgewidth=2, linestyle="")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:g}"))
    ax.set_yticks(np.arange(len(order)), [str(unit) for unit in order])
    ax.set(xlabel="epoch", ylabel="latent unit", ylim=(len(order) - 0.5, -0.5), xlim=(edges[0], edges[-1]))
    return mesh


def unit_timeline_label(history: UnitHistory) -> str:
    """The quantity and unit of the colours of `unit_timeline`."""
    return "Var[μ]" if history.kl is None else "KL, nats"
