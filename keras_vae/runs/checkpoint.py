"""Checkpoint files: arrays under new names, then a state file that names them, so that one is always complete."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae._utils import forms, readers
from keras_vae._utils.digests import of_arrays
from keras_vae._utils.files import delete, write_json, write_npz
from keras_vae.errors import DamagedFileError, WriteError
from keras_vae.runs.array_forms import NamedArrays
from keras_vae.runs.forms import CheckpointFile

STATE = "state.json"
ADVICE = "train again with overwrite=True"


def save(
    folder: Path,
    arrays: dict[str, np.ndarray],
    state: dict,
    growth: dict[str, np.ndarray] | None = None,
    check: Callable[[], None] | None = None,
) -> None:
    """Saves a checkpoint; a process killed while saving leaves either the previous checkpoint or this one.

    Args:
        folder: folder of the checkpoint.
        arrays: arrays that replace those of the previous checkpoint.
        state: values that JSON can hold, with an `epoch` that no earlier checkpoint has.
        growth: arrays that are appended to those of the previous checkpoints along the first axis; only the addition
            is written.
        check: called before each file is written; raises an exception if it must not be written.

    Raises:
        WriteError: if a file can't be written; the previous checkpoint is kept.
    """
    before = _read_state(folder) if os.path.lexists(folder / STATE) else {}
    grown, digests = before.get("growth", []), before.get("digests", {})
    file, addition = (f"{kind}-{state['epoch']:06d}.npz" for kind in ("arrays", "growth"))
    contents: dict[str, dict[str, np.ndarray]] = {file: arrays} if growth is None else {file: arrays, addition: growth}
    for name, content in contents.items():
        write_npz(folder / name, content, compressed=False, check=check)
    grown = grown if growth is None else [*(name for name in grown if name != addition), addition]
    digests = digests | {name: of_arrays(content.items()) for name, content in contents.items()}
    known = {name: digests[name] for name in (file, *grown) if name in digests}
    described: dict[str, Any] = {**state, "arrays": file, "growth": grown, "digests": known}
    write_json(folder / STATE, {**described, "digest": _digest(described)}, check)
    for old in folder.glob("*.npz"):
        if old.name not in (file, *grown):
            delete(old)


def load(folder: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """Arrays and state of the last checkpoint, or None before the first.

    Raises:
        DamagedFileError: if a file of the checkpoint is damaged, or not the one that was saved with the others.
    """
    if not os.path.lexists(folder / STATE):
        return None
    state = _read_state(folder)
    first, *additions = (_read_part(folder / name, state) for name in (state["arrays"], *state.get("growth", [])))
    grown = {name: _joined(name, additions, folder) for name in (additions[0] if additions else ())}
    return NamedArrays(first | grown, folder / state["arrays"], ADVICE), state


def _joined(name: str, parts: Sequence[dict[str, np.ndarray]], folder: Path) -> np.ndarray:
    """The frames of all parts of a growing array."""
    arrays = [part[name] for part in parts]
    if len({array.shape[1:] for array in arrays}) > 1:
        problem = f"expected frames of one shape in {name!r} of the growth files; received several"
        raise DamagedFileError(folder, problem, ADVICE)
    return np.concatenate(arrays)


def remove(folder: Path) -> None:
    """Deletes the checkpoint of a finished training, if there is one; one that can't be deleted does no harm."""
    with contextlib.suppress(WriteError):
        delete(folder)


def _read_part(path: Path, state: dict) -> dict[str, np.ndarray]:
    arrays = readers.read_npz(path, ADVICE)
    digest = state.get("digests", {}).get(path.name)  # earlier versions wrote none
    if digest not in (None, of_arrays(arrays.items())):
        raise DamagedFileError(path, "expected the arrays that its checkpoint was saved with; it holds others", ADVICE)
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        raise DamagedFileError(path, "expected finite numbers; received NaN or infinity", ADVICE)
    return NamedArrays(arrays, path, ADVICE)


def _read_state(folder: Path) -> dict:
    path = folder / STATE
    state = forms.read(path, CheckpointFile, ADVICE)
    if "digest" in state and state["digest"] != _digest(state):  # earlier versions wrote none
        raise DamagedFileError(path, "expected the state as it was saved; it has been changed", ADVICE)
    return state


def _digest(state: dict) -> str:
    """SHA-256 of a state without its digest; JSON keeps every digit of a float."""
    content = {key: value for key, value in state.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
