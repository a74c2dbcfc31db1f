"""Drawers, by the data of what they drew."""

import shutil

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_vae.plots import run_figures, visuals


@pytest.fixture
def ax():
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.subplots()


def test_circles_have_the_geometric_average_as_their_radius(ax):
    mean, std = np.array([[1.0, 2.0]]), np.array([[0.5, 2.0]])
    circles = visuals.posterior_circles(ax, mean, std, np.zeros((1, 3)))
    np.testing.assert_allclose(circles.get_offsets(), mean)
    # r² = σₓ σᵧ = 1, so the diameter is 2, in data units
    assert (circles.get_widths()[0], circles.get_heights()[0]) == (2.0, 2.0)
    visuals.move_circles(circles, mean + 1, std, ellipses=True)
    assert (circles.get_widths()[0], circles.get_heights()[0]) == (1.0, 4.0)
    np.testing.assert_allclose(circles.get_offsets(), mean + 1)


def test_circles_are_drawn_in_data_units(ax):
    """On the canvas a circle is as wide as its diameter says, wherever the axes lie."""
    ax.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    visuals.posterior_circles(ax, np.zeros((1, 2)), np.ones((1, 2)), np.zeros((1, 3)), fill=1.0, line=0.0)
    ax.set_axis_off()
    ax.figure.canvas.draw()
    pixels = np.asarray(ax.figure.canvas.buffer_rgba())[..., 0]
    black = (pixels < 128).any(axis=0).sum()
    assert black == pytest.approx(ax.get_window_extent().width / 2, abs=2)


def test_labels_choose_colours():
    colors = visuals.label_colors(np.array([0, 1, 0, 11]), 4)
    np.testing.assert_array_equal(colors[0], colors[2])
    np.testing.assert_array_equal(colors[1], colors[3])  # the tenth and on begin anew
    assert len(np.unique(visuals.label_colors(np.arange(10), 10), axis=0)) == 10


def test_rings_of_the_prior(ax):
    assert [ring.radius for ring in visuals.prior_rings(ax, 3.0)] == [1, 2]
    assert [ring.radius for ring in visuals.prior_rings(ax, 4.0)] == [1, 2, 3]


def test_tiles_lie_row_by_row_with_gaps():
    images = np.arange(1, 6)[:, None, None] * np.ones((5, 2, 3))
    canvas = visuals.tile(images, columns=3, gap=1)
    assert canvas.shape == (2 * 2 + 1, 3 * 3 + 2)
    assert canvas[0, 0] == 1
    assert canvas[0, 4] == 2
    assert canvas[3, 0] == 4
    assert canvas[0, 3] == canvas[2, 0] == 0
    assert canvas[-1, -1] == 0  # the sixth is missing
    assert visuals.tile(np.ones((2, 4, 4, 3)), 2).shape == (4, 9, 3)
    assert visuals.tile(np.ones((2, 4, 4, 1)), 2).shape == (4, 9)


def test_curves_draw_the_test_dashed_in_its_partners_colour(ax):
    epochs = np.arange(1, 4)
    lines = visuals.curves(ax, epochs, {"loss": epochs * 2.0, "test loss": epochs * 3.0})
    np.testing.assert_array_equal(lines[1].get_ydata(), epochs * 3.0)
    assert lines[0].get_color() == lines[1].get_color()
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_scatter_shows_every_point(ax):
    mean = np.random.default_rng(0).normal(size=(30, 2))
    (points,) = visuals.latent_scatter(ax, mean, np.arange(30) % 3, 3.0, (4, 7))
    drawn = np.asarray(points.get_offsets())
    np.testing.assert_allclose(drawn[np.lexsort(drawn.T)], mean[np.lexsort(mean.T)])
    assert ax.get_xlabel() == "latent unit 4"
    assert len(ax.get_legend().get_texts()) == 3


def test_stills_are_the_frames_of_the_video(toy_run, tmp_path):
    from matplotlib.image import imread

    from keras_vae import Run
    from keras_vae.plots import video

    shutil.copytree(toy_run.path, tmp_path / "run")
    path = run_figures.trajectory_stills(Run(tmp_path / "run"), "stills", (0, 3), (0, 1, 3))
    row = imread(path)
    part = video.select(toy_run.trajectory, (0, 3), run_figures._plane(toy_run))
    painter = video.Painter(part, title=toy_run.title)
    for k, frame in enumerate((0, 3, 9)):
        expected = painter.paint(frame)[..., :3] / 255
        np.testing.assert_allclose(row[:, k * 720 : (k + 1) * 720, :3], expected, atol=1 / 255)
    assert not np.array_equal(row[:, :720], row[:, 720:1440])


def test_gallery_figures_show_the_runs_arrays(toy_run):
    with visuals.style():
        losses = run_figures.losses(toy_run)
        np.testing.assert_allclose(losses.axes[0].lines[0].get_ydata(), toy_run.history["loss"])
        np.testing.assert_allclose(losses.axes[1].lines[1].get_ydata(), toy_run.history["val_kl"])
        latent = run_figures.latent(toy_run).axes[0]
        assert sum(len(c.get_offsets()) for c in latent.collections) == 40
        manifold = run_figures.manifold(toy_run).axes[0].images[0].get_array()
        assert manifold.shape == (20 * 8, 20 * 8)
        np.testing.assert_allclose(manifold[:8, :8], toy_run.arrays("manifold")["images"][0], atol=1e-6)
