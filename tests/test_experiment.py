"""Trainings into run folders: contents, reproducibility, resuming after a kill, and refusals."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from keras_vae import Config, InputError, Run, TrainingDiverged, likelihoods, posteriors, train
from keras_vae._utils.progress import ProgressReporter
from keras_vae.runs import config as run_config
from keras_vae.runs import final_files, recording
from keras_vae.runs.checkpoint_callback import CheckpointCallback

pytestmark = pytest.mark.usefixtures("few_pixels")


def same_weights(first, second) -> bool:
    a, b = (keras.models.load_model(run.model_path) for run in (first, second))
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def variant(config: Config, **changes) -> Config:
    return Config(**(config.model_dump() | changes))


# -- what is printed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("posterior", "term"), [("diagonal", "KL"), ("none", "penalty")])
def test_the_bar_shows_the_kl_beside_the_loss(toy_config, tmp_path, posterior, term):
    class Reporter(ProgressReporter):
        details, lines = [], []

        def advance(self, done, detail=""):
            self.details.append(detail)

        def log(self, text):
            self.lines.append(text)

    run = train(variant(toy_config, epochs=1, posterior=posterior), tmp_path / "run", progress=Reporter(quiet=True))
    assert re.fullmatch(rf"epoch 1 · loss \d+\.\d · {term} \d+\.\d", Reporter.details[-1])
    loss, kl = (run.history[name][0] for name in ("loss", term.lower()))
    assert Reporter.lines[0].startswith(f"epoch 1/1  loss {loss:.2f}  {term} {kl:.2f}  test ")


# -- what is in the folder -------------------------------------------------------------------------------------


def test_the_folder_has_the_documented_files(toy_run, toy_config):
    names = {str(path.relative_to(toy_run.path)) for path in toy_run.path.rglob("*") if path.is_file()}
    arrays = (
        "trajectory", "unit_history", "encodings", "units", "manifold", "samples", "reconstructions", "explorer",
        "traversals", "magnification", "encoder", "decoders", "reconstructions_over_time",
    )  # fmt: skip
    assert names == {"config.json", "history.csv", "model.keras", "metrics.json", *(f"arrays/{a}.npz" for a in arrays)}
    config = toy_run.config
    assert Config(**config["config"]) == variant(toy_config, likelihood="bernoulli")  # the default of grey images
    assert len(config["dataset"]["digest"]) == 64
    assert {"keras", "numpy", "python", keras.backend.backend()} <= set(config["versions"])
    assert config["threads"] >= 1


def test_metrics_agree_with_the_saved_model(toy_run, toy_config):
    vae = keras.models.load_model(toy_run.model_path)
    with np.load(toy_config.dataset) as data:
        x = data["x_test"].astype("float32") / 255
    results = vae.evaluate(x, batch_size=1000, verbose=0, return_dict=True)
    metrics = toy_run.metrics
    for key in ("reconstruction", "kl", "loss", "elbo"):
        assert metrics["test"][key] == pytest.approx(results[key], abs=1e-5)  # written with five decimals
        assert key in metrics["train"]
    assert metrics["n_active"] == sum(unit["active"] for unit in metrics["units"])
    assert set(metrics["units"][0]) == {"kl", "var_mean", "mean_var", "active", "collapsed"}
    assert sum(unit["kl"] for unit in metrics["units"]) == pytest.approx(metrics["test"]["kl"], rel=1e-4)
    assert set(metrics["seconds"]) == {"train", "epoch_median", "total"}
    np.testing.assert_allclose(toy_run.arrays("encodings")["mean"], vae.encode(x).mean, atol=1e-6)
    np.testing.assert_allclose(toy_run.arrays("samples")["images"], vae.generate(100, seed=7), atol=1e-6)


def test_history_has_a_row_per_epoch(toy_run):
    history = toy_run.history
    assert history["epoch"].tolist() == [1, 2, 3]
    for key in ("loss", "reconstruction", "kl", "beta", "elbo", "val_loss", "val_elbo", "seconds"):
        assert len(history[key]) == 3
    assert "val_beta" not in history
    np.testing.assert_allclose(history["loss"], history["reconstruction"] + history["kl"], rtol=1e-5)


def test_the_trajectory_has_as_many_images_of_each_label(toy_run):
    t = toy_run.trajectory
    assert t.steps.tolist() == list(range(10))  # three epochs of three steps, and the untrained state
    assert t.epochs[-1] == 3
    assert np.bincount(t.labels).tolist() == [3] * 4
    assert t.labels[:4].tolist() == [0, 1, 2, 3]
    assert t.images.shape == (12, 8, 8)


@pytest.mark.parametrize(
    "posterior", ["none", *(pytest.param(name, marks=pytest.mark.slow) for name in ("isotropic", "autoencoder"))]
)
def test_other_posteriors_make_complete_runs(toy_config, tmp_path, posterior):
    from keras_vae.plots import run_figures

    run = train(variant(toy_config, posterior=posterior, epochs=1, architecture="64-8-3"), tmp_path / "run", quiet=True)
    expected = {
        "isotropic": {"loss", "reconstruction", "kl", "elbo"},
        "none": {"loss", "reconstruction", "penalty"},
        "autoencoder": {"loss", "reconstruction"},
    }
    assert set(run.metrics["test"]) == expected[posterior]
    drawn = run_figures.draw(run, quiet=True)
    assert {path.name for path in drawn} == {
        "loss.png", "posteriors.png" if posterior == "isotropic" else "latent.png", "principal.png", "manifold.png",
        "reconstructions.png", "samples.png", "units.png", "traversals.png", "trajectory.mp4",
    }  # fmt: skip
    assert all(path.stat().st_size > 1000 for path in drawn)


def test_one_unit_and_no_labels(tmp_path):
    from keras_vae.plots import run_figures

    x = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), "uint8")
    np.savez(tmp_path / "colour.npz", x_train=x, x_test=x[:9])
    run = train(
        Config("48-1", dataset=str(tmp_path / "colour.npz"), epochs=1, batch_size=10), tmp_path / "r", quiet=True
    )
    assert run.trajectory.labels is None
    assert {path.name for path in run_figures.draw(run, quiet=True)} == {
        "loss.png", "manifold.png", "reconstructions.png", "samples.png", "traversals.png",
    }  # fmt: skip


def test_a_run_made_before_an_option_existed_is_resumed(toy_run, toy_config, tmp_path):
    old = shutil.copytree(toy_run.path, tmp_path / "old")
    described = json.loads((old / "config.json").read_text())
    del described["config"]["jit_compile"]
    (old / "config.json").write_text(json.dumps(described))
    assert train(toy_config, old, resume=True, quiet=True).metrics == toy_run.metrics
    with pytest.raises(InputError, match=r"expected the configuration of the run in .*, jit_compile='auto'"):
        train(variant(toy_config, jit_compile=False), old, resume=True, quiet=True)


def test_many_units_are_not_listed_in_the_metrics(toy_config, tmp_path):
    run = train(variant(toy_config, architecture="64-300", epochs=1), tmp_path / "run", quiet=True)
    assert "units" not in run.metrics
    assert len(run.arrays("units")["kl"]) == run.metrics["n_units"] == 300


# -- reproducibility and resuming after a kill ------------------------------------------------------------------


def test_the_seed_determines_the_run(toy_run, toy_config, tmp_path):
    keras.utils.set_random_seed(123)  # must not matter
    again = train(toy_config, tmp_path / "again", quiet=True)
    assert same_weights(toy_run, again)
    np.testing.assert_array_equal(toy_run.trajectory.mean, again.trajectory.mean)
    assert toy_run.metrics["test"] == again.metrics["test"]
    assert not same_weights(toy_run, train(variant(toy_config, seed=8), tmp_path / "other", quiet=True))


class Killed(BaseException):
    pass


@contextlib.contextmanager
def killed_after(monkeypatch, epoch: int, where: str):
    """Stops a training as a kill does, at the end of an epoch: before, between or after its checkpoint and history."""
    original = CheckpointCallback.end_epoch

    def end_epoch(self, row):
        if row["epoch"] == epoch and where == "before the checkpoint":
            raise Killed
        original(self, row)
        if row["epoch"] == epoch and where == "after the checkpoint":
            raise Killed

    write_history = Run.write_history

    def write(self, rows):
        if len(rows) == epoch and where == "before the history":
            raise Killed
        write_history(self, rows)

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointCallback, "end_epoch", end_epoch)
        patched.setattr(Run, "write_history", write)
        with pytest.raises(Killed):
            yield


@pytest.mark.parametrize(
    "where",
    [
        "before the checkpoint",
        *(pytest.param(where, marks=pytest.mark.slow) for where in ("before the history", "after the checkpoint")),
    ],
)
@pytest.mark.parametrize("epoch", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_killed_and_resumed_training_ends_like_an_uninterrupted_one(
    toy_run, toy_config, tmp_path, monkeypatch, epoch, where
):
    with killed_after(monkeypatch, epoch, where):
        train(toy_config, tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="an unfinished run; set resume=True"):
        train(toy_config, tmp_path / "run", quiet=True)
    resumed = train(toy_config, tmp_path / "run", resume=True, quiet=True)
    assert same_weights(toy_run, resumed)
    for key in ("steps", "epochs", "mean", "log_var"):
        np.testing.assert_array_equal(getattr(toy_run.trajectory, key), getattr(resumed.trajectory, key))
    for key in set(toy_run.history) - {"seconds"}:
        np.testing.assert_array_equal(toy_run.history[key], resumed.history[key])
    check_decoders(toy_run, resumed)
    assert not (resumed.path / "checkpoint").exists()


@pytest.mark.slow
@pytest.mark.parametrize("every", [4, 1000])
def test_epochs_without_a_frame(toy_config, tmp_path, monkeypatch, every):
    """Three steps an epoch: frames fall due in some epochs, or in none but the last."""
    config = variant(toy_config, record_every=every, epochs=4)
    whole = train(config, tmp_path / "whole", quiet=True)
    assert whole.trajectory.steps.tolist() == [0, *range(every, 12, every), 12]
    with killed_after(monkeypatch, 3, "after the checkpoint"):
        train(config, tmp_path / "run", quiet=True)
    resumed = train(config, tmp_path / "run", resume=True, quiet=True)
    assert same_weights(whole, resumed)
    for key in ("steps", "mean", "labels", "images"):
        np.testing.assert_array_equal(getattr(whole.trajectory, key), getattr(resumed.trajectory, key))
    check_decoders(whole, resumed)


def check_decoders(whole, resumed) -> None:
    """The decoders that two trainings recorded are equal."""
    expected, found = whole.arrays("decoders"), resumed.arrays("decoders")
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_training_killed_during_evaluation_can_be_resumed(toy_run, toy_config, tmp_path, monkeypatch):
    def kill(*args):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(final_files, "write_arrays", kill)
        with pytest.raises(Killed):
            train(toy_config, tmp_path / "run", quiet=True)
    assert same_weights(toy_run, train(toy_config, tmp_path / "run", resume=True, quiet=True))


@pytest.mark.slow
def test_warmup_continues_after_a_kill(toy_config, tmp_path, monkeypatch):
    config = variant(toy_config, warmup=2.5)
    whole = train(config, tmp_path / "whole", quiet=True)
    with killed_after(monkeypatch, 1, "after the checkpoint"):
        train(config, tmp_path / "run", quiet=True)
    resumed = train(config, tmp_path / "run", resume=True, quiet=True)
    assert whole.history["beta"][0] < whole.history["beta"][1] < 1
    np.testing.assert_array_equal(whole.history["beta"], resumed.history["beta"])
    assert same_weights(whole, resumed)


@pytest.mark.slow
def test_epochs_may_grow_when_resuming(toy_run, toy_config, tmp_path, monkeypatch):
    with killed_after(monkeypatch, 1, "after the checkpoint"):
        train(variant(toy_config, epochs=2), tmp_path / "run", quiet=True)
    grown = train(toy_config, tmp_path / "run", resume=True, quiet=True)
    assert same_weights(toy_run, grown)
    assert grown.config["config"]["epochs"] == 3


@pytest.mark.slow
def test_a_process_killed_by_the_system_leaves_a_run_that_resumes(toy_config, tmp_path):
    """A separate process receives SIGKILL at an arbitrary moment."""
    config = variant(toy_config, epochs=60)
    arguments = {**config.model_dump()}
    program = (
        f"from keras_vae import Config, train; train(Config(**{arguments!r}), {str(tmp_path / 'run')!r}, resume=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    history = tmp_path / "run" / "history.csv"
    deadline = time.monotonic() + 120
    while not (history.exists() and history.read_text().count("\n") > 5) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run" / "metrics.json").exists()
    done_before = json.loads((tmp_path / "run" / "checkpoint" / "state.json").read_text())["epoch"]
    assert 5 <= done_before < 60
    resumed = train(config, tmp_path / "run", resume=True, quiet=True)
    assert same_weights(resumed, train(config, tmp_path / "whole", quiet=True))


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_leaves_a_run_that_resumes(toy_config, tmp_path, number):
    command = [
        sys.executable, "-m", "keras_vae", "train", "--architecture", "64-16-2", "--dataset", toy_config.dataset,
        "--epochs", "2000", "--batch-size", "40", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    # A process in the background of a shell inherits that SIGINT is ignored.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == "keras-vae: interrupted; complete files are kept.\n"
    assert "checkpoint is kept" in output
    assert "Continue with the same command and --resume." in output
    assert (tmp_path / "run" / "checkpoint" / "state.json").exists()


@pytest.mark.slow
def test_a_signal_whose_interrupt_is_lost_ends_the_training(toy_config, tmp_path):
    """As where it arrives while Python runs a destructor."""
    program = """
