"""Diagnostics of units and codes: an active, a collapsed and a redundant unit, slow versions, closed forms."""

import math

import numpy as np
import pytest

from keras_vae import InputError, diagnostics
from keras_vae.diagnostics.unit_statistics import unchecked_units


def encodings(n=4000):
    """A perfect unit (mean and noise add to N(0, 1)), a collapsed one, and a copy of the first."""
    rng = np.random.default_rng(0)
    perfect = rng.normal(0, math.sqrt(0.9), n)
    mean = np.column_stack([perfect, np.zeros(n), perfect])
    log_var = np.log(np.tile([0.1, 1.0, 0.1], (n, 1)))
    return mean, log_var


def test_perfect_collapsed_and_redundant_units():
    kl, var_mean, mean_var, active, collapsed = diagnostics.units(*encodings())
    assert active.tolist() == [True, False, True]
    assert collapsed.tolist() == [False, True, False]
    assert kl[1] == 0
    # E[KL] = ½ (0.9 + 0.1 − 1 − ln 0.1)
    assert kl[0] == pytest.approx(-0.5 * math.log(0.1), rel=0.05)
    assert var_mean[0] + mean_var[0] == pytest.approx(1, rel=0.05)
    assert kl[2] == kl[0]


def test_unit_statistics_agree_with_a_slow_version():
    rng = np.random.default_rng(1)
    mean, log_var = rng.normal(size=(50, 2, 3)), rng.normal(size=(50, 2, 3))
    statistics = diagnostics.units(mean, log_var)
    for i in np.ndindex(2, 3):
        m, v = mean[(slice(None), *i)], np.exp(log_var[(slice(None), *i)])
        assert statistics.kl[i] == pytest.approx(
            np.mean([0.5 * (a * a + b - 1 - math.log(b)) for a, b in zip(m, v, strict=True)])
        )
        assert statistics.var_mean[i] == pytest.approx(np.var(m))
        assert statistics.mean_var[i] == pytest.approx(np.mean(v))


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-12)])
def test_kl_per_unit_keeps_the_digits_of_units_near_the_prior(dtype, rtol):
    mean, log_var = np.zeros(3, dtype), np.array([1e-3, -1e-3, 2.0], dtype)
    exact = [0.5 * sum(float(v) ** i / math.factorial(i) for i in range(2, 40)) for v in log_var]  # ½ (e^v − 1 − v)
    # The remaining difference e^v − 1 − v cancels to a part in 1,000.
    np.testing.assert_allclose(diagnostics.kl_per_unit(mean, log_var), exact, rtol=1e3 * rtol)


def test_kl_per_unit_equals_that_of_the_layers():
    from keras_vae import layers

    mean, log_var = np.random.default_rng(0).normal(size=(2, 50, 3)).astype("float32")
    of_layers = np.asarray(layers.kl_per_unit(mean, log_var[:, :1]))
    np.testing.assert_allclose(diagnostics.kl_per_unit(mean, log_var[:, :1]), of_layers, rtol=1e-5, atol=1e-6)


def test_units_accept_one_variance_for_all_units_and_none():
    mean, log_var = encodings()
    one = diagnostics.units(mean, log_var[:, :1])
    assert one.mean_var.tolist() == pytest.approx([0.1] * 3)
    none = diagnostics.units(mean, None)
    assert none.kl is None
    assert none.mean_var is None
    assert none.active.tolist() == [True, False, True]


def test_an_inactive_unit_with_a_narrow_posterior_is_not_collapsed():
    statistics = diagnostics.units(np.zeros((9, 1)), np.full((9, 1), math.log(0.2)))
    assert not statistics.active[0]
    assert not statistics.collapsed[0]


