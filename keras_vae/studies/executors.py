"""Executors perform the trainings of a study: one after the other in this process, or many through Ray."""

from collections.abc import Hashable, Mapping
from typing import Protocol, TypeVar

from keras_vae._utils.progress import MultiPartProgress
from keras_vae.data import Dataset
from keras_vae.errors import TrainingDiverged
from keras_vae.evaluation.judge import Judge
from keras_vae.studies.execution import Execution
from keras_vae.studies.task import Row, Task

K = TypeVar("K", bound=Hashable)


class Executor(Protocol):
    """Performs tasks and returns their rows."""

    def run(self, tasks: Mapping[K, Task], data: Dataset, judge: Judge | None) -> dict[K, Row]:
        """Performs the tasks that are not done, and returns the measures of all.

        Args:
            tasks: by key, in the order in which they begin.
            data: the data set of all.
            judge: the classifier that scores images, or None.

        Raises:
            InputError: before anything is trained, if the tasks can't be performed as requested.
            TrainingDiverged: if a loss becomes NaN or infinite.
        """
        ...


class SerialExecutor:
    """Performs one task after the other in this process."""

    def run(self, tasks: Mapping[K, Task], data: Dataset, judge: Judge | None) -> dict[K, Row]:
        """Performs the tasks; see `Executor`."""
        rows = {}
        with MultiPartProgress(len(tasks)) as progress:
            for key, task in tasks.items():
                with progress.part(task.name):
                    try:
                        rows[key] = task.perform(data, judge, progress)
                    except TrainingDiverged as error:
                        raise TrainingDiverged(f"{task.name}: {error}") from error
        return rows


def executor(execution: Execution) -> Executor:
    """The requested executor; Ray is imported only if it is requested.

    Raises:
        InputError: if Ray is requested and not installed, or its storage can't be written to.
    """
    if execution.in_this_process:
        return SerialExecutor()
    from keras_vae.studies.ray_executor import RayExecutor

    return RayExecutor(execution)
