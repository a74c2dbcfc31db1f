"""How many seeds would decide an undecided claim."""

import math

import numpy as np
import pytest
from scipy import stats
from test_claims import GAP, INF, bracketed, by_key, values_of

from keras_vae._utils.verdicts import HOLDS, UNDECIDED
from keras_vae.studies import claims
from keras_vae.studies.claims import Bracket, Interval, Mean, Proportion, Ratio, Spread, mean_interval
from keras_vae.studies.seed_planning import MAX_SEEDS, first_decided, proportion_ends, seeds_to_decide, student_ends


def with_moments(n: int, mean: float, std: float) -> np.ndarray:
    """`n` values with exactly this mean and standard deviation, `(n,)`."""
    raw = np.arange(n, dtype="float64")
    return mean + std * (raw - raw.mean()) / raw.std(ddof=1)


def test_more_seeds_of_the_same_spread_have_the_interval_that_is_planned():
    interval = mean_interval(with_moments(5, 1.3, 0.2))
    low, high = student_ends(interval, 5, np.array([5, 6, 20, 300]))
    for n, planned in zip((5, 6, 20, 300), zip(low, high, strict=True), strict=True):
        assert planned == pytest.approx(mean_interval(with_moments(n, 1.3, 0.2))[1:], rel=1e-12)


@pytest.mark.parametrize("region", [(1.25, INF), (-INF, 1.45), (1.0, 1.4), (0.5, 1.28)])
def test_the_planned_number_is_the_first_that_decides(region):
    planned = seeds_to_decide(mean_interval(with_moments(5, 1.3, 0.2)), 5, region)
    before, after = (mean_interval(with_moments(n, 1.3, 0.2)) for n in (planned - 1, planned))
    assert claims.verdict(before, region) == UNDECIDED
    assert claims.verdict(after, region) != UNDECIDED


def test_an_interval_that_is_cut_off_is_planned_by_its_other_end():
    assert seeds_to_decide(Interval(0.05, 0.0, 0.25), 3, (-INF, 0.1), (0, INF)) == seeds_to_decide(
        Interval(0.05, -0.15, 0.25), 3, (-INF, 0.1)
    )


def test_an_estimate_outside_of_what_is_possible_is_planned_as_it_is_judged():
    """−0.1 of a quantity that is not negative: the interval of more seeds is limited to −0.1 and its upper end."""
    needed = seeds_to_decide(Interval(-0.1, -0.4, 0.2), 3, (-0.1, 0.1), (0, INF))
    _, high = student_ends(Interval(-0.1, -0.4, 0.2), 3, np.array([needed - 1, needed]))
    assert high[1] <= 0.1 < high[0]


@pytest.mark.parametrize(
    ("interval", "n"),
    [(Interval(1.0, 0.5, 1.5), 5), (Interval(1.0, math.nan, math.nan), 2), (Interval(1.2, 0.9, 1.5), 1)],
)
def test_on_the_border_and_without_an_interval_no_number_decides(interval, n):
    assert seeds_to_decide(interval, n, (1.0, INF)) is None


def test_a_proportion_is_planned_with_its_exact_interval():
    more = np.array([10, 40])
    low, high = proportion_ends(0.2, more)
    for n, planned in zip(more, zip(low, high, strict=True), strict=True):
        assert planned == pytest.approx(stats.binomtest(int(0.2 * n), int(n)).proportion_ci(0.95, "exact"), rel=1e-9)
    assert proportion_ends(0.0, more)[0].tolist() == [0, 0]
    assert proportion_ends(1.0, more)[1].tolist() == [1, 1]
    claim = Proportion("", "m", (0.33, 1), "a")
    needed = claim.seeds_to_decide(values_of({("a", "m"): [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]}), (0, 1))
    low, high = proportion_ends(0.2, np.array([needed - 1, needed]))
    assert high[1] < 0.33 <= high[0]


def test_a_count_that_jumps_is_decided_from_the_last_undecided_number_on():
    more, low = np.arange(6), np.array([0.0, 2.0, 0.0, 2.0, 2.0, 2.0])
    assert first_decided(more, (low, low + 3), (1, INF)) == 3
    assert first_decided(more, (low + 1, low + 3), (1, INF)) == 0
    assert first_decided(more, (low[:3], low[:3] + 3), (1, INF)) is None


