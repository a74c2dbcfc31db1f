"""Claims about trainings with several seeds, and their verdicts: holds, does not hold, undecided.

A claim states its measure and the region in which it is true before anything is trained. Its verdict follows from the
95 % confidence interval of the estimate: inside the region it *holds*, outside it *does not hold*, and an interval
that crosses the border is *undecided*. "About the same" is therefore an equivalence test, an interval within a margin;
a difference that is not significant is no evidence of equality.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy  # which loads scipy.stats when it is first used

from keras_vae._utils import checks
from keras_vae._utils.verdicts import CONFIDENCE, FAILS, HOLDS, UNDECIDED, Interval, finite
from keras_vae.errors import InputError
from keras_vae.measures import Measure
from keras_vae.studies.seed_planning import MAX_SEEDS, first_decided, proportion_ends, seeds_to_decide, student_ends

# From the name of a configuration and the key of a measure to its values, `(seeds,)`; NaN where it is missing.
Values = Callable[[str, str], np.ndarray]
# From the key of a measure to the measure.
Find = Callable[[str], Measure]
# From the name of a configuration and the key of a measure to the smallest and the largest value that is possible.
Bounds = Callable[[str, str], tuple[float, float]]


UNKNOWN = Interval(math.nan, math.nan, math.nan)

# What would decide a claim that is undecided.
MEASUREMENT = "a measurement of it"
VARIATION = "more seeds, or a measure that varies: there is no interval"
MORE_THAN_AFFORDABLE = f"more than {MAX_SEEDS:,} seeds: the estimate is close to the border"
NARROWER_BOUNDS = "narrower bounds, whatever the number of seeds: the present ones include the border"
MORE_ITEMS = "more items to encode: with the present number the quantity has no upper bound"


def verdict(interval: Interval, region: tuple[float, float]) -> str:
    """The verdict on a claim that is true in a region.

    Args:
        interval: the estimate with its interval; NaN at an end makes the verdict undecided.
        region: (low, high), both included.

    Returns:
        `holds`, `does not hold` or `undecided`.

    Raises:
        InputError: unless both are pairs of numbers.

    Example:
        >>> from keras_vae.studies.claims import Interval, verdict
        >>> [verdict(Interval(2.0, low, high), (1.0, 4.0)) for low, high in ((1.5, 2.5), (0.5, 3.5), (4.5, 5.0))]
        ['holds', 'undecided', 'does not hold']
    """
    if not isinstance(interval, Interval):
        raise InputError(f"interval: expected an Interval; received {interval!r}.")
    checks.array("interval", interval, (3,), finite=False)
    region = checks.bounds("region", region)
    if math.isnan(interval.low) or math.isnan(interval.high):
        return UNDECIDED
    if region[0] <= interval.low and interval.high <= region[1]:
        return HOLDS
    return FAILS if interval.high < region[0] or interval.low > region[1] else UNDECIDED


def mean_interval(values: np.ndarray, resolution: float = 0.0, confidence: float = CONFIDENCE) -> Interval:
    """The mean of values with Student's t interval, over those that are not NaN.

    Args:
        values: `(seeds,)`; NaN where one is missing.
        resolution: spacing of the grid on which the values lie, 1 for counts. Rounding to a grid has a variance of
            resolution² / 12, a lower bound of the variance: equal counts don't give an interval of width 0.
        confidence: of the interval, between 0 and 1.

    Returns:
        The interval; its ends are NaN for a single value, and for equal values with a resolution of 0.

    Raises:
        InputError: unless all are numbers, the resolution 0 or more, and the confidence below 1.
    """
    values = checks.array("values", values, ("seeds ≥ 0",), finite=False)
    resolution = checks.number("resolution", resolution, low=0)
    confidence = checks.number("confidence", confidence, 0, 1, open_low=True)
    values = values[~np.isnan(values)]
    n = len(values)
    if not n:
        return UNKNOWN
    with np.errstate(invalid="ignore"):  # of infinite values: the ends are NaN
        mean = float(values.mean())
        variance = max(values.var(ddof=1), resolution**2 / 12) if n > 1 else 0.0
    if not variance:
        return Interval(mean, math.nan, math.nan)
    low, high = scipy.stats.t.interval(confidence, n - 1, loc=mean, scale=math.sqrt(variance / n))
    return Interval(mean, float(low), float(high))


@dataclass(frozen=True)
class Claim:
    """A claim of a source, and the measurement that decides it. Subclasses define the estimate and its interval.

    Attributes:
        words: the claim in the source's words.
        measure: the key of a measure, see `keras_vae.measures`.
        region: (low, high) in which the claim is true; infinite where there is no bound.
        published: the source's own value of the estimate, if it states one.

    Raises:
        InputError: if a value is of another kind, or `of` names other numbers of configurations.
    """

    words: str
    measure: str
    region: tuple[float, float]
    published: float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        if not isinstance(self.words, str):
            raise InputError(f"words: expected text; received {self.words!r}.")
        for key in self.measure_keys():
            if not isinstance(key, str) or not key:
                raise InputError(f"measure: expected the key of a measure; received {key!r}.")
        checks.bounds("region", self.region)
        if self.published is not None:
            checks.number("published", self.published)

    def configs(self) -> tuple[str, ...]:
        """The names of the configurations that the claim is about."""
        raise NotImplementedError

    def measure_keys(self) -> tuple[str, ...]:
        """The keys of the measures that the claim needs."""
        return (self.measure,)

    def seeds(self, values: Values) -> np.ndarray:
        """The estimate of each seed alone, `(seeds,)`; empty where it needs several seeds."""
        return np.empty(0)

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        """The estimate with its interval, of this confidence where it is statistical."""
        raise NotImplementedError

    def formula(self, label: str) -> str:
        """The estimate as a formula of the measure's label and the configurations."""
        raise NotImplementedError

    def note(self, values: Values) -> str:
        """A remark on the interval, or an empty string."""
        return ""

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        """The smallest and the largest value that the estimated quantity can have, given those of its measure."""
        return -math.inf, math.inf

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        """The number of seeds that would decide the claim if estimate and spread stay; None where none up to 1,000."""
        return None

    def obstacle(self, values: Values) -> str:
        """What would decide the claim where no number of seeds does."""
        interval = self.interval(values)
        if math.isnan(interval.estimate):
            return MEASUREMENT
        return VARIATION if math.isnan(interval.low) else MORE_THAN_AFFORDABLE

    def evaluate(self, values: Values, find: Find, bounds: Bounds | None = None, n_claims: int = 1) -> dict[str, Any]:
        """The claim with its interval and verdict, as plain data for `study.json`.

        Args:
            values: the measured values.
            find: looks up a measure.
            bounds: of the values that are possible; by default those of the measure.
            n_claims: number of claims that are judged together.

        Returns:
            The interval as it is computed, and the values that are possible; the verdict follows from both. The verdict
            `simultaneous` follows from an interval of confidence 1 − 0.05 / n_claims: with 95 % confidence the
            intervals of all claims cover what they estimate (Bonferroni). `seeds_to_decide` and `decided_by`, text,
            are of an undecided claim: what would decide it if the estimate and the spread stay as they are.
        """
        interval = self.interval(values)
        possible = self.possible(bounds or (lambda config, key: find(key).bounds))
        wider = self.interval(values, 1 - (1 - CONFIDENCE) / n_claims)
        judged = verdict(interval.within(possible), self.region)
        needed = self.seeds_to_decide(values, possible) if judged == UNDECIDED else None
        obstacle = self.obstacle(values) if judged == UNDECIDED and needed is None else ""
        return {
            "claim": self.words,
            "measure": self.measure,
            "measured": self.formula(find(self.measure).label),
            "published": self.published,
            **{name: finite(value) for name, value in interval._asdict().items()},
            "possible": [finite(bound) for bound in possible],
            "seeds": [finite(float(value)) for value in self.seeds(values)],
            "expected": [finite(bound) for bound in self.region],
            "verdict": judged,
            "simultaneous": verdict(wider.within(possible), self.region),
            "note": self.note(values),
            "seeds_to_decide": needed,
            "decided_by": f"about {needed:,} seeds" if needed else obstacle,
        }


