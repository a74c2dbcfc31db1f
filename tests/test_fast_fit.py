"""Epochs compiled into few calls: the same weights as Keras' own step."""

import os
import subprocess
import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import objectives
from keras_vae._utils.items import Items, Scaling
from keras_vae._utils.npy_file import NpyFile
from keras_vae.fast_fit import keras_internals, ordered_fit, policy, steps_per_call
from keras_vae.fast_fit.observers import StepObserver

# Programs take seconds to compile: `make test` runs one case of each kind, `make test-slow` the others.
slow = pytest.mark.slow
BACKEND = keras.backend.backend()
compiles_epochs = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch uses Keras' own step")
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="concerns TensorFlow")


def sgd() -> keras.optimizers.Optimizer:
    """An optimizer with a state, whose programs XLA compiles faster than Adam's."""
    return keras.optimizers.SGD(1e-3, momentum=0.9)


def trained(images, monkeypatch=None, callbacks=(), epochs=3, optimizer=None, **compiling):
    """A model after epochs of 6 batches, the last one smaller; by Keras' own step if a monkeypatch is given."""
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    vae.compile(optimizer or sgd(), **{"jit_compile": True, **compiling})
    if monkeypatch:
        monkeypatch.setattr(ordered_fit, "compiled_epoch", lambda *args: None)
    history = vae.fit(
        images, batch_size=17, epochs=epochs, validation_data=images[:9], callbacks=list(callbacks), verbose=0
    )
    return vae, history.history


def adam() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(1e-2)


def weights(vae):
    return [keras.ops.convert_to_numpy(variable) for variable in [*vae.variables, *vae.optimizer.variables]]


class OwnStep(NamedTuple):
    weights: list[np.ndarray]
    losses: list[float]
    trajectory: kv.Trajectory


@pytest.fixture(scope="module")
def own_step(images) -> OwnStep:
    """A training by Keras' own step, with a frame at every step; several tests compare with it."""
    recorder = kv.LatentRecorder(images[:4], every=1)
    with pytest.MonkeyPatch.context() as patched:
        vae, history = trained(images, patched, [recorder], optimizer=adam())
    return OwnStep(weights(vae), history["loss"], recorder.trajectory)


@compiles_epochs
def test_the_bar_counts_the_steps_of_an_epoch(images, monkeypatch):
    """Also the last call's, which takes fewer steps than the others."""
    counted = []
    monkeypatch.setattr(
        keras.callbacks.ProgbarLogger, "on_train_batch_end", lambda self, batch, logs=None: counted.append(batch + 1)
    )
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    vae.compile(sgd(), jit_compile=True, steps_per_execution=5)
    vae.fit(images[:100], batch_size=17, epochs=1)
    assert counted == [5, 6]


class Listener(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches, self.tested = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)

    def on_test_batch_end(self, batch, logs=None):
        self.tested.append(batch)


@compiles_epochs
@pytest.mark.parametrize("steps", [5, *(pytest.param(steps, marks=slow) for steps in (1, 2, 7, 50))])
def test_the_same_weights_as_keras_own_step(images, own_step, steps):
    fast, history = trained(images, optimizer=adam(), steps_per_execution=steps)
    assert len(images) % 17  # the last batch is a smaller one
    for a, b in zip(own_step.weights, weights(fast), strict=True):
        np.testing.assert_array_equal(a, b)
    # the metrics are summed by another program; its last digits may differ
    np.testing.assert_allclose(history["loss"], own_step.losses, rtol=1e-6)


