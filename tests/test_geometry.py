"""Grids, interpolation paths, projections and limits of views."""

import numpy as np
import pytest

from keras_vae import geometry


def test_quantiles_have_equal_mass_between_them():
    q = geometry.prior_quantiles(4)
    draws = np.random.default_rng(0).standard_normal(200_000)
    np.testing.assert_allclose((draws[:, None] < q).mean(axis=0), [0.125, 0.375, 0.625, 0.875], atol=0.005)
    np.testing.assert_allclose(q, -q[::-1])


def test_a_grid_is_in_reading_order():
    z = geometry.latent_grid(3, (0, 2), np.array([9.0, 5.0, 9.0]))
    q = geometry.prior_quantiles(3)
    assert z.shape == (9, 3)
    np.testing.assert_allclose(z[0], [q[0], 5.0, q[2]], rtol=1e-6)  # top left
    np.testing.assert_allclose(z[-1], [q[2], 5.0, q[0]], rtol=1e-6)  # bottom right
    assert geometry.latent_grid(4, (0,), np.zeros(1)).shape == (4, 1)


def test_most_varying_units():
    assert geometry.most_varying_units([0.1, 3.0, 0.0, 2.0]) == (1, 3)
    assert geometry.most_varying_units([0.0, 0.0, 0.0]) == (0, 1)
    assert geometry.most_varying_units([1.0]) == (0,)


def test_reach_includes_the_circle():
    assert geometry.reach(np.array([[-3.0, 1.0]])) == [3.0]
    assert geometry.reach(np.array([[-3.0, 1.0]]), np.array([[0.5, 2.0]])) == [4.0]


def test_a_view_of_points_has_a_margin():
    assert geometry.scatter_limit(np.array([[0.0, -2.0]] * 10)) == pytest.approx(2 * 1.06)


def test_grids_of_three_and_four_units_are_in_slices_and_blocks():
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


def test_paths_begin_and_end_at_the_given_points():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 2, 3))
    for path in (geometry.linear_path(a, b, 7), geometry.spherical_path(a, b, 7)):
        assert path.shape == (7, 5, 2, 3)
        np.testing.assert_allclose(path[0], a, atol=1e-6)
        np.testing.assert_allclose(path[-1], b, atol=1e-6)
    np.testing.assert_allclose(geometry.linear_path(a, b, 3)[1], (a + b) / 2, atol=1e-6)


def test_an_arc_has_constant_radius_and_even_angles():
    a, b = np.array([[3.0, 0, 0]]), np.array([[0, 3.0, 0]])
    arc = geometry.spherical_path(a, b, 10)[:, 0]
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(np.degrees(np.arctan2(arc[:, 1], arc[:, 0])), np.linspace(0, 90, 10), atol=1e-4)


@pytest.mark.parametrize("b", [[2.0, 0], [-2.0, 0], [0, 0]])
def test_undefined_arcs_are_replaced_by_lines(b):
    a, b = np.array([[1.0, 0]]), np.array([b])
    np.testing.assert_allclose(geometry.spherical_path(a, b, 5), geometry.linear_path(a, b, 5), atol=1e-6)


@pytest.mark.parametrize("units", [5, 800])
def test_the_principal_plane_contains_the_directions_of_largest_variance(units):
    rng = np.random.default_rng(0)
    codes = 0.01 * rng.normal(size=(400, units)) + 7.0
    along = 3 * rng.normal(size=400)
    codes[:, 1] += along
    codes[:, 4] += rng.normal(size=400)
    points, explained = geometry.principal_plane(codes.reshape(400, -1, 1))
    assert points.shape == (400, 2)
    assert abs(np.corrcoef(points[:, 0], along)[0, 1]) > 0.999
    np.testing.assert_allclose(explained, [0.9, 0.1], atol=0.03)
    # The origin of the latent space stays at (0, 0).
    pairwise = np.linalg.norm(points, axis=1)
    assert (pairwise <= np.linalg.norm(codes, axis=1) + 1e-6).all()


def test_units_of_feature_maps_are_numbered_in_flat_order():
    assert geometry.most_varying_units(np.array([[0.1, 3.0], [2.0, 0.0]])) == (1, 2)
    assert geometry.flat(np.zeros((3, 2, 2, 5))).shape == (3, 20)
