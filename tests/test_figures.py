"""Drawers and the figures of a run, tested by the data of their artists; the palette."""

import json
import re
import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from keras_vae import InputError, Run
from keras_vae._utils import palette
from keras_vae.plots import figure_registry, layout, run_figures, visuals


@pytest.fixture
def ax():
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.subplots()


def test_posterior_circles_have_the_geometric_mean_as_radius(ax):
    mean, std = np.array([[1.0, 2.0]]), np.array([[0.5, 2.0]])
    circles = visuals.posterior_circles(ax, mean, std, np.zeros((1, 3)))
    np.testing.assert_allclose(circles.get_offsets(), mean)
    # r² = σₓ σᵧ = 1, so the diameter is 2, in data units
    assert (circles.get_widths()[0], circles.get_heights()[0]) == (2.0, 2.0)
    visuals.move_circles(circles, mean + 1, std, ellipses=True)
    assert (circles.get_widths()[0], circles.get_heights()[0]) == (1.0, 4.0)
    np.testing.assert_allclose(circles.get_offsets(), mean + 1)


def test_posterior_circles_are_drawn_in_data_units(ax):
    """On the canvas a circle is as wide as its diameter in data units."""
    ax.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    visuals.posterior_circles(ax, np.zeros((1, 2)), np.ones((1, 2)), np.zeros((1, 3)), fill=1.0, line=0.0)
    ax.set_axis_off()
    ax.figure.canvas.draw()
    pixels = np.asarray(ax.figure.canvas.buffer_rgba())[..., 0]
    black = (pixels < 128).any(axis=0).sum()
    assert black == pytest.approx(ax.get_window_extent().width / 2, abs=2)


def test_label_colors_repeat_after_the_palette():
    colors = visuals.label_colors(np.array([0, 1, 0, 11]), 4)
    np.testing.assert_array_equal(colors[0], colors[2])
    np.testing.assert_array_equal(colors[1], colors[3])  # label 11 is label 1 modulo 10
    assert len(np.unique(visuals.label_colors(np.arange(10), 10), axis=0)) == 10


def test_prior_rings(ax):
    assert [ring.radius for ring in visuals.prior_rings(ax, 3.0)] == [1, 2]
    assert [ring.radius for ring in visuals.prior_rings(ax, 4.0)] == [1, 2, 3]


def test_tile_is_row_by_row_with_gaps():
    images = np.arange(1, 6)[:, None, None] * np.ones((5, 2, 3))
    canvas = visuals.tile(images, columns=3, gap=1)
    assert canvas.shape == (2 * 2 + 1, 3 * 3 + 2)
    assert canvas[0, 0] == 1
    assert canvas[0, 4] == 2
    assert canvas[3, 0] == 4
    assert canvas[0, 3] == canvas[2, 0] == 0
    assert canvas[-1, -1] == 0  # there is no sixth image
    assert visuals.tile(np.ones((2, 4, 4, 3)), 2).shape == (4, 9, 3)
    assert visuals.tile(np.ones((2, 4, 4, 1)), 2).shape == (4, 9)


def test_curves_of_test_images_are_dashed_in_the_same_colour(ax):
    epochs = np.arange(1, 4)
    lines = visuals.curves(ax, epochs, {"loss": epochs * 2.0, "test loss": epochs * 3.0})
    np.testing.assert_array_equal(lines[1].get_ydata(), epochs * 3.0)
    assert lines[0].get_color() == lines[1].get_color()
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
    (line,) = visuals.curves(ax, epochs, {"KL": epochs}, colors={"KL": palette.KL})
    assert line.get_color() == palette.KL


def test_a_single_epoch_is_drawn_as_markers_inside_the_axes(ax):
    train, test = visuals.curves(ax, np.array([1]), {"loss": np.array([2.0]), "test loss": np.array([3.0])})
    assert train.get_marker() == "o"
    assert (train.get_fillstyle(), test.get_fillstyle()) == ("full", "none")
    assert ax.get_xlim() == (0.5, 1.5)


