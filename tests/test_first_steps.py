"""Frames of each of the first training steps, beside a recording of every nth step."""

import numpy as np
import pytest
from pages import copy

import keras_vae as kv
from keras_vae import InputError, Trajectory
from keras_vae.errors import DamagedFileError
from keras_vae.fast_fit.steps_per_call import observer_within_calls
from keras_vae.runs import recording

X = np.random.default_rng(0).random((60, 8, 8)).astype("float32")


def recorded(jit_compile, **options):
    """A recording of 12 steps, in two epochs, and the weights after them."""
    vae = kv.dense_vae("64-8-2", image_shape=(8, 8), seed=0)
    vae.compile("adam", jit_compile=jit_compile)
    recorder = kv.LatentRecorder(X[:5], every=5, **options)
    vae.fit(X, batch_size=10, epochs=2, verbose=0, callbacks=[recorder])
    return recorder.trajectory, vae.get_weights()


@pytest.mark.parametrize("jit_compile", [pytest.param(True, marks=pytest.mark.slow), False])
def test_each_of_the_first_steps_is_recorded_without_changing_the_others(jit_compile):
    rare, weights = recorded(jit_compile)
    dense, same_weights = recorded(jit_compile, first_steps=8)
    assert dense.steps.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12]
    assert dense.epochs.tolist() == pytest.approx([step / 6 for step in dense.steps])
    assert rare.steps.tolist() == [0, 5, 10, 12]
    assert (dense.mean[np.isin(dense.steps, rare.steps)] == rare.mean).all()
    assert all((a == b).all() for a, b in zip(weights, same_weights, strict=True))


def test_a_recorder_of_first_steps_is_observed_within_calls_beside_a_more_frequent_monitor():
    """Otherwise it would be called at every step of the training."""
    vae = kv.dense_vae("64-8-2", image_shape=(8, 8), seed=0)
    recorder, monitor = kv.LatentRecorder(X[:5], every=20, first_steps=30), kv.UnitMonitor(X, every=10)
    assert observer_within_calls(vae, [monitor, recorder]) is recorder
    recorder = kv.LatentRecorder(X[:5], every=20)
    assert observer_within_calls(vae, [recorder, monitor]) is monitor


def test_first_steps_without_others():
    vae = kv.dense_vae("64-8-2", image_shape=(8, 8), seed=0)
    vae.compile("adam")
    recorder = kv.LatentRecorder(X[:5], every=None, first_steps=2)
    vae.fit(X, batch_size=10, epochs=2, verbose=0, callbacks=[recorder])
    assert recorder.trajectory.steps.tolist() == [0, 1, 2, 6, 12]


def test_a_recording_is_split_into_what_every_nth_step_has_and_the_rest():
    steps = np.array([0, 1, 2, 3, 4, 6, 8, 9])
    trajectory = Trajectory(steps, steps / 4, np.ones((8, 3, 2), "float32"), labels=np.array([1, 2, 3]))
    plan = recording.RecordingPlan(np.arange(3), None, frame_steps=4, measurement_steps=None, first_steps=6)
    regular, first = recording.split(trajectory, plan)
    assert regular.steps.tolist() == [0, 4, 8, 9]  # the last step is the end of the training
    assert first.steps.tolist() == [1, 2, 3, 6]
    assert first.labels is None
    assert regular.merged(first).steps.tolist() == steps.tolist()
    assert recording.split(regular, plan)[1] is None


@pytest.fixture(scope="module")
def run(toy_config, tmp_path_factory):
    """A run that records every second step, and each of the first ones."""
    config = kv.Config(**(toy_config.model_dump() | {"record_every": 2}))
    return kv.train(config, tmp_path_factory.mktemp("first") / "run", quiet=True)


def test_a_run_keeps_its_trajectory_and_has_the_first_steps_apart(run, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "FIRST_STEPS", 0)
    without = kv.train(kv.Config(**run.config["config"]), tmp_path / "run", quiet=True)
    assert not without.has_arrays("first_steps")
    assert without.metrics["weights_digest"] == run.metrics["weights_digest"]
    for name, array in without.arrays("trajectory").items():
        assert (array == run.arrays("trajectory")[name]).all()
    full = run.full_trajectory
    assert full.steps.tolist() == list(range(full.steps[-1] + 1))
    assert (full.labels == run.trajectory.labels).all()
    assert without.full_trajectory.steps.tolist() == without.trajectory.steps.tolist()


def test_first_steps_of_other_images_are_refused(run, tmp_path):
    damaged = copy(run, tmp_path / "run")
    arrays = dict(run.arrays("first_steps"))
    for name in ("mean", "log_var"):
        arrays[name] = arrays[name][:, :1]
    np.savez(damaged.path / "arrays" / "first_steps.npz", **arrays)
    with pytest.raises(DamagedFileError, match=r"first_steps\.npz: expected frames of the recorded images"):
        _ = damaged.full_trajectory


def test_only_frames_of_the_same_points_are_merged():
    five, four = (Trajectory(np.arange(2), np.arange(2), np.ones((2, n, 2))) for n in (5, 4))
    with pytest.raises(InputError, match="other: expected frames of 5 points and 2 units"):
        five.merged(four)
