"""A folder of runs: what is in it, and a page that lists it as a table that sorts."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from keras_vae import data as datasets
from keras_vae._utils import formatting
from keras_vae.errors import InputError
from keras_vae.report import rendering, study_page
from keras_vae.runs.files import write_text
from keras_vae.runs.folder import Run


class Found(NamedTuple):
    """What `find` found: runs to write pages of, unfinished ones, studies, and where an index of the runs belongs."""

    runs: list[Run]
    unfinished: list[Run]
    studies: list[Path]
    folder: Path | None


def find(paths: Sequence[Path]) -> Found:
    """The runs and studies at some paths: each a run, a study, or a folder of them (or of `runs/` and studies, as
    recipes leave it).

    Several runs get an index: in the one folder that was given, or else in the one that holds them all.

    Raises:
        InputError: if there is none at one of the paths, or the only run given there is unfinished.
    """
    runs, studies = [], []
    for path in paths:
        here = [path] if _is_one(path) else [p for p in (*path.glob("*"), *path.glob("runs/*")) if _is_one(p)]
        if not here:
            raise InputError(
                f"report: expected a run, a study or a folder of them at {path}; there is none; give the folder of "
                "one (with a config.json or a study.json)."
            )
        runs += [Run(p) for p in sorted(here) if Run(p).is_run()]
        studies += [p for p in sorted(here) if not Run(p).is_run()]
    given_alone = len(paths) == len(runs) == 1 and runs[0].path == paths[0]
    if given_alone:
        runs[0].require_finished()
    finished, unfinished = ([run for run in runs if run.finished is is_so] for is_so in (True, False))
    folder = None
    if runs and not given_alone:
        common = Path(os.path.commonpath([path.absolute().parent for path in (*(r.path for r in runs), *studies)]))
        folder = paths[0] if len(paths) == 1 else common
    return Found(finished, unfinished, studies, folder)


def _is_one(path: Path) -> bool:
    return Run(path).is_run() or (path / "study.json").is_file()


def write(folder: str | Path, runs: Sequence[Run], studies: Sequence[Path] = ()) -> Path:
    """Writes `index.html` into a folder, a table of runs that sorts, and returns its path.

    Args:
        folder: where the page goes.
        runs: finished or not, in or below that folder.
        studies: folders of studies below it, whose pages are linked.
    """
    folder = Path(folder)
    head = [
        "run",
        "data",
        "posterior",
        "units",
        "active",
        "loss",
        "reconstruction",
        "KL",
        "epochs",
        "β",
        "seed",
        "seconds",
    ]
    finished = sum(run.finished for run in runs)
    page = rendering.render(
        "index.html",
        title=folder.resolve().name,
        lead=(
            f"{formatting.count(finished, 'finished training')}"
            f"{f' and {len(runs) - finished} unfinished' * (finished < len(runs))}; losses on test images, nats per "
            "image."
        ),
        head=head,
        rows=[_index_row(folder, run) for run in runs],
        studies=[(study_page.read(study)["title"], _way(folder, study / rendering.PAGE)) for study in studies],
        footer=rendering.footer({}),
    )
    path = folder / "index.html"
    write_text(path, page)
    return path


def _index_row(folder: Path, run: Run) -> list[rendering.Cell]:
    config = run.config["config"]
    name = f"{config['architecture']}{' (unfinished)' * (not run.finished)}"
    name = rendering.Cell(name, config["architecture"], _way(folder, run.path / rendering.PAGE))
    told = [name, *(rendering.Cell(text, text) for text in (datasets.title(config["dataset"]), config["posterior"]))]
    metrics = run.metrics if run.finished else {"test": {}, "seconds": {}}
    test = metrics["test"]
    told += [rendering.measured(metrics.get(key)) for key in ("n_units", "n_active")]
    told += [rendering.measured(test.get(key)) for key in ("loss", "reconstruction", "kl")]
    for value in (metrics.get("epochs"), config.get("beta"), config.get("seed")):
        told.append(
            rendering.Cell(formatting.ABSENT if value is None else _plain(value), "" if value is None else value)
        )
    seconds = metrics["seconds"].get("train")
    return [
        *told,
        rendering.Cell(formatting.ABSENT if seconds is None else f"{seconds:,.0f}", "" if seconds is None else seconds),
    ]


def _way(folder: Path, page: Path) -> str:
    """The address of a page from a folder; empty where there is none."""
    return quote(Path(os.path.relpath(page, folder)).as_posix()) if page.is_file() else ""


def _plain(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
