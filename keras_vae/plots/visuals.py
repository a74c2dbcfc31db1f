"""Drawers: each takes arrays and the `Axes` to draw on, and returns what it drew."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, QuadMesh
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from keras_vae import geometry
from keras_vae.diagnostics import UnitHistory

STYLE = Path(__file__).with_name("style.mplstyle")
PRIOR_COLOR = "#6b7480"
PRIOR_SHADE = "#3b6ea5"


def style():
    """A context in which pictures have the package's look: `with figures.style(): …`."""
    return mpl.rc_context(mpl.rc_params_from_file(STYLE, use_default_template=False))


def label_colors(labels: np.ndarray | None, n: int) -> np.ndarray:
    """`(n, 3)` colours in [0, 1]: the style's colour of each label, or its first one where there are none."""
    with style():
        palette = np.array([mpl.colors.to_rgb(entry["color"]) for entry in mpl.rcParams["axes.prop_cycle"]])
    return palette[np.zeros(n, int) if labels is None else np.asarray(labels, int) % len(palette)]


def label_keys(labels: np.ndarray) -> list[Line2D]:
    """Handles of a legend: a dot for every label that occurs."""
    present = np.unique(labels)
    return [Line2D([], [], marker="o", linestyle="", color=label_colors([k], 1)[0], label=str(k)) for k in present]


def prior_rings(ax: Axes, limit: float) -> list[Circle]:
    """The prior as its circles of 1σ, 2σ and, where the view reaches it, 3σ, in data units."""
    rings = []
    for sigma in (1, 2, 3) if limit > 3.2 else (1, 2):
        ring = Circle((0, 0), sigma, fill=False, edgecolor=PRIOR_COLOR, linewidth=0.9, linestyle=(0, (4, 4)), alpha=0.8)
        rings.append(ax.add_patch(ring))
        if limit > 12:  # the rings are too close together for three names
            continue
        corner = sigma / np.sqrt(2)
        name = {"xytext": (3, 3), "textcoords": "offset points", "annotation_clip": True, "zorder": 5}
        outline = [patheffects.withStroke(linewidth=2.5, foreground="white")]
        ax.annotate(f"{sigma}σ", (corner, corner), color=PRIOR_COLOR, fontsize=8, path_effects=outline, **name)
    return rings


def prior_density(ax: Axes, limit: float, strength: float = 0.13) -> AxesImage:
    """The prior's density as a soft shade behind everything else."""
    x = np.linspace(-limit, limit, 256)
    density = np.exp(-0.5 * (x**2 + x[:, None] ** 2))
    shade = np.empty((*density.shape, 4))
    shade[..., :3] = mpl.colors.to_rgb(PRIOR_SHADE)
    shade[..., 3] = strength * density
    return ax.imshow(shade, extent=(-limit, limit) * 2, interpolation="bilinear", zorder=-1)


def posterior_circles(
    ax: Axes,
    mean: np.ndarray,
    std: np.ndarray,
    colors: np.ndarray,
    ellipses: bool = False,
    fill: float = 0.16,
    line: float = 0.9,
) -> EllipseCollection:
    """Each posterior's circle, r² = σₓ σᵧ (its two variances' geometric average), or its 1σ ellipse.

    Args:
        mean, std: `(points, 2)`, in data units.
        colors: `(points, 3)`.
        ellipses: both standard deviations apart.
        fill, line: opacities.

    Returns:
        A collection that `move_circles` sets to other posteriors.
    """
    if len(colors) == 1:
        # Matplotlib draws a collection of one colour as markers, and those snap to whole pixels.
        colors = np.repeat(colors, 2, axis=0)
    circles = EllipseCollection(
        *_axes_of(std, ellipses),
        np.zeros(len(mean)),
        units="xy",
        offsets=mean,
        offset_transform=ax.transData,
        facecolors=np.column_stack([colors, np.full(len(colors), fill)]),
        edgecolors=np.column_stack([colors, np.full(len(colors), line)]),
        linewidths=1.3 if line else 0.0,  # a line that isn't seen takes as long
    )
    return ax.add_collection(circles)


def move_circles(circles: EllipseCollection, mean: np.ndarray, std: np.ndarray, ellipses: bool = False) -> None:
    widths, heights = _axes_of(std, ellipses)
    circles.set(offsets=mean, widths=widths, heights=heights)


def _axes_of(std: np.ndarray, ellipses: bool) -> tuple[np.ndarray, np.ndarray]:
    """Full widths and heights `(points,)`."""
    if ellipses:
        return 2 * std[:, 0], 2 * std[:, 1]
    diameter = 2 * np.sqrt(std[:, 0] * std[:, 1])
    return diameter, diameter


def latent_scatter(ax: Axes, mean: np.ndarray, labels: np.ndarray | None, limit: float, units: tuple[int, int]) -> list:
    """Posterior means `(n, 2)` coloured by label, with the prior's rings."""
    prior_rings(ax, limit)
    colors = label_colors(labels, len(mean))
    order = np.random.default_rng(0).permutation(len(mean))  # no label lies on top of all others
    size = np.clip(30_000 / len(mean), 3, 30)
    points = ax.scatter(*mean[order].T, s=size, c=colors[order], alpha=0.6, linewidths=0)
    if labels is not None:
        ax.legend(handles=label_keys(labels), loc="center left", bbox_to_anchor=(1.0, 0.5), title="label")
    square_view(ax, limit, units)
    return [points]


