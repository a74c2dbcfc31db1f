"""The figures of a run, by name in the registry `FIGURES`, and the function that draws them into its folder.

To add a figure, write a function of a `Run` that returns a matplotlib figure, and register it:

    @register("stds", "Histogram of the posterior standard deviations.", applies=lambda run: ...)
    def stds(run: Run) -> Figure: ...

`draw` then writes `figures/stds.png` and adds the caption to `figures/captions.json`.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae._utils.files import atomic, complete, write_json
from keras_vae._utils.foreign_text import shortened
from keras_vae._utils.formatting import number
from keras_vae.diagnostics import UnitHistory
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.plots import audit_figures, layout, neighbour_figures, posterior_plane, unit_figures, visuals
from keras_vae.runs import study_forms
from keras_vae.runs.folder import Run
from keras_vae.trajectory import Trajectory

CAPTIONS = "captions.json"  # beside the figures: {file stem: caption}, in the order in which pages show them
MAX_TIMELINE_UNITS = 128
MAX_TITLE_CHARACTERS = 60  # that fit into the narrowest figure

Section = Literal["training", "audit"]
FIGURE_NAME = re.compile(r"[\w-]+")
Draw = Callable[[Run], Figure]


class RunFigure(NamedTuple):
    """A registered figure of a run.

    Attributes:
        name: file stem; the figure is written to `figures/NAME.png`.
        caption: one sentence that says what the figure shows; pages use it as caption and alternative text.
        draw: returns the figure of a run.
        applies: whether a finished run has what the figure needs.
        section: "training" for figures of the training and the latent space, "audit" for results of the audit.
        finding: returns what the figure shows of this run, the beginning of its caption; None where nothing is stated.
    """

    name: str
    caption: str
    draw: Draw
    applies: Callable[[Run], bool]
    section: Section
    finding: Callable[[Run], str] | None = None

    def describe(self, run: Run) -> str:
        """The caption for a run, which begins with the finding."""
        return self.caption if self.finding is None else f"{self.finding(run)}. {self.caption}"


FIGURES: dict[str, RunFigure] = {}  # by name, in the order in which they are drawn and shown


def register(
    name: str,
    caption: str,
    applies: Callable[[Run], bool] = lambda run: True,
    section: Section = "training",
    finding: Callable[[Run], str] | None = None,
) -> Callable[[Draw], Draw]:
    """Registers a function of a run as the figure `name`; a decorator. The function is called in the package's style.

    Args:
        name, caption, applies, section, finding: as in `RunFigure`.

    Raises:
        InputError: if another figure has this name.
    """
    if not isinstance(name, str) or not FIGURE_NAME.fullmatch(name):
        raise InputError(f"name: expected letters, digits, - and _, as in a file's name; received {name!r}.")
    if not isinstance(caption, str) or not caption:
        raise InputError(f"caption: expected a sentence that says what the figure shows; received {caption!r}.")
    if section not in get_args(Section):
        raise InputError(f"section: expected training or audit; received {section!r}.")
    if name in FIGURES:
        raise InputError(f"name: expected a name that no figure has yet; received {name!r}; choose another.")

    def registered(function: Draw) -> Draw:
        styled = visuals.style()(function)
        FIGURES[name] = RunFigure(name, caption, styled, applies, section, finding)
        return styled

    return registered


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


class Drawn(NamedTuple):
    """What was drawn of a run.

    Attributes:
        paths: of the figures and videos.
        damaged: an error for each damaged file that a figure or video needs.
    """

    paths: list[Path]
    damaged: list[DamagedFileError]


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
    drawn, damaged = _draw_registered(run, FIGURES.values())
    with _collected(damaged):
        if video and _has_trajectory_plane(run):
            drawn.append(trajectory_video(run, epochs=epochs, ellipses=ellipses, quiet=quiet))
            if gif:
                from keras_vae.plots.video import write_gif

                drawn.append(write_gif(drawn[-1], drawn[-1].with_suffix(".gif")))
    return Drawn(drawn, damaged)


@contextlib.contextmanager
def _collected(damaged: list[DamagedFileError]) -> Iterator[None]:
    """Context that adds the error of a damaged file to a list, once for each file."""
    try:
        yield
    except DamagedFileError as error:
        if error.path not in [known.path for known in damaged]:
            damaged.append(error)


def audit(run: Run) -> list[Path]:
    """Draws the figures of a run's audit; none where `evaluation.json` holds no audit. Returns their paths."""
    drawn, damaged = _draw_registered(run, [figure for figure in FIGURES.values() if figure.section == "audit"])
    if damaged:
        raise damaged[0]
    return drawn


