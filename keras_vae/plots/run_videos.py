"""Videos of a run's recorded training, written into its folder, and stills of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from keras_vae import geometry
from keras_vae._utils import checks
from keras_vae._utils.data_words import worded
from keras_vae._utils.files import atomic
from keras_vae._utils.foreign_text import shortened
from keras_vae.plots import marks, video, visuals
from keras_vae.plots.figure_registry import title, write_captions, write_video_caption
from keras_vae.plots.side_panel import Reconstructions
from keras_vae.runs import comparison
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import pictures, pictures_of_bytes
from keras_vae.trajectory import Trajectory

MAX_PLANE_CHARACTERS = 44  # of the name of a plane beside others


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

    Its caption is added to `videos/captions.json`.

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
    recorded = pictured_trajectory(run)
    which = _shown(recorded, one_per_label)
    path = run.path / "videos" / f"{name}.mp4"
    path = video.write(
        recorded.points(which), path, epochs=epochs, units=_recorded_plane(run), title=title(run), ellipses=ellipses,
        limit=limit, aspect=aspect, decoded=_reconstructions(run, which), class_names=run.class_names, quiet=quiet,
        standard_normal=not run.has_learned_prior,
    )  # fmt: skip
    shown = video.select(recorded.points(which), epochs, _recorded_plane(run))
    items = "One test image of each label" if one_per_label and shown.labels is not None else "Test images"
    when = "during training" if epochs is None else "from epoch {:.3g} to {:.3g}".format(*shown.epochs[[0, -1]])
    write_video_caption(path, f"{items} in the latent plane {when}; {marks.explained(shown, ellipses)}.")
    return path


def side_by_side_video(
    runs: Sequence[Run],
    path: str | Path,
    epochs: tuple[float, float] | None = None,
    ellipses: bool = False,
    quiet: bool = False,
    limit: float | None = None,
) -> Path:
    """Writes the training of several runs beside one another: one recorded image of each label, to one scale.

    Each plane is that of the two units of its model whose means vary most, and is named by the settings in which the
    runs differ.

    Args:
        runs: two to nine finished runs with a recorded trajectory of two units or more.
        path: ends in `.mp4`.
        epochs, ellipses, quiet, limit: as in `trajectory_video`.
    """
    names = [visuals.plain(shortened(name, MAX_PLANE_CHARACTERS)) for name in comparison.names(runs)]
    paths = [visuals.plain(shortened(run.path.resolve().name, MAX_PLANE_CHARACTERS)) for run in runs]
    titles = next((each for each in (names, paths) if len(set(each)) == len(each)), [str(run.path) for run in runs])
    return video.write_together(
        {title: _plane_trajectory(run) for title, run in zip(titles, runs, strict=True)}, path, epochs=epochs,
        ellipses=ellipses, limit=limit, note="two most varying units of each", quiet=quiet,
        learned_priors=[title for title, run in zip(titles, runs, strict=True) if run.has_learned_prior],
    )  # fmt: skip


def side_by_side_caption(runs: Sequence[Run], ellipses: bool = False) -> str:
    """The caption of `side_by_side_video`, with all marks that it has."""
    found = dict.fromkeys(marks.explained(_plane_trajectory(run), ellipses) for run in runs)
    shown = "One recorded image of each label in several trainings, at the same time and to one scale"
    return f"{'; '.join([shown, *found])}."


def _plane_trajectory(run: Run) -> Trajectory:
    """One recorded image of each label in the run's plane, with the names of its classes."""
    recorded = pictured_trajectory(run)
    shown = video.select(recorded.points(_shown(recorded, one_per_label=True)), units=_recorded_plane(run))
    return replace(shown, units=None, class_names=run.class_names)


def pictured_trajectory(run: Run) -> Trajectory:
    """The recorded training of a run with its first steps, and the recorded images or vectors as pictures."""
    recorded = run.full_trajectory
    return recorded if recorded.images is None else replace(recorded, images=pictures(run, recorded.images))


def _reconstructions(run: Run, which: np.ndarray) -> Reconstructions | np.ndarray | None:
    """Reconstructions of recorded images during training; else those after it, or None where the run has none.

    Args:
        run: a finished run.
        which: indices of the recorded images that are shown, in ascending order.
    """
    if run.has_arrays("reconstructions_over_time"):
        arrays = run.arrays("reconstructions_over_time")
        shown = which[which < arrays["images"].shape[1]]
        images = pictures_of_bytes(run, arrays["images"][:, shown])
        return Reconstructions(arrays["epochs"], images) if len(shown) else None
    trajectory = run.trajectory.points(which)
    if trajectory.images is None or not run.has_arrays("reconstructions"):
        return None
    arrays = run.arrays("reconstructions")
    known = {image.tobytes(): i for i, image in enumerate(arrays["originals"].astype("float32"))}
    found = [known.get(image.tobytes()) for image in trajectory.images.astype("float32")]
    first = range(len(found)) if trajectory.labels is None else np.unique(trajectory.labels, return_index=True)[1]
    if any(found[i] is None for i in first):
        return None
    decoded = np.full((len(found), *arrays["images"].shape[1:]), np.nan, "float32")  # of images that were not decoded
    for i, k in enumerate(found):
        if k is not None:
            decoded[i] = arrays["images"][k]
    return pictures(run, decoded)


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
    recorded = pictured_trajectory(run)
    trajectory = recorded.points(_shown(recorded, one_per_label))
    part, note = video.prepared(trajectory, epochs, _recorded_plane(run))
    painter = video.Painter(part, title=title(run), note=note, limit=limit, standard_normal=not run.has_learned_prior)
    nearest = [int(np.argmin(np.abs(part.epochs - epoch))) for epoch in checks.array("at", at, ("frames",))]
    row = np.concatenate([painter.paint(i)[..., :3].copy() for i in nearest], axis=1)
    path = run.path / "figures" / f"{name}.png"
    with atomic(path) as temporary:
        Image.fromarray(row).save(temporary)
    images = worded("one test image of each label" if one_per_label else "test images", run.image_shape)
    shown = ", ".join(f"{part.epochs[i]:.3g}" for i in nearest)
    write_captions(run, {name: f"Frames of the trajectory video at epochs {shown}: {images} at the posterior means."})
    return path


def has_trajectory_plane(run: Run) -> bool:
    """Whether a trajectory of two units or more was recorded."""
    return run.has_arrays("trajectory") and run.trajectory.mean.shape[2] > 1


def check_plane(run: Run) -> None:
    """Reads what the plane of a run beside others needs.

    Raises:
        DamagedFileError: if one of these files is damaged.
    """
    if has_trajectory_plane(run):
        _plane_trajectory(run)


def _shown(trajectory: Trajectory, one_per_label: bool) -> np.ndarray:
    """Indices of the points of a video: all, or one of each label; the first ten points where there are no labels."""
    n = trajectory.mean.shape[1]
    if not one_per_label:
        return np.arange(n)
    if trajectory.labels is None:
        return np.arange(min(n, 10))
    return np.sort(np.unique(trajectory.labels, return_index=True)[1])


def _recorded_plane(run: Run) -> tuple[int, ...]:
    """The two recorded units whose means vary most; with very many units, not all are recorded."""
    recorded = run.trajectory.units
    if recorded is None:
        return tuple(run.arrays("manifold")["units"].tolist())
    best = geometry.most_varying_units(run.arrays("units")["var_mean"].ravel()[recorded])
    return tuple(recorded[list(best)].tolist())
