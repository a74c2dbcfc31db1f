"""Claims: estimates, confidence intervals, verdicts."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_vae._utils.verdicts import FAILS, HOLDS, NOT_JUDGED, UNDECIDED, jointly, shown_ends
from keras_vae.measures import Measure
from keras_vae.studies import claims
from keras_vae.studies.claims import (
    Bracket,
    ExactRatio,
    Gap,
    Interval,
    Mean,
    Proportion,
    Ratio,
    Spread,
)

INF = math.inf


def by_key(key: str) -> Measure:
    return Measure(key, key)


def values_of(table: dict):
    return lambda name, measure: np.array(table[name, measure], "float64")


@pytest.mark.parametrize(
    ("low", "high", "region", "expected"),
    [
        (0.2, 0.4, (0.1, INF), HOLDS),
        (0.05, 0.4, (0.1, INF), UNDECIDED),
        (-0.2, 0.05, (0.1, INF), FAILS),
        (-0.05, 0.05, (-0.1, 0.1), HOLDS),
        (-0.05, 0.15, (-0.1, 0.1), UNDECIDED),  # neither a difference nor equivalence is shown
        (0.15, 0.2, (-0.1, 0.1), FAILS),
        (-INF, 0.2, (-INF, 0.3), HOLDS),
        (math.nan, math.nan, (-INF, INF), UNDECIDED),
    ],
)
def test_a_verdict_follows_from_interval_and_region(low, high, region, expected):
    assert claims.verdict(Interval(0.0, low, high), region) == expected


def test_the_interval_of_a_mean_is_students_t():
    x = np.array([1.0, 2.0, 4.0, 8.0, 9.0])
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    interval = claims.mean_interval(x)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.estimate == x.mean()
    assert math.isnan(claims.mean_interval(x[:1]).low)


def test_the_interval_covers_the_true_mean_in_95_percent_of_studies():
    rng = np.random.default_rng(0)
    intervals = [claims.mean_interval(rng.normal(3, 2, 5)) for _ in range(4000)]
    assert np.mean([i.low <= 3 <= i.high for i in intervals]) == pytest.approx(0.95, abs=0.012)


def test_simultaneous_intervals_cover_all_true_means_in_95_percent_of_studies():
    rng = np.random.default_rng(1)
    confidence = 1 - 0.05 / 8
    studies = rng.normal(3, 2, (1500, 8, 5))
    covered = [
        all(i.low <= 3 <= i.high for i in (claims.mean_interval(x, confidence=confidence) for x in study))
        for study in studies
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.017)
    single = [all(i.low <= 3 <= i.high for i in map(claims.mean_interval, study)) for study in studies[:500]]
    assert np.mean(single) == pytest.approx(0.95**8, abs=0.06)


def test_many_claims_have_wider_intervals():
    table = {("a", "loss"): [1.0, 2.0, 3.0, 2.0, 2.0], ("b", "loss"): [1.0, 2.0, 1.0, 1.5, 1.5]}
    cases = [
        Mean("", "loss", (0.9, INF), of={"a": 1}), Ratio("", "loss", (0.7, INF), of=("a", "b")),
        Spread("", "loss", (-1.2, INF), of=("a", "b")), Proportion("", "loss", (0.3, 1), of="a"),
        Gap("", "loss", (-2.2, INF), low="loss", high="loss", of=("a", "b")),
    ]  # fmt: skip
    for claim in cases:
        one, many = claim.interval(values_of(table)), claim.interval(values_of(table), 1 - 0.05 / 200)
        assert many.low < one.low
        assert many.estimate == one.estimate
        found = claim.evaluate(values_of(table), by_key, n_claims=200)
        assert (found["verdict"], found["simultaneous"]) == (HOLDS, UNDECIDED), claim
        assert claim.evaluate(values_of(table), by_key)["simultaneous"] == HOLDS


def test_the_verdicts_on_all_claims_are_a_sentence():
    found = [{"simultaneous": name} for name in (HOLDS, HOLDS, FAILS, UNDECIDED)]
    assert jointly(found).endswith(
        "all 4 estimates at once with 95 % confidence (Bonferroni): 2 hold, 1 does not hold, 1 undecided."
    )
    assert jointly(found[:1]) == jointly([{}, {}]) == jointly([{"simultaneous": NOT_JUDGED}] * 2) == ""


def test_differences_are_paired_by_seed():
    table = {("a", "loss"): [10.0, 20.0, 30.0], ("b", "loss"): [9.0, 19.0, 29.1]}
    claim = Mean("a is worse", "loss", (0.5, INF), {"a": 1, "b": -1})
    found = claim.evaluate(values_of(table), by_key)
    assert found["verdict"] == HOLDS  # an unpaired interval would contain 0
    assert found["estimate"] == pytest.approx(2.9 / 3)
    assert found["expected"] == [0.5, None]
    assert found["measured"] == "loss: a − b"


def test_an_interaction_is_a_difference_of_differences():
    table = {(c, "m"): [v, v + 0.01, v - 0.01] for c, v in {"a": 5.0, "b": 3.0, "c": 2.0, "d": 1.5}.items()}
    claim = Mean("", "m", (1, INF), {"a": 1, "b": -1, "c": -1, "d": 1})
    assert claim.interval(values_of(table)).estimate == pytest.approx(1.5)
    assert claim.formula("m") == "m: a − b − c + d"
    assert Mean("", "m", (1, INF), {"a": 0.5, "b": 0.5}).formula("m") == "m: 0.5 · a + 0.5 · b"


def test_the_estimate_of_a_ratio_is_a_geometric_mean():
    table = {("a", "d"): [2.0, 8.0], ("b", "d"): [1.0, 1.0]}
    interval = Ratio("", "d", (1, INF), ("a", "b")).interval(values_of(table))
    assert interval.estimate == pytest.approx(4)
    assert interval.low == pytest.approx(16 / interval.high)


def test_the_interval_of_a_spread_agrees_with_brown_and_forsythe():
    rng = np.random.default_rng(1)
    for scale in (1.0, 1.5, 2.0, 3.0, 5.0):
        table = {("a", "loss"): rng.normal(0, scale, 10), ("b", "loss"): rng.normal(0, 1, 10)}
        interval = Spread("", "loss", (0, INF), ("a", "b")).interval(values_of(table))
        p = stats.levene(*table.values(), center="median").pvalue
        assert (p < 0.05) == (interval.low > 0 or interval.high < 0)
        found = Spread("", "loss", (0, INF), ("a", "b")).evaluate(values_of(table), by_key)
        assert found["note"] == f"Brown–Forsythe p = {p:.3f}"
    few = {("a", "loss"): [1.0, 2.0], ("b", "loss"): [1.0, 2.0]}
    assert Spread("", "loss", (0, INF), ("a", "b")).evaluate(values_of(few), by_key)["verdict"] == UNDECIDED


def test_the_interval_of_a_proportion_is_that_of_clopper_and_pearson():
    table = {("a", "collapsed"): [0, 1, 2, 0, 0, 3, 0, 0, 1, 0]}
    interval = Proportion("", "collapsed", (0.1, INF), "a").interval(values_of(table))
    assert interval.estimate == 0.4
    assert (interval.low, interval.high) == pytest.approx((0.1216, 0.7376), abs=1e-3)  # Clopper and Pearson's table


def test_a_claim_without_values_is_undecided():
    table = {("a", "m"): [math.nan] * 5, ("b", "m"): [math.nan] * 5}
    for claim in (
        Mean("", "m", (0, 1), {"a": 1}),
        Ratio("", "m", (0, 1), ("a", "b")),
        Spread("", "m", (0, 1), ("a", "b")),
    ):
        found = claim.evaluate(values_of(table), by_key)
        assert found["verdict"] == UNDECIDED
        assert found["estimate"] is None
    assert Proportion("", "m", (0, 1), "a").evaluate(values_of(table), by_key)["verdict"] == UNDECIDED


def test_equal_values_give_no_interval_of_width_0():
    same = values_of({("a", "count"): [1.0] * 5})
    assert Mean("", "count", (1, INF), {"a": 1}).evaluate(same, by_key)["verdict"] == UNDECIDED
    # Counts have a resolution of 1: the interval of equal counts of 1 lies above 0.5 and contains 1.
    interval = Mean("", "count", (0.5, INF), {"a": 1}, resolution=1).interval(same)
    assert interval.low == pytest.approx(1 - stats.t.ppf(0.975, 4) * math.sqrt(1 / 12 / 5))
    assert Mean("", "count", (0.5, INF), {"a": 1}, resolution=1).evaluate(same, by_key)["verdict"] == HOLDS
    assert Mean("", "count", (1, INF), {"a": 1}, resolution=1).evaluate(same, by_key)["verdict"] == UNDECIDED
    assert Mean("", "count", (1.5, INF), {"a": 1}, resolution=1).evaluate(same, by_key)["verdict"] == FAILS


def test_seeds_with_a_missing_value_are_left_out_of_pairs():
    table = values_of({("a", "m"): [1.0, math.nan, 3.0, 4.0], ("b", "m"): [0.5, 5.0, 1.5, math.nan]})
    assert Mean("", "m", (0, INF), {"a": 1, "b": -1}).interval(table).estimate == 1
    assert Ratio("", "m", (0, INF), ("b", "a")).interval(table).estimate == pytest.approx(0.5)


def test_an_exact_ratio_needs_no_variation_between_seeds():
    claim = ExactRatio("thinner", "width", (0, 0.8), ("big", "small"))
    table = {("big", "width"): [0.5, 0.5], ("small", "width"): [1.0, 1.0]}
    assert claim.evaluate(values_of(table), by_key)["verdict"] == HOLDS
    table["big", "width"] = [0.9, 0.9]
    assert claim.evaluate(values_of(table), by_key)["verdict"] == FAILS
    table["big", "width"] = [0.5, 0.6]  # ratios that depend on the seed are not exact
    assert claim.evaluate(values_of(table), by_key)["verdict"] == UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [([0.0, 0.01], [0.03, 0.04], HOLDS), ([0.0, 0.01], [0.03, 0.2], UNDECIDED), ([0.3, 0.06], [0.5, 0.5], FAILS)],
)
def test_a_bracket_is_decided_where_both_ends_agree(low, high, expected):
    claim = Bracket("apart", "overlap", (-INF, 0.05), "low", "high", "big")
    table = {("big", "overlap"): np.mean([low, high], axis=0), ("big", "low"): low, ("big", "high"): high}
    found = claim.evaluate(values_of(table), by_key)
    assert found["verdict"] == expected
    assert (found["low"], found["high"]) == (min(low), max(high))
    single = {key: values[:1] for key, values in table.items()}
    assert claim.evaluate(values_of(single), by_key)["verdict"] == UNDECIDED


GAP = Gap("", "m", (-INF, 0), "m, low", "m, high", ("a", "b"))


def bracketed(a, b, width=0.1):
    """Values of two configurations, each ± `width`."""
    ends = {"m": 0.0, "m, low": -width, "m, high": width}
    return lambda name, measure: np.array({"a": a, "b": b}[name], "float64") + ends[measure]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([1, 1.01, 0.99], [2, 2.01, 2.01], HOLDS), ([2, 2.01, 2.01], [1, 1.01, 0.99], FAILS),
     ([1, 1.01, 0.99], [1.1, 1.11, 1.11], UNDECIDED), ([1], [2], UNDECIDED)],
)  # fmt: skip
def test_a_gap_is_decided_by_the_ends_of_both_brackets(a, b, expected):
    assert GAP.evaluate(bracketed(a, b), by_key)["verdict"] == expected


def test_an_unknown_end_leaves_one_side_of_a_gap_open():
    """Without the upper end of the first configuration the difference has a lower limit only."""

    def values(name, measure):
        found = bracketed([3, 3.1, 3.0], [1, 1.1, 1.05])(name, measure)
        return found * np.nan if (name, measure) in unknown else found

    unknown = {("a", "m, high"), ("a", "m")}
    found = GAP.evaluate(values, by_key)
    assert found["verdict"] == FAILS  # the lower limit is about 1.7
    assert found["high"] is None
    assert "saturated" in found["note"]
    unknown = {("b", "m, high"), ("b", "m")}
    found = GAP.evaluate(values, by_key)
    assert found["verdict"] == UNDECIDED
    assert found["low"] is None


@pytest.mark.parametrize(
    ("claim", "possible"),
    [
        (Mean("", "m", (0, 1), {"a": 1}), (0, 4)),
        (Mean("", "m", (0, 1), {"a": 1, "b": -1}), (-1, 4)),
        (Mean("", "m", (0, 1), {"a": 0.5, "c": 2}), (0, INF)),
        (Mean("", "m", (0, 1), {"a": 1, "c": -1}), (-INF, 4)),
        (Ratio("", "m", (0, 1), ("a", "b")), (0, INF)),
        (Bracket("", "m", (0, 1), "low", "high", "b"), (0, 1)),
        (GAP, (-1, 4)),
        (Spread("", "m", (0, 1), ("a", "b")), (-0.5, 2)),
        (Proportion("", "m", (0, 1), "a"), (0, 1)),
        (ExactRatio("", "m", (0, 1), ("a", "b")), (-INF, INF)),
    ],
)
def test_the_possible_values_of_an_estimate_follow_from_those_of_its_measure(claim, possible):
    bounds = {"a": (0.0, 4.0), "b": (0.0, 1.0), "c": (0.0, INF)}
    assert claim.possible(lambda config, key: bounds[config]) == possible


def test_intervals_are_computed_as_before_and_shown_within_the_possible_values():
    claim = Mean("few", "units", (0, 3), {"a": 1})
    measure = Measure("units", "units", bounds=(0, 8))
    found = claim.evaluate(values_of({("a", "units"): [0.0, 1.0, 0.0]}), lambda key: measure)
    assert found["low"] < 0  # as computed
    assert found["possible"] == [0, 8]
    assert shown_ends(found) == (0, found["high"])
    assert found["verdict"] == HOLDS  # it follows from the interval that is shown
    assert shown_ends({**found, "low": None}) == (0, found["high"])
    assert shown_ends({**found, "low": None, "high": None}) == (None, None)
    assert shown_ends({**found, "possible": [None, None]}) == (found["low"], found["high"])
    earlier = {key: value for key, value in found.items() if key != "possible"}
    assert shown_ends(earlier) == (found["low"], found["high"])


def test_a_shown_interval_contains_its_estimate():
    """An estimator without bias, such as that of MMD², may be negative although the quantity is not."""
    assert Interval(-0.1, -0.3, 0.1).within((0, INF)) == (-0.1, -0.1, 0.1)
    assert Interval(math.nan, -0.3, 0.1).within((0, INF))[1:] == (0, 0.1)
    assert math.isnan(Interval(0.5, math.nan, 0.7).within((0, 1)).low)
