"""A study: configurations × seeds as plain data, trained, evaluated, and held against what a source claims.

All recipes of one source share a folder of runs, so that a configuration that two of them need is trained once:

```
OUT/runs/784-256-2_diagonal_mnist_50-epochs_seed-0/    run folders
OUT/sampling/study.json  study.md  figures/  videos/   what one recipe makes of them
```
"""

import gc
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.table import Table

from keras_vae import datasets
from keras_vae.cli import guarded
from keras_vae.errors import InputError
from keras_vae.progress import Narrator, Parts
from keras_vae.runs import Run, write_json, write_text
from keras_vae.tables import ABSENT, markdown, number
from keras_vae.verdicts import UNDECIDED, Claim

QUICK = {"dataset": "mnist-5k", "epochs": 1, "seeds": 2}
QUICK_JUDGE = {"images": 200, "epochs": 1}


class ReportTable(NamedTuple):
    """A table of a study beside its summary."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Study:
    """What to train, what to measure, what is claimed.

    Attributes:
        name: of its folder and its command.
        title: a line for people.
        configs: by name, the arguments of `experiment.Config` in which each differs from the others.
        measures: names of measures (see `measures`) for the summary, a column each.
        claims: of the source.
        draw: makes the pictures, from the results: a list of paths.
        measure: what is to be measured beside `measures`, from a run and its data.
        tables: what is to be reported beside the summary, from the results.
        seeds: how many, counted from 0.
        epochs, dataset: by default.
        quick: the data set of `--quick`.
    """

    name: str
    title: str
    configs: Mapping[str, Mapping[str, Any]]
    measures: Sequence[str]
    claims: Sequence[Claim] = ()
    draw: Callable[["Results"], list[Path]] | None = None
    measure: Callable[[Run, datasets.Dataset], dict[str, float]] | None = None
    tables: Callable[["Results"], list[ReportTable]] | None = None
    seeds: int = 5
    epochs: int = 50
    dataset: str = "mnist"
    quick: str = "mnist-5k"

    def main(self) -> None:
        """The recipe's command line."""

        def command(
            dataset: Annotated[str | None, typer.Option(help=f"As of keras-vae train.  [{self.dataset}]")] = None,
            epochs: Annotated[int | None, typer.Option(help=f"Of every training.  [{self.epochs}]")] = None,
            seeds: Annotated[int | None, typer.Option(help=f"Trainings of each kind.  [{self.seeds}]")] = None,
            out: Annotated[Path, typer.Option(help="Folder of runs and results; recipes share it.")] = Path(
                "runs/dense"
            ),
            quick: Annotated[
                bool, typer.Option("--quick", help="Toy size: shows that it works, decides nothing.")
            ] = False,
        ) -> None:
            if quick:
                dataset, epochs, seeds = dataset or self.quick, epochs or QUICK["epochs"], seeds or QUICK["seeds"]
            results = self.run(dataset or self.dataset, epochs or self.epochs, seeds or self.seeds, out, quick)
            results.report()

        command.__doc__ = f"{self.title}. What is finished already in OUT isn't done again."
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(command)
        guarded(app)

    def run(self, dataset: str, epochs: int, seeds: int, out: Path, quick: bool = False) -> "Results":
        """Trains and evaluates what isn't there yet, and draws.

        Raises:
            InputError: before anything is trained, if an argument or the folder is not usable.
        """
        if seeds < 1:
            raise InputError(f"seeds: expected at least 1; received {seeds}.")
        trainings = len(self.configs) * seeds
        size = f"{_count(trainings, 'training')} of {_count(epochs, 'epoch')}"
        print(f"{self.title}: {size} on {dataset}, into {out}", flush=True)
        from keras_vae.experiment import Config

        configs = {
            (name, seed): Config(**{"dataset": dataset, "epochs": epochs, "seed": seed, **differing})
            for seed in range(seeds)
            for name, differing in self.configs.items()
        }
        data = datasets.load(dataset)
        runs = {key: Run(out / "runs" / folder_name(config)) for key, config in configs.items()}
        for run in runs.values():
            run.check_usable(resume=True)
        narrator = Parts(trainings)
        rows = {}
        with narrator:
            judge = _judge(data, narrator, QUICK_JUDGE if quick else {})
            for key, config in configs.items():
                with narrator.part(f"{key[0]}, seed {key[1]}"):
                    rows[key] = self._train_and_measure(config, runs[key], data, judge, narrator)
        results = Results(self, dataset, epochs, seeds, out / self.name, runs, rows, data, quick)
        results.write()
        return results

    def _train_and_measure(self, config, run: Run, data, judge, narrator: Narrator) -> dict[str, float]:
        from keras_vae import evaluation, experiment

        experiment.train(config, run.path, resume=True, narrator=narrator)
        evaluation.evaluate(run, data, judge)
        row = measures(run)
        if self.measure:
            row |= self.measure(run, data)
        import keras

        keras.backend.clear_session()
        gc.collect()  # models refer to themselves; (TensorFlow keeps their compiled steps, some 50 MB each)
        return row


