"""Typical sets: Monte-Carlo against closed forms, and the limits of the theorem."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from keras_vae import diagnostics
from keras_vae.diagnostics.typical_sets import ZERO_ENTROPY_VARIANCE


def test_the_deviation_is_the_same_for_every_gaussian():
    found = [diagnostics.typicality(variance, units=(2, 50, 800), draws=4000) for variance in (0.01, 1.0, 9.0)]
    for other in found[1:]:
        assert np.array_equal(other.deviation, found[0].deviation)
        assert np.array_equal(other.literal, found[0].literal)
    assert (np.abs(found[0].deviation - found[0].exact_deviation) < 4 * found[0].deviation_error).all()
    assert (np.abs(found[0].typical - found[0].exact_typical) < 0.03).all()


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_expected_deviation_by_quadrature(n):
    spread = stats.chi2(n)
    low, high = spread.ppf([1e-12, 1 - 1e-12])
    slow = integrate.quad(lambda r: abs(r / n - 1) / 2 * spread.pdf(r), low, high, points=[n], limit=300)[0]
    assert diagnostics.expected_deviation(n) == pytest.approx(slow, rel=1e-4)


def test_the_identity_holds_for_any_diagonal_gaussian():
    """−log q(z)/n − h = (χ²/n − 1)/2, also with one variance per unit."""
    rng = np.random.default_rng(0)
    mean, std, noise = rng.normal(size=50), np.exp(rng.normal(size=50)), rng.normal(size=50)
    density = stats.norm.logpdf(mean + std * noise, mean, std).sum()
    entropy = np.mean([diagnostics.gaussian_entropy(s**2) for s in std])
    assert -density / 50 - entropy == pytest.approx((np.square(noise).sum() / 50 - 1) / 2)


def test_the_density_itself_does_not_converge():
    found = diagnostics.typicality(1.0, units=(2, 20, 200, 800), draws=4000)
    assert (np.diff(found.deviation) < 0).all()
    assert (np.diff(np.log(found.literal)) > 1).all()  # "as a percent of the probability": ever farther from 0


def test_theorem_3_fails_for_negative_entropy():
    assert diagnostics.gaussian_entropy(ZERO_ENTROPY_VARIANCE) == pytest.approx(0, abs=1e-12)
    wide, narrow = (diagnostics.typicality(v, units=(10, 100, 800), draws=2000) for v in (1.0, 0.02))
    assert (np.diff(wide.log_difference) < -10).all()
    assert (np.diff(narrow.log_difference) > 10).all()  # differences of densities grow without bound
    near = diagnostics.typicality(ZERO_ENTROPY_VARIANCE * 1.0001, units=(50,), draws=2000)
    assert near.relative[0] > 100 * near.deviation[0]


def test_lemma_2_holds_from_some_n_on():
    n = diagnostics.min_typical_units(0.1)
    assert diagnostics.typical_probability(n, 0.1) > 0.9 >= diagnostics.typical_probability(n - 1, 0.1)
    assert 100 < n < 200
    slow = next(m for m in range(1, 1000) if all(diagnostics.typical_probability(k, 0.3) > 0.7 for k in range(m, 400)))
    assert diagnostics.min_typical_units(0.3) == slow
    assert diagnostics.min_typical_units(0.001, max_units=1000) is None
    spread = stats.chi2(3)
    assert diagnostics.typical_probability(3, 0.2) == pytest.approx(spread.cdf(4.2) - spread.cdf(1.8))
    assert math.isclose(diagnostics.typical_probability(3, 5.0), spread.cdf(33))


def test_pixel_entropy_of_known_images():
    """A pixel of ½ has ln 2, black and white ones have 0."""
    images = np.zeros((3, 2, 2))
    images[0, 0, 0], images[1] = 0.5, 1
    assert diagnostics.pixel_entropy(images) == pytest.approx(math.log(2) / 3)
