"""Overlap of distributions against closed forms, quadrature and slow versions."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from keras_vae import InputError, diagnostics
from keras_vae.diagnostics import mixture_density


def shares(means, log_vars=None, n=4000, seed=0):
    """Points of the prior and of a mixture, and log q/p at both."""
    rng = np.random.default_rng(seed)
    means = np.asarray(means, "float32")
    chosen = rng.integers(0, len(means), n)
    std = 1.0 if log_vars is None else np.exp(0.5 * np.asarray(log_vars)[chosen])
    points = rng.standard_normal((n, means.shape[1])), means[chosen] + std * rng.standard_normal((n, means.shape[1]))
    ratios = []
    for z in points:
        ratio = diagnostics.MixtureRatio(z)
        for i in range(0, len(means), 7):  # in batches
            ratio.add(diagnostics.Gaussians(means[i : i + 7], None if log_vars is None else log_vars[i : i + 7]))
        assert ratio.components == len(means)
        ratios.append(ratio.log_ratio)
    return points, ratios


@pytest.mark.parametrize("d", [1, 50, 3000])
def test_the_overlap_of_two_gaussians_depends_on_their_distance_only(d):
    mean = np.zeros((1, d), "float32")
    mean[0, :1] = 2.5
    expected = 2 * stats.norm.cdf(-1.25)
    assert diagnostics.gaussian_overlap(mean)[0] == pytest.approx(expected, rel=1e-6)
    _, ratios = shares(mean)
    estimate = diagnostics.overlap(*ratios)
    assert estimate.low < expected < estimate.high
    assert estimate.high - estimate.low < 0.06


@pytest.mark.parametrize("max_numbers", [2**26, 14])  # of the latter, two points at a time
def test_log_ratios_agree_with_a_slow_version(monkeypatch, max_numbers):
    monkeypatch.setattr(mixture_density, "MAX_RATIO_NUMBERS", max_numbers)
    rng = np.random.default_rng(1)
    means, log_vars = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    points, ratios = shares(means, log_vars, n=5)
    for z, ratio in zip(points, ratios, strict=True):
        for point, value in zip(z, ratio, strict=True):
            components = [
                math.exp(stats.norm.logpdf(point, m, math.e ** (0.5 * v)).sum())
                for m, v in zip(means, log_vars, strict=True)
            ]
            slow = math.log(np.mean(components)) - stats.norm.logpdf(point).sum()
            assert value == pytest.approx(slow, rel=1e-4, abs=1e-4)


def test_the_overlap_of_a_mixture_by_quadrature():
    means, log_vars = np.array([[-2.0], [0.5], [3.0]]), np.log(np.array([[0.2], [1.0], [0.5]]))

    def minimum(x):
        spread = zip(means.ravel(), log_vars.ravel(), strict=True)
        q = np.mean([stats.norm.pdf(x, m, math.exp(0.5 * v)) for m, v in spread])
        return min(q, stats.norm.pdf(x))

    exact = integrate.quad(minimum, -9, 9, limit=400)[0]
    _, ratios = shares(means, log_vars, n=20_000)
    estimate = diagnostics.overlap(*ratios)
    assert estimate.low < exact < estimate.high
    assert diagnostics.overlap_bound(*ratios).value == pytest.approx(exact, abs=0.02)  # with the right density as score


@pytest.mark.parametrize("distance", [2.0, 7.0])  # overlaps of 0.32 and of 0.0005
def test_the_interval_has_its_nominal_coverage(distance):
    expected = 2 * stats.norm.cdf(-distance / 2)
    inside = 0
    for seed in range(200):
        _, ratios = shares([[distance]], n=256, seed=seed)
        estimate = diagnostics.overlap(*ratios)
        inside += estimate.low <= expected <= estimate.high
    assert inside / 200 >= 0.95


def test_equal_and_disjoint_distributions():
    _, ratios = shares(np.zeros((1, 8)))
    assert diagnostics.overlap(*ratios).value == 1
    _, ratios = shares(np.full((1, 8), 40.0))
    estimate = diagnostics.overlap(*ratios)
    assert estimate.value < 1e-12
    assert estimate.low == 0 < estimate.high < 0.004
    bound = diagnostics.overlap_bound(*ratios)
    assert bound.value == 0 < bound.high < 0.003  # no error among 4,000 does not prove a rate of 0


def test_the_bound_holds_for_a_poor_score():
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal((2, 4000, 2))
    q = q + np.array([3.0, 0.0])
    exact = 2 * stats.norm.cdf(-1.5)
    good, poor = (diagnostics.overlap_bound(p @ w - 1.5, q @ w - 1.5) for w in ([1.0, 0.0], [0.5, 0.9]))
    assert good.low < exact < good.high
    assert exact < poor.low


def test_intervals_are_ordered_and_within_0_and_1():
    always_wrong = diagnostics.overlap_bound(np.ones(100), -np.ones(100))
    assert always_wrong == (1, 1, 1)
    rng = np.random.default_rng(0)
    for _ in range(200):
        scale, shift = rng.choice([0.1, 1.0, 100.0]), rng.normal()
        under_p, under_q = (scale * (rng.standard_normal(rng.integers(2, 50)) + s) for s in (-shift, shift))
        for estimate in (diagnostics.overlap(under_p, under_q), diagnostics.overlap_bound(under_p, under_q)):
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_a_mixture_equal_to_the_prior_overlaps_with_it_fully():
    """q(z | x) = N(μ, 1 − Var[μ]) with Gaussian μ: the population's mixture is the prior, that of few is not."""
    rng = np.random.default_rng(0)
    values = {}
    for n in (5, 4000):
        means = rng.normal(0, math.sqrt(0.5), (n, 2))
        _, ratios = shares(means, np.full((n, 2), math.log(0.5)))
        values[n] = diagnostics.overlap(*ratios).value
    assert values[4000] > 0.97
    assert values[5] < values[4000] - 0.08


def test_mixtures_without_components_or_with_other_units_raise():
    ratio = diagnostics.MixtureRatio(np.zeros((2, 3)))
    with pytest.raises(InputError, match="at least one component"):
        _ = ratio.log_ratio
    with pytest.raises(InputError, match="expected 3 units"):
        ratio.add(diagnostics.Gaussians(np.zeros((1, 2))))