def test_latent_scatter_draws_every_point(ax):
    mean = np.random.default_rng(0).normal(size=(30, 2))
    points = visuals.latent_scatter(ax, mean, np.arange(30) % 3, 3.0, (4, 7))
    drawn = np.asarray(points.get_offsets())
    np.testing.assert_allclose(drawn[np.lexsort(drawn.T)], mean[np.lexsort(mean.T)])
    assert ax.get_xlabel() == "latent unit 4"
    assert len(ax.get_legend().get_texts()) == 3


def test_points_have_the_marker_of_their_label_and_labels_their_names(ax):
    mean = np.repeat([[-2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], 9, axis=0)
    points = visuals.latent_scatter(ax, mean, np.repeat([0, 4, 9], 9), 3.0, (0, 1), [f"c{i}" for i in range(10)])
    corners = {
        tuple(color[:3]): len(path) for color, path in zip(points.get_facecolors(), points.get_paths(), strict=True)
    }
    expected = {to_rgb(palette.LABELS[label]): n for label, n in ((0, 26), (4, 4), (9, 13))}  # circle, wedge, plus
    assert corners == expected
    named = {text.get_text(): np.array(text.get_position()) for text in ax.texts if text.get_text()[0] == "c"}
    np.testing.assert_allclose(named["c0"], (-2, 0), atol=1e-3)  # the median
    np.testing.assert_allclose((named["c4"] + named["c9"]) / 2, (2, 0), atol=0.1)
    assert np.abs(named["c4"] - named["c9"]).max() > 0.1  # moved apart


def test_stills_are_frames_of_the_video(toy_run, tmp_path):
    from matplotlib.image import imread

    from keras_vae.plots import video

    shutil.copytree(toy_run.path, tmp_path / "run")
    path = run_figures.trajectory_stills(Run(tmp_path / "run"), "stills", (0, 3), (0, 1, 3))
    row = imread(path)
    part, note = video.prepared(toy_run.trajectory, (0, 3), run_figures._plane(toy_run))
    painter = video.Painter(part, title=toy_run.title, note=note)
    for k, frame in enumerate((0, 3, 9)):
        expected = painter.paint(frame)[..., :3] / 255
        np.testing.assert_allclose(row[:, k * 720 : (k + 1) * 720, :3], expected, atol=1 / 255)
    assert not np.array_equal(row[:, :720], row[:, 720:1440])
    captions = json.loads((tmp_path / "run" / "figures" / "captions.json").read_text())
    assert captions == {
        "stills": "Frames of the trajectory video at epochs 0, 1, 3: test images at the posterior means."
    }


def test_run_figures_show_the_arrays_of_the_run(toy_run):
    losses = run_figures.losses(toy_run)
    np.testing.assert_allclose(losses.axes[0].lines[0].get_ydata(), toy_run.history["loss"])
    np.testing.assert_allclose(losses.axes[1].lines[1].get_ydata(), toy_run.history["val_kl"])
    posteriors = run_figures.posteriors(toy_run).axes[0]
    assert sum(len(c.get_offsets()) for c in posteriors.collections) == 40
    manifold = run_figures.manifold(toy_run).axes[0].images[0].get_array()
    assert manifold.shape == (20 * 8, 20 * 8)
    np.testing.assert_allclose(manifold[:8, :8], toy_run.arrays("manifold")["images"][0], atol=1e-6)


# -- the registry -----------------------------------------------------------------------------------------------


def test_a_registered_figure_is_drawn_with_its_caption(toy_run, tmp_path, monkeypatch):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    figures = dict(run_figures.FIGURES)
    for module in (run_figures, figure_registry):
        monkeypatch.setattr(module, "FIGURES", figures)

    @run_figures.register("stds", "Posterior standard deviations")
    def stds(run: Run) -> Figure:
        figure, (ax,) = layout.panels(1, 1, (2, 2))
        ax.hist(np.exp(0.5 * run.arrays("encodings")["log_var"]).ravel())
        return figure

    run_figures.register("never", "Does not apply", applies=lambda run: False)(stds)
    drawn = run_figures.draw(run, video=False)
    assert [path.stem for path in drawn] == [
        "loss", "posteriors", "magnification", "manifold", "samples", "traversals", "reconstructions", "stds",
    ]  # fmt: skip
    captions = json.loads((run.path / "figures" / "captions.json").read_text())
    assert list(captions) == [path.stem for path in drawn]
    assert captions["stds"] == "Posterior standard deviations"
    with pytest.raises(InputError, match="no figure has yet"):
        run_figures.register("stds", "again")


def test_an_interrupted_drawing_is_completed(toy_run, tmp_path, monkeypatch):
    run, drawn, lines = Run(shutil.copytree(toy_run.path, tmp_path / "run")), [], []

    def registered(name: str, applies: bool = True) -> figure_registry.RunFigure:
        def draw(run: Run) -> Figure:
            drawn.append(name)
            if drawn == ["samples", "interrupted"]:
                raise KeyboardInterrupt
            return Figure((1, 1))

        return figure_registry.RunFigure(name, f"Figure {name}.", draw, lambda run: applies, "training")

    figures = {name: registered(name, name != "never") for name in ("samples", "interrupted", "last", "never")}
    for module in (run_figures, figure_registry):
        monkeypatch.setattr(module, "FIGURES", figures)
    with pytest.raises(KeyboardInterrupt):
        run_figures.draw(run, video=False)
    path = run.path / "figures" / "captions.json"
    assert json.loads(path.read_text()) == {"samples": "Figure samples."}
    for _ in range(2):
        assert run_figures.draw_what_is_missing(run, video=False, log=lines.append) == []
        assert drawn == ["samples", "interrupted", "interrupted", "last"]
    assert list(json.loads(path.read_text())) == ["samples", "interrupted", "last"]
    assert lines == [f"Drawing the missing figures of {run.path}"]


def test_captions_of_other_figures_are_kept_and_those_of_deleted_figures_removed(toy_run, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    run_figures.trajectory_stills(run, "stills", (0, 3), (0, 3), one_per_label=True)
    run_figures.draw(run, video=False)
    (run.path / "figures" / "samples.png").unlink()
    run_figures.trajectory_stills(run, "more", (0, 3), (0, 3))
    captions = json.loads((run.path / "figures" / "captions.json").read_text())
    assert list(captions) == [
        "loss", "posteriors", "magnification", "manifold", "traversals", "reconstructions", "stills", "more",
    ]  # fmt: skip
    assert "one test image of each label" in captions["stills"]


def test_captions_are_sentences_on_one_line():
    for name, figure in run_figures.FIGURES.items():
        assert figure.name == name
        assert "\n" not in figure.caption
        assert figure.caption.endswith(".")


# -- the palette --------------------------------------------------------------------------------------------------


def test_the_style_cycles_through_the_label_colours():
    with visuals.style():
        cycle = [to_hex(entry["color"]) for entry in mpl.rcParams["axes.prop_cycle"]]
    assert cycle == list(palette.LABELS)


def test_colours_stand_in_the_palette_alone():
    plots = Path(run_figures.__file__).parent
    found = [
        f"{path.name}: {color}"
        for path in sorted(plots.glob("*.py"))
        for color in re.findall(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|[\"']C\d[\"']", path.read_text(encoding="utf-8"))
    ]
    assert found == []


def lightness(color: str) -> float:
    """CIE L*, from 0 (black) to 100 (white)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 116 * np.dot([0.2126, 0.7152, 0.0722], linear) ** (1 / 3) - 16


def test_loss_and_its_parts_differ_in_greyscale():
    values = sorted(lightness(color) for color in (palette.LOSS, palette.KL, palette.RECONSTRUCTION))
    assert min(np.diff(values)) > 14


def test_distributions_have_different_colours():
    names = ("PRIOR", "AGGREGATE_POSTERIOR", "POSTERIOR", "UNIT_VARIANCE_POSTERIOR", "MUTUAL_INFORMATION")
    assert len({getattr(palette, name) for name in names}) == len(names)


def test_the_prior_has_one_colour_in_all_figures(ax):
    rings = visuals.prior_rings(ax, 3.0)
    shade = visuals.prior_density(ax, 3.0).get_array()
    assert {to_hex(ring.get_edgecolor()) for ring in rings} == {to_hex(shade[0, 0, :3])} == {palette.PRIOR}