@compiles_epochs
@pytest.mark.slow
def test_weights_of_images_and_an_interrupted_training(images):
    weight = np.linspace(0, 1, len(images)).astype("float32")

    def fit(vae, **options):
        vae.fit(images, sample_weight=weight, batch_size=17, verbose=0, **options)
        return weights(vae)

    def stop(batch, logs):
        raise KeyboardInterrupt

    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    vae.compile(sgd(), jit_compile=True)
    vae.optimizer.build(vae.trainable_variables)
    saved = [np.copy(w) for w in weights(vae)]

    def restore():
        for variable, value in zip([*vae.variables, *vae.optimizer.variables], saved, strict=True):
            variable.assign(value)

    expected = fit(vae, epochs=3)
    restore()
    with pytest.raises(KeyboardInterrupt):
        fit(vae, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)])
    assert vae.train_function is None
    restore()
    fit(vae, epochs=1)
    for a, b in zip(expected, fit(vae, epochs=3, initial_epoch=1), strict=True):
        np.testing.assert_array_equal(a, b)


@compiles_epochs
@slow
def test_one_trace(images):
    def traces(program) -> int:
        return program._cache_size() if BACKEND == "jax" else program.experimental_get_tracing_count()

    vae, _ = trained(images)
    program = vae._program_cache.program
    vae.fit(images, batch_size=17, epochs=2, verbose=0, callbacks=[Listener()])
    vae.fit(images[::-1].copy(), batch_size=17, verbose=0)
    assert traces(program) == 1
    for _ in range(2):  # frames make the program another one, their recorder doesn't
        vae.fit(images, batch_size=17, verbose=0, callbacks=[kv.LatentRecorder(images[:4], every=2)])
    assert traces(program) == 2
    assert vae._program_cache.program is program
    vae.compile("sgd", jit_compile=True)
    vae.fit(images, batch_size=17, verbose=0)  # another optimizer needs another program
    assert int(vae.optimizer.iterations) == 6
    assert vae._program_cache.program is not program


@compiles_epochs
@pytest.mark.slow
def test_a_batch_larger_than_the_data(images, monkeypatch):
    def fitted():
        vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
        vae.compile(sgd(), jit_compile=True)
        recorder = kv.LatentRecorder(images[:4], every=1)
        vae.fit(images[:20], epochs=3, verbose=0, callbacks=[recorder])  # of 32 images
        return weights(vae), recorder.trajectory.steps.tolist()

    fast, steps = fitted()
    monkeypatch.setattr(ordered_fit, "compiled_epoch", lambda *args: None)
    assert steps == [0, 1, 2, 3]
    for a, b in zip(fast, fitted()[0], strict=True):
        np.testing.assert_array_equal(a, b)


@compiles_epochs
def test_layers_without_xla_support_use_keras_own_step(images):
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    vae.encoder.layers[-1].supports_jit = False
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        vae.compile("adam", jit_compile=True)
    assert not policy.can_compile_epoch(vae, (images,), 17, jit_compile=True)


