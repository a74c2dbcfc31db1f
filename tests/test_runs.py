"""Run folders: atomic writing, checkpoints that survive a kill, checks of the folder, locks."""

import contextlib
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from keras_vae import InputError, Run, load
from keras_vae._utils.files import atomic, write_text
from keras_vae.errors import DamagedFileError, WriteError
from keras_vae.runs import checkpoint


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old")

    def fail():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_a_kill_while_saving_leaves_the_previous_or_the_new_checkpoint(tmp_path, monkeypatch):
    """A kill at any replacement of a file leaves a complete checkpoint."""

    class Killed(BaseException):
        pass

    def write(folder, epoch):
        checkpoint.save(folder, {"a": np.full(3, epoch)}, {"epoch": epoch}, {"b": np.array([epoch])})

    replace = os.replace
    for survivors in range(4):
        folder = tmp_path / str(survivors)
        write(folder, 1)
        left = survivors

        def kill(source, target):
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            replace(source, target)

        monkeypatch.setattr(os, "replace", kill)
        with contextlib.suppress(Killed):
            write(folder, 2)
        monkeypatch.setattr(os, "replace", replace)
        arrays, state = checkpoint.load(folder)
        assert arrays["a"].tolist() == [state["epoch"]] * 3
        assert arrays["b"].tolist() == [*range(1, state["epoch"] + 1)]
        assert state["epoch"] == (2 if survivors == 3 else 1)
        write(folder, 2)  # continues from there; files that the kill left do no harm
        arrays, state = checkpoint.load(folder)
        assert arrays["b"].tolist()[-1] == state["epoch"] == 2


def test_growing_arrays_are_written_once(tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 2)) for n in (3, 1, 4)]
    for epoch, part in enumerate(parts, 1):
        checkpoint.save(tmp_path, {"a": np.full(1, epoch)}, {"epoch": epoch}, {"b": part})
    arrays, _ = checkpoint.load(tmp_path)
    np.testing.assert_array_equal(arrays["b"], np.concatenate(parts))
    assert arrays["a"] == 3
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("growth-*"))]
    assert sizes[1] < sizes[0] < sizes[2]


def test_only_the_last_checkpoint_is_kept(tmp_path):
    folder = tmp_path / "checkpoint"
    assert checkpoint.load(folder) is None
    for epoch in (1, 2, 3):
        checkpoint.save(folder, {"a": np.zeros(1)}, {"epoch": epoch})
    assert len(list(folder.iterdir())) == 2
    checkpoint.remove(folder)
    assert checkpoint.load(folder) is None


def test_a_damaged_checkpoint_is_refused(tmp_path):
    checkpoint.save(tmp_path, {"a": np.zeros(1000)}, {"epoch": 1})
    (arrays,) = tmp_path.glob("*.npz")
    arrays.write_bytes(arrays.read_bytes()[:-50])
    with pytest.raises(DamagedFileError, match=r"arrays-000001\.npz: expected a readable .*; train again with overwr"):
        checkpoint.load(tmp_path)
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(DamagedFileError, match=r"state\.json: expected JSON"):
        checkpoint.load(tmp_path)


def test_clear_deletes_only_the_files_of_the_run(tmp_path):
    run = Run(tmp_path)
    run.write_json("config.json", {})
    run.write_arrays("a", x=np.arange(3))
    (tmp_path / "notes.txt").write_text("foreign")
    run.clear()
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_history_and_arrays_round_trip(tmp_path):
    run = Run(tmp_path)
    run.write_history([{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.25}])
    assert run.history["loss"].tolist() == [2.5, 1.25]
    run.write_arrays("a", x=np.arange(3))
    assert run.arrays("a")["x"].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"arrays/b\.npz: expected a file; there is none"):
        run.arrays("b")


RUN_CONFIG = {"config": {}, "dataset": {}, "backend": "tensorflow"}


