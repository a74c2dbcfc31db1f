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
from matplotlib.figure import FigureBase
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae._utils.foreign_text import shortened
from keras_vae.diagnostics import UnitHistory
from keras_vae.errors import InputError

MAX_COLUMNS, MAX_GAP_PIXELS = 1_000, 1_000  # of a grid of images
STYLE = Path(__file__).with_name("style.mplstyle")
DASHED = (0, (2, 2))  # line style of curves on test images
MIN_LIMIT = 2.25  # half the side of a view that holds the prior's 2σ circle
INTERPOLATION_PATHS = {"linear": "linear in z", "spherical": "spherical in z", "cross_fade": "pixel cross-fade"}
MAX_LEGEND_KEYS, MAX_LEGEND_CHARACTERS = 24, 14  # labels of a legend, and the length of their names
UNIT_KL_SCALE = LogNorm(1e-3, 5)  # nats, of the colours of a timeline of units


def style():
    """A context in which figures are created in the package's style; also a decorator.

    Example:
        >>> with style():
        ...     mpl.rcParams["axes.titleweight"]
        'bold'
    """
    return mpl.rc_context(mpl.rc_params_from_file(STYLE, use_default_template=False))


def plain(text: str) -> str:
    """Text for matplotlib in which a dollar sign is a dollar sign: names of data sets and classes are not formulas.

    Example:
        >>> plain("a$\\\\frac{$.npz")
        'a\\\\$\\\\frac{\\\\$.npz'
    """
    return text.replace("$", r"\$")


def label_colors(labels: np.ndarray | None, n: int) -> np.ndarray:
    """The palette's colour of each label.

    Args:
        labels: `(n,)` integers, which take the palette's colours in turn, starting again after the last; other
            labels, such as text, are numbered in their order; None where there are no labels.
        n: number of points.

    Returns:
        `(n, 3)`, RGB in [0, 1]. Without labels every point has the first colour.

    Example:
        >>> label_colors(np.array([1, 0, 1]), 3).round(2).tolist()
        [[0.12, 0.44, 0.71], [0.82, 0.29, 0.36], [0.12, 0.44, 0.71]]
    """
    n = checks.whole("n", n, low=0)
    colors = np.array([to_rgb(color) for color in palette.LABELS])
    return colors[np.zeros(n, int) if labels is None else _numbered(labels, n) % len(colors)]


def _numbered(labels: np.ndarray, n: int) -> np.ndarray:
    labels = checks.labels("labels", labels)
    checks.require_shape("labels", labels, (n,))
    return labels if labels.dtype.kind in "ui" else np.unique(labels, return_inverse=True)[1]


def label_keys(
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
    max_keys: int = MAX_LEGEND_KEYS,
    max_characters: int = MAX_LEGEND_CHARACTERS,
) -> list[Line2D]:
    """Handles of a legend: a dot for every label that occurs; if they are too many, the last line is their number.

    Args:
        labels: `(n,)`.
        class_names: names of the labels 0, 1, …; default the labels themselves.
        max_keys: maximum number of handles.
        max_characters: maximum length of a name; a longer one is cut in the middle. Where this makes names equal, the
            labels precede them.

    Example:
        >>> [key.get_label() for key in label_keys(np.array([3, 0, 3]))]
        ['0', '3']
        >>> [key.get_label() for key in label_keys(np.array([1, 0, 1]), ["cat", "dog"])]
        ['cat', 'dog']
    """
    present = np.unique(checks.labels("labels", labels))
    max_keys = checks.whole("max_keys", max_keys, low=2)
    n_shown = len(present) if len(present) <= max_keys else max_keys - 1
    colors = label_colors(present, len(present))[:n_shown]
    named = dict(enumerate(class_names or ()))
    shown = present[:n_shown].tolist()
    names = [shortened(str(named.get(label, label)), max_characters) for label in shown]
    if len(set(names)) < len(names):
        names = [f"{label}: {name}" for label, name in zip(shown, names, strict=True)]
    keys = [
        Line2D([], [], marker="o", linestyle="", color=color, label=_legend_text(name))
        for name, color in zip(names, colors, strict=True)
    ]
    if n_shown < len(present):
        keys.append(Line2D([], [], linestyle="", label=f"and {len(present) - n_shown:,} others"))
    return keys


def _legend_text(name: str) -> str:
    """Matplotlib leaves names that begin with an underscore out of legends."""
    return f" {plain(name)}" if name.startswith("_") else plain(name)


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
    for sigma in (1, 2, 3) if limit > 3.2 else (1, 2):
        line = {"edgecolor": palette.PRIOR, "linewidth": 0.9, "linestyle": (0, (4, 4)), "alpha": 0.8}
        ring = Circle((0, 0), sigma, fill=False, **line)
        ax.add_patch(ring)
        rings.append(ring)
        if limit > 12:  # the rings are too close together for three names
            continue
        corner = sigma / np.sqrt(2)
        ax.annotate(
            f"{sigma}σ",
            (corner, corner),
            xytext=(3, 3),
            textcoords="offset points",
            annotation_clip=True,
            color=palette.PRIOR,
            fontsize=8,
            path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
            zorder=5,
        )
    return rings


