"""A study: configurations × seeds as plain data, trained, evaluated, and held against what a source claims.

All recipes of one source share a folder of runs, so that a configuration that two of them need is trained once:

```
OUT/runs/784-256-2_diagonal_mnist_50-epochs_seed-0/    run folders
OUT/sampling/study.json  study.md  report.html  figures/  videos/   what one recipe makes of them
```
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_vae import data as datasets
from keras_vae._utils import keras_import
from keras_vae._utils.exit_codes import exit_on_error
from keras_vae._utils.formatting import count
from keras_vae._utils.progress import MultiPartProgress, ProgressReporter
from keras_vae.errors import InputError, TrainingDiverged
from keras_vae.evaluation.judge import Judge
from keras_vae.runs.files import check_writable, complete
from keras_vae.runs.folder import Run
from keras_vae.studies.claims import Claim
from keras_vae.studies.results import ReportTable, Results, measures

DATASETS = "mnist, fashion-mnist, mnist-5k, tiles or FILE.npz."
CONTENTS = ("study.json", "study.md", "captions.json", "report.html", "figures", "videos")
QUICK = {"epochs": 1, "seeds": 2}
QUICK_SAMPLES = 20  # of the audit's likelihood
QUICK_JUDGE = {"images": 200, "epochs": 1}


DatasetOption = Annotated[str, typer.Option(help=DATASETS)]
EpochsOption = Annotated[int, typer.Option(help="Of every training.")]
SeedsOption = Annotated[int, typer.Option(help="Trainings of each kind.")]
OutOption = Annotated[Path, typer.Option(help="Folder of runs and results, shared by recipes.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Toy size, which decides nothing.")]


def run_command(command: Callable[..., None]) -> None:
    """Runs a recipe's function as a command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(command)
    exit_on_error(app)


