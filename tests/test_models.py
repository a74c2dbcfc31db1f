"""The models inside Keras' own fit: losses, weights, data of every form, saving."""

import copy
import json
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import posteriors
from keras_vae.fast_fit.epoch_order import order_of_epoch

BACKEND = keras.backend.backend()
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data is TensorFlow's")
not_torch = pytest.mark.skipif(BACKEND == "torch", reason="Keras has no steps_per_execution or XLA on PyTorch")


def make(posterior="diagonal", optimizer=None, **kwargs) -> kv.VAE:
    """A compiled model; by SGD, whose step is traced in half of Adam's time, unless a test needs another optimizer."""
    vae = kv.dense_vae("64-16-2", (8, 8), posterior=posterior, seed=0, **kwargs)
    vae.compile(optimizer or keras.optimizers.SGD(1e-2))
    return vae


def adam() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(1e-2)


def weights(model) -> np.ndarray:
    return np.concatenate([w.ravel() for w in model.get_weights()])


def slow_terms(vae, x) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropy and KL of each image, from what `predict` gives, image by image, in float64."""
    outputs = {key: np.asarray(value, "float64") for key, value in vae.predict(x, batch_size=len(x), verbose=0).items()}
    nll, kl = [], []
    for i, image in enumerate(np.asarray(x, "float64")):
        p = 1 / (1 + np.exp(-outputs["logits"][i]))
        nll.append(-(image * np.log(p) + (1 - image) * np.log(1 - p)).sum())
        mean, log_var = outputs["mean"][i], outputs["log_var"][i] + np.zeros_like(outputs["mean"][i])
        kl.append(sum(0.5 * (m * m + math.exp(v) - 1 - v) for m, v in zip(mean, log_var, strict=True)))
    return np.array(nll), np.array(kl)


# -- what is computed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("posterior", ["diagonal", "isotropic"])
def test_evaluate_agrees_with_the_slow_version(images, posterior):
    vae = make(posterior, beta=0.5)
    nll, kl = slow_terms(vae, images)
    results = vae.evaluate(images, batch_size=len(images), return_dict=True, verbose=0)
    assert results["reconstruction"] == pytest.approx(nll.mean(), rel=1e-5)
    assert results["kl"] == pytest.approx(kl.mean(), rel=1e-4)
    assert results["loss"] == pytest.approx(nll.mean() + 0.5 * kl.mean(), rel=1e-5)
    assert results["elbo"] == pytest.approx(-nll.mean() - kl.mean(), rel=1e-5)


def test_kinds_without_density_report_no_kl_and_no_elbo(images):
    none, autoencoder = make("none"), make("autoencoder")
    results = none.evaluate(images, return_dict=True, verbose=0)
    half_square = 0.5 * np.square(none.encode(images).mean).sum(axis=1).mean()
    assert set(results) == {"loss", "reconstruction", "penalty", "beta"}
    assert results["penalty"] == pytest.approx(half_square, rel=1e-5)
    assert results["loss"] == pytest.approx(results["reconstruction"] + half_square, rel=1e-5)
    assert set(autoencoder.evaluate(images, return_dict=True, verbose=0)) == {"loss", "reconstruction"}
    assert none.encode(images).log_var is None
    np.testing.assert_array_equal(none.predict(images, verbose=0)["z"], none.predict(images, verbose=0)["mean"])


@pytest.mark.parametrize("batch_size", [7, 32, 96])
def test_sample_weights_are_weighted_means(images, batch_size):
    weight = np.random.default_rng(0).uniform(0, 3, len(images)).astype("float32")
    vae = make("none")  # without noise, so that batches of any size give the same
    outputs = vae.predict(images, verbose=0)
    nll = ops.convert_to_numpy(vae.likelihood(images, outputs["logits"]))
    penalty = 0.5 * np.square(outputs["mean"]).sum(axis=1)
    results = vae.evaluate(images, sample_weight=weight, batch_size=batch_size, return_dict=True, verbose=0)
    assert results["reconstruction"] == pytest.approx(np.average(nll, weights=weight), rel=1e-5)
    assert results["penalty"] == pytest.approx(np.average(penalty, weights=weight), rel=1e-5)
    assert results["loss"] == pytest.approx(np.average(nll + penalty, weights=weight), rel=1e-5)


def test_weights_count_in_single_batches(images):
    vae, weight = make("none"), np.r_[np.ones(48), np.zeros(48)].astype("float32")
    weighted = vae.test_on_batch(images, sample_weight=weight, return_dict=True)["loss"]
    vae.reset_metrics()
    assert weighted == pytest.approx(vae.test_on_batch(images[:48], return_dict=True)["loss"], rel=1e-5)


def test_an_image_of_weight_zero_does_not_change_the_weights(images):
    weight = np.r_[np.ones(48), np.zeros(48)].astype("float32")
    scrambled = np.r_[images[:48], 1 - images[48:]]
    trained = []
    for x in (images, scrambled):
        vae = make()
        vae.fit(x, sample_weight=weight, batch_size=96, shuffle=False, epochs=2, verbose=0)
        trained.append(weights(vae))
    np.testing.assert_allclose(trained[0], trained[1], atol=1e-6)
    vae = make()
    vae.fit(images, batch_size=96, shuffle=False, epochs=2, verbose=0)
    assert np.abs(weights(vae) - trained[0]).max() > 1e-4


def test_class_weight_reaches_the_loss(images):
    vae = make("autoencoder")
    y = (np.arange(len(images)) % 2).astype("int32")
    nll = ops.convert_to_numpy(vae.likelihood(images, vae.predict(images, verbose=0)["logits"]))
    history = vae.fit(images, y, class_weight={0: 1.0, 1: 0.0}, batch_size=96, verbose=0, shuffle=False).history
    assert history["loss"][0] == pytest.approx(nll[y == 0].mean(), rel=1e-4)


def test_weight_decay_of_the_users_layers_counts(images):
    image, z = keras.Input((64,)), keras.Input((2,))
    heads = [keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5))(image), keras.layers.Dense(2)(image)]
    vae = kv.VAE(keras.Model(image, heads), keras.Model(z, keras.layers.Dense(64)(z)))
    vae.compile()
    results = vae.evaluate(images.reshape(-1, 64), return_dict=True, verbose=0)
    decay = 0.5 * np.square(vae.encoder.layers[1].get_weights()[0]).sum()
    assert results["loss"] == pytest.approx(results["reconstruction"] + results["kl"] + decay, rel=1e-5)


def test_training_lowers_the_loss_and_every_posterior_trains(images):
    for posterior in posteriors.names():
        vae = make(posterior, adam())
        losses = vae.fit(images, batch_size=32, epochs=8, verbose=0).history["loss"]
        assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous-bernoulli", "gaussian"])
def test_every_likelihood_trains(images, likelihood):
    vae = make(optimizer=adam(), likelihood=likelihood)
    losses = vae.fit(images, batch_size=32, epochs=8, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 1
    assert vae.reconstruct(images).shape == images.shape


# -- data in every form ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:y. targets are ignored:UserWarning")
@pytest.mark.parametrize("shuffle", [True, False])
def test_targets_are_ignored(images, shuffle):
    trained = []
    zeros = np.zeros(len(images))
    for y in (None, zeros, np.arange(len(images)) * 1e9, {"a": zeros}, [zeros, zeros]):
        vae = make()
        vae.fit(images, y, batch_size=32, shuffle=shuffle, verbose=0)
        trained.append(weights(vae))
    for other in trained[1:]:
        np.testing.assert_array_equal(trained[0], other)


def test_tensors_train_as_arrays_do(images):
    trained = []
    for x in (images, ops.convert_to_tensor(images)):
        vae = make()
        vae.fit(x, batch_size=32, epochs=2, verbose=0)
        trained.append(weights(vae))
    np.testing.assert_array_equal(*trained)


def test_weights_and_classes_count_in_a_shuffled_training(images):
    weight, y = np.r_[np.ones(48), np.zeros(48)].astype("float32"), np.r_[np.zeros(48), np.ones(48)].astype("int32")
    seen = [
        make("autoencoder").fit(images, batch_size=96, verbose=0, **options).history["loss"][0]
        for options in ({"sample_weight": weight}, {"y": y, "class_weight": {0: 1.0, 1: 0.0}})
    ]
    half = make("autoencoder").evaluate(images[:48], verbose=0, return_dict=True)["loss"]
    assert seen == pytest.approx([half, half], rel=1e-4)


def test_one_callback_or_a_list_of_keras_own(images):
    history = keras.callbacks.History()
    vae = make()
    vae.fit(images, verbose=0, callbacks=history)
    vae.fit(images, verbose=0, callbacks=keras.callbacks.CallbackList([history], model=vae))
    assert int(vae.epochs_seen) == 2


@pytest.mark.slow
def test_validation_data_in_every_form(images):
    y, weight = np.zeros(len(images)), np.ones(len(images), "float32")
    forms = [images, (images,), (images, y), (images, y, weight)]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        forms.append(tf.data.Dataset.from_tensor_slices(images).batch(32))
    forms.append(Batches(images, 32))
    losses = [
        make().fit(images, batch_size=32, shuffle=False, validation_data=form, verbose=0).history["val_loss"][0]
        for form in forms
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


@pytest.mark.parametrize("shuffle", [True, False])
def test_validation_split_holds_out_the_last_images(images, shuffle):
    seen = [
        make().fit(images[:n], batch_size=24, shuffle=shuffle, verbose=0, **options).history
        for n, options in ((96, {"validation_split": 0.25}), (72, {"validation_data": images[72:]}))
    ]
    assert {"val_loss", "val_reconstruction", "val_kl", "val_elbo"} <= set(seen[0])
    for key in ("loss", "val_loss"):
        assert seen[0][key] == seen[1][key]


def test_validation_weights_without_a_target_count(images):
    weight = np.r_[np.ones(48), np.zeros(48)].astype("float32")
    weighted, half = (
        make("none").fit(images, batch_size=32, shuffle=False, validation_data=data, verbose=0).history["val_loss"][0]
        for data in ((images, None, weight), images[:48])
    )
    assert weighted == pytest.approx(half, rel=1e-5)


def test_validating_does_not_change_training(images):
    with_validation, without = make(), make()
    with_validation.fit(images, batch_size=32, epochs=2, shuffle=False, validation_data=images, verbose=0)
    without.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(weights(with_validation), weights(without))


class Batches(keras.utils.PyDataset):
    def __init__(self, x, size):
        super().__init__()
        self.x, self.size = x, size

    def __len__(self):
        return math.ceil(len(self.x) / self.size)

    def __getitem__(self, i):
        return (self.x[i * self.size : (i + 1) * self.size],)


def test_a_pydataset_trains_as_the_array_does(images):
    from_array, from_batches = make(), make()
    from_array.fit(images, batch_size=40, shuffle=False, epochs=2, verbose=0)
    from_batches.fit(Batches(images, 40), shuffle=False, epochs=2, verbose=0)
    np.testing.assert_allclose(weights(from_array), weights(from_batches), atol=1e-6)


@on_tensorflow
def test_tf_data_with_and_without_targets(images):
    import tensorflow as tf

    x = tf.data.Dataset.from_tensor_slices(images).batch(40)
    pairs = tf.data.Dataset.from_tensor_slices((images, np.zeros(len(images)))).batch(40)
    reference = make()
    reference.fit(images, batch_size=40, shuffle=False, verbose=0)
    for dataset in (x, pairs):
        vae = make()
        vae.fit(dataset, verbose=0)
        np.testing.assert_allclose(weights(vae), weights(reference), atol=1e-6)


@not_torch
def test_many_steps_an_execution_change_nothing(images):
    trained = []
    for steps in (1, 2):
        vae = kv.dense_vae("64-16-2", (8, 8), seed=0)
        vae.compile(keras.optimizers.SGD(1e-2), steps_per_execution=steps)
        vae.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0)
        trained.append(weights(vae))
    np.testing.assert_allclose(trained[0], trained[1], atol=1e-5)


@not_torch
def test_trains_compiled_and_eagerly(images):
    losses = []
    for options in ({"jit_compile": True}, {"run_eagerly": True}):
        vae = kv.dense_vae("64-16-2", (8, 8), "none", seed=0)  # XLA draws other noise
        vae.compile(keras.optimizers.SGD(1e-2), **options)
        losses.append(vae.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0).history["loss"][-1])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


class LossesInOrder(keras.callbacks.Callback):
    """The order of a training's images, identified by their loss in batches of one at learning rate 0."""

    def __init__(self):
        super().__init__()
        self.sums = []

    def on_epoch_begin(self, epoch, logs=None):
        self.sums.append(0.0)
        self.order = []

    def on_train_batch_end(self, batch, logs=None):
        total = logs["reconstruction"] * (batch + 1)
        self.order.append(total - self.sums[-1])
        self.sums[-1] = total


