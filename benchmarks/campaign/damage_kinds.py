"""Kinds of damage: by position for all files, and wrong forms of JSON, tables, arrays and models."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from campaign.cases import Skipped

BLOCK_BYTES = 64
NESTING = 100_000


class Kind(NamedTuple):
    """A kind of damage.

    Attributes:
        name: for the report.
        suffixes: of the files that it applies to; none for all.
        apply: damages a file; returns what it did.
        is_strict: whether a success must give the same result as undamaged files.
    """

    name: str
    suffixes: tuple[str, ...]
    apply: Callable[[Path, np.random.Generator], str]
    is_strict: bool = True


# -- damage by position ---------------------------------------------------------------------------------------


def _truncate(path: Path, rng: np.random.Generator) -> str:
    content = path.read_bytes()
    end = int(rng.integers(len(content)))
    path.write_bytes(content[:end])
    return f"{end} of {len(content)} bytes"


def _flip(path: Path, rng: np.random.Generator) -> str:
    """Flips the highest bit of a byte, which makes text invalid."""
    content = bytearray(path.read_bytes())
    position = int(rng.integers(len(content)))
    content[position] ^= 0x80
    path.write_bytes(content)
    return f"byte {position} of {len(content)}"


def _zero_block(path: Path, rng: np.random.Generator) -> str:
    content = bytearray(path.read_bytes())
    start = int(rng.integers(max(1, len(content) - BLOCK_BYTES)))
    content[start : start + BLOCK_BYTES] = bytes(len(content[start : start + BLOCK_BYTES]))
    path.write_bytes(content)
    return f"from byte {start} of {len(content)}"


def _garbage(path: Path, rng: np.random.Generator) -> str:
    path.write_bytes(rng.bytes(path.stat().st_size))
    return "random bytes"


def _empty(path: Path, rng: np.random.Generator) -> str:
    path.write_bytes(b"")
    return "0 bytes"


def _directory(path: Path, rng: np.random.Generator) -> str:
    path.unlink()
    path.mkdir()
    return "a folder in its place"


def _delete(path: Path, rng: np.random.Generator) -> str:
    path.unlink()
    return "deleted"


def _unreadable_link(path: Path, rng: np.random.Generator) -> str:
    path.unlink()
    path.symlink_to(path.name)
    return "a link to itself"


# -- wrongly formed JSON, CSV, npz ----------------------------------------------------------------------------


def _other_json(path: Path, rng: np.random.Generator) -> str:
    text = ("[]", "{}", "null", '"text"', "1", "[" * NESTING, "NaN", '{"config": 1}', "true")[int(rng.integers(9))]
    path.write_text(text, encoding="utf-8")
    return text[:20]


def _without_key(path: Path, rng: np.random.Generator) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    container, key = _place(content, rng)
    del container[key]
    path.write_text(json.dumps(content), encoding="utf-8")
    return f"without {key!r}"


def _other_value(path: Path, rng: np.random.Generator) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    container, key = _place(content, rng)
    values: tuple[Any, ...] = (None, [], {}, "text", -1, 1e308, float("nan"), float("-inf"), True, [[1]], "../../..")
    container[key] = values[int(rng.integers(len(values)))]
    path.write_text(json.dumps(content), encoding="utf-8")
    return f"{key!r}: {container[key]!r}"


def _place(content: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """A random place of a value in nested lists and dictionaries, as its container and key."""
    places = _containers(content)
    if not places:  # the captions of a study without figures
        raise Skipped("a JSON file without a value has none to damage")
    return places[int(rng.integers(len(places)))]


def _containers(content: Any) -> list[tuple[Any, Any]]:
    """All places of a value in nested lists and dictionaries, as containers and keys."""
    items = list(content.items() if isinstance(content, dict) else enumerate(content))
    found = [(content, key) for key, _ in items]
    for _, value in items:
        if isinstance(value, (dict, list)):
            found += _containers(value)
    return found


def _csv(change: Callable[[list[str], int, int], list[str]]):
    """Damage of a table: `change` receives its lines, a row and a column."""

    def apply(path: Path, rng: np.random.Generator) -> str:
        lines = path.read_text(encoding="utf-8").splitlines()
        row, column = int(rng.integers(1, len(lines))), int(rng.integers(lines[0].count(",") + 1))
        path.write_text("\n".join(change(lines, row, column)) + "\n", encoding="utf-8")
        return f"row {row}, column {column}"

    return apply


def _cell(text: str):
    def change(lines: list[str], row: int, column: int) -> list[str]:
        cells = lines[row].split(",")
        cells[column] = text
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return change


def _without_cell(lines: list[str], row: int, column: int) -> list[str]:
    cells = lines[row].split(",")
    return [*lines[:row], ",".join(cells[:column] + cells[column + 1 :]), *lines[row + 1 :]]


def _npz(change: Callable[[dict[str, np.ndarray], str, np.random.Generator], None]):
    """Damage of arrays: `change` receives all of them and the name of one."""

    def apply(path: Path, rng: np.random.Generator) -> str:
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
        name = sorted(arrays)[int(rng.integers(len(arrays)))]
        change(arrays, name, rng)
        np.savez(path, **arrays)
        return name

    return apply


def _not_a_number(arrays: dict[str, np.ndarray], name: str, rng: np.random.Generator) -> None:
    floats = [name for name in sorted(arrays) if arrays[name].dtype.kind == "f" and arrays[name].size]
    for chosen in floats:
        array = arrays[chosen].copy()
        array.flat[int(rng.integers(array.size))] = np.nan
        arrays[chosen] = array


def _shorter(arrays: dict[str, np.ndarray], name: str, rng: np.random.Generator) -> None:
    arrays[name] = arrays[name][:-1] if arrays[name].ndim else arrays[name][None]


def _renamed(arrays: dict[str, np.ndarray], name: str, rng: np.random.Generator) -> None:
    arrays["other"] = arrays.pop(name)


def _pickled(arrays: dict[str, np.ndarray], name: str, rng: np.random.Generator) -> None:
    arrays[name] = np.array([{"a": 1}], dtype=object)


def _words(arrays: dict[str, np.ndarray], name: str, rng: np.random.Generator) -> None:
    arrays[name] = np.full(arrays[name].shape, "word")


def _flat(arrays: dict[str, np.ndarray], name: str, rng: np.random.Generator) -> None:
    arrays[name] = arrays[name].reshape(-1, 1, 1, 1, 1)


def write_other_weights(path: Path, rng: np.random.Generator) -> str:
    """Writes another model of the same form."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        changed: list[h5py.Dataset] = []
        file.visititems(lambda name, item: changed.append(item) if _is_kernel(item) else None)
        for item in changed:
            item[...] = rng.normal(0, 0.1, item.shape)
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return "random weights"


