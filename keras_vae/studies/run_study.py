"""Runs a study: trains and evaluates the runs that are missing, and writes the results.

Recipes of one source share a folder of runs, so that a configuration that several of them need is trained once:

```
OUT/runs/784-256-2_diagonal_mnist_50-epochs_seed-0/    run folders
OUT/sampling/study.json  study.md  report.html  figures/  videos/   results of one recipe
```
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae import data as datasets
from keras_vae._utils.files import check_writable, complete
from keras_vae._utils.formatting import count
from keras_vae._utils.progress import ProgressReporter
from keras_vae.errors import InputError
from keras_vae.evaluation.judge import Judge
from keras_vae.evaluation.likelihood import N_IMPORTANCE_SAMPLES
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run
from keras_vae.studies import executors
from keras_vae.studies.execution import IN_THIS_PROCESS, Execution
from keras_vae.studies.results import Results
from keras_vae.studies.study import Study
from keras_vae.studies.study_files import write_results
from keras_vae.studies.task import StudyMeasurement, Task

# Names in the folder of a study; a folder that holds anything else is refused.
CONTENTS = ("study.json", "study.md", "captions.json", "report.html", "figures", "videos")
QUICK_IMPORTANCE_SAMPLES = 20  # per image, for its likelihood
QUICK_JUDGE = {"images": 500}  # arguments of `Judge`

Key = tuple[str, int]  # the name of a configuration and a seed


def run_study(
    study: Study,
    dataset: str,
    epochs: int,
    seeds: int,
    out: Path,
    quick: bool = False,
    execution: Execution = IN_THIS_PROCESS,
) -> Results:
    """Trains and evaluates the runs that are missing, and writes `study.json` and `study.md`.

    Args:
        study: the study.
        dataset: a name or path that `load` accepts.
        epochs: of the configurations that don't define their own.
        seeds: number of seeds.
        out: folder of runs and results.
        quick: toy size: few scored images and importance samples; no claim is judged.
        execution: how the trainings are executed; by default one after the other in this process.

    Returns:
        The results.

    Raises:
        InputError: before anything is trained, if an argument, a measure or the folder is not usable.
        TrainingDiverged: if a loss becomes NaN or infinite.
    """
    study.check()
    if seeds < 1:
        raise InputError(f"seeds: expected at least 1; received {seeds}.")
    n_trainings = len(study.configs) * seeds
    size = f"{count(n_trainings, 'training')} of {count(epochs, 'epoch')}"
    chosen = executors.executor(execution)
    progress = ProgressReporter()
    progress.message(f"{study.title}: {size} on {dataset}, into {out}")
    configs = _configurations(study, dataset, epochs, seeds)
    data = _load(dataset, configs)
    for config in configs.values():
        config.network.check(data.image_shape)
    _check_factors(data, study.factors)
    folder = out / _study_folder_name(study, dataset, epochs, seeds, quick)
    _check_folder(folder)
    runs = {key: Run(out / "runs" / folder_name(config)) for key, config in configs.items()}
    for run in runs.values():
        run.check_usable(resume=True)
    judge = _judge(data, progress, QUICK_JUDGE if quick else {})
    samples = QUICK_IMPORTANCE_SAMPLES if quick else N_IMPORTANCE_SAMPLES
    measurement = StudyMeasurement(samples, study.audit, study.measure_run)
    tasks = {
        key: Task(f"{key[0]}, seed {key[1]}", config, runs[key].path, measurement) for key, config in configs.items()
    }
    rows = chosen.run(tasks, data, judge)
    for key in {key for row in rows.values() for key in row} if study.measure_run else ():
        study.find(key)
    results = Results(study, dataset, epochs, seeds, folder, runs, rows, data, quick)
    write_results(results)
    return results


def _configurations(study: Study, dataset: str, epochs: int, seeds: int) -> dict[Key, Config]:
    """Configurations by (name, seed); a warm-up is no longer than its training."""
    configs = {}
    for seed in range(seeds):
        for name, own in study.configs.items():
            arguments = {"dataset": dataset, "seed": seed, **own, "epochs": _scaled(study, own, epochs)}
            if "warmup" in own:
                arguments["warmup"] = min(own["warmup"], arguments["epochs"])
            configs[name, seed] = Config(**arguments)
    return configs


def _load(dataset: str, configs: Mapping[Key, Config]) -> datasets.Dataset:
    """The data set of all configurations.

    Raises:
        InputError: if one names another data set, or other options: their measures are compared.
    """
    for (name, _), config in configs.items():
        if config.dataset != dataset:
            raise InputError(
                f"configs: expected the data set of the study, {dataset!r}; {name!r} has {config.dataset!r}; remove it."
            )
    options = [config.data_options.given() for config in configs.values()]
    differing = [given for given in options if given != options[0]]
    if differing:
        raise InputError(
            f"configs: expected the same data_options in all; received {options[0]} and {differing[0]}; make a study "
            "of each."
        )
    return datasets.load(dataset, **options[0])


def _scaled(study: Study, arguments: Mapping[str, Any], epochs: int) -> int:
    """Epochs of a configuration; its own number is scaled by the ratio of `epochs` to the study's default."""
    return max(1, round(arguments["epochs"] * epochs / study.epochs)) if "epochs" in arguments else epochs