def test_a_kill_while_clearing_leaves_a_run_that_can_be_cleared_again(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    unlink = Path.unlink
    for survivors in range(4):
        run = Run(tmp_path / str(survivors))
        run.write_json("config.json", RUN_CONFIG)
        run.write_json("metrics.json", {})
        run.write_arrays("a", x=np.arange(3))
        left = survivors

        def kill(self, missing_ok=False):
            nonlocal left
            if self.exists() and not left:
                raise Killed
            left -= self.exists()
            unlink(self, missing_ok=missing_ok)

        with monkeypatch.context() as patched, contextlib.suppress(Killed):
            patched.setattr(Path, "unlink", kill)
            run.clear()
        run.check_usable(overwrite=True)


def test_damaged_files_of_a_run_are_named(tmp_path):
    run = Run(tmp_path)
    run.write_arrays("a", x=np.arange(1000))
    path = tmp_path / "arrays" / "a.npz"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"arrays/a\.npz: expected a readable \.npz; it is damaged"):
        run.arrays("a")
    with pytest.raises(InputError, match=r"history\.csv: expected a file; there is none"):
        _ = run.history


def state(tmp_path, kind: str) -> Run:
    run = Run(tmp_path / kind)
    if kind == "foreign config":
        run.write_json("config.json", {"model": "bert"})
    elif kind == "file":
        run.path.write_text("")
    elif kind == "foreign":
        (run.path / "thesis").mkdir(parents=True)
    elif kind == "run and foreign":
        run.write_json("config.json", RUN_CONFIG)
        (run.path / "thesis").mkdir()
    elif kind == "arrays only":
        run.write_arrays("a", x=np.arange(3))
    elif kind in ("unfinished", "finished"):
        run.write_json("config.json", RUN_CONFIG)
        if kind == "finished":
            run.write_json("metrics.json", {})
    elif kind == "empty":
        run.path.mkdir()
    elif kind == "killed in its first write":
        run.path.mkdir()
        (run.path / ".partial-config.json").write_text("{")
    return run


@pytest.mark.parametrize(
    ("kind", "sentence", "accepted_with"),
    [
        ("file", "it is a file; choose another folder", None),
        ("foreign", r"holds something else \(thesis\)", None),
        ("run and foreign", r"holds something else \(thesis\)", None),
        ("foreign config", r"holds something else \(config.json\)", None),
        ("arrays only", r"holds something else \(arrays\)", None),
        (
            "unfinished",
            "an unfinished run; set resume=True to continue it or set over",
            ("resume", "overwrite"),
        ),
        ("finished", "a finished run; set overwrite=True", ("resume", "overwrite")),
        ("empty", None, ("resume", "overwrite")),
        ("new", None, ("resume", "overwrite")),
        ("killed in its first write", None, ("resume", "overwrite")),
    ],
)
def test_which_folders_are_refused(tmp_path, kind, sentence, accepted_with):
    run = state(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    if sentence:
        with pytest.raises(InputError, match=sentence):
            run.check_usable()
    else:
        run.check_usable()
    for flag in ("resume", "overwrite"):
        if accepted_with:
            run.check_usable(**{flag: True})
        else:
            with pytest.raises(InputError, match=sentence):
                run.check_usable(**{flag: True})
    assert sorted(tmp_path.rglob("*")) == before


def test_refuses_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(WriteError, match="expected a path that can be written; Read-only file system; use a folder"):
        Run(tmp_path / "a" / "b").check_usable()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_refuses_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="can be written"):
        Run(tmp_path / "a").check_usable()


def hold(path, locked, release):
    with Run(path).lock():
        locked.set()
        release.wait(30)


def test_the_lock_excludes_a_second_process_until_the_first_is_killed(tmp_path):
    context = multiprocessing.get_context("spawn")
    locked, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path, locked, release))
    process.start()
    assert locked.wait(60)
    with pytest.raises(InputError, match="another process is writing"), Run(tmp_path).lock():
        pass
    process.kill()
    process.join()
    with Run(tmp_path).lock():
        pass


def test_open_requires_a_run(tmp_path):
    with pytest.raises(InputError, match="expected a run folder"):
        Run.open(tmp_path)
    run = state(tmp_path, "unfinished")
    with pytest.raises(InputError, match=r"no metrics\.json yet; continue with resume=True"):
        _ = Run.open(run.path).metrics
    (run.path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: expected JSON"):
        _ = run.config


def test_check_data_compares_digests(npz, tmp_path, toy_run):
    with np.load(npz) as arrays:
        np.savez(tmp_path / "other.npz", **{**arrays, "x_test": arrays["x_test"][::-1]})
    toy_run.check_data(load(npz))
    with pytest.raises(
        InputError, match=r"data: expected the data that .* was trained on; .*other.npz holds other arrays than blobs"
    ):
        toy_run.check_data(load(tmp_path / "other.npz"))
