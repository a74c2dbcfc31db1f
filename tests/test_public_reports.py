"""Failures that public bug reports and questions about VAEs in Keras describe, each with the behaviour of this package.

The docstring of each test names the reported symptom.
"""

import copy
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_vae as kv

BACKEND = keras.backend.backend()
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data and tf.distribute are TensorFlow's")
not_torch = pytest.mark.skipif(BACKEND == "torch", reason="Keras has no XLA on PyTorch")


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random((24, 6)).astype("float32")


def make(posterior: str = "diagonal", optimizer=None, compiling=None, **kwargs) -> kv.VAE:
    """A compiled model; by SGD, whose step is traced in half of Adam's time, unless a test needs another optimizer."""
    vae = kv.dense_vae("6-5-2", posterior=posterior, seed=0, **kwargs)
    vae.compile(optimizer or keras.optimizers.SGD(1e-2), **(compiling or {}))
    return vae


def weights(model: keras.Model) -> np.ndarray:
    """All trained weights; the counters of steps and epochs are left out."""
    return np.concatenate([ops.convert_to_numpy(v).ravel() for v in model.trainable_variables])


def functional() -> tuple[keras.Model, keras.Model]:
    """A model of one's own with both layers and Keras' loss, and its encoder."""
    image = keras.Input((6,))
    h = layers.Dense(5, activation="relu")(image)
    mean, log_var = kv.KLDivergence(beta=0.5)([layers.Dense(2, name="mean")(h), layers.Dense(2, name="log_var")(h)])
    z = kv.GaussianSampling(seed=0)([mean, log_var])
    return keras.Model(image, layers.Dense(6, activation="sigmoid")(z)), keras.Model(image, [mean, log_var, z])


# -- the loss ------------------------------------------------------------------------------------------------------


def test_the_kl_of_symbolic_tensors(x):
    """A KL computed on the tensors of a functional model: "a KerasTensor cannot be used as input to a function"."""
    model, encoder = functional()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    loss = model.evaluate(x, x, batch_size=24, verbose=0)
    mean, log_var, _ = encoder.predict(x, verbose=0)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1).mean()
    reconstruction = np.square(model.predict(x, batch_size=24, verbose=0) - x).mean()
    assert loss > 0.5 * kl
    assert loss == pytest.approx(reconstruction + 0.5 * kl, abs=0.1)  # with other noise


def test_a_loss_of_compile_and_one_of_the_layer_are_added(x):
    """`add_loss` beside `compile(loss=…)`: one of them is ignored."""
    model, _ = functional()
    losses = []
    for loss in (lambda y, p: 0.0 * p, lambda y, p: 0.0 * p + 3.0):
        model.compile(keras.optimizers.SGD(0.0), loss)
        losses.append(model.evaluate(x, x, batch_size=24, verbose=0))
    assert losses[1] - losses[0] == pytest.approx(3.0, rel=1e-5)


def test_compile_without_a_loss(x):
    """`compile()` without a loss: "the model cannot be compiled because it has no loss to optimize"."""
    assert np.isfinite(make().fit(x, verbose=0).history["loss"]).all()


def test_the_loss_is_a_sum_over_pixels(x):
    """Cross-entropy as a mean over pixels beside a summed KL: every unit collapses."""
    vae = make("autoencoder")
    logits = vae.predict(x, verbose=0)["logits"]
    expected = (np.log1p(np.exp(logits)) - x * logits).sum(axis=1).mean()
    assert vae.evaluate(x, verbose=0) == pytest.approx([expected, expected], rel=1e-5)


def test_the_loss_does_not_depend_on_the_batch_size(x):
    """A KL summed over the batch, or divided by its size once more: the loss changes with `batch_size`."""
    vae = make("none")
    losses = [vae.evaluate(x, batch_size=size, verbose=0, return_dict=True)["loss"] for size in (1, 7, 24)]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_an_epoch_reports_its_mean_and_the_next_begins_anew(x):
    """A custom `train_step` reports the loss of the last batch only, or sums that grow from epoch to epoch."""
    vae = make("none", keras.optimizers.SGD(0.0))
    whole = vae.evaluate(x, batch_size=24, verbose=0, return_dict=True)["loss"]
    assert vae.fit(x, batch_size=7, epochs=2, verbose=0).history["loss"] == pytest.approx([whole] * 2, rel=1e-5)


