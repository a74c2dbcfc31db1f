"""The aggregate posterior against closed forms, quadrature and brute force: a perfect, a dead and a wrong one."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from keras_vae import InputError, diagnostics
from keras_vae.diagnostics import discrepancy


def encodings(n, d, total=1.0, own=0.3, seed=0):
    """Posteriors N(μ, own·I) whose population is N(0, total·I)."""
    rng = np.random.default_rng([seed, 99])
    return rng.normal(0, math.sqrt(total - own), (n, d)), np.full((n, d), math.log(own))


def gaussian_kl(d, total):
    return d / 2 * (total - 1 - math.log(total))


@pytest.mark.parametrize(("d", "total"), [(2, 1.0), (2, 2.0), (8, 1.0), (8, 1.5)])
def test_the_interval_holds_the_population(d, total):
    inside = []
    for seed in range(40):
        found = diagnostics.aggregate_divergence(*encodings(300, d, total, seed=seed), seed=seed)
        low, high = found.interval
        inside.append(low <= gaussian_kl(d, total) <= high)
        assert found.information_low == pytest.approx(found.mean_kl - found.high)
        assert found.information_high == pytest.approx(found.mean_kl - found.low)
    assert np.mean(inside) >= 0.9  # of 40: 95 % less a standard error and a half


def test_the_error_covers_the_mixture_at_hand_at_its_rate():
    """In one dimension quadrature knows KL(q_N ‖ p)."""
    inside = []
    for seed in range(200):
        mean, log_var = encodings(60, 1, 1.5, own=0.1, seed=seed)
        exact = diagnostics.marginals(mean, log_var).kl[0]
        found = diagnostics.aggregate_divergence(mean, log_var, seed=seed)
        inside.append(abs(found.high - exact) < 1.96 * found.high_error)
    assert np.mean(inside) >= 0.91


def test_agrees_with_the_slow_version():
    mean, log_var = encodings(30, 3, seed=4)
    log_var = log_var + np.random.default_rng(0).normal(0, 0.5, log_var.shape)
    z = np.random.default_rng(1).normal(size=mean.shape)
    from keras_vae.diagnostics.aggregate import log_ratios

    own, others = (ratios[0] for ratios in log_ratios(mean, log_var, z))
    for i in range(30):
        densities = stats.norm.logpdf(z[i], mean, np.exp(0.5 * log_var)).sum(axis=1)
        densities -= stats.norm.logpdf(z[i]).sum()
        assert own[i] == pytest.approx(densities[i])
        assert others[i] == pytest.approx(math.log(np.exp(np.delete(densities, i)).sum()))


def test_dead_units_are_the_prior():
    found = diagnostics.aggregate_divergence(np.zeros((200, 5)), np.zeros((200, 5)))
    assert (found.mean_kl, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-12)
    assert not found.saturated


def test_a_saturated_result_says_so():
    """As many units and images as an audit has: a perfect aggregate looks 13 nats off, or −13 and less."""
    found = diagnostics.aggregate_divergence(*encodings(2000, 32, own=0.25))
    assert found.saturated
    assert found.high > 10 > -10 > found.low
    assert abs(found.fitted) < 1.5  # which doesn't fall apart
    assert found.interval[0] < 0.5


def test_wrong_aggregates_are_found_by_the_fitted_mixture_even_where_saturated():
    rng = np.random.default_rng(0)
    mean = rng.choice([-1.0, 1.0], (2000, 32)) * 3 + rng.normal(0, 0.1, (2000, 32))
    mean[:, 1:] = mean[:, :1]  # one bit, said 32 times
    found = diagnostics.aggregate_divergence(mean, np.full((2000, 32), math.log(0.1)))
    assert found.interval[0] > 50


def test_isotropic_maps_and_refusals():
    mean, log_var = encodings(50, 4)
    whole = diagnostics.aggregate_divergence(mean.reshape(50, 2, 2), log_var[:, :1, None])
    assert whole == diagnostics.aggregate_divergence(mean, log_var)
    with pytest.raises(InputError, match="n ≥ 2"):
        diagnostics.aggregate_divergence(mean[:1], log_var[:1])
    with pytest.raises(InputError, match="broadcasts"):
        diagnostics.aggregate_divergence(mean, log_var[:, :3])
    with pytest.raises(InputError, match="finite"):
        diagnostics.aggregate_divergence(mean * np.nan, log_var)
    with pytest.raises(InputError, match="density"):
        diagnostics.aggregate_divergence(mean, None)


# -- marginals ----------------------------------------------------------------------------------------------------


def test_marginals_of_gaussians_in_closed_form():
    """One component a unit, twice: N(m, s²) against N(0, 1)."""
    mean, std = np.array([[0.0, 1.5, 0.0, -2.0]] * 2), np.array([[1.0, 1.0, 0.02, 3.0]] * 2)
    found = diagnostics.marginals(mean, 2 * np.log(std))
    m, s = mean[0], std[0]
    assert found.kl == pytest.approx(0.5 * (m**2 + s**2 - 1 - np.log(s**2)), abs=1e-6)
    assert found.wasserstein[1] == pytest.approx(1.5, rel=1e-5)  # a shift
    assert found.wasserstein[2] == pytest.approx(0.98 * math.sqrt(2 / math.pi), rel=1e-3)  # a scale
    assert found.kolmogorov_smirnov[1] == pytest.approx(2 * stats.norm.cdf(0.75) - 1, abs=1e-4)
    assert found.kolmogorov_smirnov[0] < 2e-4
    assert found.kurtosis == pytest.approx(np.zeros(4), abs=1e-9)
    assert found.variance == pytest.approx(s**2)


def test_marginals_of_a_mixture_by_quadrature():
    rng = np.random.default_rng(2)
    mean, std = rng.normal(0, 1.5, (40, 1)), np.exp(rng.normal(-2, 1.2, (40, 1)))
    found = diagnostics.marginals(mean, 2 * np.log(std))

    def q(x):
        return np.mean(stats.norm.pdf(x, mean.ravel(), std.ravel()))

    def cdf(x):
        return np.mean(stats.norm.cdf(x, mean.ravel(), std.ravel()))

    points = sorted(mean.ravel())
    edges = [-12, *points, 12]
    pieces = list(itertools.pairwise(edges))
    kl = sum(
        integrate.quad(lambda x: q(x) * (np.log(max(q(x), 1e-300)) - stats.norm.logpdf(x)), a, b, limit=200)[0]
        for a, b in pieces
    )
    wasserstein = sum(integrate.quad(lambda x: abs(cdf(x) - stats.norm.cdf(x)), a, b, limit=200)[0] for a, b in pieces)
    assert found.kl[0] == pytest.approx(kl, rel=1e-4)
    assert found.wasserstein[0] == pytest.approx(wasserstein, rel=1e-3)
    fine = np.linspace(-8, 8, 20_001)
    gap = max(abs(cdf(x) - stats.norm.cdf(x)) for x in fine)
    assert found.kolmogorov_smirnov[0] == pytest.approx(gap, abs=1e-3)
    z = (mean + std * rng.standard_normal((40, 200_000))).ravel()
    assert found.kurtosis[0] == pytest.approx(stats.kurtosis(z), abs=0.05)
    assert found.variance[0] == pytest.approx(z.var(), rel=0.01)


def test_the_density_of_components_of_very_different_widths():
    """Wide ones are laid on coarser grids: nothing of that is seen."""
    rng = np.random.default_rng(3)
    mean, std = rng.normal(size=400), np.exp(rng.uniform(-7, 1, 400))
    grid, density = diagnostics.marginal_density(mean, std)
    some = rng.permutation(len(grid))[:2000]
    exact = stats.norm.pdf(grid[some, None], mean, std).mean(axis=1)
    assert std.max() / std.min() > 1000
    assert density[some] == pytest.approx(exact, abs=1e-10 * density.max())


def test_a_perfect_marginal_is_near_the_prior_and_a_dead_one_is_it():
    mean, log_var = encodings(5000, 1)
    mean, log_var = np.column_stack([mean, np.zeros(5000)]), np.column_stack([log_var, np.zeros(5000)])
    found = diagnostics.marginals(mean, log_var)
    assert 0 <= found.kl[0] < 0.005
    assert found.kl[1] < 1e-9
    assert found.kolmogorov_smirnov[0] < 0.02


def test_what_no_grid_resolves_is_not_told():
    found = diagnostics.marginals(np.array([[0.0], [1.0]]), np.full((2, 1), -40.0))
    assert np.isnan(found.kl[0])
    assert found.variance[0] == pytest.approx(0.25)  # which needs no grid


# -- two samples, radii ---------------------------------------------------------------------------------------------


def test_mmd_agrees_with_draws_and_covers():
    mean, log_var = encodings(60, 2, total=2.0, own=0.4)
    log_var = log_var + np.linspace(-1, 1, 60)[:, None]
    found = diagnostics.mmd(mean, log_var)
    rng = np.random.default_rng(0)

    def kernel(a, b):
        return np.exp(-np.square(a[:, None] - b).sum(axis=-1) / 4)  # 2d = 4

    among, between = [], []
    for _ in range(3000):
        z, w = (mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape) for _ in range(2))
        pairs = kernel(z, w)
        among.append((pairs.sum() - np.trace(pairs)) / (60 * 59))
        between.append(kernel(z, rng.standard_normal((60, 2))).mean())
    slow = np.mean(among) - 2 * np.mean(between) + 1 / 2
    assert found.value == pytest.approx(slow, abs=0.0025)  # four standard errors of it

    # the population: N(0, 2I) against N(0, I)
    exact = 2 / (2 + 4) - 2 * 2 / (2 + 3) + 2 / (2 + 2)
    inside = []
    for seed in range(100):
        found = diagnostics.mmd(*encodings(150, 2, total=2.0, seed=seed))
        inside.append(abs(found.value - exact) < 1.96 * found.error)
    assert np.mean(inside) >= 0.9


def test_mmd_pairs_images_in_tiles_of_any_size(monkeypatch):
    mean, log_var = encodings(23, 3, total=2.0, seed=1)
    whole = diagnostics.mmd(mean, log_var)
    for side in (1, 4, 23):
        monkeypatch.setattr(discrepancy, "CHUNK", 3 * side**2)
        np.testing.assert_allclose(diagnostics.mmd(mean, log_var), whole, rtol=1e-9)


def test_mmd_of_the_prior_is_zero():
    values = [diagnostics.mmd(*encodings(200, 4, seed=seed)) for seed in range(20)]
    assert abs(np.mean([v.value for v in values])) < 3 * np.std([v.value for v in values]) / math.sqrt(20) + 1e-9
    dead = diagnostics.mmd(np.zeros((20, 4)), np.zeros((20, 4)))
    assert dead.value == pytest.approx(0, abs=1e-12)


def test_a_classifier_finds_what_there_is():
    perfect = diagnostics.classifier_auc(*encodings(1500, 4))
    assert abs(perfect.auc - 0.5) < 3 * perfect.error + 0.01
    wide = diagnostics.classifier_auc(*encodings(1500, 4, total=4.0))
    best = stats.f.sf(1 / 4, 4, 4)  # of the radius, which is all that differs: P(4 χ² > χ²′)
    assert best - 0.05 < wide.auc < best + 1.96 * wide.error
    ring = np.random.default_rng(0).normal(size=(1500, 2))
    ring = 2 * ring / np.linalg.norm(ring, axis=1, keepdims=True)  # right radius on average, wrong distribution
    assert diagnostics.classifier_auc(ring, np.full((1500, 2), -4.0)).auc > 0.7
    with pytest.raises(InputError, match="at least 20 images"):
        diagnostics.classifier_auc(np.zeros((9, 2)), np.zeros((9, 2)))


def test_remembered_places_gain_nothing():
    """Narrow posteriors, of a perfect population: trees that saw an image's other draw would recognise it."""
    found = diagnostics.classifier_auc(*encodings(1500, 2, own=1e-4))
    assert abs(found.auc - 0.5) < 3 * found.error + 0.02


