"""Sweeps over fields of `Config`: trains the configurations of a search space and ranks the runs by their ELBO.

```
OUT/runs/NAME/             an ordinary run folder for each configuration
OUT/sweep.json             the trainings, from the highest ELBO down
OUT/rate-distortion.png    KL and reconstruction of all
OUT/index.html             the page
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_vae import data as datasets
from keras_vae._utils.files import check_writable, write_json
from keras_vae._utils.formatting import ABSENT, Table, count
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset
from keras_vae.errors import InputError, TrainingDiverged
from keras_vae.evaluation.judge import Judge
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run
from keras_vae.studies import executors
from keras_vae.studies.execution import IN_THIS_PROCESS, Execution
from keras_vae.studies.run_study import folder_name
from keras_vae.studies.search_space import Space
from keras_vae.studies.task import Row, Task

RANKED = ("elbo", "reconstruction", "kl")


@dataclass(frozen=True)
class SweepMeasurement:
    """The losses of a run on test images, and its active units."""

    def __call__(self, run: Run, data: Dataset, judge: Judge | None) -> Row:
        return losses(run)

    def is_written(self, run: Run, judge: Judge | None) -> bool:
        return True


def losses(run: Run) -> Row:
    """The losses of a finished run on test images, nats per image, and its active units."""
    metrics = run.metrics
    return {key: metrics["test"][key] for key in RANKED} | {"active_units": metrics["n_active"]}


class SweepTask(Task):
    """A training of a sweep; one that diverges has no measures and does not end the sweep."""

    def perform(
        self, data: Dataset, judge: Judge | None, progress: ProgressReporter, folder: Path | None = None
    ) -> Row:
        try:
            return super().perform(data, judge, progress, folder)
        except TrainingDiverged:
            return {}


@dataclass(frozen=True)
class Sweep:
    """The result of a sweep.

    Attributes:
        folder: of the sweep.
        space: what was searched.
        runs: the runs from the highest ELBO down; those that diverged or were stopped early are last.
        rows: the measures of each; empty where there are none.
    """

    folder: Path
    space: Space
    runs: Sequence[Run]
    rows: Sequence[Row]

    @property
    def best(self) -> Run:
        """The run with the highest ELBO."""
        return self.runs[0]

    @property
    def table(self) -> Table:
        """The trainings, from the highest ELBO down."""
        fields = list(self.space.file.space)
        head = [*fields, "ELBO, nats", "reconstruction", "KL", "active units", "run"]
        return Table(self.space.file.title, head, [self._cells(fields, i) for i in range(len(self.runs))])

    def _cells(self, fields: Sequence[str], i: int) -> list[str]:
        row, config = self.rows[i], self.runs[i].config["config"]
        measured = [f"{row[key]:.2f}" if key in row else ABSENT for key in RANKED]
        active = f"{row['active_units']:.0f}" if row else ABSENT
        return [*(f"{config[name]}" for name in fields), *measured, active, self.runs[i].path.name]


def run_sweep(space: Space, out: str | Path, execution: Execution = IN_THIS_PROCESS) -> Sweep:
    """Trains the configurations of a search space that are not trained yet, and ranks the runs.

    Args:
        space: see `search_space.read`.
        out: folder of runs and results.
        execution: how the trainings are executed.

    Returns:
        The ranked runs, which are also written to `sweep.json`, `rate-distortion.png` and `index.html`.

    Raises:
        InputError: before anything is trained, if the space, the data, the folder or the workers are not usable.
    """
    out = Path(out)
    if space.needs_tune and execution.in_this_process:
        needed = f"scheduler: {space.file.scheduler}" if space.configs else f"search: {space.file.search}"
        raise InputError(f"workers: expected workers or ray for {needed}, which is Ray Tune's; received neither.")
    chosen = executors.executor(execution)
    check_writable(out)
    data = _load(space)
    for config in space.configs:
        config.network.check(data.image_shape)
    progress = ProgressReporter()
    trials = len(space.configs) or space.file.trials or 0
    progress.message(f"{space.file.title}: {count(trials, 'training')} on {data.name}, into {out}")
    if space.needs_tune:
        from keras_vae.studies import tune_search

        configs = tune_search.search(space, out / "runs", data, execution)
    else:
        tasks = {config: _task(config, out) for config in space.configs}
        chosen.run(tasks, data, None)
        configs = space.configs
    return _finish(space, out, configs)


def _load(space: Space) -> Dataset:
    """The data set of all trainings."""
    shared = space.file.config
    dataset = shared.get("dataset", Config.model_fields["dataset"].default)
    return datasets.load(dataset, **shared.get("data_options", {}))


def _task(config: Config, out: Path) -> SweepTask:
    name = folder_name(config)
    return SweepTask(name, config, out / "runs" / name, SweepMeasurement())


def _finish(space: Space, out: Path, configs: Sequence[Config]) -> Sweep:
    """Ranks the runs and writes the results."""
    runs = [Run(out / "runs" / folder_name(config)) for config in dict.fromkeys(configs)]
    measured = [(run, losses(run) if run.finished else {}) for run in runs if run.is_run()]
    measured.sort(key=lambda pair: -pair[1].get("elbo", -float("inf")))
    if not measured or not measured[0][1]:
        raise TrainingDiverged(f"All trainings in {out} diverged or were stopped; try a smaller learning rate.")
    sweep = Sweep(out, space, [run for run, _ in measured], [row for _, row in measured])
    _write(sweep)
    return sweep


def _write(sweep: Sweep) -> None:
    from keras_vae.plots import rate_distortion
    from keras_vae.report import index_page, run_page

    trials: list[dict[str, Any]] = [
        {"run": run.path.name, "config": run.config["config"], "finished": run.finished, "measures": row}
        for run, row in zip(sweep.runs, sweep.rows, strict=True)
    ]
    content = {"space": sweep.space.file.model_dump(), "best": sweep.best.path.name, "trials": trials}
    write_json(sweep.folder / "sweep.json", content)
    rate_distortion.draw(sweep.folder, [run for run in sweep.runs if run.finished])
    run_page.write(sweep.best)
    index_page.write(sweep.folder, list(sweep.runs))
