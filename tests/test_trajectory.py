"""Trajectories: selection of frames, points and units; files."""

import numpy as np
import pytest

from keras_vae import InputError, Trajectory, WriteError
from keras_vae.errors import DamagedFileError


@pytest.fixture
def trajectory() -> Trajectory:
    rng = np.random.default_rng(0)
    steps = np.arange(0, 60, 5)
    return Trajectory(
        steps=steps,
        epochs=steps / 10,
        mean=rng.normal(size=(12, 4, 3)).astype("float32"),
        log_var=rng.normal(size=(12, 4, 3)).astype("float32"),
        labels=np.array([7, 3, 7, 3]),
        images=rng.uniform(size=(4, 5, 5)).astype("float32"),
    )


def test_between_keeps_both_ends(trajectory):
    assert trajectory.between(1, 2).epochs.tolist() == [1.0, 1.5, 2.0]
    np.testing.assert_array_equal(trajectory.between(1, 2).mean, trajectory.mean[2:5])
    with pytest.raises(InputError, match=r"recorded epochs \(0 to 5.5\); received 6 to 7"):
        trajectory.between(6, 7)


def test_between_keeps_ends_despite_rounding():
    epochs = np.cumsum(np.full(30, 0.1))  # 0.1 + 0.1 + 0.1 > 0.3
    t = Trajectory(np.arange(30), epochs, np.zeros((30, 1, 2), "float32"))
    assert len(t.between(0.3, 0.9)) == 7


def test_one_per_label_takes_the_first_of_each(trajectory):
    chosen = trajectory.one_per_label()
    assert chosen.labels.tolist() == [7, 3]
    np.testing.assert_array_equal(chosen.images, trajectory.images[:2])
    np.testing.assert_array_equal(chosen.log_var, trajectory.log_var[:, :2])


def test_units_are_selected_by_their_index_in_the_model(trajectory):
    plane = trajectory.of_units(2, 0)
    np.testing.assert_array_equal(plane.mean, trajectory.mean[..., [2, 0]])
    with pytest.raises(InputError, match="recorded units"):
        plane.of_units(0, 1)


def test_every_and_std(trajectory):
    assert trajectory.every(5).steps.tolist() == [0, 25, 50]
    np.testing.assert_allclose(trajectory.std**2, np.exp(trajectory.log_var), rtol=1e-5)


def test_file_round_trip(trajectory, tmp_path):
    for original in (trajectory, Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 1, 2), "float32"))):
        original.save(tmp_path / "t.npz")
        loaded = Trajectory.load(tmp_path / "t.npz")
        for name in ("steps", "epochs", "mean", "log_var", "labels", "images", "units"):
            np.testing.assert_array_equal(getattr(loaded, name), getattr(original, name))
    trajectory.save(tmp_path / "without-suffix")
    assert (tmp_path / "without-suffix.npz").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": None}, "expected the arrays of a trajectory .* received steps, epochs, log_var, labels"),
        ({"other": np.zeros(2)}, "expected the arrays of a trajectory .*, other"),
        ({"steps": np.arange(3)}, "expected a trajectory; it holds other arrays \\(steps: expected shape"),
        ({"labels": np.array([None])}, "Python objects"),
    ],
)
def test_a_file_of_other_arrays_is_refused(trajectory, change, message, tmp_path):
    arrays = {name: array for name, array in {**trajectory.arrays(), **change}.items() if array is not None}
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(DamagedFileError, match=rf"t\.npz: .*{message}"):
        Trajectory.load(tmp_path / "t.npz")


def test_files_that_cannot_be_read_or_written_are_reported(trajectory, tmp_path):
    with pytest.raises(InputError, match=r"t\.npz: expected a file; there is none"):
        Trajectory.load(tmp_path / "t.npz")
    (tmp_path / "t.npz").mkdir()
    with pytest.raises(DamagedFileError, match="it is a folder"):
        Trajectory.load(tmp_path / "t.npz")
    with pytest.raises(WriteError, match=r"t\.npz"):
        trajectory.save(tmp_path / "t.npz")


def test_arrays_that_do_not_match_raise(trajectory):
    with pytest.raises(InputError, match=r"labels: expected shape \(4,\)"):
        Trajectory(trajectory.steps, trajectory.epochs, trajectory.mean, labels=np.arange(3))
    with pytest.raises(InputError, match=r"images: expected shape \(4, …\)"):
        Trajectory(trajectory.steps, trajectory.epochs, trajectory.mean, images=np.zeros((3, 5, 5)))
    with pytest.raises(InputError, match="expected a trajectory with labels"):
        Trajectory(trajectory.steps, trajectory.epochs, trajectory.mean).one_per_label()


def test_lists_become_arrays_and_a_diverged_training_is_recorded():
    recorded = Trajectory([0, 1], [0.0, 1.0], [[[0.0, 1.0]], [[np.nan, np.inf]]], labels=np.array([3], "uint8"))
    assert recorded.mean.shape == (2, 1, 2)
    assert recorded.labels.dtype == "uint8"
