"""Checkpoint files: arrays under new names, then a state file that names them, so that one is always complete."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import InputError
from keras_vae.runs.files import NPZ_ERRORS, atomic, read_npz, write_json

STATE = "state.json"


def save(folder: Path, arrays: dict[str, np.ndarray], state: dict, growth: dict[str, np.ndarray] | None = None) -> None:
    """Saves a checkpoint; a process killed while saving leaves either the previous checkpoint or this one.

    Args:
        folder: folder of the checkpoint.
        arrays: arrays that replace those of the previous checkpoint.
        state: values that JSON can hold, with an `epoch` that no earlier checkpoint has.
        growth: arrays that are appended to those of the previous checkpoints along the first axis; only the addition
            is written.
    """
    grown = _read_state(folder).get("growth", []) if (folder / STATE).is_file() else []
    file, addition = (f"{kind}-{state['epoch']:06d}.npz" for kind in ("arrays", "growth"))
    contents: dict[str, dict[str, Any] | None] = {file: arrays, addition: growth}
    for name, content in contents.items():
        if content is not None:
            with atomic(folder / name) as temporary, open(temporary, "wb") as stream:
                np.savez(stream, **content)
    grown = grown if growth is None else [*grown, addition]
    write_json(folder / STATE, {**state, "arrays": file, "growth": grown})
    for old in folder.glob("*.npz"):
        if old.name not in (file, *grown):
            old.unlink()


def load(folder: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """Arrays and state of the last checkpoint, or None before the first.

    Raises:
        InputError: if the checkpoint is damaged.
    """
    if not (folder / STATE).is_file():
        return None
    state = _read_state(folder)
    try:
        parts = [read_npz(folder / name) for name in (state["arrays"], *state.get("growth", []))]
    except NPZ_ERRORS as error:
        raise InputError(
            f"resume: expected a readable checkpoint in {folder}; it is damaged; set overwrite=True to train again."
        ) from error
    arrays, additions = parts[0], parts[1:]
    if additions:
        arrays |= {name: np.concatenate([part[name] for part in additions]) for name in additions[0]}
    return arrays, state


def remove(folder: Path) -> None:
    """Deletes the checkpoint, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)


def _read_state(folder: Path) -> dict:
    try:
        return json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(
            f"resume: expected a readable {STATE} in {folder}; it is damaged ({error}); set overwrite=True to train "
            "again."
        ) from error