def test_the_areas_error_covers():
    """Of classifiers that find nothing: ½ lies within 1.96 errors at the rate of a two-sided test."""
    found = [diagnostics.classifier_auc(*encodings(60, 2, seed=seed), seed=seed) for seed in range(40)]
    inside = np.mean([abs(f.auc - 0.5) < 1.96 * f.error for f in found])
    assert inside >= 0.86  # of 40: 95 % less two and a half standard errors


def test_radii_of_a_perfect_a_wide_and_a_narrow_population():
    perfect = diagnostics.radii(*encodings(4000, 16))
    assert perfect.typical == pytest.approx(0.95, abs=0.015)
    assert perfect.mean == pytest.approx(perfect.prior_mean, abs=0.04)
    assert perfect.kolmogorov_smirnov < 0.03
    assert abs(perfect.deviation) < 0.01
    wide, narrow = (diagnostics.radii(*encodings(4000, 16, total=t)) for t in (4.0, 0.35))
    assert wide.outside > 0.9
    assert narrow.inside > 0.7
    assert wide.deviation == pytest.approx(1.5, rel=0.05)
    assert wide.typical + wide.inside + wide.outside == pytest.approx(1)


# -- all of it ------------------------------------------------------------------------------------------------------


def test_the_audit_of_arrays_reads_as_text_and_json():
    import json

    mean, log_var = encodings(400, 3)
    mean[:, 2], log_var[:, 2] = 0, 0
    found = diagnostics.audit(mean, log_var)
    assert found.n_active == 2
    text = str(found)
    assert "400 encodings of 3 units, 2 of them active" in text
    assert "SATURATED" not in text
    again = json.loads(json.dumps(found.as_dict()))
    assert again["divergence"]["interval"][0] <= again["divergence"]["interval"][1]
    assert again["marginals"]["kl"][2] == pytest.approx(0, abs=1e-9)
    low, high = found.total_correlation
    assert 0 <= low <= high
    assert "SATURATED" in str(diagnostics.audit(*encodings(300, 32, own=0.05)))


def test_what_an_audit_can_not_tell_it_says():
    mean, log_var = encodings(12, 2)  # too few for a classifier
    log_var[0, 0] = -40  # too narrow for a grid
    found = diagnostics.audit(mean, log_var)
    text = str(found)
    assert text.count("not told") == 3
    assert found.as_dict()["separation"] is None
    assert found.as_dict()["total_correlation"] == [None, None]