def draw_what_is_missing(
    run: Run, video: bool = True, log: Callable[[str], None] = lambda text: None
) -> list[DamagedFileError]:
    """Draws a finished run's figures, and its video, unless they exist; returns the errors of damaged files.

    Args:
        run: the run.
        video: whether to make the video.
        log: called with a line of text before what takes long.
    """
    damaged: list[DamagedFileError] = []
    if not os.path.lexists(run.path / "figures" / "samples.png"):  # `audit` alone draws others
        log(f"Drawing the missing figures of {run.path}")
        damaged += draw_readable(run, video=False).damaged
    with _collected(damaged):
        if video and _has_trajectory_plane(run) and not complete(run.path / "videos", "*.mp4"):
            log(f"Drawing the missing video of {run.path}")
            trajectory_video(run)
    return damaged


def trajectory_video(
    run: Run,
    name: str = "trajectory",
    epochs: tuple[float, float] | None = None,
    one_per_label: bool = False,
    ellipses: bool = False,
    quiet: bool = False,
    limit: float | None = None,
    aspect: Literal["square", "wide"] = "wide",
) -> Path:
    """Makes `videos/NAME.mp4` of the recorded images, in the plane of the two units whose means vary most.

    Args:
        run: a finished run with a recorded trajectory of two units or more.
        name: file stem.
        epochs: first and last epoch; default all.
        one_per_label: one image of each label.
        ellipses: 1σ ellipses in place of circles.
        quiet: no progress bar.
        limit: half the side of a fixed view, such as 3 for the prior's 3σ; default a view that contains all circles.
        aspect: "wide" (16:9) with a panel beside the plane, or "square".

    Returns:
        The path of the video.
    """
    from keras_vae.plots import video

    trajectory = _one_per_label(run.trajectory) if one_per_label else run.trajectory
    path = run.path / "videos" / f"{name}.mp4"
    return video.write(
        trajectory, path, epochs=epochs, units=_recorded_plane(run), title=_title(run), ellipses=ellipses,
        limit=limit, aspect=aspect, decoded=_reconstructed(run, trajectory), class_names=run.class_names, quiet=quiet,
    )  # fmt: skip


def _reconstructed(run: Run, trajectory: Trajectory) -> np.ndarray | None:
    """The recorded images as the trained model reconstructs them; None unless the run holds one of each label."""
    if trajectory.images is None or not run.has_arrays("reconstructions"):
        return None
    arrays = run.arrays("reconstructions")
    known = {image.tobytes(): i for i, image in enumerate(arrays["originals"].astype("float32"))}
    found = [known.get(image.tobytes()) for image in trajectory.images.astype("float32")]
    first = range(len(found)) if trajectory.labels is None else np.unique(trajectory.labels, return_index=True)[1]
    if any(found[i] is None for i in first):
        return None
    decoded = np.zeros((len(found), *arrays["images"].shape[1:]), "float32")
    for i, k in enumerate(found):
        if k is not None:
            decoded[i] = arrays["images"][k]
    return decoded


