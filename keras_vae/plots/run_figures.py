"""The figures of a run, and the functions that draw them, and its video, into its folder.

To add a figure, write a function of a `Run` that returns a matplotlib figure, and register it:

    @register("stds", "Histogram of the posterior standard deviations.", applies=lambda run: ...)
    def stds(run: Run) -> Figure: ...

`draw` then writes `figures/stds.png` and adds the caption to `figures/captions.json`.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from keras_vae import geometry
from keras_vae._utils import palette
from keras_vae._utils.data_words import worded
from keras_vae._utils.files import complete
from keras_vae._utils.formatting import amount
from keras_vae.diagnostics import UnitHistory
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation.findings import finding
from keras_vae.measures import LEARNED_PRIOR
from keras_vae.plots import (
    audit_figures,
    layout,
    neighbour_figures,
    posterior_plane,
    unit_figures,
    vector_figures,
    visuals,
)
from keras_vae.plots.figure_registry import FIGURES, Drawn, collected, draw_registered, register, title
from keras_vae.plots.run_videos import has_trajectory_plane, trajectory_stills, trajectory_video
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import bar_text, pictures

__all__ = ["FIGURES", "audit", "draw", "draw_what_is_missing", "register", "trajectory_stills", "trajectory_video"]

MAX_TIMELINE_UNITS = 128


def draw(
    run: Run | str | Path,
    epochs: tuple[float, float] | None = None,
    ellipses: bool = False,
    gif: bool = False,
    video: bool = True,
    quiet: bool = False,
) -> list[Path]:
    """Draws every registered figure that applies to a run, and the trajectory video.

    Args:
        run: a finished run, or its folder.
        epochs: the part of the training in the video, (0, 5) for the first five epochs; default all of it, in
            20 seconds.
        ellipses: 1σ ellipses in place of circles.
        gif: make a GIF of the video as well.
        video: whether to make the video.
        quiet: no progress bar.

    Returns:
        The paths of the figures and videos.

    Raises:
        InputError: if the folder holds no finished run, or `epochs` were not recorded.
        DamagedFileError: if one of its files is damaged, after everything is drawn that does not need it.
    """
    drawn, damaged = draw_readable(run, epochs, ellipses, gif, video, quiet)
    if damaged:
        raise damaged[0]
    return drawn


def draw_readable(
    run: Run | str | Path,
    epochs: tuple[float, float] | None = None,
    ellipses: bool = False,
    gif: bool = False,
    video: bool = True,
    quiet: bool = False,
) -> Drawn:
    """As `draw`, which describes the arguments, but with the errors of damaged files in the result."""
    run = run if isinstance(run, Run) else Run.open(run)
    run.require_finished()
    run.check_writable()
    if epochs is not None:
        from keras_vae.plots.video import checked_epochs

        run.trajectory.between(*checked_epochs(epochs))  # raises before anything is drawn
    drawn, damaged = draw_registered(run, FIGURES.values())
    with collected(damaged):
        if video and has_trajectory_plane(run):
            drawn.append(trajectory_video(run, epochs=epochs, ellipses=ellipses, quiet=quiet))
            if gif:
                from keras_vae.plots.video import write_gif

                drawn.append(write_gif(drawn[-1], drawn[-1].with_suffix(".gif")))
    return Drawn(drawn, damaged)


def audit(run: Run) -> list[Path]:
    """Draws the figures of a run's audit; none where `evaluation.json` holds no audit. Returns their paths."""
    drawn, damaged = draw_registered(run, [figure for figure in FIGURES.values() if figure.section == "audit"])
    if damaged:
        raise damaged[0]
    return drawn


