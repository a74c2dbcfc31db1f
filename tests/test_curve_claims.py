"""Claims at equal reconstruction: interpolation on a curve of configurations, intervals, what would decide them."""

import math

import numpy as np
import pytest
from scipy import stats
from test_claims import INF, by_key, values_of
from test_seed_planning import with_moments

from keras_vae import InputError
from keras_vae._utils.verdicts import FAILS, HOLDS, UNDECIDED
from keras_vae.studies import AtEqual, Gap, GapAtEqual, claims
from keras_vae.studies.curve_claims import OUTSIDE, _interpolated
from keras_vae.studies.seed_planning import seeds_to_decide

CURVE = ["β = 1", "β = 2", "β = 4"]


def measured(config_at, config, along=None):
    """Values by configuration and measure: `m` on the curve and of "other", each `(seeds,)`."""
    n = len(config)
    along = along or ((80,) * n, (100,) * n, (140,) * n)
    table = {("other", "reconstruction"): config_at, ("other", "m"): config}
    for name, places, value in zip(CURVE, along, (4, 2, 1), strict=True):
        table |= {(name, "reconstruction"): places, (name, "m"): (value,) * n}
    return values_of(table)


def less(**others) -> AtEqual:
    return AtEqual("less", "m", (-INF, 0), "other", CURVE, **others)


def test_a_curve_is_linear_between_neighbours_and_unknown_outside():
    along, values = np.array([[100.0] * 6, [80.0] * 6, [140.0] * 6]), np.array([[2.0] * 6, [4.0] * 6, [1.0] * 6])
    found = _interpolated(np.array([80, 90, 100, 130, 140, 79.9]), along, values)
    np.testing.assert_allclose(found, [4, 3, 2, 1.25, 1, math.nan], rtol=1e-12)
    assert np.isnan(_interpolated(np.array([math.nan]), along[:, :1], values[:, :1])).all()


def test_only_a_missing_neighbour_makes_a_point_unknown():
    along, values = np.array([[80.0] * 3, [100.0] * 3, [140.0] * 3]), np.array([[math.nan] * 3, [2.0] * 3, [1.0] * 3])
    np.testing.assert_array_equal(_interpolated(np.array([90, 100, 120]), along, values), [math.nan, 2, 1.5])
    along[0, 1] = math.nan  # the order of the curve is unknown
    np.testing.assert_array_equal(_interpolated(np.array([100, 100, 120]), along, values), [2, math.nan, 1.5])


def test_configurations_at_one_place_of_the_curve_do_not_divide_by_0():
    along, values = np.array([[80.0], [80.0], [100.0]]), np.array([[4.0], [3.0], [2.0]])
    assert _interpolated(np.array([80.0]), along, values) in (3.0, 4.0)
    assert 2 < _interpolated(np.array([90.0]), along, values) < 3.1


def test_each_seed_is_compared_with_its_own_curve():
    """Differences of −1, −1.25 and −0.5, with Student's interval."""
    values = measured(
        config_at=(90, 130, 120),
        config=(2, 0, 1.5),
        along=((80, 80, 100), (100, 100, 120), (140, 140, 140)),
    )
    claim = less()
    assert claim.seeds(values).tolist() == [-1, -1.25, -0.5]
    expected = stats.ttest_1samp([-1, -1.25, -0.5], 0).confidence_interval(0.95)
    assert claim.interval(values) == pytest.approx((-2.75 / 3, expected.low, expected.high))
    found = claim.evaluate(values, by_key)
    assert found["verdict"] == UNDECIDED if expected.high > 0 else HOLDS
    assert found["measured"] == "m: other − (β = 1 … β = 4) at equal reconstruction"
    assert found["seeds"] == [-1, -1.25, -0.5]
    assert claim.configs() == ("other", *CURVE)
    assert claim.measure_keys() == ("m", "reconstruction")


def test_at_most_half_is_a_weight_of_the_curve():
    values = measured(config_at=(90, 90, 90), config=(1.4, 1.3, 1.2))
    claim = less(weight=0.5)
    assert claim.seeds(values) == pytest.approx([-0.1, -0.2, -0.3])
    assert claim.formula("m") == "m: other − 0.5 · (β = 1 … β = 4) at equal reconstruction"
    assert claim.possible(lambda config, key: (0.0, 4.0)) == (-2, 4)
    assert claim.possible(lambda config, key: (0.0, INF)) == (-INF, INF)


def test_the_place_may_be_equal_in_another_measure():
    table = {("a", "rate"): [1, 1], ("b", "rate"): [3, 3], ("c", "rate"): [2, 2]}
    table |= {("a", "m"): [10, 10], ("b", "m"): [20, 20], ("c", "m"): [16, 18]}
    claim = AtEqual("", "m", (0, INF), "c", ("a", "b"), along="rate")
    assert claim.seeds(values_of(table)).tolist() == [1, 3]
    assert claim.formula("m").endswith("at equal rate")