def trajectory_stills(
    run: Run,
    name: str,
    epochs: tuple[float, float],
    at: tuple[float, ...],
    one_per_label: bool = False,
    limit: float | None = None,
) -> Path:
    """Makes `figures/NAME.png`: frames of a trajectory's video side by side.

    Args:
        run: a finished run.
        name: file stem.
        epochs: the part of the training that determines the view.
        at: epochs; the nearest recorded frame of each is drawn.
        one_per_label: one image of each label.
        limit: half the side of a fixed view; default the video's view of each frame.
    """
    from PIL import Image

    from keras_vae.plots import video

    trajectory = _one_per_label(run.trajectory) if one_per_label else run.trajectory
    part, note = video.prepared(trajectory, epochs, _recorded_plane(run))
    painter = video.Painter(part, title=_title(run), note=note, limit=limit)
    nearest = [int(np.argmin(np.abs(part.epochs - epoch))) for epoch in checks.array("at", at, ("frames",))]
    row = np.concatenate([painter.paint(i)[..., :3].copy() for i in nearest], axis=1)
    path = run.path / "figures" / f"{name}.png"
    with atomic(path) as temporary:
        Image.fromarray(row).save(temporary)
    images = "one test image of each label" if one_per_label else "test images"
    shown = ", ".join(f"{part.epochs[i]:.3g}" for i in nearest)
    _write_captions(run, {name: f"Frames of the trajectory video at epochs {shown}: {images} at the posterior means."})
    return path


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
        visuals.curves(ax, history["epoch"], lines, colors=colors)
        ax.set_title(" and ".join(names.values()))
        _crop_first_epoch(ax, [*lines.values()])
    layout.heading(figure, _title(run))
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


def _posterior_finding(run: Run) -> str:
    """The median radius of the posteriors in the plane, relative to that of the prior."""
    plane = list(_plane(run))
    _, std = posterior_plane.flat_encodings(run.arrays("encodings"))
    if std is None:
        return "Codes are points: this model has no posterior density"
    radius = float(np.median(np.sqrt(std[:, plane].prod(axis=1))))
    return f"The median posterior has a radius of {number(radius)}, the prior of 1"


def _has_density(run: Run) -> bool:
    return "log_var" in run.arrays("encodings")


@register(
    "posteriors",
    "The posterior of every test image as its 1σ ellipse, in the plane of the two units that vary most; class names at "
    "the medians; shade and dashed circles: the prior N(0, I).",
    lambda run: run.metrics["n_units"] > 1 and _has_density(run),
    finding=_posterior_finding,
)
def posteriors(run: Run) -> Figure:
    """The posteriors of test images in the plane of the two units that vary most."""
    return _latent(run, "1σ ellipses of the posteriors of {n:,} test images")


@register(
    "latent",
    "Codes of test images in the plane of the two units that vary most, with the prior's σ circles.",
    lambda run: run.metrics["n_units"] > 1 and not _has_density(run),
)
def latent(run: Run) -> Figure:
    """Codes of test images in the plane of the two units that vary most; their size has no meaning."""
    return _latent(run, "codes of {n:,} test images")


def _latent(run: Run, what: str) -> Figure:
    encodings, plane = run.arrays("encodings"), _plane(run)
    mean, std = posterior_plane.flat_encodings(encodings)
    figure, (ax,) = layout.panels(1, 1, (7.4, 7.6))
    posterior_plane.posterior_plane(
        ax,
        mean[:, list(plane)],
        None if std is None else std[:, list(plane)],
        encodings.get("labels"),
        plane,
        run.class_names,
    )
    layout.title(ax, _posterior_finding(run), f"{_title(run)}: {what.format(n=len(mean))}; grey: the prior")
    return figure


def _magnification_finding(run: Run) -> str:
    """How much the magnification differs within the prior's 2σ circle."""
    arrays = run.arrays("magnification")
    axis = np.linspace(-1, 1, len(arrays["factor"])) * float(arrays["limit"])
    inside = arrays["factor"][np.hypot(axis, axis[:, None]) <= 2]
    low, high = np.quantile(inside, (0.1, 0.9)) if len(inside) else (0.0, 0.0)
    if low <= 0:
        return "In a part of the plane the decoded image does not change"
    return f"The decoder enlarges some areas of the plane {high / low:.2g} times as much as others"