@dataclass(frozen=True)
class Mean(Claim):
    """A claim about a weighted sum of configurations, paired by seed: a level (one configuration of weight 1), a
    difference (weights 1 and −1), or an interaction (a difference of differences).

    Attributes:
        of: the weight of each configuration.
        resolution: see `mean_interval`; 1 for counts.

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> claim = kv.studies.Mean("deeper is better", "loss", (0, float("inf")), {"one": 1, "two": -1})
        >>> losses = {"one": np.array([3.0, 3.2, 3.1]), "two": np.array([2.0, 2.1, 2.2])}
        >>> round(claim.interval(lambda config, measure: losses[config]).estimate, 2)
        1.0
    """

    of: Mapping[str, float]
    resolution: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.of, Mapping) or not self.of:
            raise InputError(f"of: expected the weight of each configuration by its name; received {self.of!r}.")
        for name, weight in self.of.items():
            _require_names((name,), 1)
            checks.number(f"of: the weight of {name}", weight)
        checks.number("resolution", self.resolution, low=0)

    def configs(self) -> tuple[str, ...]:
        return tuple(self.of)

    def seeds(self, values: Values) -> np.ndarray:
        return np.sum([weight * values(name, self.measure) for name, weight in self.of.items()], axis=0)

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        return mean_interval(self.seeds(values), self.resolution, confidence)

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        return seeds_to_decide(self.interval(values), _number_of(self.seeds(values)), self.region, possible)

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        ends = [_scaled(weight, bounds(name, self.measure)) for name, weight in self.of.items()]
        return math.fsum(low for low, _ in ends), math.fsum(high for _, high in ends)

    def formula(self, label: str) -> str:
        terms = [f"{'−' if weight < 0 else '+'} {_factor(weight)}{name}" for name, weight in self.of.items()]
        return f"{label}: {' '.join(terms).removeprefix('+ ')}"


