"""The evaluation of a finished run."""

import math

import keras
import numpy as np
import pytest

from keras_vae import Config, InputError, train
from keras_vae import data as datasets
from keras_vae.evaluation import run_evaluation
from keras_vae.evaluation.code_measures import Codes, evaluate_codes
from keras_vae.evaluation.judge import Judge
from keras_vae.evaluation.sampler_scores import decode_draws
from keras_vae.runs import fitted_codes


def test_an_evaluation_agrees_with_the_run(own_run, data, judge):
    result = run_evaluation.evaluate(own_run, data, judge)
    assert result == own_run.evaluation
    for row, unit in zip(result["units"], own_run.metrics["units"], strict=True):
        assert unit.items() <= row.items()
        assert row["total_var"] == pytest.approx(row["var_mean"] + row["mean_var"])
        assert row["active_from"] is None or 0 < row["active_from"] <= 3
    assert result["samples"]["prior"]["frechet"] > result["samples"]["floor"]["frechet"]
    assert set(result["samples"]) == {"prior", "moment_matched", "floor"}
    std = np.exp(0.5 * own_run.arrays("encodings")["log_var"])
    assert result["codes"]["posterior_radius"] == pytest.approx(np.median(np.sqrt(std[:, 0] * std[:, 1])), rel=1e-5)
    assert 0 <= result["codes"]["principal_variance_ratio"] <= 1


def test_samplers_are_fitted_to_training_images(toy_run, data, monkeypatch):
    vae = keras.models.load_model(toy_run.model_path)
    monkeypatch.setattr(fitted_codes, "MAX_FITTED_CODES", 30)
    mean, log_var = fitted_codes.fitted_codes(vae, data, seed=3)
    of_training = vae.encode(data.x_train)
    assert len(mean) == 30
    assert (abs(mean[:, None] - of_training.mean).max(axis=2).min(axis=1) < 1e-5).all()
    assert (abs(log_var[:, None] - of_training.log_var).max(axis=2).min(axis=1) < 1e-5).all()
    assert not np.array_equal(mean, fitted_codes.fitted_codes(vae, data, seed=4).mean)


def test_a_valid_evaluation_is_reused_and_completed(own_run, data, judge, monkeypatch):
    first = run_evaluation.evaluate(own_run, data, judge)
    monkeypatch.setattr(run_evaluation, "_units", lambda *args: pytest.fail("evaluated again"))
    assert run_evaluation.evaluate(own_run, data, judge) == run_evaluation.evaluate(own_run.path) == first
    monkeypatch.undo()
    assert run_evaluation.evaluate(own_run, data, judge, overwrite=True) == first  # deterministic
    without = run_evaluation.evaluate(own_run, data, overwrite=True)
    assert "samples" not in without
    assert "samples" in run_evaluation.evaluate(own_run, data, judge)  # scores are added


def test_an_evaluation_of_other_weights_is_repeated(own_run, data):
    """An evaluation that ends after its run was replaced belongs to the former model."""
    first, metrics = run_evaluation.evaluate(own_run, data, overwrite=True), own_run.metrics
    assert first["weights_digest"] == metrics["weights_digest"]
    own_run.write_json("evaluation.json", {**first, "weights_digest": "of another model", "epochs": 99})
    assert run_evaluation.evaluate(own_run, data) == {**first, "epochs": metrics["epochs"]}


def test_midpoints_are_of_images_that_they_are_not_compared_with(own_run, data, judge, monkeypatch):
    paired, pairs = [], run_evaluation._pairs
    few = Judge(data, images=20, trained=judge.arrays())  # half of the test images: the others suffice for the pairs

    def recorded(data, indices, seed):
        paired.append((indices, pairs(data, indices, seed)))
        return paired[-1][1]

    monkeypatch.setattr(run_evaluation, "_pairs", recorded)
    run_evaluation.evaluate(own_run, data, few, overwrite=True)
    (_, _), (others, (first, last)) = paired
    np.testing.assert_array_equal(others, few.other_indices)
    assert sorted(first) == sorted(last) == sorted(others)
    assert not set(first) & set(few.compared_indices)
    assert (data.y_test[first] != data.y_test[last]).mean() > 0.7


def test_losses_of_images_do_not_depend_on_the_number_that_is_decoded_at_a_time(toy_run, data, monkeypatch):
    vae = keras.models.load_model(toy_run.model_path)
    x, z = data.x_test[:8], np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    at_once, sizes = run_evaluation._nll(vae, x, z), []
    monkeypatch.setattr(run_evaluation.memory, "images_that_fit", lambda n, most: sizes.append((n, most)) or 3)
    np.testing.assert_allclose(run_evaluation._nll(vae, x, z), at_once, rtol=1e-5)
    assert sizes == [(64, 8)]  # bounded by pixels, where an image has more of them than units


def test_an_audit_of_one_test_image_is_refused(tmp_path, data):
    np.savez(tmp_path / "one.npz", x_train=data.x_train, x_test=data.x_test[:1])
    config = Config("64-16-2", dataset=str(tmp_path / "one.npz"), epochs=1, batch_size=40)
    run = train(config, tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="audit: expected at least two test images; received 1"):
        run_evaluation.evaluate(run, with_audit=True)


def test_measures_of_a_density_are_left_out_for_a_posterior_without_one(npz, tmp_path, judge, data):
    config = Config("64-16-3", dataset=str(npz), epochs=1, batch_size=40, posterior="none", record_per_label=2)
    result = run_evaluation.evaluate(train(config, tmp_path / "run", quiet=True), data, judge)
    assert "posterior_radius" not in result["codes"]
    assert "kl" not in result["units"][0]
    assert result["units"][0]["total_var"] == result["units"][0]["var_mean"]


def test_changed_data_and_a_folder_without_a_run_are_refused(own_run, tmp_path, data, toy_run):
    changed = tmp_path / "other.npz"
    np.savez(changed, x_train=data.x_train, x_test=data.x_test[::-1])
    with pytest.raises(InputError, match="holds other arrays than"):
        run_evaluation.evaluate(own_run, datasets.load(changed), overwrite=True)
    with pytest.raises(InputError, match="expected a run folder"):
        run_evaluation.evaluate(tmp_path)


@pytest.mark.parametrize(
    "codes",
    [
        Codes(np.zeros(4), None, None),
        Codes(np.full((4, 2), np.nan), None, None),
        Codes(np.zeros((4, 2)), np.zeros((4, 3)), None),
        Codes(np.zeros((4, 2)), np.full((4, 2), -2000.0), None),
        Codes(np.zeros((4, 2)), None, np.zeros(3)),
    ],
)
def test_codes_that_do_not_match_are_refused(codes):
    with pytest.raises(InputError, match="expected"):
        evaluate_codes(codes)


def test_few_codes_have_the_measures_that_apply():
    found = evaluate_codes(Codes(np.array([[1.0, 2.0]]), None, np.array([0])))
    assert found["mean_code_norm"] == pytest.approx(math.sqrt(5))
    assert "knn_accuracy" not in found


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (-1, 0), (1.5, 0), (2, -1)])
def test_numbers_of_drawn_images_are_checked(n, seed):
    with pytest.raises(InputError, match="expected a whole number"):
        decode_draws(None, n, seed, None)