import keras, os, signal, time
from keras_vae.runs import checkpoint_callback

def losing(self, epoch, logs=None):
    begin(self, epoch, logs)
    if epoch == 3:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            pass

begin = checkpoint_callback.CheckpointCallback.on_epoch_begin
checkpoint_callback.CheckpointCallback.on_epoch_begin = losing
from keras_vae.cli import main
main()
"""
    arguments = (
        "train",
        "--architecture",
        "64-16-2",
        "--dataset",
        toy_config.dataset,
        "--epochs",
        9,
        "--batch-size",
        40,
        "--out",
        tmp_path / "run",
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert "epoch 3/9" in done.stdout
    assert "epoch 5/9" not in done.stdout


def test_resuming_a_finished_run_returns_it_unchanged(toy_run, toy_config):
    before = toy_run.model_path.stat().st_mtime_ns
    assert train(toy_config, toy_run.path, resume=True, quiet=True).finished
    assert toy_run.model_path.stat().st_mtime_ns == before


def test_overwrite_trains_anew(toy_config, tmp_path):
    train(variant(toy_config, epochs=1), tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="a finished run; set overwrite=True"):
        train(toy_config, tmp_path / "run", quiet=True)
    assert train(toy_config, tmp_path / "run", overwrite=True, quiet=True).metrics["epochs"] == 3


# -- refusals --------------------------------------------------------------------------------------------------


def test_refuses_to_resume_another_configuration_or_other_data(toy_config, tmp_path, monkeypatch):
    with killed_after(monkeypatch, 1, "after the checkpoint"):
        train(toy_config, tmp_path / "run", quiet=True)
    for changes, sentence in (
        ({"beta": 2.0}, r"beta=1.0; received 2.0; repeat it, or set overwrite=True"),
        ({"epochs": 2}, "expected the 3 epochs of the unfinished run in .* or more; received 2"),
    ):
        with pytest.raises(InputError, match=sentence):
            train(variant(toy_config, **changes), tmp_path / "run", resume=True, quiet=True)
    state = json.loads((tmp_path / "run" / "config.json").read_text())
    state["dataset"]["digest"] = "0" * 64
    (tmp_path / "run" / "config.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match="has changed since"):
        train(toy_config, tmp_path / "run", resume=True, quiet=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epochs": 0}, "epochs: expected a number of at least 1; received 0"),
        ({"batch_size": 0}, "batch_size: expected a number of at least 1"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number"),
        ({"beta": -1}, "beta: expected a number of at least 0"),
        ({"beta": float("nan")}, "beta: expected a finite number"),
        ({"warmup": float("inf")}, "warmup: expected a finite number"),
        (
            {"posterior": "full"},
            "posterior: expected 'diagonal', 'isotropic', 'iid', 'none' or 'autoencoder'; received 'full'",
        ),
        ({"likelihood": "poisson"}, "likelihood: expected 'bernoulli'"),
        ({"likelihood": "poisson std=1"}, "likelihood: expected 'bernoulli'"),
        ({"likelihood": "gaussian std=0"}, "std: expected a finite number above 0"),
        ({"likelihood": "gaussian noise=1"}, "likelihood: expected settings of std"),
        ({"seed": -1}, "seed: expected a number of at least 0"),
        ({"bach_size": 3}, r"bach_size: expected an argument of Config; did you mean 'batch_size'\?"),
        ({"posterior": "autoencoder", "beta": 2.0}, "beta, warmup: expected neither for posterior='autoencoder'"),
    ],
)
def test_refuses_a_configuration_out_of_range(toy_config, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        variant(toy_config, **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architecture": "784-0-2"}, "architecture: expected layer sizes above 0"),
        ({"architecture": ""}, "architecture: expected layer sizes above 0"),
        ({"architecture": "65-2"}, "expected 64 as its first number"),
        ({"architecture": "64-99999999999-2"}, "GiB; make its layers smaller"),
        ({"dataset": "cifar"}, "dataset: expected mnist"),
        ({"batch_size": 97}, "no more than the 96 training images"),
        ({"architecture": "64-4000", "epochs": 20_000, "record_every": 1}, "record_every: expected steps"),
        ({"architecture": "64-" + "9" * 400 + "-2"}, "architecture: expected layer sizes above 0"),
        ({"dataset": "x" * 300 + ".npz"}, "File name too long"),
    ],
)
def test_refuses_before_anything_is_written(toy_config, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        train(variant(toy_config, **changes), tmp_path / "run", quiet=True)
    assert not list(tmp_path.iterdir())


def test_refuses_a_checkpoint_of_another_model_or_backend(toy_config, tmp_path, monkeypatch):
    with killed_after(monkeypatch, 1, "after the checkpoint"):
        train(toy_config, tmp_path / "run", quiet=True)
    path = tmp_path / "run" / "checkpoint" / "state.json"
    state = json.loads(path.read_text())
    del state["digest"]
    path.write_text(json.dumps(state | {"shapes": state["shapes"][:-1]}))
    with pytest.raises(InputError, match="expected the checkpoint of this model"):
        train(toy_config, tmp_path / "run", resume=True, quiet=True)
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"backend": "numpy"}))
    with pytest.raises(InputError, match="expected the backend of the run"):
        train(toy_config, tmp_path / "run", resume=True, quiet=True)


def test_many_units_are_recorded_less_often(toy_config):
    assert recording.steps_between_frames(toy_config, n_images=60_000, n_probes=60) == 1  # record_every
    assert recording.steps_between_frames(variant(toy_config, record_every=None), n_images=60_000, n_probes=60) == 5
    wide = variant(toy_config, architecture="784-4096", batch_size=128, epochs=50, record_every=None)
    every = recording.steps_between_frames(wide, n_images=60_000, n_probes=60)
    assert 469 * 50 / every * 60 * recording.MAX_RECORDED_UNITS * 8 <= recording.MAX_RECORDING_BYTES


def test_a_non_finite_loss_stops_the_training(toy_config, tmp_path):
    config = variant(toy_config, learning_rate=1e30, epochs=5)
    with pytest.raises(
        TrainingDiverged, match=r"The loss became (nan|inf) at step \d+ \(epoch \d\); training has stopped"
    ):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert (tmp_path / "run" / "config.json").exists()


def test_the_configuration_accepts_the_kinds_of_the_models():
    assert run_config._choices() == {"posterior": posteriors.names(), "likelihood": likelihoods.names()}


def test_divergence_in_the_last_step_is_reported(toy_config, tmp_path):
    """The loss of a batch is computed before its step, so with one step per epoch only the validation shows it."""
    config = variant(toy_config, learning_rate=1e30, epochs=2, batch_size=96)
    with pytest.raises(TrainingDiverged, match=r"became (nan|inf) at step 1 \(epoch 1\)"):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "checkpoint").exists()


@pytest.mark.slow
def test_a_refused_resume_changes_nothing(toy_config, tmp_path, monkeypatch):
    with killed_after(monkeypatch, 1, "after the checkpoint"):
        train(toy_config, tmp_path / "run", quiet=True)
    (arrays,) = (tmp_path / "run" / "checkpoint").glob("arrays-*.npz")
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[:-50])
    with pytest.raises(InputError, match=r"arrays-000001\.npz: expected a readable"):
        train(variant(toy_config, epochs=9), tmp_path / "run", resume=True, quiet=True)
    arrays.write_bytes(whole)
    assert train(toy_config, tmp_path / "run", resume=True, quiet=True).metrics["epochs"] == 3


def test_other_objects_are_refused(toy_config, tmp_path):
    with pytest.raises(InputError, match="config: expected a Config; received dict"):
        train(toy_config.model_dump(), tmp_path / "run")
    with pytest.raises(InputError, match="data: expected a Dataset, as load returns it; received ndarray"):
        train(toy_config, tmp_path / "run", data=np.zeros((9, 8, 8)))
    assert not (tmp_path / "run").exists()


def test_resume_and_overwrite_exclude_each_other(toy_config, tmp_path):
    with pytest.raises(InputError, match="received both"):
        train(toy_config, tmp_path / "run", resume=True, overwrite=True, quiet=True)


@pytest.mark.slow
def test_a_run_resumes_with_the_same_data_under_another_name(toy_run, toy_config, tmp_path, monkeypatch):
    with killed_after(monkeypatch, 1, "after the checkpoint"):
        train(toy_config, tmp_path / "run", quiet=True)
    copy = tmp_path / "copy.npz"
    shutil.copy(toy_config.dataset, copy)
    assert same_weights(
        toy_run, train(variant(toy_config, dataset=str(copy)), tmp_path / "run", resume=True, quiet=True)
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
def test_two_trainings_into_one_folder_are_refused(toy_config, tmp_path):
    from keras_vae import Run

    with Run(tmp_path / "run").lock(), pytest.raises(InputError, match="another process is writing"):
        train(toy_config, tmp_path / "run", quiet=True)
