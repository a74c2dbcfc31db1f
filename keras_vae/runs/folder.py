"""The run folder: the files of one training, and the only interface between computing, drawing and reporting."""

import contextlib
import csv
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae import geometry
from keras_vae._utils import forms, notebook, readers
from keras_vae._utils.files import (
    PARTIAL_PREFIX,
    check_writable,
    delete,
    translated_errors,
    write_json,
    write_npz,
    write_text,
)
from keras_vae.data import Dataset, Preparation, registry
from keras_vae.errors import DamagedFileError, InputError, WriteError
from keras_vae.priors import StandardNormal
from keras_vae.runs import array_forms
from keras_vae.runs.evaluation_forms import BubblesFile, EvaluationFile
from keras_vae.runs.forms import ConfigFile, MetricsFile
from keras_vae.runs.history import check_history
from keras_vae.trajectory import Trajectory

# All files and folders that a run writes; `clear` deletes nothing else.
CONTENTS = (
    "config.json", "history.csv", "model.keras", "arrays", "checkpoint", "metrics.json", "evaluation.json",
    "bubbles.json", "study.json", "figures", "videos", "report.html",
)  # fmt: skip

# Names that mark a run whose config.json is damaged.
MARKS = ("metrics.json", "history.csv", "checkpoint", "arrays")
ADVICE = "restore it from a copy, or train again with overwrite=True"
BUBBLES_ADVICE = "delete it and measure the bubbles again"
EVALUATION_ADVICE = "evaluate again with overwrite=True"
# Errors of `flock` on network disks that have no locks, or none of folders: `check_lock` then works without one.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)
ARRAY_ADVICE = {
    "audit": EVALUATION_ADVICE,
    "interpolation": EVALUATION_ADVICE,
    "neighbours": EVALUATION_ADVICE,
    "bubbles": BUBBLES_ADVICE,
    "explorer": "delete it, and the page of the run writes it again from the model",
    "decoders": "delete it, and the page of the run shows the trained decoder at all times",
    "encoder": "delete it, and the page of the run writes it again from the model",
}


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
        self._locked: int | None = None  # descriptor of the locked folder

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Returns the run in an existing folder.

        Raises:
            InputError: if the folder has no `config.json`.
        """
        run = cls(path)
        if not os.path.lexists(run.path / "config.json"):
            raise InputError(f"run: expected a run folder (with a config.json) at {path}; there is none.")
        return run

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self._state()})"

    def _repr_html_(self) -> str | None:
        """A table for notebooks; None, for which they show the text, where there is no readable run."""
        try:
            return notebook.table(self._state(), self._summary()) if self.is_run() else None
        except InputError:
            return None

    def _summary(self) -> dict[str, object]:
        """What describes the run, by name."""
        config, data = self.config["config"], self.config["dataset"]
        rows: dict[str, object] = {"folder": self.path}
        names = ["posterior", "likelihood", "objective", "prior", "beta"]
        names += ["epochs", "batch_size", "learning_rate", "seed"]
        rows["settings"] = ", ".join(f"{name} {config[name]}" for name in names if config.get(name) is not None)
        rows["data"] = f"{data['train']:,} items for training, {data['test']:,} for tests, shape {self.image_shape}"
        if not self.finished:
            return rows
        metrics = self.metrics
        rows["test, nats per image"] = ", ".join(f"{name} {value:.2f}" for name, value in metrics["test"].items())
        rows["active units"] = f"{metrics['n_active']} of {metrics['n_units']}"
        rows["evaluated"] = "yes" if self.has_evaluation else "no"
        return rows

    def _state(self) -> str:
        if not self.is_run():
            return "empty"
        try:
            return f"{self.title}, {'finished' if self.finished else 'unfinished'}"
        except InputError:
            return "damaged config.json"

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict:
        """Content of config.json: the hyperparameters in `config`; also `dataset`, `backend`, `versions` and more.

        Raises:
            DamagedFileError: if the file is damaged, as for all files that a run reads.
        """
        return forms.read(self.path / "config.json", ConfigFile, ADVICE)

    @property
    def metrics(self) -> dict:
        """Content of metrics.json: losses in nats per image on `train` and `test`, active units, seconds.

        Raises:
            InputError: if training has not finished.
        """
        self.require_finished()
        return forms.read(self.path / "metrics.json", MetricsFile, ADVICE)

    def require_finished(self) -> None:
        """Checks that training has finished.

        Raises:
            InputError: if `metrics.json`, which is written last, is missing.
        """
        if not self.finished:
            advice = "wait for the process that is training it" if self.is_in_use() else "continue with resume=True"
            raise InputError(f"run: expected a finished training in {self.path}; it has no metrics.json yet; {advice}.")

    def check_data(self, data: Dataset) -> None:
        """Checks by its digest that a data set is the one that this run was trained on.

        Raises:
            InputError: if its arrays differ from those that the run was trained on.
        """
        described = self.config["dataset"]
        if data.digest != described["digest"]:
            trained = registry.title(described["name"])
            is_same = registry.title(data.name) == trained
            found = f"{data.name} has changed since" if is_same else f"{data.name} holds other arrays than {trained}"
            raise InputError(
                f"data: expected the data that {self.path} was trained on; {found}; pass the same images, or train "
                "again."
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
    def preparation(self) -> Preparation:
        """What was done to the items of the data set before training, and what undoes it."""
        return Preparation.from_description(self.config["dataset"].get("preparation", {}))

    @property
    def value_range(self) -> tuple[float, float]:
        """The limits of the values of the images, to which pictures are scaled; (0, 1) for most."""
        low, high = self.config["dataset"].get("value_range", (0.0, 1.0))
        return float(low), float(high)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, or `(columns,)`."""
        return tuple(self.config["dataset"]["image_shape"])

    @property
    def evaluation(self) -> dict:
        """Content of evaluation.json, see `evaluate`."""
        return forms.read(self.path / "evaluation.json", EvaluationFile, EVALUATION_ADVICE)

    @property
    def has_evaluation(self) -> bool:
        """Whether there is an evaluation.json."""
        return os.path.lexists(self.path / "evaluation.json")

    @property
    def bubbles(self) -> dict:
        """Content of bubbles.json, see `evaluation.bubbles`."""
        return forms.read(self.path / "bubbles.json", BubblesFile, BUBBLES_ADVICE)

    @property
    def finished(self) -> bool:
        """Whether training has finished and all its arrays are written."""
        return os.path.lexists(self.path / "metrics.json")

    @property
    def has_history(self) -> bool:
        """Whether the training was recorded: an adopted or pruned model has neither history nor trajectory."""
        return os.path.lexists(self.path / "history.csv")

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Columns of history.csv, each of shape `(epochs,)`; losses are in nats per image.

        Raises:
            InputError: if there is no history.csv.
            DamagedFileError: if it is damaged, or its epochs are not those of the training.
        """
        path = self.path / "history.csv"
        columns = readers.read_csv(path, ADVICE)
        check_history(columns, self.metrics["epochs"] if self.finished else None, path, ADVICE)
        return array_forms.NamedArrays(columns, path, ADVICE, "a column")

    @property
    def model_path(self) -> Path:
        return self.path / "model.keras"

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of `arrays/NAME.npz`, by name.

        Raises:
            InputError: if the file is missing.
            DamagedFileError: if it is damaged, or an array has another shape, type or range than in a run's file of
                this name; also by a look-up of an array that the file lacks.
        """
        path, advice = self._array_path(name), self._advice_on_arrays(name)
        arrays = readers.read_npz(path, advice)
        if name in array_forms.FORMS:
            array_forms.check(name, arrays, path, advice, self._image_shape())
        return array_forms.NamedArrays(arrays, path, advice)

    def has_arrays(self, name: str) -> bool:
        """Whether there is something at `arrays/NAME.npz`, or no folder in place of `arrays`: reading reports it."""
        path = self._array_path(name)
        return os.path.lexists(path) or (os.path.lexists(path.parent) and not path.parent.is_dir())

    def has_readable_arrays(self, name: str) -> bool:
        """Whether there is an undamaged `arrays/NAME.npz`."""
        try:
            return self.has_arrays(name) and bool(self.arrays(name))
        except DamagedFileError:
            return False

    @property
    def flat_encodings(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Means of test images and their standard deviations, None without a density, each `(n, units)`."""
        encodings = self.arrays("encodings")
        mean, log_var = encodings["mean"], encodings.get("log_var")
        if log_var is None:
            return geometry.flat(mean), None
        std = np.exp(0.5 * log_var)
        return geometry.flat(mean), geometry.flat(np.broadcast_to(std, mean.shape))

    @property
    def trajectory(self) -> Trajectory:
        """The recorded encodings of some test images during training."""
        return Trajectory(**self.arrays("trajectory"))

    @property
    def full_trajectory(self) -> Trajectory:
        """The trajectory with a frame of each of the first training steps, where they were recorded; for videos."""
        if not self.has_arrays("first_steps"):
            return self.trajectory
        first = self.arrays("first_steps")
        try:
            return self.trajectory.merged(Trajectory(**first))
        except InputError as error:
            problem = f"expected frames of the recorded images ({str(error).rstrip('.')})"
            raise DamagedFileError(self._array_path("first_steps"), problem, ADVICE) from error

    @property
    def checkpoint_path(self) -> Path:
        """Folder of the checkpoint, which exists during training only."""
        return self.path / "checkpoint"

    def _image_shape(self) -> tuple[int, ...] | None:
        """Shape of the images; None in a folder that is no run."""
        has_config = os.path.lexists(self.path / "config.json")
        return tuple(self.config["dataset"]["image_shape"]) if has_config else None

    def _advice_on_arrays(self, name: str) -> str:
        return ARRAY_ADVICE.get(name, ADVICE)

    def _array_path(self, name: str) -> Path:
        return self.path / "arrays" / f"{name}.npz"

    # -- writing -------------------------------------------------------------------------------------------

    @property
    def has_learned_prior(self) -> bool:
        """Whether the model's prior is another than N(0, I)."""
        return self.config["config"].get("prior", StandardNormal.name) != StandardNormal.name

    def check_usable(self, overwrite: bool = False, resume: bool = False) -> None:
        """Checks that a training run may write into the folder; leaves no files behind.

        Args:
            overwrite: accept a folder that holds a run.
            resume: accept a folder that holds a run.

        Raises:
            InputError: if the path is not a folder, holds a file that is not part of a run, or holds a run and neither
                `overwrite` nor `resume` is set, or another process is training it.
            WriteError: if it can't be written to.
        """
        present = self._entries()
        foreign = sorted(present - set(CONTENTS))
        if foreign or (present and not self.is_run()):
            shown = (foreign or sorted(present))[0]
            raise InputError(
                f"folder: expected an empty folder or a run at {self.path}; it holds something else ({shown}); choose "
                "another folder."
            )
        if present and self.is_in_use():
            raise InputError(_in_use(self.path))
        if present and not (overwrite or resume):
            state = "a finished run" if self.finished else "an unfinished run"
            advice = "set" if self.finished else "set resume=True to continue it or set"
            raise InputError(
                f"folder: expected a new folder; {self.path} holds {state}; {advice} overwrite=True to replace it."
            )
        check_writable(self.path)

    def check_writable(self) -> None:
        """Checks, before work that takes long, that files can be written to the folder.

        Raises:
            WriteError: if they can't.
        """
        check_writable(self.path)

    def _entries(self) -> set[str]:
        """Names of the files and folders in the run folder, without incomplete ones; none if it doesn't exist.

        Raises:
            InputError: if the path is not that of a readable folder.
        """
        try:
            return {entry.name for entry in os.scandir(self.path) if not entry.name.startswith(PARTIAL_PREFIX)}
        except FileNotFoundError:
            return set()
        except NotADirectoryError as error:
            file = "it" if os.path.lexists(self.path) else "a folder above it"
            raise InputError(
                f"folder: expected a folder at {self.path}; {file} is a file; choose another folder."
            ) from error
        except (OSError, ValueError) as error:  # no permission, a loop of links, a name too long or with a null
            raise InputError(
                f"folder: expected the path of a readable folder; received {self.path} "
                f"({getattr(error, 'strerror', error)}); choose another folder."
            ) from error

    def is_run(self) -> bool:
        """Whether the folder holds a run: config.json has the keys of one, since other programs write that name too.

        A folder with a damaged config.json holds a run if it also has a file that only runs have.
        """
        path = self.path / "config.json"
        if not os.path.lexists(path):
            return False
        try:
            content = readers.read_json(path, ADVICE)
        except InputError:
            return any(os.path.lexists(self.path / name) for name in MARKS)
        return isinstance(content, dict) and {"config", "dataset", "backend"} <= set(content)

    def clear(self) -> None:
        """Deletes the files that a run writes, and nothing else; a link is deleted, not what it refers to."""
        # metrics.json marks a finished run, config.json any run: a process killed in between leaves an unfinished run.
        rest = [name for name in CONTENTS if name not in ("metrics.json", "config.json")]
        for name in ("metrics.json", *rest, "config.json"):
            self.check_lock()
            delete(self.path / name)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Locks the run for this process; the system releases the lock when the process ends.

        Some network disks have no locks. Nothing is locked there: only one process may train into the folder.

        While the lock is held, this object writes to the locked folder only: see `check_lock`.

        Raises:
            InputError: if another process holds the lock.
            WriteError: if the folder can't be created or locked.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        with translated_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path, os.O_RDONLY)
        try:
            with translated_errors(self.path):
                _flock(fcntl, folder, self.path)
            self._locked = folder
            self.check_lock()
            yield
        finally:
            self._locked = None
            os.close(folder)

    def is_in_use(self) -> bool:
        """Whether another process holds the lock of the run now; False where the system has no locks."""
        try:
            import fcntl

            folder = os.open(self.path, os.O_RDONLY)
        except (ImportError, OSError):
            return False
        try:
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._locked is None
        except OSError:  # of a disk without locks
            return False
        finally:
            os.close(folder)  # which releases the lock
        return False

    def check_lock(self) -> None:
        """Checks that the folder is still the one that was locked; does nothing while no lock is held.

        The path may be deleted and used again during a training. The lock belongs to the deleted folder, so another
        training can begin at the path; a write of this one would mix the two.

        Raises:
            WriteError: if the folder was deleted or replaced.
        """
        # The open descriptor keeps the deleted folder's inode number from being used for a new folder.
        if self._locked is not None and not _is_at(self._locked, self.path):
            raise WriteError(
                errno.ESTALE, "the folder was deleted or replaced while this process was writing to it", self.path
            )

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file of the run atomically."""
        write_json(self.path / name, content, self.check_lock)

    def write_history(self, rows: list[dict]) -> None:
        """Writes history.csv, a row per epoch."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / "history.csv", buffer.getvalue(), self.check_lock)

    def write_arrays(self, name: str, **arrays: np.ndarray) -> None:
        """Writes `arrays/NAME.npz`, compressed and atomically."""
        write_npz(self._array_path(name), arrays, compressed=True, check=self.check_lock)


def _flock(fcntl: Any, descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(_in_use(path)) from error
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise


def _in_use(path: Path) -> str:
    return (
        f"folder: expected a run that is not in training; another process is writing to {path}; wait for it or choose "
        "another folder."
    )


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open folder is the one at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
