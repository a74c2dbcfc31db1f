"""Large images: the arrays of a run folder and of its page are bounded in bytes; those of small images are whole."""

import math

import numpy as np
import pytest

from keras_vae import Trajectory
from keras_vae._utils import memory
from keras_vae.runs import explorer_arrays, recording


@pytest.mark.parametrize(
    ("shape", "samples", "manifold", "grids"),
    [
        ((28, 28), 100, 20, (5, 3)),
        ((32, 32, 3), 100, 20, (5, 3)),
        ((64, 64, 3), 100, 20, (5, 3)),
        ((256, 256, 3), 25, 5, (2, 2)),
        ((2048, 2048, 3), 1, 1, (1, 1)),
    ],
)
def test_the_numbers_of_images_of_a_run_folder(shape, samples, manifold, grids):
    pixels = math.prod(shape)
    assert memory.kept_images(pixels, 100) == samples
    assert memory.kept_grid_side(pixels, 2, 20) == manifold
    assert (memory.kept_grid_side(pixels, 3, 5), memory.kept_grid_side(pixels, 4, 3)) == grids


@pytest.mark.parametrize("shape", [(28, 28), (64, 64, 3), (256, 256, 3), (300, 40), (3000, 5)])
def test_recorded_images_are_reduced_to_the_bound(shape, monkeypatch):
    monkeypatch.setattr(memory, "MAX_KEPT_IMAGES_BYTES", 1e6)
    images = np.random.default_rng(0).uniform(size=(20, *shape)).astype("float32")
    recorded = Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 20, 2), "float32"), images=images)
    kept = recording.kept(recorded)
    if images.nbytes <= 1e6:
        assert kept is recorded
        return
    assert kept.images.nbytes <= 1e6
    assert kept.images.dtype == "float32"
    assert kept.images.shape[0] == 20
    np.testing.assert_allclose(kept.images.mean(), images.mean(), rtol=0.02)


def test_reduced_images_are_means_over_blocks():
    images = np.arange(2 * 5 * 4, dtype="float32").reshape(2, 5, 4)
    reduced = recording._reduced(images, 2)
    assert reduced.shape == (2, 2, 2)
    assert reduced[0, 0, 0] == images[0, :2, :2].mean()
    assert reduced[1, 1, 1] == images[1, 2:4, 2:4].mean()


@pytest.mark.parametrize(
    ("shape", "side"), [((28, 28), 31), ((32, 32, 3), 31), ((256, 256, 3), 4), ((2048, 2048, 3), 2)]
)
def test_the_grid_of_a_page_is_bounded(shape, side):
    mean = np.random.default_rng(0).normal(size=(50, 3))
    limit, z = explorer_arrays._grid(mean, [0, 1, 2], math.prod(shape))
    assert z.shape == (side**2, 3)
    assert z[:, :2].min() == np.float32(-limit)
    assert len(explorer_arrays._grid(mean[:, :2], [0], math.prod(shape))[1]) >= side


def test_recorded_images_that_are_large_or_reduced_are_left_out_of_a_page():
    def arrays(shape, image_shape):
        images = np.zeros((20, *shape), "float32")
        trajectory = Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 20, 2), "float32"), images=images)
        return explorer_arrays._recorded(trajectory, [0, 1], image_shape)

    assert arrays((28, 28), (28, 28))["trajectory_images"].shape == (20, 28, 28)
    assert "trajectory_images" not in arrays((14, 14), (28, 28))
    assert "trajectory_images" not in arrays((500, 500), (500, 500))