def test_units_raise_for_no_images_and_shapes_that_do_not_match():
    with pytest.raises(InputError, match=r"mean: expected shape \(n, units…\)"):
        diagnostics.units(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(InputError, match="broadcasts to the mean's"):
        diagnostics.units(np.zeros((4, 2)), np.zeros((4, 3)))


def test_total_var_is_the_variance_of_the_aggregate_posterior():
    mean, log_var = encodings(200_000)
    statistics = diagnostics.units(mean, log_var)
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng(1).standard_normal(mean.shape)
    np.testing.assert_allclose(statistics.total_var, z.var(axis=0), rtol=0.02)
    assert statistics.active_by_variance.tolist() == [True, False, True]
    # Two clusters at ±1 have the sum 1 as well, and differ from the prior.
    two = diagnostics.units(np.array([[-1.0], [1.0]]), np.full((2, 1), -9.0))
    assert two.total_var[0] == pytest.approx(1, abs=1e-3)


def test_the_scale_of_minimal_kl_has_a_total_var_of_one():
    """The KL of a unit multiplied by a is minimal where the sum is 1."""
    rng = np.random.default_rng(2)
    mean, log_var = rng.normal(0, 2, (5000, 1)), rng.normal(-1, 0.5, (5000, 1))
    mean -= mean.mean()
    scales = np.exp(np.linspace(-3, 3, 6001))
    second = np.mean(np.square(mean) + np.exp(log_var))
    kl = 0.5 * (scales**2 * second - 1 - 2 * np.log(scales) - log_var.mean())
    a = scales[kl.argmin()]
    best = diagnostics.units(a * mean, log_var + 2 * np.log(a))
    assert best.total_var[0] == pytest.approx(1, abs=0.01)
    assert best.kl[0] == pytest.approx(kl.min(), abs=1e-3)


# -- replacement by the prior --------------------------------------------------------------------------------


def test_replacement_loss_of_a_used_an_unused_and_a_duplicated_unit():
    rng = np.random.default_rng(3)
    z = rng.standard_normal((4000, 4)).astype("float32")
    z[:, 3] = z[:, 2]
    x = np.column_stack([z[:, 0], z[:, 2]])  # unit 1 is not read; units 2 and 3 are averaged

    def nll(z):
        return np.square(x - np.column_stack([z[:, 0], 0.5 * (z[:, 2] + z[:, 3])])).sum(axis=1)

    # E (a − b)² of independent draws is 2; of a half of the difference, 2 / 4
    np.testing.assert_allclose(diagnostics.replacement_loss(nll, z), [2, 0, 0.5, 0.5], atol=0.1)
    np.testing.assert_array_equal(diagnostics.replacement_loss(nll, z), diagnostics.replacement_loss(nll, z))


def test_replacement_loss_does_not_repeat_the_noise_of_codes_of_the_same_seed():
    z = np.random.default_rng(0).standard_normal((5000, 1))
    found = diagnostics.replacement_loss(lambda replaced: np.square(replaced[:, 0] - z[:, 0]), z, seed=0)
    assert found[0] == pytest.approx(2, abs=0.2)


def test_replacement_loss_accepts_units_of_any_shape():
    z = np.random.default_rng(4).standard_normal((50, 2, 3)).astype("float32")
    losses = diagnostics.replacement_loss(lambda z: z[:, 1, 2] ** 2, z)
    assert losses.shape == (2, 3)
    assert np.flatnonzero(losses).tolist() == [5]


# -- active periods -----------------------------------------------------------------------------------------------


def test_active_periods():
    activity = (
        "111111",  # active throughout
        "111000",  # collapses
        "000000",  # never active
        "001111",  # becomes active later
        "010010",  # active for less than an epoch at a time
        "100000",  # active only in the untrained model, the first measurement
        "111110",  # inactive at the end, for less than an epoch
    )
    var_mean = np.array([[0.5 if at == "1" else 0.001 for at in unit] for unit in activity]).T
    history = diagnostics.UnitHistory(np.arange(6) * 10, np.arange(6.0), var_mean)
    active_from, collapsed_at = history.active_periods()
    np.testing.assert_array_equal(active_from, [1, 1, np.nan, 2, np.nan, np.nan, 1])
    np.testing.assert_array_equal(collapsed_at, [np.nan, 3, np.nan, np.nan, np.nan, np.nan, np.nan])
    assert history.active_periods().active_at_end.tolist() == [True, False, False, True, False, False, True]
    assert len(history.frames()) == 6
    assert history.frames()[5].active.tolist() == [True, False, False, True, False, False, False]
    untrained = diagnostics.UnitHistory(np.zeros(1, int), np.zeros(1), var_mean[:1])
    assert np.isnan(untrained.active_periods()).all()


# -- the shape of codes ----------------------------------------------------------------------------------------------


def test_whitening_removes_location_scale_and_correlation():
    rng = np.random.default_rng(5)
    codes = rng.standard_normal((5000, 3)) @ np.array([[3, 1, 0], [0, 0.1, 0], [0, 0, 0]]) + 7
    white = diagnostics.whiten(codes)
    assert white.shape == (5000, 2)  # the third direction has no variance
    np.testing.assert_allclose(np.cov(white, rowvar=False), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-9)
    with pytest.raises(InputError, match="n above the units"):
        diagnostics.whiten(codes[:3])


@pytest.mark.parametrize("units", [1, 2, 3])
def test_gaussian_divergence_of_gaussian_codes_is_zero(units):
    rng = np.random.default_rng(6)
    values = [diagnostics.gaussian_divergence(rng.standard_normal((10_000, units))) for _ in range(20)]
    assert np.mean(values) == pytest.approx(0, abs=1e-3)  # the bias is subtracted
    assert np.std(values) < 0.003


def test_gaussian_divergence_of_other_codes():
    rng = np.random.default_rng(7)
    half = np.abs(rng.standard_normal((10_000, 2)))
    # A quarter of the cells, evenly: ln 4.
    assert diagnostics.gaussian_divergence(half) == pytest.approx(math.log(4), abs=0.03)
    assert diagnostics.gaussian_divergence(np.zeros((10_000, 2)) + 0.01) == pytest.approx(math.log(400), abs=0.03)
    with pytest.raises(InputError, match="expected at most 6 units"):
        diagnostics.gaussian_divergence(rng.standard_normal((100, 7)))


def test_gaussian_total_correlation_of_a_known_covariance():
    rng = np.random.default_rng(3)
    root = rng.normal(size=(6, 6))
    covariance = root @ root.T + np.eye(6)
    codes = rng.multivariate_normal(np.zeros(6), covariance, 50_000)
    exact = 0.5 * (np.log(covariance.diagonal()).sum() - np.linalg.slogdet(covariance)[1])
    assert diagnostics.gaussian_total_correlation(codes) == pytest.approx(exact, abs=0.02)
    # A mixture of posteriors has the covariance of its means, plus the mean variance.
    with_noise = covariance - 0.5 * np.eye(6)
    means = rng.multivariate_normal(np.zeros(6), with_noise, 50_000).reshape(-1, 2, 3)
    found = diagnostics.gaussian_total_correlation(means, np.log(np.full((50_000, 1, 1), 0.5)))
    assert found == pytest.approx(exact, abs=0.02)


def test_gaussian_total_correlation_at_its_ends():
    rng = np.random.default_rng(4)
    independent = [diagnostics.gaussian_total_correlation(rng.normal(size=(1_000, 8))) for _ in range(50)]
    assert np.mean(independent) == pytest.approx(8 * 7 / (4 * 1_000), rel=0.15)  # the bias
    codes = rng.normal(size=(100, 2))
    assert diagnostics.gaussian_total_correlation(codes[:, [0, 1, 0]]) == math.inf
    constant = np.column_stack([codes, np.full(100, 3.0)])
    expected = diagnostics.gaussian_total_correlation(codes)
    assert diagnostics.gaussian_total_correlation(constant) == pytest.approx(expected, rel=1e-9)
    for n in (100, 100_000):  # the error of a mean grows with the number of codes
        unit = rng.normal(size=n)
        rounded = np.where(unit > 0, 0.1, np.nextafter(0.1, 1))  # one value, up to rounding
        codes = np.column_stack([np.full(n, 0.1), np.full(n, 0.3), unit, rounded])
        assert diagnostics.gaussian_total_correlation(codes) < 1e-9
        assert diagnostics.gaussian_total_correlation(codes, np.full((1, 4), -80.0)) < 1e-9
    with pytest.raises(InputError, match="expected at most 4,096 units"):
        diagnostics.gaussian_total_correlation(np.zeros((2, 5_000)))


# -- regression and neighbours ----------------------------------------------------------------------------------------


def test_regression_on_linear_curved_and_uninformative_codes():
    rng = np.random.default_rng(8)
    factors = rng.uniform(-1, 1, (2000, 2))
    linear, noise = factors @ [[1, 2], [0, 1]], factors[::-1]
    curved = np.column_stack([np.sin(3 * factors[:, 0]), np.cos(3 * factors[:, 0]), factors[:, 1]])
    assert diagnostics.held_out_linear_r2(linear, factors).min() > 0.999
    assert diagnostics.held_out_r2(linear, factors).min() > 0.99
    assert diagnostics.held_out_linear_r2(curved, factors)[0] < 0.9 < 0.99 < diagnostics.held_out_r2(curved, factors)[0]
    assert diagnostics.held_out_r2(noise, factors).max() < 0.05
    with pytest.raises(InputError, match="as many as there are inputs"):
        diagnostics.held_out_r2(linear, factors[:5])


def test_statistics_of_batches_equal_those_of_all_images():
    mean, log_var = np.random.default_rng(0).normal(size=(2, 101, 2, 3)) + 5
    whole = diagnostics.units(mean, log_var)
    batches = diagnostics.units_from_batches((mean[i : i + 9], log_var[i : i + 9]) for i in range(0, 101, 9))
    for a, b in zip(whole, batches, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert diagnostics.units_from_batches([(mean, None)]).kl is None
    with pytest.raises(InputError, match="at least one image"):
        diagnostics.units_from_batches([])
    with pytest.raises(InputError, match="log_var in all batches or in none"):
        diagnostics.units_from_batches([(mean, log_var), (mean, None)])


def test_largest_step_of_even_uneven_and_constant_paths():
    t = np.linspace(0, 1, 11)
    even, jump, constant = t, np.round(t), np.zeros(11)
    uneven = np.where(t <= 0.5, t, 0.5 + 3 * (t - 0.5))  # the second half three times as fast
    images = np.stack([even, jump, constant, uneven], axis=1)[:, :, None, None] * np.ones((3, 3))
    np.testing.assert_allclose(diagnostics.largest_step(images), [1, 10, 1, 1.5], rtol=1e-6)
    with pytest.raises(InputError, match="points ≥ 3"):
        diagnostics.largest_step(images[:2])


def test_knn_accuracy_of_mixed_and_separated_labels():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 500)
    codes = rng.normal(size=(1000, 2, 1))
    assert diagnostics.knn_accuracy(codes, labels) == pytest.approx(0.5, abs=0.07)  # uninformative
    apart = codes + 20.0 * labels[:, None, None]
    assert diagnostics.knn_accuracy(apart, labels) == 1
    rings = codes / np.linalg.norm(codes, axis=1, keepdims=True) * (1 + labels)[:, None, None]
    assert diagnostics.knn_accuracy(rings, labels) > 0.99  # regions of any shape
    with pytest.raises(InputError, match="one for each of at least 22 codes"):
        diagnostics.knn_accuracy(codes[:20], labels[:20])


def test_entropy_of_certain_and_uniform_predictions():
    assert diagnostics.entropy(np.eye(10)) == 0
    assert diagnostics.entropy(np.full((3, 10), 0.1)) == pytest.approx(math.log(10))
    assert diagnostics.entropy(np.array([[0.5, 0.5, 0], [1, 0, 0]])) == pytest.approx(math.log(2) / 2)


def test_the_statistics_of_a_diverging_training_are_recorded_but_not_interpreted():
    """A callback must not stop the training with another error than that of its loss."""
    nothing = unchecked_units(np.full((4, 2), np.nan), np.full((4, 2), np.inf))
    assert np.isnan(nothing.var_mean).all()
    history = diagnostics.UnitHistory([0, 1], [0.0, 1.0], np.array([[0.5, 0.5], nothing.var_mean]))
    with pytest.raises(InputError, match=r"var_mean: expected finite numbers; .* training diverged"):
        history.active_periods()


def test_replacement_loss_refuses_a_likelihood_of_another_length():
    z = np.zeros((5, 2))
    for nll in (lambda z: np.zeros(4), lambda z: np.zeros((5, 1)), lambda z: 0.0, lambda z: np.full(5, np.nan)):
        with pytest.raises(InputError, match=r"nll: expected"):
            diagnostics.replacement_loss(nll, z)
