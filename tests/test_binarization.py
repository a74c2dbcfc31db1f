"""Static and dynamic binarization: draws, training, resuming, evaluation."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.data import DynamicBinarization, binarize
from keras_vae.runs import run_data
from keras_vae.runs.comparison import comparable


@pytest.fixture(scope="module")
def grey():
    return np.random.default_rng(0).random((60, 4, 4)).astype("float32")


def test_every_epoch_has_its_own_draw_with_the_probabilities_of_the_pixels():
    images = DynamicBinarization(np.array([[0.0, 0.25, 1.0]], "float32").repeat(20_000, 0), seed=3)
    first, second = images.of_epoch(0), images.of_epoch(1)
    assert set(np.unique(first)) == {0.0, 1.0}
    assert first.mean(axis=0) == pytest.approx([0.0, 0.25, 1.0], abs=0.01)
    assert (first != second).mean() == pytest.approx(2 * 0.25 * 0.75 / 3, abs=0.01)
    assert np.array_equal(first, images.of_epoch(0))
    assert not np.array_equal(first, DynamicBinarization(images.images, seed=4).of_epoch(0))


def test_large_images_are_drawn_in_chunks_of_their_own(monkeypatch):
    from keras_vae.data import binarization

    monkeypatch.setattr(binarization, "NUMBERS_PER_CHUNK", 10)
    drawn = DynamicBinarization(np.full((7, 5), 0.5, "float32")).of_epoch(0).ravel()
    parts = [drawn[i : i + 10].tobytes() for i in range(0, 30, 10)]
    assert len(set(parts)) == 3


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_only_probabilities_are_binarized(value):
    with pytest.raises(kv.InputError, match="images: expected"):
        DynamicBinarization(np.full((2, 2), value, "float32"))


def trained(grey, jit_compile, parts=(3,), posterior="diagonal"):
    vae = kv.dense_vae("16-8-2", image_shape=(4, 4), posterior=posterior, seed=0)
    vae.compile(keras.optimizers.Adam(0.01), jit_compile=jit_compile)
    for epochs in parts:
        history = vae.fit(DynamicBinarization(grey, seed=5), batch_size=20, epochs=epochs, verbose=0)
    return vae.get_weights(), history.history["loss"]


@pytest.mark.parametrize("jit_compile", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_continued_training_is_that_of_one_call(grey, jit_compile):
    whole, continued = trained(grey, jit_compile), trained(grey, jit_compile, (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(whole[0], continued[0], strict=True))


def test_the_compiled_and_keras_own_steps_train_on_the_same_draws(grey):
    losses = [trained(grey, jit_compile, posterior="autoencoder")[1] for jit_compile in (True, False)]
    np.testing.assert_allclose(*losses, rtol=1e-4)  # without the sampling noise, which XLA draws in another way


def test_each_epoch_trains_on_its_draw(grey):
    """A model that does not change, with one batch an epoch: its loss is that of the epoch's images."""
    vae = kv.dense_vae("16-2", image_shape=(4, 4), posterior="autoencoder", seed=0)
    vae.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    images = DynamicBinarization(grey, seed=1)
    losses = vae.fit(images, batch_size=60, epochs=3, verbose=0).history["loss"]
    expected = [vae.evaluate(images.of_epoch(epoch), batch_size=60, verbose=0)[0] for epoch in range(3)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert len(set(expected)) == 3


def test_arguments_that_need_fixed_images_are_refused(grey):
    vae = kv.dense_vae("16-2", image_shape=(4, 4), seed=0)
    vae.compile("adam")
    for arguments in ({"shuffle": False}, {"validation_split": 0.5}, {"steps_per_epoch": 2}):
        with pytest.raises(kv.InputError, match=r"x: expected no compiled metrics, .*DynamicBinarization"):
            vae.fit(DynamicBinarization(grey), verbose=0, **arguments)


@pytest.fixture(scope="module", params=[pytest.param("static", marks=pytest.mark.slow), "dynamic"])
def run(request, toy_config, tmp_path_factory):
    config = kv.Config(**(toy_config.model_dump() | {"binarize": request.param, "epochs": 2}))
    return kv.train(config, tmp_path_factory.mktemp("binarized") / "run", quiet=True)


def test_a_run_of_binary_images_is_evaluated_on_the_same_ones(run, data):
    originals = run.arrays("reconstructions")["originals"]
    assert set(np.unique(originals)) == {0.0, 1.0}
    known = {image.tobytes() for image in binarize(data.x_test, seed=0)}
    assert all(image.tobytes() in known for image in originals)
    assert run.config["config"]["likelihood"] == "bernoulli"
    evaluated = kv.evaluate(run, with_audit=True, samples=10)
    assert evaluated["audit"]["likelihood"]["of"].startswith("binarised test images")
    assert list(comparable([run])) == ["blobs, binarised, bernoulli likelihood"]


@pytest.mark.slow
def test_a_resumed_run_is_that_of_one_call(run, toy_config, tmp_path, monkeypatch):
    from keras_vae.runs.checkpoint_callback import CheckpointCallback

    config = kv.Config(**(toy_config.model_dump() | {k: run.config["config"][k] for k in ("binarize", "epochs")}))
    end_epoch = CheckpointCallback.end_epoch

    def interrupted(self, row):
        end_epoch(self, row)
        raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointCallback, "end_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kv.train(config, tmp_path / "run", quiet=True)
    monkeypatch.undo()
    resumed = kv.train(config, tmp_path / "run", resume=True, quiet=True)
    assert resumed.metrics["weights_digest"] == run.metrics["weights_digest"]


def test_binary_images_stay_as_they_are(data):
    once = run_data.binarized(data)
    assert np.array_equal(run_data.binarized(once).x_train, once.x_train)


def test_values_that_are_no_probabilities_are_refused(data, toy_config, tmp_path):
    from dataclasses import replace

    config = kv.Config(**(toy_config.model_dump() | {"binarize": "static"}))
    with pytest.raises(kv.InputError, match=r"binarize: expected values from 0 to 1, .*train without binarize"):
        kv.train(config, tmp_path / "run", data=replace(data, x_test=3 * data.x_test), quiet=True)
    assert not (tmp_path / "run").exists()
