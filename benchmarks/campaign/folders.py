"""Comparison of run folders, and checks that their files are complete."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

PARTIAL = ".partial-"  # prefix of the names of files that are being written
# What differs between two trainings of one configuration.
MEASURED = ("seconds", "peak_memory_gb")
BOX_HEADER_BYTES = 8


def files(folder: Path) -> set[str]:
    """Relative paths of the files in a folder, without those that are being written."""
    found = (path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    return {str(path.relative_to(folder)) for path in found if not path.name.startswith(PARTIAL)}


def differences(one: Path, other: Path, names: Iterable[str] | None = None) -> list[str]:
    """The files of two folders that differ in more than durations and memory; all files by default."""
    names = sorted(files(one) | files(other) if names is None else names)
    found = []
    for name in names:
        paths = one / name, other / name
        missing = [path for path in paths if not path.is_file()]
        if missing:
            found.append(f"{name} is missing in {missing[0].relative_to(missing[0].parents[name.count('/') + 1])}")
        elif not _is_same(*paths):
            found.append(f"{name} differs")
    return found


def _is_same(one: Path, other: Path) -> bool:
    if one.read_bytes() == other.read_bytes():
        return True
    contents = _CONTENTS.get(one.suffix)
    return contents is not None and _equal(contents(one), contents(other))


def _equal(one: Any, other: Any) -> bool:
    """Whether nested contents are equal, arrays bit by bit."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, np.ndarray):
        is_same_form = one.dtype == other.dtype and one.shape == other.shape
        return is_same_form and np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()
    return one == other


def _json(path: Path) -> Any:
    return _without(json.loads(path.read_text(encoding="utf-8")), MEASURED)


def _without(content: Any, names: Iterable[str]) -> Any:
    if isinstance(content, dict):
        return {key: _without(value, names) for key, value in content.items() if key not in names}
    if isinstance(content, list):
        return [_without(value, names) for value in content]
    return content


def _npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _csv(path: Path) -> list[dict]:
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    return [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]


def _keras(path: Path) -> dict[str, Any]:
    """Weights by name, and the configuration without the numbers that Keras gives to shared objects."""
    import h5py

    weights: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        config = json.loads(archive.read("config.json"))
        with h5py.File(archive.extract("model.weights.h5", folder)) as file:
            file.visititems(
                lambda name, item: weights.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
    return {"weights": weights, "config": _without(config, ("shared_object_id",))}


_CONTENTS = {".json": _json, ".npz": _npz, ".csv": _csv, ".keras": _keras}


def incomplete(folder: Path) -> list[str]:
    """Files that have a final name and can't be read to their end."""
    return [f"{name}: {reason}" for name in sorted(files(folder)) if (reason := _fault(folder / name))]


def _fault(path: Path) -> str:
    """Why a file isn't complete, or an empty text."""
    check = _CHECKS.get(path.suffix)
    if check is None or not path.is_file():
        return ""
    try:
        check(path)
    except Exception as error:  # the readers of seven formats; any failure means that the file isn't complete
        return f"{type(error).__name__}: {error}"[:200]
    return ""


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} is damaged")


def _check_png(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.load()


def _check_end(path: Path, ends: tuple[str, ...]) -> None:
    text = path.read_text(encoding="utf-8")
    if not text.endswith(ends):
        raise ValueError(f"ends with {text[-20:]!r}")


def _check_mp4(path: Path) -> None:
    """Follows the boxes of the file, whose sizes must reach its end and which include the index."""
    content, position, kinds = path.read_bytes(), 0, []
    while position < len(content):
        size = int.from_bytes(content[position : position + 4])
        kinds.append(content[position + 4 : position + BOX_HEADER_BYTES])
        position += max(size, BOX_HEADER_BYTES)
    if position != len(content) or b"moov" not in kinds:
        raise ValueError("is cut off")


_CHECKS = {
    ".json": _json,
    ".npz": _npz,
    ".keras": _check_zip,
    ".png": _check_png,
    ".mp4": _check_mp4,
    ".csv": lambda path: _check_end(path, ("\n",)),
    ".html": lambda path: _check_end(path, ("</html>", "</html>\n")),
}
