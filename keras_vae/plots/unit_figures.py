"""Figures of single latent units: images decoded along them, and their marginals beside the prior."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats
from scipy.interpolate import CubicSpline

from keras_vae import diagnostics
from keras_vae._utils import checks, palette
from keras_vae.plots import camera, layout, visuals

Z_LIMIT = 3.5  # half the width of a marginal's view, unless the marginal of a unit reaches further
MAX_TICK_SHARE = 0.85  # of half that width, between the ticks
N_BINS = 140  # in which the density of a marginal is averaged
IMAGE_INCHES = 0.43  # width of an image of a traversal
MARGINAL_INCHES = 1.5  # width of a marginal beside it
MAX_MARGINALS, MARGINAL_COLUMNS = 128, 8
CELL_INCHES = 1.1, 0.85  # width and height of one of many marginals
EDGE_INCHES, MIN_WIDTH_INCHES = 0.55, 6.5  # above and below them, and of the figure


def marginal(ax: Axes, mean: np.ndarray, std: np.ndarray | None, limit: float = Z_LIMIT) -> Line2D:
    """The marginal of one unit under the aggregate posterior, over the density of N(0, 1).

    It is the mixture of the posteriors of all images, averaged over bins, so that narrow posteriors keep their mass;
    without a density, the distribution of the codes.

    Args:
        ax: to draw on.
        mean: `(n,)` posterior means of the unit.
        std: `(n,)` standard deviations, or None.
        limit: half the width of the view.

    Example:
        >>> line = marginal(Figure().subplots(), np.array([-1.0, 1.0]), np.array([0.5, 0.5]))
        >>> x, y = line.get_data()
        >>> round(float(y.sum() * (x[1] - x[0])), 3)  # all of the mass is in view
        1.0
    """
    mean = checks.array("mean", mean, ("n",), dtype=None)
    std = None if std is None else checks.array("std", std, mean.shape, dtype=None, low=0)
    limit = checks.number("limit", limit, 0, open_low=True)
    edges = np.linspace(-limit, limit, N_BINS + 1)
    centers = 0.5 * (edges[1:] + edges[:-1])
    density = binned_marginal(mean, std, edges)
    prior = stats.norm.pdf(centers)
    ax.fill_between(centers, prior, color=palette.PRIOR, alpha=0.3, linewidth=0, label="prior N(0, 1)")
    (line,) = ax.plot(centers, density, color=palette.AGGREGATE_POSTERIOR, linewidth=1.3, label="q(z) of the unit")
    highest = max(prior.max(), min(float(density.max()), 4 * prior.max()))  # a spike may leave the view
    ax.set(xlim=(-limit, limit), ylim=(0, 1.08 * highest), yticks=[])
    ax.spines["left"].set_visible(False)
    return line


def binned_marginal(mean: np.ndarray, std: np.ndarray | None, edges: np.ndarray) -> np.ndarray:
    """Mean density in each bin of the mixture of N(mean, std²), or of the means where that would be too narrow.

    Args:
        mean, std: `(n,)`; std may be None.
        edges: `(bins + 1,)`, ascending and even.

    Returns:
        `(bins,)`.

    Example:
        >>> binned_marginal(np.array([0.5, 1.5]), None, np.array([0.0, 1.0, 2.0])).tolist()
        [0.5, 0.5]
    """
    grid, density = np.empty(0), np.empty(0)
    if std is not None and std.min() > 0:
        grid, density = diagnostics.marginal_density(mean, std)
    widths = np.diff(edges)
    if not len(grid):
        return np.histogram(mean, edges)[0] / (len(mean) * widths)
    cumulative = CubicSpline(grid, density).antiderivative()  # bins may be narrower than the steps of the grid
    return np.maximum(np.diff(cumulative(np.clip(edges, grid[0], grid[-1]))), 0.0) / widths


def view_of(mean: np.ndarray, std: np.ndarray | None) -> float:
    """Half the width of a view that shows nearly all codes of each unit, and two standard deviations around them.

    Args:
        mean, std: encodings `(n, units)`; std may be None.

    Example:
        >>> view_of(np.zeros((4, 2)), np.ones((4, 2))), view_of(np.full((4, 2), [0.0, 9.0]), np.full((4, 2), 0.5))
        (3.5, 10.0)
    """
    reach = np.abs(mean) if std is None else np.abs(mean) + 2 * std
    # By unit: of many units, one that reaches far has a small share of all codes.
    return max(Z_LIMIT, float(np.quantile(reach, 0.998, axis=0).max()))


def _ticks(limit: float) -> dict[float, str]:
    """Names of the values of a unit that a marginal's axis marks: 0, and a round value to either side."""
    value = camera.round_length(limit, MAX_TICK_SHARE)
    return {-value: f"−{value:g}", 0.0: "0", value: f"+{value:g}"}