def draw_what_is_missing(
    run: Run, video: bool = True, log: Callable[[str], None] = lambda text: None
) -> list[DamagedFileError]:
    """Draws the missing figures of a finished run, and its video if there is none; returns errors of damaged files.

    Args:
        run: the run.
        video: whether to make the video.
        log: called with a line of text before what takes long.
    """
    damaged: list[DamagedFileError] = []
    missing = []
    for figure in FIGURES.values():
        with collected(damaged):
            if not os.path.lexists(figure.path(run)) and figure.applies(run):
                missing.append(figure)
    if missing:
        log(f"Drawing the missing figures of {run.path}")
        run.check_writable()
        damaged += draw_registered(run, missing).damaged
    with collected(damaged):
        if video and has_trajectory_plane(run) and not complete(run.path / "videos", "*.mp4"):
            log(f"Drawing the missing video of {run.path}")
            trajectory_video(run)
    return damaged


# -- the registered figures, in the order of a page -------------------------------------------------------------


@register("loss", "Loss, reconstruction and KL over epochs, on training and test images.", lambda run: run.has_history)
def losses(run: Run) -> Figure:
    """Loss and reconstruction over epochs beside the KL or penalty; test images dashed."""
    history = run.history
    divergence = next((key for key in ("kl", "penalty") if key in history), None)
    groups = [("loss", "reconstruction")] + ([(divergence,)] if divergence else [])  # an autoencoder has neither
    figure = Figure(figsize=(5 * len(groups), 4), layout="constrained")
    for ax, keys in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups, strict=True):
        names = {key: "KL" if key == "kl" else key for key in keys}
        lines: dict[str, np.ndarray] = {}
        colors: dict[str, str] = {}
        for key, name in names.items():
            lines |= {name: history[key], f"test {name}": history[f"val_{key}"]}
            colors[name] = {"loss": palette.LOSS, "reconstruction": palette.RECONSTRUCTION}.get(key, palette.KL)
        visuals.curves(ax, history["epoch"], lines, worded("nats per image", run.image_shape), colors)
        ax.set_title(" and ".join(names.values()))
        _crop_first_epoch(ax, [*lines.values()])
    layout.heading(figure, *_title_and_note(run, "loss", "test images dashed"))
    return figure


def _title_and_note(run: Run, stem: str, note: str) -> tuple[str, str]:
    """The finding of a figure as its title, and the run with what is shown as the note, in the words of its data."""
    found, note = finding(run, stem), worded(note, run.image_shape)
    return (found, f"{title(run)}: {note}") if found else (title(run), note)


def _with_bars(run: Run, figure: Figure) -> Figure:
    """The figure, with what the bars of its pictures are written below it where the data are tables."""
    layout.add_note(figure, visuals.plain(bar_text(run)))
    return figure


def _crop_first_epoch(ax: Axes, lines: list[np.ndarray]) -> None:
    """Fits the view to the later epochs, and states the first value, if it is far above them in a long training."""
    values = np.concatenate([line[1:] for line in lines])
    first = max(line[0] for line in lines)
    if len(lines[0]) < 8 or first < values.max() + 0.5 * np.ptp(values):
        return
    margin = 0.08 * np.ptp(values)
    ax.set_ylim(values.min() - margin, values.max() + margin)
    text = f"first epoch: up to {first:.1f}"
    ax.set_title(text, loc="right", fontsize=8, fontweight="normal", color=palette.MUTED)


def _grey(run: Run) -> str:
    """What the grey marginals are."""
    return "grey: N(0, 1), not the learned prior" if run.has_learned_prior else "grey: the prior"


def _has_density(run: Run) -> bool:
    return "log_var" in run.arrays("encodings")


@register(
    "posteriors",
    "The posterior of every test image as its 1σ ellipse, in the plane of the two units that vary most; shade and "
    "dashed circles: the prior N(0, I). Classes that lie apart are named at their medians.",
    lambda run: run.metrics["n_units"] > 1 and _has_density(run),
    learned_prior="The posterior of every test image as its 1σ ellipse, in the plane of the two units that vary most; "
    "shade: the density of the learned prior. Classes that lie apart are named at their medians.",
)
def posteriors(run: Run) -> Figure:
    """The posteriors of test images in the plane of the two units that vary most."""
    return _latent(run, "1σ ellipses of the posteriors")


