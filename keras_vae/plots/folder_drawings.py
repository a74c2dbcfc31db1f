"""Drawings of several runs: the rate–distortion plane, and one video of all."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_vae._utils.files import PARTIAL_PREFIX
from keras_vae.errors import InputError
from keras_vae.plots import rate_distortion, run_videos, video
from keras_vae.plots.side_by_side import MAX_PLANES
from keras_vae.runs.folder import Run

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
) -> list[Path]:
    """Writes `rate-distortion.png` and `videos/side-by-side.mp4` of the finished runs; returns their paths.

    Args:
        several: the runs, and the folder of the drawings.
        epochs, ellipses, gif: of the video, as in `run_figures.draw`.
        with_video: whether to make the video.
        log: is called with a sentence on runs that the video leaves out.

    Raises:
        InputError: if there is nothing to draw.
    """
    finished = [run for run in several.runs if run.finished]
    shown = _shown(finished, log) if with_video else []
    drawn = []
    if len(shown) < 2 or rate_distortion.grouped(finished):  # runs without a KL can still be watched
        drawn.append(rate_distortion.draw(several.folder, finished))
    if len(shown) > 1:
        path = several.folder / VIDEO
        drawn.append(run_videos.side_by_side_video(shown, path, epochs=epochs, ellipses=ellipses))
        if gif:
            drawn.append(video.write_gif(path, path.with_suffix(".gif")))
    return drawn


def _shown(runs: Sequence[Run], log: Callable[[str], None]) -> list[Run]:
    """The runs of the video: all with a trajectory; of more than nine, those of the smallest seed."""
    recorded = [run for run in runs if run_videos.has_trajectory_plane(run)]
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