@register(
    "magnification",
    "Magnification √det JᵀJ of the decoder, dark where a small step changes the image much, behind the codes of test "
    "images. The finding compares the 10 % and 90 % quantiles within the prior's 2σ circle.",
    lambda run: run.has_arrays("magnification"),
    finding=_magnification_finding,
)
def magnification(run: Run) -> Figure:
    """The decoder's magnification over the plane, behind the codes of test images."""
    arrays, encodings = run.arrays("magnification"), run.arrays("encodings")
    mean, labels, limit = geometry.flat(encodings["mean"]), encodings.get("labels"), float(arrays["limit"])
    figure, (ax,) = layout.panels(1, 1, (8.2, 7.4))
    picture = posterior_plane.magnification(ax, arrays["factor"], limit)
    visuals.prior_rings(ax, limit)
    posterior_plane.dots(ax, mean, labels, 0.4 * visuals.marker_size(len(mean)))
    visuals.square_view(ax, limit, (0, 1))
    if labels is not None:
        posterior_plane.name_classes(ax, mean, labels, limit, run.class_names)
    figure.colorbar(picture, ax=ax, label="magnification √det JᵀJ of the decoder", extend="both", shrink=0.8)
    layout.title(ax, _magnification_finding(run), f"{_title(run)}: √det JᵀJ of the decoder behind the codes")
    return figure


@register(
    "principal",
    "Posterior means of test images on their two principal components, with the prior's σ circles.",
    lambda run: run.metrics["n_units"] > 2 and len(run.arrays("encodings")["mean"]) > 1,
)
def principal(run: Run) -> Figure:
    """Posterior means of test images on their two principal components."""
    encodings = run.arrays("encodings")
    figure, (ax,) = layout.panels(1, 1, (7.6, 6.6))
    visuals.principal_scatter(ax, encodings["mean"], encodings.get("labels"), run.class_names)
    n = len(encodings["mean"])
    layout.title(ax, _title(run), f"posterior means of {n:,} test images; shade and dashed circles: the prior N(0, I)")
    return figure


@register("manifold", "Images decoded on a grid at the prior's quantiles in one or two latent units.")
def manifold(run: Run) -> Figure:
    """Images decoded on a grid at the prior's quantiles in two units, or in the only one."""
    arrays = run.arrays("manifold")
    side, plane = int(arrays["side"]), arrays["units"]
    rows = len(arrays["images"]) // side
    figure, (ax,) = layout.panels(1, 1, (7.4, 1.2 + 6.4 * rows / side))
    picture = visuals.image_grid(ax, arrays["images"], side, gap=0)
    ax.set_axis_on()
    height, width = picture.get_size()
    ticks = np.unique(np.linspace(0, side - 1, 5).round().astype(int))
    names = layout.signed(geometry.prior_quantiles(side)[ticks])
    ax.set_xticks((ticks + 0.5) * width / side - 0.5, names)
    ax.set_xlabel(f"latent unit {plane[0]}")
    if rows > 1:
        ax.set_yticks((side - ticks - 0.5) * height / side - 0.5, names)
        ax.set_ylabel(f"latent unit {plane[1]}")
    else:
        ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    others = "" if run.metrics["n_units"] == len(plane) else ", all other units at 0"
    layout.title(ax, _title(run), f"images decoded at the prior's quantiles{others}")
    return figure


@register("samples", "Images decoded from draws of the prior N(0, I).")
def samples(run: Run) -> Figure:
    """Images decoded from draws of the prior."""
    images = run.arrays("samples")["images"]
    figure, (ax,) = layout.panels(1, 1, (6, 6.5))
    visuals.image_grid(ax, images, 10, gap=2)
    layout.title(ax, _title(run), f"{len(images)} samples, z from N(0, I)")
    return figure


