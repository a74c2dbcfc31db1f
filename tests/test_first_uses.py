"""What a user meets in the first hour: likely mistakes, damaged files, two commands at once."""

import errno
import importlib
import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import InputError, Trajectory, diagnostics
from keras_vae._utils import files, keras_import, progress
from keras_vae._utils.exit_codes import exit_on_error
from keras_vae.data import npz
from keras_vae.errors import DamagedFileError, WriteError
from keras_vae.plots import run_figures, video
from keras_vae.report import audit_text, pages
from keras_vae.runs import run_data
from keras_vae.runs.folder import Run

# -- the audit -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_the_divergence_of_q_is_at_most_the_mean_kl(n):
    mean = np.random.default_rng(n).normal(0, 1, (n, 2))
    for log_var in (-1.0, 2.0):
        found = diagnostics.aggregate_divergence(mean, np.full((n, 2), log_var))
        low, high = found.interval
        assert 0 <= low <= found.mean_kl
        assert high <= found.mean_kl
    assert found.high + 1.96 * found.high_image_error > high  # without the limit it would be wider


def test_equal_encodings_determine_the_divergence_exactly():
    found = diagnostics.audit(np.ones((50, 3)), np.full((50, 3), -1.0), quiet=True)
    assert found.divergence.interval == pytest.approx((found.divergence.mean_kl,) * 2, abs=1e-12)
    assert "-0.00" not in str(found)


@pytest.mark.parametrize(("shape", "remark"), [((3, 2), "FEW ENC"), ((2, 150), "FEWER"), ((120, 2), "")])
def test_few_and_transposed_encodings_are_noted(shape, remark):
    text = str(diagnostics.audit(np.random.default_rng(0).normal(0, 1, shape), np.zeros(shape), quiet=True))
    assert text.splitlines()[-1].startswith(remark)
    assert ("FEW" in text) is bool(remark)
    assert "nan" not in text


def test_conclusion_and_figure_state_one_share_of_images():
    from matplotlib.figure import Figure

    from keras_vae.plots import audit_figures

    likelihood = {"value": -80.0, "elbo": -90.0, "infinite_variance": 0.553, "unreliable": 0.322, "samples": 100}
    likelihood |= {"curve": {"1": -90.0, "10": -80.0}, "of": "test images", "images": 100, "image_error": 1.0}
    ax = Figure().subplots()
    audit_figures.likelihood_curve(ax, likelihood)
    texts = " ".join(text.get_text() for text in ax.findobj() if hasattr(text, "get_text"))
    assert "55 % of images have Pareto k̂ > 0.5" in texts
    assert "55 % of the images may have infinite variance (Pareto k̂ > 0.5)" in audit_text.conclusion(
        {"audit": {"likelihood": likelihood}, "units": []}
    )


# -- data ------------------------------------------------------------------------------------------------------------


def test_a_misspelt_array_is_refused_and_incomplete_labels_are_logged(images, caplog):
    x, y = images, np.arange(len(images)) % 3
    with pytest.raises(InputError, match=r"received 'ytrain'; did you mean 'y_train'\?"):
        kv.Dataset.from_arrays("a", {"x_train": x, "ytrain": y, "x_test": x})
    with caplog.at_level(logging.WARNING):
        kv.Dataset.from_arrays("a", {"x_train": x, "y_train": y, "x_test": x})
        kv.Dataset.from_arrays("a", {"x_train": x, "y_train": y, "x_test": x, "y_test": y + 1})
    first, second = (record.getMessage() for record in caplog.records)
    assert "labels y_train without y_test" in first
    assert "classes that y_train does not: 3." in second


@pytest.mark.parametrize(
    ("name", "meant"), [("ytrain", "y_train"), ("Y_Train", "y_train"), ("factors_tran", "factors_train")]
)
def test_a_misspelt_array_of_a_file_is_refused(name, meant, images, tmp_path):
    y = np.arange(len(images))
    np.savez(tmp_path / "a.npz", x_train=images, x_test=images, **{name: y})
    with pytest.raises(InputError, match=rf"a\.npz: .*received '{name}', which resembles '{meant}'"):
        kv.load(tmp_path / "a.npz")
    assert kv.load(tmp_path / "a.npz", images="x_train", labels=name).y_train is not None


