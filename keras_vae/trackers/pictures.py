"""The pictures that a tracker sends, drawn from arrays: the plane of two units, reconstructions, samples."""

import io
from typing import TypeGuard

import numpy as np
from matplotlib.figure import Figure

from keras_vae import geometry
from keras_vae.data.value_range import value_range
from keras_vae.diagnostics import GaussianMixture
from keras_vae.diagnostics.encodings import random_images
from keras_vae.measures import LEARNED_PRIOR
from keras_vae.plots import image_grids, layout, posterior_plane, visuals
from keras_vae.plots.thumbnails import with_height_and_width
from keras_vae.runs.pictures import bar_chart, scaled
from keras_vae.trackers.model_view import Decoded
from keras_vae.trajectory import Trajectory

MAX_DRAWN_POSTERIORS = 5_000  # of more, a random subset is drawn
SAMPLE_COLUMNS = 8
DPI = 100


def draw(trajectory: Trajectory, images: Decoded) -> dict[str, Figure]:
    """The figures that apply to a state of the training, by name.

    Args:
        trajectory: one frame, the encodings, which are finite.
        images: reconstructions and samples, and the prior.
    """
    figures = {}
    if trajectory.mean.shape[2] > 1:
        figures["latent_plane"] = _latent_plane(trajectory, images.prior)
    limits = None if images.originals is None else value_range(images.originals)
    if images.originals is not None and _is_drawable(images.reconstructions):
        rows = [as_pictures(row, limits) for row in (images.originals, images.reconstructions)]
        figures["reconstructions"] = _reconstructions(*rows)
    if _is_drawable(images.samples):
        source = "N(0, I)" if images.prior is None else LEARNED_PRIOR
        figures["samples"] = _samples(as_pictures(images.samples, limits), source)
    return figures


def png(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    file = io.BytesIO()
    with visuals.style():
        figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def as_pictures(images: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Images, flat images or vectors as `(n, height, width[, channels])` in [0, 1].

    Args:
        images: `(n, height, width[, channels])`, or `(n, columns)`: flat images where `columns` is a square number,
            else vectors, which become bar charts.
        limits: the values that become 0 and 1; default those of the images.
    """
    limits = value_range(images) if limits is None else limits
    values = images / np.float32(255) if images.dtype == "uint8" else scaled(images, limits)
    squares = with_height_and_width(values)
    if squares is not None:
        return np.clip(squares, 0.0, 1.0)
    chart = bar_chart(images.shape[1:], limits)
    return values if chart is None else chart.draw(values)


def _is_drawable(images: np.ndarray | None) -> TypeGuard[np.ndarray]:
    """Whether there are finite images or vectors."""
    if images is None or images.ndim not in (2, 3, 4) or images.shape[3:] not in ((), (1,), (3,), (4,)):
        return False
    return bool(np.isfinite(images).all())


@visuals.style()
def _latent_plane(trajectory: Trajectory, prior: GaussianMixture | None) -> Figure:
    """The posteriors in the plane of the two units whose means vary most."""
    part = random_images(trajectory.mean.shape[1], MAX_DRAWN_POSTERIORS, np.random.default_rng(0))
    mean, std = trajectory.mean[-1], trajectory.std
    plane = geometry.most_varying_units(mean.var(axis=0))
    units = np.arange(mean.shape[1]) if trajectory.units is None else trajectory.units
    shown = tuple(units[list(plane)].tolist())
    figure, (ax,) = layout.panels(1, 1, (8.2, 7.4))
    posterior_plane.posterior_plane(
        ax,
        mean[part][:, plane],
        None if std is None else std[-1][part][:, plane],
        None if trajectory.labels is None else trajectory.labels[part],
        shown,
        None if trajectory.class_names is None else tuple(trajectory.class_names),
        prior=None if prior is None else prior.marginal(shown),
    )
    what = "codes" if std is None else "1σ ellipses of the posteriors"
    title = f"Latent space after epoch {trajectory.epochs[-1]:g}"
    layout.title(ax, title, f"{what} of {len(part):,} images; grey: the prior")
    return figure


@visuals.style()
def _reconstructions(originals: np.ndarray, images: np.ndarray) -> Figure:
    """Images above their reconstructions."""
    n = len(originals)
    height = 1.2 + layout.relative_height(*originals.shape[1:3])
    figure = Figure(figsize=(0.5 * n + 1.2, height), layout="constrained")
    for ax, (name, row) in zip(figure.subplots(2, 1), (("image", originals), ("reconstruction", images)), strict=True):
        image_grids.image_grid(ax, row, n)
        layout.row_name(ax, name)
    return figure


@visuals.style()
def _samples(images: np.ndarray, source: str) -> Figure:
    """Images decoded from draws of the prior, whose name is `source`."""
    figure, (ax,) = layout.panels(1, 1, (5, 5.4))
    image_grids.image_grid(ax, images, SAMPLE_COLUMNS, gap=2)
    layout.title(ax, "Samples", f"{len(images)} images decoded from draws of {source}")
    return figure
