"""The results of a study: its measures by configuration and seed, and the verdicts on its claims."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_vae._utils.formatting import Table
from keras_vae._utils.verdicts import NOT_JUDGED, UNDECIDED
from keras_vae.data import Dataset
from keras_vae.runs.folder import Run
from keras_vae.studies.study import Study


@dataclass(frozen=True)
class Results:
    """The results of a study.

    Attributes:
        study: the study.
        dataset, epochs, seeds: of the trainings.
        folder: of `study.json`, `study.md` and the figures.
        runs: the run folders by (configuration, seed).
        rows: the measures by (configuration, seed).
        data: the data set.
        quick: of toy size; all verdicts are `toy size: not judged`.
    """

    study: Study
    dataset: str
    epochs: int
    seeds: int
    folder: Path
    runs: Mapping[tuple[str, int], Run]
    rows: Mapping[tuple[str, int], dict[str, float]]
    data: Dataset = field(repr=False)
    quick: bool = False

    def values(self, config: str, measure: str) -> np.ndarray:
        """A measure of a configuration, `(seeds,)` float64; NaN where it is missing."""
        return np.array([self.rows[config, seed].get(measure, np.nan) for seed in range(self.seeds)], "float64")

    def run(self, config: str, seed: int = 0) -> Run:
        """The run folder of a configuration and seed."""
        return self.runs[config, seed]

    @property
    def verdicts(self) -> list[dict]:
        """The claims with their intervals and verdicts, as plain data."""
        study = self.study
        n = max(1, len(study.claims))
        claims = [claim.evaluate(self.values, study.find, study.bounds, n) for claim in study.claims]
        if not self.quick:
            return claims
        toy = {"verdict": NOT_JUDGED, "simultaneous": NOT_JUDGED, "seeds_to_decide": None, "decided_by": ""}
        return [claim | toy for claim in claims]

    @property
    def minutes(self) -> float:
        """Duration of all trainings, on the machines that they ran on."""
        return sum(run.metrics["seconds"]["total"] for run in self.runs.values()) / 60

    def hours(self, configs: Sequence[str], seeds: int) -> float:
        """Hours of training that these configurations take with `seeds` further seeds, as long as those so far."""
        seconds = [self.runs[name, seed].metrics["seconds"]["total"] for name in configs for seed in range(self.seeds)]
        return sum(seconds) / self.seeds * seeds / 3600

    @property
    def other_epochs(self) -> list[int]:
        """The numbers of epochs that differ from `epochs`, of configurations that define their own."""
        return sorted({run.config["config"]["epochs"] for run in self.runs.values()} - {self.epochs})

    @property
    def command(self) -> str:
        """The command that reproduces these results."""
        parts = [f"python recipes/{self.study.name}.py --dataset {shlex.quote(self.dataset)}"]
        parts += [f"--epochs {self.epochs} --seeds {self.seeds}", self.study.option, "--quick" if self.quick else ""]
        return " ".join(part for part in parts if part)

    @property
    def tables(self) -> list[Table]:
        """The tables of the study in addition to the summary."""
        return self.study.tables(self) if self.study.tables else []

    @property
    def undecided(self) -> list[tuple[dict, float | None]]:
        """The undecided claims as plain data, with the hours of training that would decide them if seeds do."""
        return [
            (found, self.hours(claim.configs(), needed - self.seeds) if (needed := found["seeds_to_decide"]) else None)
            for claim, found in zip(self.study.claims, self.verdicts, strict=True)
            if found["verdict"] == UNDECIDED
        ]
