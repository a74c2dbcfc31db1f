"""Search by Ray Tune: its searchers choose configurations, and ASHA stops trainings with a low ELBO early."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae._utils.progress import ParallelProgress, ProgressReporter
from keras_vae.data import Dataset
from keras_vae.errors import InputError, TrainingDiverged
from keras_vae.runs import training
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run
from keras_vae.studies import attempts, ray_cluster
from keras_vae.studies.execution import Execution
from keras_vae.studies.ray_executor import MAX_RETRIES
from keras_vae.studies.run_study import folder_name
from keras_vae.studies.search_space import Range, Space

METRIC, TIME = "val_elbo", "epoch"
INDEX = "index"  # of a configuration of a grid or a random search
WORST = -1e30  # reported for a training that diverged; Tune's searchers refuse infinity


def search(space: Space, runs: Path, data: Dataset, execution: Execution) -> list[Config]:
    """Trains what Tune chooses, and returns the configurations that were trained, complete or not.

    A training that was finished before reports its last ELBO and is not repeated.

    Raises:
        InputError: before anything is trained, if the searcher is not known or not installed.
    """
    if execution.storage is not None:
        raise InputError("storage: expected none for a search by Ray Tune, which needs a shared folder; remove it.")
    runs.mkdir(parents=True, exist_ok=True)
    with ray_cluster.connection(execution) as share, tempfile.TemporaryDirectory() as folder:
        if execution.ray is not None:
            ray_cluster.check_nodes(runs, None)
        trials = len(space.configs) or space.file.trials or 1
        with ParallelProgress(trials) as progress:
            results = _tuner(space, runs.absolute(), data, share, folder, progress).fit()
        configs = [_config(space, result.config) for result in results]
        for config in configs:
            attempts.settle(runs / folder_name(config))
        failed = [error for error in results.errors if error is not None]
    if failed:
        raise InputError(
            f"sweep: expected all trainings to end; one failed ({str(failed[0]).strip().splitlines()[-1]})."
        )
    return configs


def _tuner(
    space: Space, runs: Path, data: Dataset, share: ray_cluster.Share, folder: str, progress: ParallelProgress
) -> Any:
    from ray import tune

    class Counter(tune.Callback):
        """Counts the trials that have ended."""

        def __reduce__(self):  # Tune saves its callbacks; the progress can't be pickled, and is of this process
            return tune.Callback, ()

        def on_trial_complete(self, iteration, trials, trial, **info):
            progress.finish_part(folder_name(_config(space, trial.config)), trial.last_result.get("time_total_s", 0.0))

    trainable = tune.with_parameters(_train, space=space, runs=runs, data=data)
    resources = {"cpu": share.cpus, "gpu": share.gpus}
    is_listed = bool(space.configs)
    return tune.Tuner(
        tune.with_resources(trainable, resources),
        param_space={INDEX: tune.grid_search(list(range(len(space.configs))))} if is_listed else _domains(space),
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="max",
            search_alg=None if is_listed else _searcher(space),
            scheduler=_scheduler(space),
            num_samples=1 if is_listed else space.file.trials or 1,
            max_concurrent_trials=share.slots,
            reuse_actors=False,
        ),
        run_config=tune.RunConfig(
            storage_path=folder,
            verbose=0,
            callbacks=[Counter()],
            failure_config=tune.FailureConfig(max_failures=MAX_RETRIES),
        ),
    )


def _domains(space: Space) -> dict[str, Any]:
    """The space as Tune's distributions."""
    from ray import tune

    def domain(values: list | Range) -> Any:
        if not isinstance(values, Range):
            return tune.choice(values)
        if values.whole:
            first, last = map(int, values.ends)
            return (tune.lograndint if values.log else tune.randint)(first, last + 1)
        return (tune.loguniform if values.log else tune.uniform)(values.low, values.high)

    return {name: domain(values) for name, values in space.file.space.items()}


def _searcher(space: Space) -> Any:
    from ray.tune.search import SEARCH_ALG_IMPORT, create_searcher

    name = space.file.search
    if name not in SEARCH_ALG_IMPORT or name in ("variant_generator", "random"):
        known = sorted(set(SEARCH_ALG_IMPORT) - {"variant_generator", "random"})
        raise InputError(f"search: expected grid, random or one of Tune's ({', '.join(known)}); received {name!r}.")
    options = {"metric": METRIC, "mode": "max"}
    try:
        try:
            return create_searcher(name, **options, seed=space.file.seed)
        except TypeError:  # a searcher without that argument
            return create_searcher(name, **options)
    except (ImportError, AssertionError) as error:
        raise InputError(f"search: expected what {name} needs to be installed; {error}; install it.") from error


def _scheduler(space: Space) -> Any:
    from ray.tune.schedulers import ASHAScheduler

    if space.file.scheduler is None:
        return None
    epochs = space.max_epochs
    return ASHAScheduler(time_attr=TIME, max_t=epochs, grace_period=min(space.file.grace_epochs, epochs))


def _config(space: Space, chosen: Mapping[str, Any]) -> Config:
    """The configuration that Tune has chosen."""
    if space.configs:
        return space.configs[chosen[INDEX]]
    rounded = {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in chosen.items()}
    return space.config(rounded)  # folders are named by the values


class _Reports(ProgressReporter):
    """Reports the ELBO of test images to Tune after each epoch but the last.

    ASHA ends the process of a training as soon as its last epoch is reported, which therefore waits until the run is
    finished.
    """

    def __init__(self, epochs: int):
        super().__init__(quiet=True)
        self._epochs = epochs

    def end_epoch(self, row: Mapping[str, float]) -> None:
        if row["epoch"] < self._epochs:
            _report(row)


def _report(row: Mapping[str, float]) -> None:
    from ray import tune

    tune.report({METRIC: -(row["val_reconstruction"] + row["val_kl"]), TIME: int(row["epoch"])})


def _train(chosen: Mapping[str, Any], space: Space, runs: Path, data: Dataset) -> None:
    """A trial: trains in a folder of its own, see `attempts`."""
    from ray import tune

    config = _config(space, chosen)
    folder = runs / folder_name(config)
    run = Run(folder)
    if not run.finished:
        attempt = attempts.begin(folder, data.digest)
        try:
            training.train(config, attempt, resume=True, progress=_Reports(config.epochs), data=data)
        except TrainingDiverged:
            tune.report({METRIC: WORST, TIME: config.epochs})
            return
        attempts.publish(attempt, folder, lambda: run.finished)
    _report({name: float(column[-1]) for name, column in run.history.items()})
