"""Typical sets of Gaussians by dimension: the theorem of "Why Bigger is Not Better" in numbers.

The paper (Azmoodeh, Definition 1, Lemma 2, Theorem 3, Figure 3) shows that samples z of a posterior N(μ, σ²I) have
densities ever closer to those of "typical sequences", and concludes that a decoder cannot distinguish them. For z from
*any* Gaussian with diagonal covariance, whatever the model learned,

    −log q(z)/n − h = (χ²ₙ/n − 1)/2,

where h is the entropy per unit: an identity, the same for every model, image and posterior. The paper's Figure 3
therefore shows the χ² distribution. The theorem does not say that samples get closer to each other (their distance is
√(2n) σ), that a decoder receives only a density (it receives z), that densities converge where σ² ≤ 1/(2πe) (there they
grow without bound), or that f/f_typical tends to 1 (its logarithm, −(χ²ₙ − n)/2, has a standard deviation of √(n/2)).
Lemma 2 (ii) holds only for n above some number that depends on ε. The paper's equation (3) also differs from its
source: the ELBO is log p(x) − KL(q(z | x) ‖ p(z | x)); the paper has −KL(q(z | x) ‖ p(z)), and an expectation over
q(z).
"""

import bisect
import math
from typing import NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks

MAX_UNITS = 10**9  # beyond, the χ² distribution is not computed exactly
UNITS = (2, 5, 10, 20, 50, 100, 200, 400, 800)
ZERO_ENTROPY_VARIANCE = 1 / (2 * math.pi * math.e)  # the variance at which a Gaussian's entropy is 0


class Typicality(NamedTuple):
    """Samples of N(μ, σ²I) in n dimensions against a typical sequence, by Monte-Carlo; each an array over n.

    Attributes:
        units: numbers of units n.
        deviation: mean |−log f(z)/n − h|, nats per unit: the left side of Definition 1.
        deviation_error: its standard error.
        exact_deviation: the same in closed form.
        relative: median |−log f(z)/n − h| / |h|: depends on σ², and is infinite at σ² = 1/(2πe) = 0.0585.
        literal: upper quartile of |f(z)/e^(−nh) − 1|, the relative deviation of the density itself ("as a percent of
            the probability"): it grows as e^(0.67 √(n/2)). (Its mean grows as (e/2)^(n/2), which Monte-Carlo cannot
            estimate; its median stays near 1, since for half of the samples the density is far below e^(−nh).)
        typical: share of samples in the ε-typical set of Definition 1.
        exact_typical: its probability in closed form: above 1 − ε from some n on only (Lemma 2 (ii)).
        log_difference: median log₁₀ |f(Z₁) − f(Z₂)| of two samples, −∞ in the limit according to Theorem 3.

    Example:
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.typicality(units=(2, 200), draws=1000)
        >>> found.exact_typical.round(2).tolist()
        [0.15, 0.96]
    """

    units: np.ndarray
    deviation: np.ndarray
    deviation_error: np.ndarray
    exact_deviation: np.ndarray
    relative: np.ndarray
    literal: np.ndarray
    typical: np.ndarray
    exact_typical: np.ndarray
    log_difference: np.ndarray


