"""Soap bubbles of a run, and the whole pipeline with a latent feature map."""

import math
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_vae import Config, InputError, Run, diagnostics, train
from keras_vae import data as datasets
from keras_vae._utils import memory
from keras_vae.evaluation import bubble_overlaps, bubbles, run_evaluation
from keras_vae.evaluation.judge import Judge
from keras_vae.evaluation.training_curves import training_curves
from keras_vae.measures import BUBBLE_KINDS
from keras_vae.plots import bubble_figures, run_figures

pytestmark = pytest.mark.usefixtures("few_pixels")

UNITS = 4 * 4 * 20  # above the limits for recording every unit and for listing units one by one


@pytest.fixture(scope="module")
def run(npz, tmp_path_factory):
    """A finished run with a latent map of 4 × 4 × 20."""
    config = Config("c4-4x4x20", dataset=str(npz), epochs=2, batch_size=24, record_per_label=2)
    return train(config, tmp_path_factory.mktemp("maps") / "run", quiet=True)


def test_a_run_with_a_latent_map_has_all_files_and_figures(run, data):
    vae = keras.models.load_model(run.model_path)
    assert run.metrics["n_units"] == UNITS
    assert "units" not in run.metrics
    assert run.metrics["peak_memory_gb"] is None or 0.1 < run.metrics["peak_memory_gb"] < 20
    assert run.arrays("units")["kl"].shape == (4, 4, 20)
    assert run.arrays("units")["kl"].sum() == pytest.approx(run.metrics["test"]["kl"], rel=1e-3)
    assert run.trajectory.mean.shape[2] == 256
    assert len(set(run.trajectory.units.tolist())) == 256
    last = vae.encode(run.trajectory.images).mean.reshape(-1, UNITS)[:, run.trajectory.units]
    np.testing.assert_allclose(run.trajectory.mean[-1], last, atol=1e-5)
    drawn = run_figures.draw(run, quiet=True)
    assert {"posteriors.png", "principal.png", "marginals.png", "trajectory.mp4"} <= {path.name for path in drawn}


def test_a_run_with_a_latent_map_is_evaluated(run, data, judge):
    result = run_evaluation.evaluate(run, data, judge)
    assert result["units"] is None
    assert "principal_variance_ratio" not in result["codes"]
    assert result["codes"]["posterior_radius"] > 0
    paths = run.arrays("interpolation")
    assert paths["linear"].shape == (11, 6, 8, 8)
    np.testing.assert_allclose(paths["linear"][0], paths["spherical"][0], atol=1e-5)
    # A cross-fade begins and ends at test images of different labels.
    ends = [[np.flatnonzero(np.isclose(data.x_test, image).all(axis=(1, 2))) for image in part] for part in (
        paths["cross_fade"][0], paths["cross_fade"][-1])]  # fmt: skip
    for first, last in zip(*ends, strict=True):
        assert data.y_test[first[0]] != data.y_test[last[0]]
    assert result["interpolation"]["cross_fade"]["largest_step"] == pytest.approx(1, abs=1e-4)
    assert result["interpolation"]["linear"]["midpoints"]["frechet"] > 0
    assert "interpolation.png" in {path.name for path in run_figures.draw(run, video=False, quiet=True)}


def test_statistics_use_all_codes_where_only_some_are_kept(npz, tmp_path, monkeypatch, run):
    from keras_vae.runs import final_files

    monkeypatch.setattr(final_files, "MAX_KEPT_MEANS_BYTES", 4.0 * UNITS * 7)
    monkeypatch.setattr(memory.images_that_fit, "__defaults__", (4.0 * UNITS * 3,))
    few = train(Config(**run.config["config"]), tmp_path / "few", quiet=True)
    assert len(few.arrays("encodings")["mean"]) == 7
    for name, column in run.arrays("units").items():
        np.testing.assert_allclose(few.arrays("units")[name], column, rtol=1e-4, atol=1e-9)


