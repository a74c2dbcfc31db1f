"""Attempts at a run, each in a folder of its own, of which the first that is finished becomes the run.

Several processes may attempt one run: a worker that was given up because its machine no longer answers may still
be training. No lock is needed, which network disks may lack: an attempt begins with a copy of the last checkpoint, if
there is one, writes to its own folder only, and is renamed to the run's folder when it is finished. Renaming is atomic,
and fails if there is a run already.
"""

import errno
import glob
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from keras_vae._utils import readers
from keras_vae._utils.files import PARTIAL_PREFIX, delete, translated_errors
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.runs import checkpoint
from keras_vae.runs.folder import Run

RETIRED = ".old"  # end of the name of a run that is being replaced
EXISTS = (errno.ENOTEMPTY, errno.EEXIST)


def begin(folder: Path, digest: str) -> Path:
    """Makes the folder of a new attempt and copies into it the most advanced state of the run.

    Args:
        folder: of the run.
        digest: of the data set; attempts on other data are ignored.

    Returns:
        The attempt's folder, beside that of the run; it does not exist if the training starts from the beginning.
    """
    attempt = folder.with_name(f"{PARTIAL_PREFIX}{folder.name}.{uuid.uuid4().hex[:12]}")
    others = [other for other in find(folder) if _digest(other) == digest]
    for source in sorted([folder, *others], key=_progress, reverse=True):
        try:
            if Run(source).finished:
                shutil.copytree(source, attempt, ignore=shutil.ignore_patterns(f"{PARTIAL_PREFIX}*"))
                return attempt
            if _copy_checkpoint(source, attempt):
                return attempt
        except (OSError, DamagedFileError):  # its process has gone on, or published it
            delete(attempt)
    return attempt


def find(folder: Path) -> list[Path]:
    """The folders of all attempts at a run."""
    return list(folder.parent.glob(f"{PARTIAL_PREFIX}{glob.escape(folder.name)}.*"))


def publish(attempt: Path, folder: Path, is_done: Callable[[], bool]) -> None:
    """Makes a finished attempt the run, unless another one was faster.

    Args:
        attempt: its folder, which no longer exists afterwards.
        folder: of the run.
        is_done: whether the run in that folder is complete, so that it stays as it is.
    """
    with translated_errors(folder):
        if not is_done():
            retired = attempt.with_name(attempt.name + RETIRED)
            if os.path.lexists(folder):
                os.rename(folder, retired)
            try:
                os.rename(attempt, folder)
            except OSError as error:
                if error.errno not in EXISTS:
                    raise
            delete(retired)
    delete(attempt)


def settle(folder: Path) -> None:
    """Makes the most advanced attempt at an unfinished run the run, and deletes the others; nothing may be training."""
    attempts = sorted(find(folder), key=_progress, reverse=True)
    if attempts and _progress(attempts[0]) > max(_progress(folder), 0):
        publish(attempts[0], folder, lambda: False)
    clear(folder)


def clear(*folders: Path) -> None:
    """Deletes all attempts at some runs; a process that still trains in one of them stops at its next write."""
    for parent in {folder.parent for folder in folders}:
        names = {folder.name for folder in folders if folder.parent == parent}
        for path in list(parent.glob(f"{PARTIAL_PREFIX}*")):
            run_name = path.name.removeprefix(PARTIAL_PREFIX).removesuffix(RETIRED).rpartition(".")[0]
            if run_name in names:
                shutil.rmtree(path, ignore_errors=True)


def _progress(folder: Path) -> float:
    """Epochs in a checkpoint; infinite for a finished run, and −1 without a state."""
    if Run(folder).finished:
        return float("inf")
    try:
        return float(json.loads((folder / "checkpoint" / checkpoint.STATE).read_text(encoding="utf-8"))["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1.0


def _digest(folder: Path) -> str | None:
    """Digest of the data set of an attempt."""
    try:
        return readers.read_json(folder / "config.json", "delete it")["dataset"]["digest"]
    except (InputError, KeyError, TypeError):
        return None


def _copy_checkpoint(source: Path, attempt: Path) -> bool:
    """Copies a checkpoint whose files are complete; False if there is none."""
    if _progress(source) < 0:
        return False
    shutil.copytree(source / "checkpoint", attempt / "checkpoint", ignore=shutil.ignore_patterns(f"{PARTIAL_PREFIX}*"))
    checkpoint.load(attempt / "checkpoint")  # raises an error if a file was replaced in the meantime
    shutil.copy2(source / "config.json", attempt / "config.json")
    return True