@slow
@compiles_epochs
def test_fit_restores_the_model(images, tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "MIN_STEPS_PER_EPOCH", 1)
    vae, _ = trained(images, jit_compile="auto")
    assert vae.train_function is None
    assert vae._compiled_epoch is None
    assert vae.steps_per_execution == 1
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.get_compile_config()["jit_compile"] == "auto"
    loaded.fit(images, batch_size=17, verbose=0)
    vae.fit(images, batch_size=17, verbose=0)
    for a, b in zip(weights(vae), weights(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


@slow
@compiles_epochs
def test_callbacks_are_called_at_the_requested_steps(images):
    every, fifth, tested = Listener(), Listener(), Listener()
    trained(images, callbacks=[every], epochs=2)
    assert every.batches == [0, 1, 2, 3, 4, 5] * 2
    trained(images, callbacks=[fifth], epochs=1, steps_per_execution=4)
    assert fifth.batches == [3, 7]  # as Keras counts: the last execution as a whole one
    recorder = kv.LatentRecorder(images[:4], every=3)
    tested.steps_between_calls = 0
    trained(images, callbacks=[recorder, tested], epochs=1)
    assert tested.batches == [49]  # the recorder is evaluated within the call
    assert recorder.trajectory.steps.tolist() == [0, 3, 6]
    assert tested.tested == [0]  # the validation's batches stay single


def test_steps_per_call(images, tmp_path):
    choose = steps_per_call.choose_steps_per_call
    listener, lambdas = Listener(), keras.callbacks.LambdaCallback(on_train_batch_begin=print)
    recorder = kv.LatentRecorder(images[:4], every=5)
    assert choose(1, []) == choose(1, [keras.callbacks.EarlyStopping()]) == 50
    assert choose(8, [listener]) == 8
    assert choose(1, [listener]) == choose(1, [recorder, lambdas]) == 1
    assert choose(1, [recorder]) == 5
    assert choose(1, [recorder, kv.LatentRecorder(images[:4], every=15)]) == 5
    assert choose(1, [kv.LatentRecorder(images[:4], every=469)]) == 7
    assert choose(1, [keras.callbacks.ModelCheckpoint(tmp_path / "a.keras")]) == 50
    assert choose(1, [keras.callbacks.ModelCheckpoint(tmp_path / "a.keras", save_freq=9)]) == 1


@compiles_epochs
def test_where_keras_own_step_is_used(images, monkeypatch):
    def fast(jit_compile="auto", batch_size=17, **compiling):
        vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
        vae.compile("adam", **compiling)
        return policy.compiled_epoch(vae, (images,), batch_size, jit_compile) is not None

    monkeypatch.setattr(policy, "MIN_STEPS_PER_EPOCH", 5)
    assert fast()
    assert not fast(batch_size=20)
    assert fast(jit_compile=True, batch_size=20)
    assert not fast(jit_compile=False)
    assert not fast(run_eagerly=True)
    monkeypatch.setattr(policy, "MAX_DATA_BYTES", images.nbytes - 1)
    assert not fast()


@on_tensorflow
def test_keras_own_step_is_used_under_a_strategy(images):
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        mirrored = kv.dense_vae("64-16-2", (8, 8), seed=3)
        mirrored.compile("adam")
        assert not policy.can_compile_epoch(mirrored, (images,), 17, True)
    assert not policy.can_compile_epoch(mirrored, (images,), 17, True)  # as it is usually trained: outside the scope


@pytest.mark.skipif(BACKEND != "jax", reason="concerns JAX")
def test_keras_own_step_trains_convolutions_on_a_cpu(images):
    import jax

    vae = kv.conv_vae("c4-16-2", (8, 8), seed=3)
    vae.compile("adam", jit_compile=True)
    assert policy.can_compile_epoch(vae, (images,), 17, True) == (jax.default_backend() != "cpu")


@pytest.mark.skipif(BACKEND != "jax", reason="concerns JAX")
def test_keras_own_step_is_used_on_several_devices(images):
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    vae.compile("adam")
    assert policy.can_compile_epoch(vae, (images,), 17, True)
    with keras.distribution.DataParallel(devices=["cpu:0"]).scope():
        assert not policy.can_compile_epoch(vae, (images,), 17, True)


@on_tensorflow
def test_convolutions_on_a_cpu_are_not_compiled_by_default():
    import tensorflow as tf

    from keras_vae.fast_fit.tensorflow import gains_from_xla

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU is here")
    image = keras.Input((8, 8, 1))
    assert not gains_from_xla(keras.Sequential([image, keras.Sequential([keras.layers.Conv2DTranspose(2, 3)])]))
    assert gains_from_xla(keras.Sequential([image, keras.layers.Dense(3)]))


@slow
@on_tensorflow
def test_predrawn_noise_is_the_same(images, monkeypatch):
    """However many steps a call takes the weights are the same; those of Keras' step without XLA but for rounding."""
    from keras_vae.fast_fit import tensorflow

    monkeypatch.setattr(tensorflow, "MAX_NOISE_IN_STEP", 1)
    monkeypatch.setattr(tensorflow, "_on_cpu", lambda: True)
    fast = [weights(trained(images, steps_per_execution=n)[0]) for n in (1, 4, 50)]
    monkeypatch.setattr(tensorflow, "MAX_NOISE_BYTES", 3 * 4 * 17 * 2)  # bytes of three steps
    listener = Listener()
    fast.append(weights(trained(images, steps_per_execution=4, callbacks=[listener])[0]))
    assert listener.batches[:3] == [1, 3, 5]  # three steps are no divisor of four
    for others in fast[1:]:
        for a, b in zip(fast[0], others, strict=True):
            np.testing.assert_array_equal(a, b)
    # (XLA has another generator.)
    for a, b in zip(fast[0], weights(trained(images, monkeypatch, jit_compile=False)[0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@slow
@on_tensorflow
def test_an_objective_that_draws_samples_does_not_depend_on_the_number_of_steps(images, monkeypatch):
    from keras_vae.fast_fit import tensorflow

    monkeypatch.setattr(tensorflow, "MAX_NOISE_IN_STEP", 1)
    monkeypatch.setattr(tensorflow, "_on_cpu", lambda: True)

    def trained_weights(steps):
        vae = kv.dense_vae("64-16-2", (8, 8), seed=3, objective=objectives.ImportanceWeighted(k=3))
        vae.compile(sgd(), jit_compile=True, steps_per_execution=steps)
        vae.fit(images, batch_size=17, epochs=2, verbose=0)
        return weights(vae)

    for a, b in zip(trained_weights(1), trained_weights(4), strict=True):
        np.testing.assert_array_equal(a, b)


@on_tensorflow
@slow
@pytest.mark.parametrize("units", [2, 9])
def test_xla_compiles_once(tmp_path, units):
    """One program for any number of steps: XLA would compile again if it took their numbers for constants."""
    script = f"""
import numpy as np, keras, keras_vae as kv
x = np.random.default_rng(0).uniform(size=(100, 8, 8)).astype("float32")
vae = kv.dense_vae("64-16-{units}", (8, 8), seed=3)
vae.compile("adam", jit_compile=True, steps_per_execution=3)
vae.fit(x, batch_size=9, epochs=2, verbose=0, callbacks=[kv.LatentRecorder(x[:4], every=2)])
"""
    flags = f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*inference_steps.*"
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "XLA_FLAGS": flags})
    assert len(list(tmp_path.glob("*inference_steps*before_optimizations.txt"))) == 1


@slow
@on_tensorflow
def test_compiling_again_with_the_same_optimizer(images):
    """Layers frozen since do not change, although the optimizer is the same. (On JAX, Keras requires another one.)"""
    vae, _ = trained(images)
    frozen = [np.copy(w) for w in vae.decoder.get_weights()]
    vae.decoder.trainable = False
    vae.compile(vae.optimizer, jit_compile=True)
    before = vae.encoder.get_weights()
    vae.fit(images, batch_size=17, verbose=0)
    for a, b in zip(frozen, vae.decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(before, vae.encoder.get_weights(), strict=True))


@compiles_epochs
def test_a_custom_train_step_keeps_its_logs(images):
    class Counting(kv.VAE):
        def train_step(self, *arguments):
            if BACKEND == "jax":
                logs, state = super().train_step(*arguments)
                return {**logs, "mine": 7.0}, state
            return {**super().train_step(*arguments), "mine": 7.0}

    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    counting = Counting(vae.encoder, vae.decoder, seed=0)
    counting.compile("sgd", jit_compile=True)
    assert counting.fit(images, batch_size=17, verbose=0).history["mine"] == [7.0]


@compiles_epochs
@pytest.mark.parametrize(
    ("every", "steps"), [(4, 3), *(pytest.param(*case, marks=slow) for case in ((1, 50), (4, 1), (5, 50)))]
)
def test_frames_are_recorded_within_a_call(images, own_step, every, steps):
    """Of 3 epochs of 6 steps, the last of each a smaller batch: the same frames as when every step is a call."""
    recorder = kv.LatentRecorder(images[:4], every=every)
    fast, _ = trained(images, callbacks=[recorder], optimizer=adam(), steps_per_execution=steps)
    within, slow = recorder.trajectory, own_step.trajectory
    assert within.steps.tolist() == [*range(0, 18, every), 18]
    assert slow.steps.tolist() == list(range(19))
    np.testing.assert_array_equal(within.epochs, slow.epochs[within.steps])
    np.testing.assert_allclose(within.mean, slow.mean[within.steps], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(within.log_var, slow.log_var[within.steps], rtol=1e-4, atol=1e-6)
    for a, b in zip(own_step.weights, weights(fast), strict=True):
        np.testing.assert_array_equal(a, b)


@compiles_epochs
@pytest.mark.slow
def test_of_two_observers_one_is_evaluated_within_the_call(images):
    recorder, monitor = kv.LatentRecorder(images[:4], every=2), kv.UnitMonitor(images[:20], every=3)
    trained(images, callbacks=[recorder, monitor], epochs=2)
    assert recorder.trajectory.steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert monitor.history.steps.tolist() == [0, 3, 6, 9, 12]


@slow
@compiles_epochs
def test_a_recorder_without_log_variances_and_one_with_a_single_variance_an_image(images):
    for posterior, shape in (("none", None), ("isotropic", (7, 4, 2))):
        vae = kv.dense_vae("64-16-2", (8, 8), posterior=posterior, seed=3)
        vae.compile("adam", jit_compile=True)
        recorder = kv.LatentRecorder(images[:4], every=1)
        vae.fit(images, batch_size=17, verbose=0, callbacks=[recorder])
        log_var = recorder.trajectory.log_var
        assert shape is None if log_var is None else log_var.shape == shape
        assert recorder.trajectory.mean.shape == (7, 4, 2)


@compiles_epochs
def test_a_recorder_with_another_encoder_is_called(images):
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    vae.compile("sgd", jit_compile=True)
    other = kv.dense_vae("64-16-2", (8, 8), seed=4).encoder
    recorder = kv.LatentRecorder(images[:4], every=2, encoder=other)
    vae.fit(images, batch_size=17, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.steps.tolist() == [0, 2, 4, 6]
    assert np.ptp(recorder.trajectory.mean, axis=0).max() == 0  # it isn't in training


# -- internals of Keras that are missing -----------------------------------------------------------------------------


@compiles_epochs
@pytest.mark.slow
@pytest.mark.parametrize("missing", [*keras_internals.MODEL_INTERNALS, keras_internals.SUPPORTS_JIT])
def test_without_an_internal_keras_own_step_is_used(images, own_step, monkeypatch, missing):
    """Keras itself needs them; what is removed is the package's access to each."""
    model_internal, function_internal = keras_internals.model_internal, keras_internals.function_internal
    monkeypatch.setattr(
        keras_internals,
        "model_internal",
        lambda model, name: (False, None) if name == missing else model_internal(model, name),
    )
    monkeypatch.setattr(
        keras_internals, "function_internal", lambda path: None if path == missing else function_internal(path)
    )
    created = []
    original = policy.compiled_epoch
    monkeypatch.setattr(ordered_fit, "compiled_epoch", lambda *args: created.append(original(*args)) or created[-1])
    recorder = kv.LatentRecorder(images[:4], every=2)
    vae, _ = trained(images, optimizer=adam(), callbacks=[recorder])
    assert created == [None]
    for a, b in zip(own_step.weights, weights(vae), strict=True):
        np.testing.assert_array_equal(a, b)
    assert recorder.trajectory.steps.tolist() == list(range(0, 20, 2))
    assert vae.decode(np.zeros((1500, 2))).shape == (1500, 8, 8)


@slow
@compiles_epochs
def test_a_fit_that_ignores_the_train_function_uses_keras_own_step(images, own_step, monkeypatch):
    """Otherwise Keras' own step would train on the placeholders."""
    monkeypatch.setattr(ordered_fit.OrderedFitModel, "make_train_function", keras.Model.make_train_function)
    vae, history = trained(images, optimizer=adam())
    assert len(history["loss"]) == int(vae.epochs_seen) == 3
    for a, b in zip(own_step.weights, weights(vae), strict=True):
        np.testing.assert_array_equal(a, b)


def test_internals_are_looked_up():
    assert keras_internals.function_internal("keras.src.no_such_module.function") is None
    assert keras_internals.function_internal("keras.src.trainers.trainer.no_such_function") is None
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    assert keras_internals.model_internal(model, "no_such_attribute") == (False, None)
    assert len(keras_internals.all_layers(model)) == 3
    assert keras_internals.has_internals(model)


def test_recorder_and_monitor_are_step_observers(images):
    assert isinstance(kv.LatentRecorder(images[:4]), StepObserver)
    assert isinstance(kv.UnitMonitor(images[:4]), StepObserver)
    assert not isinstance(keras.callbacks.History(), StepObserver)


def fitted(images, likelihood, jit_compile):
    """Weights, history and evaluation of a model with a smaller last batch and validation data."""
    vae = kv.dense_vae("64-16-2", (8, 8), likelihood=likelihood, seed=3)
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
    part = images.part(slice(20)) if isinstance(images, Items) else images[:20]
    history = vae.fit(images, batch_size=17, epochs=2, validation_data=part, verbose=0)
    return weights(vae), history.history, vae.evaluate(images, batch_size=40, verbose=0, return_dict=True)


@pytest.mark.parametrize(
    ("likelihood", "jit_compile"),
    [
        ("bernoulli", False),
        *(pytest.param(name, False, marks=slow) for name in kv.likelihoods.names()[1:]),
        *(pytest.param(name, True, marks=slow) for name in ("bernoulli", "gaussian-per-pixel")),
    ],
)
def test_bytes_give_the_weights_of_floats(images, likelihood, jit_compile):
    stored = np.rint(images * 255).astype("uint8")
    floats, bytes_ = stored.astype("float32") / np.float32(255), Items(stored, Scaling(255))
    expected, found = fitted(floats, likelihood, jit_compile), fitted(bytes_, likelihood, jit_compile)
    for a, b in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[1:] == expected[1:]


def test_a_file_that_is_read_in_parts_gives_the_weights_of_an_array(images, tmp_path):
    stored = np.rint(images * 255).astype("uint8")
    np.save(tmp_path / "x.npy", stored)
    rows = np.arange(len(stored))[::-1]
    parts = Items(NpyFile(tmp_path / "x.npy", ""), Scaling(255), rows)
    expected = fitted(stored[rows].astype("float32") / np.float32(255), "bernoulli", False)
    found = fitted(parts, "bernoulli", False)
    for a, b in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[1:] == expected[1:]
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    np.testing.assert_array_equal(vae.encode(parts, batch_size=10).mean, vae.encode(parts.array, batch_size=10).mean)
    assert not policy.can_compile_epoch(vae, (parts,), 1, True)


def test_a_file_is_encoded_and_reconstructed_in_parts(images, tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.rint(images * 255).astype("uint8"))
    parts = Items(NpyFile(tmp_path / "x.npy", ""), Scaling(255))
    vae = kv.dense_vae("64-16-2", (8, 8), seed=3)
    read, lengths = NpyFile.__getitem__, []

    def counted(self, rows):
        found = read(self, rows)
        lengths.append(len(found))
        return found

    monkeypatch.setattr(NpyFile, "__getitem__", counted)
    vae.encode(parts, batch_size=10)
    vae.reconstruct(parts, batch_size=10)
    assert max(lengths) == 10
    assert sum(lengths) == 2 * len(images)


def test_every_byte_is_scaled_as_a_division_by_255_does():
    x = np.arange(256, dtype="uint8")
    np.testing.assert_array_equal(Items(x[:, None], Scaling(255))[:][:, 0], x.astype("float32") / np.float32(255))
    np.testing.assert_array_equal(Items(x[:, None], Scaling(1))[:][:, 0], x.astype("float32"))