def orders(vae, images, epochs=1, fits=1):
    """The losses of single images in their order, `(epochs, images)`."""
    rows = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rows.append(np.array(losses.order)))
    for _ in range(fits):
        losses = LossesInOrder()
        keras.utils.set_random_seed(0)
        vae.fit(images, batch_size=1, epochs=epochs, verbose=0, callbacks=[losses, keep])
    return np.array(rows)


def test_the_order_of_images_is_that_of_seed_and_epoch_and_a_second_fit_continues_it(images, tmp_path):
    some = images[:12]
    vae = make("autoencoder")
    vae.optimizer.learning_rate = 0.0
    single = ops.convert_to_numpy(vae.likelihood(some, vae.predict(some, verbose=0)["logits"]))
    expected = np.array([single[order_of_epoch(vae.seed, epoch, 12)] for epoch in range(5)])
    seen = orders(vae, some, epochs=2, fits=2)
    np.testing.assert_allclose(seen, expected[:4], rtol=1e-3)
    vae.save(tmp_path / "vae.keras")
    np.testing.assert_allclose(orders(keras.models.load_model(tmp_path / "vae.keras"), some), expected[4:], rtol=1e-3)
    assert len(np.unique(np.argsort(expected, axis=1), axis=0)) == 5


def test_same_seed_same_weights_bit_for_bit(images):
    trained = []
    for global_seed in (0, 1):
        keras.utils.set_random_seed(global_seed)
        vae = make()
        vae.fit(images, batch_size=32, epochs=3, verbose=0)
        trained.append(weights(vae))
    np.testing.assert_array_equal(*trained)


