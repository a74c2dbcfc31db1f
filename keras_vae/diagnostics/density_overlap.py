"""Overlap of two distributions, 1 − TV(p, q) = ∫ min(p, q), estimated from their exact densities.

It is 1 for equal distributions and 0 for disjoint ones. Half of it is the smallest possible error rate of a classifier
that decides from which of the two, equally likely, a point was drawn.
"""

import math
from typing import NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks

ERROR_PER_MEAN = 0.025  # error probability of each of two intervals, so that both hold with 95 %


class Estimate(NamedTuple):
    """An estimate with its 95 % Monte-Carlo interval.

    Attributes:
        value: the estimate, in [0, 1].
        low, high: the ends of the interval, 0 ≤ low ≤ value ≤ high ≤ 1.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> disjoint = diagnostics.overlap(np.full(1000, -50.0), np.full(1000, 50.0))  # log q/p
        >>> round(disjoint.value, 3), disjoint.low, round(disjoint.high, 3)
        (0.0, 0.0, 0.012)
    """

    value: float
    low: float
    high: float


def gaussian_overlap(mean: np.ndarray) -> np.ndarray:
    """Overlap of N(0, I) and N(mean, I), 2Φ(−‖mean‖/2), in any number of dimensions.

    Along `mean` the two are N(0, 1) and N(‖mean‖, 1); in all other directions they are the same.

    Args:
        mean: `(n, units…)`.

    Returns:
        `(n,)`.

    Raises:
        InputError: unless they are finite means.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> diagnostics.gaussian_overlap(np.array([[0.0, 0.0], [0.0, 2.0]])).round(3).tolist()
        [1.0, 0.317]
    """
    mean = checks.array("mean", mean, ("n", "units…"))
    mean = mean.reshape(len(mean), -1)
    return 2 * scipy.stats.norm.cdf(-0.5 * np.linalg.norm(mean, axis=1))


def overlap(under_p: np.ndarray, under_q: np.ndarray) -> Estimate:
    """Estimates 1 − TV(p, q) from log q/p at points drawn from p and at points drawn from q.

    min(p, q) = (p + q) / (1 + exp |log q/p|), so its integral is the mean of 2 / (1 + exp |log q/p|) over both kinds
    of points, which lies in [0, 1]. The interval is Maurer and Pontil's empirical Bernstein bound (2009, theorem 4),
    which holds for every such variable and every number of points, also where the overlap is small and depends on
    points so rare that none was drawn and the sample variance is uninformative. In return it is wide: at least
    12 / n on either side.

    Args:
        under_p, under_q: log density ratios log q/p at points drawn from p, `(n,)`, and from q, `(m,)`, nats; at least
            two of each.

    Raises:
        InputError: unless they are finite numbers, at least two of each.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> noise = np.random.default_rng(0).standard_normal(10_000)
        >>> log_ratio = lambda x: 2 * x - 2  # of q = N(2, 1) to p = N(0, 1)
        >>> estimate = diagnostics.overlap(log_ratio(noise), log_ratio(noise + 2))
        >>> estimate.low < 0.317 < estimate.high  # 2Φ(−1)
        True
    """
    values, half_widths = [], []
    for name, log_ratio in (("under_p", under_p), ("under_q", under_q)):
        share = 2 * scipy.special.expit(-np.abs(_scores(name, log_ratio, ("n ≥ 2",))))
        n, log_term = len(share), math.log(4 / ERROR_PER_MEAN)
        values.append(share.mean())
        half_widths.append(math.sqrt(2 * share.var(ddof=1) * log_term / n) + 7 * log_term / (3 * (n - 1)))
    value, half_width = float(np.mean(values)), float(np.mean(half_widths))
    return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width))


def overlap_bound(under_p: np.ndarray, under_q: np.ndarray) -> Estimate:
    """Estimates an upper bound on 1 − TV(p, q) from a score that separates q (above 0) from p (0 and below).

    TV is the maximum over all sets of the difference of their probabilities, so for any one set
    1 − TV ≤ P_p(score > 0) + P_q(score ≤ 0), the errors of the test. Where the density of q is unknown (a population of
    which there are samples) the log density ratio of another mixture may be the score, if the points are held out.

    Args:
        under_p, under_q: scores of points drawn from p, `(n,)`, and from q, `(m,)`.

    Raises:
        InputError: unless they are finite numbers.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> noise = np.random.default_rng(0).standard_normal(10_000)
        >>> bound = diagnostics.overlap_bound(noise - 0.5, noise + 2 - 0.5)  # N(0, 1) and N(2, 1), divided at 0.5
        >>> 0.317 < round(bound.value, 2)
        True
    """
    under_p, under_q = _scores("under_p", under_p, ("n",)), _scores("under_q", under_q, ("n",))
    errors = [(under_p > 0).astype("float64"), (under_q <= 0).astype("float64")]
    value = float(sum(error.mean() for error in errors))
    # Clopper and Pearson's interval of each error rate.
    intervals = [scipy.stats.binomtest(int(e.sum()), len(e)).proportion_ci(1 - ERROR_PER_MEAN, "exact") for e in errors]
    low, high = sum(i.low for i in intervals), sum(i.high for i in intervals)
    return Estimate(min(1.0, value), min(1.0, low), min(1.0, high))


def _scores(name: str, value: np.ndarray, shape: tuple[str, ...]) -> np.ndarray:
    """Finite log density ratios, which have no other limit: narrow posteriors make them as large as 10¹⁷."""
    return checks.array(name, value, shape, low=-math.inf, high=math.inf)
