"""Posteriors in the plane of two latent units: each as its 1σ ellipse, with the classes named at their medians."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae.diagnostics import GaussianMixture
from keras_vae.plots import visuals
from keras_vae.plots.labels import marker_paths

MIN_FILL, MAX_FILL = 0.06, 0.45  # opacity of an ellipse
MAX_OUTLINED, OUTLINE_POINTS = 2000, 0.6  # ellipses that have outlines, and their width
VIEW_SHARE = 0.998  # of the ellipses that do not exceed an edge, where the view does not show all
MAX_VIEW_GROWTH = 1.25  # of the side of a view that shows all ellipses, relative to one that shows this share
PRIOR_SIGMAS = 2.0  # of the prior, which a view shows
BACKGROUND = 0.6  # opacity of the magnification
MAX_MAGNIFICATION_RANGE = 1e3  # between the lightest and the darkest shade


class View(NamedTuple):
    """A square part of a plane.

    Attributes:
        x, y: its centre.
        half: half its side.
    """

    x: float
    y: float
    half: float

    @property
    def farthest(self) -> float:
        """The largest absolute coordinate in the view."""
        return self.half + max(abs(self.x), abs(self.y))

    @property
    def centred(self) -> float:
        """Half the side of the largest square around the origin in the view."""
        return self.half - max(abs(self.x), abs(self.y))


def posterior_plane(
    ax: Axes,
    mean: np.ndarray,
    std: np.ndarray | None,
    labels: np.ndarray | None,
    units: tuple[int, ...],
    class_names: Sequence[str] | None = None,
    view: View | None = None,
    circles: bool = False,
    prior: GaussianMixture | None = None,
) -> Collection:
    """Every posterior as its 1σ ellipse in the plane of two units, in the colour of its label, over the prior.

    Without standard deviations the posteriors are points, drawn as dots whose size has no meaning.

    Args:
        ax: to draw on.
        mean: `(n, 2)`.
        std: `(n, 2)` standard deviations; None for posteriors without a density.
        labels: `(n,)` integers or None.
        units: the numbers of the two units, which name the axes.
        class_names: names of the labels 0, 1, …; default the labels themselves.
        view: what is shown; by default `view_of` these posteriors.
        circles: the circle r² = σₓ σᵧ in place of the ellipse.
        prior: a learned prior of the two units, drawn as its density; None for N(0, I), drawn with its rings.

    Returns:
        The ellipses or dots.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> drawn = posterior_plane(ax, np.zeros((2, 2)), np.array([[0.5, 1.0], [0.1, 0.1]]), np.arange(2), (0, 1))
        >>> sorted(drawn.get_widths().tolist())  # 2σ of the first unit
        [0.2, 1.0]
    """
    mean = checks.array("mean", mean, ("n", 2), dtype=None)
    std = None if std is None else checks.array("std", std, mean.shape, dtype=None, low=0)
    view = view_of((mean, std)) if view is None else view
    visuals.prior_density(ax, view.farthest, prior=prior)
    if prior is None:
        visuals.prior_rings(ax, view.centred)
    if std is None:
        drawn = dots(ax, mean, labels, 0.7 * visuals.marker_size(len(mean)))
    else:
        drawn = _ellipses(ax, mean, std, labels, circles)
    visuals.square_view(ax, view.half, units)
    ax.set(xlim=(view.x - view.half, view.x + view.half), ylim=(view.y - view.half, view.y + view.half))
    if labels is not None:
        visuals.name_classes(ax, mean, labels, view.centred, class_names)
    return drawn


def view_of(*planes: tuple[np.ndarray, np.ndarray | None]) -> View:
    """The square view of all ellipses and of the prior's 2σ circle; its centre need not be the origin.

    Where few ellipses lie so far out that the view would grow much, it shows nearly all of them.

    Args:
        planes: means and standard deviations `(n, 2)` of posteriors, or None for points.

    Example:
        >>> view_of((np.array([[3.0, 0.0]]), np.array([[1.0, 1.0]]))).half  # from −2 to 4, with a margin
        3.18
    """
    edges = [(mean, mean) if std is None else (mean - std, mean + std) for mean, std in planes]
    lows, highs = (np.concatenate(side).astype("float64") for side in zip(*edges, strict=True))
    whole = _square(lows.min(axis=0), highs.max(axis=0))
    usual = _square(np.quantile(lows, 1 - VIEW_SHARE, axis=0), np.quantile(highs, VIEW_SHARE, axis=0))
    return whole if whole.half <= MAX_VIEW_GROWTH * usual.half else usual


def _square(low: np.ndarray, high: np.ndarray) -> View:
    low, high = np.minimum(low, -PRIOR_SIGMAS), np.maximum(high, PRIOR_SIGMAS)
    x, y = (0.5 * (low + high)).tolist()
    return View(x, y, geometry.VIEW_MARGIN * 0.5 * float((high - low).max()))


def dots(ax: Axes, mean: np.ndarray, labels: np.ndarray | None, size: float) -> Collection:
    """Points `(n, 2)` in the colours of their labels; `size` is the area of a dot, in points²."""
    order, colors = _order(len(mean)), visuals.label_colors(labels, len(mean))
    x, y = mean[order].T
    points = ax.scatter(x, y, s=size, c=colors[order], alpha=0.6, linewidths=0)
    if labels is not None:
        paths = marker_paths(labels, len(mean))
        points.set_paths([paths[i] for i in order])
    return points


def _ellipses(ax: Axes, mean: np.ndarray, std: np.ndarray, labels: np.ndarray | None, circles: bool) -> Collection:
    order, colors = _order(len(mean)), visuals.label_colors(labels, len(mean))
    fill = opacity(mean, std)
    line = 2 * fill if len(mean) <= MAX_OUTLINED else 0.0
    drawn = visuals.posterior_circles(ax, mean[order], std[order], colors[order], not circles, fill=fill, line=line)
    if line:
        drawn.set_linewidth(OUTLINE_POINTS)
    return drawn


def _order(n: int) -> np.ndarray:
    """An order in which no label lies on top of all others."""
    return np.random.default_rng(0).permutation(n)


def opacity(mean: np.ndarray, std: np.ndarray) -> float:
    """Opacity of ellipses at which both their density and single ones can be seen, `mean` and `std` `(n, 2)`.

    It decreases with the number of ellipses that cover a point, on average over the area of the means.

    Example:
        >>> mean = np.array([[-1.0, -1.0], [1.0, 1.0]])
        >>> opacity(mean, np.full((2, 2), 0.01)), opacity(np.tile(mean, (5000, 1)), np.full((10_000, 2), 0.5))
        (0.45, 0.06)
    """
    # In double precision: equal means have an area of almost 0.
    area = np.pi * max(np.prod(mean.std(axis=0), dtype="float64"), np.finfo("float32").tiny) * 4  # of an ellipse of 2σ
    covering = np.pi * std.prod(axis=1, dtype="float64").sum() / area
    return float(np.clip(0.6 / max(covering, 1e-9), MIN_FILL, MAX_FILL))


def magnification(ax: Axes, factor: np.ndarray, limit: float) -> AxesImage:
    """The magnification √det JᵀJ of a decoder over the plane of two units, as a background of grey shades.

    Args:
        ax: to draw on.
        factor: `(side, side)` on an even grid, rows from −limit upwards; above or equal to 0.
        limit: half the grid's side.

    Example:
        >>> from matplotlib.figure import Figure
        >>> picture = magnification(Figure().subplots(), np.ones((5, 5)), limit=3.0)
        >>> picture.get_extent()  # of the pixels, whose centres are the points of the grid
        [-3.75, 3.75, -3.75, 3.75]
    """
    factor = checks.array("factor", factor, ("side ≥ 2", "side ≥ 2"), low=0)
    limit = checks.number("limit", limit, 0, open_low=True)
    half = limit / (len(factor) - 1)
    highest = max(float(np.quantile(factor, 0.995)), float(np.finfo("float32").tiny))
    lowest = min(max(float(np.quantile(factor, 0.005)), highest / MAX_MAGNIFICATION_RANGE), 0.9 * highest)
    return ax.imshow(
        np.maximum(factor, lowest),
        palette.MAGNIFICATION_MAP,
        norm=LogNorm(lowest, highest),
        origin="lower",
        extent=(-limit - half, limit + half) * 2,
        interpolation="bilinear",
        alpha=BACKGROUND,
        zorder=-1,
    )
