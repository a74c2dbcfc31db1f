"""Draws a run folder's figures and video from its arrays; nothing is trained or decoded here."""

from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from keras_vae import geometry
from keras_vae.diagnostics import UnitHistory
from keras_vae.plots import audit_figures, visuals
from keras_vae.runs.files import atomic, complete
from keras_vae.runs.folder import Run
from keras_vae.trajectory import Trajectory

MOST_UNITS = 128  # whose timelines are drawn
LONGEST_VIDEO = 600  # frames, of a video of the whole training; more recorded ones are left out evenly


def draw(
    run: Run | str | Path,
    epochs: tuple[float, float] | None = None,
    ellipses: bool = False,
    gif: bool = False,
    video: bool = True,
    quiet: bool = False,
) -> list[Path]:
    """Draws loss curves, latent scatter, manifold, reconstructions, samples, and the trajectory video.

    Args:
        run: a finished run, or its folder.
        epochs: the part of the training to show in the video; default all, thinned to 20 seconds.
        ellipses: 1σ ellipses in place of circles.
        gif: make a GIF of the video as well.
        video: whether to make the video.
        quiet: no progress bar.

    Returns:
        The paths of what was drawn.

    Raises:
        InputError: if the folder holds no finished run.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    run.require_finished()
    if epochs is not None:  # which needs a trajectory
        run.trajectory.between(*epochs)  # refuses what wasn't recorded
    drawn = []
    with visuals.style():
        if run.has_history:
            drawn.append(_save(losses(run), run, "loss"))
        if run.metrics["n_units"] > 1:
            drawn.append(_save(latent(run), run, "latent"))
        if run.metrics["n_units"] > 2 and len(run.arrays("encodings")["mean"]) > 1:
            drawn.append(_save(principal(run), run, "principal"))
        drawn.append(_save(manifold(run), run, "manifold"))
        drawn.append(_save(reconstructions(run), run, "reconstructions"))
        drawn.append(_save(samples(run), run, "samples"))
        if 2 < run.metrics["n_units"] <= MOST_UNITS and run.has_arrays("unit_history"):
            drawn.append(_save(units(run), run, "units"))
        if run.has_arrays("interpolation"):  # which evaluating makes
            drawn.append(_save(interpolation(run), run, "interpolation"))
        drawn += audit(run)
    if video and _has_a_plane(run):
        drawn.append(trajectory_video(run, epochs=epochs, ellipses=ellipses, quiet=quiet))
        if gif:
            from keras_vae.plots.video import write_gif

            drawn.append(write_gif(drawn[-1], drawn[-1].with_suffix(".gif")))
    return drawn


def draw_what_is_missing(run: Run, video: bool = True) -> None:
    """Draws a finished run's figures, and makes its video, unless they are there."""
    if not (run.path / "figures" / "samples.png").is_file():  # an evaluation alone draws others
        draw(run, video=False)
    if video and _has_a_plane(run) and not complete(run.path / "videos", "*.mp4"):
        trajectory_video(run)


def _has_a_plane(run: Run) -> bool:
    """Whether a training was recorded, in two units at least."""
    return run.has_arrays("trajectory") and run.trajectory.mean.shape[2] > 1