def principal_scatter(ax: Axes, codes: np.ndarray, labels: np.ndarray | None) -> list:
    """Codes `(n, units…)` on their two principal components, the axes named by their shares of the variance."""
    points, explained = geometry.principal_plane(codes)
    limit = max(geometry.scatter_limit(points), 2.25)
    prior_density(ax, limit)
    drawn = latent_scatter(ax, points, labels, limit, (0, 1))
    names = [f"principal component {i} ({100 * share:.0f} % of the variance)" for i, share in enumerate(explained, 1)]
    ax.set(xlabel=names[0], ylabel=names[1])
    return drawn


WAYS = {"linear": "line", "spherical": "arc", "cross_fade": "cross-fade"}


def interpolations(figure, ways: dict[str, np.ndarray], paths: int = 6) -> None:
    """A block for each pair of images: the ways between them, one a row.

    Args:
        figure: or part of one, to draw on.
        ways: images `(points, paths, …)` by the name of the way.
        paths: how many pairs to show.
    """
    shown = {name: ways[key] for key, name in WAYS.items() if key in ways}
    paths = min(paths, next(iter(shown.values())).shape[1])
    for i, ax in enumerate(np.atleast_1d(figure.subplots(paths, 1))):
        rows = [images[:, i] for images in shown.values()]
        image_grid(ax, np.concatenate(rows), len(rows[0]))
        for j, name in enumerate(shown):
            place = 1 - (j + 0.5) / len(shown)
            ax.text(-0.012, place, name, transform=ax.transAxes, ha="right", va="center", fontsize=8, color=PRIOR_COLOR)


def square_view(ax: Axes, limit: float, units: tuple[int, int]) -> None:
    """Equal scales from −limit to limit, and the names of the two units."""
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.set(xlabel=f"latent unit {units[0]}", ylabel=f"latent unit {units[1]}")


def image_grid(ax: Axes, images: np.ndarray, columns: int, gap: int = 1) -> AxesImage:
    """Images `(n, height, width[, channels])` side by side, row by row, in one picture without axes.

    Grey images are drawn as ink on paper: 1 is black.
    """
    tiled = tile(np.clip(images, 0.0, 1.0), columns, gap)
    picture = ax.imshow(tiled, vmin=0, vmax=1)
    ax.set_axis_off()
    return picture


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """One array of all images, `gap` empty pixels between them; missing ones at the end stay empty."""
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    color = images.shape[3:]
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *color), float(bool(color)))
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def curves(ax: Axes, epochs: np.ndarray, lines: dict[str, np.ndarray], ylabel: str = "nats per image") -> list[Line2D]:
    """One named curve a quantity, over epochs; names starting with `test` are dashed in their partner's colour."""
    drawn, colors = [], {}
    for name, values in lines.items():
        partner = name.removeprefix("test ")
        dashed = {"linestyle": (0, (2, 2)), "color": colors[partner]} if partner in colors else {}
        (line,) = ax.plot(epochs, values, label=name, marker="o" if len(epochs) == 1 else None, **dashed)
        colors.setdefault(partner, line.get_color())
        drawn.append(line)
    ax.set(xlabel="epoch", ylabel=ylabel)
    ax.grid(axis="y")
    ax.set_xlim(min(epochs), max(max(epochs), min(epochs) + 1))
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.legend()
    return drawn


def unit_timeline(ax: Axes, history: UnitHistory, scale: Normalize) -> QuadMesh:
    """The KL (or, without a density, the variance of the means) of every unit over epochs, the liveliest at the top.

    A cross marks where a unit died that had been active before; the untrained model is left out, since the epochs
    are on a logarithmic scale.

    Args:
        ax: to draw on.
        history: measurements through training.
        scale: of the colours.
    """
    quantity = history.var_mean if history.kl is None else history.kl
    order = np.argsort(-quantity[-1], kind="stable")
    later = history.epochs > 0
    epochs, values = history.epochs[later], np.clip(quantity[later][:, order], 1e-12, None)
    edges = np.concatenate([[0.5 * epochs[0]], 0.5 * (epochs[1:] + epochs[:-1]), [epochs[-1]]])
    mesh = ax.pcolormesh(edges, np.arange(len(order) + 1) - 0.5, values.T, norm=scale, cmap="Blues", rasterized=True)
    died = history.active_periods().collapsed_at[order]
    rows = np.flatnonzero(~np.isnan(died))
    ax.plot(died[rows], rows, "x", color="#d1495b", markersize=8, markeredgewidth=2, linestyle="")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:g}"))
    ax.set_yticks(np.arange(len(order)), [str(unit) for unit in order])
    ax.set(xlabel="epoch", ylabel="latent unit", ylim=(len(order) - 0.5, -0.5), xlim=(edges[0], edges[-1]))
    return mesh