def test_an_overflow_in_half_precision():
    """exp(log_var) exceeds float16's 65,504 under mixed precision: NaN."""
    mean, log_var = np.zeros((2, 3), "float16"), np.full((2, 3), 12.0, "float16")
    layer = kv.KLDivergence(dtype="mixed_float16")
    layer([mean, log_var])
    assert float(layer.losses[0]) == pytest.approx(3 * 0.5 * (math.exp(12) - 13), rel=1e-3)
    z = kv.GaussianSampling(seed=0, dtype="mixed_float16")([mean, log_var])
    assert np.isfinite(ops.convert_to_numpy(z)).all()


def test_mixed_precision_with_loss_scaling(x):
    """A custom `train_step` under mixed precision does not scale its loss: gradients vanish."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        vae = make(optimizer=keras.optimizers.Adam(1e-2))
    finally:
        keras.config.set_dtype_policy("float32")
    losses = vae.fit(x, epochs=6, verbose=0).history["loss"]
    assert isinstance(vae.optimizer, keras.optimizers.LossScaleOptimizer)
    assert losses[-1] < losses[0]


def test_pixels_of_0_to_255(x):
    """The loss is NaN, or negative, for images that were not scaled."""
    with pytest.raises(kv.InputError, match=r"received values from .* pixels of 0 to 255 by x / 255"):
        make().fit(255 * x, verbose=0)


def test_a_nan_in_the_data(x):
    """One NaN in the data makes all weights NaN."""
    vae = make()
    x[3, 2] = np.nan
    with pytest.raises(kv.InputError, match="received NaN or infinity"):
        vae.fit(x, verbose=0)
    assert np.isfinite(weights(vae)).all()


def test_terminate_on_nan(x):
    """`TerminateOnNaN` does not see a loss that a custom `train_step` reports."""
    vae = make(optimizer=keras.optimizers.SGD(1e30))
    with pytest.warns(UserWarning, match="after the last epoch"):
        history = vae.fit(x, batch_size=6, epochs=9, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) < 9


# -- beta ----------------------------------------------------------------------------------------------------------


def test_beta_changed_by_a_callback(x):
    """β set by a callback has no effect, since the compiled step contains its first value."""
    vae = make("none", keras.optimizers.SGD(0.0))

    def double(epoch, logs):
        vae.beta = 2.0 * (epoch + 1)

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=double)
    history = vae.fit(x, epochs=2, verbose=0, callbacks=[callback]).history
    assert history["beta"] == [2.0, 4.0]
    parts = np.array(history["reconstruction"]) + np.array(history["beta"]) * np.array(history["penalty"])
    np.testing.assert_allclose(history["loss"], parts, rtol=1e-5)


# -- sampling ------------------------------------------------------------------------------------------------------


def test_a_smaller_last_batch(x):
    """Noise of a fixed batch size: an error in the last, smaller batch, or for one image."""
    vae = make()
    vae.fit(x, batch_size=7, verbose=0)
    assert vae.predict(x[:1], verbose=0)["z"].shape == (1, 2)
    assert vae.predict(x, batch_size=7, verbose=0)["logits"].shape == (24, 6)


def test_every_image_and_step_has_noise_of_its_own():
    """The same noise for every image of a batch, or in every step."""
    layer, inputs = kv.GaussianSampling(seed=0), [np.zeros((50, 3), "float32")] * 2
    first, second = (ops.convert_to_numpy(layer(inputs, training=True)) for _ in range(2))
    assert len(np.unique(np.concatenate([first, second]))) == 300


def test_embeddings_do_not_change_from_call_to_call(x):
    """Embeddings of the same images differ, since the encoder returns samples."""
    vae = make()
    np.testing.assert_array_equal(vae.encode(x).mean, vae.encode(x).mean)
    np.testing.assert_array_equal(vae.reconstruct(x), vae.reconstruct(x))


def test_dropout_and_batch_normalisation(x):
    """Dropout acts, or batch statistics are used, when a trained model encodes."""
    image, z = keras.Input((6,)), keras.Input((2,))
    h = layers.Dropout(0.5)(layers.BatchNormalization(momentum=0.5, name="normalisation")(image))
    encoder = keras.Model(image, [layers.Dense(2)(h), layers.Dense(2)(h)])
    vae = kv.VAE(encoder, keras.Model(z, layers.Dense(6)(z)), seed=0)
    vae.compile("sgd")
    vae.fit(x, epochs=9, verbose=0)
    moving = ops.convert_to_numpy(encoder.get_layer("normalisation").moving_mean)
    np.testing.assert_allclose(moving, x.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(vae.encode(x[:3]).mean, vae.encode(x).mean[:3], atol=1e-6)


# -- data ----------------------------------------------------------------------------------------------------------


@on_tensorflow
def test_sample_weights_in_a_dataset(x):
    """Weights in the third place of a `tf.data.Dataset` are ignored by a custom `train_step`."""
    import tensorflow as tf

    weight = np.linspace(0, 2, 24).astype("float32")
    vae = make("none")
    expected = vae.evaluate(x, sample_weight=weight, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((x, x, weight)).batch(7)
    assert vae.evaluate(dataset, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_class_weights(x):
    """`class_weight` is ignored by a custom `train_step`."""
    y = np.arange(24) % 2
    vae = make("none", keras.optimizers.SGD(0.0))
    expected = vae.evaluate(x[y == 1], verbose=0, return_dict=True)["loss"]
    history = vae.fit(x, y, class_weight={0: 0.0, 1: 1.0}, verbose=0).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_a_validation_split(x):
    """`validation_split` or `validation_data` with a custom `train_step` and no `test_step`: NotImplementedError."""
    for options in ({"validation_split": 0.25}, {"validation_data": (x, None)}):
        history = make().fit(x, verbose=0, **options).history
        assert {"val_loss", "val_reconstruction", "val_kl", "val_elbo"} <= set(history)


def test_single_batches(x):
    """`train_on_batch` and `test_on_batch` with a custom `train_step`: missing names, or an error without targets."""
    vae = make()
    for result in (vae.train_on_batch(x, return_dict=True), vae.test_on_batch(x, x, return_dict=True)):
        assert {"loss", "reconstruction", "kl", "elbo"} <= set(result)
    assert len(vae.train_on_batch(x)) == len(vae.metrics_names)


def test_steps_per_epoch(x):
    """An endless generator with `steps_per_epoch`: it never ends, or the epochs have other lengths."""

    def endless():
        while True:
            yield (x[:8],)

    vae = make()
    vae.fit(endless(), steps_per_epoch=3, epochs=2, verbose=0)
    assert int(vae.optimizer.iterations) == 6
    assert vae.evaluate(endless(), steps=2, verbose=0, return_dict=True)["loss"] > 0


def test_arrays_of_other_dtypes(x):
    """float64 or integer arrays: "expected float32" from a custom step."""
    binary, vae = (x > 0.5).astype("float32"), make("none")
    expected = vae.evaluate(binary, verbose=0)
    for dtype in ("float64", "uint8", "bool"):
        assert vae.evaluate(binary.astype(dtype), verbose=0) == pytest.approx(expected, rel=1e-5)


def test_images_with_and_without_a_channel_axis():
    """(28, 28) against (28, 28, 1): the loss broadcasts, or predictions have another shape than the images."""
    images = np.random.default_rng(0).random((6, 8, 8)).astype("float32")
    vae = kv.conv_vae("c2-4-2", (8, 8, 1), "none", seed=0)
    vae.compile("adam")
    expected = vae.evaluate(images[..., None], verbose=0)
    vae.make_test_function(force=True)
    assert vae.evaluate(images, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(7, 9), (15, 15, 3), (1, 5)])
def test_images_of_odd_sizes(shape):
    """Transposed convolutions return 8 × 12 for images of 7 × 9."""
    images = np.random.default_rng(0).random((3, *shape)).astype("float32")
    assert kv.conv_vae("c2-c2-2", shape, seed=0).reconstruct(images).shape == images.shape


# -- compilation and optimizers --------------------------------------------------------------------------------------


@not_torch
def test_eager_graph_and_compiled_steps_agree(x):
    """`run_eagerly` or `jit_compile` changes the loss, or fails."""
    options = ({"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True})
    losses = [make("none", compiling=o).fit(x, epochs=2, shuffle=False, verbose=0).history["loss"] for o in options]
    for other in losses[1:]:
        assert other == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.parametrize("clipping", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_gradient_clipping(x, clipping):
    """Clipping of the optimizer is skipped by a custom `train_step`."""
    vae = make(optimizer=keras.optimizers.SGD(1.0, **{clipping: 1e-6}))
    before = weights(vae)
    vae.fit(x, batch_size=24, verbose=0)
    assert 0 < np.abs(weights(vae) - before).max() <= 1.1e-6


def test_moving_averages_of_weights(x):
    """`use_ema`: the averages do not replace the weights at the end of training."""
    vae = make(optimizer=keras.optimizers.SGD(1e-2, use_ema=True, ema_momentum=0.0))
    plain = make(optimizer=keras.optimizers.SGD(1e-2))
    for model in (vae, plain):
        model.fit(x, verbose=0)
    np.testing.assert_allclose(weights(vae), weights(plain), atol=1e-6)


def test_gradient_accumulation(x):
    """`gradient_accumulation_steps` is skipped by a custom `train_step`."""
    accumulated = make("none", keras.optimizers.SGD(1e-2, gradient_accumulation_steps=2))
    whole = make("none", keras.optimizers.SGD(1e-2))
    accumulated.fit(x, batch_size=12, shuffle=False, verbose=0)
    whole.fit(x, batch_size=24, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights(accumulated), weights(whole), atol=1e-6)


@on_tensorflow
@pytest.mark.slow
def test_two_replicas_train_as_one_device_does():
    """Under `MirroredStrategy` the gradients of all replicas are summed: the learning rate is multiplied."""
    program = """
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras_vae as kv

