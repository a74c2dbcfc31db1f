"""The run folder: the files of one training, and the only interface between computing, drawing and reporting."""

import contextlib
import csv
import io
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.data import Dataset, registry
from keras_vae.errors import InputError
from keras_vae.runs.files import NPZ_ERRORS, PARTIAL_PREFIX, atomic, check_writable, read_npz, write_json, write_text
from keras_vae.runs.migration import migrate_evaluation
from keras_vae.trajectory import Trajectory

# All files and folders that a run writes; `clear` deletes nothing else.
CONTENTS = (
    "config.json", "history.csv", "model.keras", "arrays", "checkpoint", "metrics.json", "evaluation.json",
    "bubbles.json", "study.json", "figures", "videos", "report.html",
)  # fmt: skip


class Run:
    """A run folder: reads and writes the files of one training.

    ```
    config.json     hyperparameters, data set and digest, versions, threads
    history.csv     a row per epoch
    model.keras     the trained model
    arrays/*.npz    arrays for figures and videos
    checkpoint/     during training only
    metrics.json    written last: its presence means that training finished
    evaluation.json the audit of the trained model
    bubbles.json    distances of the posteriors from the prior, where requested
    figures/, videos/
    report.html     HTML page of the run
    ```

    Args:
        path: the folder, which need not exist; `Run.open` requires one.

    Example:
        >>> import tempfile
        >>> run = Run(tempfile.mkdtemp())
        >>> run.write_history([{"epoch": 1, "loss": 210.5}, {"epoch": 2, "loss": 180.25}])
        >>> run.history["loss"].tolist()
        [210.5, 180.25]
        >>> run.finished
        False
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Returns the run in an existing folder.

        Raises:
            InputError: if the folder has no `config.json`.
        """
        run = cls(path)
        if not (run.path / "config.json").is_file():
            raise InputError(f"run: expected a run folder (with a config.json) at {path}; there is none.")
        return run

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict:
        """Content of config.json: the hyperparameters in `config`; also `dataset`, `backend`, `versions` and more."""
        return self._json("config.json")

    @property
    def metrics(self) -> dict:
        """Content of metrics.json: losses in nats per image on `train` and `test`, active units, seconds.

        Raises:
            InputError: if training has not finished.
        """
        self.require_finished()
        return self._json("metrics.json")

    def require_finished(self) -> None:
        """Checks that training has finished.

        Raises:
            InputError: if `metrics.json`, which is written last, is missing.
        """
        if not self.finished:
            raise InputError(
                f"run: expected a finished training in {self.path}; it has no metrics.json yet; continue with "
                "resume=True."
            )

    def check_data(self, data: Dataset) -> None:
        """Checks by its digest that a data set is the one that this run was trained on.

        Raises:
            InputError: if its arrays differ from those that the run was trained on.
        """
        if data.digest != self.config["dataset"]["digest"]:
            raise InputError(
                f"data: expected the data that {self.path} was trained on; {data.name} has changed since; pass the "
                "same images, or train again."
            )

    @property
    def title(self) -> str:
        """Architecture, data set and posterior as text."""
        config = self.config["config"]
        posterior = "" if config["posterior"] == "diagonal" else f", posterior {config['posterior']}"
        return f"{config['architecture']} on {registry.title(config['dataset'])}{posterior}"

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Name of each class; None where the labels are the numbers of the classes."""
        names = self.config["dataset"].get("class_names")
        return None if names is None else tuple(names)

    @property
    def evaluation(self) -> dict:
        """Content of evaluation.json, see `evaluate`."""
        return migrate_evaluation(self._json("evaluation.json"))

    @property
    def bubbles(self) -> dict:
        """Content of bubbles.json, see `evaluation.bubbles`."""
        return self._json("bubbles.json")

    @property
    def finished(self) -> bool:
        """Whether training has finished and all its arrays are written."""
        return (self.path / "metrics.json").is_file()

    @property
    def has_history(self) -> bool:
        """Whether the training was recorded: an adopted model has neither history nor trajectory."""
        return (self.path / "history.csv").is_file()

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Columns of history.csv, each of shape `(epochs,)`; losses are in nats per image.

        Raises:
            InputError: if there is no history.csv.
        """
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
        """The arrays of `arrays/NAME.npz`.

        Raises:
            InputError: if the file is missing or damaged.
        """
        try:
            return read_npz(self._array_path(name))
        except FileNotFoundError as error:
            raise InputError(f"run: expected arrays/{name}.npz in {self.path}; there is none.") from error
        except NPZ_ERRORS as error:
            raise InputError(f"run: expected a readable arrays/{name}.npz in {self.path}; it is damaged.") from error

    def has_arrays(self, name: str) -> bool:
        """Whether `arrays/NAME.npz` exists."""
        return self._array_path(name).is_file()

    @property
    def trajectory(self) -> Trajectory:
        """The recorded encodings of some test images during training."""
        return Trajectory(**self.arrays("trajectory"))

    @property
    def checkpoint_path(self) -> Path:
        """Folder of the checkpoint, which exists during training only."""
        return self.path / "checkpoint"

    def _json(self, name: str) -> dict:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"run: expected a readable {name} in {self.path}; it is damaged ({error}).") from error

    def _array_path(self, name: str) -> Path:
        return self.path / "arrays" / f"{name}.npz"

    # -- writing -------------------------------------------------------------------------------------------

    def check_usable(self, overwrite: bool = False, resume: bool = False) -> None:
        """Checks that a training run may write into the folder; leaves no files behind.

        Args:
            overwrite: accept a folder that holds a run.
            resume: accept a folder that holds a run.

        Raises:
            InputError: if the path is not a folder, can't be written to, holds a file that is not part of a run, or
                holds a run and neither `overwrite` nor `resume` is set.
        """
        present = self._entries()
        foreign = sorted(present - set(CONTENTS))
        if foreign or (present and not self.is_run()):
            shown = (foreign or sorted(present))[0]
            raise InputError(
                f"folder: expected an empty folder or a run at {self.path}; it holds something else ({shown}); choose "
                "another folder."
            )
        if present and not (overwrite or resume):
            state = "a finished run" if self.finished else "an unfinished run"
            advice = "set" if self.finished else "set resume=True to continue it or set"
            raise InputError(
                f"folder: expected a new folder; {self.path} holds {state}; {advice} overwrite=True to replace it."
            )
        check_writable(self.path)

    def _entries(self) -> set[str]:
        """Names of the files and folders in the run folder, without incomplete ones; none if it doesn't exist.

        Raises:
            InputError: if the path is not that of a readable folder.
        """
        try:
            is_file = self.path.exists() and not self.path.is_dir()
        except OSError as error:  # the name is too long, or links form a loop
            raise InputError(
                f"folder: expected the path of a folder; received {self.path} ({error.strerror})."
            ) from error
        if is_file:
            raise InputError(f"folder: expected a folder at {self.path}; it is a file; choose another folder.")
        if not self.path.is_dir():
            return set()
        try:
            return {entry.name for entry in self.path.iterdir() if not entry.name.startswith(PARTIAL_PREFIX)}
        except OSError as error:
            raise InputError(f"folder: expected a readable folder at {self.path}; {error.strerror}.") from error

    def is_run(self) -> bool:
        """Whether config.json has the keys of a run: other programs write files of that name too."""
        try:
            return {"config", "dataset", "backend"} <= set(self.config)
        except (InputError, TypeError):
            return False

    def clear(self) -> None:
        """Deletes the files that a run writes, and nothing else."""
        # metrics.json marks a finished run, config.json any run: a process killed in between leaves an unfinished run.
        rest = [name for name in CONTENTS if name not in ("metrics.json", "config.json")]
        for name in ("metrics.json", *rest, "config.json"):
            entry = self.path / name
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Locks the run for this process; the system releases the lock when the process ends.

        Raises:
            InputError: if another process holds the lock.
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
                f"folder: expected a run that is not in training; another process is writing to {self.path}; wait for "
                "it or choose another folder."
            ) from error
        finally:
            os.close(folder)

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file of the run atomically."""
        write_json(self.path / name, content)

    def write_history(self, rows: list[dict]) -> None:
        """Writes history.csv, a row per epoch."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / "history.csv", buffer.getvalue())

    def write_arrays(self, name: str, **arrays: np.ndarray) -> None:
        """Writes `arrays/NAME.npz`, compressed and atomically."""
        with atomic(self._array_path(name)) as temporary, open(temporary, "wb") as file:
            named: dict[str, Any] = arrays  # Any: for numpy's type hints a name could be that of an option
            np.savez_compressed(file, **named)