@register(
    "latent",
    "Codes of test images in the plane of the two units that vary most, with the prior's σ circles.",
    lambda run: run.metrics["n_units"] > 1 and not _has_density(run),
)
def latent(run: Run) -> Figure:
    """Codes of test images in the plane of the two units that vary most; their size has no meaning."""
    return _latent(run, "codes")


def _latent(run: Run, what: str) -> Figure:
    encodings, plane = run.arrays("encodings"), _plane(run)
    mean, std = run.flat_encodings
    figure, (ax,) = layout.panels(1, 1, (8.2, 7.4))
    posterior_plane.posterior_plane(
        ax,
        mean[:, list(plane)],
        None if std is None else std[:, list(plane)],
        encodings.get("labels"),
        plane,
        run.class_names,
        prior=audit_figures.learned_prior(run, plane),
    )
    note = f"{amount(len(mean))} test images; grey: the prior"
    layout.title(ax, *_title_and_note(run, "posteriors", f"{what} of {note}"))
    return figure


@register(
    "magnification",
    "Magnification √det JᵀJ of the decoder, dark where a small step changes the image much, behind the codes of test "
    "images. The finding compares the 10 % and 90 % quantiles within the prior's 2σ circle.",
    lambda run: run.has_arrays("magnification"),
    learned_prior="Magnification √det JᵀJ of the decoder, dark where a small step changes the image much, behind the "
    "codes of test images. The finding compares the 10 % and 90 % quantiles within a circle of radius 2.",
)
def magnification(run: Run) -> Figure:
    """The decoder's magnification over the plane, behind the codes of test images."""
    arrays, encodings = run.arrays("magnification"), run.arrays("encodings")
    mean, labels, limit = geometry.flat(encodings["mean"]), encodings.get("labels"), float(arrays["limit"])
    figure, (ax,) = layout.panels(1, 1, (8.2, 8.2))
    picture = posterior_plane.magnification(ax, arrays["factor"], limit)
    if not run.has_learned_prior:
        visuals.prior_rings(ax, limit)
    posterior_plane.dots(ax, mean, labels, 0.4 * visuals.marker_size(len(mean)))
    visuals.square_view(ax, limit, (0, 1))
    if labels is not None:
        visuals.name_classes(ax, mean, labels, limit, run.class_names)
    ticks: dict[str, Any] = {"ticks": LogLocator(subs=(1, 2, 5)), "format": "{x:g}"}  # even steps in a narrow range
    label = "magnification √det JᵀJ of the decoder"
    place: dict[str, Any] = {"location": "bottom", "extend": "both", "shrink": 0.6, "aspect": 40, "pad": 0.02}
    figure.colorbar(picture, ax=ax, label=label, **place, **ticks).minorticks_off()
    layout.title(ax, *_title_and_note(run, "magnification", "√det JᵀJ of the decoder behind the codes"))
    return figure


@register(
    "principal",
    "Posterior means of test images on their two principal components, with the prior's σ circles.",
    lambda run: run.metrics["n_units"] > 2 and len(run.arrays("encodings")["mean"]) > 1,
    learned_prior="Posterior means of test images on their two principal components.",
)
def principal(run: Run) -> Figure:
    """Posterior means of test images on their two principal components."""
    encodings = run.arrays("encodings")
    figure, (ax,) = layout.panels(1, 1, (7.6, 6.6))
    is_standard = not run.has_learned_prior
    visuals.principal_scatter(ax, encodings["mean"], encodings.get("labels"), run.class_names, is_standard)
    n = amount(len(encodings["mean"]))
    prior = "; shade and dashed circles: the prior N(0, I)" if is_standard else ""
    note = f"posterior means of {n} test images{prior}"
    layout.title(ax, *_title_and_note(run, "principal", note))
    return figure


