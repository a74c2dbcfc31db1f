"""Faults while writing: full disks, missing permission, deleted folders, signals. Each ends in one sentence."""

import errno
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from programs import run

from keras_vae import Config, InputError, Run, WriteError, train
from keras_vae._utils import user_folders
from keras_vae._utils.exit_codes import exit_on_error
from keras_vae._utils.files import PARTIAL_PREFIX, atomic, check_writable, write_json, write_npz, write_text
from keras_vae.data import keras_cache
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation import judge as judges
from keras_vae.evaluation.bubbles import measure_bubbles
from keras_vae.plots import layout
from keras_vae.plots.video_io import encode_mp4
from keras_vae.report import train_command
from keras_vae.runs import checkpoint, final_files
from keras_vae.runs.checkpoint_callback import CheckpointCallback
from keras_vae.studies.run_study import _configurations, run_study
from keras_vae.studies.study import Study


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def variant(config: Config, **changes) -> Config:
    return Config(**(config.model_dump() | changes))


def save_figure(path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    layout.save(figure, path)


def save_picture(path: Path) -> None:
    with atomic(path) as temporary:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), "uint8")).save(temporary)


def save_model(path: Path) -> None:
    model = keras.Sequential([keras.Input((99,)), keras.layers.Dense(99)])
    with atomic(path) as temporary:
        model.save(temporary)


def save_video(path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (9, 160, 160, 4), "uint8")
    encode_mp4(frames, len(frames), path, quiet=True)


RANDOM = {"a": np.random.default_rng(0).normal(size=9999)}
WRITERS = {
    "a.txt": lambda path: write_text(path, "x" * 99_999),
    "a.json": lambda path: write_json(path, list(range(9999))),
    "a.npz": lambda path: write_npz(path, RANDOM, compressed=False),
    "compressed.npz": lambda path: write_npz(path, RANDOM, compressed=True),
    "a.png": save_figure,
    "picture.png": save_picture,
    "a.keras": save_model,
    "a.mp4": save_video,
}


# -- disks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of some kilobytes, or changes its size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def resize(kilobytes: int) -> Path:
        nonlocal mounted
        options = [f"remount,size={kilobytes}k"] if mounted else [f"size={kilobytes}k"]
        command = ["mount", "-t", "tmpfs", "-o", *options, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount command")
        if done.returncode:
            pytest.skip(f"mounting a file system is not permitted: {done.stderr.strip()}")
        mounted = True
        return folder

    yield resize
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(small_disk, name, capfd):
    folder = small_disk(16)
    (folder / name).write_text("old")
    with pytest.raises(WriteError, match=rf"^{re.escape(str(folder / name))}: .*; No space left on device; free some"):
        WRITERS[name](folder / name)
    assert names(folder) == {name}
    assert (folder / name).read_text() == "old"
    small_disk(2000)
    WRITERS[name](folder / name)
    assert (folder / name).stat().st_size > 3
    assert capfd.readouterr().err == ""  # no unclosed archive reports its own failure


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("step", ["mkdir", "open", "fsync", "replace"])
def test_an_error_at_any_step_of_a_write_is_a_write_error(tmp_path, monkeypatch, number, step):
    path = tmp_path / "run" / "a.json"
    write_json(path, 1)

    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    target = Path if step in ("mkdir", "open") else os
    with monkeypatch.context() as patched:
        patched.setattr(target, step, fail)
        with pytest.raises(WriteError, match=os.strerror(number)) as raised:
            write_json(path, 2)
    assert (raised.value.errno, raised.value.filename) == (number, str(path))
    assert json.loads(path.read_text()) == 1
    assert names(path.parent) == {"a.json"}
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value)