def folder_name(config) -> str:
    """A run's folder: what it is, and whatever of its configuration isn't the default."""
    usual = type(config)(config.architecture).model_dump()
    named = ("architecture", "dataset", "epochs", "posterior", "seed")
    others = [f"{k}-{v}" for k, v in config.model_dump().items() if k not in named and v != usual[k]]
    parts = [config.architecture, config.posterior, Path(config.dataset).stem, f"{config.epochs}-epochs", *others]
    return "_".join([*parts, f"seed-{config.seed}"])


def measures(run: Run) -> dict[str, float]:
    """The numbers of a finished and evaluated run by name; losses in nats per image, all on test images."""
    metrics, evaluation = run.metrics, run.evaluation
    row = {key: metrics["test"][key] for key in ("loss", "reconstruction", "kl", "penalty") if key in metrics["test"]}
    units = evaluation["units"] or []
    row["active units"] = metrics["n_active"]
    row["collapsed units"] = sum(unit["collapsed"] for unit in units)
    row["units that died"] = sum(unit["died"] is not None for unit in units)
    row |= {CODES[name]: value for name, value in evaluation["codes"].items()}
    for source in ("prior", "moment-matched"):
        for name, value in evaluation.get("samples", {}).get(source.replace("-", "_"), {}).items():
            row[f"{SCORES.get(name, name)}, {source}"] = value
    return row


CODES = {
    "radius": "median radius",
    "center": "distance of the mean code from 0",
    "roundness": "roundness of the codes",
    "divergence": "divergence from a Gaussian",
}
SCORES = {"frechet": "Fréchet distance", "balance": "class balance"}