x = np.random.default_rng(0).random((24, 6)).astype("float32")

def trained():
    vae = kv.dense_vae("6-5-2", posterior="none", seed=0)
    vae.compile(keras.optimizers.SGD(1e-2))
    loss = vae.fit(x, batch_size=12, epochs=2, shuffle=False, verbose=0).history["loss"]
    return loss, np.concatenate([w.ravel() for w in vae.get_weights()])

loss, alone = trained()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    both_loss, both = trained()
np.testing.assert_allclose(both_loss, loss, rtol=1e-5)
np.testing.assert_allclose(both, alone, atol=1e-6)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


# -- callbacks and saving ------------------------------------------------------------------------------------------


def test_early_stopping_on_the_validation_loss(x):
    """ "val_loss is not available": a custom `test_step` has other names."""
    vae = make(optimizer=keras.optimizers.SGD(0.0), posterior="none")
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    assert len(vae.fit(x, validation_data=x, epochs=9, verbose=0, callbacks=[stop]).epoch) == 2


def test_schedules_of_the_learning_rate(x):
    """`ReduceLROnPlateau` and `LearningRateScheduler` do not change the rate of a compiled step."""
    vae = make(optimizer=keras.optimizers.SGD(1e-2))
    off = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    before = weights(vae)
    history = vae.fit(x, verbose=0, callbacks=[off]).history
    np.testing.assert_array_equal(weights(vae), before)
    assert history["learning_rate"] == [0.0]
    vae.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 10)))
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()