def test_a_file_that_is_being_written_is_no_link(tmp_path):
    """A link under the temporary name would let a write change another file."""
    other = tmp_path / "other"
    other.write_text("kept")
    (tmp_path / f"{PARTIAL_PREFIX}{os.getpid()}-a.txt").symlink_to(other)
    write_text(tmp_path / "a.txt", "new")
    assert (other.read_text(), (tmp_path / "a.txt").read_text()) == ("kept", "new")
    assert not (tmp_path / "a.txt").is_symlink()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("dangling link", "No such file or directory"),
        ("loop of links", "Too many levels of symbolic links"),
        ("below a file", "a folder above it is a file"),
        ("long name", "File name too long"),
        ("device", "it is a file"),
        ("null character", "null"),
    ],
)
def test_paths_that_can_never_be_written_are_refused_first(tmp_path, kind, reason):
    (tmp_path / "dangling link").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop of links").symlink_to(tmp_path / "loop of links")
    (tmp_path / "file").touch()
    path = {
        "below a file": tmp_path / "file" / "run",
        "long name": tmp_path / ("x" * 300) / "run",
        "device": Path("/dev/full"),
        "null character": tmp_path / "a\0b",
    }.get(kind, tmp_path / kind)
    before = names(tmp_path)
    with pytest.raises(InputError, match=rf"(?s)folder: .*{reason}.*choose another folder"):
        Run(path).check_usable()
    if kind != "device":
        with pytest.raises(InputError, match="folder: expected a folder that can be written at"):
            check_writable(path / "deeper")
    assert names(tmp_path) == before


# -- commands on a full disk -----------------------------------------------------------------------------------


def program(monkeypatch, capsys, *arguments) -> tuple[int, str]:
    """Exit code and standard error of the command line, called in this process."""
    return run(monkeypatch, *arguments), capsys.readouterr().err


def assert_complete(folder: Path) -> None:
    """Every file in a run folder has its name when it is complete only."""
    for path in folder.rglob("*"):
        assert not path.name.startswith(PARTIAL_PREFIX)
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix in (".npz", ".keras"):
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None


