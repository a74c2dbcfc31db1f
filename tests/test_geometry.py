"""Grids, planes and limits."""

import numpy as np
import pytest

from keras_vae import geometry


def test_quantiles_have_equal_mass_between_them():
    q = geometry.prior_quantiles(4)
    draws = np.random.default_rng(0).standard_normal(200_000)
    np.testing.assert_allclose((draws[:, None] < q).mean(axis=0), [0.125, 0.375, 0.625, 0.875], atol=0.005)
    np.testing.assert_allclose(q, -q[::-1])


def test_a_grid_is_read_like_a_page():
    z = geometry.latent_grid(3, (0, 2), np.array([9.0, 5.0, 9.0]))
    q = geometry.prior_quantiles(3)
    assert z.shape == (9, 3)
    np.testing.assert_allclose(z[0], [q[0], 5.0, q[2]], rtol=1e-6)  # top left
    np.testing.assert_allclose(z[-1], [q[2], 5.0, q[0]], rtol=1e-6)  # bottom right
    assert geometry.latent_grid(4, (0,), np.zeros(1)).shape == (4, 1)


def test_the_liveliest_units():
    assert geometry.liveliest([0.1, 3.0, 0.0, 2.0]) == (1, 3)
    assert geometry.liveliest([0.0, 0.0, 0.0]) == (0, 1)
    assert geometry.liveliest([1.0]) == (0,)


def test_reach_counts_the_circle():
    assert geometry.reach(np.array([[-3.0, 1.0]])) == [3.0]
    assert geometry.reach(np.array([[-3.0, 1.0]]), np.array([[0.5, 2.0]])) == [4.0]


def test_a_trajectorys_limit_shows_all_points_in_most_frames():
    mean = np.zeros((100, 3, 2))
    mean[:, 1, 0] = 2.0
    mean[:3, 2, 1] = 50.0  # flung out in three frames of a hundred
    assert geometry.trajectory_limit(mean) == pytest.approx(2 * 1.06)
    mean[:, 2, 1] = 50.0
    assert geometry.trajectory_limit(mean) == pytest.approx(50 * 1.06)
    assert geometry.scatter_limit(np.array([[0.0, -2.0]] * 10)) == pytest.approx(2 * 1.06)


def test_grids_of_three_and_four_units_are_read_slice_by_slice_and_block_by_block():
    low, middle, high = geometry.prior_quantiles(3)
    z = geometry.latent_grid(3, (0, 1, 2), np.zeros(3)).reshape(3, 3, 3, 3)  # slice, row, column, units
    np.testing.assert_allclose(z[0, 0, 0], [low, high, high], rtol=1e-6)  # the highest slice, its top left
    np.testing.assert_allclose(z[0, 0, 2], [high, high, high], rtol=1e-6)
    np.testing.assert_allclose(z[2, 2, 1], [middle, low, low], rtol=1e-6, atol=1e-7)
    z = geometry.latent_grid(3, (4, 1, 2, 0), np.full(5, 9.0)).reshape(
        3, 3, 3, 3, 5
    )  # block row and column, row, column
    np.testing.assert_allclose(z[0, 0, 0, 0], [high, high, low, 9, low], rtol=1e-6)
    np.testing.assert_allclose(
        z[0, 2, 0, 0], [high, high, high, 9, low], rtol=1e-6
    )  # blocks to the right: the third unit
    np.testing.assert_allclose(z[2, 0, 0, 0], [low, high, low, 9, low], rtol=1e-6)  # blocks below: the fourth
    np.testing.assert_allclose(z[0, 0, 2, 0], [high, low, low, 9, low], rtol=1e-6)  # rows below: the second
    np.testing.assert_allclose(z[0, 0, 0, 2], [high, high, low, 9, high], rtol=1e-6)  # to the right: the first
    assert len(np.unique(z.reshape(-1, 5), axis=0)) == 81
