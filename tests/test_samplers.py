"""Samplers of latent points, by the moments of their draws."""

import numpy as np
import pytest

from keras_vae import InputError, samplers


def codes(n=20_000):
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((n, 2)) @ np.array([[2.0, 1.0], [0.0, 0.5]]) + [1, -3]
    return mean, np.log(np.tile([0.25, 1.0], (n, 1)))


def test_the_prior_has_unit_covariance():
    z = samplers.prior(50_000, 3, seed=0)
    assert z.shape == (50_000, 3)
    assert z.dtype == np.float32
    np.testing.assert_allclose(np.cov(z, rowvar=False), np.eye(3), atol=0.03)
    assert samplers.prior(4, (2, 3)).shape == (4, 2, 3)
    np.testing.assert_array_equal(samplers.prior(4, 2, seed=1), samplers.prior(4, 2, seed=1))


@pytest.mark.parametrize("sampler", [samplers.moment_matched, samplers.aggregate_posterior])
def test_samplers_have_the_moments_of_the_aggregate_posterior(sampler):
    mean, log_var = codes()
    z = sampler(100_000, mean, log_var, seed=1)
    expected = np.cov(mean, rowvar=False) + np.diag([0.25, 1.0])
    np.testing.assert_allclose(np.cov(z, rowvar=False), expected, atol=0.1)
    np.testing.assert_allclose(z.mean(axis=0), mean.mean(axis=0), atol=0.05)
    np.testing.assert_array_equal(sampler(5, mean, log_var, seed=1), sampler(5, mean, log_var, seed=1))


def test_samplers_around_codes_do_not_repeat_their_noise():
    """Codes that were drawn by the seed of the sampler."""
    noise = np.random.default_rng(0).standard_normal((4000, 1))
    mixed = samplers.gaussian_mixture(20_000, noise, np.zeros((4000, 1)), components=1, seed=0)
    assert mixed.var() == pytest.approx(2, abs=0.2)  # 4 where the noise of the posteriors is that of the codes
    single = np.random.default_rng(0).standard_normal((4000, 1), dtype="float32")
    assert samplers.neighbourhood(single, 1.0, seed=0).var() == pytest.approx(2, abs=0.2)
    matched = samplers.moment_matched(4000, noise, seed=0)
    assert abs(np.corrcoef(matched[:, 0], noise[:, 0])[0, 1]) < 0.1


def test_codes_without_a_density_and_with_a_constant_unit():
    mean = codes()[0]
    mean[:, 1] = 0.5
    z = samplers.moment_matched(1000, mean, seed=0)
    np.testing.assert_allclose(z[:, 1], 0.5, atol=1e-6)
    drawn = samplers.aggregate_posterior(100, mean, seed=0)
    assert np.isin(drawn[:, 0], mean[:, 0].astype("float32")).all()


def test_the_mixture_keeps_two_modes_and_the_gaussian_does_not():
    two = np.repeat([[-5.0], [5.0]], 100, axis=0)
    z = samplers.aggregate_posterior(1000, two, np.full((200, 1), np.log(0.01)), seed=0)
    assert (np.abs(z) > 4).all()
    assert (np.abs(samplers.moment_matched(1000, two, seed=0)) < 4).any()


def test_samplers_accept_codes_of_any_shape():
    mean = np.random.default_rng(0).standard_normal((50, 2, 3, 4))
    assert samplers.moment_matched(7, mean, np.zeros((50, 1, 1, 1))).shape == (7, 2, 3, 4)
    with pytest.raises(InputError, match=r"mean: expected shape \(images, units…\)"):
        samplers.moment_matched(7, mean[:0])
    np.testing.assert_allclose(samplers.moment_matched(7, mean[:1]), np.repeat(mean[:1], 7, axis=0), rtol=1e-6)


def test_more_units_than_images_have_the_same_moments():
    """The covariance matrix is not computed there; the draws still have it."""
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=(6, 2, 5)), np.full((6, 2, 5), np.log(0.25))
    z = samplers.moment_matched(200_000, mean, log_var, seed=1)
    assert z.shape == (200_000, 2, 5)
    expected = np.cov(mean.reshape(6, 10), rowvar=False, ddof=0) + 0.25 * np.eye(10)
    np.testing.assert_allclose(np.cov(z.reshape(-1, 10), rowvar=False), expected, atol=0.02)
    np.testing.assert_allclose(z.mean(axis=0), mean.mean(axis=0), atol=0.02)
    codes = samplers.moment_matched(9, mean, seed=1)  # without a density, in the space that the codes span
    assert np.linalg.matrix_rank(codes.reshape(9, 10) - mean.reshape(6, 10).mean(axis=0), tol=1e-4) <= 5


def test_many_units_need_no_matrix_of_units_by_units():
    import tracemalloc

    mean = np.zeros((4, 65_536), "float32")
    tracemalloc.start()
    samplers.moment_matched(10, mean, mean, seed=0)
    assert tracemalloc.get_traced_memory()[1] < 60e6  # the matrix would take 34 GB
    tracemalloc.stop()


def test_the_neighbourhood_has_the_requested_std():
    mean = np.array([[3.0, -1.0]]).repeat(50_000, axis=0)
    z = samplers.neighbourhood(mean, 0.5, seed=0)
    np.testing.assert_allclose(z.mean(axis=0), [3, -1], atol=0.01)
    np.testing.assert_allclose(z.std(axis=0), 0.5, atol=0.01)
    own = samplers.neighbourhood(mean, np.array([0.1, 2.0]), seed=0)
    np.testing.assert_allclose(own.std(axis=0), [0.1, 2.0], rtol=0.02)
    np.testing.assert_array_equal(samplers.neighbourhood(mean, 0.0), mean.astype("float32"))


def test_a_fitted_mixture_keeps_modes_that_one_gaussian_does_not():
    rng = np.random.default_rng(0)
    mean = rng.choice([-3.0, 3.0], (4000, 1)) * [1.0, -1.0]
    log_var = np.full((4000, 2), np.log(0.25))
    mixed = samplers.gaussian_mixture(2000, mean, log_var, components=4, seed=1)
    single = samplers.moment_matched(2000, mean, log_var, seed=1)
    away = [(np.abs(np.abs(z) - 3) < 1.5).all(axis=1).mean() for z in (mixed, single)]
    assert away[0] > 0.98
    assert away[1] < 0.7
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(np.cov(mixed, rowvar=False), np.cov(single, rowvar=False), atol=0.6)
    np.testing.assert_array_equal(
        samplers.gaussian_mixture(5, mean, seed=1), samplers.gaussian_mixture(5, mean, seed=1)
    )
    assert samplers.gaussian_mixture(3, np.zeros((15, 2, 2)), seed=0).shape == (3, 2, 2)  # few equal codes
