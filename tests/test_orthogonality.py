"""Distance to orthogonality of decoders whose singular vectors are known."""

import itertools

import numpy as np
import pytest

from keras_vae import InputError, diagnostics

RNG = np.random.default_rng(0)
FRAME = np.linalg.qr(RNG.standard_normal((12, 4)))[0].T  # four orthonormal images of twelve pixels


def rotation(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def linear(matrix: np.ndarray, **options) -> diagnostics.Orthogonality:
    """Of a linear decoder; the rows of the matrix are the columns of J."""
    z = RNG.standard_normal((3, len(matrix)))
    return diagnostics.distance_to_orthogonality(lambda z: (0.5 + z @ matrix).reshape(-1, 4, 3), z, **options)


def closed_form(degrees: np.ndarray | float) -> np.ndarray:
    """Of two units: the angle to the nearest axis counts."""
    nearest = np.abs((np.asarray(degrees) + 45.0) % 90.0 - 45.0)
    return 2.0 * np.sqrt(2.0) * np.sin(np.radians(nearest) / 2.0)


@pytest.mark.parametrize("degrees", [0.0, 1.0, 30.0, 45.0, 60.0, 89.0, 135.0, 200.0])
def test_rotated_singular_directions_have_the_distance_of_their_angle(degrees):
    found = linear(rotation(degrees) @ np.diag([3.0, 1.0]) @ FRAME[:2])
    np.testing.assert_allclose(found.distances, np.full(3, closed_form(degrees)), atol=1e-4)
    assert found.distance == pytest.approx(closed_form(degrees), abs=1e-4)
    np.testing.assert_allclose(found.singular_ratios, np.full(3, 1 / 3), rtol=1e-4)


def test_the_distance_of_a_random_rotation_and_the_largest_one():
    """The mean over θ is 2√2 · (8/π) (1 − cos π/8), the largest 2√2 sin π/8."""
    assert closed_form(45.0) == pytest.approx(1.0824, abs=1e-4)
    mean = closed_form(np.linspace(0, 360, 100_001)).mean()
    assert mean == pytest.approx(0.5483, abs=1e-4)
    assert mean == pytest.approx(2 * np.sqrt(2) * 8 / np.pi * (1 - np.cos(np.pi / 8)), abs=1e-4)


def test_the_cosine_is_that_of_the_columns():
    """For J = U Σ Vᵀ with V rotated by θ, JᵀJ has the elements of V Σ² Vᵀ."""
    a, b, angle = 3.0, 1.0, np.radians(20.0)
    first = a**2 * np.cos(angle) ** 2 + b**2 * np.sin(angle) ** 2
    second = a**2 * np.sin(angle) ** 2 + b**2 * np.cos(angle) ** 2
    inner = (a**2 - b**2) * np.sin(angle) * np.cos(angle)
    found = linear(rotation(20.0) @ np.diag([a, b]) @ FRAME[:2])
    assert found.cosine == pytest.approx(inner / np.sqrt(first * second), rel=1e-4)


@pytest.mark.parametrize("units", [2, 3, 4])
def test_permuted_and_mirrored_units_are_orthogonal(units):
    for order in itertools.permutations(range(units)):
        signs = RNG.choice([-1.0, 1.0], units)
        scales = np.array([4.0, 0.5, 2.0, 1.0])[:units]
        found = linear((np.diag(signs * scales) @ FRAME[:units])[list(order)])
        assert found.distance == pytest.approx(0.0, abs=1e-4)
        assert found.cosine == pytest.approx(0.0, abs=1e-4)


def test_the_nearest_signed_permutation_is_that_of_an_exhaustive_search():
    matrix = RNG.standard_normal((4, 12))
    v = np.linalg.svd(matrix, full_matrices=False)[0]
    candidates = [
        np.eye(4)[list(order)] * np.array(signs)
        for order in itertools.permutations(range(4))
        for signs in itertools.product((-1, 1), repeat=4)
    ]
    expected = min(np.linalg.norm(v - candidate) for candidate in candidates)
    assert linear(matrix).distance == pytest.approx(expected, abs=1e-4)


def test_a_scale_of_the_images_changes_nothing_and_one_of_a_unit_only_the_distance():
    matrix = rotation(25.0) @ np.diag([2.0, 1.0]) @ FRAME[:2]
    found, larger, uneven = linear(matrix), linear(30.0 * matrix), linear(np.diag([3.0, 1.0]) @ matrix)
    assert larger.distance == pytest.approx(found.distance, rel=1e-3)
    assert larger.cosine == pytest.approx(found.cosine, rel=1e-3)
    assert uneven.cosine == pytest.approx(found.cosine, rel=1e-3)
    assert abs(uneven.distance - found.distance) > 0.1


def test_nearly_equal_singular_values_are_reported():
    """V is rotated by 45°, but the columns are orthogonal within 1 %: the cosine shows it, the distance does not."""
    found = linear(rotation(45.0) @ np.diag([1.01, 1.0]) @ FRAME[:2])
    assert found.distance == pytest.approx(closed_form(45.0), abs=0.01)
    assert found.cosine == pytest.approx(0.01, abs=1e-3)
    assert found.singular_ratios.min() > 0.98


def test_equal_singular_values_have_orthogonal_columns():
    assert linear(FRAME[:3]).cosine == pytest.approx(0.0, abs=1e-4)
    assert diagnostics.distance_to_orthogonality(lambda z: 5.0 * z, np.zeros((2, 3))).distance == 0.0


def test_units_without_effect_are_left_out():
    matrix = rotation(30.0) @ np.diag([3.0, 1.0]) @ FRAME[:2]
    padded = np.vstack([np.zeros(12), matrix[:1], np.zeros((2, 12)), matrix[1:]])
    assert linear(padded).distance == pytest.approx(closed_form(30.0), abs=1e-4)
    assert linear(padded, units=[1, 4]).distance == pytest.approx(closed_form(30.0), abs=1e-4)
    found = linear(padded, units=[0, 4])
    assert np.isnan([found.distance, found.cosine, found.distance_error, *found.distances]).all()


def test_points_where_the_decoder_stands_still_do_not_count():
    """Of a decoder that is constant for negative z, the points with positive z have a distance."""
    matrix = rotation(30.0) @ np.diag([3.0, 1.0]) @ FRAME[:2]
    z = np.array([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0]])
    found = diagnostics.distance_to_orthogonality(lambda z: np.maximum(z, 0.0) @ matrix, z)
    assert np.isnan(found.distances).tolist() == [False, True, False]
    assert found.distance == pytest.approx(closed_form(30.0), abs=1e-4)
    assert found.distance_error == pytest.approx(0.0, abs=1e-4)


