"""Damaged and wrongly formed files, and the commands that read them.

Expected of a command: the same result as with undamaged files, or exit code 1 or 2 with one line that names the file.
A value of another plausible content (another digit in a loss) can't be noticed and is not tried. Where a key of a JSON
file is missing or has another value, a success of any result is accepted.
"""

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from campaign import folders
from campaign.cases import Case, Problem, crash_problem, sentence_problem
from campaign.children import call
from campaign.subjects import ATTACKS, Attack, Subjects, command

BLOCK_BYTES = 64
NESTING = 100_000
CASES_PER_PAIR = 2  # random kinds of damage for each file that a command reads
RUN_OF_A_FOLDER = "one bad run of a folder"


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


class Damage:
    """Each command with each file that it reads, damaged in random ways."""

    def __init__(self, subjects: Subjects):
        self._subjects = subjects
        self._found: list[tuple[Attack, str]] = []
        self._rest = self._all_pairs()
        self.figures: dict[str, int] = {"same result": 0, "sentences": 0, "other results accepted": 0}

    @property
    def n_cases(self) -> int:
        """Pairs found so far, one more each time: references are made as they are needed."""
        self._found += islice(self._rest, 1)
        return len(self._found)

    def case(self, number: int, rng: np.random.Generator) -> Case:
        self._found += islice(self._rest, max(0, number + 1 - len(self._found)))
        attack, name = self._found[number % len(self._found)]
        suffix = Path(name).suffix
        kinds = [kind for kind in KINDS if not kind.suffixes or suffix in kind.suffixes]
        kind = kinds[int(rng.integers(len(kinds)))]
        text = f"{attack.name} ({attack.base}), {name}: {kind.name}"
        return Case(attack.name, text, lambda: self._check(attack, name, kind, rng))

    def _all_pairs(self) -> Iterator[tuple[Attack, str]]:
        """Each command with each file that it reads, several times."""
        for attack in (*ATTACKS, FOLDER_REPORT):
            read = self._subjects.reference(REPORT if attack is FOLDER_REPORT else attack).read
            yield from product((attack,), read * CASES_PER_PAIR)

    def _check(self, attack: Attack, name: str, kind: Kind, rng: np.random.Generator) -> Problem | None:
        subjects = self._subjects
        reference = subjects.reference(REPORT if attack is FOLDER_REPORT else attack)
        folder = subjects.copy(attack, subjects.subject)
        done = kind.apply(folder / name, rng)
        if attack is FOLDER_REPORT:
            return self._check_folder(folder, name, done)
        outcome = call(attack.program(folder, subjects.data))
        if outcome.code != 0:
            problem = sentence_problem(outcome, Path(name).name)
            self.figures["sentences"] += problem is None
        else:
            problem = crash_problem(outcome)
            differing = folders.differences(reference.folder, folder, reference.written)
            if differing and kind.is_strict:
                problem = Problem("other result", "; ".join(differing)[:300])
            self.figures["other results accepted" if differing else "same result"] += problem is None
        return problem and problem._replace(detail=f"({done}) {problem.detail}")

    def _check_folder(self, folder: Path, name: str, done: str) -> Problem | None:
        """A folder report of a damaged and an undamaged run: the page of the undamaged run must be written."""
        good = folder.with_name("subjects") / "good"
        shutil.rmtree(good.parent, ignore_errors=True)
        shutil.copytree(self._subjects.base("finished"), good, ignore=shutil.ignore_patterns("report.html"))
        folder.rename(good.with_name("bad"))
        outcome = call(command("report", good.parent, "--no-draw"))
        problem = crash_problem(outcome)
        if problem is None and not (good / "report.html").is_file():
            problem = Problem("lost page", f"no page of the undamaged run; {outcome.last_line}")
        elif problem is None and outcome.code not in (0, 1, 2):
            problem = Problem("exit code", str(outcome.code))
        self.figures["sentences"] += problem is None
        return problem and problem._replace(detail=f"({done}) {problem.detail}")


REPORT = next(attack for attack in ATTACKS if attack.name == "report")
FOLDER_REPORT = REPORT._replace(name=RUN_OF_A_FOLDER)


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
    where = _containers(content)
    container, key = where[int(rng.integers(len(where)))]
    del container[key]
    path.write_text(json.dumps(content), encoding="utf-8")
    return f"without {key!r}"


def _other_value(path: Path, rng: np.random.Generator) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    where = _containers(content)
    container, key = where[int(rng.integers(len(where)))]
    values: tuple[Any, ...] = (None, [], {}, "text", -1, 1e308, float("nan"), float("-inf"), True, [[1]], "../../..")
    container[key] = values[int(rng.integers(len(values)))]
    path.write_text(json.dumps(content), encoding="utf-8")
    return f"{key!r}: {container[key]!r}"


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
    import zipfile

    import h5py

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