def _is_kernel(item: Any) -> bool:
    with contextlib.suppress(AttributeError):
        return item.dtype.kind == "f" and item.ndim > 1
    return False


CUT = (".json", ".csv", ".npz", ".png", ".keras", ".mp4")
KINDS = (
    Kind("truncated", CUT, _truncate),
    Kind("a bit flipped", (".json", ".csv", ".npz", ".png", ".keras"), _flip),
    Kind("a block zeroed", (".json", ".csv", ".npz", ".png", ".keras"), _zero_block),
    Kind("replaced by garbage", (), _garbage),
    Kind("empty", (), _empty),
    Kind("a folder", (), _directory),
    Kind("a looping link", (), _unreadable_link),
    Kind("deleted", (), _delete, is_strict=False),
    Kind("another JSON", (".json",), _other_json),
    Kind("a key removed", (".json",), _without_key, is_strict=False),
    Kind("a value replaced", (".json",), _other_value, is_strict=False),
    Kind("no header", (".csv",), _csv(lambda lines, row, column: lines[1:])),
    Kind("a row removed", (".csv",), _csv(lambda lines, row, column: lines[:row] + lines[row + 1 :])),
    Kind("a cell removed", (".csv",), _csv(_without_cell)),
    Kind("a word in a cell", (".csv",), _csv(_cell("word"))),
    Kind("nan in a cell", (".csv",), _csv(_cell("nan"))),
    Kind("NaN in its arrays", (".npz",), _npz(_not_a_number)),
    Kind("an array shorter", (".npz",), _npz(_shorter)),
    Kind("an array renamed", (".npz",), _npz(_renamed)),
    Kind("an array pickled", (".npz",), _npz(_pickled)),
    Kind("an array of words", (".npz",), _npz(_words)),
    Kind("an array flattened", (".npz",), _npz(_flat)),
    Kind("other weights", (".keras",), write_other_weights),
)
