"""The audit of models: finished runs of each kind of posterior, and models trained outside the package."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from keras_vae import Config, InputError, conv_vae, diagnostics, train
from keras_vae import data as datasets
from keras_vae.diagnostics import nearest_neighbours, unit_marginals
from keras_vae.evaluation import audit_arrays, likelihood, model_audit, run_evaluation
from keras_vae.plots import run_figures
from keras_vae.report import run_page
from keras_vae.runs import adoption

pytestmark = pytest.mark.usefixtures("few_pixels")

QUICK = {"with_audit": True, "samples": 40}


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    monkeypatch.setattr(likelihood, "MAX_IMAGES", 10)


def test_an_audit_is_stored_reused_and_deterministic(own_run, data, judge):
    logged = []
    found = run_evaluation.evaluate(own_run, data, judge, **QUICK, log=logged.append)
    assert found == own_run.evaluation
    assert len(logged) == 4
    low, _ = found["audit"]["encodings"]["divergence"]["interval"]
    row = model_audit.audit_measures(found["audit"])
    assert row["aggregate_kl.low"] == low
    assert row["aggregate_tc.low"] == found["audit"]["encodings"]["total_correlation"][0]
    assert ("aggregate_tc.high" in row) == ("aggregate_kl.high" in row)
    audited = found["audit"]
    encodings = own_run.arrays("encodings")
    from_arrays = diagnostics.audit(encodings["mean"], encodings["log_var"], seed=7).as_dict()
    assert audited["encodings"] == from_arrays
    assert set(audited["samplers"]["scores"]) == {
        "prior", "moment_matched", "gaussian_mixture", "aggregate_posterior", "neighbourhood", "floor",
    }  # fmt: skip
    for name in ("prior", "moment_matched"):
        assert audited["samplers"]["scores"][name] == found["samples"][name]
    assert 0 <= audited["samplers"]["nearest_is_source"]["fraction"] <= 1

    def fail_on_work(*args, **options):
        pytest.fail("evaluated again")

    assert run_evaluation.evaluate(own_run, data, judge, **QUICK, log=fail_on_work) == found
    assert "audit" in run_evaluation.evaluate(own_run, data, judge)  # kept by an evaluation without an audit
    again = run_evaluation.evaluate(own_run, data, judge, overwrite=True, **QUICK)
    assert again == found  # deterministic
    fewer = run_evaluation.evaluate(own_run, data, judge, with_audit=True, samples=20)
    assert fewer["audit"]["likelihood"]["samples"] == 20
    with pytest.raises(InputError, match="samples: expected a whole number from 2 to 1,000,000; received 1"):
        run_evaluation.evaluate(own_run, data, judge, with_audit=True, samples=1)


def test_elbo_terms_and_likelihood_are_measured_on_the_same_images(own_run, data, judge):
    audited = run_evaluation.evaluate(own_run, data, judge, **QUICK)["audit"]
    terms, found = audited["elbo_terms"], audited["likelihood"]
    assert "binarised" in found["of"] == terms["of"]
    assert terms["total"] == pytest.approx(-found["elbo"])
    assert terms["total"] == pytest.approx(terms["prior"] + terms["reconstruction"] + terms["posterior"])
    assert terms["bits_per_pixel"] == pytest.approx(terms["total"] / 64 / math.log(2))
    assert found["samples"] == 40
    assert found["value"] >= found["elbo"] == found["curve"]["1"]
    assert found["images"] == 10


def test_the_likelihood_agrees_with_numerical_integration(own_run, data):
    import keras

    vae = keras.models.load_model(own_run.model_path)
    described, _ = likelihood.likelihood_and_elbo_terms(vae, data, seed=3, samples=40)
    chosen = np.sort(np.random.default_rng(0).permutation(len(data.x_test))[:10])
    x = datasets.binarize(data.x_test[chosen])
    grid = np.linspace(-7, 7, 141)
    z = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2).astype("float32")
    p = np.clip(vae.decode(z).reshape(len(z), -1).astype("float64"), 1e-7, 1 - 1e-7)
    flat = x.reshape(10, -1)
    log_joint = np.log(p) @ flat.T + np.log(1 - p) @ (1 - flat).T - 0.5 * np.square(z).sum(axis=1)[:, None]
    exact = np.log(np.exp(log_joint).sum(axis=0) * 0.1**2 / (2 * math.pi)).mean()
    assert described["elbo"] < exact
    assert described["value"] == pytest.approx(exact, abs=max(0.1, 5 * described["error"] - described["bias"]))


@pytest.mark.slow
def test_figures_of_an_audit_are_drawn_if_there_is_one(own_run, data, judge):
    run_evaluation.evaluate(own_run, data, judge, **QUICK)
    drawn = run_figures.audit(own_run)
    assert [path.name for path in drawn] == ["aggregate.png", "samplers.png"]
    assert {path.name for path in drawn} <= {path.name for path in run_figures.draw(own_run, video=False)}
    run_evaluation.evaluate(own_run, data, judge, overwrite=True)  # without an audit: its figures are not drawn
    assert run_figures.audit(own_run) == []
    unjudged = run_evaluation.evaluate(own_run, data, overwrite=True, **QUICK)
    assert unjudged["audit"]["samplers"]["scores"] == {}
    assert run_evaluation.evaluate(own_run, data, judge, **QUICK)["audit"]["samplers"]["scores"]


def test_pareto_k_is_missing_with_too_few_samples(own_run, data):
    found = run_evaluation.evaluate(own_run, data, overwrite=True, with_audit=True, samples=20)["audit"]
    assert found["likelihood"]["unreliable"] is None
    assert "pareto_k_above_07" not in model_audit.audit_measures(found)
    run_figures.audit(own_run)


@pytest.mark.parametrize("posterior", [pytest.param("none", marks=pytest.mark.slow), "isotropic"])
def test_the_audit_of_other_posteriors(npz, tmp_path, judge, data, posterior):
    config = Config("64-16-3", dataset=str(npz), epochs=1, batch_size=40, posterior=posterior, record_per_label=2)
    run = train(config, tmp_path / "run", quiet=True)
    found = run_evaluation.evaluate(run, data, judge, **QUICK)["audit"]
    if posterior == "none":
        assert [found[name] for name in ("encodings", "own_typicality", "elbo_terms", "likelihood")] == [None] * 4
        assert [path.name for path in run_figures.audit(run)] == ["samplers.png"]
    else:
        assert found["encodings"]["latent_units"] == 3
        typical = found["own_typicality"]
        assert typical["deviation"] == pytest.approx(typical["expected"], rel=0.5)  # of 40 images
    assert "aggregate_posterior" in found["samplers"]["scores"]


@pytest.mark.slow
def test_the_audit_of_a_latent_map_with_a_gaussian_likelihood(npz, tmp_path, data):
    config = Config("c4-4x4x2", dataset=str(npz), epochs=1, batch_size=40, likelihood="gaussian", record_per_label=2)
    run = train(config, tmp_path / "run", quiet=True)
    found = run_evaluation.evaluate(run, data, **QUICK)["audit"]
    assert found["likelihood"]["of"] == "test images"
    assert found["elbo_terms"]["bits_per_pixel"] is None
    assert found["samplers"]["scores"] == {}  # without a judge
    run_figures.audit(run)


def test_a_model_with_an_axis_of_one_channel_is_adopted_with_grey_images(data, npz, tmp_path):
    """Keras' convolutions need the axis, which data sets of grey images lack."""
    conv_vae("c4-2", (8, 8, 1), seed=0).save(tmp_path / "mine.keras")
    run = adoption.adopt(tmp_path / "mine.keras", data, tmp_path / "run")
    assert run.image_shape == (8, 8, 1)
    run_evaluation.evaluate(run, **QUICK)  # the data are loaded again
    run_page.write(run)
    assert adoption.adopt(tmp_path / "mine.keras", data, tmp_path / "run").finished
    conv_vae("c4-2", (16, 16, 1), seed=0).save(tmp_path / "large.keras")
    with pytest.raises(InputError, match=r"\(16, 16, 1\), the input of large.keras; .*; pass images of that shape"):
        adoption.adopt(tmp_path / "large.keras", data, tmp_path / "other")


