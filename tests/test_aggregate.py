"""Measures of the aggregate posterior against closed forms, quadrature and slow versions."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from keras_vae import InputError, diagnostics
from keras_vae.diagnostics import aggregate_posterior, encoding_audit, mean_discrepancy, unit_marginals
from keras_vae.diagnostics.aggregate_posterior import log_ratios


def encodings(n, d, total=1.0, own=0.3, seed=0):
    """Posteriors N(μ, own·I) whose population is N(0, total·I)."""
    rng = np.random.default_rng([seed, 99])
    return rng.normal(0, math.sqrt(total - own), (n, d)), np.full((n, d), math.log(own))


def gaussian_kl(d, total):
    return d / 2 * (total - 1 - math.log(total))


@pytest.mark.parametrize(
    ("d", "total"),
    [(2, 2.0), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((8, 1.0), (2, 1.0), (8, 1.5)))],
)
def test_the_interval_covers_the_population(d, total):
    inside = []
    for seed in range(40):
        found = diagnostics.aggregate_divergence(*encodings(300, d, total, seed=seed), seed=seed)
        low, high = found.interval
        inside.append(low <= gaussian_kl(d, total) <= high)
        assert found.information_low == pytest.approx(found.mean_kl - found.high)
        assert found.information_high == pytest.approx(found.mean_kl - found.low)
    assert np.mean(inside) >= 0.9  # of 40: 95 % less a standard error and a half


@pytest.mark.slow
def test_the_monte_carlo_error_has_its_nominal_coverage():
    """In one dimension KL(q_N ‖ p) is known by quadrature."""
    inside = []
    for seed in range(200):
        mean, log_var = encodings(60, 1, 1.5, own=0.1, seed=seed)
        exact = diagnostics.marginals(mean, log_var).kl[0]
        found = diagnostics.aggregate_divergence(mean, log_var, seed=seed)
        inside.append(abs(found.high - exact) < 1.96 * found.high_error)
    assert np.mean(inside) >= 0.91


def test_log_ratios_agree_with_a_slow_version():
    mean, log_var = encodings(30, 3, seed=4)
    log_var = log_var + np.random.default_rng(0).normal(0, 0.5, log_var.shape)
    z = np.random.default_rng(1).normal(size=mean.shape)
    own, others = (ratios[0] for ratios in log_ratios(mean, log_var, z))
    for i in range(30):
        densities = stats.norm.logpdf(z[i], mean, np.exp(0.5 * log_var)).sum(axis=1)
        densities -= stats.norm.logpdf(z[i]).sum()
        assert own[i] == pytest.approx(densities[i])
        assert others[i] == pytest.approx(math.log(np.exp(np.delete(densities, i)).sum()))


def two_clusters(n, seed):
    """Posteriors of two kinds in one unit, whose population is a mixture of two Gaussians."""
    rng = np.random.default_rng([seed, 98])
    left = rng.integers(0, 2, n) == 0
    variance = np.where(left, 0.3, 0.05)
    mean = np.where(left, -1.5, 1.5) + np.sqrt(np.where(left, 0.2, 0.6)) * rng.standard_normal(n)
    return mean[:, None], np.log(variance)[:, None]


def two_clusters_kl():
    def q(z):
        return 0.5 * stats.norm.pdf(z, -1.5, math.sqrt(0.5)) + 0.5 * stats.norm.pdf(z, 1.5, math.sqrt(0.65))

    return integrate.quad(lambda z: q(z) * (math.log(q(z)) - stats.norm.logpdf(z)), -9, 9, limit=200)[0]


POPULATIONS = {
    "two clusters": (two_clusters, two_clusters_kl()),
    "a Gaussian": (lambda n, seed: encodings(n, 2, 2.0, seed=seed), gaussian_kl(2, 2.0)),
}


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize(("components", "evaluated"), [(300, 60), (100, 60), (100, 100)])
def test_bounds_of_subsets_hold_and_have_their_nominal_errors(monkeypatch, population, components, evaluated):
    monkeypatch.setattr(aggregate_posterior, "MAX_COMPONENTS", components)
    monkeypatch.setattr(aggregate_posterior, "MAX_DRAWN_IMAGES", 100)
    monkeypatch.setattr(aggregate_posterior, "MAX_DENSITIES", 2 * components * evaluated)
    monkeypatch.setattr(aggregate_posterior, "MAX_BLOCK_COMPONENTS", 70)
    monkeypatch.setattr(aggregate_posterior, "CANDIDATE_COMPONENTS", (1, 5))
    draw, exact = POPULATIONS[population]
    found = [diagnostics.aggregate_divergence(*draw(300, seed), seed=seed) for seed in range(40)]
    assert (found[0].images, found[0].evaluated, found[0].fitted_images) == (components, evaluated, 100)
    inside = [low <= exact <= high for low, high in (f.interval for f in found)]
    assert np.mean(inside) >= 0.86  # of 40: 95 % less two and a half standard errors
    for name, sign in (("high", 1), ("low", -1)):
        values = np.array([getattr(f, name) for f in found])
        assert sign * (values.mean() - exact) > -3 * values.std() / math.sqrt(40)
        assert 0.6 < values.std() / np.mean([getattr(f, f"{name}_image_error") for f in found]) < 1.5


def test_the_error_of_a_subset_covers_the_value_of_all_images(monkeypatch):
    """Posteriors that do not overlap: the bound varies with the KL of the images, which is known for all of them."""
    mean, log_var = encodings(400, 32, own=0.25)
    log_var = log_var + np.random.default_rng(0).normal(0, 0.3, (400, 1))
    whole = diagnostics.aggregate_divergence(mean, log_var)
    monkeypatch.setattr(aggregate_posterior, "MAX_DENSITIES", 2 * 400 * 50)
    monkeypatch.setattr(aggregate_posterior, "CANDIDATE_COMPONENTS", (1,))
    deviations = []
    for seed in range(30):
        found = diagnostics.aggregate_divergence(mean, log_var, seed=seed)
        assert (found.images, found.evaluated, found.mean_kl) == (400, 50, whole.mean_kl)
        assert found.saturated
        deviations.append((found.high - whole.high) / found.high_error)
    assert np.std(deviations) < 1.4
    assert found.high_image_error < 1.1 * whole.high_image_error  # of 50 images: regression on the KL


def test_log_ratios_do_not_depend_on_blocks_or_on_the_images_drawn(monkeypatch):
    mean, log_var = encodings(50, 3, seed=4)
    z = np.random.default_rng(1).normal(size=(2, *mean.shape))
    whole = log_ratios(mean, log_var, z.reshape(-1, 3))
    images = np.random.default_rng(2).permutation(50)[:20]
    monkeypatch.setattr(aggregate_posterior, "MAX_BLOCK_COMPONENTS", 7)
    shares = []
    some = log_ratios(mean, log_var, z[:, images].reshape(-1, 3), images, shares.append)
    for a, b in zip(whole, some, strict=True):
        np.testing.assert_allclose(a[:, images], b, rtol=1e-12)
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (8, 1.0)


def test_intervals_are_ordered_and_not_negative():
    """Also for bounds that cross, and for a mean KL that was estimated below 0."""
    collapsed = diagnostics.audit(np.zeros((10, 2)), np.zeros((10, 2)), quiet=True)
    rng = np.random.default_rng(0)
    fields = ("low", "high", "fitted", "mean_kl", "low_image_error", "high_image_error", "fitted_error")
    for _ in range(300):
        values = dict(zip(fields, [*rng.normal(size=4), *rng.exponential(0.1, 3)], strict=True))
        divergence = collapsed.divergence._replace(**values)
        low, high = divergence.interval
        assert 0 <= low <= high <= max(divergence.mean_kl, 0)
        marginals = collapsed.marginals._replace(kl=rng.exponential(0.1, 2))
        found = dataclasses.replace(collapsed, divergence=divergence, marginals=marginals)
        low, high = found.total_correlation
        assert 0 <= low <= high
        information = next(line for line in str(found).splitlines() if line.startswith("I(x; z)"))
        assert "-" not in information
    near_prior = divergence._replace(low=-0.2, high=-0.1, fitted=-np.inf, low_image_error=0.0, high_image_error=0.0)
    assert near_prior.interval == (0, 0)


def test_collapsed_units_have_no_divergence():
    found = diagnostics.aggregate_divergence(np.zeros((200, 5)), np.zeros((200, 5)))
    assert (found.mean_kl, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-12)
    assert not found.saturated


def test_a_saturated_result_is_flagged():
    """The size of a usual audit: for an aggregate equal to the prior the bounds are beyond ±10 nats."""
    found = diagnostics.aggregate_divergence(*encodings(2000, 32, own=0.25))
    assert found.saturated
    assert found.high > 10 > -10 > found.low
    assert abs(found.fitted) < 1.5  # the fitted bound stays useful
    assert found.interval[0] < 0.5


def test_the_fitted_mixture_detects_a_divergence_where_the_result_is_saturated():
    rng = np.random.default_rng(0)
    mean = rng.choice([-1.0, 1.0], (2000, 32)) * 3 + rng.normal(0, 0.1, (2000, 32))
    mean[:, 1:] = mean[:, :1]  # one bit, repeated in 32 units
    found = diagnostics.aggregate_divergence(mean, np.full((2000, 32), math.log(0.1)))
    assert found.interval[0] > 50


def test_encodings_of_other_shapes_and_invalid_ones():
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
    """Two equal components per unit: N(m, s²) against N(0, 1)."""
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


MIXTURES = {  # means and standard deviations of the components
    "two": ([-1.0, 1.0], [0.5, 0.5]),
    "wide": ([-2.0, -2.0], [3.0, 3.0]),
    "narrow and wide": ([0.0, 0.3], [0.001, 2.0]),
    "forty": (
        np.random.default_rng(2).normal(0, 1.5, 40),
        np.exp(np.random.default_rng(3).normal(-1.5, 1.0, 40)),
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_distances_of_marginals_agree_with_their_closed_form(name):
    """F − Φ and its integral are known; the Wasserstein distance is a sum over the intervals between its zeros."""
    mean, std = map(np.array, MIXTURES[name])

    def gap(z):
        return stats.norm.cdf(np.asarray(z)[..., None], mean, std).mean(axis=-1) - stats.norm.cdf(z)

    def integral(z):
        t = (z - mean) / std
        of_mixture = np.mean((z - mean) * stats.norm.cdf(t) + std * stats.norm.pdf(t))
        return of_mixture - z * stats.norm.cdf(z) - stats.norm.pdf(z)

    grid = np.unique(np.concatenate([np.linspace(-35, 35, 70_001), *np.linspace(mean - 9 * std, mean + 9 * std, 200)]))
    values = np.concatenate([gap(part) for part in np.array_split(grid, 50)])
    signed = np.abs(values) > 1e-13  # not 0 but for rounding
    grid, values = grid[signed], values[signed]
    crossed = np.flatnonzero(values[:-1] * values[1:] < 0)
    zeros = [optimize.brentq(gap, grid[i], grid[i + 1], xtol=1e-13) for i in crossed]
    wasserstein = np.abs(np.diff([integral(z) for z in (-40.0, *zeros, 40.0)])).sum()
    k = np.abs(values).argmax()
    peak = optimize.minimize_scalar(
        lambda z: -abs(gap(z)), bounds=grid[[k - 1, k + 1]], method="bounded", options={"xatol": 1e-9}
    )
    found = diagnostics.marginals(mean[:, None], 2 * np.log(std)[:, None])
    assert found.kolmogorov_smirnov[0] == pytest.approx(-peak.fun, abs=1e-6)
    assert found.wasserstein[0] == pytest.approx(wasserstein, abs=1e-6)
    if name == "two":
        assert found.kolmogorov_smirnov[0] == pytest.approx(0.121478, abs=1e-6)
        assert found.wasserstein[0] == pytest.approx(0.247659, abs=1e-6)


def test_marginals_of_many_images_are_those_of_a_subset(monkeypatch):
    mean, log_var = encodings(3000, 3, total=2.0)
    whole = diagnostics.marginals(mean, log_var)
    assert whole.images == 3000
    monkeypatch.setattr(unit_marginals, "MIN_SUBSET_IMAGES", 100)
    monkeypatch.setattr(unit_marginals, "MAX_CODE_NUMBERS", 3 * 300)
    shares, values = [], []
    for seed in range(30):
        found = diagnostics.marginals(mean, log_var, seed, shares.append)
        assert found.images == 300
        values.append(found.kl)
        assert np.all(np.abs(found.kolmogorov_smirnov - whole.kolmogorov_smirnov) < 1.4 / math.sqrt(300))
    assert shares[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    ratio = np.std(values, axis=0) / found.kl_error
    assert np.all((ratio > 0.6) & (ratio < 1.4))


def test_the_density_of_components_of_very_different_widths():
    """Wide components are evaluated on coarser grids, without loss of precision."""
    rng = np.random.default_rng(3)
    mean, std = rng.normal(size=400), np.exp(rng.uniform(-7, 1, 400))
    grid, density = diagnostics.marginal_density(mean, std)
    some = rng.permutation(len(grid))[:2000]
    exact = stats.norm.pdf(grid[some, None], mean, std).mean(axis=1)
    assert std.max() / std.min() > 1000
    assert density[some] == pytest.approx(exact, abs=1e-10 * density.max())


def test_the_marginal_of_a_perfect_unit_is_near_the_prior_and_of_a_collapsed_one_equal():
    mean, log_var = encodings(5000, 1)
    mean, log_var = np.column_stack([mean, np.zeros(5000)]), np.column_stack([log_var, np.zeros(5000)])
    found = diagnostics.marginals(mean, log_var)
    assert 0 <= found.kl[0] < 0.005
    assert found.kl[1] < 1e-9
    assert found.kolmogorov_smirnov[0] < 0.02


def test_marginals_are_nan_where_no_grid_resolves_them():
    found = diagnostics.marginals(np.array([[0.0], [1.0]]), np.full((2, 1), -40.0))
    assert np.isnan(found.kl[0])
    assert found.variance[0] == pytest.approx(0.25)  # needs no grid


# -- two samples, radii ---------------------------------------------------------------------------------------------


def test_mmd_agrees_with_draws_and_its_error_covers():
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

    # The population: N(0, 2I) against N(0, I).
    exact = 2 / (2 + 4) - 2 * 2 / (2 + 3) + 2 / (2 + 2)
    inside = []
    for seed in range(100):
        found = diagnostics.mmd(*encodings(150, 2, total=2.0, seed=seed))
        inside.append(abs(found.value - exact) < 1.96 * found.error)
    assert np.mean(inside) >= 0.9


def test_mmd_does_not_depend_on_the_size_of_tiles(monkeypatch):
    mean, log_var = encodings(23, 3, total=2.0, seed=1)
    whole = diagnostics.mmd(mean, log_var)
    for side in (1, 4, 23):
        monkeypatch.setattr(mean_discrepancy, "MAX_TILE_NUMBERS", 3 * side**2)
        np.testing.assert_allclose(diagnostics.mmd(mean, log_var), whole, rtol=1e-9)


def test_mmd_of_the_prior_is_zero():
    values = [diagnostics.mmd(*encodings(200, 4, seed=seed)) for seed in range(20)]
    assert abs(np.mean([v.value for v in values])) < 3 * np.std([v.value for v in values]) / math.sqrt(20) + 1e-9
    collapsed = diagnostics.mmd(np.zeros((20, 4)), np.zeros((20, 4)))
    assert collapsed.value == pytest.approx(0, abs=1e-12)


def test_the_two_sample_test_detects_differences():
    perfect = diagnostics.classifier_two_sample_test(*encodings(1500, 4))
    assert abs(perfect.auc - 0.5) < 3 * perfect.error + 0.01
    wide = diagnostics.classifier_two_sample_test(*encodings(1500, 4, total=4.0))
    best = stats.f.sf(1 / 4, 4, 4)  # by the radius, the only difference: P(4 χ² > χ²′)
    assert best - 0.05 < wide.auc < best + 1.96 * wide.error
    ring = np.random.default_rng(0).normal(size=(1500, 2))
    ring = 2 * ring / np.linalg.norm(ring, axis=1, keepdims=True)  # right radius on average, wrong distribution
    assert diagnostics.classifier_two_sample_test(ring, np.full((1500, 2), -4.0)).auc > 0.7
    with pytest.raises(InputError, match="at least 20 images"):
        diagnostics.classifier_two_sample_test(np.zeros((9, 2)), np.zeros((9, 2)))


def test_memorised_posteriors_do_not_raise_the_auc():
    """Narrow posteriors: trees that were trained on the other draw of an image would recognise it."""
    found = diagnostics.classifier_two_sample_test(*encodings(1500, 2, own=1e-4))
    assert abs(found.auc - 0.5) < 3 * found.error + 0.02


@pytest.mark.slow
def test_the_error_of_the_auc_has_its_nominal_coverage():
    """Without a difference, ½ is within 1.96 errors at the rate of a two-sided test."""
    found = [diagnostics.classifier_two_sample_test(*encodings(60, 2, seed=seed), seed=seed) for seed in range(40)]
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


# -- the audit ------------------------------------------------------------------------------------------------------


def test_an_audit_as_text_and_as_json():
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


def test_an_audit_reports_the_subsets_that_it_used(monkeypatch):
    for module, name, value in (
        (encoding_audit, "MAX_CODE_NUMBERS", 3 * 500),
        (aggregate_posterior, "MAX_COMPONENTS", 400),
        (aggregate_posterior, "MAX_DENSITIES", 2 * 400 * 100),
        (aggregate_posterior, "MAX_DRAWN_IMAGES", 200),
        (unit_marginals, "MIN_SUBSET_IMAGES", 0),
        (unit_marginals, "MAX_CODE_NUMBERS", 3 * 300),
        (mean_discrepancy, "MAX_PAIRED_IMAGES", 50),
    ):
        monkeypatch.setattr(module, name, value)
    found = diagnostics.audit(*encodings(1000, 3))
    assert found.as_dict()["used"] == {
        "units": 500, "mixture": 400, "mixture_draws": 100, "fitted_mixture": 200, "marginals": 300, "mmd": 50,
        "two_sample_test": 500,
    }  # fmt: skip
    text = str(found)
    assert text.startswith("1,000 encodings of 3 units")
    assert "500 (units and radii), 400 (mixture), 100 (draws evaluated under it)" in text
    assert "400 images can show up to 5.99" in text
    without = found.as_dict()
    del without["used"]  # an audit of an earlier version
    assert diagnostics.describe(without) == "\n".join(
        line for line in text.splitlines() if "encodings used" not in line
    )
    assert diagnostics.audit(*encodings(40, 3)).used == {}


def test_an_audit_shows_its_progress_on_a_terminal_unless_it_is_quiet(monkeypatch, capsys):
    shown = []
    reporter = encoding_audit.ProgressReporter
    monkeypatch.setattr(reporter, "advance", lambda self, done, detail="": shown.append((done, self.console.quiet)))
    diagnostics.audit(*encodings(40, 3))
    done = [d for d, _ in shown]
    assert done == sorted(done)
    assert done[-1] == 6
    assert len(set(done)) > 12  # parts report shares of their work
    assert capsys.readouterr().out == ""  # not a terminal
    diagnostics.audit(*encodings(40, 3), quiet=True)
    assert shown[-1] == (6, True)


def test_an_audit_marks_measures_that_are_not_available():
    mean, log_var = encodings(12, 2)  # too few for a classifier
    log_var[0, 0] = -40  # too narrow for a grid
    found = diagnostics.audit(mean, log_var)
    text = str(found)
    assert text.count("not available") == 3
    assert found.as_dict()["separation"] is None
    assert found.as_dict()["total_correlation"] == [None, None]
