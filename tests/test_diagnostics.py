"""Unit statistics: a perfect, a dead and a redundant unit, and the slow version."""

import math

import numpy as np
import pytest

from keras_vae import InputError, diagnostics


def encodings(n=4000):
    """A perfect unit (mean and noise add to N(0, 1)), a dead one, and a copy of the first."""
    rng = np.random.default_rng(0)
    perfect = rng.normal(0, math.sqrt(0.9), n)
    mean = np.column_stack([perfect, np.zeros(n), perfect])
    log_var = np.log(np.tile([0.1, 1.0, 0.1], (n, 1)))
    return mean, log_var


def test_perfect_dead_and_redundant_units():
    kl, var_mean, mean_var, active, collapsed = diagnostics.units(*encodings())
    assert active.tolist() == [True, False, True]
    assert collapsed.tolist() == [False, True, False]
    assert kl[1] == 0
    # E[KL] = ½ (0.9 + 0.1 − 1 − ln 0.1)
    assert kl[0] == pytest.approx(-0.5 * math.log(0.1), rel=0.05)
    assert var_mean[0] + mean_var[0] == pytest.approx(1, rel=0.05)
    assert kl[2] == kl[0]


def test_agrees_with_the_slow_version():
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


def test_one_variance_for_all_units_and_none_at_all():
    mean, log_var = encodings()
    one = diagnostics.units(mean, log_var[:, :1])
    assert one.mean_var.tolist() == pytest.approx([0.1] * 3)
    none = diagnostics.units(mean, None)
    assert none.kl is None
    assert none.mean_var is None
    assert none.active.tolist() == [True, False, True]


def test_a_unit_that_says_nothing_without_being_the_prior_is_not_called_collapsed():
    statistics = diagnostics.units(np.zeros((9, 1)), np.full((9, 1), math.log(0.2)))
    assert not statistics.active[0]
    assert not statistics.collapsed[0]


def test_refusals():
    with pytest.raises(InputError, match="n above 0"):
        diagnostics.units(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(InputError, match="broadcasts to the mean's"):
        diagnostics.units(np.zeros((4, 2)), np.zeros((4, 3)))