@dataclass(frozen=True)
class Results:
    """What a study measured.

    Attributes:
        study: what was studied.
        dataset, epochs, seeds: of the trainings.
        folder: of `study.json`, `study.md` and the pictures.
        runs: the run folders by (configuration, seed).
        rows: the measures by (configuration, seed).
        data: the data set.
        quick: of toy size, which decides nothing.
    """

    study: Study
    dataset: str
    epochs: int
    seeds: int
    folder: Path
    runs: Mapping[tuple[str, int], Run]
    rows: Mapping[tuple[str, int], dict[str, float]]
    data: datasets.Dataset = field(repr=False)
    quick: bool = False

    def values(self, config: str, measure: str) -> np.ndarray:
        """A measure of a configuration, a value a seed; empty where it wasn't measured."""
        found = [self.rows[config, seed].get(measure) for seed in range(self.seeds)]
        return np.array([value for value in found if value is not None], "float64")

    def run(self, config: str, seed: int = 0) -> Run:
        return self.runs[config, seed]

    @property
    def verdicts(self) -> list[dict]:
        judged = [claim.judge(self.values) for claim in self.study.claims]
        return [{**one, "verdict": UNDECIDED} for one in judged] if self.quick else judged

    def minutes(self) -> float:
        """What the trainings took, on the machine that made them."""
        return sum(run.metrics["seconds"]["total"] for run in self.runs.values()) / 60

    def command(self) -> str:
        """What makes these results again."""
        options = f"--dataset {shlex.quote(self.dataset)} --epochs {self.epochs} --seeds {self.seeds}"
        return f"python recipes/{self.study.name}.py {options}" + (" --quick" if self.quick else "")

    def write(self) -> None:
        """Writes `study.json` and `study.md`."""
        described = self.run(next(iter(self.study.configs))).config
        content = {
            "study": self.study.name,
            "title": self.study.title,
            "command": self.command(),
            "dataset": described["dataset"],
            "epochs": self.epochs,
            "seeds": self.seeds,
            "minutes": round(self.minutes(), 2),
            "versions": described["versions"],
            "threads": described["threads"],
            "configs": {name: dict(config) for name, config in self.study.configs.items()},
            "runs": [
                {"config": name, "seed": seed, "folder": self.runs[name, seed].path.name, "measures": row}
                for (name, seed), row in self.rows.items()
            ],
            "tables": [table._asdict() for table in self.tables()],
            "claims": self.verdicts,
        }
        write_json(self.folder / "study.json", content)
        write_text(self.folder / "study.md", self.markdown())

    def summary(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows of the table, a row a measure: mean ± standard deviation over seeds."""
        configs = list(self.study.configs)
        rows = [[m, *(_mean_and_spread(self.values(name, m)) for name in configs)] for m in self.study.measures]
        return ["", *configs], [row for row in rows if set(row[1:]) != {ABSENT}]

    def tables(self) -> list[ReportTable]:
        return self.study.tables(self) if self.study.tables else []

    def description(self) -> str:
        toy = "Toy size, which decides nothing. " if self.quick else ""
        trained = f"{self.dataset}, {_count(self.epochs, 'epoch')}, {_count(self.seeds, 'seed')}"
        return (
            f"{toy}{trained}, Adam 1e-3, batches of 128; test images, losses in nats per image; mean ± standard "
            f"deviation over seeds. {self.minutes():.0f} minutes of training."
        )

    def markdown(self) -> str:
        head, rows = self.summary()
        lines = [
            f"# {self.study.title}",
            f"\n{self.description()}",
            f"\n    {self.command()}\n",
            *markdown(head, rows),
        ]
        for title, head, rows in self.tables():
            lines += [f"\n## {title}\n", *markdown(head, rows)]
        if self.study.claims:
            claims = [[one["claim"], *_measured(one), one["verdict"]] for one in self.verdicts]
            lines += ["\n## What the source says\n", *markdown(CLAIM_HEAD, claims)]
        return "\n".join(lines) + "\n"

    def report(self) -> None:
        """Prints the table and the verdicts, draws, and prints the paths of all that was made."""
        narrator = Narrator()
        narrator.say(f"\n{self.description()}")
        for title, head, rows in (ReportTable("", *self.summary()), *self.tables()):
            table = Table(*head, title=title or None, title_justify="left")
            for row in rows:
                table.add_row(*row)
            if not narrator.console.is_terminal:
                narrator.console.width = 40 + 20 * len(head)  # a log has no edge to keep to
            narrator.console.print(table)
        for one in self.verdicts:
            measured, interval, region = _measured(one)
            narrator.say(f"{one['verdict']:>14}   {one['claim']}")
            narrator.say(f"{'':17}{measured}; 95 % {interval}; would hold {region}")
        drawn = self.study.draw(self) if self.study.draw else []
        narrator.say("")
        for path in [*drawn, self.folder / "study.json", self.folder / "study.md"]:
            print(path)


CLAIM_HEAD = ["the source says", "measured", "95 % interval", "would hold", "verdict"]


def _measured(judged: dict) -> tuple[str, str, str]:
    """What was measured, its interval, and where the claim would hold, for people."""
    region = _region(*judged["expected"])
    if judged["estimate"] is None:
        return f"{judged['measured']} was not measured", ABSENT, region
    interval = ABSENT if judged["low"] is None else f"{number(judged['low'])} … {number(judged['high'])}"
    return f"{judged['measured']} = {number(judged['estimate'])}", interval, region


def _region(low: float | None, high: float | None) -> str:
    if high is None:
        return f"above {number(low)}"
    return f"below {number(high)}" if low is None else f"within {number(low)} … {number(high)}"


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _mean_and_spread(values: np.ndarray) -> str:
    if not len(values):
        return ABSENT
    if len(values) == 1:
        return number(values[0])
    return f"{number(values.mean())} ± {number(values.std(ddof=1))}"


def _judge(data: datasets.Dataset, narrator: Narrator, options: dict):
    """Who scores the samples; nobody where the data has no labels."""
    if data.y_train is None or data.y_test is None:
        return None
    from keras_vae.features import Judge

    narrator.say("Samples are judged by a small classifier, trained once a data set")
    return Judge(data, **options)