@dataclass(frozen=True)
class Study:
    """What to train, what to measure, what is claimed.

    Attributes:
        name: of its folder and its command.
        title: a line for people.
        configs: by name, the arguments of `experiment.Config` in which each differs from the others.
        measures: names of measures (see `results.measures`) for the summary, a row each.
        claims: of the source.
        draw: makes the pictures and videos, from the results: what each shows, by its path, in a reader's order.
        measure: what is to be measured beside `measures`, from a run, its data and who judges samples (or None).
        factors: names of the factors that the data must have.
        tables: what is to be reported beside the summary, from the results.
        seeds: how many, counted from 0.
        epochs, dataset: by default.
        quick: the data set of `--quick`.
        out: folder of runs and results, by default; recipes of one source share it.
        audit: whether runs are audited as well: q(z) against the prior, likelihood, other samplers.
        option: what its recipe was asked for beside the common options, as on a command line.
    """

    name: str
    title: str
    configs: Mapping[str, Mapping[str, Any]]
    measures: Sequence[str]
    claims: Sequence[Claim] = ()
    draw: Callable[[Results], dict[Path, str]] | None = None
    measure: Callable[[Run, datasets.Dataset, Judge | None], dict[str, float]] | None = None
    tables: Callable[[Results], list[ReportTable]] | None = None
    factors: Sequence[str] = ()
    seeds: int = 5
    epochs: int = 50
    dataset: str = "mnist"
    quick: str = "mnist-5k"
    out: str = "runs/dense"
    option: str = ""
    audit: bool = False

    def main(self) -> None:
        """The recipe's command line."""

        def command(
            dataset: DatasetOption = self.dataset,
            epochs: EpochsOption = self.epochs,
            seeds: SeedsOption = self.seeds,
            out: OutOption = Path(self.out),
            quick: QuickOption = False,
        ) -> None:
            self.start(dataset, epochs, seeds, out, quick)

        command.__doc__ = f"{self.title}. What is finished already in OUT isn't done again."
        run_command(command)

    def start(self, dataset: str, epochs: int, seeds: int, out: Path, quick: bool) -> None:
        """Runs the study and reports; `quick` makes what isn't asked for otherwise small."""
        asked = {"dataset": dataset, "epochs": epochs, "seeds": seeds}
        if quick:
            usual = {"dataset": self.dataset, "epochs": self.epochs, "seeds": self.seeds}
            toy = {**QUICK, "dataset": self.quick}
            asked = {name: toy[name] if value == usual[name] else value for name, value in asked.items()}
        self.run(**asked, out=out, quick=quick).report()

    def run(self, dataset: str, epochs: int, seeds: int, out: Path, quick: bool = False) -> Results:
        """Trains and evaluates what isn't there yet, and writes the results.

        Raises:
            InputError: before anything is trained, if an argument or the folder is not usable.
        """
        if seeds < 1:
            raise InputError(f"seeds: expected at least 1; received {seeds}.")
        trainings = len(self.configs) * seeds
        size = f"{count(trainings, 'training')} of {count(epochs, 'epoch')}"
        print(f"{self.title}: {size} on {dataset}, into {out}", flush=True)
        from keras_vae.runs.config import Config

        configs = {
            (name, seed): Config(
                **{"dataset": dataset, "seed": seed, **differing, "epochs": self._scaled(differing, epochs)}
            )
            for seed in range(seeds)
            for name, differing in self.configs.items()
        }
        data = datasets.load(dataset)
        for config in configs.values():
            config.network.check(data.image_shape)
        _check_factors(data, self.factors)
        folder = out / self._folder_name(dataset, epochs, seeds, quick)
        _check_folder(folder)
        runs = {key: Run(out / "runs" / folder_name(config)) for key, config in configs.items()}
        for run in runs.values():
            run.check_usable(resume=True)
        progress = MultiPartProgress(trainings)
        rows = {}
        with progress:
            judge = _judge(data, progress, QUICK_JUDGE if quick else {})
            for key, config in configs.items():
                name = f"{key[0]}, seed {key[1]}"
                with progress.part(name):
                    try:
                        rows[key] = self._train_and_measure(config, runs[key], data, judge, progress, quick)
                    except TrainingDiverged as error:
                        raise TrainingDiverged(f"{name}: {error}") from error
        results = Results(self, dataset, epochs, seeds, folder, runs, rows, data, quick)
        results.write()
        return results

    def _scaled(self, differing: Mapping[str, Any], epochs: int) -> int:
        """Epochs of a configuration: one that trains three times as long as the others does so at any size."""
        return max(1, round(differing["epochs"] * epochs / self.epochs)) if "epochs" in differing else epochs

    def _folder_name(self, dataset: str, epochs: int, seeds: int, quick: bool) -> str:
        """The study's name, and what isn't as planned: a toy must not replace the results of hours."""
        unusual = {
            self.option.strip("-").replace(" ", "-"): bool(self.option),
            Path(dataset).stem: dataset != self.dataset,
            f"{epochs}-epochs": epochs != self.epochs,
            f"{seeds}-seeds": seeds != self.seeds,
            "quick": quick,
        }
        return "_".join([self.name, *(name for name, is_so in unusual.items() if is_so)])

    def _train_and_measure(self, config, run: Run, data, judge, progress: ProgressReporter, quick: bool):
        from keras_vae.evaluation import run_evaluation
        from keras_vae.runs import training

        training.train(config, run.path, resume=True, progress=progress, data=data)
        samples = {"samples": QUICK_SAMPLES} if quick else {}
        run_evaluation.evaluate(run, data, judge, with_audit=self.audit, **samples)
        row = measures(run)
        if self.measure:
            row |= self.measure(run, data, judge)
        keras_import.import_keras().backend.clear_session()
        gc.collect()  # models refer to themselves; (TensorFlow keeps their compiled steps, some 50 MB each)
        return row


def _check_factors(data: datasets.Dataset, names: Sequence[str]) -> None:
    """Refuses data without the factors that a study asks for."""
    found = 0 if data.factors_test is None else data.factors_test.shape[1]
    if names and found != len(names):
        raise InputError(
            f"dataset: expected test images with {len(names)} known factors ({', '.join(names)}); {data.name} has "
            f"{found or 'none'}; use tiles."
        )


def _check_folder(folder: Path) -> None:
    """Refuses a folder of results that holds something else."""
    if folder.is_dir():
        foreign = sorted({path.name for path in complete(folder, "*")} - set(CONTENTS))
        if foreign:
            raise InputError(
                f"out: expected an empty folder or a study at {folder}; it holds something else ({foreign[0]}); choose "
                "another --out."
            )
    elif folder.exists():
        raise InputError(f"out: expected a folder at {folder}; it is a file; choose another --out.")
    check_writable(folder)


def folder_name(config) -> str:
    """A run's folder: what it is, and whatever of its configuration isn't the default."""
    usual = type(config)(config.architecture).model_dump()
    named = ("architecture", "dataset", "epochs", "posterior", "seed")
    others = [f"{k}-{v}" for k, v in config.model_dump().items() if k not in named and v != usual[k]]
    parts = [config.architecture, config.posterior, Path(config.dataset).stem, f"{config.epochs}-epochs", *others]
    return "_".join([*parts, f"seed-{config.seed}"])


def _judge(data: datasets.Dataset, progress: ProgressReporter, options: dict):
    """Who scores the samples; nobody where the data has no labels."""
    if data.y_train is None or data.y_test is None:
        return None
    progress.message("Samples are judged by a small classifier, trained once a data set")
    return Judge(data, **options)