@pytest.mark.parametrize(
    ("claim", "table", "needed"),
    [
        (Mean("", "m", (1.25, INF), {"a": 1}), {("a", "m"): with_moments(5, 1.3, 0.2)}, 64),
        (Ratio("", "m", (1.25, INF), ("a", "b")),
         {("a", "m"): np.exp(with_moments(5, math.log(1.3), 0.2)), ("b", "m"): np.ones(5)}, 103),
        (Ratio("", "m", (0, 0.8), ("a", "b")), {("a", "m"): [0.5, 0.6, 1.0], ("b", "m"): [1, 1, 1]}, 19),
        (Ratio("", "m", (-INF, 0.8), ("a", "b")), {("a", "m"): [0.5, 0.6, 1.0], ("b", "m"): [1, 1, 1]}, 19),
    ],
)  # fmt: skip
def test_an_undecided_claim_states_the_seeds_that_would_decide_it(claim, table, needed):
    found = claim.evaluate(values_of(table), by_key)
    assert found["verdict"] == UNDECIDED
    assert (found["seeds_to_decide"], found["decided_by"]) == (needed, f"about {needed} seeds")


def test_a_decided_claim_needs_nothing():
    found = Mean("", "m", (1, INF), {"a": 1}).evaluate(values_of({("a", "m"): [2.0, 2.1, 2.2]}), by_key)
    assert (found["verdict"], found["seeds_to_decide"], found["decided_by"]) == (HOLDS, None, "")


def test_a_spread_is_planned_with_the_degrees_of_freedom_of_both_groups():
    a, b = [0.0, 3.0, -3.0, 1.0, -1.0], [0.0, 0.5, -0.5, 1.0, -1.0]
    claim = Spread("", "m", (0.5, INF), ("a", "b"))
    found = claim.evaluate(values_of({("a", "m"): a, ("b", "m"): b}), by_key)
    assert found["verdict"] == UNDECIDED
    low, high = student_ends(Interval(found["estimate"], found["low"], found["high"]), 5, np.array([5]), groups=2)
    assert (low[0], high[0]) == pytest.approx((found["low"], found["high"]))
    assert 5 < found["seeds_to_decide"] <= MAX_SEEDS


def test_a_gap_is_decided_by_seeds_only_if_its_bounds_are_on_one_side():
    varying = GAP.evaluate(bracketed([1, 1.6, 1.3], [1.9, 1.5, 1.9]), by_key)
    assert varying["verdict"] == UNDECIDED
    assert varying["seeds_to_decide"] > 3
    wide = GAP.evaluate(bracketed([1, 1.01, 0.99], [1.1, 1.11, 1.11]), by_key)
    assert (wide["seeds_to_decide"], wide["decided_by"]) == (None, claims.NARROWER_BOUNDS)


def test_what_no_number_of_seeds_decides_states_its_reason():
    def unbounded(name, measure):
        found = bracketed([1, 1.1, 1.2], [1.1, 1.0, 1.2])(name, measure)
        return found * np.nan if measure == "m, high" else found

    assert GAP.evaluate(unbounded, by_key)["decided_by"] == claims.MORE_ITEMS
    assert GAP.evaluate(lambda name, measure: np.full(3, np.nan), by_key)["decided_by"] == claims.MEASUREMENT
    mean = Mean("", "m", (1, INF), {"a": 1})
    for values, reason in (
        ([np.nan, np.nan], claims.MEASUREMENT),
        ([2.0], claims.VARIATION),
        ([2.0, 2.0], claims.VARIATION),
        ([0.9, 1.1], claims.MORE_THAN_AFFORDABLE),
    ):
        assert mean.evaluate(values_of({("a", "m"): values}), by_key)["decided_by"] == reason
    table = {("a", "m"): [1.0, 1.1], ("a", "low"): [0.5, 0.6], ("a", "high"): [2.0, 2.1]}
    found = Bracket("", "m", (1, INF), "low", "high", "a").evaluate(values_of(table), by_key)
    assert found["decided_by"] == claims.NARROWER_BOUNDS
