"""How much two distributions overlap: 1 − TV(p, q) = ∫ min(p, q), from their exact densities.

It is 1 for equal distributions and 0 for disjoint ones, and half of it is the least error with which anybody can tell
from which of the two a point was drawn.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import special, stats


class Estimate(NamedTuple):
    """A value with its 95 % Monte-Carlo interval."""

    value: float
    low: float
    high: float


def gaussian_overlap(mean: np.ndarray) -> np.ndarray:
    """Overlap of N(0, I) and N(mean, I), 2Φ(−‖mean‖/2), whatever the dimension.

    Along `mean` the two are N(0, 1) and N(‖mean‖, 1); in all other directions they are the same.

    Args:
        mean: `(n, units…)`.

    Returns:
        `(n,)`.
    """
    mean = np.asarray(mean, "float64").reshape(len(mean), -1)
    return 2 * stats.norm.cdf(-0.5 * np.linalg.norm(mean, axis=1))


def overlap(under_p: np.ndarray, under_q: np.ndarray) -> Estimate:
    """1 − TV(p, q) from log q/p at points drawn from p and at points drawn from q.

    min(p, q) = (p + q) / (1 + exp |log q/p|), so its integral is the mean of 2 / (1 + exp |log q/p|) over both kinds
    of points, which lies in [0, 1]. The interval is Maurer and Pontil's empirical Bernstein bound (2009, theorem 4),
    which holds for every such variable and every number of points: also where the overlap is small and rests on points
    so rare that none was drawn, whose sample variance says nothing. For that it is wide: 12 / n and more on either
    side.

    Args:
        under_p, under_q: `(n,)` log density ratios, nats.
    """
    values, halves = [], []
    for log_ratio in (under_p, under_q):
        share = 2 * special.expit(-np.abs(np.asarray(log_ratio, "float64")))
        n, confidence = len(share), math.log(4 / 0.025)  # of each of two means, so that both hold with 95 %
        values.append(share.mean())
        halves.append(math.sqrt(2 * share.var(ddof=1) * confidence / n) + 7 * confidence / (3 * (n - 1)))
    value, half = float(np.mean(values)), float(np.mean(halves))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def overlap_bound(under_p: np.ndarray, under_q: np.ndarray) -> Estimate:
    """An upper bound on 1 − TV(p, q), from any score that is meant to be above 0 for q and at most 0 for p.

    TV is the largest difference of probabilities that any set has, so a set that somebody names can only fall short:
    1 − TV ≤ P_p(score > 0) + P_q(score ≤ 0), the errors of the test. Where q's density is unknown (a population of
    which there are samples) the density of another mixture may be the score, as long as the points are held out.

    Args:
        under_p, under_q: `(n,)` scores of points drawn from p and from q.
    """
    errors = [(np.asarray(under_p) > 0).astype("float64"), (np.asarray(under_q) <= 0).astype("float64")]
    value = float(sum(error.mean() for error in errors))
    # Clopper and Pearson's interval of each error, of 97.5 %, so that both hold with 95 %.
    bounds = [stats.binomtest(int(e.sum()), len(e)).proportion_ci(0.975, "exact") for e in errors]
    return Estimate(min(1.0, value), sum(b.low for b in bounds), min(1.0, sum(b.high for b in bounds)))
