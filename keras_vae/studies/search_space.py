"""The search space of a sweep: fields of `Config` with their values or ranges, read from a YAML file."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag, ValidationError, model_validator

from keras_vae import posteriors
from keras_vae._utils.forms import quoted
from keras_vae.errors import InputError
from keras_vae.runs.config import REQUIRED_FIELDS, Config

GRID, RANDOM = "grid", "random"  # other searches are Ray Tune's
ASHA = "asha"
MAX_TRIALS = 100_000
NOT_COMPARABLE = ("dataset", "data_options", "likelihood")  # the ELBO can't be compared between their values


class Range(BaseModel):
    """Numbers between two bounds.

    Attributes:
        low, high: the bounds.
        log: draw the logarithm uniformly.
        whole: whole numbers only, of which there is at least one.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    low: FiniteFloat
    high: FiniteFloat
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _refuse_empty_ranges(self):
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"expected low < high, and above 0 for log; received {self.low:g} and {self.high:g}")
        if self.whole and math.ceil(self.low) > math.floor(self.high):
            raise ValueError(f"expected a whole number between low and high; received {self.low:g} and {self.high:g}")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest number of the range."""
        return (math.ceil(self.low), math.floor(self.high)) if self.whole else (self.low, self.high)

    def draw(self, rng: np.random.Generator) -> float | int:
        """A number from the range.

        Whole numbers have equal probabilities; with `log`, k has one proportional to log((k + 1) / k), as in Tune.
        """
        first, last = self.ends
        low, high = float(first), float(last + 1 if self.whole else last)
        value = float(np.exp(rng.uniform(np.log(low), np.log(high))) if self.log else rng.uniform(low, high))
        if self.whole:
            return int(min(max(math.floor(value), first), last))  # the exponential of a logarithm may be outside
        return float(f"{value:.4g}")  # folders are named by it


LIST, RANGE = "a list of values", "a range"
Values = Annotated[list[Any], Field(min_length=1)]
Choice = Annotated[
    Annotated[Values, Tag(LIST)] | Annotated[Range, Tag(RANGE)],
    Discriminator(lambda value: RANGE if isinstance(value, dict | Range) else LIST),
]


class SpaceFile(BaseModel):
    """The content of a YAML file that describes a sweep.

    Attributes:
        title: one line.
        search: `grid` for all combinations, `random`, or the name of a searcher of Ray Tune, such as `optuna`.
        trials: number of trainings of a search that is no grid.
        seed: of the search.
        scheduler: `asha` stops trainings with a low `val_elbo` early (Li et al. 2020); needs Ray.
        grace_epochs: epochs that every training has before it may be stopped.
        config: fields of `Config` that all trainings share.
        space: fields of `Config` that differ: lists of values, or ranges.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str = "Sweep"
    search: str = GRID
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    scheduler: Literal["asha"] | None = None
    grace_epochs: Annotated[int, Field(ge=1)] = 1
    config: dict[str, Any] = Field(default_factory=dict)
    space: Annotated[dict[str, Choice], Field(min_length=1)]


@dataclass(frozen=True)
class Space:
    """A checked search space.

    Attributes:
        file: its description.
        configs: the configurations of a grid or of a random search; empty for a searcher of Ray Tune.
    """

    file: SpaceFile
    configs: list[Config] = field(default_factory=list)

    @property
    def needs_tune(self) -> bool:
        """Whether Ray Tune chooses or stops the trainings."""
        return not self.configs or self.file.scheduler is not None

    @property
    def max_epochs(self) -> int:
        """The largest number of epochs of a training."""
        return max(config.epochs for config in self.configs or map(self.config, _corners(self.file)))

    def config(self, values: Mapping[str, Any]) -> Config:
        """The configuration of values of the fields that differ."""
        return Config(**self.file.config | dict(values))


