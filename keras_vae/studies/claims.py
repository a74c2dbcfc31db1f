"""Claims about trainings with several seeds, and what the numbers say of each: holds, does not hold, undecided.

A claim states its measure and the region in which it would be true before anything is trained. It is judged by the
95 % confidence interval of what was measured: inside the region it *holds*, outside it *does not hold*, and across
its border it is *undecided*. So "about the same" needs an interval within a margin, an equivalence test; a
difference that failed to show is none.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from keras_vae._utils.verdicts import FAILS, HOLDS, UNDECIDED

CONFIDENCE = 0.95

# From the name of a configuration and of a measure to the values, one a seed; NaN where it wasn't measured.
Values = Callable[[str, str], np.ndarray]


class Interval(NamedTuple):
    """An estimate with its 95 % confidence interval; NaN bounds where the values don't tell one."""

    estimate: float
    low: float
    high: float


def verdict(interval: Interval, region: tuple[float, float]) -> str:
    """Whether an interval lies inside, outside or across the border of a region (low, high)."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return UNDECIDED
    if region[0] <= interval.low and interval.high <= region[1]:
        return HOLDS
    return FAILS if interval.high < region[0] or interval.low > region[1] else UNDECIDED


def mean_interval(values: np.ndarray, resolution: float = 0.0) -> Interval:
    """Mean of values with Student's interval; of those that are NaN nothing is known.

    Args:
        values: one a seed.
        resolution: the grid that they lie on, 1 for counts. Equal counts would have an interval without width; a
            grid's values are as uncertain as rounding makes them, with a variance of resolution² / 12.
    """
    values = np.asarray(values, "float64")
    values = values[~np.isnan(values)]
    n, mean = len(values), float(values.mean()) if len(values) else math.nan
    variance = max(values.var(ddof=1), resolution**2 / 12) if n > 1 else 0.0
    if not variance:  # one seed, or seeds without any difference, which is no certainty
        return Interval(mean, math.nan, math.nan)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) * math.sqrt(variance / n)
    return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Claim:
    """What a source says, and what is to be measured for it.

    Attributes:
        words: the source's claim.
        measure: the name of a measure of a run.
        region: (low, high), in which the claim is true; ∞ where there is no bound.
        published: the source's own value of what is measured, where it prints one.
    """

    words: str
    measure: str
    region: tuple[float, float]
    published: float | None = field(default=None, kw_only=True)

    def seeds(self, values: Values) -> np.ndarray:
        """What each seed alone gives; nothing where it takes several."""
        return np.empty(0)

    def interval(self, values: Values) -> Interval:
        raise NotImplementedError

    def formula(self) -> str:
        """What is measured, for people."""
        raise NotImplementedError

    def note(self, values: Values) -> str:
        """What is to be said beside the interval."""
        return ""

    def judge(self, values: Values) -> dict[str, Any]:
        """The claim with its interval and verdict, as plain data."""
        interval = self.interval(values)
        return {
            "claim": self.words,
            "measured": self.formula(),
            "published": self.published,
            **{name: _finite(value) for name, value in interval._asdict().items()},
            "seeds": [_finite(float(value)) for value in self.seeds(values)],
            "expected": [_finite(bound) for bound in self.region],
            "verdict": verdict(interval, self.region),
            "note": self.note(values),
        }


@dataclass(frozen=True)
class Mean(Claim):
    """About a weighted sum of configurations, paired by seed: a level (one with weight 1), a difference (1 and −1),
    or an interaction (a difference of differences).

    Attributes:
        of: the weight of each configuration.
        resolution: as in `mean_interval`: 1 for counts.
    """

    of: Mapping[str, float]
    resolution: float = 0.0

    def seeds(self, values: Values) -> np.ndarray:
        return sum(weight * values(name, self.measure) for name, weight in self.of.items())

    def interval(self, values: Values) -> Interval:
        return mean_interval(self.seeds(values), self.resolution)

    def formula(self) -> str:
        terms = [f"{'−' if weight < 0 else '+'} {_factor(weight)}{name}" for name, weight in self.of.items()]
        return f"{self.measure}: {' '.join(terms).removeprefix('+ ')}"


@dataclass(frozen=True)
class Ratio(Claim):
    """About a ratio of two configurations, paired by seed: the geometric mean over seeds."""

    of: tuple[str, str]

    def seeds(self, values: Values) -> np.ndarray:
        return np.exp(self._logarithms(values))

    def interval(self, values: Values) -> Interval:
        return Interval(*np.exp(mean_interval(self._logarithms(values))).tolist())

    def _logarithms(self, values: Values) -> np.ndarray:
        above, below = (np.log(values(name, self.measure)) for name in self.of)
        return above - below

    def formula(self) -> str:
        return f"{self.measure}: {self.of[0]} / {self.of[1]}"


@dataclass(frozen=True)
class Exactly(Claim):
    """About a ratio of two configurations that is computed, not measured: no seed can change it."""

    of: tuple[str, str]

    def interval(self, values: Values) -> Interval:
        above, below = (values(name, self.measure) for name in self.of)
        ratios = above / below
        if not len(ratios) or not np.allclose(ratios, ratios[0], rtol=1e-9):
            return Interval(math.nan, math.nan, math.nan)
        return Interval(*[float(ratios[0])] * 3)

    def formula(self) -> str:
        return f"{self.measure}: {self.of[0]} / {self.of[1]}, computed"


@dataclass(frozen=True)
class Bracket(Claim):
    """About a quantity that is known to lie between two measures, each of which has its own error in it.

    Attributes:
        measure: the best estimate.
        low, high: names of the measures that it lies between; of several seeds the lowest and the highest count.
        of: the configuration.
    """

    low: str
    high: str
    of: str

    def interval(self, values: Values) -> Interval:
        estimate, low, high = (values(self.of, name) for name in (self.measure, self.low, self.high))
        if len(estimate) < 2:  # of how seeds differ nothing is known
            return Interval(*map(float, estimate), math.nan, math.nan)
        return Interval(float(estimate.mean()), float(low.min()), float(high.max()))

    def formula(self) -> str:
        return f"{self.measure}: {self.of}"


@dataclass(frozen=True)
class Gap(Claim):
    """About the difference of two configurations in a quantity that is known to lie between two measures.

    For each seed the difference lies between the first's low less the second's high, and the first's high less the
    second's low; the interval reaches from the lower limit of the one's mean to the upper limit of the other's. An
    end that wasn't measured for some seed leaves its side open.

    Attributes:
        measure, low, high: as in `Bracket`.
        of: the two configurations, the first less the second.
    """

    low: str
    high: str
    of: tuple[str, str]

    def interval(self, values: Values) -> Interval:
        (estimate_a, low_a, high_a), (estimate_b, low_b, high_b) = (
            [values(name, measure) for measure in (self.measure, self.low, self.high)] for name in self.of
        )
        if len(low_a) < 2:  # of how seeds differ nothing is known
            return Interval(float((estimate_a - estimate_b).mean()), math.nan, math.nan)
        least, most = low_a - high_b, high_a - low_b
        low = -math.inf if np.isnan(least).any() else mean_interval(least).low
        high = math.inf if np.isnan(most).any() else mean_interval(most).high
        return Interval(float((estimate_a - estimate_b).mean()), low, high)

    def note(self, values: Values) -> str:
        open_ended = any(np.isnan(values(name, self.high)).any() for name in self.of)
        return "an upper end is not known: saturated" if open_ended else ""

    def formula(self) -> str:
        return f"{self.measure}: {self.of[0]} − {self.of[1]}"


@dataclass(frozen=True)
class Spread(Claim):
    """About how much more one configuration varies from seed to seed than another.

    Brown and Forsythe (1974) compare the absolute deviations from the medians by an analysis of variance; of two
    groups that is the t-test, whose interval of the difference is used here. (A spread over 5 seeds says little:
    take 10.)
    """

    of: tuple[str, str]

    def interval(self, values: Values) -> Interval:
        groups = self._groups(values)
        if min(map(len, groups)) < 3:
            return Interval(math.nan, math.nan, math.nan)
        more, less = (np.abs(group - np.median(group)) for group in groups)
        n, m, difference = len(more), len(less), float(more.mean() - less.mean())
        pooled = (more.var(ddof=1) * (n - 1) + less.var(ddof=1) * (m - 1)) / (n + m - 2)
        half = stats.t.ppf(0.5 + CONFIDENCE / 2, n + m - 2) * math.sqrt(pooled * (1 / n + 1 / m))
        return Interval(difference, difference - half, difference + half)

    def note(self, values: Values) -> str:
        groups = self._groups(values)
        if min(map(len, groups)) < 3:
            return ""
        return f"Brown–Forsythe p = {stats.levene(*groups, center='median').pvalue:.3f}"

    def _groups(self, values: Values) -> list[np.ndarray]:
        measured = (values(name, self.measure) for name in self.of)
        return [group[~np.isnan(group)] for group in measured]

    def formula(self) -> str:
        return f"mean distance of a seed's {self.measure} from the median: {self.of[0]} − {self.of[1]}"


@dataclass(frozen=True)
class Share(Claim):
    """About the share of seeds in which a measure is at least 1, with Clopper and Pearson's interval (1934)."""

    of: str

    def interval(self, values: Values) -> Interval:
        measured = values(self.of, self.measure)
        found = measured[~np.isnan(measured)] >= 1
        if not len(found):
            return Interval(math.nan, math.nan, math.nan)
        exact = stats.binomtest(int(found.sum()), len(found)).proportion_ci(CONFIDENCE, "exact")
        return Interval(float(found.mean()), float(exact.low), float(exact.high))

    def formula(self) -> str:
        return f"share of seeds with {self.measure}: {self.of}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _factor(weight: float) -> str:
    return "" if abs(weight) == 1 else f"{abs(weight):g} · "
