"""Checks of arguments: what passes unchanged, what is refused, and the sentences."""

import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from keras_vae._utils import checks
from keras_vae.errors import InputError


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((3, 2), ("n", "units")),
        ((3, 2), ("n", "units…")),
        ((3, 2, 4, 5), ("n", "units…")),
        ((3,), ("n", "…")),
        ((3, 1, 1), ("n", "…")),
        ((3, 2), (3, 2)),
        ((2, 2), ("n ≥ 2", "units")),
        ((), ()),
        ((4, 4), None),
        ((0, 2), ("n ≥ 0", "units")),
    ],
)
def test_shapes_that_pass(shape, spec):
    assert checks.array("z", np.ones(shape), spec).shape == shape


@pytest.mark.parametrize(
    ("shape", "spec", "text"),
    [
        ((3,), ("n", "units"), "(n, units)"),
        ((3,), ("n", "units…"), "(n, units…)"),
        ((), ("n", "…"), "(n, …)"),
        ((3, 0), ("n", "units…"), "(n, units…)"),
        ((1, 2), ("n ≥ 2", "units"), "(n ≥ 2, units)"),
        ((2,), (3,), "(3,)"),
        ((1,), (), "()"),
    ],
)
def test_shapes_that_are_refused(shape, spec, text):
    with pytest.raises(InputError) as refused:
        checks.array("z", np.ones(shape), spec)
    assert str(refused.value) == f"z: expected shape {text}; received shape {shape}."


@pytest.mark.parametrize("value", [[1, 2], (1.0, 2.0), np.array([True, False]), np.array([1, 2], ml_dtypes.bfloat16)])
def test_all_that_numpy_takes_as_real_numbers_passes(value):
    found = checks.array("z", value, ("n",))
    assert found.dtype == "float64"
    assert found.tolist() == [float(number) for number in value]


@pytest.mark.parametrize(
    "value",
    [
        [1j, 2],
        ["a", "b"],
        "text",
        None,
        {1, 2},
        np.array([1, 2], object),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.ma.array([1.0, 2.0], mask=[True, False]),
        [[1, 2], [3]],
        (number for number in [1, 2]),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_other_values_are_refused_by_name(value):
    with pytest.raises(InputError, match=r"^z: expected an array .*; received .*\.$"):
        checks.array("z", value, None)


@pytest.mark.parametrize("value", [[np.nan], [np.inf], [-np.inf], [1e16], [2], [-1]])
def test_numbers_out_of_range_are_refused(value):
    with pytest.raises(InputError, match=r"^z: expected "):
        checks.array("z", value, ("n",), low=0, high=1)


def test_missing_values_pass_on_request_and_the_others_are_checked():
    assert np.isnan(checks.array("z", [np.nan, 1], ("n",), finite=False, high=1)[0])
    with pytest.raises(InputError, match=r"from -1e\+15 to 1; received 2"):
        checks.array("z", [np.nan, 2], ("n",), finite=False, high=1)


def test_whole_numbers_of_any_dtype_pass_as_integers():
    assert checks.array("labels", [0.0, 3.0], ("n",), dtype="int64").dtype == "int64"
    small = np.array([0, 3], "uint8")
    assert checks.array("labels", small, ("n",), dtype=np.integer).dtype == "uint8"
    assert checks.array("labels", [0.0], ("n",), dtype=np.integer).dtype == "int64"
    for value in ([0.5], [True]):
        with pytest.raises(InputError, match=r"^labels: expected whole numbers; received "):
            checks.array("labels", value, ("n",), dtype="int64")


@pytest.mark.parametrize("value", [["a", "b"], np.array(["a", "b"], object), [0, 1], [0.0, 1.0], [True, False]])
def test_labels(value):
    assert checks.labels("labels", value).tolist() == list(value)


@pytest.mark.parametrize("value", [[0.5], [np.nan], [1j], [None, "a"], [["a"]], "a", [], [[1], [1, 2]]])
def test_labels_of_other_kinds_are_refused(value):
    with pytest.raises(InputError, match=r"^labels: expected "):
        checks.labels("labels", value)


def test_an_array_of_the_dtype_is_not_copied():
    z = np.zeros((5, 2))
    assert np.shares_memory(checks.array("z", z), z)
    single = z.astype("float32")
    assert np.shares_memory(checks.array("z", single, dtype=None), single)


def test_a_dtype_that_is_not_floating_becomes_float64():
    assert checks.array("z", np.array([1, 2]), ("n",), dtype=None).dtype == "float64"


@pytest.mark.parametrize("value", ["float32", "float64", np.float32, np.dtype("float64"), float])
def test_floating_dtypes(value):
    assert checks.float_dtype(value) == np.dtype(value)


@pytest.mark.parametrize("value", ["int32", "float16", "text", None, 3, np.complex64, [1]])
def test_other_dtypes_are_refused(value):
    with pytest.raises(InputError, match=r"^dtype: expected float32 or float64; received "):
        checks.float_dtype(value)


def test_the_check_of_a_large_array_allocates_nothing():
    z = np.zeros((1000, 1000))
    tracemalloc.start()
    checks.array("z", z, low=-1, high=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e5  # bytes; the array takes 8e6


@pytest.mark.parametrize("value", [1, np.int64(1), np.array(1)])
def test_whole(value):
    assert checks.whole("k", value) == 1


@pytest.mark.parametrize(
    "value",
    [0, -1, 1.0, True, np.True_, "1", None, np.nan, [1], np.array([1]), 10**30, pytest.param(10**5000, id="long"), 1j],
)
def test_whole_refuses(value):
    with pytest.raises(InputError, match=r"^k: expected a whole number from 1 to 9; received .*"):
        checks.whole("k", value, high=9)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.array(1)])
def test_number(value):
    assert checks.number("share", value, 0, 1) == 1.0


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, 1.5, True, "1", None, [0.5], 1j, 10**30])
def test_number_refuses(value):
    with pytest.raises(InputError, match=r"^share: expected a finite number above 0 and at most 1; received "):
        checks.number("share", value, 0, 1, open_low=True)


def test_seeds():
    assert checks.seed(0) == 0
    assert checks.seed(None, none=True) is None
    generator = np.random.default_rng(0)
    assert checks.seed(generator, generator=True) is generator
    for value in (-1, 1.5, None, generator, "0"):
        with pytest.raises(InputError, match=r"^seed: expected a whole number of at least 0; received "):
            checks.seed(value)


def test_a_count_whose_array_cannot_fit_into_memory_is_refused():
    checks.allocation("n", 10, 10, 2)
    with pytest.raises(InputError, match=r"^n: expected a number for which the result fits into memory; received "):
        checks.allocation("n", 10**30, 10**30, 2)
