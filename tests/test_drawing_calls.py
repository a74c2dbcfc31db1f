"""Bad calls of functions that draw: every argument, damaged in every way, ends in an `InputError` or a picture."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_bad_calls import damages

from keras_vae import InputError, Trajectory
from keras_vae._utils.foreign_text import shortened
from keras_vae.diagnostics import UnitHistory
from keras_vae.plots import (
    audit_figures,
    bubble_figures,
    figure_registry,
    layout,
    rate_distortion,
    run_figures,
    seed_figures,
    space_3d,
    study_figures,
    thumbnails,
    video,
    visuals,
)
from keras_vae.plots.labels import MAX_LEGEND_KEYS

RNG = np.random.default_rng(0)
CODES, CODES_3D = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 3))
LABELS = np.arange(12) % 3
IMAGES = RNG.uniform(size=(6, 5, 4))
FRAMES = RNG.normal(size=(4, 3, 3))
GRID = np.linspace(-3, 3, 7)
DIVERGENCE = {"interval": [1.0, 2.0], "mean_kl": 3.0, "images": 100, "saturated": False}
CURVE = {"curve": {"1": -9.0, "10": -8.0}, "infinite_variance": None, "images": 9}
HISTORY = {"epoch": np.arange(1, 4), "val_loss": np.array([9.0, 5.0, 4.0])}
BOUNDS = {"epochs": np.arange(1, 4), "low": np.array([0.5, 0.4, 0.3]), "high": np.array([0.7, np.nan, 0.4])}


def on_axes(function: Callable) -> Callable:
    """A call of a function that draws on axes, and the drawing of the figure."""

    def call(**arguments) -> None:
        with visuals.style():
            figure = Figure(figsize=(2, 2))
            function(figure.subplots(), **arguments)
            FigureCanvasAgg(figure).draw()

    return call


def recording() -> Trajectory:
    return Trajectory(np.arange(4), np.arange(4) / 2, FRAMES, np.full_like(FRAMES, -2), labels=np.arange(3))


def unit_timeline(ax, **columns) -> None:
    visuals.unit_timeline(ax, UnitHistory(np.arange(3), np.arange(3.0), **columns))


CALLS: dict[str, tuple[Callable, dict[str, Any]]] = {
    "label_colors": (visuals.label_colors, {"labels": LABELS, "n": 12}),
    "label_keys": (visuals.label_keys, {"labels": LABELS, "max_keys": 3}),
    "view_limit": (visuals.view_limit, {"mean": CODES}),
    "prior_rings": (on_axes(visuals.prior_rings), {"limit": 3.0}),
    "prior_density": (on_axes(visuals.prior_density), {"limit": 3.0, "strength": 0.2}),
    "posterior_circles": (
        on_axes(visuals.posterior_circles),
        {"mean": CODES, "std": np.abs(CODES), "colors": np.abs(CODES_3D) / 4, "fill": 0.5, "line": 0.5},
    ),
    "latent_scatter": (
        on_axes(visuals.latent_scatter),
        {"mean": CODES, "labels": LABELS, "limit": 3.0, "units": (0, 1)},
    ),
    "principal_scatter": (on_axes(visuals.principal_scatter), {"codes": CODES_3D, "labels": LABELS}),
    "marker_size": (visuals.marker_size, {"n": 12}),
    "interpolations": (
        lambda **arguments: visuals.interpolations(Figure(), **arguments),
        {"images": {"linear": RNG.uniform(size=(5, 3, 4, 4))}, "pairs": 2},
    ),
    "square_view": (on_axes(visuals.square_view), {"limit": 3.0, "units": (0, 1)}),
    "image_grid": (on_axes(visuals.image_grid), {"images": IMAGES, "columns": 3, "gap": 1}),
    "tile": (visuals.tile, {"images": IMAGES, "columns": 3, "gap": 1}),
    "curves": (on_axes(visuals.curves), {"epochs": np.arange(1, 4), "lines": {"loss": np.arange(3.0)}}),
    "epoch_axis": (on_axes(visuals.epoch_axis), {"epochs": np.arange(1, 4)}),
    "unit_timeline": (on_axes(unit_timeline), {"var_mean": np.abs(FRAMES[:3, 0])}),
    "space_3d.limit": (space_3d.limit, {"mean": CODES_3D}),
    "Cloud": (on_axes(space_3d.Cloud), {"mean": CODES_3D, "labels": LABELS, "limit": 3.0, "units": (0, 1, 2)}),
    "Thumbnails": (thumbnails.Thumbnails, {"images": IMAGES, "colors": np.abs(CODES_3D[:6]) / 4, "side": 8}),
    "with_height_and_width": (thumbnails.with_height_and_width, {"images": IMAGES.reshape(6, -1)}),
    "Painter": (
        lambda **arguments: video.Painter(**arguments).paint(0),
        {"trajectory": recording(), "limit": 3.0, "size": 64, "fps": 30},
    ),
    "select": (video.select, {"trajectory": recording(), "epochs": (0.0, 1.0), "units": (0, 1)}),
    "panels": (layout.panels, {"n": 2, "columns": 2, "size": (2.0, 2.0)}),
    "parts": (lambda **arguments: layout.parts(Figure(), **arguments), {"rows": 1, "columns": 2}),
    "signed": (layout.signed, {"values": GRID}),
    "drawn_from": (study_figures.drawn_from, {"rows": {"test image": IMAGES}, "columns": 4}),
    "image_blocks": (
        on_axes(study_figures.image_blocks),
        {"images": RNG.uniform(size=(16, 4, 4)), "side": 2, "units": (0, 1, 2, 3)},
    ),
    "unit_bars": (
        on_axes(study_figures.unit_bars),
        {"values": np.abs(CODES[:, 0]), "active": LABELS > 0, "threshold": 0.5},
    ),
    "seeds": (study_figures.seeds, {"histories": {"784-2": [HISTORY]}}),
    **{f.__name__: (f, {"runs": {}}) for f in (study_figures.samples, study_figures.planes, study_figures.dynamics)},
    **{f"bubble_{f.__name__}": (f, {"runs": {}}) for f in (bubble_figures.to_scale, bubble_figures.radii)},
    "marginals": (
        on_axes(audit_figures.marginals),
        {"grid": GRID, "densities": np.ones((2, 7)), "units": np.array([4, 0])},
    ),
    "audit_figures.radii": (on_axes(audit_figures.radii), {"values": np.abs(GRID), "n_units": 2}),
    "kl_parts": (on_axes(audit_figures.kl_parts), {"divergence": DIVERGENCE}),
    "likelihood_curve": (on_axes(audit_figures.likelihood_curve), {"likelihood": CURVE}),
    "plane_density": (
        on_axes(audit_figures.plane_density),
        {"density": np.ones((4, 4)), "limit": 3.0, "highest": 1.0},
    ),
    "over_units": (
        audit_figures.over_units,
        {"series": {"2 layers": {2: {"AUC": np.array([0.6])}}}, "quantities": {"AUC": "AUC of a classifier"}},
    ),
    "divergence_over_epochs": (
        audit_figures.divergence_over_epochs,
        {"panels": {"d = 2": {"mixture": [BOUNDS]}}},
    ),
    "ends": (
        rate_distortion.ends,
        {
            "groups": {"d = 2": {"β = 1": CODES[:3] + 9, "β = 2": CODES[3:6] + 9}},
            "curves": {"d = 2": ["β = 1", "β = 2"]},
            "max_kl": 9.5,
        },
    ),
    "dots": (
        study_figures.dots,
        {"rows": {"β = 1": {"AUC": np.array([0.6, 0.7])}}, "quantities": {"AUC": "AUC of a classifier"}, "columns": 2},
    ),
    "published": (
        seed_figures.published,
        {
            "measured": {"784-400-20": np.array([105.1, 105.4])},
            "reference": {"784-400-20": 105.6},
            "title": "−ELBO, nats",
        },
    ),
    "unit_kl": (seed_figures.unit_kl, {"seeds": {"k = 1": np.array([[2.0, 0.1], [2.1, 0.2]])}}),
    "rings": (on_axes(bubble_figures.rings), {"d": 4, "norms": np.abs(GRID)}),
    "along_mean": (on_axes(bubble_figures.along_mean), {"d": 4, "norm": 1.0, "farthest": 2.0}),
    "overlap_by_dimension": (on_axes(bubble_figures.overlap_by_dimension), {"found": {}}),
    "register": (run_figures.register, {"name": "new", "caption": "A figure.", "section": "audit"}),
}
# Calls that need a run, or whose good arguments are long; only bad ones are listed.
ONLY_BAD = {"samples", "planes", "dynamics", "bubble_to_scale", "bubble_radii", "overlap_by_dimension"}
# Damages of which a picture can be drawn, by reason.
ANSWERED = {
    "epochs: infinity within",  # up to the last epoch
    *("title: no text", "reference: mapping"),  # of other names
    *("curves: None", "curves: empty", "max_kl: infinity"),  # without lines, without an end of the view
    *("labels: None", "epochs: None", "units: None", "limit: None", "threshold: None", "images: None"),  # optional
    *(f"{name}: {rows}" for name in ("mean", "codes", "images", "labels", "values", "epochs", "norms", "var_mean")
      for rows in ("one row", "one row less")),  # any number of rows
    *(f"density: {shape}" for shape in ("one row", "one row less", "one column less")),  # of a picture of any shape
    *("images: one column less", "images: one axis more", "codes: one column less", "var_mean: one column less"),
    "labels: strings",  # numbered in their order
    *("epochs: out of range", "threshold: negative"),  # negative numbers
    *(f"{name}: huge" for name in ("max_keys", "pairs", "n", "d")),  # without an upper limit
    *("gap: zero", "fps: fraction", "name: text", "caption: text"),
    *(f"values: {bad}" for bad in ("NaN", "infinity", "negative infinity")),  # of a unit whose loss is not known
    *(f"densities: {bad}" for bad in ("NaN", "infinity", "negative infinity")),  # of a unit without a density
}  # fmt: skip
MIN_CALLS = 500


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", sorted(CALLS.keys() - ONLY_BAD))
@pytest.mark.usefixtures("registries_restored")
def test_good_calls(name):
    function, good = CALLS[name]
    function(**good)


@pytest.mark.usefixtures("registries_restored")
@pytest.mark.parametrize("name", CALLS)
def test_bad_calls(name):
    function, good = CALLS[name]
    answered, raw = [], []
    for argument, value in good.items():
        for damage, bad in damages(argument, value).items():
            try:
                function(**good | {argument: bad})
            except InputError:
                pass
            except Exception as error:  # every other exception is what this test reports
                raw.append(f"{argument}: {damage}: {type(error).__name__}: {error}")
            else:
                answered.append(f"{argument}: {damage}")
    assert not raw, "\n".join(raw)
    assert set(answered) <= ANSWERED, sorted(set(answered) - ANSWERED)


def test_the_table_is_large():
    n = sum(len(damages(name, value)) for _, good in CALLS.values() for name, value in good.items())
    assert n >= MIN_CALLS


# -- extreme data that are valid ---------------------------------------------------------------------------------

ZEROS = np.zeros((5, 2))
NO_KL = {"interval": [0.0, 0.0], "mean_kl": 0.0, "images": 2, "saturated": False}


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (visuals.latent_plane, {"mean": ZEROS[:1], "labels": np.array([9999]), "units": (0, 1)}),
        (visuals.latent_plane, {"mean": ZEROS, "labels": None, "units": (0, 1)}),
        (visuals.principal_scatter, {"codes": np.ones((2, 5)), "labels": np.array(["a", "a"])}),
        (visuals.posterior_circles, {"mean": ZEROS, "std": ZEROS, "colors": np.zeros((5, 3))}),
        (visuals.image_grid, {"images": np.zeros((1, 1, 1)), "columns": 20}),
        (visuals.image_grid, {"images": np.full((3, 2, 5, 4), 7.0), "columns": 2}),
        (visuals.curves, {"epochs": np.array([1]), "lines": {"loss": np.array([np.nan])}}),
        (unit_timeline, {"var_mean": np.zeros((3, 1))}),
        (
            study_figures.unit_bars,
            {"values": np.zeros(3), "active": np.zeros(3, bool), "threshold": 0.01, "logarithmic": True},
        ),
        (audit_figures.kl_parts, {"divergence": NO_KL}),
        (audit_figures.radii, {"values": np.zeros(5), "n_units": 1}),
        (audit_figures.plane_density, {"density": np.zeros((3, 3)), "limit": 3.0, "highest": 1e-9}),
        (bubble_figures.rings, {"d": 1, "norms": np.zeros(1)}),
        (bubble_figures.along_mean, {"d": 1, "norm": 0.0, "farthest": 0.0}),
        (space_3d.Cloud, {"mean": np.zeros((1, 3)), "labels": None, "limit": 3.0}),
        (study_figures.image_blocks, {"images": np.zeros((1, 4, 4)), "side": 1, "units": (0, 1, 2, 3)}),
    ],
)
def test_extreme_data_are_drawn_without_a_warning(function, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions of Matplotlib call what others deprecate
        on_axes(function)(**arguments)


@pytest.mark.parametrize("units", [2, 3])
@pytest.mark.parametrize("log_var", [None, -2000.0, 6.0])
def test_a_video_of_one_image_in_one_frame(units, log_var):
    mean = np.zeros((1, 1, units), "float32")
    trajectory = Trajectory(
        np.zeros(1, int), np.zeros(1), mean, None if log_var is None else mean + log_var, images=np.zeros((1, 1, 1))
    )
    assert np.ptp(video.Painter(trajectory, size=64).paint(0)) > 0


def test_a_trajectory_of_a_training_that_diverged_is_refused():
    recorded = recording()
    recorded.mean[2] = np.nan
    with pytest.raises(InputError, match="mean: expected finite numbers; received NaN or infinity"):
        video.Painter(video.select(recorded, units=(0, 1)), size=64)


def test_a_history_without_an_epoch_is_refused():
    zeros = np.zeros((1, 2))
    with pytest.raises(InputError, match="history: expected a measurement after epoch 0"):
        visuals.unit_timeline(Figure().subplots(), UnitHistory(np.zeros(1, int), np.zeros(1), zeros, zeros, zeros))


# -- legends and titles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "last"), [(1, "0"), (24, "23"), (25, "and 2 others"), (1000, "and 977 others")])
def test_legends_of_many_labels_end_with_the_number_of_the_others(classes, last):
    keys = visuals.label_keys(np.arange(classes))
    assert len(keys) == min(classes, MAX_LEGEND_KEYS)
    assert keys[-1].get_label() == last
    assert list(keys[0].get_color()) == visuals.label_colors(np.zeros(1, int), 1)[0].tolist()


def test_names_that_are_equal_once_cut_follow_their_labels():
    keys = visuals.label_keys(np.array([0, 1]), [f"a long name with number {i} within it" for i in range(2)])
    first, second = (key.get_label() for key in keys)
    assert first != second
    assert (first[:3], second[:3]) == ("0: ", "1: ")


def test_long_names_fit_into_the_figure():
    names = [f"{'a very long name of a class ' * 9}{i}" for i in range(40)]
    with visuals.style():
        figure, (ax,) = layout.panels(1, 1, (7.6, 6.6))
        visuals.latent_scatter(ax, RNG.normal(size=(80, 2)), np.arange(80) % 40, 3.0, (0, 1), names)
        name = f"784-256-2 on {'a very long name of a data set ' * 9}"
        layout.title(ax, shortened(name, figure_registry.MAX_TITLE_CHARACTERS), "a note")
        FigureCanvasAgg(figure).draw()
    for artist in (*ax.get_legend().get_texts(), ax.title, ax):
        box = artist.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
    assert ax.get_window_extent().width > 0.5 * figure.bbox.width
    assert ax.get_legend().get_texts()[3].get_text() == "a very …lass 3"