def test_a_second_fit_continues_training(images):
    vae = make(optimizer=adam())
    before = vae.fit(images, batch_size=32, epochs=2, verbose=0).history["loss"]
    after = vae.fit(images, batch_size=32, epochs=2, verbose=0).history["loss"]
    assert after[0] < before[-1]


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw", "lion"])
def test_any_keras_optimizer(images, optimizer):
    vae = kv.dense_vae("64-16-2", (8, 8), seed=0)
    vae.compile(optimizer)
    vae.optimizer.learning_rate = 1e-3
    assert np.isfinite(vae.fit(images, verbose=0).history["loss"]).all()


def test_frozen_layers_stay(images):
    vae = make()
    vae.encoder.trainable = False
    vae.compile(keras.optimizers.SGD(1e-2))
    encoder, decoder = weights(vae.encoder), weights(vae.decoder)
    vae.fit(images, verbose=0)
    np.testing.assert_array_equal(weights(vae.encoder), encoder)
    assert not np.array_equal(weights(vae.decoder), decoder)


@pytest.mark.parametrize("jit_compile", ["auto", pytest.param(True, marks=[not_torch, pytest.mark.slow])])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_mixed_precision_keeps_the_loss_in_float32(images, policy, jit_compile, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        vae = kv.dense_vae("64-16-2", (8, 8), seed=0)
        vae.compile(keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
        outputs = vae.predict(images[:4], verbose=0)
        assert {keras.backend.standardize_dtype(outputs[key].dtype) for key in ("mean", "log_var", "logits")} == {
            "float32"
        }
        loss = vae.compute_loss(images[:4], y_pred={k: ops.convert_to_tensor(v) for k, v in outputs.items()})
        assert keras.backend.standardize_dtype(loss.dtype) == "float32"
        losses = vae.fit(images, batch_size=32, epochs=6, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        vae.save(tmp_path / "vae.keras")
        expected = vae.evaluate(images, verbose=0)
        state = [np.asarray(ops.convert_to_numpy(v)) for v in vae.optimizer.variables]
    finally:
        keras.config.set_dtype_policy("float32")
    loaded = keras.models.load_model(tmp_path / "vae.keras")  # where the global policy is another
    assert loaded.dtype_policy.name == policy
    assert loaded.evaluate(images, verbose=0) == pytest.approx(expected, rel=1e-5)
    for saved, variable in zip(state, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(saved, ops.convert_to_numpy(variable))


# -- inference -------------------------------------------------------------------------------------------------


def test_encode_never_samples_and_batches_do_not_matter(images):
    vae = make()
    q = vae.encode(images, batch_size=17)
    np.testing.assert_allclose(q.mean, vae.encode(images).mean, atol=1e-6)
    assert q.mean.shape == q.log_var.shape == (96, 2)
    assert make("isotropic").encode(images).log_var.shape == (96, 1)


def test_log_variances_of_an_encoder_that_exceed_all_ranges_are_limited(images):
    """One extreme row of a table must not make a finished training impossible to describe."""
    vae = make()
    *others, _ = vae.encoder.get_weights()
    vae.encoder.set_weights([*others, np.array([-200.0, 200.0])])
    log_var = vae.encode(images).log_var
    assert (log_var == [-80, 80]).all()
    assert np.isfinite(kv.diagnostics.units(*vae.encode(images)).kl).all()


def test_decode_gives_pixels_and_the_decoder_logits(images):
    vae = make()
    z = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    logits = ops.convert_to_numpy(vae.decoder(z))
    np.testing.assert_allclose(vae.decode(z, batch_size=3), 1 / (1 + np.exp(-logits)), atol=1e-6)
    np.testing.assert_allclose(vae.decode(z.astype("float64"), batch_size=4), vae.decode(z), atol=1e-6)
    np.testing.assert_allclose(vae.reconstruct(images), vae.decode(vae.encode(images).mean), atol=1e-6)
    with pytest.raises(kv.InputError, match=r"expected latent points of shape \(n, 2\); received \(10, 3\)"):
        vae.decode(np.zeros((10, 3)))


def test_points_that_are_decoded_in_several_batches_follow_the_weights():
    """The decoder is compiled where it is called many times; its weights may change between calls."""
    vae, z = make(), np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    for _ in range(2):
        np.testing.assert_allclose(vae.decode(z, batch_size=4), vae.decode(z), atol=1e-6)
        vae.decoder.set_weights([2 * weight + 0.1 for weight in vae.decoder.get_weights()])


def test_generate_repeats_with_its_seed():
    vae = make()
    np.testing.assert_array_equal(vae.generate(5, seed=1), vae.generate(5, seed=1))
    assert not np.array_equal(vae.generate(5, seed=1), vae.generate(5, seed=2))
    assert vae.generate(5).shape == (5, 8, 8)


def test_evaluate_and_predict_repeat(images):
    vae = make()
    assert vae.evaluate(images, verbose=0) == vae.evaluate(images, verbose=0)
    first, second = (vae.predict(images, verbose=0)["z"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_seed_decides_the_weights():
    np.testing.assert_array_equal(weights(make()), weights(make()))
    assert not np.array_equal(weights(make()), weights(kv.dense_vae("64-16-2", (8, 8), seed=1)))
    hidden = kv.dense_vae("9-9-9-9", seed=0).encoder
    assert not np.array_equal(*(hidden.get_layer(f"hidden_{i}").get_weights()[0] for i in (1, 2)))


# -- custom models --------------------------------------------------------------------------------------------


def own_parts(logits_layer=None):
    image = keras.Input((8, 8, 1))
    h = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(image))
    encoder = keras.Model(image, {"mean": keras.layers.Dense(3)(h), "log_var": keras.layers.Dense(3)(h)})
    z = keras.Input((3,))
    h = keras.layers.Dense(64)(z)
    decoder = keras.Model(z, (logits_layer or keras.layers.Reshape((8, 8, 1)))(h))
    return encoder, decoder


def test_a_decoder_of_flat_logits_has_the_loss_of_one_with_the_image_s_shape(images):
    encoder, decoder = own_parts()
    flat = keras.Sequential([decoder, keras.layers.Flatten()])
    losses = []
    for part in (decoder, flat):
        vae = kv.VAE(encoder, part, seed=0)
        vae.compile()
        losses.append(vae.evaluate(images[:8], batch_size=8, verbose=0))  # as many images as pixels in a row
    assert losses[0] == losses[1]


def test_compiled_metrics_get_their_targets(images):
    vae = make()
    vae.compile("sgd", metrics={"mean": keras.metrics.MeanSquaredError(name="distance")})
    shapes = {"z": (2,), "mean": (2,), "log_var": (2,), "logits": (8, 8)}  # Keras requires a target for every output
    target = {name: np.full((len(images), *shape), 9.0, "float32") for name, shape in shapes.items()}
    history = vae.fit(images, target, epochs=1, verbose=0).history
    (name,) = [key for key in history if "distance" in key]
    assert history[name][0] > 10


def test_own_models_with_named_outputs_and_a_channel_axis(images):
    vae = kv.VAE(*own_parts(), likelihood=kv.Gaussian(0.5))
    vae.compile("sgd")
    vae.fit(images[..., None], verbose=0)
    with_channel = vae.evaluate(images[..., None], verbose=0, return_dict=True)
    # Keras adds the channel axis itself where it is missing; the loss must not broadcast over it.
    vae.make_test_function(force=True)
    without = vae.evaluate(images, verbose=0, return_dict=True)
    assert with_channel["loss"] == pytest.approx(without["loss"], rel=1e-5)
    assert vae.latent_shape == (3,)


def test_a_custom_likelihood_is_saved_with_the_model(images, tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Laplace(kv.Likelihood):
        def nll_per_pixel(self, x, logits):
            return ops.abs(x - logits) + math.log(2.0)

        def mean(self, logits):
            return logits

    vae = make(likelihood=Laplace())
    vae.fit(images, verbose=0)
    vae.save(tmp_path / "laplace.keras")
    loaded = keras.models.load_model(tmp_path / "laplace.keras")
    assert isinstance(loaded.likelihood, Laplace)
    assert loaded.evaluate(images, verbose=0) == vae.evaluate(images, verbose=0)


# -- saving ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "posterior",
    ["diagonal", "autoencoder", *(pytest.param(name, marks=pytest.mark.slow) for name in posteriors.names()[1:-1])],
)
def test_a_loaded_model_continues_training_like_the_saved_one(images, tmp_path, posterior):
    vae = make(posterior, adam(), **({} if posterior == "autoencoder" else {"beta": 0.3}))
    vae.fit(images, batch_size=32, shuffle=False, verbose=0)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert (loaded.posterior.name, loaded.image_shape) == (posterior, (8, 8))
    for model in (vae, loaded):
        model.fit(images, batch_size=32, shuffle=False, epochs=2, verbose=0)
    np.testing.assert_allclose(weights(vae), weights(loaded), atol=1e-6)


def test_encoder_and_decoder_stand_alone(images, tmp_path):
    vae = make()
    vae.encoder.save(tmp_path / "encoder.keras")
    encoder = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(encoder.predict(images, verbose=0)[0], vae.encoder.predict(images, verbose=0)[0])


def test_a_seed_chosen_at_random_is_saved(images, tmp_path):
    vae = kv.dense_vae("64-16-2", (8, 8))
    vae.compile()
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.evaluate(images, verbose=0) == vae.evaluate(images, verbose=0)
    assert vae.seed != kv.dense_vae("64-16-2", (8, 8)).seed


def test_metrics_names_are_those_of_evaluate(images):
    for posterior in posteriors.names():
        vae = make(posterior)
        named = dict(zip(vae.metrics_names, vae.evaluate(images, verbose=0), strict=True))
        assert named == pytest.approx(vae.evaluate(images, verbose=0, return_dict=True))


def test_load_weights(images, tmp_path):
    vae = make()
    vae.fit(images, verbose=0)
    vae.save_weights(tmp_path / "vae.weights.h5")
    other = kv.dense_vae("64-16-2", (8, 8), seed=9)
    other.compile(keras.optimizers.SGD(1e-2))
    other.load_weights(tmp_path / "vae.weights.h5")
    np.testing.assert_array_equal(weights(other), weights(vae))


def test_loads_in_a_fresh_process_after_a_plain_import(images, tmp_path):
    vae = make()
    vae.save(tmp_path / "vae.keras")
    np.save(tmp_path / "x.npy", images)
    program = (
        "import keras_vae, sys\n"
        "assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules), 'not lazy'\n"
        "import keras, numpy, json, importlib\n"
        "importlib.reload(keras_vae)\n"
        "assert keras.__spec__.loader.__class__.__name__ == 'SourceFileLoader'\n"
        f"vae = keras.models.load_model(r'{tmp_path / 'vae.keras'}')\n"
        f"print(json.dumps(vae.encode(numpy.load(r'{tmp_path / 'x.npy'}')).mean.tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), vae.encode(images).mean, atol=1e-6)


# -- refusals --------------------------------------------------------------------------------------------------


def test_refuses_a_loss():
    with pytest.raises(kv.InputError, match="compile: expected no loss"):
        make().compile("adam", loss="mse")


@pytest.mark.parametrize(
    "architecture", ["784", "784-0-2", "", "784--2", "784-a-2", "64-2.5", "64--8-2", "６4-2", (64,)]
)
def test_refuses_what_is_no_architecture(architecture):
    with pytest.raises(kv.InputError, match="architecture: expected layer sizes above 0"):
        kv.dense_vae(architecture)


def test_refuses_an_architecture_of_another_size_or_beyond_memory():
    with pytest.raises(kv.InputError, match="expected 784 as its first number"):
        kv.dense_vae("64-16-2", (28, 28))
    with pytest.raises(kv.InputError, match=r"needs about [\d,]+ GiB; make its layers smaller"):
        kv.dense_vae("784-99999999999-2", (28, 28))


def test_refuses_parts_that_do_not_fit():
    encoder, decoder = own_parts()
    with pytest.raises(kv.InputError, match="posterior: expected one of diagonal"):
        kv.VAE(encoder, decoder, posterior="full")
    with pytest.raises(kv.InputError, match=r"expected 1 output .mean. for the posterior 'none'; received 2"):
        kv.VAE(encoder, decoder, posterior="none")
    with pytest.raises(kv.InputError, match=r"expected a log_var of shape \(1,\)"):
        kv.VAE(encoder, decoder, posterior="isotropic")
    z = keras.Input((4,))
    with pytest.raises(kv.InputError, match=r"latent shape \(3,\); received \(4,\)"):
        kv.VAE(encoder, keras.Model(z, keras.layers.Dense(64)(z)))
    z = keras.Input((3,))
    with pytest.raises(kv.InputError, match="expected an output of the image's shape"):
        kv.VAE(encoder, keras.Model(z, keras.layers.Dense(63)(z)))
    with pytest.raises(kv.InputError, match="remove that activation"):
        kv.VAE(encoder, own_parts(keras.layers.Activation("sigmoid"))[1])
    kv.VAE(encoder, own_parts(keras.layers.Activation("sigmoid"))[1], likelihood="gaussian")  # which has none
    with pytest.raises(kv.InputError, match="no effect for posterior='autoencoder'"):
        kv.dense_vae("64-2", posterior="autoencoder", beta=2.0)
    with pytest.raises(kv.InputError, match="likelihood: expected one of"):
        kv.dense_vae("64-2", likelihood=kv.Gaussian)


def test_refuses_batches_and_arrays_that_train_nothing(images):
    for arguments, sentence in (
        ({"x": images, "batch_size": 0}, "batch_size: expected a whole number of at least 1"),
        ({"x": images, "batch_size": -1}, "batch_size: expected a whole number of at least 1"),
        ({"x": images, "batch_size": 1.5}, "batch_size: expected a whole number of at least 1"),
        ({"x": images, "sample_weight": np.full(len(images), np.nan)}, "sample_weight: expected finite weights"),
        ({"x": images, "sample_weight": np.full(len(images), -1.0)}, "sample_weight: expected finite weights"),
        ({"x": images[:0]}, "at least one image"),
        ({"x": images, "sample_weight": 1.0}, "one weight per image"),
        ({"x": images, "sample_weight": np.ones(3)}, "arrays of one length"),
        ({"x": images, "validation_split": 1.0}, "leaves images on both sides"),
    ):
        with pytest.raises(kv.InputError, match=sentence):
            make().fit(verbose=0, **arguments)


def test_refuses_weights_per_pixel(images):
    with pytest.raises(kv.InputError, match="sample_weight: expected one weight per image"):
        make().fit(images, sample_weight=np.ones_like(images), verbose=0)


# -- values outside the likelihood's support ---------------------------------------------------------------------


def outside(images, kind: str) -> np.ndarray:
    if kind == "NaN":
        return np.where(images > 0.9, np.nan, images)
    return {"0…255": 255 * images, "bytes": np.uint8(255 * images), "−1…1": 2 * images - 1}[kind]


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous-bernoulli"])
@pytest.mark.parametrize("kind", ["0…255", "bytes", "−1…1", "NaN"])
def test_images_outside_the_support_are_refused(images, kind, likelihood):
    vae, x = make(likelihood=likelihood), outside(images, kind)
    before = weights(vae)
    for use in (
        lambda: vae.fit(x, verbose=0),
        lambda: vae.fit(ops.convert_to_tensor(x), verbose=0),
        lambda: vae.fit(images, validation_data=x, verbose=0),
        lambda: vae.fit(images, validation_data=(x, x), verbose=0),
        lambda: vae.fit(Batches(x, 32), verbose=0),
        lambda: vae.fit(((batch,) for batch in np.split(x, 3)), verbose=0),
        lambda: vae.evaluate(x, verbose=0),
        lambda: vae.evaluate({"image": x}, verbose=0),
        lambda: vae.train_on_batch(x),
        lambda: vae.test_on_batch(x),
    ):
        with pytest.raises(kv.InputError, match=r"expected images with values in \[0, 1\]"):
            use()
    np.testing.assert_array_equal(before, weights(vae))


@on_tensorflow
def test_a_dataset_is_checked_as_it_is_drawn(images):
    import tensorflow as tf

    vae = make()
    bad = np.concatenate([images[:64], 2 * images[64:] - 1])  # the first batches are right
    for x in (bad, (bad, bad)):
        dataset = tf.data.Dataset.from_tensor_slices(x).batch(32)
        for use in (
            lambda dataset=dataset: vae.fit(dataset, verbose=0),
            lambda dataset=dataset: vae.fit(images, validation_data=dataset, verbose=0),
            lambda dataset=dataset: vae.evaluate(dataset, verbose=0),
        ):
            with pytest.raises(kv.InputError, match=r"expected images with values in \[0, 1\]"):
                use()


@on_tensorflow
def test_the_check_of_a_dataset_does_not_change_its_order(images, monkeypatch):
    import tensorflow as tf

    trained = []
    for checked in (True, False):
        if not checked:
            monkeypatch.setattr(kv.VAE, "image_support", lambda self: None)
        tf.random.set_seed(0)
        dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(96).batch(32)
        vae = make()
        vae.fit(dataset, epochs=2, verbose=0)
        trained.append(weights(vae))
    np.testing.assert_array_equal(*trained)


def test_a_generator_trains_on_its_first_batch_as_well(images):
    from_array, from_generator = make(), make()
    expected = from_array.fit(images, batch_size=32, shuffle=False, verbose=0).history["loss"]
    assert from_generator.fit(((batch,) for batch in np.split(images, 3)), verbose=0).history["loss"] == pytest.approx(
        expected, rel=1e-5
    )


def test_data_that_cannot_be_looked_at_is_warned_of(images):
    class Opaque:
        pass

    from keras_vae.fast_fit.image_checks import checked

    with pytest.warns(UserWarning, match="the values of a Opaque are not checked"):
        checked("x", Opaque(), make().image_support())


def test_images_inside_the_support_pass(images):
    make().fit(images > 0.5, verbose=0)
    make().fit(np.uint8(images > 0.5), verbose=0)
    make().fit(np.minimum(images, 1) * np.float32(1.000001), verbose=0)  # rounding
    make(likelihood="gaussian", optimizer=adam()).fit(4 * images - 2, verbose=0)
    with pytest.raises(kv.InputError, match="received NaN or infinity"):
        make(likelihood="gaussian").fit(np.full_like(images, np.inf), verbose=0)


def test_a_likelihood_of_ones_own_has_no_limits_unless_it_states_them(images):
    class Masked(kv.Bernoulli):
        """Ignores pixels of −1."""

        def nll_per_pixel(self, x, logits):
            known = x >= 0
            return ops.where(known, super().nll_per_pixel(ops.where(known, x, 0.0), logits), 0.0)

    vae = make(likelihood=Masked())
    marked = np.where(np.arange(8) < 3, np.float32(-1), images)
    assert np.isfinite(vae.fit(marked, verbose=0).history["loss"]).all()

    class Positive(kv.Gaussian):
        support = (0.0, math.inf)

    with pytest.raises(kv.InputError, match=r"expected images with values in \[0, inf\] for the likelihood Positive"):
        make(likelihood=Positive()).fit(images - 1, verbose=0)


def test_what_a_loss_of_ones_own_compares_is_not_checked(images):
    class Denoising(kv.VAE):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(y, None, y_pred, sample_weight, training)

    parts = kv.dense_vae("64-16-2", (8, 8), seed=0)
    vae = Denoising(parts.encoder, parts.decoder, seed=0)
    vae.compile("adam")
    assert np.isfinite(vae.evaluate(2 * images - 1, images, verbose=0)).all()
    with pytest.warns(UserWarning, match="y: targets are ignored, since a VAE reconstructs its input"):
        make().fit(images[::-1].copy(), images, verbose=0)


def test_a_loss_that_is_not_finite_is_reported(images):
    vae = make(likelihood="gaussian")
    with pytest.warns(UserWarning, match="the loss is (inf|nan) after the last epoch"):
        vae.fit(1e30 * images, verbose=0)


# -- what can be set after construction ----------------------------------------------------------------------------


def test_beta_can_be_set_and_takes_effect_in_compiled_steps(images, tmp_path):
    vae = make(beta=0.5)
    vae.fit(images, batch_size=32, verbose=0)
    vae.beta = 4
    assert float(vae.beta) == 4.0
    assert vae.fit(images, batch_size=32, verbose=0).history["beta"] == [4.0]
    results = vae.evaluate(images, verbose=0, return_dict=True)
    assert results["loss"] == pytest.approx(results["reconstruction"] + 4 * results["kl"], rel=1e-5)
    vae.save(tmp_path / "vae.keras")
    assert float(keras.models.load_model(tmp_path / "vae.keras").beta) == 4.0
    assert float(kv.VAE.from_config(vae.get_config()).beta) == 4.0
    for value in (-1, float("nan"), float("inf"), "4", None, True):
        with pytest.raises(kv.InputError, match="beta: expected a finite number"):
            vae.beta = value
    with pytest.raises(kv.InputError, match="no effect for posterior='autoencoder'"):
        make("autoencoder").beta = 2


def test_a_callback_can_set_beta(images):
    vae, seen = make(), []

    class Raise(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["beta"] * (batch + 1) - sum(seen))
            self.model.beta = float(batch + 2)

    vae.fit(images, batch_size=32, verbose=0, callbacks=[Raise()])
    assert seen == pytest.approx([1, 2, 3])


@pytest.mark.parametrize("name", ["encoder", "decoder", "likelihood", "posterior", "seed", "sampling", "image_shape"])
def test_what_would_have_no_effect_cannot_be_set(name):
    vae, other = make(), kv.dense_vae("64-16-2", (8, 8), "isotropic", "gaussian", seed=1)
    value = (64,) if name == "image_shape" else getattr(other, name)
    with pytest.raises(kv.InputError, match=f"{name}: expected no other value after the model was constructed"):
        setattr(vae, name, value)
    setattr(vae, name, getattr(vae, name))


def test_a_clone_is_refused_and_a_copy_has_the_weights(images):
    vae = make(beta=0.5)
    vae.fit(images, verbose=0)
    with pytest.raises(kv.InputError, match=r"use copy.deepcopy\(vae\)"):
        keras.models.clone_model(vae)
    twin = copy.deepcopy(vae)
    assert type(twin) is kv.VAE
    np.testing.assert_array_equal(weights(twin), weights(vae))
    fresh = kv.VAE.from_config(vae.get_config())
    fresh.set_weights(vae.get_weights())
    np.testing.assert_array_equal(fresh.encode(images).mean, vae.encode(images).mean)


# -- metrics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["metrics", pytest.param("weighted_metrics", marks=pytest.mark.slow)])
def test_metrics_of_the_logits_compare_with_the_images(images, argument):
    vae = kv.dense_vae("64-16-2", (8, 8), seed=0)
    vae.compile("sgd", **{argument: {"logits": "mse"}})
    expected = np.square(vae.predict(images, verbose=0)["logits"] - images).mean()
    for y in (None, images, np.zeros(len(images))):
        results = vae.evaluate(images, y, verbose=0, return_dict=True)
        assert results["logits_mse"] == pytest.approx(expected, rel=1e-5)
    assert {"logits_mse", "val_logits_mse"} <= set(vae.fit(images, images, validation_split=0.5, verbose=0).history)


def test_metrics_without_targets_are_refused(images):
    vae = kv.dense_vae("64-16-2", (8, 8), seed=0)
    for metrics in (["mse"], {"pixels": "mse"}, "mse"):
        with pytest.raises(kv.InputError, match="metrics: expected a dictionary from outputs"):
            vae.compile("adam", metrics=metrics)
    vae.compile("adam", metrics={"mean": "mse"})
    with pytest.raises(kv.InputError, match="received none for mean"):
        vae.evaluate(images, verbose=0)
    assert "mean_mse" in vae.evaluate(images, {"mean": np.zeros((96, 2))}, verbose=0, return_dict=True)


# -- parts ---------------------------------------------------------------------------------------------------------


def test_parts_without_a_known_graph_are_refused_with_a_way():
    @keras.saving.register_keras_serializable("tests")
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    encoder, decoder = own_parts()
    condition = keras.Input((10,))
    two = keras.Model([encoder.inputs[0], condition], list(encoder.outputs))
    any_size = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(any_size)
    unknown = keras.Model(any_size, [keras.layers.Dense(3)(pooled), keras.layers.Dense(3)(pooled)])
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    for part, sentence in (
        (Subclassed(), "whose inputs are not known; wrap it in a functional model"),
        (unbuilt, "whose inputs are not known; wrap it in a functional model"),
        (two, "expected a model with one input; received 2; .* use the layers"),
        (unknown, "expected an input of known sizes; received .None, None, 1."),
        (keras.layers.Dense(3), "expected a Keras model; received Dense; wrap it"),
        (lambda x: x, "expected a Keras model; received function"),
        (None, "expected a Keras model; received NoneType"),
    ):
        with pytest.raises(kv.InputError, match=f"encoder: .*{sentence}"):
            kv.VAE(part, decoder)
        with pytest.raises(kv.InputError, match=f"decoder: .*{sentence}"):
            kv.VAE(encoder, part)
    with pytest.raises(kv.InputError, match=r"VAE: expected no other arguments; received .'latent'."):
        kv.VAE(encoder, decoder, latent=3)
    z = keras.Input((3,))
    with pytest.raises(kv.InputError, match="expected a model with one output, the logits; received 2"):
        kv.VAE(encoder, keras.Model(z, [keras.layers.Dense(64)(z), keras.layers.Dense(64)(z)]))


def sigmoid_decoders() -> dict[str, keras.Model]:
    """Decoders that end with a sigmoid in many ways."""
    layers, z = keras.layers, keras.Input((3,))
    p = layers.Dense(64, activation="sigmoid")(z)
    nested = keras.Sequential([keras.Input((64,)), layers.Dense(64), layers.Activation("sigmoid")])
    padded = layers.Reshape((10, 10, 1))(layers.Dense(100, activation="sigmoid")(z))
    return {
        "reshape": keras.Model(z, layers.Reshape((8, 8, 1))(p)),
        "flatten": keras.Model(z, layers.Flatten()(layers.Reshape((8, 8))(p))),
        "permute": keras.Model(z, layers.Permute((2, 1, 3))(layers.Reshape((8, 8, 1))(p))),
        "crop": keras.Model(z, layers.Cropping2D(1)(padded)),
        "dropout": keras.Model(z, layers.Dropout(0.1)(p)),
        "linear": keras.Model(z, layers.Activation("linear")(p)),
        "layer": keras.Model(z, layers.Activation("sigmoid")(layers.Dense(64)(z))),
        "softmax": keras.Model(z, layers.Softmax()(layers.Dense(64)(z))),
        "operation": keras.Model(z, ops.reshape(ops.sigmoid(layers.Dense(64)(z)), (-1, 8, 8, 1))),
        "lambda": keras.Model(z, layers.Lambda(ops.sigmoid)(layers.Dense(64)(z))),
        "sequential": keras.Sequential([keras.Input((3,)), layers.Dense(64, "sigmoid"), layers.Reshape((8, 8, 1))]),
        "nested": keras.Model(z, layers.Reshape((8, 8, 1))(nested(layers.Dense(64)(z)))),
        "around": keras.Model(z, keras.Sequential([keras.Input((64,)), layers.Reshape((8, 8, 1))])(p)),
        "two halves": keras.Model(z, layers.Concatenate()([layers.Dense(32, "sigmoid")(z), layers.Dense(32)(z)])),
    }


def test_a_sigmoid_is_found_wherever_the_decoder_ends_with_it():
    encoder, fine = own_parts()
    for name, decoder in sigmoid_decoders().items():
        with pytest.raises(kv.InputError, match="remove that activation"):
            kv.VAE(encoder, decoder, name=name.replace(" ", "_"))
        kv.VAE(encoder, decoder, likelihood="gaussian")
    kv.VAE(encoder, fine)
    z = keras.Input((3,))
    gated = keras.layers.Dense(64)(keras.layers.Dense(9, activation="sigmoid")(z))
    kv.VAE(encoder, keras.Model(z, keras.layers.Reshape((8, 8, 1))(gated)))


def test_generate_needs_a_number_of_images():
    vae = make()
    for n in (0, -1, 2.5, True, None, "3"):
        with pytest.raises(kv.InputError, match="n: expected a whole number of at least 1"):
            vae.generate(n)
    with pytest.raises(kv.InputError, match="seed: expected a whole number"):
        vae.generate(2, seed=-1)
    for method in (vae.encode, vae.reconstruct, vae.decode):
        with pytest.raises(kv.InputError, match="batch_size: expected a whole number of at least 1"):
            method(np.zeros((2, *(vae.latent_shape if method == vae.decode else (8, 8))), "float32"), batch_size=0)
