"""Executes the trainings of a study through Ray, each in a process of its own, on one machine or a cluster."""

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from keras_vae._utils import threads
from keras_vae._utils.formatting import count
from keras_vae._utils.progress import ParallelProgress, ProgressReporter
from keras_vae.data import Dataset
from keras_vae.errors import InputError
from keras_vae.evaluation.judge import Judge
from keras_vae.runs.folder import Run
from keras_vae.studies import attempts, ray_cluster, ray_worker
from keras_vae.studies.execution import Execution
from keras_vae.studies.storage import Storage, archive_name
from keras_vae.studies.task import Row, Task

K = TypeVar("K")

MAX_RETRIES = 10  # of a training whose worker or machine was lost
MAX_CALLS = 1  # of a process: each training begins in a new one
POLL_SECONDS = 1.0  # between two looks at the progress of the running trainings


class RayExecutor:
    """Executes each task in a process of its own, repeats it if the process or its machine is lost, and collects rows.

    The data set and the classifier that scores images are sent to the workers once per machine. This process imports
    no backend, so that it occupies no memory of an accelerator.

    Args:
        execution: number of workers, address and resources.

    Raises:
        InputError: if Ray is not installed, or the storage can't be written to.
    """

    def __init__(self, execution: Execution):
        ray_cluster.import_ray()
        self.execution = execution
        self.storage = None if execution.storage is None else Storage(execution.storage)
        if self.storage:
            self.storage.check()

    def run(self, tasks: Mapping[K, Task], data: Dataset, judge: Judge | None) -> dict[K, Row]:
        """Performs the tasks; see `Executor`."""
        progress = ProgressReporter()
        for task in tasks.values():
            _check_unlocked(task)
        with self._connection(tasks) as share:
            if self.storage:
                self._restore(tasks, data, self.storage)
            done = [key for key, task in tasks.items() if task.is_done(judge)]
            rows = {key: tasks[key].read(data, judge, ProgressReporter(quiet=True)) for key in done}
            missing = {key: task for key, task in tasks.items() if key not in rows}
            if missing:
                each = count(self.execution.cpus or threads.count(), "thread")
                each += f" and {share.gpus:g} GPU" if share.gpus else ""
                progress.message(f"Up to {count(share.slots, 'training')} at the same time, each with {each}")
                with ParallelProgress(len(tasks), len(done)) as parallel:
                    rows |= _Trainings(self.execution, share, data, judge, parallel).perform(missing, self.storage)
            attempts.clear(*(task.folder for task in tasks.values()))  # of workers that were lost
        return {key: rows[key] for key in tasks}

    @contextlib.contextmanager
    def _connection(self, tasks: Mapping[K, Task]) -> Iterator[ray_cluster.Share]:
        """A connection to machines that were checked."""
        with ray_cluster.connection(self.execution) as share:
            if self.execution.ray is not None:
                for runs in {task.folder.parent for task in tasks.values()}:
                    ray_cluster.check_nodes(runs, self.execution.storage)
            yield share

    @staticmethod
    def _restore(tasks: Mapping[K, Task], data: Dataset, storage: Storage) -> None:
        """Writes the runs that are archived already, and not finished here."""
        archives = storage.archives()
        for task in tasks.values():
            if Run(task.folder).finished:
                continue
            name = archive_name(task.folder.name, task.config, data.digest)
            for archive in archives:
                if archive.startswith(f"{name}.") and storage.restore(archive, task.folder, task.config.dataset):
                    break


class _Trainings:
    """The trainings of one study on a connected cluster."""

    def __init__(
        self,
        execution: Execution,
        share: ray_cluster.Share,
        data: Dataset,
        judge: Judge | None,
        progress: ParallelProgress,
    ):
        self._ray = ray_cluster.import_ray()
        self._execution, self._share, self._progress, self._data = execution, share, progress, data
        self._judge_options = None if judge is None else judge.options
        self._remote_data = self._ray.put(data)
        self._board = self._start_board() if progress.is_shown else None

    def perform(self, tasks: Mapping[K, Task], storage: Storage | None) -> dict[K, Row]:
        """Performs the tasks and returns their rows."""
        classifier = self._classifier()
        perform = self._remote(ray_worker.perform)
        waiting, rows = deque(tasks.items()), {}
        running: dict[Any, K] = {}
        while waiting or running:
            while waiting and len(running) < self._share.slots:
                key, task = waiting.popleft()
                arguments = (task, self._remote_data, classifier, self._judge_options or {}, self._execution.storage)
                running[perform.options(name=task.name).remote(*arguments, self._board)] = key
            finished, _ = self._ray.wait(list(running), num_returns=1, timeout=POLL_SECONDS)
            for reference in finished:
                key = running.pop(reference)
                result = self._get(reference, tasks[key].name)
                rows[key] = result.row
                self._keep(tasks[key], result, storage)
            self._show()
        return rows

    def _keep(self, task: Task, result: ray_worker.Result, storage: Storage | None) -> None:
        """Writes an archived run to its folder, or waits until it is visible there, and counts the task."""
        if storage is not None and not storage.restore(str(result.archive), task.folder, task.config.dataset):
            raise InputError(
                f"storage: expected the complete archive {result.archive} in {storage.uri}; it is damaged; delete it "
                "and repeat the command."
            )
        if storage is None and not ray_cluster.is_visible(task.folder):
            raise InputError(
                f"out: expected the run {task.folder}, which a worker has written, in the shared folder; it "
                "is not there; check the folder, or set storage to a URI."
            )
        if self._board is not None:
            self._board.finish.remote(task.name)
        self._progress.finish_part(task.name, result.seconds)

    def _remote(self, function: Any) -> Any:
        """A function that Ray calls in a new process, with the resources of a training."""
        options = {"num_cpus": self._share.cpus, "num_gpus": self._share.gpus}
        return self._ray.remote(**options, max_calls=MAX_CALLS, max_retries=MAX_RETRIES)(function)

    def _classifier(self) -> Any:
        """A reference to the arrays of the classifier that scores images, trained before everything else."""
        if self._judge_options is None:
            return None
        name = "classifier that scores samples"
        train_judge = self._remote(ray_worker.train_judge).options(name=name)
        reference = train_judge.remote(self._remote_data, self._judge_options)
        return self._ray.put(self._get(reference, name))

    def _get(self, reference: Any, name: str) -> Any:
        """The result of a task; the error of the function that was called is raised as it was there."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise ConnectionError(
                f"{name}: its process was lost {MAX_RETRIES + 1} times ({reason}); finished work is kept"
            ) from error

    def _start_board(self) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=True)
        board = self._ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(ray_worker.Board)
        return board.remote()

    def _show(self) -> None:
        """Shows the progress of the running trainings, where there is a terminal."""
        if self._board is not None:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._progress.show(self._ray.get(self._board.running.remote(), timeout=POLL_SECONDS))


def _check_unlocked(task: Task) -> None:
    """Raises an InputError if a process of another command is training the run."""
    run = Run(task.folder)
    if run.is_run() and not run.finished:
        with run.lock():
            pass