@register(
    "manifold",
    "Images decoded on a grid at the prior's quantiles in one or two latent units.",
    learned_prior="Images decoded on a grid at the quantiles of N(0, 1), which is not the model's prior, in one or two "
    "latent units.",
)
def manifold(run: Run) -> Figure:
    """Images decoded on a grid at the prior's quantiles in two units, or in the only one."""
    arrays = run.arrays("manifold")
    side, plane = int(arrays["side"]), arrays["units"]
    rows = len(arrays["images"]) // side
    images = pictures(run, arrays["images"])
    figure, (ax,) = layout.panels(1, 1, (7.4, 1.2 + 6.4 * rows / side * layout.relative_height(*images.shape[1:3])))
    picture = visuals.image_grid(ax, images, side, gap=0)
    ax.set_axis_on()
    height, width = picture.get_size()
    places, names = layout.quantile_ticks(side)
    ax.set_xticks(places * width - 0.5, names)
    ax.set_xlabel(f"latent unit {plane[0]}")
    if rows > 1:
        ax.set_yticks((1 - places) * height - 0.5, names)
        ax.set_ylabel(f"latent unit {plane[1]}")
    else:
        ax.set_yticks([])
    ax.spines[:].set_visible(False)
    others = "" if run.metrics["n_units"] == len(plane) else ", all other units at 0"
    whose = "the quantiles of N(0, 1)" if run.has_learned_prior else "the prior's quantiles"
    layout.title(ax, *_title_and_note(run, "manifold", f"images decoded at {whose}{others}"))
    return _with_bars(run, figure)


@register(
    "samples",
    "Images decoded from draws of the prior N(0, I).",
    learned_prior="Images decoded from draws of the learned prior.",
)
def samples(run: Run) -> Figure:
    """Images decoded from draws of the prior."""
    images = pictures(run, run.arrays("samples")["images"])
    figure, (ax,) = layout.panels(1, 1, (6, 0.5 + 6 * layout.relative_height(*images.shape[1:3])))
    visuals.image_grid(ax, images, 10, gap=2)
    source = LEARNED_PRIOR if run.has_learned_prior else "N(0, I)"
    layout.title(ax, *_title_and_note(run, "samples", f"{len(images)} samples, z from {source}"))
    return _with_bars(run, figure)


@register(
    "units",
    "KL of every latent unit over epochs (Var[μ] for posteriors without a density); crosses mark epochs of collapse.",
    lambda run: 2 < run.metrics["n_units"] <= MAX_TIMELINE_UNITS and run.has_arrays("unit_history"),
    learned_prior="KL of every latent unit from N(0, 1), which is not the model's prior, over epochs; crosses mark "
    "epochs of collapse.",
)
def units(run: Run) -> Figure:
    """The KL of every latent unit through training, and the epoch in which a unit collapsed."""
    history = UnitHistory(**run.arrays("unit_history"))
    figure, (ax,) = layout.panels(1, 1, (7.6, 1.8 + 0.24 * history.var_mean.shape[1]))
    mesh = visuals.unit_timeline(ax, history)
    figure.colorbar(mesh, ax=ax, label=visuals.unit_timeline_label(history), extend="both")
    quantity = "variance of the means" if history.kl is None else "KL"
    note = f"{quantity} of each latent unit; a cross marks the collapse of an active unit"
    layout.title(ax, *_title_and_note(run, "units", note))
    return figure


def _unit_names(run: Run, units: np.ndarray) -> list[str]:
    """The names of rows of units: number and KL, or the variance of the means."""
    arrays = run.arrays("units")
    quantity, name = ("kl", "KL") if "kl" in arrays else ("var_mean", "Var[μ]")
    values = arrays[quantity].ravel()[units].tolist()
    return [f"unit {unit}\n{name} {value:.2f}" for unit, value in zip(units.tolist(), values, strict=True)]


