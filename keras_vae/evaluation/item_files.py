"""Encodings and scores of all items of a data set, written to a file chunk by chunk."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_vae._utils import item_files
from keras_vae._utils.progress import ProgressReporter
from keras_vae.errors import InputError
from keras_vae.evaluation.item_scores import N_SAMPLES, ItemScores, Scorer, batch_size
from keras_vae.runs import model_file
from keras_vae.runs.folder import Run
from keras_vae.runs.new_items import NewItems

if TYPE_CHECKING:
    from keras_vae.models import VAE

N_SHOWN = 24  # highest and lowest items that a page shows


class Ranked(NamedTuple):
    """Items in the order of a score.

    Attributes:
        rows: positions of the items in the data, `(k,)`.
        x: the items, `(k, …)`.
        scores: of the items, by name.
        reconstructions: decoded from the posterior means, `(k, …)`.
    """

    rows: np.ndarray
    x: np.ndarray
    scores: dict[str, np.ndarray]
    reconstructions: np.ndarray


class Ranking(NamedTuple):
    """The highest and the lowest of many items by one score.

    Attributes:
        by: the name of the score.
        values: the score of every item, `(n,)`.
        highest, lowest: the first items from above and from below.
        noise_std: standard deviation of the Gaussian noise of each number of an item, or of all; None where the
            likelihood has none.
    """

    by: str
    values: np.ndarray
    highest: Ranked
    lowest: Ranked
    noise_std: np.ndarray | None


def write_encodings(
    run: Run, items: NewItems, path: Path, overwrite: bool = False, progress: ProgressReporter | None = None
) -> Path:
    """Writes mean and log_var of every item to an `.npz` or `.csv` file, with labels and names where there are any.

    Args:
        run: a finished run.
        items: as `runs.new_items.load` returns them.
        path: the file: arrays `mean` `(n, units…)`, `log_var`, `labels` and `files`, or columns of these names.
        overwrite: replace the file.
        progress: shows a bar.

    Raises:
        InputError: if the path is not usable, or the run isn't finished.
        WriteError: if the file can't be written; no incomplete file is left.
    """
    item_files.check_path(path, overwrite)
    vae, progress = model_file.load(run), progress or ProgressReporter()
    size = batch_size(vae, 0)
    with item_files.written(path, len(items), _texts(items)) as file:
        for x in progress.track(items.chunks(size), "Encoding", len(items), len):
            encoding = vae.encode(x)
            file.append(ItemScores(*encoding, {}).columns())
    return path


def write_scores(
    run: Run,
    items: NewItems,
    path: Path,
    samples: int = N_SAMPLES,
    seed: int = 0,
    by: str | None = None,
    overwrite: bool = False,
    progress: ProgressReporter | None = None,
) -> Ranking:
    """Writes the scores and the encoding of every item to an `.npz` or `.csv` file, and ranks the items.

    Args:
        run, items, path, overwrite, progress: as of `write_encodings`.
        samples, seed: as of `item_scores.score`.
        by: the score that ranks the items; None for −ELBO of samples, else the last reconstruction.

    Returns:
        The highest and the lowest items.

    Raises:
        InputError: if an argument is not usable; before anything is written, if `by` is not one of the scores.
        WriteError: if the file can't be written; no incomplete file is left.
    """
    item_files.check_path(path, overwrite)
    vae, progress = model_file.load(run), progress or ProgressReporter()
    size = batch_size(vae, samples)
    scorer, values = Scorer(vae, samples, seed), np.empty(len(items), "float32")
    extremes, done = (_Extremes(1), _Extremes(-1)), 0
    with item_files.written(path, len(items), _texts(items)) as file:
        for x in progress.track(items.chunks(size), "Scoring", len(items), len):
            found = scorer(x)
            by = found.ranked_by if by is None else by
            if by not in found.scores:
                raise InputError(f"by: expected one of {', '.join(found.scores)}; received {by!r}.")
            file.append(found.columns())
            values[done : done + len(x)] = found.scores[by]
            for extreme in extremes:
                extreme.add(done, x, found.scores, by)
            done += len(x)
    highest, lowest = (extreme.ranked(vae) for extreme in extremes)
    return Ranking(str(by), values, highest, lowest, _noise_std(vae))


class _Extremes:
    """The items with the highest or the lowest scores of those that were added.

    Args:
        sign: 1 for the highest, −1 for the lowest.
    """

    def __init__(self, sign: int):
        self._sign = sign
        self._kept: dict[str, np.ndarray] = {}

    def add(self, first: int, x: np.ndarray, scores: dict[str, np.ndarray], by: str) -> None:
        """Adds items whose first one is at position `first` of the data."""
        added = {"rows": first + np.arange(len(x)), "x": x, **scores}
        chosen = self._order(added[by])
        parts = {name: array[chosen] for name, array in added.items()}
        if self._kept:
            parts = {name: np.concatenate([self._kept[name], array]) for name, array in parts.items()}
        order = self._order(parts[by])
        self._kept = {name: array[order] for name, array in parts.items()}

    def _order(self, values: np.ndarray) -> np.ndarray:
        """The first `N_SHOWN`; of equal ones, those that were added first. NaN counts as infinity: see `score`."""
        return np.argsort(-self._sign * np.where(np.isnan(values), np.inf, values), kind="stable")[:N_SHOWN]

    def ranked(self, vae: "VAE") -> Ranked:
        kept = dict(self._kept)
        rows, x = kept.pop("rows"), kept.pop("x")
        return Ranked(rows, x, kept, vae.reconstruct(x))


def _texts(items: NewItems) -> dict[str, np.ndarray]:
    found = {} if items.names is None else {"files": np.array(items.names)}
    return found if items.labels is None else found | {"labels": items.labels}


def _noise_std(vae: "VAE") -> np.ndarray | None:
    std = getattr(vae.likelihood, "std", None)
    return None if std is None else np.asarray(std)