def test_statistics_of_bubbles(run, data, judge):
    found = bubbles.measure_bubbles(run, data, judge)
    assert found == run.bubbles == bubbles.measure_bubbles(run, data, judge)
    mean, log_var = (
        array.reshape(len(data.x_test), -1) for array in run.arrays("encodings").values() if array.ndim == 4
    )
    assert found["units"] == UNITS
    assert found["codes"]["rms_mean"] == pytest.approx(np.sqrt(np.square(mean).mean()), rel=1e-4)
    assert found["codes"]["norm"] == pytest.approx(np.median(np.linalg.norm(mean, axis=1)), rel=1e-4)
    assert found["codes"]["std_50"] == pytest.approx(np.median(np.exp(0.5 * log_var)), rel=0.01)
    assert found["codes"]["kl"] == pytest.approx(run.metrics["test"]["kl"], rel=1e-3)
    assert found["radii"]["prior"]["mean"] == pytest.approx(math.sqrt(UNITS - 0.5), rel=1e-4)
    assert found["radii"]["prior"]["std"] == pytest.approx(math.sqrt(0.5), rel=1e-2)
    one = np.median(diagnostics.gaussian_overlap(mean))
    assert found["overlap"]["one"]["median"] == pytest.approx(one, rel=1e-4)
    for kind in BUBBLE_KINDS:
        mixture = found["overlap"][kind]["mixture"]
        assert list(mixture) == ["1", "10", "96"]
        assert 0 <= mixture["96"]["low"] <= mixture["96"]["value"] <= mixture["96"]["high"] <= 1
        assert 0 <= found["overlap"][kind]["low"]["value"] <= 1
        assert 0 <= found["overlap"][kind]["high"]["value"] <= 1
    assert 0 <= found["decoded"]["identity"]["accuracy"] <= 1
    row = bubbles.bubble_measures(found)
    assert row["bubbles.overlap_mixture.posterior"] == found["overlap"]["posterior"]["mixture"]["96"]["value"]
    assert all(math.isfinite(value) for value in row.values())
    found["decoded"]["original"]["strokes"] = 0.0  # of images without a pixel above ½
    strokes = {key for key in row if key.startswith("bubbles.strokes.")}
    assert strokes
    assert set(bubbles.bubble_measures(found)) == set(row) - strokes
    kept = run.arrays("bubbles")["images_original"]
    first = [min(i for i in judge.other_indices if judge.labels[i] == label) for label in np.unique(judge.labels)]
    np.testing.assert_allclose(kept, data.x_test[first])  # the same for all models
    kinds = [k for k in run.arrays("bubbles") if k.startswith("images_")]
    assert all(run.arrays("bubbles")[k].shape[1:] == (8, 8) for k in kinds)


def test_the_overlap_with_a_mixture_of_one_bubble_equals_the_closed_form(run, data, monkeypatch):
    vae = keras.models.load_model(run.model_path)
    monkeypatch.setattr(bubble_overlaps, "MIXTURE_SIZES", (1,))
    one = datasets.Dataset("one", data.x_train[:1], None, data.x_test[:2], None, "")
    estimates, _ = bubble_overlaps.overlaps_with_prior(vae, one, np.random.default_rng(0))
    exact = diagnostics.gaussian_overlap(vae.encode(data.x_train[:1]).mean)[0]
    estimate = estimates["identity"]["mixture"]["1"]
    assert estimate["low"] - 0.01 < exact < estimate["high"] + 0.01


def test_figures_of_bubbles_show_the_measured_data(run, data, judge):
    bubbles.measure_bubbles(run, data, judge)
    runs = {"a": run, "b": run}
    upper = bubble_figures.to_scale(runs).get_axes()
    assert len(upper) == 4
    assert f"√d = {math.sqrt(UNITS):.2f}" in upper[0].get_title("left")
    radius = {round(patch.radius, 4) for patch in upper[0].patches if hasattr(patch, "radius")}
    assert radius == {round(math.sqrt(UNITS), 4)}  # to scale
    left, right = bubble_figures.overlaps(runs).get_axes()
    assert left.get_ylabel().startswith("overlap with N(0, I)")
    assert len(right.lines) == 4
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert "squares: b" in labels  # a second run of as many units
    assert labels[0].startswith("one bubble")
    assert {line.get_linestyle() for line in left.lines} == {"None"}  # a line needs three numbers of units
    sizes = {str(units): run.bubbles | {"units": units} for units in (4, 16, 64)}
    lines = bubble_figures.overlap_by_dimension(Figure().subplots(), sizes)
    assert {line.get_linestyle() for line in lines} == {"-"}
    counts = run.arrays("bubbles")["std_counts"]
    line = bubble_figures.codes(runs).get_axes()[1].lines[0]
    assert np.nanargmax(line.get_ydata()) == counts.argmax()
    (radii,) = bubble_figures.radii({"a": run}).get_axes()
    farthest = np.abs(run.arrays("bubbles")["radius_prior"] - run.bubbles["radii"]["root_d"]).max()
    assert radii.get_xlim()[1] >= min(farthest, bubble_figures.MAX_DISTANCE)
    first = bubble_figures.images(runs).get_axes()[0].images[0].get_array()
    np.testing.assert_allclose(first[:8, :8], run.arrays("bubbles")["images_original"][0])


