"""All pages of some folders: of each run and study, and an index; a damaged run does not stop the others."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from keras_vae.errors import DamagedFileError, InputError
from keras_vae.report import index_page, run_page, study_page
from keras_vae.runs.folder import Run


def write(paths: Sequence[Path], draw: bool, log: Callable[[str], None] = print) -> dict[Path, InputError]:
    """Writes a page for each run and study, and an index of several runs.

    Args:
        paths: as in `index_page.find`.
        draw: whether to draw missing figures and, for a single run, the missing video first.
        log: called with the path of each page, and a line before a drawing.

    Returns:
        The errors of runs and studies that have no page, by folder, and of damaged files that a page lacks, by file.

    Raises:
        InputError: if there is no run or study at one of the paths, or a single one has no page.
    """
    found = index_page.find(paths)
    is_single = len(found.runs) + len(found.unfinished) + len(found.studies) == 1
    errors: dict[Path, InputError] = {}
    damaged: list[DamagedFileError] = []
    tasks: list[tuple[Path, Callable[[], Path | None]]] = [
        *((run.path, partial(_run_page, run, draw, is_single, log, damaged)) for run in found.runs),
        *((run.path, partial(_check_unfinished, run)) for run in found.unfinished),
        *((study, partial(study_page.write, study)) for study in found.studies),
    ]
    for folder, task in tasks:
        try:
            page = task()
        except InputError as error:
            if is_single:
                raise
            errors[folder] = error  # reported at the end, so that all other pages are written
        else:
            if page is not None:
                log(str(page))
    if found.folder is not None:
        runs = [*found.runs, *found.unfinished]
        log(str(index_page.write(found.folder, runs, found.studies, errors, damaged)))
    return errors | {Path(error.path): error for error in damaged}


def _run_page(run: Run, draw: bool, video: bool, log: Callable[[str], None], damaged: list[DamagedFileError]) -> Path:
    """Writes the page of a run; errors of files that the page can do without are added to `damaged`."""
    if draw:
        from keras_vae.plots import run_figures  # which loads matplotlib

        damaged += run_figures.draw_what_is_missing(run, video, log)
    return run_page.write(run, damaged)


def _check_unfinished(run: Run) -> None:
    """Reads the configuration, which the index shows; an unfinished run has no page."""
    _ = run.config
