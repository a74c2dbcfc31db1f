"""Recording and warm-up inside real trainings."""

import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import encoding_frames

BACKEND = keras.backend.backend()
not_torch = pytest.mark.skipif(BACKEND == "torch", reason="Keras has no steps_per_execution on PyTorch")


def make(steps_per_execution=1, **kwargs) -> kv.VAE:
    """A model compiled with SGD, whose step is traced in half of Adam's time."""
    vae = kv.dense_vae("64-16-2", (8, 8), seed=0, **kwargs)
    vae.compile(keras.optimizers.SGD(1e-2), steps_per_execution=steps_per_execution)
    return vae


class EncodeEveryStep(keras.callbacks.Callback):
    """The slow recorder: a full `encode` after every step."""

    def __init__(self, x):
        super().__init__()
        self.x, self.encodings = x, []

    def on_train_begin(self, logs=None):
        self.encodings.append(self.model.encode(self.x))

    def on_train_batch_end(self, batch, logs=None):
        if BACKEND == "jax":
            self.model.jax_state_sync()
        self.encodings.append(self.model.encode(self.x))


def test_records_what_encode_gives_at_the_steps_it_says(images):
    vae, slow = make(), EncodeEveryStep(images[:6])
    recorder = kv.LatentRecorder(images[:6], np.arange(6), every=2)
    vae.fit(images, batch_size=32, epochs=3, verbose=0, callbacks=[recorder, slow])
    t = recorder.trajectory
    assert t.steps.tolist() == [0, 2, 4, 6, 8, 9]  # the end is recorded as well
    np.testing.assert_allclose(t.epochs, t.steps / 3)
    for frame, step in enumerate(t.steps):
        np.testing.assert_allclose(t.mean[frame], slow.encodings[step].mean, atol=1e-6)
        np.testing.assert_allclose(t.log_var[frame], slow.encodings[step].log_var, atol=1e-6)
    assert t.mean.dtype == np.float32
    assert np.abs(np.diff(t.mean, axis=0)).max() > 1e-3
    assert repr(recorder) == "LatentRecorder(6 items, 6 frames)"


def test_recording_does_not_change_training(images):
    trained = []
    for observers in ([], [kv.LatentRecorder(images[:6], every=1)]):
        vae = make()
        vae.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0, callbacks=observers)
        trained.append(np.concatenate([w.ravel() for w in vae.get_weights()]))
    np.testing.assert_array_equal(*trained)


@not_torch
def test_frames_carry_the_step_they_show_with_many_steps_an_execution(images):
    vae, recorder = make(steps_per_execution=4), kv.LatentRecorder(images[:6], every=3)
    vae.fit(images, batch_size=10, epochs=2, verbose=0, callbacks=[recorder])  # 10 steps an epoch: 4, 4, 2
    assert recorder.trajectory.steps.tolist() == [0, 4, 8, 10, 14, 18, 20]
    np.testing.assert_allclose(recorder.trajectory.epochs, [0, 0.4, 0.8, 1.0, 1.4, 1.8, 2.0])