@register(
    "traversals",
    "Images decoded along each latent unit from −3 to +3, all others at 0, by decreasing KL (Var[μ] without a "
    "density), beside the unit's marginal under the aggregate posterior and the prior N(0, 1), in grey.",
    lambda run: run.has_arrays("traversals"),
    learned_prior="Images decoded along each latent unit from −3 to +3, all others at 0, by decreasing KL from N(0, 1),"
    " beside the unit's marginal under the aggregate posterior and N(0, 1), in grey, which is not the model's prior.",
)
def traversals(run: Run) -> Figure:
    """Images decoded along each latent unit, beside the unit's marginal."""
    arrays, encodings = run.arrays("traversals"), run.flat_encodings
    arrays |= {"images": pictures(run, arrays["images"])}
    shown, n_units = len(arrays["units"]), run.metrics["n_units"]
    which = "" if shown == n_units else f"the first {shown} of {amount(n_units)} units; "
    note = f"{which}all other units at 0; blue: the aggregate posterior, {_grey(run)}"
    figure = unit_figures.traversals(
        arrays, *encodings, _unit_names(run, arrays["units"]), *_title_and_note(run, "traversals", note)
    )
    return _with_bars(run, figure)


@register(
    "marginals",
    "The marginal of each latent unit under the aggregate posterior, by decreasing KL (Var[μ] without a density), over "
    "the prior N(0, 1), in grey.",
    lambda run: run.has_arrays("traversals") and len(run.arrays("traversals")["units"]) < run.metrics["n_units"],
    learned_prior="The marginal of each latent unit under the aggregate posterior, by decreasing KL from N(0, 1), over "
    "N(0, 1), in grey, which is not the model's prior.",
)
def marginals(run: Run) -> Figure:
    """The marginal of each unit, where they are too many for the strips of `traversals`."""
    arrays, encodings = run.arrays("units"), run.flat_encodings
    order = np.argsort(-arrays["kl" if "kl" in arrays else "var_mean"].ravel(), kind="stable")
    shown = order[: unit_figures.MAX_MARGINALS]
    which = "" if len(shown) == len(order) else f"the first {len(shown)} of {amount(len(order))} units; "
    note = f"{which}blue: the aggregate posterior, {_grey(run)}"
    return unit_figures.marginals(shown, *encodings, *_title_and_note(run, "marginals", note))


@register(
    "interpolation",
    "Interpolation between pairs of test images: decoded along a line and an arc in latent space, and a pixel "
    "cross-fade.",
    lambda run: run.has_arrays("interpolation"),
)
def interpolation(run: Run) -> Figure:
    """Interpolation paths between test images: a line and an arc in latent space, and a cross-fade of the pixels."""
    paths = {name: pictures(run, images) for name, images in run.arrays("interpolation").items()}
    height = 0.9 + 7.9 * layout.relative_height(*paths["linear"].shape[2:4])
    figure = Figure(figsize=(7.4, height), layout="constrained")
    visuals.interpolations(figure, paths)
    note = "paths between pairs of test images, which stand at the ends"
    layout.heading(figure, *_title_and_note(run, "interpolation", note))
    return _with_bars(run, figure)


@register("reconstructions", "Test images above their reconstructions.", lambda run: len(run.image_shape) > 1)
def reconstructions(run: Run) -> Figure:
    """Test images above their reconstructions."""
    arrays = {name: pictures(run, images) for name, images in run.arrays("reconstructions").items()}
    n = len(arrays["originals"])
    height = 1.2 + layout.relative_height(*arrays["originals"].shape[1:3])
    figure = Figure(figsize=(0.5 * n + 1.2, height), layout="constrained")
    rows = {"test image": arrays["originals"], "reconstruction": arrays["images"]}
    for ax, (name, images) in zip(figure.subplots(2, 1), rows.items(), strict=True):
        visuals.image_grid(ax, images, n)
        layout.row_name(ax, worded(name, run.image_shape))
    layout.heading(figure, *_title_and_note(run, "reconstructions", "test images above their reconstructions"))
    return figure