def test_a_seed_outside_of_the_curve_has_no_value():
    one = measured(config_at=(90, 90.4, 70), config=(2, 2.1, 0))
    found = less().evaluate(one, by_key)
    assert found["seeds"][2] is None
    assert found["estimate"] == pytest.approx((-1 - 0.86) / 2)
    assert found["note"] == "1 of 3 seeds lie outside of the curve"
    none = measured(config_at=(150, 150, 70), config=(2, 2, 2))
    found = less().evaluate(none, by_key)
    assert (found["estimate"], found["verdict"], found["seeds_to_decide"]) == (None, UNDECIDED, None)
    assert found["decided_by"] == OUTSIDE
    missing = measured(config_at=(90, 90, 90), config=(math.nan,) * 3)
    assert less().evaluate(missing, by_key)["decided_by"] == claims.MEASUREMENT


def test_seeds_of_a_claim_at_equal_reconstruction_are_planned_as_those_of_a_mean():
    differences = with_moments(5, -0.3, 0.5)
    values = measured((90,) * 5, 3 + differences)
    found = less().evaluate(values, by_key)
    assert found["verdict"] == UNDECIDED
    expected = seeds_to_decide(claims.mean_interval(differences), 5, (-INF, 0))
    assert found["seeds_to_decide"] == expected == 14


def bounded(config, width, at=(90, 90, 90)):
    """A quantity known within ± `width` for "other" and ± 0.1 on the curve, where it is 3 at 90."""

    def values(name, key):
        exact = measured(at, config)(name, key.partition(",")[0])
        sign = {"low": -1, "high": 1}.get(key.partition(", ")[2], 0)
        return exact + sign * (width if name == "other" else 0.1)

    return values


def gap(**others) -> GapAtEqual:
    return GapAtEqual("less", "m", (-INF, 0), "other", CURVE, low="m, low", high="m, high", **others)


def test_bounds_are_interpolated_as_the_quantity_is():
    claim, values = gap(), bounded((2, 2.1, 2.2), 0.2)
    found = claim.interval(values)
    differences = np.array([-1, -0.9, -0.8])
    assert found.estimate == pytest.approx(-0.9)
    assert found.low == pytest.approx(claims.mean_interval(differences - 0.3).low)
    assert found.high == pytest.approx(claims.mean_interval(differences + 0.3).high)
    assert claim.evaluate(values, by_key)["verdict"] == HOLDS
    half = gap(weight=0.5).interval(values)
    assert half.high == pytest.approx(claims.mean_interval(differences + 1.5 + 0.2 + 0.05).high)


def test_the_bounds_agree_with_those_of_two_configurations_at_a_point_of_the_curve():
    """At the reconstruction of β = 2 the claim is `Gap` between the two."""
    values = bounded((2.1, 2.3, 1.8), 0.2, at=(100, 100, 100))
    same = Gap("", "m", (-INF, 0), "m, low", "m, high", ("other", "β = 2"))
    assert gap().interval(values) == pytest.approx(same.interval(values))
    for region in ((-INF, 0.1), (-INF, 1.0), (-INF, 1.2)):
        pair = [type(c)(**{**vars(c), "region": region}) for c in (gap(), same)]
        found = [c.evaluate(values, by_key) for c in pair]
        assert found[0]["verdict"] == found[1]["verdict"]
        assert found[0]["seeds_to_decide"] == found[1]["seeds_to_decide"]
        assert found[0]["decided_by"] == found[1]["decided_by"]


@pytest.mark.parametrize(
    ("config", "width", "expected", "decided_by"),
    [((2, 2.1, 2.2), 0.2, HOLDS, ""), ((4, 4.1, 4.2), 0.2, FAILS, ""),
     ((2.8, 2.81, 2.82), 0.2, UNDECIDED, claims.NARROWER_BOUNDS),
     ((2.8, 2.81, 2.82), math.nan, UNDECIDED, claims.MEASUREMENT)],
)  # fmt: skip
def test_a_gap_at_equal_reconstruction_is_decided_by_the_ends_of_both(config, width, expected, decided_by):
    found = gap().evaluate(bounded(config, width), by_key)
    assert (found["verdict"], found["decided_by"]) == (expected, decided_by)


def test_an_unknown_upper_end_on_the_curve_leaves_one_side_open():
    def values(name, key):
        found = bounded((4, 4.1, 4.2), 0.2)(name, key)
        return found * math.nan if (name, key) == ("β = 1", "m, high") else found

    found = gap().evaluate(values, by_key)
    assert (found["low"], found["verdict"]) == (None, UNDECIDED)
    assert found["decided_by"] == claims.MORE_ITEMS
    assert "saturated" in found["note"]
    outside = gap().evaluate(bounded((2, 2.1, 2.2), 0.2, at=(70, 70, 90)), by_key)
    assert (outside["verdict"], outside["decided_by"]) == (UNDECIDED, OUTSIDE)
    assert outside["note"] == "2 of 3 seeds lie outside of the curve"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"config": ""}, "config: expected the name"), ({"curve": ["a"]}, "curve: expected the names of two"),
     ({"curve": "ab"}, "curve: expected the names of two"), ({"curve": ["a", 1]}, "of: expected the names of 2"),
     ({"along": ""}, "measure: expected the key"), ({"weight": math.nan}, "weight: expected")],
)  # fmt: skip
def test_a_curve_that_is_none_is_refused(change, message):
    good = {"words": "", "measure": "m", "region": (0, 1), "config": "other", "curve": CURVE}
    with pytest.raises(InputError, match=message):
        AtEqual(**{**good, **change})