def trajectory_video(
    run: Run,
    name: str = "trajectory",
    epochs: tuple[float, float] | None = None,
    one_per_label: bool = False,
    ellipses: bool = False,
    quiet: bool = False,
) -> Path:
    """Makes `videos/NAME.mp4` of the recorded digits, in the plane of the two units that vary most."""
    from keras_vae.plots import video

    trajectory = run.trajectory
    if one_per_label:
        trajectory = _one_of_each(trajectory)
    if epochs is None:
        trajectory = trajectory.every(-(-len(trajectory) // LONGEST_VIDEO))
    path = run.path / "videos" / f"{name}.mp4"
    return video.write(
        trajectory, path, epochs=epochs, units=_recorded_plane(run), title=run.title, ellipses=ellipses, quiet=quiet
    )


def trajectory_stills(
    run: Run, name: str, epochs: tuple[float, float], at: tuple[float, ...], one_per_label: bool = False
) -> Path:
    """Makes `figures/NAME.png`: frames of a trajectory's video side by side, those nearest to the epochs `at`."""
    from PIL import Image

    from keras_vae.plots import video

    trajectory = _one_of_each(run.trajectory) if one_per_label else run.trajectory
    part = video.select(trajectory, epochs, _recorded_plane(run))
    painter = video.Painter(part, title=run.title)
    nearest = [int(np.argmin(np.abs(part.epochs - epoch))) for epoch in at]
    row = np.concatenate([painter.paint(i)[..., :3].copy() for i in nearest], axis=1)
    path = run.path / "figures" / f"{name}.png"
    with atomic(path) as temporary:
        Image.fromarray(row).save(temporary)
    return path


def _one_of_each(trajectory: Trajectory) -> Trajectory:
    """One point a label, or ten where there are no labels."""
    return trajectory.points(slice(10)) if trajectory.labels is None else trajectory.one_per_label()


def losses(run: Run) -> Figure:
    """Loss and its parts over epochs, on training and test images."""
    history = run.history
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    divergence = "kl" if "kl" in history else "penalty"
    parts = {"loss": left, "reconstruction": left, divergence: right}
    for ax, heading in ((left, "loss and reconstruction"), (right, divergence)):
        lines = {}
        for key in (key for key, where in parts.items() if where is ax and key in history):
            lines |= {key: history[key], f"test {key}": history[f"val_{key}"]}
        if not lines:  # an autoencoder has no divergence
            ax.remove()
            continue
        visuals.curves(ax, history["epoch"], lines)
        ax.set_title(heading)
        _leave_out_the_start(ax, [*lines.values()])
    figure.suptitle(run.title, x=0.01, ha="left", fontweight="bold")
    return figure


def _leave_out_the_start(ax, lines: list[np.ndarray]) -> None:
    """A long training's first epoch may dwarf all that follows: then the view begins below it, and says so."""
    values = np.concatenate([line[1:] for line in lines])
    first = max(line[0] for line in lines)
    if len(lines[0]) < 8 or first < values.max() + 0.5 * np.ptp(values):
        return
    room = 0.08 * np.ptp(values)
    ax.set_ylim(values.min() - room, values.max() + room)
    ax.set_title(f"first epoch: up to {first:.1f}", loc="right", fontsize=8, fontweight="normal", color="#6b7480")


def latent(run: Run) -> Figure:
    """Posterior means of test images in the plane of the two units that vary most."""
    encodings = run.arrays("encodings")
    plane = _plane(run)
    mean = geometry.flat(encodings["mean"])[:, list(plane)]
    figure = Figure(figsize=(7.6, 6.6), layout="constrained")
    ax = figure.subplots()
    limit = max(geometry.scatter_limit(mean), 2.25)
    visuals.prior_density(ax, limit)
    visuals.latent_scatter(ax, mean, encodings.get("labels"), limit, plane)
    ax.set_title(f"{run.title}\n")
    ax.text(0, 1.015, f"means of {len(mean):,} test images; dashed: the prior's σ", transform=ax.transAxes, fontsize=9)
    return figure


def principal(run: Run) -> Figure:
    """Posterior means of test images on their two principal components."""
    encodings = run.arrays("encodings")
    figure = Figure(figsize=(7.6, 6.6), layout="constrained")
    ax = figure.subplots()
    visuals.principal_scatter(ax, encodings["mean"], encodings.get("labels"))
    ax.set_title(f"{run.title}\n")
    text = f"means of {len(encodings['mean']):,} test images on two principal components; dashed: the prior's σ"
    ax.text(0, 1.015, text, transform=ax.transAxes, fontsize=9)
    return figure


def interpolation(run: Run) -> Figure:
    """From one test image to another: by latent points on a line and on an arc, and by a cross-fade of the pixels."""
    figure = Figure(figsize=(7.4, 8.6), layout="constrained")
    visuals.interpolations(figure, run.arrays("interpolation"))
    figure.suptitle(run.title, x=0.01, ha="left", fontweight="bold")
    return figure


def audit(run: Run) -> list[Path]:
    """What auditing found, drawn: nothing where it wasn't asked for, no densities where the posterior has none."""
    if not (run.path / "evaluation.json").is_file() or "audit" not in run.evaluation:
        return []
    pictures = [("samplers", audit_figures.samplers)]
    if run.evaluation["audit"]["encodings"]:
        pictures.insert(0, ("aggregate", audit_figures.posterior))
    return [_save(picture(run, run.title), run, name) for name, picture in pictures]


def manifold(run: Run) -> Figure:
    """Images decoded on a grid at the prior's quantiles in two units."""
    arrays = run.arrays("manifold")
    side, plane = int(arrays["side"]), arrays["units"]
    rows = len(arrays["images"]) // side
    figure = Figure(figsize=(7.4, 1.2 + 6.4 * rows / side), layout="constrained")
    ax = figure.subplots()
    picture = visuals.image_grid(ax, arrays["images"], side, gap=0)
    ax.set_axis_on()
    height, width = picture.get_array().shape[:2]
    ticks = np.linspace(0, side - 1, 5).round().astype(int)
    names = [f"{geometry.prior_quantiles(side)[i]:.2f}" for i in ticks]
    ax.set_xticks((ticks + 0.5) * width / side - 0.5, names)
    ax.set_yticks((side - ticks - 0.5) * height / side - 0.5 if rows > 1 else [], names if rows > 1 else [])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel=f"latent unit {plane[0]}", ylabel=f"latent unit {plane[1]}" if rows > 1 else "")
    others = "" if run.metrics["n_units"] == len(plane) else ", the other units at 0"
    ax.set_title(f"{run.title}\n")
    ax.text(0, 1.01, f"decoded at the prior's quantiles{others}", transform=ax.transAxes, fontsize=9)
    return figure


def reconstructions(run: Run) -> Figure:
    """Test images above what the model makes of them."""
    arrays = run.arrays("reconstructions")
    n = len(arrays["originals"])
    figure = Figure(figsize=(0.5 * n + 1.2, 1.9), layout="constrained")
    for ax, key, name in zip(
        figure.subplots(2, 1), ("originals", "images"), ("test image", "reconstruction"), strict=True
    ):
        visuals.image_grid(ax, arrays[key], n)
        ax.text(-0.008, 0.5, name, transform=ax.transAxes, ha="right", va="center", fontsize=9)
    figure.suptitle(run.title, x=0.01, ha="left", fontweight="bold")
    return figure


def samples(run: Run) -> Figure:
    """Images decoded from draws of the prior."""
    images = run.arrays("samples")["images"]
    figure = Figure(figsize=(6, 6.5), layout="constrained")
    ax = figure.subplots()
    visuals.image_grid(ax, images, 10, gap=2)
    ax.set_title(f"{run.title}\n")
    ax.text(0, 1.012, f"{len(images)} samples, z from N(0, I)", transform=ax.transAxes, fontsize=9)
    return figure


def units(run: Run) -> Figure:
    """The KL of every latent unit through training, and when one died."""
    history = UnitHistory(**run.arrays("unit_history"))
    figure = Figure(figsize=(7.6, 1.8 + 0.24 * history.var_mean.shape[1]), layout="constrained")
    ax = figure.subplots()
    quantity = "Var[μ]" if history.kl is None else "KL, nats"
    drawn = visuals.unit_timeline(ax, history, LogNorm(1e-3, 5))
    figure.colorbar(drawn, ax=ax, label=quantity, extend="both")
    ax.set_title(f"{run.title}\n")
    ax.text(0, 1.02, "latent units; a cross marks the death of one", transform=ax.transAxes, fontsize=9)
    return figure


def _plane(run: Run) -> tuple[int, ...]:
    return tuple(run.arrays("manifold")["units"].tolist())


def _recorded_plane(run: Run) -> tuple[int, ...]:
    """The two of the recorded units that vary most: of very many, not all are recorded."""
    recorded = run.trajectory.units
    if recorded is None:
        return _plane(run)
    best = geometry.most_varying_units(run.arrays("units")["var_mean"].ravel()[recorded])
    return tuple(recorded[list(best)].tolist())


def _save(figure: Figure, run: Run, name: str) -> Path:
    path = run.path / "figures" / f"{name}.png"
    with atomic(path) as temporary:
        figure.savefig(temporary)
    return path