def read(path: Path) -> Space:
    """Reads and checks a YAML file.

    Raises:
        InputError: if it can't be read, names unknown fields, or a configuration of it is not valid.
    """
    content = _parse(path)
    try:
        file = SpaceFile.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {_described(error)}; see docs/scaling.md for an example.") from None
    _check_fields(file, path)
    space = Space(file)
    drawn = _drawn(file)
    checked = drawn if file.search in (GRID, RANDOM) else _corners(file)
    try:
        configs = [space.config(values) for values in checked]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    _check_ranked(configs, path)
    return Space(file, list(dict.fromkeys(configs)) if file.search in (GRID, RANDOM) else [])


def _parse(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"space: expected a YAML file at {path}; {error.strerror}; check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: expected YAML; {reason}; correct the file.") from error


def _described(error: ValidationError) -> str:
    """The first difference from the form of a space, as a part of a sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in (LIST, RANGE))
    if first["type"] == "extra_forbidden":
        return f"{where}: expected one of {', '.join(SpaceFile.model_fields)}; it is not known"
    if first["type"] == "missing":
        return f"expected {where}; it is missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{where}: {message}; received {quoted(first['input'])}"


def _check_fields(file: SpaceFile, path: Path) -> None:
    """Raises an InputError for fields that `Config` lacks, that are missing, given twice, or not comparable."""
    known = set(Config.model_fields)
    for name in (*file.config, *file.space):
        if name not in known:
            raise InputError(f"{path}: {name}: expected a field of Config ({', '.join(sorted(known))}).")
    for name in REQUIRED_FIELDS:
        if name not in file.config and name not in file.space:
            raise InputError(f"{path}: {name}: expected in config or in space; it is missing; add it.")
    twice = sorted(set(file.config) & set(file.space))
    if twice:
        raise InputError(f"{path}: {twice[0]}: expected in config or in space; it is in both; remove one.")
    for name in NOT_COMPARABLE:
        if name in file.space:
            raise InputError(f"{path}: {name}: expected in config, one for all trainings, since ELBOs are compared.")
    if len({bool(value) for value in _extremes(file.space.get("binarize", []))}) > 1:
        raise InputError(
            f"{path}: binarize: expected null or kinds of binary images; received both, whose ELBOs can't be compared; "
            "remove one."
        )
    ranges = [name for name, values in file.space.items() if isinstance(values, Range)]
    if file.search == GRID and ranges:
        raise InputError(f"{path}: {ranges[0]}: expected a list for search: grid; received a range; list its values.")
    if file.search == GRID and file.trials is not None:
        raise InputError(f"{path}: trials: expected none for search: grid, which has all combinations; remove it.")
    if file.search != GRID and file.trials is None:
        raise InputError(f"{path}: expected trials, the number of trainings of search: {file.search}; it is missing.")


def _check_ranked(configs: list[Config], path: Path) -> None:
    """Raises an InputError if a configuration has no ELBO."""
    for name in {config.posterior for config in configs}:
        if posteriors.get(name).divergence_name != "kl":
            raise InputError(f"{path}: posterior: expected a KL, since runs are ranked by the ELBO; received {name!r}.")


def _drawn(file: SpaceFile) -> list[dict[str, Any]]:
    """The values of each training of a grid or of a random search."""
    if file.search == GRID:
        lists = [values for values in file.space.values() if not isinstance(values, Range)]
        return [dict(zip(file.space, values, strict=True)) for values in itertools.product(*lists)]
    rng = np.random.default_rng(file.seed)
    return [{name: _draw(values, rng) for name, values in file.space.items()} for _ in range(file.trials or 0)]


def _draw(values: list | Range, rng: np.random.Generator) -> Any:
    return values.draw(rng) if isinstance(values, Range) else values[int(rng.integers(len(values)))]


def _corners(file: SpaceFile) -> list[dict[str, Any]]:
    """Values of each field in turn, with the first values of the others, to check them before a search begins."""
    lists = {name: _extremes(values) for name, values in file.space.items()}
    first = {name: values[0] for name, values in lists.items()}
    return [first | {name: value} for name, values in lists.items() for value in values]


def _extremes(values: list | Range) -> list:
    return list(values.ends) if isinstance(values, Range) else values