def used_kilobytes(folder: Path) -> int:
    return sum(-(-path.stat().st_size // 4096) * 4 for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kilobytes", [40, pytest.param(120, marks=pytest.mark.slow)])
def test_training_on_a_full_disk_stops_with_a_sentence_and_resumes(
    toy_run, toy_config, small_disk, monkeypatch, capsys, kilobytes
):
    """The disk is full at a checkpoint or at one of the final files."""
    out = small_disk(kilobytes) / "run"
    with pytest.raises(WriteError, match="No space left on device; free some space"):
        train(toy_config, out, quiet=True)
    assert_complete(out)
    assert not (out / "metrics.json").exists()
    small_disk(10_000)
    resumed = train(toy_config, out, resume=True, quiet=True)
    assert resumed.metrics["weights_digest"] == toy_run.metrics["weights_digest"]


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["draw", "--no-video"], "figures"),
        (["evaluate", "--no-audit"], "evaluation.json|interpolation.npz|neighbours.npz"),
        (["report", "--no-draw"], "report.html"),
        (["draw"], "figures|videos"),
    ],
)
def test_commands_on_a_full_disk_end_with_one_line(toy_run, small_disk, monkeypatch, capsys, command, path, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(judges, "EPOCHS", 1)
    size = used_kilobytes(toy_run.path) + 40
    run = shutil.copytree(toy_run.path, small_disk(size) / "run")
    code, errors = program(monkeypatch, capsys, command[0], run, *command[1:])
    assert code == 1
    assert re.fullmatch(rf"keras-vae: {run}/\S*({path})\S*: .*; No space left on device; free some space\.\n", errors)
    assert_complete(run)


def test_a_folder_that_becomes_read_only_is_refused_before_work(toy_run, toy_config, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(toy_run.path, tmp_path / "run")

    def refuse(self, *args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "touch", refuse)
    training = ["--architecture", "64-16-2", "--dataset", toy_config.dataset, "--overwrite", "--out", folder]
    for command in (["draw", folder], ["evaluate", folder], ["train", *training]):
        assert run(monkeypatch, *command) == 1
        printed = capsys.readouterr()
        assert re.fullmatch(rf"keras-vae: {folder}: .*; Read-only file system; use .* on another disk\.\n", printed.err)
        assert "Continue" not in printed.out  # there is nothing of this training to continue
    assert names(folder) == names(toy_run.path)


def test_bubbles_on_a_full_disk_are_one_sentence(toy_run, data, small_disk):
    run = Run(shutil.copytree(toy_run.path, small_disk(used_kilobytes(toy_run.path) + 8) / "run"))
    with pytest.raises(WriteError, match=r"bubbles\.(npz|json): .*; No space left on device; free some space"):
        measure_bubbles(run, data)
    assert_complete(run.path)


@pytest.mark.slow
def test_a_study_on_a_full_disk_continues(npz, small_disk, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    study = Study("toy", "Toy", {"narrow": {"architecture": "64-4-2", "batch_size": 40}}, ["loss"], epochs=1)
    out = small_disk(60)
    with pytest.raises(WriteError, match="No space left on device; free some space"):
        run_study(study, str(npz), 1, 1, out, quick=True)
    assert "finished work is kept, and the same command continues from there" in capsys.readouterr().out
    assert_complete(out)
    small_disk(10_000)
    assert len(run_study(study, str(npz), 1, 1, out, quick=True).rows) == 1


def test_a_stopped_training_reports_where_it_continues(toy_config, small_disk, monkeypatch, capsys):
    out = small_disk(20) / "run"
    arguments = ["--architecture", "64-16-2", "--dataset", toy_config.dataset, "--batch-size", 40, "--out", out]
    assert run(monkeypatch, "train", *arguments, "--overwrite") == 1
    printed = capsys.readouterr()
    assert re.search(r"Stopped (in the first epoch|after epoch \d+); .*resumed training", printed.out)
    assert "Continue with the same command and --resume in place of --overwrite." in printed.out
    assert re.fullmatch(r"keras-vae: \S+: .*; No space left on device; free some space\.\n", printed.err)


# -- deleted and replaced folders ------------------------------------------------------------------------------


def after_epoch(monkeypatch, epoch: int, action) -> None:
    original = CheckpointCallback.end_epoch

    def end_epoch(self, row):
        original(self, row)
        if row["epoch"] == epoch:
            action()

    monkeypatch.setattr(CheckpointCallback, "end_epoch", end_epoch)


@pytest.mark.slow
def test_a_folder_that_is_used_again_is_left_to_the_second_training(toy_config, tmp_path, monkeypatch):
    out, second = tmp_path / "run", variant(toy_config, seed=3, epochs=1)

    def delete_and_use_again():
        shutil.rmtree(out)
        monkeypatch.undo()
        train(second, out, quiet=True)

    after_epoch(monkeypatch, 1, delete_and_use_again)
    with pytest.raises(WriteError, match=r"run: .*the folder was deleted or replaced .*; choose a folder"):
        train(toy_config, out, quiet=True)
    alone = train(second, tmp_path / "alone", quiet=True)
    assert Run(out).config["config"] == second.model_dump() | {"likelihood": "bernoulli"}
    assert Run(out).metrics["weights_digest"] == alone.metrics["weights_digest"]
    assert names(out) == names(alone.path)


def test_a_deleted_folder_stops_the_training_at_its_next_step(toy_config, tmp_path, monkeypatch):
    out, epochs = tmp_path / "run", []
    after_epoch(monkeypatch, 1, lambda: (epochs.append(1), shutil.rmtree(out)))
    with pytest.raises(WriteError, match="the folder was deleted or replaced"):
        train(variant(toy_config, epochs=500), out, quiet=True)
    assert epochs == [1]
    assert not out.exists()


def test_a_folder_replaced_while_a_file_is_written_does_not_receive_it(tmp_path):
    run = Run(tmp_path / "run")

    def write():
        with run.lock(), atomic(run.model_path, run.check_lock) as temporary:
            run.path.rename(tmp_path / "other")
            run.path.mkdir()
            temporary.write_text("weights")

    with pytest.raises(WriteError, match="deleted or replaced"):
        write()
    assert names(run.path) == set()
    run.write_json("metrics.json", {})  # without the lock, nothing is compared


# -- checkpoints and digests -----------------------------------------------------------------------------------


def saved(folder: Path, n_epochs: int = 3) -> Path:
    for epoch in range(1, n_epochs + 1):
        checkpoint.save(
            folder, {"a": np.full(3, float(epoch))}, {"epoch": epoch, "steps": 3 * epoch}, {"b": np.ones(1)}
        )
    return folder


def change_state(folder: Path, **changes) -> None:
    path = folder / checkpoint.STATE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: change_state(folder, epoch=2),
        lambda folder: change_state(folder, growth=["growth-000001.npz", "growth-000001.npz", "growth-000003.npz"]),
        lambda folder: np.savez(folder / "growth-000002.npz", b=np.full(1, np.nan)),
        lambda folder: np.savez(folder / "growth-000002.npz", b=np.ones(2)),
        lambda folder: np.savez(folder / "arrays-000003.npz", a=np.full(3, 2.0)),
        lambda folder: np.savez(folder / "arrays-000003.npz", a=np.full(3, 3.0, "float32")),
    ],
)
def test_a_checkpoint_is_checked_as_a_whole(tmp_path, damage):
    arrays, state = checkpoint.load(saved(tmp_path))
    assert (arrays["a"].tolist(), arrays["b"].tolist(), state["epoch"]) == ([3.0] * 3, [1.0] * 3, 3)
    damage(tmp_path)
    with pytest.raises(DamagedFileError, match=rf"^{re.escape(str(tmp_path))}/.*; train again with overwrite=True"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_of_an_earlier_version_has_no_digests(tmp_path):
    saved(tmp_path)
    state = json.loads((tmp_path / checkpoint.STATE).read_text())
    del state["digest"], state["digests"]
    (tmp_path / checkpoint.STATE).write_text(json.dumps(state))
    assert checkpoint.load(tmp_path)[1]["epoch"] == 3
    checkpoint.save(tmp_path, {"a": np.zeros(1)}, {"epoch": 4}, {"b": np.ones(1)})
    assert len(checkpoint.load(tmp_path)[0]["b"]) == 4


def test_a_history_of_another_length_does_not_resume(toy_config, tmp_path, monkeypatch):
    def kill():
        raise KeyboardInterrupt

    after_epoch(monkeypatch, 2, kill)
    with pytest.raises(KeyboardInterrupt):
        train(toy_config, tmp_path / "run", quiet=True)
    path = tmp_path / "run" / "checkpoint" / checkpoint.STATE
    state = {key: value for key, value in json.loads(path.read_text()).items() if key != "digest"}
    for history in (state["history"][:1], [*state["history"], state["history"][-1]]):
        path.write_text(json.dumps(state | {"history": history}))
        with pytest.raises(DamagedFileError, match=r"state\.json: .*epochs 1 to 2.*received \d row"):
            train(toy_config, tmp_path / "run", resume=True, quiet=True)


def test_the_digest_of_the_weights_is_that_of_the_saved_model(toy_run):
    loaded = keras.models.load_model(toy_run.model_path)
    assert toy_run.metrics["weights_digest"] == final_files.weights_digest(loaded)
    loaded.set_weights([w + 1e-6 for w in loaded.get_weights()])
    assert toy_run.metrics["weights_digest"] != final_files.weights_digest(loaded)


def test_resuming_a_finished_run_deletes_the_checkpoint_of_a_killed_end(toy_run, toy_config, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    saved(run.checkpoint_path)
    assert train(toy_config, run.path, resume=True, quiet=True).finished
    assert names(run.path) == names(toy_run.path)


# -- overwriting -----------------------------------------------------------------------------------------------


def test_links_in_a_run_folder_are_deleted_and_not_followed(toy_run, toy_config, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.png").touch()
    (run.path / "figures").symlink_to(elsewhere)
    (run.path / "videos").symlink_to(tmp_path / "nothing")
    (run.path / "checkpoint").symlink_to(elsewhere)
    assert train(variant(toy_config, epochs=1), run.path, overwrite=True, quiet=True).finished
    assert names(run.path) == names(toy_run.path)
    assert names(elsewhere) == {"thesis.png"}


# -- configurations and commands -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epochs": 10**30}, "epochs: expected a number of at most 1,000,000,000"),
        ({"epochs": 1e30}, "epochs: expected a smaller whole number"),
        ({"record_per_label": 10**12}, "record_per_label: expected a number of at most"),
        ({"beta": 1e39}, r"beta: expected at most 3\.4e\+38"),
        ({"learning_rate": 1e300}, r"learning_rate: expected at most 3\.4e\+38"),
        ({"warmup": 3.5}, r"warmup: expected at most the 3 epochs of the training, .*; received 3\.5; shorten"),
    ],
)
def test_a_configuration_is_bounded(toy_config, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        variant(toy_config, **changes)


def test_the_largest_configuration_is_planned(toy_config, data):
    from keras_vae.runs import recording

    large = variant(toy_config, epochs=10**9, record_per_label=10**9, record_every=None)
    assert len(recording.plan(large, data).probes) == len(data.x_test)


def test_a_study_of_fewer_epochs_shortens_its_warm_ups():
    study = Study("s", "Warm-ups", {"slow": {"architecture": "64-2", "warmup": 4.0}}, ["loss"], epochs=9)
    whole, quick = (_configurations(study, "mnist-5k", epochs, 1)["slow", 0] for epochs in (9, 1))
    assert (whole.warmup, quick.warmup) == (4.0, 1.0)


def test_a_command_holds_known_options_only(toy_run, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    content = run.config
    content["config"] |= {"record_every": None, "record_per_label": 6, "touch_x": "$(ls)", "dataset": "a b; ls"}
    run.write_json("config.json", content)
    command = train_command.command(run)
    assert "touch" not in command
    assert "--dataset 'a b; ls'" in command


def test_a_divergence_never_advises_a_learning_rate_below_nan(toy_config, tmp_path):
    from keras_vae import TrainingDiverged

    with pytest.raises(TrainingDiverged, match=r"try a (smaller learning rate|learning rate below [\d.e+]+) or"):
        train(variant(toy_config, learning_rate=3.4e38), tmp_path / "run", quiet=True)


def test_a_user_without_a_home_folder_has_a_cache(monkeypatch, tmp_path):
    def refuse():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", refuse)
    monkeypatch.setattr(user_folders.tempfile, "gettempdir", lambda: str(tmp_path))
    for name in ("XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    own = f"keras_vae-{os.getuid()}"
    assert judges.cache_folder() == tmp_path / own / ".cache" / "keras_vae"
    assert keras_cache.cache_folder() == tmp_path / own / ".keras" / "datasets"


# -- exit codes and signals ------------------------------------------------------------------------------------


def failing(error: BaseException):
    def program():
        raise error

    return program


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("folder: expected one."), 2, "out: expected one."),
        (
            WriteError(errno.EROFS, "Read-only file system", "a.png"),
            1,
            "a.png: expected a path that can be written; ",
        ),
        (OSError(errno.EACCES, "Permission denied", "b.npz"), 1, "b.npz: Permission denied."),
        (OSError("no number"), 1, "no number."),
        (KeyboardInterrupt(), 130, "interrupted; complete files are kept."),
        (SystemExit(130), 130, "interrupted; complete files are kept."),
    ],
)
def test_an_expected_error_is_one_line_with_its_exit_code(capsys, monkeypatch, error, code, line):
    monkeypatch.setattr(sys, "argv", ["keras-vae"])
    with pytest.raises(SystemExit) as raised:
        exit_on_error(failing(error))
    assert raised.value.code == code
    printed = capsys.readouterr().err
    assert printed.startswith(f"keras-vae: {line}")
    assert printed.count("\n") == 1


def test_other_exits_and_errors_pass():
    with pytest.raises(SystemExit) as raised:
        exit_on_error(failing(SystemExit(3)))
    assert raised.value.code == 3
    with pytest.raises(ZeroDivisionError):
        exit_on_error(failing(ZeroDivisionError()))


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["train", "draw", "evaluate", "report"])
def test_a_signal_ends_a_command_with_its_code_and_complete_files(
    toy_run, toy_config, tmp_path, monkeypatch, capsys, number, command
):
    """The process receives the signal while it writes."""
    run = tmp_path / "run" if command == "train" else shutil.copytree(toy_run.path, tmp_path / "run")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(judges, "EPOCHS", 1)
    fsync, writes = os.fsync, []

    def interrupt(descriptor):
        fsync(descriptor)
        writes.append(descriptor)
        if len(writes) == (4 if command == "train" else 1):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(os, "fsync", interrupt)
    arguments = {
        "train": ["--architecture", "64-16-2", "--dataset", toy_config.dataset, "--batch-size", 40, "--out", run],
        "draw": [run, "--no-video"],
        "evaluate": [run, "--no-audit"],
        "report": [run, "--no-draw"],
    }[command]
    before = signal.getsignal(signal.SIGTERM)
    code, errors = program(monkeypatch, capsys, command, *arguments)
    assert code == 128 + number
    assert errors == "keras-vae: interrupted; complete files are kept.\n"
    assert signal.getsignal(signal.SIGTERM) == before
    assert_complete(run)