def test_the_mean_over_points_of_a_curved_decoder():
    """Polar coordinates are orthogonal everywhere; turned by 45° they are so nowhere but where r = 1."""

    def decode(z):
        return np.stack([z[:, 0] * np.cos(z[:, 1]), z[:, 0] * np.sin(z[:, 1])], axis=1)

    z = np.column_stack([RNG.uniform(1.5, 3, 50), RNG.uniform(0, 6, 50)])
    assert diagnostics.distance_to_orthogonality(decode, z, step=0.005).cosine < 1e-3
    turned = diagnostics.distance_to_orthogonality(lambda z: decode(z @ rotation(45.0)), z @ rotation(-45.0))
    np.testing.assert_allclose(turned.distances, np.full(50, closed_form(45.0)), atol=2e-3)
    r = z[:, 0]
    np.testing.assert_allclose(turned.cosines, (r**2 - 1) / (r**2 + 1), atol=2e-3)
    assert turned.cosine == pytest.approx(turned.cosines.mean())
    assert turned.cosine_error == pytest.approx(turned.cosines.std(ddof=1) / np.sqrt(50))


def test_one_unit_and_fewer_pixels_than_units_are_refused():
    with pytest.raises(InputError, match="z: expected at least 2 units; received 1"):
        diagnostics.distance_to_orthogonality(lambda z: z, np.zeros((2, 1)))
    with pytest.raises(InputError, match="decode: expected images of at least 3 pixels, one for each unit; received 2"):
        diagnostics.distance_to_orthogonality(lambda z: z[:, :2], np.zeros((2, 3)))
    with pytest.raises(InputError, match="units: expected different units"):
        diagnostics.distance_to_orthogonality(lambda z: z, np.zeros((2, 3)), units=[1, 1])