@pytest.mark.slow
def test_bubbles_are_measured_again_for_another_judge_only(run, data, judge, tmp_path):
    copy = Run(shutil.copytree(run.path, tmp_path / "copy"))
    (copy.path / "bubbles.json").unlink(missing_ok=True)
    without = bubbles.measure_bubbles(copy, data)
    assert "decoded" not in without
    assert "bubbles.strokes.reconstruction" not in bubbles.bubble_measures(without)
    with_judge = bubbles.measure_bubbles(copy, data, judge)
    assert with_judge["judge"] == judge.identity
    assert bubbles.measure_bubbles(copy, data) == with_judge  # a result with a judge serves where none is given
    other = Judge(data, images=30, epochs=1, cache=tmp_path / "cache")
    assert bubbles.measure_bubbles(copy, data, other)["judge"] == other.identity


def test_a_posterior_without_density_and_changed_data_are_refused(run, data, npz, tmp_path):
    none_config = Config("64-8-3", dataset=str(npz), epochs=1, posterior="none", batch_size=40)
    none = train(none_config, tmp_path / "none", quiet=True)
    with pytest.raises(InputError, match="expected a run whose posterior has a density"):
        bubbles.measure_bubbles(none, data)
    np.savez(tmp_path / "other.npz", x_train=data.x_train, x_test=data.x_test[::-1])
    with pytest.raises(InputError, match="holds other arrays than"):
        bubbles.measure_bubbles(run, datasets.load(tmp_path / "other.npz"))


def test_the_population_lies_between_its_bounds():
    """The mixture of all posteriors is the prior: that of a sample overlaps less, and the upper bound is about 1."""
    rng = np.random.default_rng(0)

    class Model:
        latent_shape = (2,)

        def encode(self, x):
            return x, np.full_like(x, math.log(0.5))

    x = rng.normal(0, math.sqrt(0.5), (3000, 2)).astype("float32")
    data = datasets.Dataset("codes", x[:2000], None, x[2000:], None, "")
    estimates, _ = bubble_overlaps.overlaps_with_prior(Model(), data, rng)
    found = estimates["posterior"]
    assert 0.9 < found["low"]["value"] < 1
    assert found["low"]["low"] <= 1 <= found["high"]["high"]


def test_training_curves_are_differences_of_the_history(run, toy_run):
    loss = run.history["loss"]
    found = training_curves(run)
    assert found["largest_loss_rise"] == pytest.approx(loss[1] - loss[0])
    assert found["late_loss_fall"] == pytest.approx(loss[0] - loss[1])
    assert 0 < found["first_reconstruction_fraction"] < 1
    kl = toy_run.history["val_kl"]
    assert training_curves(toy_run)["early_kl_rise"] == pytest.approx(kl[2] - kl[0])
    assert training_curves(toy_run)["late_kl_change"] == pytest.approx(kl[2] - kl[0])


def test_training_curves_of_one_epoch_have_no_differences():
    history = {"loss": 4.0, "reconstruction": 3.0, "kl": 1.0, "val_kl": 1.0}
    one_epoch = SimpleNamespace(history={name: np.array([value]) for name, value in history.items()})
    assert training_curves(one_epoch) == {"first_reconstruction_fraction": 0.75}


def test_the_size_of_chunks_is_bounded_by_their_memory():
    assert memory.images_that_fit(2, 1000) == 1000
    assert memory.images_that_fit(65_536, 1000) == 244
    assert memory.images_that_fit(10**9, 1000) == 1
    assert memory.chunk_sizes(500, 65_536) == [244, 244, 12]
    assert memory.chunk_sizes(5000, 2) == [5000]
