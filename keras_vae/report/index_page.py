"""The index page of a folder of runs: the rate–distortion plane, and a table that can be sorted."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from keras_vae import data as datasets
from keras_vae._utils import formatting
from keras_vae._utils.data_words import is_row, worded
from keras_vae._utils.files import PARTIAL_PREFIX, write_text
from keras_vae._utils.foreign_text import cleaned
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.report import captions, data_uri, rate_distortion, rendering, study_page
from keras_vae.report.rendering import Cell
from keras_vae.runs import comparison
from keras_vae.runs.folder import Run

PAGE = "index.html"
HEAD = (
    "run", "architecture", "data", "posterior", "units", "active", "test loss, nats", "reconstruction, nats",
    "KL, nats", "epochs", "objective", "prior", "β",
)  # fmt: skip
END_OF_HEAD = ("seed", "training time, s")
WITH_COLUMN = {"architecture", "dataset", "posterior", "epochs", "objective", "prior", "beta", "seed"}  # settings


class Found(NamedTuple):
    """The runs and studies at some paths.

    Attributes:
        runs: finished runs.
        unfinished: runs whose training has not finished.
        studies: folders of studies.
        folder: where an index of the runs belongs; None for a single run.
    """

    runs: list[Run]
    unfinished: list[Run]
    studies: list[Path]
    folder: Path | None


def find(paths: Sequence[Path]) -> Found:
    """Finds the runs and studies at some paths.

    Several runs get an index: in the given folder if there is one, else in the folder that holds all of them.

    Args:
        paths: each of a run, of a study, or of a folder that holds them, directly or in its `runs/` as recipes do.

    Raises:
        InputError: if there is none at one of the paths, or if the only path is that of an unfinished run.
    """
    runs, studies = [], []
    for path in paths:
        below = [*path.glob("*"), *path.glob("runs/*")] if os.path.isdir(path) else []
        below = [candidate for candidate in below if not candidate.name.startswith(PARTIAL_PREFIX)]
        candidates = [path] if _is_run_or_study(path) else below
        found = sorted(candidate for candidate in candidates if _is_run_or_study(candidate))
        if not found:
            raise InputError(
                f"runs: expected a run, a study or a folder of them at {path}; found none; give a folder with a "
                "config.json or a study.json, or one that holds such folders."
            )
        runs += [Run(candidate) for candidate in found if Run(candidate).is_run()]
        studies += [candidate for candidate in found if not Run(candidate).is_run()]
    is_single = len(paths) == len(runs) == 1 and runs[0].path == paths[0]
    if is_single:
        runs[0].require_finished()
    finished, unfinished = ([run for run in runs if run.finished is state] for state in (True, False))
    return Found(finished, unfinished, studies, None if is_single else _index_folder(paths, runs, studies))


def _is_run_or_study(path: Path) -> bool:
    return Run(path).is_run() or os.path.lexists(path / "study.json")


def _index_folder(paths: Sequence[Path], runs: Sequence[Run], studies: Sequence[Path]) -> Path | None:
    if not runs:
        return None
    if len(paths) == 1:
        return paths[0]
    return Path(os.path.commonpath([path.absolute().parent for path in (*(run.path for run in runs), *studies)]))


def write(
    folder: str | Path,
    runs: Sequence[Run],
    studies: Sequence[Path] = (),
    errors: Mapping[Path, InputError] | None = None,
    damaged: list[DamagedFileError] | None = None,
) -> Path:
    """Writes `index.html` and returns its path.

    Args:
        folder: where the page is written.
        runs: in or below that folder; they may be unfinished.
        studies: folders of studies below it, whose pages are linked.
        errors: the errors of runs and studies that could not be read, by folder; the page shows them.
        damaged: receives the errors of damaged files that the page does without.
    """
    folder, errors, lost = Path(folder), errors or {}, [] if damaged is None else damaged
    n_lost = len(lost)
    readable = [run for run in runs if run.path not in errors]
    n_finished = sum(run.finished for run in readable)
    counted = formatting.count(n_finished, "finished run")
    if n_finished < len(readable):
        counted += f" and {len(readable) - n_finished} unfinished"
    described = captions.FOLDER_VIDEO_CAPTIONS | _captions_of_videos(folder, lost)
    videos = data_uri.videos(folder, "Training of several models", described)
    settings = [key for key in comparison.distinguishing(readable) if key not in WITH_COLUMN]
    head = (*HEAD, *(comparison.NAMED_SETTINGS[key].strip() or key for key in settings), *END_OF_HEAD)
    names = comparison.folder_names(runs)
    planes = rate_distortion.planes(readable, lambda run: _address(folder, run.path / rendering.PAGE), lost)
    unmarked = _unmarked(n_finished, sum(plane["marks"] for plane in planes))
    page = rendering.render(
        "index.html",
        title=cleaned(folder.resolve().name),
        lead=f"{counted}. {_losses(readable)}{'' if planes else f' {unmarked}'}".rstrip(),
        planes=planes,
        videos=videos.shown,
        notes=[*videos.notes, *map(str, lost[n_lost:])],
        unmarked=unmarked,
        head=head,
        rows=[
            _row(folder, run, name, settings) if run in readable else _row_of_error(name, len(head))
            for run, name in zip(runs, names, strict=True)
        ],
        studies=[
            (study_page.read(study)["title"], _address(folder, study / rendering.PAGE))
            for study in studies
            if study not in errors
        ],
        errors=[str(error) for error in errors.values()],
        footer=rendering.footer({}),
    )
    path = folder / PAGE
    write_text(path, page)
    return path


def _captions_of_videos(folder: Path, damaged: list[DamagedFileError]) -> dict[str, str]:
    """Captions by file stem; none if their file is damaged, which is noted."""
    try:
        return captions.of_videos(folder)
    except DamagedFileError as error:
        damaged.append(error)
        return {}


def _losses(runs: Sequence[Run]) -> str:
    """What the losses are measured on: images, rows, or both."""
    kinds = {is_row(run.image_shape): run.image_shape for run in runs}
    if len(kinds) > 1:
        return "Losses are measured on test images or rows, in nats per image or row."
    text = "Losses are measured on test images, in nats per image."
    return worded(text, *kinds.values()) if kinds else text


def _unmarked(n_finished: int, n_marks: int) -> str:
    """A sentence on the finished runs that the planes leave out."""
    if n_finished > 1 and not n_marks:
        return "No two of them have a KL and the same data and likelihood, by which they could be compared in a plane."
    n = n_finished - n_marks if n_marks else 0
    reason = "without a KL, or alone with their data and likelihood,"
    return f"{formatting.count(n, 'run')} {reason} {'is' if n == 1 else 'are'} listed below only." if n else ""


def _row_of_error(name: str, n_cells: int) -> list[Cell]:
    """The cells of a run that could not be read: the name of its folder."""
    return [Cell(f"{name} (not readable)", name), *[Cell(formatting.ABSENT, "")] * (n_cells - 1)]


def _row(folder: Path, run: Run, name: str, settings: Sequence[str]) -> list[Cell]:
    """The cells of a run; an unfinished one has no measurements.

    Args:
        folder: of the page.
        run: a readable run.
        name: of its folder.
        settings: those that have a column beside the usual ones.
    """
    config = run.config["config"]
    metrics = run.metrics if run.finished else {"test": {}, "seconds": {}}
    architecture, dataset = config["architecture"], datasets.title(config["dataset"])
    shown = name if run.finished else f"{name} (unfinished)"
    seconds = metrics["seconds"].get("train")
    return [
        Cell(shown, name, _address(folder, run.path / rendering.PAGE)),
        Cell(architecture, architecture),
        Cell(dataset, dataset),
        Cell(config["posterior"], config["posterior"]),
        *(rendering.number_cell(metrics.get(key)) for key in ("n_units", "n_active")),
        *(rendering.number_cell(metrics["test"].get(key)) for key in ("loss", "reconstruction", "kl")),
        *(
            _setting_cell(value)
            for value in (metrics.get("epochs"), *map(config.get, ("objective", "prior", "beta", *settings, "seed")))
        ),
        Cell(formatting.ABSENT, "") if seconds is None else Cell(f"{seconds:,.0f}", seconds),
    ]


def _setting_cell(value: float | str | None) -> Cell:
    """A cell with a hyperparameter, in full precision."""
    if value is None:
        return Cell(formatting.ABSENT, "")
    return Cell(f"{value:g}" if isinstance(value, float) else str(value), value)


def _address(folder: Path, page: Path) -> str:
    """The relative address of a page from a folder; empty if the page does not exist."""
    return quote(os.fsencode(Path(os.path.relpath(page, folder)).as_posix())) if page.is_file() else ""