@register(
    "units",
    "KL of every latent unit over epochs (Var[μ] for posteriors without a density); crosses mark epochs of collapse.",
    lambda run: 2 < run.metrics["n_units"] <= MAX_TIMELINE_UNITS and run.has_arrays("unit_history"),
)
def units(run: Run) -> Figure:
    """The KL of every latent unit through training, and the epoch in which a unit collapsed."""
    history = UnitHistory(**run.arrays("unit_history"))
    figure, (ax,) = layout.panels(1, 1, (7.6, 1.8 + 0.24 * history.var_mean.shape[1]))
    mesh = visuals.unit_timeline(ax, history)
    figure.colorbar(mesh, ax=ax, label=visuals.unit_timeline_label(history), extend="both")
    quantity = "variance of the means" if history.kl is None else "KL"
    layout.title(ax, _title(run), f"{quantity} of each latent unit; a cross marks the collapse of an active unit")
    return figure


def _unit_finding(run: Run) -> str:
    """How many units are active, and which has the largest KL."""
    arrays, metrics = run.arrays("units"), run.metrics
    active = f"{metrics['n_active']} of {metrics['n_units']} units are active"
    if "kl" not in arrays or metrics["n_units"] < 2:
        return active
    kl = arrays["kl"].ravel()
    return f"{active}; unit {kl.argmax()} has the largest KL, {number(float(kl.max()))} nats"


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
    finding=_unit_finding,
)
def traversals(run: Run) -> Figure:
    """Images decoded along each latent unit, beside the unit's marginal."""
    arrays, encodings = run.arrays("traversals"), posterior_plane.flat_encodings(run.arrays("encodings"))
    shown, n_units = len(arrays["units"]), run.metrics["n_units"]
    which = "" if shown == n_units else f"the first {shown} of {n_units:,} units; "
    note = f"{_title(run)}: {which}all other units at 0; blue: the aggregate posterior, grey: the prior"
    return unit_figures.traversals(arrays, *encodings, _unit_names(run, arrays["units"]), _unit_finding(run), note)


@register(
    "marginals",
    "The marginal of each latent unit under the aggregate posterior, by decreasing KL (Var[μ] without a density), over "
    "the prior N(0, 1), in grey.",
    lambda run: run.has_arrays("traversals") and len(run.arrays("traversals")["units"]) < run.metrics["n_units"],
    finding=_unit_finding,
)
def marginals(run: Run) -> Figure:
    """The marginal of each unit, where they are too many for the strips of `traversals`."""
    arrays, encodings = run.arrays("units"), posterior_plane.flat_encodings(run.arrays("encodings"))
    order = np.argsort(-arrays["kl" if "kl" in arrays else "var_mean"].ravel(), kind="stable")
    shown = order[: unit_figures.MAX_MARGINALS]
    which = "" if len(shown) == len(order) else f"the first {len(shown)} of {len(order):,} units; "
    note = f"{_title(run)}: {which}blue: the aggregate posterior, grey: the prior"
    return unit_figures.marginals(shown, *encodings, _unit_finding(run), note)


@register(
    "interpolation",
    "Interpolation between pairs of test images: decoded along a line and an arc in latent space, and a pixel "
    "cross-fade.",
    lambda run: run.has_arrays("interpolation"),
)
def interpolation(run: Run) -> Figure:
    """Interpolation paths between test images: a line and an arc in latent space, and a cross-fade of the pixels."""
    figure = Figure(figsize=(7.4, 8.6), layout="constrained")
    visuals.interpolations(figure, run.arrays("interpolation"))
    layout.heading(figure, _title(run))
    return figure


@register("reconstructions", "Test images above their reconstructions.")
def reconstructions(run: Run) -> Figure:
    """Test images above their reconstructions."""
    arrays = run.arrays("reconstructions")
    n = len(arrays["originals"])
    figure = Figure(figsize=(0.5 * n + 1.2, 1.9), layout="constrained")
    rows = {"test image": arrays["originals"], "reconstruction": arrays["images"]}
    for ax, (name, images) in zip(figure.subplots(2, 1), rows.items(), strict=True):
        visuals.image_grid(ax, images, n)
        layout.row_name(ax, name)
    layout.heading(figure, _title(run))
    return figure


