"""Attempts at a run in folders of their own, and archives of runs at a URI."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from keras_vae import InputError, Run, WriteError, train
from keras_vae._utils.progress import ProgressReporter
from keras_vae.runs import folder as run_folder
from keras_vae.runs import training
from keras_vae.studies import attempts
from keras_vae.studies.run_study import folder_name
from keras_vae.studies.storage import Storage, archive_name


class Stop(Exception):
    """Ends a training in the middle, as if its process had been killed."""


class StopAfter(ProgressReporter):
    """Ends a training after some epochs."""

    def __init__(self, epochs: int):
        super().__init__(quiet=True)
        self.epochs = epochs

    def end_epoch(self, row) -> None:
        if row["epoch"] == self.epochs:
            raise Stop


def interrupted(config, folder: Path, data, epochs: int) -> Path:
    with pytest.raises(Stop):
        training.train(config, folder, resume=True, progress=StopAfter(epochs), data=data)
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs" / "a [b]"


def test_an_attempt_continues_from_the_most_advanced_checkpoint_and_becomes_the_run(folder, toy_config, toy_run, data):
    for epochs in (2, 1):
        interrupted(toy_config, attempts.begin(folder, "other data"), data, epochs)
    first, second = attempts.find(folder)
    attempt = attempts.begin(folder, data.digest)
    assert json.loads((attempt / "checkpoint" / "state.json").read_text())["epoch"] == 2
    assert not folder.exists()
    run = train(toy_config, attempt, resume=True, quiet=True)
    assert run.metrics["weights_digest"] == toy_run.metrics["weights_digest"]
    attempts.publish(attempt, folder, lambda: False)
    assert Run(folder).finished
    assert not attempt.exists()
    assert (first.exists(), second.exists()) == (True, True)
    attempts.clear(folder)
    assert attempts.find(folder) == []


def test_the_first_finished_attempt_stays_the_run(folder, toy_run):
    slow, fast = (attempts.begin(folder, "") for _ in range(2))
    shutil.copytree(toy_run.path, fast)
    shutil.copytree(toy_run.path, slow)
    (slow / "history.csv").write_text("slow")
    attempts.publish(fast, folder, lambda: Run(folder).finished)
    attempts.publish(slow, folder, lambda: Run(folder).finished)
    assert Run(folder).history["epoch"].tolist() == [1, 2, 3]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_finished_run_is_replaced_only_by_a_whole_one(folder, toy_run):
    shutil.copytree(toy_run.path, folder)
    attempt = attempts.begin(folder, "")
    assert Run(attempt).finished  # to be evaluated
    (attempt / "evaluation.json").write_text("{}")
    attempts.publish(attempt, folder, lambda: False)
    assert (folder / "evaluation.json").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_damaged_checkpoint_is_not_continued(folder, toy_config, data):
    interrupted(toy_config, folder, data, 2)
    (arrays,) = folder.glob("checkpoint/arrays-*.npz")
    arrays.write_bytes(b"")
    assert not attempts.begin(folder, data.digest).exists()


def test_attempts_on_other_data_are_not_continued(folder, toy_config, data):
    interrupted(toy_config, attempts.begin(folder, data.digest), data, 1)
    assert not attempts.begin(folder, "0" * 64).exists()


@pytest.mark.slow
def test_settling_keeps_the_most_advanced_attempt_as_an_unfinished_run(folder, toy_config, data):
    interrupted(toy_config, folder, data, 1)
    interrupted(toy_config, attempts.begin(folder, data.digest), data, 2)
    attempts.settle(folder)
    assert json.loads((folder / "checkpoint" / "state.json").read_text())["epoch"] == 2
    assert attempts.find(folder) == []


def test_an_attempt_that_was_deleted_stops_at_its_next_write(folder, toy_config, data):
    attempt = attempts.begin(folder, data.digest)

    class Cleared(ProgressReporter):
        def end_epoch(self, row) -> None:
            attempts.clear(folder)

    with pytest.raises(WriteError, match="deleted or replaced"):
        training.train(toy_config, attempt, progress=Cleared(quiet=True), data=data)
    assert not attempt.exists()


@pytest.mark.parametrize("number", run_folder.WITHOUT_LOCKS)
def test_a_disk_without_locks_is_accepted(tmp_path, monkeypatch, number):
    import fcntl

    def refuse(*_):
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    run = Run(tmp_path / "run")
    with run.lock():
        run.write_json("metrics.json", {})
        shutil.rmtree(run.path)
        with pytest.raises(WriteError) as raised:
            run.check_lock()
    assert raised.value.errno == errno.ESTALE


def test_an_archive_is_the_run_and_an_incomplete_one_is_not(tmp_path, toy_run, toy_config, data):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    storage = Storage(f"file://{tmp_path}/store")
    storage.check()
    assert storage.archives() == []
    name = archive_name(folder_name(toy_config), toy_config, data.digest)
    archive = storage.save(toy_run.path, name)
    assert archive == storage.save(toy_run.path, name)
    assert storage.archives() == [archive]
    folder = tmp_path / "out" / "run"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("")
    assert storage.restore(archive, folder, toy_config.dataset)
    assert Run(folder).metrics == toy_run.metrics
    path = Run(folder).config["dataset"]["path"]
    assert (folder / path).resolve() == Path(toy_config.dataset).resolve()
    stored = tmp_path / "store" / archive
    stored.write_bytes(stored.read_bytes()[:-1])
    shutil.rmtree(folder)
    assert not storage.restore(archive, folder, toy_config.dataset)
    assert not folder.exists()


def test_the_name_of_an_archive_depends_on_configuration_and_data(toy_config, data):
    name = archive_name("run", toy_config, data.digest)
    assert name != archive_name("run", toy_config, "0" * 64)
    assert name != archive_name("run", toy_config.model_copy(update={"seed": 8}), data.digest)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("runs", "expected a URI with a protocol; received 'runs'"),
        ("nonsense://runs", "of a protocol that fsspec or Arrow knows"),
        ("file:///proc/runs", "expected a URI that can be written; file:///proc/runs refuses"),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused_in_one_sentence(uri, problem):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    with pytest.raises(InputError, match="storage: expected") as error:
        Storage(uri).check()
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
