"""What a study measured: its numbers, its verdicts, and how both are told."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.table import Table

from keras_vae._utils.formatting import ABSENT, count, epochs, markdown, number, region
from keras_vae._utils.progress import ProgressReporter
from keras_vae._utils.verdicts import UNDECIDED
from keras_vae.data import Dataset
from keras_vae.evaluation import model_audit
from keras_vae.evaluation.training_curves import dynamics
from keras_vae.runs.files import write_json, write_text
from keras_vae.runs.folder import Run

if TYPE_CHECKING:
    from keras_vae.studies.study import Study


class ReportTable(NamedTuple):
    """A table of a study beside its summary."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def measures(run: Run) -> dict[str, float]:
    """The numbers of a finished and evaluated run by name; losses in nats per image, all on test images."""
    metrics, evaluation = run.metrics, run.evaluation
    row = {key: metrics["test"][key] for key in ("loss", "reconstruction", "kl", "penalty") if key in metrics["test"]}
    units = evaluation["units"]
    row["parameters"] = sum(metrics["parameters"].values())
    row["active units"] = metrics["n_active"]
    row["collapsed units"] = int(run.arrays("units")["collapsed"].sum())
    if units is not None:  # of very many, nobody looks at each
        row["units that died"] = sum(unit.get("collapsed_at") is not None for unit in units)
    row |= {CODES[name]: value for name, value in evaluation["codes"].items()}
    for source in ("prior", "moment-matched"):
        for name, value in evaluation.get("samples", {}).get(source.replace("-", "_"), {}).items():
            row[f"{SCORES.get(name, name)}, {source}"] = value
    for name, value in evaluation.get("reconstructions", {}).items():
        row[f"{SCORES.get(name, name)}, reconstructions"] = value
    for key, found in evaluation["interpolation"].items():
        way = key.replace("_", "-")
        row[f"largest step, {way}"] = found["largest_step"]
        for name, value in found.get("midpoints", {}).items():
            row[f"{SCORES.get(name, name)}, {way} midpoints"] = value
        if "midpoints" in found:
            faded = evaluation["interpolation"]["cross_fade"]["midpoints"]["frechet"]
            row[f"Fréchet distance, {way} midpoints / cross-fade"] = found["midpoints"]["frechet"] / faded
    if "audit" in evaluation:
        row |= model_audit.measures(evaluation["audit"])
    return row | dynamics(run)


CODES = {
    "radius": "median radius",
    "center": "distance of the mean code from 0",
    "roundness": "roundness of the codes",
    "divergence": "divergence from a Gaussian",
    "label_accuracy": "labels by neighbours",
    "label_accuracy_plane": "labels by neighbours in the plane",
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

    study: "Study"
    dataset: str
    epochs: int
    seeds: int
    folder: Path
    runs: Mapping[tuple[str, int], Run]
    rows: Mapping[tuple[str, int], dict[str, float]]
    data: Dataset = field(repr=False)
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

    def other_epochs(self) -> list[int]:
        """Of configurations that have a number of their own."""
        return sorted({run.config["config"]["epochs"] for run in self.runs.values()} - {self.epochs})

    def command(self) -> str:
        """What makes these results again."""
        options = f"--dataset {shlex.quote(self.dataset)} --epochs {self.epochs} --seeds {self.seeds}"
        more = f"{' ' * bool(self.study.option)}{self.study.option}{' --quick' * self.quick}"
        return f"python recipes/{self.study.name}.py {options}{more}"

    def write(self) -> None:
        """Writes `study.json` and `study.md`."""
        described = self.run(next(iter(self.study.configs))).config
        content = {
            "study": self.study.name,
            "title": self.study.title,
            "command": self.command(),
            "dataset": described["dataset"],
            "epochs": self.epochs,
            "other_epochs": self.other_epochs(),
            "seeds": self.seeds,
            "minutes": round(self.minutes(), 2),
            "versions": described["versions"],
            "threads": described["threads"],
            "configs": {name: dict(config) for name, config in self.study.configs.items()},
            "runs": [
                {"config": name, "seed": seed, "folder": self.runs[name, seed].path.name, "measures": row}
                for (name, seed), row in self.rows.items()
            ],
            "summary": dict(zip(("head", "rows"), self.summary(), strict=True)),
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
        trained = f"{self.dataset}, {epochs(self.epochs, self.other_epochs())}, {count(self.seeds, 'seed')}"
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
        progress = ProgressReporter()
        progress.message(f"\n{self.description()}")
        for title, head, rows in (ReportTable("", *self.summary()), *self.tables()):
            table = Table(*head, title=title or None, title_justify="left")
            for row in rows:
                table.add_row(*row)
            if not progress.console.is_terminal:
                progress.console.width = 40 + 20 * len(head)  # a log has no edge to keep to
            progress.console.print(table)
        for one in self.verdicts:
            measured, interval, expected = _measured(one)
            progress.message(f"{one['verdict']:>14}   {one['claim']}")
            progress.message(f"{'':17}{measured}; 95 % {interval}; would hold {expected}")
        drawn = self.study.draw(self) if self.study.draw else {}
        write_json(self.folder / "captions.json", {path.stem: shown for path, shown in drawn.items()})
        progress.message("")
        for path in [*drawn, self.folder / "study.json", self.folder / "study.md", self.page()]:
            print(path)

    def page(self) -> Path:
        """Writes `report.html`, and one of the first training of each configuration, which it links."""
        from keras_vae.report import run_page, study_page

        for config in self.study.configs:
            run_page.write(self.run(config))
        return study_page.write(self.folder)


CLAIM_HEAD = ["the source says", "measured", "95 % interval", "would hold", "verdict"]


def _measured(judged: dict) -> tuple[str, str, str]:
    """What was measured, its interval, and where the claim would hold, for people."""
    expected = region(*judged["expected"])
    low, high = judged["low"], judged["high"]
    ends = [ABSENT if end is None else number(end) for end in (low, high)]
    interval = ABSENT if low is None and high is None else " … ".join(ends)
    note = f" ({judged['note']})" if judged["note"] else ""
    if judged["estimate"] is None:
        return f"{judged['measured']}{note or ' was not measured'}", interval, expected
    published = "" if judged["published"] is None else f", published {number(judged['published'])}"
    return f"{judged['measured']} = {number(judged['estimate'])}{published}{note}", interval, expected


def _mean_and_spread(values: np.ndarray) -> str:
    found = values[~np.isnan(values)]
    if not len(found):
        return ABSENT
    few = "" if len(found) == len(values) else f" ({count(len(found), 'seed')})"
    spread = f" ± {number(found.std(ddof=1))}" if len(found) > 1 else ""
    return f"{number(found.mean())}{spread}{few}"