@dataclass(frozen=True)
class Ratio(Claim):
    """A claim about the ratio of two configurations, paired by seed: the geometric mean over seeds.

    Attributes:
        of: numerator and denominator.
    """

    of: tuple[str, str]

    def __post_init__(self):
        super().__post_init__()
        _require_names(self.of, 2)

    def configs(self) -> tuple[str, ...]:
        return tuple(self.of)

    def seeds(self, values: Values) -> np.ndarray:
        return np.exp(self._log_ratios(values))

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        return Interval(*np.exp(mean_interval(self._log_ratios(values), confidence=confidence)).tolist())

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        logs = self._log_ratios(values)
        with np.errstate(divide="ignore"):  # of a border at 0 or below, which no ratio crosses
            low, high = np.log(np.maximum(self.region, 0)).tolist()
        return seeds_to_decide(mean_interval(logs), _number_of(logs), (low, high))

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        return 0.0, math.inf

    def _log_ratios(self, values: Values) -> np.ndarray:
        numerator, denominator = (values(name, self.measure) for name in self.of)
        with np.errstate(invalid="ignore", divide="ignore"):  # no geometric mean unless both are positive: NaN
            return np.log(numerator) - np.log(denominator)

    def formula(self, label: str) -> str:
        return f"{label}: {self.of[0]} / {self.of[1]}"


@dataclass(frozen=True)
class ExactRatio(Claim):
    """A claim about a ratio that is computed exactly and doesn't depend on the seed.

    Attributes:
        of: numerator and denominator.
    """

    of: tuple[str, str]

    def __post_init__(self):
        super().__post_init__()
        _require_names(self.of, 2)

    def configs(self) -> tuple[str, ...]:
        return tuple(self.of)

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        numerator, denominator = (values(name, self.measure) for name in self.of)
        ratios = numerator / denominator
        if not len(ratios) or not np.allclose(ratios, ratios[0], rtol=1e-9):
            return UNKNOWN
        return Interval(*[float(ratios[0])] * 3)

    def formula(self, label: str) -> str:
        return f"{label}: {self.of[0]} / {self.of[1]}, computed"