def test_other_arrays_of_a_file_are_ignored(images, tmp_path):
    y = np.arange(len(images))
    others = dict.fromkeys(("X", "x_mean", "class_names", "factor_names", "y_val", "y_fine_train"), y)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=y, x_test=images, y_test=y, **others)
    data = kv.load(tmp_path / "a.npz")
    assert len(data.train) == len(images)
    assert repr(data).endswith(
        f"a.npz', {len(images)} + {len(images)} images of {images.shape[1:]}, {len(images)} classes)"
    )


def test_data_files_are_refused_with_what_helps(tmp_path):
    with pytest.raises(InputError, match=r"expected a file; there is none; check the path"):
        npz.read(tmp_path / "none.npz")
    np.savez(tmp_path / "objects.npz", x_train=np.zeros(3), y_train=np.array(["a", "b"], object))
    with pytest.raises(DamagedFileError, match=r"'y_train' holds Python objects, .*; save it .*y_train.astype\(str\)"):
        npz.read(tmp_path / "objects.npz")


def test_other_and_moved_data_of_a_run_are_distinguished(toy_run, npz, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"mnist-5k holds other arrays than blobs"):
        toy_run.check_data(kv.load("mnist-5k"))
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    config = run.config
    config["config"]["dataset"], config["dataset"]["path"] = str(tmp_path / "gone.npz"), "../gone.npz"
    run.write_json("config.json", config)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"at gone.npz; there is none"):
        run_data.load(run)


# -- configurations and commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"datset": "mnist"}, "datset: expected an argument of Config; did you mean 'dataset'?"),
        ({"epochs": "ten"}, "epochs: expected a whole number; received 'ten'."),
        ({"epochs": 0}, "epochs: expected a number of at least 1; received 0."),
        ({"beta": "b"}, "beta: expected a number; received 'b'."),
        ({"beta": float("nan")}, "beta: expected a finite number; received nan."),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0; received 0."),
        ({"dataset": 3}, "dataset: expected text; received 3."),
    ],
)
def test_refused_arguments_of_a_configuration(arguments, sentence):
    with pytest.raises(InputError) as error:
        kv.Config("4-2", **arguments)
    assert str(error.value) == sentence


@pytest.mark.parametrize("arguments", [("--epochs", "0"), ("--posterior", "diagonl"), ("--architecture", "a-b")])
def test_options_are_checked_before_the_imports_that_take_seconds(arguments):
    program = (
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        assert name not in ('numpy', 'keras', 'tensorflow', 'matplotlib')\n"
        "sys.meta_path.insert(0, Stop)\n"
        f"sys.argv = ['keras-vae', 'train', '--out', 'a', *{arguments}]\n"
        "from keras_vae import cli\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"keras-vae: {arguments[0].removeprefix('--')}: ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a"), 2),
        (DamagedFileError("a", "b", "c"), 1),
        (WriteError(errno.EROFS, os.strerror(errno.EROFS), "a"), 1),
    ],
)
def test_the_code_of_a_mistake_differs_from_that_of_a_failure(error, code, capsys):
    def fail():
        raise error

    with pytest.raises(SystemExit) as raised:
        exit_on_error(fail)
    assert raised.value.code == code
    assert "--out" not in capsys.readouterr().err  # which not every command has


def test_an_interrupted_import_shows_no_messages_of_libraries(monkeypatch, capfd):
    class Interruption:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "keras":
                os.write(2, b"I0000 oneDNN")
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setattr(sys, "meta_path", [Interruption, *sys.meta_path])
    with pytest.raises(KeyboardInterrupt):
        keras_import.import_keras()
    assert capfd.readouterr().err == ""


