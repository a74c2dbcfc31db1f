"""How many seeds would decide a claim that is undecided, if the estimate and the spread stay as measured."""

import math

import numpy as np
import scipy  # which loads scipy.stats when it is first used

from keras_vae._utils.verdicts import CONFIDENCE, Interval

MAX_SEEDS = 1_000


def student_ends(interval: Interval, n: int, more: np.ndarray, groups: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The ends that Student's interval of `n` seeds would have with more seeds.

    Args:
        interval: the interval, symmetric about its estimate; an end that is nearer was cut off.
        n: its number of seeds, of each group.
        more: `(k,)`, numbers of seeds.
        groups: number of groups of seeds that are compared; the degrees of freedom are groups · (n − 1).

    Returns:
        The lower and the upper ends, `(k,)` each.
    """
    half = max(interval.high - interval.estimate, interval.estimate - interval.low)
    quantile = scipy.stats.t(groups * (more - 1)).ppf(0.5 + CONFIDENCE / 2)
    now = scipy.stats.t(groups * (n - 1)).ppf(0.5 + CONFIDENCE / 2)
    halves = half * quantile / now * np.sqrt(n / more)
    return interval.estimate - halves, interval.estimate + halves


def proportion_ends(proportion: float, more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of Clopper & Pearson's interval if about the same proportion is found with more seeds, `(k,)` each."""
    found, tail = np.round(proportion * more), 0.5 - CONFIDENCE / 2
    with np.errstate(invalid="ignore"):  # NaN for none and for all
        low = scipy.stats.beta.ppf(tail, found, more - found + 1)
        high = scipy.stats.beta.ppf(1 - tail, found + 1, more - found)
    return np.where(found == 0, 0.0, low), np.where(found == more, 1.0, high)


def first_decided(
    more: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    region: tuple[float, float],
    possible: tuple[float, float] = (-math.inf, math.inf),
) -> int | None:
    """The smallest number of seeds from which on no interval crosses a border of the region.

    Args:
        more: `(k,)`, increasing numbers of seeds.
        ends: the lower and the upper ends with these numbers, `(k,)` each.
        region: in which the claim holds.
        possible: the values that are possible, to which the intervals are limited.

    Returns:
        The number; None if the last interval crosses a border too.
    """
    low, high = np.maximum(ends[0], possible[0]), np.minimum(ends[1], possible[1])
    decided = ((region[0] <= low) & (high <= region[1])) | (high < region[0]) | (low > region[1])
    if not len(more) or not decided[-1]:
        return None
    return int(more[np.flatnonzero(~decided)[-1] + 1 if not decided.all() else 0])


def seeds_to_decide(
    interval: Interval,
    n: int,
    region: tuple[float, float],
    possible: tuple[float, float] = (-math.inf, math.inf),
    groups: int = 1,
) -> int | None:
    """The number of seeds with which Student's interval would no longer cross a border of the region.

    The spread of few seeds is itself uncertain: that of two may be 32 times too small, that of five 3 times, so the
    number says whether some, many, or no affordable number of seeds would decide.

    Args:
        interval: of the estimate, with `n` seeds.
        n: the number of seeds, 2 or more.
        region, possible: see `first_decided`.
        groups: see `student_ends`.

    Returns:
        The number; None where an end is unknown, and above 1,000.

    Example:
        >>> seeds_to_decide(Interval(1.3, 1.1, 1.5), 5, (1.25, float("inf")))
        43
    """
    if n < 2 or not all(map(math.isfinite, interval)):
        return None
    more = np.arange(n + 1, MAX_SEEDS + 1)
    # An unbiased estimate may lie outside of what is possible; the interval contains it: see `Interval.within`.
    limits = min(possible[0], interval.estimate), max(possible[1], interval.estimate)
    return first_decided(more, student_ends(interval, n, more, groups), region, limits)
