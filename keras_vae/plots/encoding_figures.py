"""Figures of encodings without their model: the plane of two units, images in it, the audit, principal components."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import random_images
from keras_vae.evaluation import findings
from keras_vae.evaluation.audit_arrays import N_MARGINALS
from keras_vae.evaluation.encodings_audit import EncodingsAudit
from keras_vae.evaluation.encodings_file import EncodedImages
from keras_vae.plots import audit_figures, image_grids, layout, posterior_plane, unit_figures, visuals
from keras_vae.plots.thumbnails import with_height_and_width

MAX_DRAWN_ENCODINGS = 10_000  # of more, a random subset is drawn
MAP_CELLS = 26  # images along each side of the map
MAX_CELL_PIXELS = 48  # side of an image in the map


class Source(NamedTuple):
    """What the figures are drawn from.

    Attributes:
        name: of the encodings, which stands in the figures.
        images: the encodings that are drawn: all, or a random subset.
        total: number of all encodings.
        audit: measures of all.
    """

    name: str
    images: EncodedImages
    total: int
    audit: EncodingsAudit

    @property
    def plane(self) -> list[int]:
        """The two units whose means vary most, in the order of their numbers."""
        variances = [-row["var_mean"] for row in self.audit.units]
        return sorted(np.argsort(variances, kind="stable")[:2].tolist())

    @property
    def std(self) -> np.ndarray:
        """Standard deviations, `(n, units)`."""
        return np.exp(0.5 * self.images.log_var)

    def note(self, text: str) -> str:
        """A line below a title: the name, how many encodings are drawn, and what else there is to say."""
        n = len(self.images.mean)
        which = f"{n:,}" if n == self.total else f"{n:,} of {self.total:,}"
        return f"{visuals.plain(self.name)}: {text.format(n=which)}"


class Drawn(NamedTuple):
    """A figure that was written: its path, and what it shows."""

    path: Path
    caption: str


def draw(name: str, images: EncodedImages, audit: EncodingsAudit, folder: Path) -> list[Drawn]:
    """Draws the figures that apply to encodings into a folder, and returns them in the order of a page.

    Args:
        name: of the encodings.
        images: the encodings.
        audit: their audit.
        folder: receives one PNG per figure.
    """
    part = random_images(len(images.mean), MAX_DRAWN_ENCODINGS, np.random.default_rng(0))
    labels = None if images.labels is None else images.labels[part]
    pictures = None if images.images is None else with_height_and_width(images.images[part])
    drawn = EncodedImages(images.mean[part], images.log_var[part], labels, images.class_names, pictures)
    source = Source(name, drawn, len(images.mean), audit)
    n_units = images.mean.shape[1]
    figures: list[tuple[str, str, Callable[[Source], Figure], bool]] = [
        ("posteriors", POSTERIORS, posteriors, n_units > 1),
        ("images", IMAGES, image_map, n_units > 1 and pictures is not None),
        ("aggregate", AGGREGATE, aggregate, True),
        ("principal", PRINCIPAL, principal, n_units > 2),
        ("marginals", MARGINALS, marginals, n_units > N_MARGINALS),  # others are in `aggregate`
    ]
    return [
        Drawn(layout.save(function(source), folder / f"{stem}.png"), caption)
        for stem, caption, function, applies in figures
        if applies
    ]


POSTERIORS = (
    "The posteriors as 1σ ellipses, in the plane of the two units whose means vary most; shade and dashed circles: the "
    "prior N(0, I). Classes that lie apart are named at their medians."
)


@visuals.style()
def posteriors(source: Source) -> Figure:
    """The posteriors in the plane of the two units whose means vary most."""
    plane, images = source.plane, source.images
    figure, (ax,) = layout.panels(1, 1, (8.2, 7.4))
    mean, std = images.mean[:, plane], source.std[:, plane]
    posterior_plane.posterior_plane(ax, mean, std, images.labels, tuple(plane), images.class_names)
    layout.title(ax, findings.of_posteriors(std), source.note("1σ ellipses of {n} posteriors; grey: the prior"))
    return figure


IMAGES = (
    "The image whose mean is nearest to the middle of each cell of the plane; cells without a mean are empty. Dashed "
    "circles: the prior N(0, I)."
)


@visuals.style()
def image_map(source: Source) -> Figure:
    """Images at the places of their means, one per cell of the plane."""
    figure, (ax,) = layout.panels(1, 1, (7.6, 7.4))
    mean = source.images.mean[:, source.plane]
    limit = visuals.view_limit(mean)
    images = source.images.images
    if images is not None:  # the figure applies to no others
        draw_images(ax, mean, images, limit, gap=1)
    visuals.prior_rings(ax, limit)
    visuals.square_view(ax, limit, tuple(source.plane))
    layout.title(ax, "Images at the means of their posteriors", source.note("the nearest of {n} to each cell"))
    return figure


def draw_images(
    ax: Axes, mean: np.ndarray, images: np.ndarray, limit: float, cells: int = MAP_CELLS, gap: int = 0
) -> AxesImage:
    """The image nearest to the middle of each cell of a square view, where a mean lies in the cell.

    Args:
        ax: to draw on.
        mean: `(n, 2)`.
        images: `(n, height, width[, channels])` in [0, 1].
        limit: half the side of the view.
        cells: number of cells along each side.
        gap: pixels of background around each image.

    Example:
        >>> ax = Figure().subplots()
        >>> picture = draw_images(ax, np.array([[-0.5, 0.5]]), np.ones((1, 1, 1)), limit=1.0, cells=2)
        >>> picture.get_array().tolist()  # x to the right, y upwards
        [[1.0, 0.0], [0.0, 0.0]]
    """
    mean = checks.array("mean", mean, ("n", 2), dtype=None)
    images = _squares(image_grids.checked_images("images", images), gap)
    place = (mean + limit) * (cells / (2 * limit))
    cell = np.floor(place).astype(int)
    inside = np.all((cell >= 0) & (cell < cells), axis=1)
    distance = np.square(place - cell - 0.5).sum(axis=1)
    canvas = np.full((cells * cells, *images.shape[1:]), float(images.ndim == 4))  # 0 is white in grey images
    farthest_first = np.argsort(-distance, kind="stable")
    for i in farthest_first[inside[farthest_first]]:  # nearer images replace others
        canvas[(cells - 1 - cell[i, 1]) * cells + cell[i, 0]] = images[i]
    picture = image_grids.tile(np.clip(canvas, 0.0, 1.0), cells, gap=0)
    return ax.imshow(picture, vmin=0, vmax=1, extent=(-limit, limit, -limit, limit))


def _squares(images: np.ndarray, gap: int = 0) -> np.ndarray:
    """Images without a single channel, of few pixels, in the middle of squares with a margin of background."""
    images = images[..., 0] if images.shape[3:] == (1,) else images[..., :3] if images.ndim == 4 else images
    step = -(-max(images.shape[1:3]) // MAX_CELL_PIXELS)
    images = images[:, ::step, ::step]
    height, width = images.shape[1:3]
    side = max(height, width)
    margins = [((side - length) // 2 + gap, (side - length + 1) // 2 + gap) for length in (height, width)]
    others = [(0, 0)] * (images.ndim - 3)
    return np.pad(images, [(0, 0), *margins, *others], constant_values=float(images.ndim == 4))


AGGREGATE = (
    "The aggregate posterior q(z) compared with the prior: marginals of the units that differ most, distances from the "
    "origin, and the parts of the mean KL; for two units also the density q(z)."
)


@visuals.style()
def aggregate(source: Source) -> Figure:
    """The aggregate posterior compared with the prior."""
    encodings, arrays = source.audit.encodings, source.audit.arrays
    figure = Figure(figsize=(10.4, 7.0), layout="constrained")
    names: Any = [["marginals", "radii"], ["kl", "density" if "density" in arrays else "kl"]]
    axes: dict[str, Any] = figure.subplot_mosaic(names, height_ratios=(1, 1) if "density" in arrays else (1, 0.55))
    audit_figures.marginals(axes["marginals"], arrays["marginal_grid"], arrays["marginals"], arrays["marginal_units"])
    audit_figures.radii(axes["radii"], arrays["radii"], encodings["latent_units"])
    audit_figures.kl_parts(axes["kl"], encodings["divergence"])
    if "density" in arrays:
        picture = _density(axes["density"], arrays)
        figure.colorbar(picture, ax=axes["density"], extend="max", shrink=0.9)
    layout.heading(figure, findings.of_divergence(encodings))
    return figure


def _density(ax: Axes, arrays: Mapping[str, np.ndarray]) -> AxesImage:
    """The density q(z) of two units."""
    limit, density = float(arrays["density_limit"]), arrays["density"]
    highest = max(1 / np.pi, float(np.quantile(density, 0.99)))  # at least twice the highest density of the prior
    picture = audit_figures.plane_density(ax, density, limit, highest)
    ticks = ax.get_xticks()
    ax.set(xlim=(-limit, limit), yticks=ticks, ylim=(-limit, limit), ylabel="latent unit 1")
    visuals.prior_rings(ax, limit)
    layout.subtitle(ax, "density q(z) in the plane")
    return picture


PRINCIPAL = "The means on their two principal components; shade and dashed circles: the prior N(0, I)."


@visuals.style()
def principal(source: Source) -> Figure:
    """Posterior means on their two principal components."""
    images = source.images
    figure, (ax,) = layout.panels(1, 1, (7.6, 6.6))
    visuals.principal_scatter(ax, images.mean, images.labels, images.class_names)
    layout.title(ax, "Principal components of the means", source.note("means of {n} posteriors; grey: the prior"))
    return figure


MARGINALS = (
    "The marginal of each unit under the aggregate posterior, by decreasing KL, over the prior N(0, 1), in grey."
)


@visuals.style()
def marginals(source: Source) -> Figure:
    """The marginal of each unit, by decreasing KL."""
    kl = np.array([row["kl"] for row in source.audit.units])
    shown = np.argsort(-kl, kind="stable")[: unit_figures.MAX_MARGINALS]
    which = "" if len(shown) == len(kl) else f"the first {len(shown)} of {len(kl):,} units; "
    title = findings.of_active_units(source.audit.encodings["n_active"], len(kl))
    note = source.note(f"{which}blue: the aggregate posterior of {{n}}, grey: the prior")
    return unit_figures.marginals(shown, source.images.mean, source.std, title, note)