def prior_density(ax: Axes, limit: float, strength: float = 0.2) -> AxesImage:
    """The density of the prior N(0, I) in a plane, as a light shade behind everything else.

    Args:
        ax: to draw on.
        limit: half the side of the view, in data units.
        strength: opacity at the origin, in [0, 1].
    """
    limit, strength = checks.number("limit", limit, 0, open_low=True), checks.number("strength", strength, 0, 1)
    x = np.linspace(-limit, limit, 256)
    density = np.exp(-0.5 * (x**2 + x[:, None] ** 2))
    shade = np.empty((*density.shape, 4))
    shade[..., :3] = to_rgb(palette.PRIOR)
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
) -> PathCollection:
    """Posterior means coloured by label, with the prior's rings and a legend.

    Args:
        ax: to draw on.
        mean: `(n, 2)`.
        labels: `(n,)` integers or None.
        limit: half the side of the view, in data units.
        units: the numbers of the two latent units, which name the axes.
        class_names: as in `label_keys`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> points = latent_scatter(ax, np.zeros((5, 2)), np.arange(5), limit=3.0, units=(4, 7))
        >>> len(points.get_offsets()), ax.get_xlabel()
        (5, 'latent unit 4')
    """
    mean = checks.array("mean", mean, ("n", 2), dtype=None)
    prior_rings(ax, limit)
    colors = label_colors(labels, len(mean))
    order = np.random.default_rng(0).permutation(len(mean))  # no label lies on top of all others
    x, y = mean[order].T
    points = ax.scatter(x, y, s=marker_size(len(mean)), c=colors[order], alpha=0.6, linewidths=0)
    if labels is not None:
        keys = label_keys(labels, class_names)
        ax.legend(handles=keys, loc="center left", bbox_to_anchor=(1.0, 0.5), title="label")
    square_view(ax, limit, units)
    return points


def marker_size(n: int) -> float:
    """The area of a point's marker, in points², in a scatter of `n` points."""
    return float(np.clip(30_000 / checks.whole("n", n), 3, 30))


def latent_plane(
    ax: Axes,
    mean: np.ndarray,
    labels: np.ndarray | None,
    units: tuple[int, ...],
    class_names: Sequence[str] | None = None,
) -> PathCollection:
    """`latent_scatter` over the prior's density, in a view that shows nearly all points."""
    limit = view_limit(mean)
    prior_density(ax, limit)
    return latent_scatter(ax, mean, labels, limit, units, class_names)


def principal_scatter(
    ax: Axes, codes: np.ndarray, labels: np.ndarray | None, class_names: Sequence[str] | None = None
) -> PathCollection:
    """Codes on their two principal components; the axis labels state the share of the variance.

    Args:
        ax: to draw on.
        codes: `(n, units…)`.
        labels: `(n,)` integers or None.
        class_names: as in `label_keys`.
    """
    points, explained = geometry.principal_plane(codes)
    drawn = latent_plane(ax, points, labels, (0, 1), class_names)
    names = [f"principal component {i} ({100 * share:.0f} % of the variance)" for i, share in enumerate(explained, 1)]
    ax.set(xlabel=names[0], ylabel=names[1])
    return drawn


def interpolations(figure: FigureBase, images: Mapping[str, np.ndarray], pairs: int = 6) -> list[AxesImage]:
    """Interpolation paths between pairs of images: a block for each pair, a row for each kind of path.

    Args:
        figure: a figure or subfigure to draw on.
        images: `(points, pairs, …)` by the kind of path, a key of `INTERPOLATION_PATHS`.
        pairs: maximum number of pairs to draw.

    Example:
        >>> from matplotlib.figure import Figure
        >>> paths = {"linear": np.zeros((11, 4, 8, 8)), "cross_fade": np.zeros((11, 4, 8, 8))}
        >>> pictures = interpolations(Figure(), paths, pairs=3)
        >>> len(pictures), pictures[0].get_array().shape
        (3, (17, 98))
    """
    found = checked_mapping("images", images)
    shape = ("points", "pairs", "height", "…")
    kinds = {
        name: checks.array(f"images[{key!r}]", found[key], shape, dtype=None)
        for key, name in INTERPOLATION_PATHS.items()
        if key in found
    }
    if not kinds or len({paths.shape for paths in kinds.values()}) > 1:
        raise InputError(
            f"images: expected paths of one shape, of some of the kinds {', '.join(INTERPOLATION_PATHS)}; received "
            f"{ ({str(key): np.shape(paths) for key, paths in found.items()}) }."
        )
    pairs = min(checks.whole("pairs", pairs), next(iter(kinds.values())).shape[1])
    drawn = []
    for i, ax in enumerate(np.atleast_1d(figure.subplots(pairs, 1))):
        rows = [path[:, i] for path in kinds.values()]
        drawn.append(image_grid(ax, np.concatenate(rows), len(rows[0])))
        for j, name in enumerate(kinds):
            center = 1 - (j + 0.5) / len(kinds)
            text = {"transform": ax.transAxes, "ha": "right", "va": "center", "fontsize": 8, "color": palette.MUTED}
            ax.text(-0.012, center, name, **text)
    return drawn


