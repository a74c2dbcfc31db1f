"""Claims about a configuration compared with a curve of others at an equal value of a further measure.

Objectives that trade reconstruction for something else can't be compared run by run: each ends at another place. The
models with several β form a curve; a configuration is compared with the point of the curve that has its reconstruction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.verdicts import CONFIDENCE, Interval
from keras_vae.errors import InputError
from keras_vae.studies.claims import (
    MEASUREMENT,
    Bounds,
    Claim,
    Values,
    _bounded_interval,
    _bounded_seeds_to_decide,
    _factor,
    _number_of,
    _obstacle_of_bounds,
    _require_names,
    _scaled,
    mean_interval,
)
from keras_vae.studies.seed_planning import seeds_to_decide

OUTSIDE = "configurations of the curve that reach the other's value, in every seed"


@dataclass(frozen=True)
class AtEqual(Claim):
    """A claim about a configuration minus a curve of others, at an equal value of a further measure.

    For each seed, `measure` is interpolated linearly on the curve, the configurations of the same seed, at the value of
    `along` that the configuration has; the differences have Student's interval over seeds. Linear interpolation
    overestimates a convex curve; a margin should exceed that error. A seed in which the configuration lies outside of
    the curve has no value.

    Attributes:
        config: the configuration that is compared.
        curve: the configurations of the curve, at least two.
        along: the key of the measure whose values are equal.
        weight: of the curve's value: 0.5 for "at most half".

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> claim = kv.studies.AtEqual("less", "kl", (-float("inf"), 0), config="other", curve=["one", "two"])
        >>> measured = {"reconstruction": {"one": [90.0], "two": [100.0], "other": [95.0]},
        ...             "kl": {"one": [20.0], "two": [12.0], "other": [15.0]}}
        >>> claim.seeds(lambda config, key: np.array(measured[key][config])).tolist()  # 15 − (20 + 12) / 2
        [-1.0]
    """

    config: str
    curve: Sequence[str]
    along: str = "reconstruction"
    weight: float = field(default=1.0, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.config, str) or not self.config:
            raise InputError(f"config: expected the name of a configuration; received {self.config!r}.")
        is_sequence = isinstance(self.curve, Sequence) and not isinstance(self.curve, str)
        if not is_sequence or len(self.curve) < 2:
            raise InputError(f"curve: expected the names of two configurations or more; received {self.curve!r}.")
        _require_names(tuple(self.curve), len(self.curve))
        checks.number("weight", self.weight)

    def configs(self) -> tuple[str, ...]:
        return (self.config, *self.curve)

    def measure_keys(self) -> tuple[str, ...]:
        return self.measure, self.along

    def on_curve(self, values: Values, measure: str) -> np.ndarray:
        """A measure on the curve at the place of the configuration, `(seeds,)`; NaN outside of the curve."""
        along, measured = (np.stack([values(name, key) for name in self.curve]) for key in (self.along, measure))
        return _interpolated(values(self.config, self.along), along, measured)

    def seeds(self, values: Values) -> np.ndarray:
        return values(self.config, self.measure) - self.weight * self.on_curve(values, self.measure)

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        return mean_interval(self.seeds(values), confidence=confidence)

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        return seeds_to_decide(self.interval(values), _number_of(self.seeds(values)), self.region, possible)

    def obstacle(self, values: Values) -> str:
        found = super().obstacle(values)
        return OUTSIDE if found == MEASUREMENT and self._outside(values).any() else found

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        ends = [_scaled(-self.weight, bounds(name, self.measure)) for name in self.curve]
        low, high = bounds(self.config, self.measure)
        return low + min(end for end, _ in ends), high + max(end for _, end in ends)

    def note(self, values: Values) -> str:
        outside = self._outside(values)
        if not outside.any():
            return ""
        return f"{outside.sum()} of {len(outside)} seeds lie outside of the curve"

    def _outside(self, values: Values) -> np.ndarray:
        """The seeds whose place is not on the curve, `(seeds,)` bool."""
        at, along = values(self.config, self.along), np.stack([values(name, self.along) for name in self.curve])
        return (at < along.min(axis=0)) | (at > along.max(axis=0))

    def formula(self, label: str) -> str:
        curve = f"({self.curve[0]} … {self.curve[-1]})"
        return f"{label}: {self.config} − {_factor(self.weight)}{curve} at equal {self.along}"


@dataclass(frozen=True)
class GapAtEqual(AtEqual):
    """`AtEqual` for a quantity that lies between two measures, as in `Gap`.

    The bounds are interpolated as the quantity is: for each seed the difference lies between (low of the configuration
    − high on the curve) and (high of the configuration − low on the curve). An end that is missing for a seed leaves
    its side open.

    Attributes:
        measure, low, high: see `Bracket`.
    """

    low: str = field(kw_only=True)
    high: str = field(kw_only=True)

    def measure_keys(self) -> tuple[str, ...]:
        return self.measure, self.low, self.high, self.along

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        return _bounded_interval(self.seeds(values), *self._differences(values), confidence)

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        return _bounded_seeds_to_decide(*self._differences(values), self.region, possible)

    def obstacle(self, values: Values) -> str:
        if self._outside(values).any():
            return OUTSIDE
        low, high = (np.stack([values(self.config, key), self.on_curve(values, key)]) for key in (self.low, self.high))
        return _obstacle_of_bounds(low, high)

    def _differences(self, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest difference that is possible for each seed, `(seeds,)`; NaN where it is unknown."""
        (low, high), (low_curve, high_curve) = (
            [of(key) for key in (self.low, self.high)]
            for of in (lambda key: values(self.config, key), lambda key: self.on_curve(values, key))
        )
        ends = self.weight * low_curve, self.weight * high_curve
        return low - np.maximum(*ends), high - np.minimum(*ends)

    def note(self, values: Values) -> str:
        outside = super().note(values)
        unknown = np.isnan([values(self.config, self.high), self.on_curve(values, self.high)]).any()
        return outside or ("an upper end is unknown: saturated" if unknown else "")


def _interpolated(at: np.ndarray, along: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values on a curve of configurations at a given place, linear between neighbours, for each seed.

    Args:
        at: `(seeds,)`, the places.
        along: `(configurations, seeds)`, the places of the configurations, in any order.
        values: of that shape, their values.

    Returns:
        `(seeds,)`; NaN outside of the curve, and where a place or the value of a neighbour is missing.
    """
    return np.array([_of_seed(*of_seed) for of_seed in zip(at, along.T, values.T, strict=True)], "float64")


def _of_seed(at: float, along: np.ndarray, values: np.ndarray) -> float:
    """The value of one seed; `along` and `values` are `(configurations,)`."""
    if np.isnan(along).any() or not along.min() <= at <= along.max():
        return math.nan
    order = np.argsort(along)
    along, values = along[order], values[order]
    right = int(np.searchsorted(along, at))
    if along[right] == at:
        return float(values[right])
    left = right - 1
    share = (at - along[left]) / (along[right] - along[left])
    return float((1 - share) * values[left] + share * values[right])
