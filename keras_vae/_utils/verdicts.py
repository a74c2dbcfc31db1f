"""The verdicts on a claim and the intervals they follow from, as written in `study.json`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided"
NOT_JUDGED = "toy size: not judged"  # of a study run with `--quick`
CONFIDENCE = 0.95  # of the intervals


class Interval(NamedTuple):
    """An estimate with its 95 % confidence interval.

    Attributes:
        estimate: the estimate; NaN without values.
        low, high: the ends; NaN where the values don't determine an interval, infinite where an end is unknown.
    """

    estimate: float
    low: float
    high: float

    def within(self, bounds: tuple[float, float]) -> "Interval":
        """The part of the interval within (low, high), the values that are possible; it contains the estimate."""
        least, most = min(bounds[0], self.estimate), max(bounds[1], self.estimate)
        return self._replace(low=max(self.low, least), high=min(self.high, most))


def shown_ends(claim: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The ends of the interval of a claim of `study.json` that text, figures and pages show.

    Returns:
        (low, high) within the values that are possible; None where an end is unknown.
    """
    if claim["low"] is None and claim["high"] is None:
        return None, None
    estimate = math.nan if claim["estimate"] is None else claim["estimate"]
    possible = claim.get("possible") or (None, None)  # earlier studies don't state it
    shown = Interval(estimate, *_open(claim["low"], claim["high"])).within(_open(*possible))
    return finite(shown.low), finite(shown.high)


def jointly(claims: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts on all claims of a study together, as a sentence; empty for one claim, and where none is judged.

    Example:
        >>> claims = [{"verdict": "holds", "simultaneous": "holds"}, {"verdict": "holds", "simultaneous": "undecided"}]
        >>> jointly(claims).split(": ")[1]
        '1 holds, 0 do not hold, 1 undecided.'
    """
    found = [claim.get("simultaneous") for claim in claims]  # earlier studies don't state it
    if len(found) < 2 or not set(found) <= {HOLDS, FAILS, UNDECIDED}:
        return ""
    holds, fails, undecided = (found.count(name) for name in (HOLDS, FAILS, UNDECIDED))
    counts = f"{holds} hold{'s' * (holds == 1)}, {fails} do{'es' * (fails == 1)} not hold, {undecided} undecided"
    return f"With intervals that cover all {len(found)} estimates at once with 95 % confidence (Bonferroni): {counts}."


def finite(value: float) -> float | None:
    """A number as JSON has it: None for NaN and infinity."""
    return value if math.isfinite(value) else None


def _open(low: float | None, high: float | None) -> tuple[float, float]:
    return -math.inf if low is None else low, math.inf if high is None else high
