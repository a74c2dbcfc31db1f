"""The run folder: the one place where computing, drawing and reporting meet."""

import contextlib
import csv
import io
import json
import math
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.data import datasets
from keras_vae.errors import InputError
from keras_vae.runs.migration import migrate_evaluation
from keras_vae.trajectory import Trajectory

# All that a run may put into its folder; nothing else is ever deleted.
CONTENTS = (
    "config.json", "history.csv", "model.keras", "arrays", "checkpoint", "metrics.json", "evaluation.json",
    "bubbles.json", "study.json", "figures", "videos", "report.html",
)  # fmt: skip
TEMPORARY = ".partial-"
DAMAGED = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)  # what reading a broken .npz raises


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path` to write to; only a write that succeeded takes the name `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(TEMPORARY + path.name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def complete(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder by name, without what a killed process left half written."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith(TEMPORARY))


def write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def check_writable(path: Path) -> None:
    """Refuses, without leaving a trace, a path at which no folder can be made or written to.

    Raises:
        InputError: saying which folder refuses.
    """
    folder = path
    while not folder.exists():
        folder = folder.parent
    probe = folder / f"{TEMPORARY}{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"out: expected a folder that can be written at {path}; {folder} refuses ({error.strerror}); choose "
            "another --out."
        ) from error


class Run:
    """A run folder, read and written.

    ```
    config.json     hyperparameters, data set and digest, versions, threads
    history.csv     a row an epoch
    model.keras     the trained model
    arrays/*.npz    what drawing needs
    checkpoint/     while training only
    metrics.json    written last: its presence means that training finished
    evaluation.json the audit of the trained model
    bubbles.json    how far its posteriors lie from the prior, where that was asked for
    figures/, videos/
    report.html     the page that shows all of it
    ```
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """An existing run.

        Raises:
            InputError: if the folder holds none.
        """
        run = cls(path)
        if not (run.path / "config.json").is_file():
            raise InputError(f"run: expected a run folder (with a config.json) at {path}; there is none.")
        return run

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict:
        return self._json("config.json")

    @property
    def metrics(self) -> dict:
        self.require_finished()
        return self._json("metrics.json")

    def require_finished(self) -> None:
        """Checks that training finished.

        Raises:
            InputError: if `metrics.json`, which is written last, is missing.
        """
        if not self.finished:
            raise InputError(
                f"run: expected a finished training in {self.path}; it has no metrics.json yet; go on with resume."
            )

    @property
    def title(self) -> str:
        """What was trained on what, for people."""
        config = self.config["config"]
        posterior = "" if config["posterior"] == "diagonal" else f", posterior {config['posterior']}"
        return f"{config['architecture']} on {datasets.title(config['dataset'])}{posterior}"

    @property
    def evaluation(self) -> dict:
        return migrate_evaluation(self._json("evaluation.json"))

    @property
    def bubbles(self) -> dict:
        return self._json("bubbles.json")

    @property
    def finished(self) -> bool:
        return (self.path / "metrics.json").is_file()

    @property
    def has_history(self) -> bool:
        """Whether it was trained here: the run of an adopted model has neither history nor trajectory."""
        return (self.path / "history.csv").is_file()

    @property
    def history(self) -> dict[str, np.ndarray]:
        """history.csv by column, an entry an epoch."""
        try:
            with open(self.path / "history.csv", newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except OSError as error:
            raise InputError(f"run: expected a history.csv in {self.path}; {error.strerror}.") from error
        return {key: np.array([float(row[key] or math.nan) for row in rows]) for key in (rows[0] if rows else ())}

    @property
    def model_path(self) -> Path:
        return self.path / "model.keras"

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of `arrays/NAME.npz`."""
        try:
            return _loaded(self._array_path(name))
        except FileNotFoundError as error:
            raise InputError(f"run: expected arrays/{name}.npz in {self.path}; there is none.") from error
        except DAMAGED as error:
            raise InputError(f"run: expected a readable arrays/{name}.npz in {self.path}; it is damaged.") from error

    def has_arrays(self, name: str) -> bool:
        return self._array_path(name).is_file()

    @property
    def trajectory(self) -> Trajectory:
        return Trajectory(**self.arrays("trajectory"))

    def _json(self, name: str) -> dict:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"run: expected a readable {name} in {self.path}; it is damaged ({error}).") from error

    def _array_path(self, name: str) -> Path:
        return self.path / "arrays" / f"{name}.npz"

    # -- writing -------------------------------------------------------------------------------------------

    def check_usable(self, overwrite: bool = False, resume: bool = False) -> None:
        """Refuses, without leaving a trace, a folder that a training must not write to.

        Raises:
            InputError: if it is not a folder, holds something else, holds a run and neither flag says what to
                do with it, or can't be written.
        """
        try:
            taken = self.path.exists() and not self.path.is_dir()
        except OSError as error:  # a name too long, a loop of links
            raise InputError(f"out: expected the path of a folder; received {self.path} ({error.strerror}).") from error
        if taken:
            raise InputError(f"out: expected a folder at {self.path}; it is a file; choose another --out.")
        if self.path.is_dir():
            try:
                present = {entry.name for entry in self.path.iterdir() if not entry.name.startswith(TEMPORARY)}
            except OSError as error:
                raise InputError(f"out: expected a readable folder at {self.path}; {error.strerror}.") from error
            foreign = sorted(present - set(CONTENTS))
            if foreign or (present and not self.is_run()):
                shown = (foreign or sorted(present))[0]
                raise InputError(
                    f"out: expected an empty folder or a run at {self.path}; it holds something else ({shown}); choose "
                    "another --out."
                )
            if present and not (overwrite or resume):
                state = "a finished run" if self.finished else "an unfinished run"
                advice = "" if self.finished else "--resume to go on or "
                raise InputError(
                    f"out: expected a new folder; {self.path} holds {state}; say {advice}--overwrite to replace it."
                )
        check_writable(self.path)

    def is_run(self) -> bool:
        """Whether config.json is one of ours: anybody may have a file of that name."""
        try:
            return {"config", "dataset", "backend"} <= set(self.config)
        except (InputError, TypeError):
            return False

    def clear(self) -> None:
        """Deletes what a run may have written here, and nothing else."""
        # First the mark of a finished run, last that of a run: a kill in between leaves an unfinished one.
        rest = [name for name in CONTENTS if name not in ("metrics.json", "config.json")]
        for name in ("metrics.json", *rest, "config.json"):
            entry = self.path / name
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second process out while this one trains; the system frees it when the process dies.

        Raises:
            InputError: if another process holds it.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        self.path.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise InputError(
                f"out: expected a run that nobody is training; another process is writing to {self.path}; wait for it "
                "or choose another --out."
            ) from error
        finally:
            os.close(folder)

    def write_json(self, name: str, content: Any) -> None:
        write_json(self.path / name, content)

    def write_history(self, rows: list[dict]) -> None:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / "history.csv", buffer.getvalue())

    def write_arrays(self, name: str, **arrays: np.ndarray) -> None:
        with atomic(self._array_path(name)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    # -- the checkpoint ------------------------------------------------------------------------------------

    def save_checkpoint(
        self, arrays: dict[str, np.ndarray], state: dict, growth: dict[str, np.ndarray] | None = None
    ) -> None:
        """Saves arrays under new names, then the state that names them: a kill leaves the old checkpoint or the new.

        Args:
            arrays: in place of those saved before.
            state: what fits in JSON, with an `epoch` that is a new one.
            growth: to be appended to what was saved before, along the first axis; only this is written.
        """
        folder = self.path / "checkpoint"
        grown = self._json("checkpoint/state.json").get("growth", []) if (folder / "state.json").is_file() else []
        file, addition = (f"{kind}-{state['epoch']:06d}.npz" for kind in ("arrays", "growth"))
        for name, content in ((file, arrays), (addition, growth)):
            if content is not None:
                with atomic(folder / name) as temporary, open(temporary, "wb") as stream:
                    np.savez(stream, **content)
        grown = grown if growth is None else [*grown, addition]
        write_json(folder / "state.json", {**state, "arrays": file, "growth": grown})
        for old in folder.glob("*.npz"):
            if old.name not in (file, *grown):
                old.unlink()

    def load_checkpoint(self) -> tuple[dict[str, np.ndarray], dict] | None:
        """The arrays and the state of the last checkpoint, or None before the first."""
        folder = self.path / "checkpoint"
        if not (folder / "state.json").is_file():
            return None
        state = self._json("checkpoint/state.json")
        try:
            parts = [_loaded(folder / name) for name in (state["arrays"], *state.get("growth", []))]
        except DAMAGED as error:
            raise InputError(
                f"resume: expected a readable checkpoint in {folder}; it is damaged; say --overwrite."
            ) from error
        arrays, additions = parts[0], parts[1:]
        if additions:
            arrays |= {name: np.concatenate([part[name] for part in additions]) for name in additions[0]}
        return arrays, state

    def remove_checkpoint(self) -> None:
        shutil.rmtree(self.path / "checkpoint", ignore_errors=True)


def _loaded(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}