def _study_folder_name(study: Study, dataset: str, epochs: int, seeds: int, quick: bool) -> str:
    """The study's name with every argument that isn't the default, so that no result replaces another."""
    differing = {
        study.option.strip("-").replace(" ", "-"): bool(study.option),
        Path(dataset).stem: dataset != study.dataset,
        f"{epochs}-epochs": epochs != study.epochs,
        f"{seeds}-seeds": seeds != study.seeds,
        "quick": quick,
    }
    return "_".join([study.name, *(name for name, differs in differing.items() if differs)])


def _check_factors(data: datasets.Dataset, names: Sequence[str]) -> None:
    """Raises an InputError if the data lacks the factors that a study needs."""
    found = 0 if data.factors_test is None else data.factors_test.shape[1]
    if names and found != len(names):
        raise InputError(
            f"dataset: expected test images with {len(names)} known factors ({', '.join(names)}); {data.name} has "
            f"{found or 'none'}; use tiles."
        )


def _check_folder(folder: Path) -> None:
    """Raises an InputError if the folder of results holds something else or can't be written."""
    if folder.is_dir():
        foreign = sorted({path.name for path in complete(folder, "*")} - set(CONTENTS))
        if foreign:
            raise InputError(
                f"out: expected an empty folder or a study at {folder}; it holds something else ({foreign[0]}); choose "
                "another out."
            )
    elif os.path.lexists(folder):
        raise InputError(f"out: expected a folder at {folder}; it is a file; choose another out.")
    check_writable(folder)


def folder_name(config: Config) -> str:
    """The folder name of a run: its main arguments, and every other argument that isn't the default."""
    defaults, values = type(config)(config.architecture).model_dump(), config.model_dump()
    values |= values.pop("data_options")
    named = ("architecture", "dataset", "epochs", "posterior", "seed")
    given = [f"{k}-{v}" for k, v in values.items() if k not in named and v != defaults.get(k)]
    others = [text.replace(" ", "-").replace("/", "-") for text in given]  # labels may be a path
    parts = [config.architecture, config.posterior, Path(config.dataset).stem, f"{config.epochs}-epochs", *others]
    return "_".join([*parts, f"seed-{config.seed}"])


def _judge(data: datasets.Dataset, progress: ProgressReporter, options: dict) -> Judge | None:
    """The classifier that scores images; None for data without labels."""
    if data.y_train is None or data.y_test is None:
        return None
    progress.message("Samples are scored by a small classifier, which is trained once per data set")
    return Judge(data, **options)
