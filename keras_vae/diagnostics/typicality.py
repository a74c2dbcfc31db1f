"""What grows typical with the dimension, and what does not: the paper "Why Bigger is Not Better" in numbers.

The paper (Azmoodeh, Definition 1, Lemma 2, Theorem 3, Figure 3) shows that samples z of a posterior N(μ, σ²I) have
densities ever closer to those of "typical sequences", and concludes that a decoder can't tell them apart. For z from
*any* Gaussian with diagonal covariance, whatever was or wasn't learned,

    −log q(z)/n − h = (χ²ₙ/n − 1)/2,

where h is the entropy a unit: an identity, the same for every model, image and posterior. So its Figure 3 is a
picture of the χ² distribution. What the theorem does not say: that samples get closer to each other (their distance
is √(2n) σ), that a density is all that a decoder sees (it gets z), that densities converge where σ² ≤ 1/(2πe), where
they grow without bound, or that f/f_typical tends to 1: its logarithm, −(χ²ₙ − n)/2, spreads as √(n/2). Lemma 2 (ii)
holds from some n on, which depends on ε. The paper's equation (3), too, departs from what it cites: the ELBO is
log p(x) − KL(q(z | x) ‖ p(z | x)); in its place stands −KL(q(z | x) ‖ p(z)), and an expectation over q(z).
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import special, stats

UNITS = (2, 5, 10, 20, 50, 100, 200, 400, 800)
ENTROPY_IS_ZERO = 1 / (2 * math.pi * math.e)  # the variance at which a Gaussian's entropy is 0


class Typicality(NamedTuple):
    """Samples of N(μ, σ²I) in n dimensions against a typical sequence, by Monte-Carlo; each an array over n.

    Attributes:
        units: n.
        deviation: mean |−log f(z)/n − h|, nats a unit: Definition 1's left side.
        deviation_error: its standard error.
        exact_deviation: the same in closed form.
        relative: median |−log f(z)/n − h| / |h|: depends on σ², and is infinite at σ² = 1/(2πe) = 0.0585.
        literal: upper quartile of |f(z)/e^(−nh) − 1|, the density itself "as a percent of the probability": it grows as
            e^(0.67 √(n/2)). (Its mean grows as (e/2)^(n/2), out of what draws can tell; its median stays near 1, since
            half of the samples have hardly any density left beside e^(−nh).)
        typical: share of samples in the ε-typical set of Definition 1.
        exact_typical: its probability in closed form: above 1 − ε from some n on only (Lemma 2 (ii)).
        log_difference: median log₁₀ |f(Z₁) − f(Z₂)| of two samples, which Theorem 3 has at −∞.
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
        variance: σ².
        units: numbers of units n.
        epsilon: ε of Definition 1, in nats a unit (the paper mixes bases: 2^(−nh) with natural logarithms).
        draws: from N(μ, σ²I) for each n.
        seed: of the draws.
    """
    rng, entropy = np.random.default_rng(seed), gaussian_entropy(variance)
    rows = []
    for n in units:
        squares = np.square(rng.standard_normal((2 * draws, n), dtype="float32")).sum(axis=1, dtype="float64")
        away = (squares / n - 1) / 2  # −log f/n − h
        first, second = -n * (entropy + away[:draws]), -n * (entropy + away[draws:])
        apart = np.maximum(first, second) + np.log(-np.expm1(-np.abs(first - second)))
        rows.append(
            (
                n,
                np.abs(away).mean(),
                np.abs(away).std(ddof=1) / math.sqrt(len(away)),
                expected_deviation(n),
                np.median(np.abs(away)) / abs(entropy) if entropy else math.inf,
                np.quantile(np.abs(np.expm1(-n * away)), 0.75),
                (np.abs(away) < epsilon).mean(),
                typical_probability(n, epsilon),
                np.median(apart) / math.log(10),
            )
        )
    return Typicality(*(np.array(column) for column in zip(*rows, strict=True)))


def gaussian_entropy(variance: float) -> float:
    """½ ln(2πe σ²), nats: the differential entropy of N(μ, σ²), below 0 for σ² < 1/(2πe)."""
    return 0.5 * math.log(2 * math.pi * math.e * variance)


def expected_deviation(units: int) -> float:
    """E |χ²ₙ/n − 1| / 2 = k^k e^(−k) / Γ(k + 1) with k = n/2: about 1/√(πn)."""
    k = units / 2
    return math.exp(k * math.log(k) - k - special.gammaln(k + 1))


def typical_probability(units: int, epsilon: float) -> float:
    """P(|χ²ₙ/n − 1| / 2 < ε): that a sample lies in the ε-typical set of length n."""
    spread = stats.chi2(units)
    return float(spread.cdf(units * (1 + 2 * epsilon)) - spread.cdf(units * max(0.0, 1 - 2 * epsilon)))


def first_typical(epsilon: float, most: int = 100_000) -> int | None:
    """The least n from which on P(ε-typical) stays above 1 − ε: Lemma 2 (ii) says nothing of smaller ones."""
    failing = [n for n in _powers(most) if typical_probability(n, epsilon) <= 1 - epsilon]
    if not failing:
        return 1
    low, high = failing[-1], next((n for n in _powers(most) if n > failing[-1]), None)
    if high is None:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if typical_probability(middle, epsilon) <= 1 - epsilon else (low, middle)
    return high


def _powers(most: int) -> list[int]:
    return [2**i for i in range(int(math.log2(most)) + 1)]
