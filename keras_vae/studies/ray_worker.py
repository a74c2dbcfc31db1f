"""What a worker process of a Ray cluster does: one training, and reports of its progress."""

import errno
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset
from keras_vae.errors import TrainingDiverged, WriteError
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import attempts
from keras_vae.studies.storage import Storage, archive_name
from keras_vae.studies.task import Row, Task

REPORT_SECONDS = 1.0  # between two reports of a training's progress


class Result(NamedTuple):
    """What a worker returns.

    Attributes:
        row: the measures of the run.
        seconds: that the task took.
        archive: name of the run's archive in the storage; None if the run is in the shared folder.
    """

    row: Row
    seconds: float
    archive: str | None = None


class Board:
    """An actor that holds the progress of running trainings: completed steps, all steps and a text, by name."""

    def __init__(self):
        self._running: dict[str, tuple[float, float, str]] = {}

    def report(self, name: str, done: float, total: float, detail: str) -> None:
        """Replaces the progress of a training."""
        self._running[name] = (done, total, detail)

    def finish(self, name: str) -> None:
        """Removes a training."""
        self._running.pop(name, None)

    def running(self) -> dict[str, tuple[float, float, str]]:
        """The progress of all running trainings."""
        return self._running


class ReportedProgress(ProgressReporter):
    """Reports the progress of a training to a board, at most once a second.

    Args:
        name: of the training.
        board: handle of a `Board`; None to report nothing.
    """

    def __init__(self, name: str, board: Any):
        super().__init__(quiet=True)
        self._name, self._board = name, board
        self._total, self._reported = 0.0, 0.0

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._total = total
        self.advance(done)

    def advance(self, done: float, detail: str = "") -> None:
        now = time.monotonic()
        if self._board is not None and now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._board.report.remote(self._name, done, self._total, detail)

    def stop(self) -> None:
        pass


def train_judge(data: Dataset, options: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Trains the classifier that scores images, or reads it from the cache, and returns its arrays."""
    return Judge(data, **options).arrays()


def perform(
    task: Task,
    data: Dataset,
    classifier: Mapping[str, np.ndarray] | None,
    options: Mapping[str, Any],
    storage: str | None,
    board: Any,
) -> Result:
    """Performs a task.

    Args:
        task: the training; its folder is shared by all machines, unless there is a storage.
        data: the data set.
        classifier: arrays of the classifier that scores images; None for images that are not scored.
        options: of the `Judge`.
        storage: URI of archives, or None.
        board: handle of a `Board`, or None.
    """
    began = time.monotonic()
    judge = None if classifier is None else Judge(data, **options, trained=classifier)
    progress = ReportedProgress(task.name, board)
    try:
        if storage is None:
            return Result(_in_shared_folder(task, data, judge, progress), time.monotonic() - began)
        with tempfile.TemporaryDirectory() as folder:
            row = task.perform(data, judge, progress, Path(folder) / "run")
            name = archive_name(task.folder.name, task.config, data.digest)
            archive = Storage(storage).save(Path(folder) / "run", name)
        return Result(row, time.monotonic() - began, archive)
    except TrainingDiverged as error:
        raise TrainingDiverged(f"{task.name}: {error}") from None


def _in_shared_folder(task: Task, data: Dataset, judge: Judge | None, progress: ProgressReporter) -> Row:
    """Performs a task as an attempt of its own, see `attempts`."""
    attempt = attempts.begin(task.folder, data.digest)
    try:
        row = task.perform(data, judge, progress, attempt)
    except WriteError as error:
        if error.errno != errno.ESTALE or not task.is_done(judge):
            raise
        return task.read(data, judge, progress)  # another attempt has finished, and this one was deleted
    attempts.publish(attempt, task.folder, lambda: task.is_done(judge))
    return row