def typicality(
    variance: float = 1.0,
    units: tuple[int, ...] = UNITS,
    epsilon: float = 0.1,
    draws: int = 10_000,
    seed: int = 0,
) -> Typicality:
    """Definition 1, Lemma 2 (ii), Theorem 3 and Figure 3 of the paper by Monte-Carlo, over the number of units.

    Args:
        variance: σ², above 0.
        units: numbers of units n, at least one.
        epsilon: ε of Definition 1, in nats per unit (the paper mixes bases: 2^(−nh) with natural logarithms).
        draws: pairs of samples from N(μ, σ²I) for each n.
        seed: seed of the draws.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.typicality(units=(2, 50, 800))
        >>> found.deviation.round(2).tolist(), found.exact_deviation.round(2).tolist()
        ([0.37, 0.08, 0.02], [0.37, 0.08, 0.02])
    """
    units = checks.array("units", units, ("numbers",), dtype="int64", low=1, high=MAX_UNITS).tolist()
    epsilon, draws = checks.number("epsilon", epsilon, low=0), checks.whole("draws", draws)
    checks.allocation("draws", draws, 2, draws, max(units), itemsize=4)
    rng, entropy = np.random.default_rng(checks.seed(seed)), gaussian_entropy(variance)
    rows = []
    for n in units:
        squares = np.square(rng.standard_normal((2 * draws, n), dtype="float32")).sum(axis=1, dtype="float64")
        deviation = (squares / n - 1) / 2  # −log f/n − h
        first, second = -n * (entropy + deviation[:draws]), -n * (entropy + deviation[draws:])
        log_difference = np.maximum(first, second) + np.log(-np.expm1(-np.abs(first - second)))
        rows.append(
            (
                n,
                np.abs(deviation).mean(),
                np.abs(deviation).std(ddof=1) / math.sqrt(len(deviation)),
                expected_deviation(n),
                np.median(np.abs(deviation)) / abs(entropy) if entropy else math.inf,
                np.quantile(np.abs(np.expm1(-n * deviation)), 0.75),
                (np.abs(deviation) < epsilon).mean(),
                typical_probability(n, epsilon),
                np.median(log_difference) / math.log(10),
            )
        )
    return Typicality(*(np.array(column) for column in zip(*rows, strict=True)))


def gaussian_entropy(variance: float) -> float:
    """½ ln(2πe σ²), nats: the differential entropy of N(μ, σ²), negative for σ² < 1/(2πe).

    Args:
        variance: σ², above 0.

    Raises:
        InputError: for another variance.

    Example:
        >>> from keras_vae import diagnostics
        >>> round(diagnostics.gaussian_entropy(1.0), 4)
        1.4189
    """
    return 0.5 * math.log(2 * math.pi * math.e * checks.number("variance", variance, low=0, open_low=True))


def expected_deviation(units: int) -> float:
    """E |χ²ₙ/n − 1| / 2 = k^k e^(−k) / Γ(k + 1) with k = n/2: about 1/√(πn).

    Args:
        units: number of units n, from 1 to 10⁹.

    Raises:
        InputError: for another number.

    Example:
        >>> from keras_vae import diagnostics
        >>> round(diagnostics.expected_deviation(100), 4)  # 1/√(100 π) = 0.0564
        0.0563
    """
    k = checks.whole("units", units, high=MAX_UNITS) / 2
    return math.exp(k * math.log(k) - k - scipy.special.gammaln(k + 1))


def typical_probability(units: int, epsilon: float) -> float:
    """P(|χ²ₙ/n − 1| / 2 < ε): the probability of the ε-typical set of length n.

    Args:
        units: number of units n, from 1 to 10⁹.
        epsilon: ε, nats per unit, 0 or more.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> from keras_vae import diagnostics
        >>> round(diagnostics.typical_probability(200, 0.1), 3)
        0.955
    """
    units, epsilon = checks.whole("units", units, high=MAX_UNITS), checks.number("epsilon", epsilon, low=0)
    chi2 = scipy.stats.chi2(units)
    return float(chi2.cdf(units * (1 + 2 * epsilon)) - chi2.cdf(units * max(0.0, 1 - 2 * epsilon)))


def min_typical_units(epsilon: float, max_units: int = 100_000) -> int | None:
    """The smallest n from which P(ε-typical) stays above 1 − ε; Lemma 2 (ii) makes no statement about smaller n.

    Args:
        epsilon: ε, nats per unit, 0 or more.
        max_units: largest n that is searched, from 1 to 10⁹.

    Returns:
        n, or None if it is above the largest power of two within `max_units`.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> from keras_vae import diagnostics
        >>> diagnostics.min_typical_units(0.1)
        134
    """
    max_units = checks.whole("max_units", max_units, high=MAX_UNITS)

    def is_typical(n: int) -> bool:
        return typical_probability(n, epsilon) > 1 - epsilon

    powers_of_two = [2**i for i in range(int(math.log2(max_units)) + 1)]
    failing = [n for n in powers_of_two if not is_typical(n)]
    if not failing:
        return 1
    last = failing[-1]
    if last == powers_of_two[-1]:
        return None
    candidates = range(last + 1, 2 * last + 1)
    return candidates[bisect.bisect_left(candidates, True, key=is_typical)]
