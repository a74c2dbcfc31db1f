"""One training of a study or a sweep, and what is measured of it; it can be sent to another process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset
from keras_vae.evaluation import run_evaluation
from keras_vae.evaluation.judge import Judge
from keras_vae.fast_fit import model_memory
from keras_vae.runs import training
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run
from keras_vae.studies.run_measures import run_measures

Row = dict[str, float]  # measures by key


class Measurement(Protocol):
    """What is measured of a finished run; it can be pickled."""

    def __call__(self, run: Run, data: Dataset, judge: Judge | None) -> Row:
        """Measures a finished run, and writes to its folder what need not be measured again."""
        ...

    def is_written(self, run: Run, judge: Judge | None) -> bool:
        """Whether a call only reads what is in the folder of the finished run."""
        ...


@dataclass(frozen=True)
class StudyMeasurement:
    """The measures of a study: those of the evaluation, and the study's own.

    Attributes:
        samples: importance samples per image of the audit.
        audit: also audit the run.
        own: computes further measures, from the run, its data and the judge.
    """

    samples: int
    audit: bool = False
    own: Callable[[Run, Dataset, Judge | None], Row] | None = None

    def __call__(self, run: Run, data: Dataset, judge: Judge | None) -> Row:
        run_evaluation.evaluate(run, data, judge, with_audit=self.audit, samples=self.samples)
        return run_measures(run) | (self.own(run, data, judge) if self.own else {})

    def is_written(self, run: Run, judge: Judge | None) -> bool:
        return self.own is None and run_evaluation.is_evaluated(run, judge, self.audit, self.samples)


@dataclass(frozen=True)
class Task:
    """A training, the folder of its run, and what is measured of the run.

    Attributes:
        name: for messages.
        config: of the training.
        folder: of the run.
        measurement: of the finished run.
    """

    name: str
    config: Config
    folder: Path
    measurement: Measurement

    def is_done(self, judge: Judge | None) -> bool:
        """Whether the run in the folder is finished, and what is measured of it is written there."""
        run = Run(self.folder)
        return run.is_run() and run.finished and self.measurement.is_written(run, judge)

    def perform(
        self, data: Dataset, judge: Judge | None, progress: ProgressReporter, folder: Path | None = None
    ) -> Row:
        """Trains what is missing, measures the run, and frees the memory of the model.

        Args:
            data: the data set.
            judge: the classifier that scores images, or None.
            progress: receives the progress of the training.
            folder: of the run, in place of the task's.
        """
        with model_memory.freed_afterwards():
            run = training.train(self.config, folder or self.folder, resume=True, progress=progress, data=data)
            return self.measurement(run, data, judge)

    def read(self, data: Dataset, judge: Judge | None, progress: ProgressReporter) -> Row:
        """The measures of a task that is done; no backend is imported."""
        run = training.train(self.config, self.folder, resume=True, progress=progress, data=data)
        return self.measurement(run, data, judge)