def test_a_checkpoint_of_the_best_epoch(x, tmp_path):
    """`ModelCheckpoint(save_best_only=True)` skips every epoch, or what it saves cannot be loaded."""
    vae = make()
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.keras", "val_elbo", mode="max", save_best_only=True, initial_value_threshold=-1e9
    )
    vae.fit(x, epochs=1, validation_data=x, verbose=0, callbacks=[checkpoint])
    loaded = keras.models.load_model(tmp_path / "1.keras")
    assert loaded.evaluate(x, verbose=0) == pytest.approx(vae.evaluate(x, verbose=0), rel=1e-6)


def test_a_functional_model_with_both_layers_is_loaded(x, tmp_path):
    """`Lambda` sampling, or a loss in a closure, cannot be loaded: "unknown layer", "batch_size is not defined"."""
    model, encoder = functional()
    model.compile("sgd", "mse")
    model.fit(x, x, verbose=0)
    for original in (model, encoder):
        original.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        first, second = (keras.tree.flatten(m.predict(x, verbose=0))[0] for m in (original, loaded))
        assert len(loaded.losses) == len(original.losses) == 1
        if original is encoder:
            np.testing.assert_array_equal(first, second)


def test_a_model_from_its_json(x):
    """`to_json` and `model_from_json` fail for custom layers."""
    model, _ = functional()
    restored = keras.models.model_from_json(model.to_json())
    restored.set_weights(model.get_weights())
    assert restored.get_layer("mean").get_weights()[0].shape == (5, 2)
    vae = make(beta=0.5)
    twin = keras.models.model_from_json(vae.to_json())
    twin.set_weights(vae.get_weights())
    np.testing.assert_array_equal(twin.encode(x).mean, vae.encode(x).mean)