@dataclass(frozen=True)
class Bracket(Claim):
    """A claim about a quantity that lies between two measures, each of which includes its own error.

    Attributes:
        measure: the best estimate.
        low, high: keys of the measures that it lies between; the extremes over seeds count.
        of: the configuration.
    """

    low: str
    high: str
    of: str

    def __post_init__(self):
        super().__post_init__()
        _require_names((self.of,), 1)

    def configs(self) -> tuple[str, ...]:
        return (self.of,)

    def measure_keys(self) -> tuple[str, ...]:
        return self.measure, self.low, self.high

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        estimate, low, high = (values(self.of, key) for key in self.measure_keys())
        if len(estimate) < 2:  # the variation between seeds is unknown
            return Interval(float(estimate[0]), math.nan, math.nan)
        return Interval(float(estimate.mean()), float(low.min()), float(high.max()))

    def obstacle(self, values: Values) -> str:
        return _obstacle_of_bounds(*(values(self.of, key) for key in (self.low, self.high)))

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        return bounds(self.of, self.measure)

    def formula(self, label: str) -> str:
        return f"{label}: {self.of}"


@dataclass(frozen=True)
class Gap(Claim):
    """A claim about the difference of two configurations in a quantity that lies between two measures.

    For each seed the difference lies between (low of the first − high of the second) and (high of the first − low of
    the second). The interval reaches from the lower limit of the mean of the one to the upper limit of the mean of
    the other. An end that is missing for a seed leaves its side open.

    Attributes:
        measure, low, high: see `Bracket`.
        of: the two configurations, the first minus the second.
    """

    low: str
    high: str
    of: tuple[str, str]

    def __post_init__(self):
        super().__post_init__()
        _require_names(self.of, 2)

    def configs(self) -> tuple[str, ...]:
        return tuple(self.of)

    def measure_keys(self) -> tuple[str, ...]:
        return self.measure, self.low, self.high

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        first, second = (values(name, self.measure) for name in self.of)
        return _bounded_interval(first - second, *self._differences(values), confidence)

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        return _bounded_seeds_to_decide(*self._differences(values), self.region, possible)

    def obstacle(self, values: Values) -> str:
        low, high = (np.stack([values(name, key) for name in self.of]) for key in (self.low, self.high))
        return _obstacle_of_bounds(low, high)

    def _differences(self, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest difference that is possible for each seed, `(seeds,)`; NaN where it is unknown."""
        (low_a, high_a), (low_b, high_b) = ([values(name, key) for key in (self.low, self.high)] for name in self.of)
        return low_a - high_b, high_a - low_b

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        (least_a, most_a), (least_b, most_b) = (bounds(name, self.measure) for name in self.of)
        return least_a - most_b, most_a - least_b

    def note(self, values: Values) -> str:
        is_open = any(np.isnan(values(name, self.high)).any() for name in self.of)
        return "an upper end is unknown: saturated" if is_open else ""

    def formula(self, label: str) -> str:
        return f"{label}: {self.of[0]} − {self.of[1]}"


@dataclass(frozen=True)
class Spread(Claim):
    """A claim that one configuration varies more from seed to seed than another.

    Brown & Forsythe (1974) compare absolute deviations from the medians by an analysis of variance, which for two
    groups is the t-test; its interval of the difference is used. Ten seeds or more are needed for a narrow interval.

    Attributes:
        of: the two configurations, the first minus the second.
    """

    of: tuple[str, str]

    def __post_init__(self):
        super().__post_init__()
        _require_names(self.of, 2)

    def configs(self) -> tuple[str, ...]:
        return tuple(self.of)

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        groups = self._groups(values)
        if min(map(len, groups)) < 3:
            return UNKNOWN

        first, second = (np.abs(group - np.median(group)) for group in groups)
        low, high = scipy.stats.ttest_ind(first, second).confidence_interval(confidence)
        return Interval(float(first.mean() - second.mean()), float(low), float(high))

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        n = min(map(len, self._groups(values)))
        return seeds_to_decide(self.interval(values), n, self.region, possible, groups=2)

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        # The mean absolute deviation from a median is at most half the range.
        first, second = (0.5 * (most - least) for least, most in (bounds(name, self.measure) for name in self.of))
        return -second, first

    def note(self, values: Values) -> str:
        groups = self._groups(values)
        if min(map(len, groups)) < 3:
            return ""

        with np.errstate(invalid="ignore", divide="ignore"):  # NaN where no value differs from its median
            p = scipy.stats.levene(*groups, center="median").pvalue
        return "" if np.isnan(p) else f"Brown–Forsythe p = {p:.3f}"

    def _groups(self, values: Values) -> list[np.ndarray]:
        measured = (values(name, self.measure) for name in self.of)
        return [group[~np.isnan(group)] for group in measured]

    def formula(self, label: str) -> str:
        return f"mean absolute deviation of {label} from its median over seeds: {self.of[0]} − {self.of[1]}"


@dataclass(frozen=True)
class Proportion(Claim):
    """A claim about the proportion of seeds in which a measure is at least 1, with Clopper & Pearson's interval (1934).

    Attributes:
        of: the configuration.
    """

    of: str

    def __post_init__(self):
        super().__post_init__()
        _require_names((self.of,), 1)

    def configs(self) -> tuple[str, ...]:
        return (self.of,)

    def interval(self, values: Values, confidence: float = CONFIDENCE) -> Interval:
        measured = values(self.of, self.measure)
        found = measured[~np.isnan(measured)] >= 1
        if not len(found):
            return UNKNOWN

        exact = scipy.stats.binomtest(int(found.sum()), len(found)).proportion_ci(confidence, "exact")
        return Interval(float(found.mean()), float(exact.low), float(exact.high))

    def seeds_to_decide(self, values: Values, possible: tuple[float, float]) -> int | None:
        n, interval = _number_of(values(self.of, self.measure)), self.interval(values)
        if not n:
            return None
        more = np.arange(n + 1, MAX_SEEDS + 1)
        return first_decided(more, proportion_ends(interval.estimate, more), self.region, possible)

    def possible(self, bounds: Bounds) -> tuple[float, float]:
        return 0.0, 1.0

    def formula(self, label: str) -> str:
        return f"proportion of seeds with {label}: {self.of}"


def _require_names(names: tuple[str, ...], n: int) -> None:
    """Refuses anything but the names of `n` configurations."""
    is_sequence = isinstance(names, tuple | list) and len(names) == n
    if not is_sequence or not all(isinstance(name, str) and name for name in names):
        wanted = "the name of a configuration" if n == 1 else f"the names of {n} configurations"
        raise InputError(f"of: expected {wanted}; received {names!r}.")


def _number_of(values: np.ndarray) -> int:
    """The number of seeds that have a value."""
    return int((~np.isnan(values)).sum())


def _bounded_interval(
    estimates: np.ndarray, lowest: np.ndarray, highest: np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of a quantity of which only bounds are known: from the lower limit of the one to the upper limit of
    the other; `(seeds,)` each. A bound that is NaN for a seed leaves its side open."""
    estimate = float(estimates.mean())
    if len(lowest) < 2:  # the variation between seeds is unknown
        return Interval(estimate, math.nan, math.nan)
    low = -math.inf if np.isnan(lowest).any() else mean_interval(lowest, confidence=confidence).low
    high = math.inf if np.isnan(highest).any() else mean_interval(highest, confidence=confidence).high
    return Interval(estimate, low, high)


def _bounded_seeds_to_decide(
    lowest: np.ndarray, highest: np.ndarray, region: tuple[float, float], possible: tuple[float, float]
) -> int | None:
    """The number of seeds with which `_bounded_interval` would no longer cross a border; None where none would do."""
    n = len(lowest)
    intervals = mean_interval(lowest), mean_interval(highest)
    if n < 2 or np.isnan([lowest, highest]).any() or np.isnan(intervals).any():
        return None
    more = np.arange(n + 1, MAX_SEEDS + 1)
    (low, _), (_, high) = (student_ends(interval, n, more) for interval in intervals)
    return first_decided(more, (low, high), region, possible)


def _obstacle_of_bounds(low: np.ndarray, high: np.ndarray) -> str:
    """What would decide a claim about a quantity between two bounds, `(…, seeds)` each; NaN where one is missing."""
    if np.isnan(low).any():
        return MEASUREMENT
    if np.isnan(high).any():
        return MORE_ITEMS
    return VARIATION if low.shape[-1] < 2 else NARROWER_BOUNDS


def _scaled(weight: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """The bounds of a weighted quantity."""
    if not weight:
        return 0.0, 0.0
    low, high = sorted(weight * bound for bound in bounds)
    return low, high


def _factor(weight: float) -> str:
    return "" if abs(weight) == 1 else f"{abs(weight):g} · "
