"""Generated images of tiles, compared with their factors."""

import numpy as np
import pytest

from keras_vae import InputError, load
from keras_vae.data.tiles import tiles


def test_a_tile_covers_its_area_around_its_centre():
    images, factors = tiles(200, seed=3)
    assert images.shape == (200, 28, 28)
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    x, y, size = factors.T
    mass = images.sum(axis=(1, 2))
    np.testing.assert_allclose(mass, size**2, rtol=1e-5)
    for along, position in ((images.max(axis=1), x), (images.max(axis=2), y)):
        first, last = (along > 0).argmax(axis=1), 27 - (along[:, ::-1] > 0).argmax(axis=1)
        rows = np.arange(200)
        np.testing.assert_allclose(first + 1 - along[rows, first], position - size / 2, atol=1e-5)
        np.testing.assert_allclose(last + along[rows, last], position + size / 2, atol=1e-5)
    assert size.min() >= 4
    assert size.max() <= 12


def test_tiles_depend_on_seed_side_and_sizes():
    np.testing.assert_array_equal(tiles(5, seed=1).images, tiles(5, seed=1).images)
    assert (tiles(5, seed=1).factors != tiles(5, seed=2).factors).any()
    images, factors = tiles(3, side=8, sizes=(8, 8))
    np.testing.assert_array_equal(images, np.ones((3, 8, 8)))
    np.testing.assert_array_equal(factors, np.tile([4, 4, 8], (3, 1)))
    with pytest.raises(InputError, match="sizes: expected"):
        tiles(3, side=8, sizes=(4, 9))
    with pytest.raises(InputError, match="at least one image"):
        tiles(0)


def test_load_tiles_2k(tmp_path):
    data = load("tiles-2k")
    assert data.x_train.shape == (1600, 28, 28)
    assert data.factors_test.shape == (400, 3)
    assert data.y_train is None
    assert load("tiles-2k").digest == data.digest
    # factors are read from files too
    np.savez(tmp_path / "a.npz", x_train=data.x_train, x_test=data.x_test, factors_test=data.factors_test)
    np.testing.assert_array_equal(load(tmp_path / "a.npz").factors_test, data.factors_test)
    np.savez(tmp_path / "b.npz", x_train=data.x_train, x_test=data.x_test, factors_test=data.factors_test[:3])
    with pytest.raises(InputError, match=r"expected numbers of shape \(400, factors\) in factors_test"):
        load(tmp_path / "b.npz")
