"""Figures of several runs, tested by the data of their artists."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from keras_vae import Config, Run, geometry
from keras_vae._utils import palette
from keras_vae.plots import study_figures


@pytest.fixture
def run(tmp_path) -> Run:
    """A run folder of four units, the last of which collapses; each image of a grid has its own grey value."""
    run = Run(tmp_path / "run")
    data = {"name": "noise", "digest": "0" * 64, "train": 9, "test": 60, "image_shape": [6, 6]}
    run.write_json(
        "config.json",
        {"config": Config("36-4", likelihood="bernoulli").model_dump(), "dataset": data, "backend": "tensorflow"},
    )
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(60, 4)) * [1, 2, 3, 0.01]
    run.write_arrays("encodings", mean=mean, log_var=np.zeros((60, 4)), labels=np.arange(60) % 3)
    for name, n, units in (("grid_3d", 5, (0, 1, 2)), ("grid_4d", 3, (0, 1, 2, 3))):
        count = n ** len(units)
        greys = np.arange(count)[:, None, None] / count * np.ones((1, 6, 6))
        run.write_arrays(name, units=np.array(units), side=np.array(n), images=greys)
    run.write_arrays("samples", images=rng.uniform(size=(100, 6, 6)), moment_matched=rng.uniform(size=(100, 6, 6)))
    epochs = np.arange(0.0, 6)
    var_mean = np.tile([1.0, 1.0, 1.0, 0.5], (6, 1))
    var_mean[3:, 3] = 0.001
    run.write_arrays(
        "unit_history", steps=np.arange(6), epochs=epochs, var_mean=var_mean, kl=var_mean, mean_var=var_mean
    )
    columns = {"mean_var": 0.4, "total_var": 1.1, "replacement_loss": 3.0}
    active = {v: {"active": v > 0.01, "active_by_variance": v > 0.01} for v in (0.2, 0.9, 0.5, 0.001)}
    units = [{**columns, "kl": 2 * v**0.5, "var_mean": v, **active[v]} for v in active]
    interpolation = {path: {"largest_step": 1.0} for path in ("linear", "spherical", "cross_fade")}
    run.write_json("evaluation.json", {"version": 8, "units": units, "codes": {}, "interpolation": interpolation})
    return run


def pictures(figure):
    return [image.get_array() for ax in figure.get_axes() for image in ax.images]


def test_slices_run_from_the_highest_value_to_the_lowest(run):
    figure = study_figures.slices({"a": run})
    shown = pictures(figure)
    assert len(shown) == 5
    for k, picture in enumerate(shown):
        assert picture[0, 0] == pytest.approx(25 * k / 125)
        assert picture[-1, -1] == pytest.approx((25 * k + 24) / 125)
    heights = [ax.get_title("left") for ax in figure.get_axes()]
    assert heights[0] == "unit 2 = +1.28"
    assert heights[2] == "unit 2 = 0"
    assert heights[4] == "unit 2 = −1.28"


def test_blocks_place_every_image_at_its_axis_labels(run):
    figure = study_figures.blocks({"a": run})
    ax = figure.get_axes()[0]
    (picture,) = pictures(figure)
    greys = run.arrays("grid_4d")["images"][:, 0, 0]
    z = geometry.latent_grid(3, (0, 1, 2, 3), np.zeros(4))
    columns = {text.get_text(): place for place, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)}
    rows = {text.get_text(): place for place, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}
    names = dict(zip(geometry.prior_quantiles(3).round(4), ("−0.97", "0", "+0.97"), strict=True))
    for grey, point in zip(greys, z, strict=True):
        a, b, c, d = (names[round(float(value), 4)] for value in point)
        offset = {"−0.97": -7, "0": 0, "+0.97": 7}  # an image of 6 pixels and a gap of 1
        x, y = columns[c] + offset[a], rows[d] - offset[b]
        assert picture[round(y), round(x)] == pytest.approx(grey)


def test_unit_bars_and_timelines(run):
    figure = study_figures.collapse("a", run)
    widths = [bar.get_width() for bar in figure.get_axes()[1].patches]
    assert widths == [0.9, 0.5, 0.2, 0.001]  # by decreasing KL
    faces = [to_hex(bar.get_facecolor()) for bar in figure.get_axes()[1].patches]
    assert faces == [palette.ACTIVE] * 3 + ["#ffffff"]  # the collapsed unit is hollow
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["active", "collapsed"]
    assert [text.get_text() for text in figure.get_axes()[0].get_yticklabels()] == [
        "unit 1",
        "unit 2",
        "unit 0",
        "unit 3",
    ]
    ax = study_figures.timelines({"a": run}).get_axes()[0]
    (crosses,) = ax.lines
    assert crosses.get_xdata().tolist() == [3.0]
    assert ax.get_yticklabels()[int(crosses.get_ydata()[0])].get_text() == "3"


def test_spaces_and_comparisons_show_the_most_varying_units(run):
    mean = run.arrays("encodings")["mean"]
    scatter = study_figures.comparison({"a": run, "b": run}).get_axes()[0].collections[-1].get_offsets()
    np.testing.assert_allclose(np.sort(scatter[:, 0]), np.sort(mean[:, 1]))
    np.testing.assert_allclose(np.sort(scatter[:, 1]), np.sort(mean[:, 2]))
    assert len(study_figures.spaces({"a": run}).get_axes()) == 1
    three = study_figures.samples({"a": run, "b": run, "c": run}).get_axes()
    assert [ax.get_subplotspec().colspan.start for ax in three] == [0, 1, 2]  # one row without an empty place


def test_spaces_of_learned_priors_have_no_rings(run, monkeypatch):
    assert study_figures.spaces({"a": run}).get_axes()[0].patches
    monkeypatch.setattr(Run, "has_learned_prior", True)
    assert not study_figures.spaces({"a": run}).get_axes()[0].patches


def test_seeds_and_factors(run):
    history = {"epoch": np.arange(1, 4), "val_loss": np.array([9.0, 5.0, 4.0])}
    figure = study_figures.seeds({"a": [history, {**history, "val_loss": history["val_loss"] + 1}], "b": [history]})
    first, second = figure.get_axes()
    assert len(first.lines) == 2
    assert first.texts[0].get_text() == "final 4.5 ± 0.71"
    assert second.texts[0].get_text() == "final 4.0"
    names = ["x", "y", "size"]
    figure = study_figures.factors({"a": run}, np.random.default_rng(0).uniform(size=(60, 3)), names)
    assert [ax.get_title("left") for ax in figure.get_axes()[:3]] == [f"coloured by {name}" for name in names]


def test_dynamics_planes_and_interpolations(run):
    run.write_history([{"epoch": e, "loss": 9.0 / e, "val_loss": 10.0 / e, "reconstruction": 8.0 / e,
                        "val_reconstruction": 9.0 / e, "kl": 1.0, "val_kl": 1.0} for e in (1, 2, 3)])  # fmt: skip
    loss = study_figures.dynamics({"a": run, "b": run}).get_axes()[0]
    assert [line.get_label() for line in loss.lines] == ["a", "test a", "b", "test b"]
    assert loss.lines[1].get_ydata().tolist() == [10.0, 5.0, 10 / 3]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["a", "b"]
    plane = study_figures.planes({"a": run}).get_axes()[0]
    variances = np.linalg.eigvalsh(np.cov(run.arrays("encodings")["mean"], rowvar=False))
    share = 100 * variances[-1] / variances.sum()
    assert plane.get_xlabel() == f"principal component 1 ({share:.0f} % of the variance)"
    greys = np.arange(11)[:, None, None, None] * np.ones((11, 4, 6, 6)) / 10
    run.write_arrays("interpolation", linear=greys, spherical=greys, cross_fade=1 - greys)
    shown = pictures(study_figures.interpolations({"a": run}, pairs=2))
    assert len(shown) == 2
    left = 6 + 3  # the first image and a gap
    linear, spherical, cross_fade = (shown[0][row, left:-left] for row in (1, 7 + 1, 14 + 1))
    assert linear[0] == spherical[0] == 0
    assert linear[-1] == spherical[-1] == 1
    assert cross_fade[0] == 1
    first, last = shown[0][8, :6], shown[0][8, -6:]  # the ends of the cross-fade are the images
    assert (first == 1).all()
    assert (last == 0).all()
    assert (shown[0][:, 6:9] == 0).all()  # the gap


def test_runs_of_different_lengths_are_drawn_over_their_own_epochs(run, tmp_path):
    def history(epochs):
        names = ("loss", "reconstruction", "kl")
        return [{"epoch": e, **{f"{p}{name}": 1.0 / e for name in names for p in ("", "val_")}} for e in epochs]

    shorter, autoencoder = Run(tmp_path / "shorter"), Run(tmp_path / "autoencoder")
    run.write_history(history((1, 2, 3)))
    shorter.write_history(history((1, 2)))
    rows = history((1,))
    autoencoder.write_history([{key: value for key, value in rows[0].items() if "kl" not in key}])
    loss, _, kl = study_figures.dynamics({"a": run, "b": shorter, "c": autoencoder}).get_axes()
    assert [line.get_xdata().tolist() for line in loss.lines[::2]] == [[1, 2, 3], [1, 2], [1]]
    assert loss.get_xlim() == (1, 3)
    assert len(kl.lines) == 4
    colors = [to_hex(line.get_color()) for line in loss.lines]
    assert colors[::2] == colors[1::2] == list(palette.LABELS[:3])
    # A run without a KL does not pass its colour on to the next one.
    kl = study_figures.dynamics({"a": run, "c": autoencoder, "b": shorter}).get_axes()[2]
    assert [to_hex(line.get_color()) for line in kl.lines[::2]] == [palette.LABELS[0], palette.LABELS[2]]


def test_more_runs_than_colours_differ_in_their_markers(run):
    run.write_history([{"epoch": e, **{f"{p}loss": 1.0 / e for p in ("", "val_")}} for e in range(1, 13)])
    loss = study_figures.dynamics({str(i): run for i in range(70)}).get_axes()[0]
    keys = loss.get_legend().legend_handles
    assert len({(to_hex(key.get_color()), key.get_marker()) for key in keys}) == 70
    assert {len(range(12)[:: line.get_markevery()]) for line in loss.lines} == {6}
    for train, test in zip(loss.lines[::2], loss.lines[1::2], strict=True):
        assert (train.get_color(), train.get_marker()) == (test.get_color(), test.get_marker())


def test_every_panel_has_grid_lines(run):
    """Matplotlib toggles them with every call that does not say which."""
    run.write_history([{"epoch": e, "loss": 1.0 / e, "val_loss": 1.0 / e} for e in (1, 2)])
    for n in (1, 2):
        figure = study_figures.dynamics({str(i): run for i in range(n)})
        assert figure.get_axes()[0].yaxis.get_gridlines()[0].get_visible()


def test_losses_of_rows_are_in_nats_per_row(run):
    run.write_history([{"epoch": 1, "loss": 1.0, "val_loss": 1.0}])
    for shape, unit in (([6, 6], "nats per image"), ([36], "nats per row")):
        run.write_json("config.json", run.config | {"dataset": run.config["dataset"] | {"image_shape": shape}})
        assert study_figures.dynamics({"a": run}).get_axes()[0].get_ylabel() == unit