def test_work_that_takes_long_is_reported_in_a_log(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LOG_SECONDS", -1)
    assert list(progress.ProgressReporter().track("abc", "video", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().out == "video: 1 of 3\nvideo: 2 of 3\n"


# -- two processes, and damaged files --------------------------------------------------------------------------------


def test_two_processes_write_one_file_at_once(tmp_path, monkeypatch):
    path, own = tmp_path / "a.txt", os.getpid()
    with files.atomic(path) as first:
        first.write_text("first")
        monkeypatch.setattr(os, "getpid", lambda: own + 10**8)  # no process has such a number
        monkeypatch.setattr(files, "_is_running", lambda process: process == own)
        files.write_text(path, "second")
        monkeypatch.setattr(os, "getpid", lambda: own)
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_is_deleted(tmp_path):
    left = tmp_path / f"{files.PARTIAL_PREFIX}{10**9}-a.txt"
    other = tmp_path / f"{files.PARTIAL_PREFIX}{10**9}-b.txt"
    left.write_text("half")
    other.write_text("half")
    files.write_text(tmp_path / "a.txt", "whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [other.name, "a.txt"]


def test_a_run_in_training_is_reported_as_such(toy_run, toy_config, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    assert not run.is_in_use()
    with Run(run.path).lock():
        assert run.is_in_use()
        for resume in (False, True):
            with pytest.raises(InputError, match="another process is writing to"):
                run.check_usable(resume=resume)
        (run.path / "metrics.json").unlink()
        with pytest.raises(InputError, match="wait for the process that is training it"):
            run.require_finished()
    assert not run.is_in_use()


def test_resuming_says_what_it_does(toy_run, toy_config, tmp_path, capsys, monkeypatch):
    more = toy_config.model_copy(update={"epochs": toy_config.epochs + 1})
    with pytest.raises(InputError, match=r"finished run in .*, which can't be continued: its checkpoint was deleted"):
        kv.train(more, toy_run.path, resume=True, quiet=True)
    training = importlib.import_module("keras_vae.runs.training")
    monkeypatch.setattr(training, "_check_backend", lambda *_: sys.exit())  # ends before the training
    with pytest.raises(SystemExit):
        kv.train(toy_config, tmp_path / "nothing", resume=True)
    assert f"There is no run in {tmp_path / 'nothing'} to resume: a new training begins." in capsys.readouterr().out


def truncate(run: Run, name: str) -> None:
    path = run.path / "arrays" / f"{name}.npz"
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.slow
def test_what_is_readable_is_drawn(toy_run, tmp_path, monkeypatch, capsys):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    truncate(run, "samples")
    truncate(run, "trajectory")
    drawn = run_figures.draw_readable(run, quiet=True)
    assert [os.path.basename(error.path) for error in drawn.damaged] == ["samples.npz", "trajectory.npz"]
    names = {path.stem for path in drawn.paths}
    assert {"loss", "posteriors", "manifold", "reconstructions"} <= names
    assert "samples" not in names
    with pytest.raises(DamagedFileError, match=r"samples\.npz"):
        run_figures.draw(run, video=False)
    assert pages.write([run.path], draw=True, log=print).keys() == {error.path for error in drawn.damaged}
    assert f"Drawing the missing figures of {run.path}" in capsys.readouterr().out
    assert (run.path / "report.html").is_file()


def test_the_networks_of_a_page_are_written_again(toy_run, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    for name in ("explorer", "encoder", "decoders"):
        truncate(run, name)
    errors = pages.write([run.path], draw=False, log=lambda text: None)
    assert [path.name for path in errors] == ["decoders.npz"]  # which is recorded during the training
    for name in ("explorer", "encoder"):
        again, before = run.arrays(name), toy_run.arrays(name)
        assert all(np.array_equal(again[key], before[key]) for key in before)


# -- models and callbacks --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vae():
    vae = kv.dense_vae("64-8-2", image_shape=(8, 8), seed=0)
    vae.compile("adam")
    return vae


def test_images_of_another_shape_are_refused_with_what_fits(vae, images):
    flat, small, single = images.reshape(-1, 64), images[:, :5], images[0]
    calls = {
        "fit": lambda x: vae.fit(x, verbose=0),
        "validation": lambda x: vae.fit(images, validation_data=(x, None), verbose=0),
        "evaluate": lambda x: vae.evaluate(x, verbose=0),
        "predict": lambda x: vae.predict(x, verbose=0),
        "train_on_batch": vae.train_on_batch,
        "test_on_batch": vae.test_on_batch,
        "encode": vae.encode,
        "reconstruct": vae.reconstruct,
        "recorder": lambda x: vae.fit(images, callbacks=[kv.LatentRecorder(x)], verbose=0),
        "monitor": lambda x: vae.fit(images, callbacks=[kv.UnitMonitor(x)], verbose=0),
    }
    for name, call in calls.items():
        with pytest.raises(InputError, match=r"expected images of shape \(n, 8, 8\).*; pass x.reshape\(-1, 8, 8\)"):
            call(flat)
        with pytest.raises(InputError, match=r"received shape \(96, 5, 8\); pass images of that shape, or build"):
            call(small)
        if name not in ("validation", "recorder", "monitor"):
            with pytest.raises(InputError, match=r"received shape \(8, 8\); for a single image pass x\[None\]"):
                call(single)
    with pytest.raises(InputError, match=r"received a list of 96; pass np.stack"):
        vae.fit(list(images))


def test_an_axis_of_one_channel_and_a_single_input_are_accepted(vae, images):
    expected = vae.encode(images).mean
    for x in (images[..., None], list(images)):
        np.testing.assert_array_equal(vae.encode(x).mean, expected)
    losses = [vae.evaluate(x, verbose=0)[0] for x in (images, images[..., None], [images], {"image": images})]
    assert len(set(losses)) == 1
    vae.fit(images[..., None], validation_data=images[..., None], verbose=0)


def test_nan_is_refused_where_it_would_spread(vae, images):
    x = images.copy()
    x[3, 0, 0] = np.nan
    for call in (vae.encode, vae.reconstruct, vae.predict):
        with pytest.raises(InputError, match=r"x: expected finite numbers .*; received NaN or infinity in 1 of 96"):
            call(x)
    with pytest.raises(InputError, match=r"z: expected finite numbers .*; received NaN or infinity in 3 of 3"):
        vae.decode(np.full((3, 2), np.nan))
    with pytest.raises(InputError, match=r"x: expected finite numbers in float32; received NaN or infinity in 1 of 2"):
        vae.encode(np.stack([np.full((8, 8), 1e39), np.zeros((8, 8))]))


def test_targets_that_nothing_uses_cause_a_warning(vae, images, recwarn):
    y = np.arange(len(images)) % 2
    vae.fit(images, images, verbose=0)
    vae.fit(images, images[..., None], verbose=0)
    vae.fit(images, y, class_weight={0: 1.0, 1: 2.0}, verbose=0)
    vae.fit(images, sample_weight=np.ones(len(images)), verbose=0)
    assert not [warning for warning in recwarn if "targets are ignored" in str(warning.message)]
    with pytest.warns(UserWarning, match="targets are ignored, .* leave them out; labels belong to LatentRecorder"):
        vae.fit(images, y, verbose=0)


def test_labels_of_callbacks_and_trajectories_may_be_text(images, tmp_path):
    recorder = kv.LatentRecorder(images[:3], ["dog", "cat", "dog"])
    assert (recorder.y.tolist(), recorder.class_names) == ([1, 0, 1], ("cat", "dog"))
    mean = np.zeros((2, 3, 2), "float32")
    trajectory = Trajectory(np.arange(2), np.arange(2.0), mean, labels=["dog", "cat", "dog"])
    assert trajectory.labels.tolist() == [1, 0, 1]
    assert trajectory.between(1, 1).points([0]).class_names == ("cat", "dog")
    trajectory.save(tmp_path / "a.npz")
    assert Trajectory.load(tmp_path / "a.npz").class_names == ("cat", "dog")
    assert repr(trajectory) == "Trajectory(2 frames, 3 points, 2 units, steps 0 … 1, epochs 0 … 1, labels)"
    assert Trajectory(np.arange(2), np.arange(2.0), mean, labels=[1, 0, 1]).class_names is None


def test_ranges_of_a_video_that_cannot_be_meant_are_refused():
    trajectory = Trajectory(np.arange(4), np.arange(4) / 2, np.zeros((4, 3, 2), "float32"))
    with pytest.raises(InputError, match=r"epochs: expected numbers from 0 to .*; received -1"):
        video.select(trajectory, epochs=(-1, 1))
    with pytest.raises(InputError, match=r"smooth: expected a window of at most the 1.5 epochs shown; received 9"):
        video.prepared(trajectory, smooth=9)
    assert len(video.select(trajectory, epochs=(1, np.inf))) == 2