@not_torch
def test_executions_in_an_epoch_of_unknown_length(images):
    def batches():
        for _ in range(5):
            yield (images[:16],)

    vae, recorder = make(steps_per_execution=4), kv.LatentRecorder(images[:6], every=1)
    vae.fit(batches(), epochs=1, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.steps.tolist() == [0, 4, 5]
    np.testing.assert_allclose(recorder.trajectory.epochs, [0, 0.8, 1.0])


def test_a_second_fit_continues(images):
    vae, recorder = make(), kv.LatentRecorder(images[:6], every=3)
    for _ in range(2):
        vae.fit(images, batch_size=32, epochs=1, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.steps.tolist() == [0, 3, 6]
    assert recorder.trajectory.epochs.tolist() == [0, 1, 2]


def test_an_epoch_of_unknown_length_is_counted_when_it_ends(images):
    def batches():
        for start in range(0, 96, 24):
            yield (images[start : start + 24],)

    vae, recorder = make(), kv.LatentRecorder(images[:6], every=1)
    vae.fit(batches(), epochs=1, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.epochs.tolist() == [0, 0.25, 0.5, 0.75, 1.0]


def test_works_with_early_stopping_on_the_elbo(images):
    vae, recorder = make(), kv.LatentRecorder(images[:6], every=1)
    stop = keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=0, min_delta=1e9)
    history = vae.fit(images, batch_size=32, epochs=9, validation_data=images, verbose=0, callbacks=[recorder, stop])
    assert len(history.epoch) == 2
    assert recorder.trajectory.steps.tolist() == list(range(7))


def test_records_chosen_units_of_a_model_without_density_or_with_one_variance(images):
    recorder = kv.LatentRecorder(images[:6], every=3, units=[1])
    make(posterior="isotropic").fit(images, batch_size=32, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.mean.shape == recorder.trajectory.log_var.shape == (2, 6, 1)
    assert recorder.trajectory.units.tolist() == [1]
    recorder = kv.LatentRecorder(images[:6], every=3)
    make(posterior="none").fit(images, batch_size=32, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.log_var is None


def test_records_any_keras_model(images):
    """A functional model with our layers, Keras' own loss and a target."""
    image = keras.Input((64,))
    mean, log_var = kv.KLDivergence()([keras.layers.Dense(2)(image), keras.layers.Dense(2)(image)])
    encoder = keras.Model(image, [mean, log_var])
    model = keras.Model(image, keras.layers.Dense(64)(kv.GaussianSampling(seed=0)([mean, log_var])))
    model.compile("sgd", loss="mse")
    flat = images.reshape(-1, 64)
    recorder = kv.LatentRecorder(flat[:5], every=1, encoder=encoder)
    model.fit(flat, flat, batch_size=48, verbose=0, callbacks=[recorder])
    expected = encoder.predict(flat[:5], verbose=0)[0]
    np.testing.assert_allclose(recorder.trajectory.mean[-1], expected, atol=1e-5)


def test_refuses_a_recording_beyond_a_gigabyte(images, monkeypatch):
    monkeypatch.setattr(encoding_frames, "MAX_RECORDING_BYTES", 1000)
    recorder = kv.LatentRecorder(images[:6], every=1)
    with pytest.raises(kv.InputError, match="expected a recording under 1e-06 GB"):
        make().fit(images, batch_size=8, epochs=5, verbose=0, callbacks=[recorder])
    assert len(recorder.trajectory) == 1  # before the first step
    vae, late = make(), kv.LatentRecorder(images[:6], every=1)
    vae.fit(images, batch_size=48, initial_epoch=9, epochs=10, verbose=0, callbacks=[late])  # of ten epochs the last
    assert len(late.trajectory) == 3
    with pytest.raises(kv.InputError, match="expected a recording under"):
        vae.fit(images, batch_size=8, verbose=0, callbacks=[late])
    assert len(late.trajectory) == 3


def test_continues_after_an_interruption(images):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    vae, recorder = make(), kv.LatentRecorder(images[:6], every=1)
    with pytest.raises(KeyboardInterrupt):
        vae.fit(images, batch_size=24, verbose=0, callbacks=[recorder, Interrupt()])
    vae.fit(images, batch_size=24, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.epochs.tolist() == [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX, Keras keeps no weights of a second fit that is interrupted")
@pytest.mark.parametrize(
    ("whole_epochs", "expected"),
    [
        (0, [0, 1 / 2, 1, 4 / 3, 5 / 3, 2]),  # two steps, of an epoch whose length nothing shows
        (1, [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2, 7 / 3, 8 / 3]),
    ],
)
def test_an_interrupted_epoch_of_unknown_length_counts_at_most_as_one(images, whole_epochs, expected):
    def batches():
        for _ in range(3):
            yield (images[:16],)

    vae, recorder = make(), kv.LatentRecorder(images[:6], every=1)
    for _ in range(whole_epochs):
        vae.fit(batches(), verbose=0, callbacks=[recorder])
    with pytest.raises(KeyboardInterrupt):
        vae.fit(batches(), verbose=0, callbacks=[recorder, StopAt(0, 1)])
    vae.fit(batches(), verbose=0, callbacks=[recorder])
    np.testing.assert_allclose(recorder.trajectory.epochs, expected)


def test_a_resumed_fit_counts_only_what_is_to_come(images, monkeypatch):
    """Ten epochs of three steps are 31 frames, in one fit or in two."""
    monkeypatch.setattr(encoding_frames, "MAX_RECORDING_BYTES", 31 * 6 * 2 * 8)
    vae, recorder = make(), kv.LatentRecorder(images[:6], every=1)
    for initial, epochs in ((0, 9), (9, 10)):
        vae.fit(images, batch_size=32, initial_epoch=initial, epochs=epochs, verbose=0, callbacks=[recorder])
    assert len(recorder.trajectory) == 31


def test_recorder_refusals(images):
    with pytest.raises(kv.InputError, match="expected numbers from 0 to 1"):
        make().fit(images, verbose=0, callbacks=[kv.LatentRecorder(images, units=[5])])
    with pytest.raises(kv.InputError, match="at least one latent unit"):
        kv.LatentRecorder(images, units=[])
    with pytest.raises(kv.InputError, match="every: expected a whole number"):
        kv.LatentRecorder(images, every=float("nan"))
    plain = keras.Sequential([keras.Input((8, 8)), keras.layers.Dense(8)])
    plain.compile("adam", "mse")
    with pytest.raises(kv.InputError, match="pass it as encoder="):
        plain.fit(images, images, verbose=0, callbacks=[kv.LatentRecorder(images)])
    with pytest.raises(kv.InputError, match="every: expected a whole number"):
        kv.LatentRecorder(images, every=0)
    with pytest.raises(kv.InputError, match="y: expected a label for each"):
        kv.LatentRecorder(images, np.arange(3))
    with pytest.raises(kv.InputError, match="at least one image"):
        kv.LatentRecorder(images[:0])
    with pytest.raises(kv.InputError, match="pass the recorder to fit first"):
        _ = kv.LatentRecorder(images).trajectory


# -- restored and repeated trainings -----------------------------------------------------------------------------


class StopAt(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.at = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("same_recorder", [False, True])
@pytest.mark.parametrize("backup_first", [False, True])
def test_after_backup_and_restore_frames_carry_the_epoch_that_keras_reports(
    images, tmp_path, backup_first, same_recorder
):
    def fit(recorder, monitor, *others):
        vae = make()
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        callbacks = [backup, recorder, monitor] if backup_first else [recorder, monitor, backup]
        vae.fit(images, batch_size=32, epochs=4, verbose=0, callbacks=[*callbacks, *others])
        return vae

    def observers():
        return kv.LatentRecorder(images[:6], every=1), kv.UnitMonitor(images)

    first = observers()
    with pytest.raises(KeyboardInterrupt):
        fit(*first, StopAt(2, 1))
    assert first[0].trajectory.steps.tolist() == list(range(9))
    recorder, monitor = first if same_recorder else observers()
    vae = fit(recorder, monitor)
    assert recorder.trajectory.steps.tolist() == list(range(0 if same_recorder else 6, 13))
    np.testing.assert_allclose(recorder.trajectory.epochs, recorder.trajectory.steps / 3)
    assert monitor.history.epochs.tolist() == [0, 1, 2, 3, 4][0 if same_recorder else 2 :]
    np.testing.assert_allclose(recorder.trajectory.mean[-1], vae.encode(images[:6]).mean, atol=1e-6)


def test_a_first_frame_has_the_initial_epoch(images):
    vae, recorder, plain = make(), kv.LatentRecorder(images[:6], every=3), kv.LatentRecorder(images[:6], every=3)
    vae.fit(images, batch_size=32, epochs=2, verbose=0)
    vae.fit(images, batch_size=32, initial_epoch=2, epochs=4, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.epochs.tolist() == [2, 3, 4]
    assert recorder.trajectory.steps.tolist() == [6, 9, 12]
    vae.fit(images, batch_size=32, epochs=1, verbose=0, callbacks=[plain])
    assert plain.trajectory.epochs.tolist() == [0, 1]


def test_a_compiled_again_model_is_recorded_on(images):
    vae, recorder = make(), kv.LatentRecorder(images[:6], every=3)
    vae.fit(images, batch_size=32, epochs=2, verbose=0, callbacks=[recorder])
    vae.compile(keras.optimizers.SGD(1e-4))  # whose count of steps begins at 0
    vae.fit(images, batch_size=32, epochs=1, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.epochs.tolist() == [0, 1, 2, 3]


def test_a_fit_of_no_epochs(images):
    recorder = kv.LatentRecorder(images[:6])
    make().fit(images, epochs=0, verbose=0, callbacks=[recorder])
    assert len(recorder) == 0


def test_a_frame_at_the_end_of_every_epoch(images):
    recorder = kv.LatentRecorder(images[:6], every=None)
    make().fit(images, batch_size=32, epochs=3, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.steps.tolist() == [0, 3, 6, 9]
    assert recorder.trajectory.epochs.tolist() == [0, 1, 2, 3]


# -- models of several inputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["list", "dictionary"])
def test_records_and_monitors_a_conditional_model(images, structure):
    image, label = keras.Input((8, 8), name="image"), keras.Input((4,), name="label")
    h = keras.layers.Concatenate()([keras.layers.Flatten()(image), label])
    mean, log_var = kv.KLDivergence()([keras.layers.Dense(2)(h), keras.layers.Dense(2)(h)])
    z = keras.layers.Concatenate()([kv.GaussianSampling(seed=0)([mean, log_var]), label])
    inputs = [image, label] if structure == "list" else {"image": image, "label": label}
    encoder = keras.Model(inputs, [mean, log_var])
    model = keras.Model(inputs, keras.layers.Reshape((8, 8))(keras.layers.Dense(64)(z)))
    model.compile("sgd", "mse")
    labels = np.eye(4, dtype="float32")[np.arange(96) % 4]
    x = [images, labels] if structure == "list" else {"image": images, "label": labels}
    some = [part[:5] for part in x] if structure == "list" else {name: part[:5] for name, part in x.items()}
    recorder = kv.LatentRecorder(some, np.arange(5), every=3, encoder=encoder)
    monitor = kv.UnitMonitor(x, encoder=encoder)
    model.fit(x, images, batch_size=32, epochs=2, verbose=0, callbacks=[recorder, monitor, kv.BetaWarmup(1)])
    assert recorder.trajectory.steps.tolist() == [0, 3, 6]
    expected = encoder.predict(some, verbose=0)[0]
    np.testing.assert_allclose(recorder.trajectory.mean[-1], expected, atol=1e-6)
    np.testing.assert_array_equal(recorder.trajectory.images, images[:5])
    assert monitor.history.kl.shape == (3, 2)
    with pytest.raises(kv.InputError, match="x: expected inputs of one length; received lengths"):
        kv.LatentRecorder([images[:5], labels[:4]], encoder=encoder)
    with pytest.raises(kv.InputError, match="expected a label for each of 5 images"):
        kv.LatentRecorder(some, np.arange(2), encoder=encoder)


def test_a_dictionary_of_one_input_is_recorded(images):
    recorder = kv.LatentRecorder({"image": images[:5]}, every=3)
    make().fit(images, batch_size=32, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.mean.shape == (2, 5, 2)


class Betas(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.means = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(logs["beta"])


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_beta_rises_step_by_step(images, shape):
    vae, betas = make(beta=2.0), Betas()
    vae.fit(images, batch_size=16, epochs=1, verbose=0, callbacks=[kv.BetaWarmup(0.5, shape), betas])
    t = np.minimum(np.arange(6) / 3, 1)
    expected = 2 * (t if shape == "linear" else 0.5 * (1 - np.cos(np.pi * t)))
    running_mean = np.cumsum(expected) / np.arange(1, 7)
    np.testing.assert_allclose(betas.means, running_mean, atol=1e-6)


@not_torch
def test_beta_rises_within_an_execution(images):
    by_step = []
    for steps in (1, 6):
        vae = make(steps_per_execution=steps)
        history = vae.fit(images, batch_size=16, verbose=0, shuffle=False, callbacks=[kv.BetaWarmup(1)]).history
        by_step.append((history["beta"][0], history["loss"][0]))
    np.testing.assert_allclose(by_step[0], by_step[1], rtol=1e-5)
    assert by_step[0][0] == pytest.approx(np.mean(np.arange(6) / 6), rel=1e-5)


def test_a_second_fit_does_not_warm_up_again(images):
    vae = make()
    for _ in range(2):
        history = vae.fit(images, batch_size=32, epochs=2, verbose=0, callbacks=[kv.BetaWarmup(1)]).history
    assert history["beta"] == [1.0, 1.0]


def test_warms_up_any_keras_model(images):
    image = keras.Input((64,))
    kl = kv.KLDivergence(beta=1.0)
    mean, log_var = kl([keras.layers.Dense(2)(image), keras.layers.Dense(2)(image)])
    model = keras.Model(image, keras.layers.Dense(64)(kv.GaussianSampling(seed=0)([mean, log_var])))
    nested = keras.Sequential([keras.Input((64,)), model])
    nested.compile("sgd", loss="mse")
    flat = images.reshape(-1, 64)
    nested.fit(flat, flat, batch_size=32, epochs=2, verbose=0, callbacks=[kv.BetaWarmup(epochs=2)])
    assert int(kl.beta_schedule.step) == 6
    assert float(kl.beta_schedule.warmup_steps) == 6


def test_warns_when_longer_than_the_training(images):
    with pytest.warns(UserWarning, match="longer than the training of 3"):
        make().fit(images, batch_size=32, verbose=0, callbacks=[kv.BetaWarmup(2)])
    with pytest.warns(UserWarning, match="longer than the training of 3"):  # one epoch, of a model without any before
        make().fit(images, batch_size=32, initial_epoch=2, epochs=3, verbose=0, callbacks=[kv.BetaWarmup(2)])


@pytest.mark.parametrize("second", [{"epochs": 2}, {"initial_epoch": 2, "epochs": 4}])
def test_a_warmup_may_end_in_a_second_fit(images, second):
    vae = make()
    with pytest.warns(UserWarning, match="BetaWarmup takes 9 steps, longer than the training of 6"):
        vae.fit(images, batch_size=32, epochs=2, verbose=0, callbacks=[kv.BetaWarmup(3)])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="BetaWarmup")
        history = vae.fit(images, batch_size=32, verbose=0, callbacks=[kv.BetaWarmup(3)], **second).history
    assert history["beta"][-1] == 1


def test_warmup_refusals(images):
    for arguments in ({}, {"epochs": 1, "steps": 2}):
        with pytest.raises(kv.InputError, match="expected epochs or steps; received"):
            kv.BetaWarmup(**arguments)
    for arguments in ({"epochs": 0}, {"epochs": float("nan")}, {"steps": -1}, {"epochs": True}, {"epochs": "2"}):
        with pytest.raises(kv.InputError, match="expected a finite number above 0"):
            kv.BetaWarmup(**arguments)
    with pytest.raises(kv.InputError, match="shape: expected one of linear, cosine"):
        kv.BetaWarmup(1, "square")
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
    model.compile("adam", loss="mse")
    flat = images.reshape(-1, 64)
    with pytest.raises(kv.InputError, match="received one without either"):
        model.fit(flat, flat, verbose=0, callbacks=[kv.BetaWarmup(1)])

    def endless():
        while True:
            yield (images[:8],)

    with pytest.raises(kv.InputError, match="pass steps= instead"):
        make().fit(endless(), verbose=0, callbacks=[kv.BetaWarmup(1)])


# -- the units, measured while they train ------------------------------------------------------------------------


def test_a_monitor_agrees_with_the_slow_version(images):
    vae, slow, monitor = make(), EncodeEveryStep(images), kv.UnitMonitor(images, every=2)
    vae.fit(images, batch_size=32, epochs=2, verbose=0, callbacks=[monitor, slow])
    history = monitor.history
    assert history.steps.tolist() == [0, 2, 4, 6]
    np.testing.assert_allclose(history.epochs, history.steps / 3)
    for frame, step in enumerate(history.steps):
        expected = kv.diagnostics.units(*slow.encodings[step])
        np.testing.assert_allclose(history.kl[frame], expected.kl, rtol=1e-4)
        np.testing.assert_allclose(history.var_mean[frame], expected.var_mean, rtol=1e-4)
        np.testing.assert_allclose(history.mean_var[frame], expected.mean_var, rtol=1e-4)


def test_a_monitor_measures_at_the_end_of_every_epoch_by_default(images):
    vae, monitor = make(posterior="none"), kv.UnitMonitor(images[:20])
    with pytest.raises(kv.InputError, match="there are none yet"):
        _ = monitor.history
    for _ in range(2):
        vae.fit(images, batch_size=32, epochs=2, verbose=0, callbacks=[monitor])
    assert monitor.history.steps.tolist() == [0, 3, 6, 9, 12]
    assert monitor.history.epochs.tolist() == [0, 1, 2, 3, 4]
    assert monitor.history.kl is None
    assert monitor.history.var_mean.shape == (5, 2)


def test_a_monitor_measures_any_encoder_of_any_shape(images):
    image = keras.Input((8, 8))
    h = keras.layers.Reshape((8, 8, 1))(image)
    mean, log_var = (keras.layers.Conv2D(2, 3, 4, "same")(h) for _ in range(2))
    z = kv.GaussianSampling(seed=0)(list(kv.KLDivergence()([mean, log_var])))
    model = keras.Model(image, keras.layers.Dense(64)(keras.layers.Flatten()(z)))
    model.compile("sgd", "mse")
    monitor = kv.UnitMonitor(images, encoder=keras.Model(image, [mean, log_var]))
    model.fit(images, images.reshape(-1, 64), epochs=1, verbose=0, callbacks=[monitor])
    assert monitor.history.kl.shape == (2, 2 * 2 * 2)


def test_a_monitor_measures_collapsing_units(images):
    """Units are made active by hand, then collapse under a large beta."""
    vae = kv.dense_vae("64-16-2", (8, 8), beta=500.0, seed=0)
    vae.compile(keras.optimizers.Adam(3e-2))
    vae.encoder.get_layer("mean").kernel.assign(3 * vae.encoder.get_layer("mean").kernel)
    monitor = kv.UnitMonitor(images, every=1)
    vae.fit(images, batch_size=32, epochs=40, verbose=0, callbacks=[monitor])
    active_from, collapsed_at = monitor.history.active_periods()
    assert (active_from < 2).all()
    assert ((collapsed_at > active_from) & (collapsed_at < 40)).all()
    assert not monitor.history.active[-1].any()