def test_a_model_trained_outside_the_package_is_adopted(toy_run, data, tmp_path, npz):
    model = tmp_path / "mine.keras"
    shutil.copy(toy_run.model_path, model)
    run = adoption.adopt(model, data, tmp_path / "run")
    assert run.metrics["test"] == pytest.approx(toy_run.metrics["test"], rel=1e-5)
    assert not run.has_history
    assert "loss.png" not in {path.name for path in run_figures.draw(run)}
    before = run.model_path.stat().st_mtime_ns
    assert adoption.adopt(model, data, tmp_path / "run").model_path.stat().st_mtime_ns == before
    with pytest.raises(InputError, match="expected"):
        adoption.adopt(model, data, tmp_path / "run", seed=1)  # another run is there
    adoption.adopt(model, data, tmp_path / "run", seed=1, overwrite=True)
    run_evaluation.evaluate(run, data, **QUICK)

    import keras

    other = tmp_path / "other.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(other)
    with pytest.raises(InputError, match=r"expected a keras_vae\.VAE"):
        adoption.adopt(other, data, tmp_path / "new")
    (tmp_path / "broken.keras").write_bytes(b"no model")
    with pytest.raises(InputError, match="expected a readable archive"):
        adoption.adopt(tmp_path / "broken.keras", data, tmp_path / "new")
    with pytest.raises(InputError, match="expected a file; there is none"):
        adoption.adopt(tmp_path / "absent.keras", data, tmp_path / "new")
    wide = replace(data, x_train=data.x_train[:, :4], x_test=data.x_test[:, :4])
    with pytest.raises(InputError, match="images of"):
        adoption.adopt(model, wide, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_arrays_of_many_encodings_are_those_of_subsets(monkeypatch):
    monkeypatch.setattr(unit_marginals, "MIN_SUBSET_IMAGES", 100)
    monkeypatch.setattr(unit_marginals, "MAX_CODE_NUMBERS", 200)
    monkeypatch.setattr(audit_arrays, "MAX_DENSITY_IMAGES", 150)
    mean, log_var = np.random.default_rng(0).normal(size=(300, 2)), np.full((300, 2), -1.0)
    found = audit_arrays.arrays(mean, log_var, diagnostics.audit(mean, log_var, quiet=True), seed=0)
    monkeypatch.undo()
    whole = audit_arrays.arrays(mean, log_var, diagnostics.audit(mean, log_var, quiet=True), seed=0)
    assert found["radii"].tolist() == whole["radii"].tolist()
    for name in ("marginals", "density"):
        assert 0 < np.abs(found[name] - whole[name]).max() < 0.2


def test_nearest_agrees_with_a_slow_version(monkeypatch):
    rng = np.random.default_rng(0)
    images, references = rng.random((30, 4, 4)), rng.random((50, 4, 4))
    slow = [np.square(image - references).sum(axis=(1, 2)).argmin() for image in images]
    assert diagnostics.nearest(images, references, batch_size=7).tolist() == slow
    monkeypatch.setattr(nearest_neighbours, "MAX_PRODUCT_BYTES", 600)  # three images at a time
    assert diagnostics.nearest(images, references).tolist() == slow
    with pytest.raises(InputError, match="16 numbers"):
        diagnostics.nearest(images, references[:, :3])


def test_nearest_is_exact_for_numbers_far_from_0():
    assert diagnostics.nearest(np.array([[10_000.0]]), np.array([[10_001.0], [10_000.0]])).tolist() == [1]
    rng = np.random.default_rng(0)
    images, references = (rng.integers(0, 9, (n, 5)) + 1e5 for n in (30, 50))  # float32 represents all differences
    squares = np.square(images[:, None] - references).sum(axis=2)
    found = diagnostics.nearest(images, references)
    np.testing.assert_array_equal(squares[np.arange(30), found], squares.min(axis=1))


def test_binarized_images_have_the_mean_of_the_grey_values_and_repeat():
    grey = np.full((200, 28, 28), 0.3, "float32")
    binary = datasets.binarize(grey)
    assert set(np.unique(binary)) == {0, 1}
    assert binary.mean() == pytest.approx(0.3, abs=0.005)
    assert np.array_equal(binary, datasets.binarize(grey))
    assert not np.array_equal(binary, datasets.binarize(grey, seed=1))
    assert np.array_equal(datasets.binarize(binary), binary)


@pytest.mark.parametrize(
    ("images", "seed"),
    [([np.nan], 0), ([1.5], 0), ([-0.1], 0), ([], 0), (["word"], 0), ([1j], 0), (None, 0), ([0.5], 1.5), ([0.5], -1)],
)
def test_images_outside_the_range_are_not_binarized(images, seed):
    with pytest.raises(InputError, match=r"(images|seed): expected"):
        datasets.binarize(images, seed)
