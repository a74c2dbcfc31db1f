"""The definition of a study: configurations, seeds, measures, and the claims of a source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from keras_vae import data as datasets
from keras_vae._utils import checks
from keras_vae._utils.formatting import Table
from keras_vae.errors import InputError
from keras_vae.evaluation.judge import Judge
from keras_vae.measures import SAMPLERS, UNIT_COUNTS, Measure, find
from keras_vae.networks.architecture import parse
from keras_vae.runs.config import REQUIRED_FIELDS
from keras_vae.runs.folder import Run
from keras_vae.studies.claims import Claim


@dataclass(frozen=True)
class Quick:
    """The toy size of a study, `--quick`: about a minute or two on two cores, and images that can be recognised.

    Attributes:
        dataset, epochs, seeds: in place of the study's defaults.
        arguments: of `Config`, in every configuration.
        configs: names of the configurations that are trained; empty for all.

    Example:
        >>> import keras_vae as kv
        >>> kv.studies.Quick(seeds=2)
        Quick(dataset='mnist-5k', epochs=8, seeds=2, arguments={'batch_size': 32}, configs=())
    """

    dataset: str = "mnist-5k"
    epochs: int = 8
    seeds: int = 1
    # Small batches: a thousand steps in eight epochs of 4,000 images, as in two epochs of all of MNIST.
    arguments: Mapping[str, Any] = field(default_factory=lambda: {"batch_size": 32})
    configs: Sequence[str] = ()


@dataclass(frozen=True)
class Study:
    """A study: configurations × seeds that are trained, measures that are compared, and claims that are tested.

    Attributes:
        name: of its folder and its recipe.
        title: one line.
        configs: by name, the arguments of `Config` in which each configuration differs from the defaults.
        measures: keys of measures for the summary, one row each.
        claims: of the source.
        draw: makes figures and videos from the `Results`; returns the caption of each by path, in reading order.
        measure_run: computes further measures of a run, from the run, its data and the judge (or None).
        own_measures: the measures of `measure_run` that are not in `keras_vae.measures`.
        factors: names of the factors that the data must have.
        tables: makes tables in addition to the summary, from the `Results`.
        seeds: number of seeds, counted from 0.
        epochs, dataset: defaults.
        quick: the size of `--quick`.
        out: default folder of runs and results; recipes of one source share it.
        audit: also audit each run: q(z) against the prior, likelihood, samplers.
        option: the recipe's own option with its value, as on a command line; part of the command and of the folder's
            name.
        source: whose claims they are: author, title and date, for the page and `study.md`. A link is written as in
            Markdown, `[title](https://…)`. Empty where there is no source.

    Example:
        >>> import keras_vae as kv
        >>> study = kv.studies.Study(
        ...     name="depth",
        ...     title="One hidden layer or two",
        ...     configs={"one": {"architecture": "784-256-2"}, "two": {"architecture": "784-256-32-2"}},
        ...     measures=["loss", "kl"],
        ...     claims=[kv.studies.Mean("deeper is better", "loss", (0, float("inf")), {"one": 1, "two": -1})],
        ... )
        >>> study.check()
    """

    name: str
    title: str
    configs: Mapping[str, Mapping[str, Any]]
    measures: Sequence[str]
    claims: Sequence[Claim] = ()
    draw: Callable[..., dict[Path, str]] | None = None
    measure_run: Callable[[Run, datasets.Dataset, Judge | None], dict[str, float]] | None = None
    own_measures: Sequence[Measure] = ()
    tables: Callable[..., list[Table]] | None = None
    factors: Sequence[str] = ()
    seeds: int = 5
    epochs: int = 50
    dataset: str = "mnist"
    quick: Quick = Quick()
    out: str = "runs/dense"
    option: str = ""
    audit: bool = False
    source: str = ""

    def find(self, key: str) -> Measure:
        """The measure of a key, from the package's vocabulary or the study's own.

        Where models have a learned prior, samples of the package's measures are those of the model's prior.

        Raises:
            InputError: for an unknown key.
        """
        found = find(key, self.own_measures)
        if found in self.own_measures or all("prior" not in config for config in self.configs.values()):
            return found
        return replace(found, label=found.label.replace(SAMPLERS["prior"], "the model's prior"))

    def bounds(self, config: str, key: str) -> tuple[float, float]:
        """The smallest and the largest value that a measure of a configuration can have."""
        if key in UNIT_COUNTS:
            return 0.0, float(parse(self.configs[config]["architecture"]).n_units)
        return self.find(key).bounds

    def toy_size(self) -> "Study":
        """The study with the configurations of `--quick`, and the claims that are about these alone."""
        self.check()
        names = self.quick.configs or tuple(self.configs)
        return replace(
            self,
            configs={name: {**self.configs[name], **self.quick.arguments} for name in names},
            claims=[claim for claim in self.claims if set(claim.configs()) <= set(names)],
        )

    def check(self) -> None:
        """Checks that all measures and all configurations that the study and its claims name exist.

        Raises:
            InputError: for the first one that doesn't, if a configuration lacks an argument without a default, or if
                the source is not text.
        """
        checks.text("source", self.source)
        for name, own in self.configs.items():
            missing = [key for key in REQUIRED_FIELDS if key not in own]
            if missing:
                raise InputError(f"configs: expected {missing[0]} in every configuration; {name!r} has none; add it.")
        unknown = [name for name in self.quick.configs if name not in self.configs]
        if unknown:
            raise InputError(f"quick: expected configurations of the study; received {unknown[0]!r}.")
        for key in (*self.measures, *(key for claim in self.claims for key in claim.measure_keys())):
            self.find(key)
        for claim in self.claims:
            unknown = [name for name in claim.configs() if name not in self.configs]
            if unknown:
                raise InputError(
                    f"claims: expected configurations of the study ({', '.join(self.configs)}); the claim "
                    f"{claim.words!r} names {unknown[0]!r}."
                )