def square_view(ax: Axes, limit: float, units: tuple[int, ...]) -> None:
    """Equal scales from −limit to limit, and the names of the two units."""
    limit = checks.number("limit", limit, 0, open_low=True)
    units = checks.array("units", units, (2,), dtype="int64", low=0).tolist()
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.set(xlabel=f"latent unit {units[0]}", ylabel=f"latent unit {units[1]}")


def image_grid(ax: Axes, images: np.ndarray, columns: int, gap: int = 1) -> AxesImage:
    """Images row by row in one picture without axes. Grey images are drawn inverted: 1 is black.

    Args:
        ax: to draw on.
        images: `(n, height, width[, channels])`; values are clipped to [0, 1].
        columns: images in a row.
        gap: pixels between images.

    Example:
        >>> from matplotlib.figure import Figure
        >>> picture = image_grid(Figure().subplots(), np.zeros((6, 8, 8)), columns=3)
        >>> picture.get_array().shape  # two rows of three images
        (17, 26)
    """
    tiled = tile(np.clip(checked_images("images", images), 0.0, 1.0), columns, gap)
    picture = ax.imshow(tiled, vmin=0, vmax=1)
    ax.set_axis_off()
    return picture


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """One array of all images, row by row, with background between them and in empty places at the end.

    Args:
        images: `(n, height, width[, channels])`.
        columns: images in a row.
        gap: pixels between images.

    Returns:
        `(height of the grid, width of the grid[, channels])`; the background is 0 for grey images, which are drawn
        inverted, and 1 for colour images.

    Example:
        >>> tile(np.ones((3, 1, 2)), columns=2, gap=1)
        array([[1., 1., 0., 1., 1.],
               [0., 0., 0., 0., 0.],
               [1., 1., 0., 0., 0.]])
    """
    images, columns = checked_images("images", images), checks.whole("columns", columns, high=MAX_COLUMNS)
    gap = checks.whole("gap", gap, low=0, high=MAX_GAP_PIXELS)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    channels = images.shape[3:]
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *channels), float(bool(channels)))
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def checked_images(name: str, images: np.ndarray) -> np.ndarray:
    """An argument as images `(n, height, width[, channels])` that can be drawn."""
    found = checks.array(name, images, ("n", "height", "width", "…"), dtype=None)
    if found.shape[3:] not in ((), (1,), (3,), (4,)):
        raise InputError(
            f"{name}: expected shape (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels; "
            f"received {found.shape}."
        )
    return found


def checked_mapping(name: str, value: Mapping[Any, Any], keys: Sequence[str] = ()) -> Mapping[Any, Any]:
    """An argument as a mapping with at least one entry, and with these keys."""
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"{name}: expected a mapping with at least one entry; received {type(value).__name__}.")
    missing = [key for key in keys if key not in value]
    if missing:
        raise InputError(f"{name}: expected the keys {', '.join(keys)}; {', '.join(missing)} missing.")
    return value


def curves(
    ax: Axes,
    epochs: np.ndarray,
    lines: Mapping[str, np.ndarray],
    ylabel: str = "nats per image",
    colors: Mapping[str, str] | None = None,
) -> list[Line2D]:
    """Curves over epochs; a name that starts with `test ` is dashed, in the colour of the name without it.

    Args:
        ax: to draw on.
        epochs: `(n,)`.
        lines: `(n,)` values by the name of the curve.
        ylabel: quantity and unit of the values.
        colors: by the name of the curve; the others take the style's colours in turn.

    Example:
        >>> from matplotlib.figure import Figure
        >>> train, test = curves(Figure().subplots(), [1, 2], {"loss": [3, 2], "test loss": [4, 3]})
        >>> train.get_linestyle(), test.get_linestyle(), train.get_color() == test.get_color()
        ('-', '--', True)
    """
    epochs = checks.array("epochs", epochs, ("n",), dtype=None)
    drawn = []
    used: dict[str, Any] = dict(colors or {})  # colours in any of matplotlib's notations
    for name, values in checked_mapping("lines", lines).items():
        values = checks.array(f"lines[{name!r}]", values, (len(epochs),), dtype=None, finite=False)
        quantity = name.removeprefix("test ")
        options: dict[str, Any] = {"color": used[quantity]} if quantity in used else {}
        if quantity != name:
            options |= {"linestyle": DASHED, "fillstyle": "none"}
        (line,) = ax.plot(epochs, values, label=name, marker="o" if len(epochs) == 1 else None, **options)
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
    ax.grid(axis="y")


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