def test_weights_alone_are_saved(x, tmp_path):
    """`save_weights` of a subclassed VAE that was never called: "weights are not created"."""
    vae = make()
    vae.save_weights(tmp_path / "vae.weights.h5")
    other = kv.dense_vae("6-5-2", seed=5)
    other.load_weights(tmp_path / "vae.weights.h5")
    np.testing.assert_array_equal(other.encode(x).mean, vae.encode(x).mean)


def test_a_copy_keeps_training(x):
    """`clone_model` and `deepcopy` return models without weights, or without the loss."""
    vae = make(optimizer=keras.optimizers.Adam(1e-2))
    vae.fit(x, verbose=0)
    twin = copy.deepcopy(vae)
    for model in (vae, twin):
        model.fit(x, verbose=0)
    np.testing.assert_allclose(weights(vae), weights(twin), atol=1e-6)


# -- models of one's own ---------------------------------------------------------------------------------------------


def test_the_layers_in_a_subclassed_model(x):
    """Losses added within a subclassed model are not collected by `fit`."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.mean, self.log_var, self.out = layers.Dense(2), layers.Dense(2), layers.Dense(6)
            self.kl, self.sampling = kv.KLDivergence(beta=1000.0), kv.GaussianSampling(seed=0)

        def call(self, inputs):
            return self.out(self.sampling(self.kl([self.mean(inputs), self.log_var(inputs)])))

    model = Own()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    losses = []
    for beta in (0.0, 1000.0):
        model(x)  # builds the layers
        model.kl.beta = beta
        losses.append(model.fit(x, x, batch_size=24, verbose=0).history["loss"][0])
    mean, log_var = (ops.convert_to_numpy(layer(x)) for layer in (model.mean, model.log_var))
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1).mean()
    assert losses[1] - losses[0] == pytest.approx(1000 * kl, rel=0.02)


def test_a_subclassed_part_of_a_vae():
    """An encoder that is a subclassed model: "has no attribute inputs" or "layer has never been called"."""

    class Part(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(kv.InputError, match=r"encoder: expected a functional model.*wrap it in a functional model"):
        kv.VAE(Part(), keras.Sequential([keras.Input((2,)), layers.Dense(6)]))


def test_a_frozen_encoder(x):
    """A frozen encoder trains on, since a custom `train_step` uses all weights."""
    vae = make()
    vae.encoder.trainable = False
    vae.compile("sgd")
    frozen, decoder = vae.encoder.get_weights(), weights(vae.decoder)
    vae.fit(x, verbose=0)
    for before, after in zip(frozen, vae.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(weights(vae.decoder), decoder)


def test_a_sigmoid_twice():
    """A decoder with a sigmoid and a loss from logits: grey pictures, and a loss that stays high."""
    encoder = kv.dense_vae("6-5-2", seed=0).encoder
    z = keras.Input((2,))
    with pytest.raises(kv.InputError, match="remove that activation"):
        kv.VAE(encoder, keras.Model(z, layers.Dense(6, activation="sigmoid")(z)))
