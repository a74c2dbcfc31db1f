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

from keras_vae import architecture, datasets, startup
from keras_vae.cli import guarded
from keras_vae.errors import InputError, TrainingDiverged
from keras_vae.progress import Narrator, Parts
from keras_vae.runs import Run, check_writable, write_json, write_text
from keras_vae.tables import ABSENT, markdown, number
from keras_vae.verdicts import UNDECIDED, Claim

CONTENTS = ("study.json", "study.md", "figures", "videos")
QUICK = {"epochs": 1, "seeds": 2}
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
        factors: names of the factors that the data must have.
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
    factors: Sequence[str] = ()
    seeds: int = 5
    epochs: int = 50
    dataset: str = "mnist"
    quick: str = "mnist-5k"

    def main(self) -> None:
        """The recipe's command line."""

        def command(
            dataset: Annotated[
                str, typer.Option(help="mnist, fashion-mnist, mnist-5k, tiles or FILE.npz.")
            ] = self.dataset,
            epochs: Annotated[int, typer.Option(help="Of every training.")] = self.epochs,
            seeds: Annotated[int, typer.Option(help="Trainings of each kind.")] = self.seeds,
            out: Annotated[Path, typer.Option(help="Folder of runs and results; recipes share it.")] = Path(
                "runs/dense"
            ),
            quick: Annotated[
                bool, typer.Option("--quick", help="Toy size: shows that it works, decides nothing.")
            ] = False,
        ) -> None:
            asked = {"dataset": dataset, "epochs": epochs, "seeds": seeds}
            if quick:  # of what isn't asked for otherwise
                usual = {"dataset": self.dataset, "epochs": self.epochs, "seeds": self.seeds}
                toy = {**QUICK, "dataset": self.quick}
                asked = {name: toy[name] if value == usual[name] else value for name, value in asked.items()}
            self.run(**asked, out=out, quick=quick).report()

        command.__doc__ = f"{self.title}. What is finished already in OUT isn't done again."
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
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
        for config in configs.values():
            architecture.check(config.sizes, data.image_shape)
        _check_factors(data, self.factors)
        folder = out / self._folder_name(dataset, epochs, seeds, quick)
        _check_folder(folder)
        runs = {key: Run(out / "runs" / folder_name(config)) for key, config in configs.items()}
        for run in runs.values():
            run.check_usable(resume=True)
        narrator = Parts(trainings)
        rows = {}
        with narrator:
            judge = _judge(data, narrator, QUICK_JUDGE if quick else {})
            for key, config in configs.items():
                name = f"{key[0]}, seed {key[1]}"
                with narrator.part(name):
                    try:
                        rows[key] = self._train_and_measure(config, runs[key], data, judge, narrator)
                    except TrainingDiverged as error:
                        raise TrainingDiverged(f"{name}: {error}") from error
        results = Results(self, dataset, epochs, seeds, folder, runs, rows, data, quick)
        results.write()
        return results

    def _folder_name(self, dataset: str, epochs: int, seeds: int, quick: bool) -> str:
        """The study's name, and what isn't as planned: a toy must not replace the results of hours."""
        unusual = {
            Path(dataset).stem: dataset != self.dataset,
            f"{epochs}-epochs": epochs != self.epochs,
            f"{seeds}-seeds": seeds != self.seeds,
            "quick": quick,
        }
        return "_".join([self.name, *(name for name, is_so in unusual.items() if is_so)])

    def _train_and_measure(self, config, run: Run, data, judge, narrator: Narrator) -> dict[str, float]:
        from keras_vae import evaluation, experiment

        experiment.train(config, run.path, resume=True, narrator=narrator, data=data)
        evaluation.evaluate(run, data, judge)
        row = measures(run)
        if self.measure:
            row |= self.measure(run, data)
        startup.import_keras().backend.clear_session()
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
        foreign = sorted({entry.name for entry in folder.iterdir()} - set(CONTENTS))
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


def measures(run: Run) -> dict[str, float]:
    """The numbers of a finished and evaluated run by name; losses in nats per image, all on test images."""
    metrics, evaluation = run.metrics, run.evaluation
    row = {key: metrics["test"][key] for key in ("loss", "reconstruction", "kl", "penalty") if key in metrics["test"]}
    units = evaluation["units"] or []
    row["active units"] = metrics["n_active"]
    row["collapsed units"] = sum(unit["collapsed"] for unit in units)
    row["units that died"] = sum(unit.get("died") is not None for unit in units)
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
        """A measure of a configuration, a value a seed; NaN where it wasn't measured."""
        return np.array([self.rows[config, seed].get(measure, np.nan) for seed in range(self.seeds)], "float64")

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
        used = self.run(next(iter(self.study.configs))).config["config"]
        return (
            f"{toy}{trained}, Adam {used['learning_rate']:g}, batches of {used['batch_size']}; test images, losses in "
            f"nats per image; mean ± standard deviation over seeds. {self.minutes():.0f} minutes of training."
            f"{self._judged()}"
        )

    def _judged(self) -> str:
        """Who scored the samples, and what training images would have scored: the floor."""
        evaluation = self.run(next(iter(self.study.configs))).evaluation
        if "samples" not in evaluation:
            return ""
        judge, floor = evaluation["judge"], evaluation["samples"]["floor"]
        return (
            f" Samples: {judge['images']:,} against as many test images, by a classifier that labels "
            f"{100 * judge['accuracy']:.1f} % of those right; training images in their place would have a Fréchet "
            f"distance of {number(floor['frechet'])}, precision {number(floor['precision'])}, recall "
            f"{number(floor['recall'])}."
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
    note = f" ({judged['note']})" if judged["note"] else ""
    return f"{judged['measured']} = {number(judged['estimate'])}{note}", interval, region


def _region(low: float | None, high: float | None) -> str:
    if high is None:
        return f"above {number(low)}"
    return f"below {number(high)}" if low is None else f"within {number(low)} … {number(high)}"


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _mean_and_spread(values: np.ndarray) -> str:
    found = values[~np.isnan(values)]
    if not len(found):
        return ABSENT
    few = "" if len(found) == len(values) else f" ({_count(len(found), 'seed')})"
    spread = f" ± {number(found.std(ddof=1))}" if len(found) > 1 else ""
    return f"{number(found.mean())}{spread}{few}"


def _judge(data: datasets.Dataset, narrator: Narrator, options: dict):
    """Who scores the samples; nobody where the data has no labels."""
    if data.y_train is None or data.y_test is None:
        return None
    from keras_vae.features import Judge

    narrator.say("Samples are judged by a small classifier, trained once a data set")
    return Judge(data, **options)
