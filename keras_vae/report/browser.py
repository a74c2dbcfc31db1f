"""Opens the pages of runs in a browser, or below the cell of a notebook."""

import os
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from keras_vae._utils import notebook
from keras_vae.report import index_page, pages, rendering
from keras_vae.report.run_table import as_paths
from keras_vae.runs.folder import Run


class Pages(list[Path]):
    """Paths of the pages that are shown; a notebook, which has shown the pages, does not list them below."""

    def _ipython_display_(self) -> None:
        if not notebook.is_notebook():
            print(list(self))


def show(runs: Run | str | Path | Sequence[Run | str | Path], draw: bool = True) -> list[Path]:
    """Opens the page of a run in a browser, or the index page of several; in a notebook, below the cell.

    The page is written first, unless a single run has one that is newer than its results. Where there is no browser,
    the path is printed.

    Args:
        runs: a run or study, its folder, a folder that holds several, or a list of them.
        draw: whether to draw missing figures first, and for a single run the missing video.

    Returns:
        The paths of the pages that were opened.

    Raises:
        InputError: if there is no run or study, or the only run is unfinished.

    Example:
        >>> import keras_vae as kv
        >>> try:
        ...     kv.show("no-such-folder")
        ... except kv.InputError as error:
        ...     print(str(error).partition(";")[0])
        runs: expected a run, a study or a folder of them at no-such-folder
    """
    paths = as_paths(runs)
    found = index_page.find(paths)
    if found.folder is None:
        shown = [folder / rendering.PAGE for folder in (*(run.path for run in found.runs), *found.studies)]
    else:
        shown = [found.folder / index_page.PAGE]
    is_single_run = found.folder is None and not found.studies
    if not (is_single_run and _is_current(found.runs[0])):
        for error in pages.write(paths, draw, log=lambda line: None).values():
            print(error)
    for page in shown:
        if notebook.is_notebook():
            notebook.show(notebook.frame(page.read_text(encoding="utf-8"), str(page)))
        elif not webbrowser.open(page.absolute().as_uri()):
            print(page)
    return Pages(shown)


def _is_current(run: Run) -> bool:
    """Whether a run has a page that is newer than its results."""
    page = run.path / rendering.PAGE
    results = [run.path / name for name in ("metrics.json", "evaluation.json")]
    written = [os.path.getmtime(path) for path in results if path.is_file()]
    return page.is_file() and os.path.getmtime(page) >= max(written)
