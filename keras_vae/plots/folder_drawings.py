"""Drawings of several runs: the rate–distortion plane, and one video of all."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_vae._utils.files import PARTIAL_PREFIX
from keras_vae._utils.foreign_text import shortened
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.plots import rate_distortion, run_videos, video
from keras_vae.plots.figure_registry import Drawn, collected, write_video_caption
from keras_vae.plots.side_by_side import MAX_PLANES
from keras_vae.runs.folder import Run

MAX_LISTED, MAX_PATH_CHARACTERS = 5, 120  # runs that are named in a message
VIDEO = Path("videos") / "side-by-side.mp4"


class Several(NamedTuple):
    """Runs, and the folder that gets their drawings."""

    folder: Path
    runs: list[Run]


def find(paths: Sequence[Path]) -> Several | None:
    """The runs at some paths, each of a run or of a folder of runs; None for a single path that is not such a folder.

    Drawings of a folder go into it, those of several paths into the folder that holds all of the runs.

    Raises:
        InputError: if there is no run at one of several paths.
    """
    if len(paths) == 1:
        runs = [] if Run(paths[0]).is_run() else runs_below(paths[0])
        return Several(paths[0], runs) if runs else None
    runs = []
    for path in paths:
        found = [Run(path)] if Run(path).is_run() else runs_below(path)
        if not found:
            raise InputError(f"runs: expected a run folder, or a folder of runs; found none at {path}.")
        runs += found
    runs = list({run.path.resolve(): run for run in runs}.values())
    return Several(Path(os.path.commonpath([run.path.absolute().parent for run in runs])), runs)


def runs_below(folder: str | Path) -> list[Run]:
    """The runs in a folder, directly or in its `runs/` as recipes write them."""
    folder = Path(folder)
    if not os.path.isdir(folder):  # also of a name too long for the system
        return []
    paths = sorted(path.parent for path in (*folder.glob("*/config.json"), *folder.glob("runs/*/config.json")))
    return [Run(path) for path in paths if Run(path).is_run() and not path.name.startswith(PARTIAL_PREFIX)]


def draw(
    several: Several,
    epochs: tuple[float, float] | None = None,
    ellipses: bool = False,
    gif: bool = False,
    with_video: bool = True,
    log: Callable[[str], None] = lambda text: None,
) -> Drawn:
    """Writes `rate-distortion.png` and `videos/side-by-side.mp4` of the finished runs that are not damaged.

    Args:
        several: the runs, and the folder of the drawings.
        epochs, ellipses, gif: of the video, as in `run_figures.draw`.
        with_video: whether to make the video.
        log: is called with a sentence on runs that are left out.

    Raises:
        InputError: if there is nothing to draw, or `epochs` were not recorded; nothing is drawn then.
        DamagedFileError: if there is nothing to draw besides damaged runs.
    """
    damaged: list[DamagedFileError] = []
    finished = [run for run in several.runs if run.finished]
    if unfinished := [run for run in several.runs if not run.finished]:
        log(f"Left out, since their training has not finished: {_listed(unfinished)}")
    measured = _readable(finished, lambda run: rate_distortion.grouped([run]), damaged)
    shown = _shown(_readable(measured, run_videos.check_plane, damaged), log) if with_video else []
    if epochs is not None:
        for run in shown:
            run.full_trajectory.between(*video.checked_epochs(epochs))  # raises before anything is drawn
    if damaged and not measured:
        raise damaged[0]
    drawn = []
    if len(shown) < 2 or rate_distortion.grouped(measured):  # runs without a KL can still be watched
        drawn.append(rate_distortion.draw(several.folder, measured))
    if len(shown) > 1:
        path = several.folder / VIDEO
        drawn.append(run_videos.side_by_side_video(shown, path, epochs=epochs, ellipses=ellipses))
        write_video_caption(path, run_videos.side_by_side_caption(shown, ellipses))
        if gif:
            drawn.append(video.write_gif(path, path.with_suffix(".gif")))
    return Drawn(drawn, damaged)


def _readable(runs: Sequence[Run], read: Callable[[Run], object], damaged: list[DamagedFileError]) -> list[Run]:
    """The runs of which `read` finds no damaged file; the errors of the others are added to `damaged`."""
    found = []
    for run in runs:
        with collected(damaged):
            read(run)
            found.append(run)
    return found


def _shown(runs: Sequence[Run], log: Callable[[str], None]) -> list[Run]:
    """The runs of the video: all with a trajectory; of more than nine, those of the smallest seed."""
    recorded = [run for run in runs if run_videos.has_trajectory_plane(run)]
    if others := [run for run in runs if run not in recorded]:
        log(f"Not in the video, since no trajectory of two units or more was recorded: {_listed(others)}")
    if len(recorded) <= MAX_PLANES:
        return recorded
    seeds = [run.config["config"]["seed"] for run in recorded]
    shown = [run for run, seed in zip(recorded, seeds, strict=True) if seed == min(seeds)]
    fits = len(shown) <= MAX_PLANES
    log(
        f"Of {len(recorded)} runs the video shows the {len(shown)} of seed {min(seeds)}"
        if fits
        else f"No video: it shows up to {MAX_PLANES} runs, and there are {len(recorded)}; name those to show"
    )
    return shown if fits else []


def _listed(runs: Sequence[Run]) -> str:
    names = [shortened(str(run.path), MAX_PATH_CHARACTERS) for run in runs[:MAX_LISTED]]
    more = [f"{len(runs) - MAX_LISTED} more"] if len(runs) > MAX_LISTED else []
    return ", ".join(names + more)