@visuals.style()
def traversals(
    arrays: Mapping[str, np.ndarray],
    mean: np.ndarray,
    std: np.ndarray | None,
    names: Sequence[str],
    title: str,
    note: str,
) -> Figure:
    """A strip of images for each unit, decoded along it, beside the unit's marginal and the prior.

    Args:
        arrays: `units`, `z` and `images` `(units, z, …)`, as in `arrays/traversals.npz`.
        mean, std: encodings of test images, `(n, all units)`; std may be None.
        names: of the rows, one for each unit.
        title: heading of the figure.
        note: text below the figure.

    Example:
        >>> arrays = {"units": np.array([1]), "z": np.linspace(-3, 3, 5), "images": np.zeros((1, 5, 8, 8))}
        >>> figure = traversals(arrays, np.zeros((4, 2)), np.ones((4, 2)), ["unit 1"], "a run", "")
        >>> [len(ax.images) for ax in figure.get_axes()]
        [1, 0]
    """
    checks.mapping("arrays", arrays, ("units", "z", "images"))
    units, z, images = arrays["units"], arrays["z"], arrays["images"]
    height, width = images.shape[2:4]
    strip = IMAGE_INCHES * len(z)
    row = min(IMAGE_INCHES * height / width, 2.0) + 0.1
    figure = Figure(figsize=(strip + MARGINAL_INCHES + 1.1, row * len(units) + 1.25), layout="constrained")
    grid = figure.subplots(len(units), 2, squeeze=False, width_ratios=(strip, MARGINAL_INCHES))
    limit = view_of(mean, std)
    for (left, right), unit, path, name in zip(grid, units.tolist(), images, names, strict=True):
        visuals.image_grid(left, path, len(z), gap=1)
        layout.row_name(left, name)
        marginal(right, mean[:, unit], None if std is None else std[:, unit], limit)
        right.set_xticks(list(_ticks(limit)), [])
    _z_axis(left, z, width)
    right.set_xticks(list(_ticks(limit)), list(_ticks(limit).values()))
    layout.subtitle(grid[0, 0], "decoded at these values of the unit")
    layout.subtitle(grid[0, 1], "q(z) and N(0, 1)")
    layout.heading(figure, title, note)
    return figure


def _z_axis(ax: Axes, z: np.ndarray, width: int) -> None:
    """Values of the unit below a strip of images with gaps of one pixel."""
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    shown = np.arange(0, len(z), 2)
    names = ["0" if abs(value) < 0.05 else f"{value:+.2g}".replace("-", "−") for value in z[shown].tolist()]
    ax.set_xticks(shown * (width + 1) + (width - 1) / 2, names)
    ax.set_yticks([])
    ax.tick_params(length=0)


@visuals.style()
def marginals(units: np.ndarray, mean: np.ndarray, std: np.ndarray | None, title: str, note: str) -> Figure:
    """The marginal of each unit over N(0, 1), as small multiples in the given order.

    Args:
        units: numbers of the units.
        mean, std: encodings of test images, `(n, all units)`; std may be None.
        title: heading of the figure.
        note: text below the figure.

    Example:
        >>> figure = marginals(np.array([3, 0]), np.zeros((5, 4)), np.ones((5, 4)), "a run", "")
        >>> [text.get_text() for text in figure.get_axes()[0].texts][:2]
        ['unit 3', 'unit 0']
    """
    units = checks.array("units", units, ("units",), dtype="int64", low=0)
    columns = min(MARGINAL_COLUMNS, len(units))
    rows = -(-len(units) // columns)
    width, height = CELL_INCHES[0] * columns, CELL_INCHES[1] * rows
    figure = Figure(figsize=(max(width, MIN_WIDTH_INCHES), height + 2 * EDGE_INCHES))
    total = figure.get_size_inches()
    # One axes for all units: a layout of a hundred axes takes half a minute.
    ax = figure.add_axes((0.0, EDGE_INCHES / total[1], width / total[0], height / total[1]))
    ax.set(xlim=(0, columns), ylim=(rows, 0))
    ax.set_axis_off()
    _draw_cells(ax, units, mean, std, columns)
    layout.heading(figure, title, note)
    return figure


def _draw_cells(ax: Axes, units: np.ndarray, mean: np.ndarray, std: np.ndarray | None, columns: int) -> None:
    """Marginals in cells of size 1 × 1, row by row; each has its own scale, which holds both densities."""
    limit = view_of(mean, std)
    edges = np.linspace(-limit, limit, N_BINS + 1)
    centers = 0.5 * (edges[1:] + edges[:-1])
    prior = stats.norm.pdf(centers)
    x = 0.05 + 0.9 * (centers + limit) / (2 * limit)
    areas, lines = [], []
    for i, unit in enumerate(units.tolist()):
        density = binned_marginal(mean[:, unit], None if std is None else std[:, unit], edges)
        highest = max(prior.max(), min(float(density.max()), 4 * prior.max()))  # a spike may leave the view
        left, base = i % columns, i // columns + 0.95
        across, (below, line) = left + x, (base - 0.66 * np.minimum(y / highest, 1.0) for y in (prior, density))
        areas.append(np.column_stack([np.r_[across[0], across, across[-1]], np.r_[base, below, base]]))
        lines.append(np.column_stack([across, line]))
        ax.text(left + 0.05, base - 0.72, f"unit {unit}", fontsize=8, va="bottom")
    ax.add_collection(PolyCollection(areas, facecolors=palette.PRIOR, alpha=0.3, linewidths=0))
    ax.add_collection(LineCollection(lines, colors=palette.AGGREGATE_POSTERIOR, linewidths=1.2))
    for left in range(columns):
        for z, name in _ticks(limit).items():
            at, row = left + 0.05 + 0.9 * (z + limit) / (2 * limit), (len(units) - 1 - left) // columns
            ax.text(at, row + 0.97, name, fontsize=8, color=palette.MUTED, ha="center", va="top")