@register(
    "coordinates",
    "Test rows, solid, and their reconstructions, dashed: values over the columns, as the model receives them.",
    lambda run: len(run.image_shape) == 1,
)
def coordinates(run: Run) -> Figure:
    """Test rows and their reconstructions in parallel coordinates."""
    arrays, preparation = run.arrays("reconstructions"), run.preparation
    value = "value" if preparation.mean is None else "standardized value"
    heading = _title_and_note(run, "coordinates", "test rows and their reconstructions")
    return vector_figures.parallel_coordinates(
        arrays["originals"], arrays["images"], *heading, preparation.columns, value
    )


@register(
    "neighbours",
    "Samples of the prior, the training images nearest to each in pixels, and those whose codes are nearest to its z. "
    "A small distance does not mean that samples are good: a blurred image is close to many training images.",
    lambda run: run.has_arrays("neighbours"),
)
def neighbours(run: Run) -> Figure:
    """Samples beside their nearest training images, in pixels and in the latent space."""
    arrays = run.arrays("neighbours")
    arrays |= {name: pictures(run, arrays[name]) for name in ("samples", "pixel_images", "latent_images")}
    note = neighbour_figures.distances(arrays)
    figure = neighbour_figures.neighbours(
        arrays, *_title_and_note(run, "neighbours", note), lambda text: worded(text, run.image_shape)
    )
    return _with_bars(run, figure)


def _has_audit(run: Run) -> bool:
    return run.has_evaluation and bool(run.evaluation.get("audit"))


@register(
    "aggregate",
    "The aggregate posterior q(z) compared with the prior: marginals, distances from the origin, parts of the KL, "
    "estimates of log p(x).",
    lambda run: _has_audit(run) and bool(run.evaluation["audit"]["encodings"]),  # None without a density
    section="audit",
    learned_prior="The aggregate posterior q(z): marginals and distances from the origin beside those of N(0, I), "
    "which is not the model's prior; parts of the KL from the learned prior p, estimates of log p(x).",
)
def aggregate(run: Run) -> Figure:
    """The aggregate posterior compared with the prior."""
    note = "the aggregate posterior q(z) and the prior"
    return audit_figures.posterior(run, *_title_and_note(run, "aggregate", note))


@register("samplers", "Samples by the distribution of z, and training images for comparison.", _has_audit, "audit")
def samplers(run: Run) -> Figure:
    """Samples by the distribution of z."""
    note = "samples by the distribution of z, and training images for comparison"
    figure = audit_figures.samplers(run, *_title_and_note(run, "samplers", note))
    return _with_bars(run, figure)


@register(
    "pseudo-inputs",
    "Pseudo-inputs of the VampPrior, whose posteriors the prior mixes, as the training left them.",
    lambda run: run.has_arrays("prior") and "pseudo_inputs" in run.arrays("prior"),
)
def pseudo_inputs(run: Run) -> Figure:
    """The learned pseudo-inputs of a VampPrior."""
    arrays = run.arrays("prior")
    images = pictures(run, arrays["pseudo_inputs"])
    figure, (ax,) = layout.panels(1, 1, (6, 0.5 + 6 * layout.relative_height(*images.shape[1:3])))
    visuals.image_grid(ax, images, math.ceil(math.sqrt(len(images))), gap=2)
    note = f"{len(images)} of {amount(len(arrays['weight']))} pseudo-inputs"
    layout.title(ax, *_title_and_note(run, "pseudo-inputs", note))
    return _with_bars(run, figure)


def _plane(run: Run) -> tuple[int, ...]:
    """The units of the run's manifold: the two whose means vary most, or the only one."""
    return tuple(run.arrays("manifold")["units"].tolist())
