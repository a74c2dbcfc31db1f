"""Importance-weighted likelihood and code length of a linear-Gaussian model, whose evidence is known."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_vae import InputError, diagnostics

NOISE = 0.5
WEIGHTS = np.random.default_rng(3).normal(size=(2, 6))  # 2 units, 6 pixels


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 2)) @ WEIGHTS + NOISE * rng.standard_normal((n, 6))


def evidence(x):
    """log p(x) of x = zW + noise: a Gaussian."""
    return stats.multivariate_normal.logpdf(x, cov=WEIGHTS.T @ WEIGHTS + NOISE**2 * np.eye(6))


def posterior(x, width=1.0):
    """The exact posterior's mean, and its variances times `width`, without its correlation."""
    precision = np.eye(2) + WEIGHTS @ WEIGHTS.T / NOISE**2
    mean = x @ WEIGHTS.T @ np.linalg.inv(precision) / NOISE**2
    return mean, np.log(np.tile(width * np.diag(np.linalg.inv(precision)), (len(x), 1)))


def log_likelihood(x):
    return lambda images, z: stats.norm.logpdf(x[images], z @ WEIGHTS, NOISE).sum(axis=1)


def weights(x, samples, seed=0, width=1.0, batch_size=10_000):
    return diagnostics.importance_log_weights(log_likelihood(x), *posterior(x, width), samples, seed, batch_size)


def test_the_estimate_of_a_known_evidence():
    x = data(50)
    found = diagnostics.importance_weighted_evidence(weights(x, 4000, width=1.5))
    assert found.samples == 4000
    assert found.value == pytest.approx(evidence(x).mean(), abs=4 * found.error)
    assert found.error < 0.01
    assert found.image_error > 20 * found.error  # of images, not of draws
    assert found.unreliable == 0
    assert 100 < found.effective < 4000


@pytest.mark.slow
def test_error_and_bias_have_their_nominal_coverage():
    x, k = data(200), 30
    found = [diagnostics.importance_weighted_evidence(weights(x, k, seed, width=2.0)) for seed in range(200)]
    expected = np.mean([f.value for f in found])  # E log p̂_K
    rate = np.mean([abs(f.value - expected) < 1.96 * f.error for f in found])
    assert 0.91 <= rate <= 0.99
    exact, corrected = evidence(x).mean(), np.mean([f.value - f.bias for f in found])
    assert expected < exact  # a lower bound
    assert abs(corrected - exact) < 0.35 * abs(expected - exact)


def test_the_bound_rises_with_the_number_of_samples():
    x = data(200)
    curve = diagnostics.importance_weighted_evidence(weights(x, 1000)).curve
    assert list(curve) == [1, 10, 100, 1000]
    assert curve[1] < curve[10] < curve[100] < curve[1000]
    # With one sample it is the ELBO,
    mean, log_var = posterior(x)
    variance = np.exp(log_var)
    reconstruction = (
        stats.norm.logpdf(x, mean @ WEIGHTS, NOISE).sum(axis=1)
        - 0.5 * (variance @ np.square(WEIGHTS)).sum(axis=1) / NOISE**2
    )
    kl = 0.5 * (mean**2 + variance - 1 - log_var).sum(axis=1)
    assert curve[1] == pytest.approx((reconstruction - kl).mean(), abs=0.05)
    # and the three terms of the paper's equation (2).
    terms = diagnostics.elbo_terms(mean, log_var, -reconstruction.mean())
    assert terms.kl == pytest.approx(kl.mean())
    assert -terms.total == pytest.approx(curve[1], abs=0.05)
    draws = np.random.default_rng(0).standard_normal((400, *mean.shape)) * np.exp(0.5 * log_var) + mean
    assert terms.prior == pytest.approx(-stats.norm.logpdf(draws).sum(axis=2).mean(), rel=0.01)
    posterior_term = stats.norm.logpdf(draws, mean, np.exp(0.5 * log_var)).sum(axis=2).mean()
    assert terms.posterior == pytest.approx(posterior_term, rel=0.01)
    assert terms.bits_per_pixel(6) == pytest.approx(terms.total / 6 / math.log(2))


def test_draws_do_not_depend_on_the_batch_size():
    x = data(7)
    whole = weights(x, 30)
    assert whole.shape == (7, 30)
    for batch_size in (1, 13, 30, 64):
        assert weights(x, 30, batch_size=batch_size) == pytest.approx(whole, rel=1e-12)
    assert not np.array_equal(weights(x, 30, seed=1), whole)


def test_weights_of_too_narrow_a_posterior_are_flagged():
    """A proposal with a twelfth of the variance has weights of infinite variance; the exact one has equal weights."""
    x = data(40)
    assert diagnostics.importance_weighted_evidence(weights(x, 1000, width=1 / 12)).infinite_variance > 0.9
    assert diagnostics.importance_weighted_evidence(weights(x, 1000, width=2.0)).infinite_variance < 0.1
    few = diagnostics.importance_weighted_evidence(weights(x, 20, width=1 / 12))
    assert few.infinite_variance is None
    assert few.unreliable is None
    equal = diagnostics.importance_weighted_evidence(np.full((5, 100), -3.0))
    assert (equal.value, equal.error, equal.bias, equal.effective) == pytest.approx((-3, 0, 0, 100))
    assert equal.infinite_variance == 0


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_pareto_k_of_pareto_weights(shape):
    uniform = np.random.default_rng(0).uniform(size=(200, 4000))
    found = diagnostics.pareto_k(-shape * np.log(uniform))  # w = U^(−k)
    assert np.median(found) == pytest.approx(shape, abs=0.05)
    assert np.isnan(diagnostics.pareto_k(np.zeros((3, 20)))).all()


def test_invalid_weights_raise():
    with pytest.raises(InputError, match="images ≥ 2, samples ≥ 2"):
        diagnostics.importance_weighted_evidence(np.zeros((5, 1)))
    with pytest.raises(InputError, match="finite"):
        diagnostics.importance_weighted_evidence(np.full((5, 3), np.inf))
    with pytest.raises(InputError, match="at least 1"):
        weights(data(3), 0)