@register(
    "neighbours",
    "Samples of the prior, the training images nearest to each in pixels, and those whose codes are nearest to its z.",
    lambda run: run.has_arrays("neighbours"),
    finding=lambda run: neighbour_figures.finding(run.arrays("neighbours")),
)
def neighbours(run: Run) -> Figure:
    """Samples beside their nearest training images, in pixels and in the latent space."""
    arrays = run.arrays("neighbours")
    note = f"{_title(run)}\n{neighbour_figures.distances(arrays)}"
    return neighbour_figures.neighbours(arrays, neighbour_figures.finding(arrays), note)


def _has_audit(run: Run) -> bool:
    return os.path.lexists(run.path / "evaluation.json") and bool(run.evaluation.get("audit"))


@register(
    "aggregate",
    "The aggregate posterior q(z) compared with the prior: marginals, distances from the origin, parts of the KL, "
    "estimates of log p(x).",
    lambda run: _has_audit(run) and bool(run.evaluation["audit"]["encodings"]),  # None without a density
    section="audit",
)
def aggregate(run: Run) -> Figure:
    """The aggregate posterior compared with the prior."""
    return audit_figures.posterior(run, _title(run))


@register("samplers", "Samples by the distribution of z, and training images for comparison.", _has_audit, "audit")
def samplers(run: Run) -> Figure:
    """Samples by the distribution of z."""
    return audit_figures.samplers(run, _title(run))


# -- drawing and captions -----------------------------------------------------------------------------------------


def _draw_registered(run: Run, figures: Iterable[RunFigure]) -> Drawn:
    """Draws those of the figures that apply and whose files are readable, with their captions."""
    captions: dict[str, str] = {}
    drawn = Drawn([], [])
    for figure in figures:
        with _collected(drawn.damaged):
            if figure.applies(run):
                caption = figure.describe(run)
                drawn.paths.append(layout.save(figure.draw(run), run.path / "figures" / f"{figure.name}.png"))
                captions[figure.name] = caption
    if captions:
        _write_captions(run, captions)
    return drawn


def _write_captions(run: Run, captions: dict[str, str]) -> None:
    """Adds captions to `figures/captions.json`: registered figures first, in order; only of figures that exist."""
    path = run.path / "figures" / CAPTIONS
    try:
        known = study_forms.read_captions(path, "draw the figures again")
    except InputError:  # absent, or damaged: drawing replaces it
        known = {}
    known |= captions
    order = [name for name in FIGURES if name in known] + [name for name in known if name not in FIGURES]
    write_json(path, {name: known[name] for name in order if os.path.lexists(path.with_name(f"{name}.png"))})


def _has_trajectory_plane(run: Run) -> bool:
    """Whether a trajectory of two units or more was recorded."""
    return run.has_arrays("trajectory") and run.trajectory.mean.shape[2] > 1


def _title(run: Run) -> str:
    """The title of a run, which contains the name of its data set, for matplotlib."""
    return visuals.plain(shortened(run.title, MAX_TITLE_CHARACTERS))


def _one_per_label(trajectory: Trajectory) -> Trajectory:
    """One point per label; the first ten points where there are no labels."""
    return trajectory.points(slice(10)) if trajectory.labels is None else trajectory.one_per_label()


def _plane(run: Run) -> tuple[int, ...]:
    """The units of the run's manifold: the two whose means vary most, or the only one."""
    return tuple(run.arrays("manifold")["units"].tolist())


def _recorded_plane(run: Run) -> tuple[int, ...]:
    """The two recorded units whose means vary most; with very many units, not all are recorded."""
    recorded = run.trajectory.units
    if recorded is None:
        return _plane(run)
    best = geometry.most_varying_units(run.arrays("units")["var_mean"].ravel()[recorded])
    return tuple(recorded[list(best)].tolist())
