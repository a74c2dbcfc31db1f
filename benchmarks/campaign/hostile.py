"""Hostile files and names: pickles, models that carry code, archives that unpack to terabytes, markup, links.

Expected: no code of a file runs (it would write a canary file), no markup of a name becomes part of a page, nothing
outside of the run folder is changed, memory is bounded, and whatever is refused is refused with one line.
"""

import json
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaign.cases import Case, Problem, crash_problem, sentence_problem
from campaign.children import Outcome, call
from campaign.hostile_files import (
    CANARY,
    MODELS,
    TERABYTES,
    Payload,
    insert_markup,
    objects,
    write_pickled_member,
    writer_of_claims,
)
from campaign.pages import command_problem, structure
from campaign.subjects import ATTACKS, N_TEST, N_TRAIN, Attack, Program, Subjects, blobs, command, train

MAX_PEAK_BYTES = 2 * 2**30  # of a command on toy data

NAMES = (
    "<script>alert(1)<!--",
    "\"'><img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp;",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"a; touch {CANARY} #",
    f"a' || touch {CANARY} '",
    f"a\ntouch {CANARY}\n",
    "a$\\frac{$",
    "$x_{$ and ^",
    "[bold red]a",
    "[blink]",
    "{{7*7}} {% raw %}",
    "%s%n%d {0} {x}",
    "--overwrite",
    "\u202eright to left\u202c",
    "a\x1b[31mb",
    "a\udcff",
    "한국어 ünï",
    "..",
)
LABELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "2⁴⁰": lambda y: y.astype("int64") + 2**40,
    "-2": lambda y: y.astype("int64") - 2,
    "words": lambda y: np.array(["zero", "</script>", "[red]", "$\\frac{$"])[y],
    "booleans": lambda y: y > 1,
    "one class": lambda y: np.zeros_like(y),
    "a class each": lambda y: np.arange(len(y)),
    "one-hot": lambda y: np.eye(4, dtype="uint8")[y],
    "floats with NaN": lambda y: np.where(y == 3, np.nan, y),
}


class Hostile:
    """A fixed list of hostile files and names; further cases put markup into random texts of JSON files."""

    def __init__(self, subjects: Subjects):
        self._subjects = subjects
        self._structures: dict[str, Counter] = {}
        self._list = [*self._pickles(), *self._archives(), *self._models(), *self._links(), *self._names()]
        self._list += [*self._labels(), *self._numbers()]
        self.n_cases = len(self._list) + 20
        self.figures: dict[str, int] = {}

    def case(self, number: int, rng: np.random.Generator) -> Case:
        if number < len(self._list):
            return self._list[number]
        attack = (REPORT, STUDY_REPORT)[number % 2]
        return Case("markup in JSON", f"{attack.name}: markup in a text", lambda: self._check_markup(attack, rng))

    # -- code --------------------------------------------------------------------------------------------------

    def _pickles(self) -> list[Case]:
        writers = {
            "an object array": lambda path, canary: np.savez(path, x_train=objects(canary), x_test=objects(canary)),
            "a plain pickle": lambda path, canary: path.write_bytes(pickle.dumps(Payload(canary))),
            "a pickle in the archive": write_pickled_member,
        }
        found = []
        for text, write in writers.items():
            found.append(self._code_case("pickle", f"train on {text}", self._hostile_data(write)))
            for attack in READING_ARRAYS:
                program = self._hostile_arrays(attack, write)
                found.append(self._code_case("pickle", f"{attack.name}: {text}", program))
        return found

    def _models(self) -> list[Case]:
        evaluate, adopt = (_attack(name) for name in ("evaluate", "evaluate a model"))
        found = []
        for text, write in MODELS.items():
            for attack in (evaluate, adopt):
                program = self._hostile_file(attack, "model.keras", write)
                found.append(self._code_case("model with code", f"{attack.name}: {text}", program))
            found.append(Case("model with code", f"judge's cache: {text}", lambda w=write: self._check_cache(w)))
        return found

    def _code_case(self, group: str, text: str, prepare: Callable[[Path], Program]) -> Case:
        """A case whose command must be refused with a sentence, without running the code."""

        def run() -> Problem | None:
            canary = self._canary()
            outcome = call(prepare(canary))
            return _ran(canary) or _memory(outcome) or sentence_problem(outcome)

        return Case(group, text, run)

    def _canary(self) -> Path:
        canary = self._subjects.work / CANARY
        canary.unlink(missing_ok=True)
        return canary

    def _hostile_data(self, write: Callable[[Path, Path], Any]) -> Callable[[Path], Program]:
        def prepare(canary: Path) -> Program:
            path = self._subjects.work / "hostile.npz"
            write(path, canary)
            return train(self._fresh(), path)

        return prepare

    def _hostile_arrays(self, attack: Attack, write: Callable[[Path, Path], Any]) -> Callable[[Path], Program]:
        """Replaces the first `.npz` file that a command reads."""
        subjects = self._subjects

        def prepare(canary: Path) -> Program:
            name = next(name for name in subjects.reference(attack).read if name.endswith(".npz"))
            return self._hostile_file(attack, name, write)(canary)

        return prepare

    def _hostile_file(self, attack: Attack, name: str, write: Callable[[Path, Path], Any]) -> Callable[[Path], Program]:
        subjects = self._subjects

        def prepare(canary: Path) -> Program:
            folder = subjects.copy(attack, subjects.subject)
            write(folder / name, canary)
            return attack.program(folder, subjects.data)

        return prepare

    def _check_cache(self, write: Callable[[Path, Path], Any]) -> Problem | None:
        """A classifier in the cache that carries code: the evaluation trains another, or refuses."""
        canary, attack, subjects = self._canary(), _attack("evaluate"), self._subjects
        subjects.reference(attack)
        cached = {path: path.read_bytes() for path in (subjects.work / "cache" / "keras_vae").iterdir()}
        for path in cached:
            write(path, canary)
        outcome = call(attack.program(subjects.copy(attack, subjects.subject), subjects.data))
        for path, content in cached.items():
            path.write_bytes(content)
        if not cached:
            return Problem("no cache", "expected a classifier in the cache")
        return _ran(canary) or crash_problem(outcome)

    def _fresh(self) -> Path:
        folder = self._subjects.subject
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    # -- memory ------------------------------------------------------------------------------------------------

    def _archives(self) -> list[Case]:
        huge = {"x_train": (TERABYTES, 8, 8), "x_test": (4, 8, 8)}
        both = {"claimed by the array": False, "claimed by the archive too": True}
        found = [
            self._code_case("archive", f"train on terabytes {text}", self._hostile_data(writer_of_claims(huge, forged)))
            for text, forged in both.items()
        ]
        for attack in READING_ARRAYS:
            write = writer_of_claims({"images": (TERABYTES, 8, 8), "mean": (TERABYTES, 2)}, True)
            text = f"{attack.name}: terabytes in an array"
            found.append(self._code_case("archive", text, self._hostile_arrays(attack, write)))
        return found

    def _numbers(self) -> list[Case]:
        texts = {
            "a number of 10⁵ digits": "1" * 10**5,
            "1e999999": "1e999999",
            "10⁶ nested lists": "[" * 10**6,
            "a text of 50 MB": '"' + "x" * 50_000_000 + '"',
        }

        def check(attack: Attack, name: str, text: str) -> Problem | None:
            folder = self._subjects.copy(attack, self._subjects.subject)
            content = (folder / name).read_text(encoding="utf-8").rstrip()
            (folder / name).write_text(content[:-1] + f', "hostile": {text}' + content[-1], encoding="utf-8")
            outcome = call(attack.program(folder, self._subjects.data))
            accepted = None if outcome.code == 0 else sentence_problem(outcome, name)
            return crash_problem(outcome) or _memory(outcome) or accepted

        return [
            Case("JSON", f"{attack.name}, {name}: {text}", lambda a=attack, n=name, v=value: check(a, n, v))
            for text, value in texts.items()
            for attack, name in (
                (REPORT, "config.json"),
                (REPORT, "evaluation.json"),
                (RESUME, "checkpoint/state.json"),
            )
        ]

    # -- names and labels --------------------------------------------------------------------------------------

    def _names(self) -> list[Case]:
        return [
            Case("name of a data set", f"data set {name!r}", lambda n=name: self._check_data_name(n)) for name in NAMES
        ]

    def _check_data_name(self, name: str) -> Problem | None:
        return self._check_data(name, blobs(N_TRAIN, 0)[1], blobs(N_TEST, 1)[1])

    def _labels(self) -> list[Case]:
        def check(make: Callable[[np.ndarray], np.ndarray]) -> Problem | None:
            return self._check_data("data", make(blobs(N_TRAIN, 0)[1]), make(blobs(N_TEST, 1)[1]), evaluated=True)

        return [Case("labels", f"labels: {text}", lambda m=make: check(m)) for text, make in LABELS.items()]

    def _check_data(self, name: str, y_train, y_test, evaluated: bool = False) -> Problem | None:
        """Trains on data of a name, draws and reports; the page has the structure of any other."""
        folder, canary = self._subjects.work / "named", self._canary()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        data, run = folder / f"{name}.npz", folder / "run"
        with open(data, "wb") as file:
            np.savez(file, x_train=blobs(N_TRAIN, 0)[0], y_train=y_train, x_test=blobs(N_TEST, 1)[0], y_test=y_test)
        programs = [train(run, data, epochs=1), command("draw", run)]
        programs += [command("evaluate", run, "--samples", 2)] if evaluated else []
        for program in [*programs, command("report", run, "--no-draw")]:
            outcome = call(_inside(folder, program))
            problem = _ran(folder / CANARY) or _ran(canary) or _memory(outcome) or crash_problem(outcome)
            if problem or outcome.code != 0:
                return problem or sentence_problem(outcome)
        problem = command_problem(run / "report.html", folder)
        if problem is None and not evaluated and name != NAMES[0]:
            problem = self._structure_problem("named", run / "report.html")
        return problem

    def _check_markup(self, attack: Attack, rng: np.random.Generator) -> Problem | None:
        subjects = self._subjects
        reference = subjects.reference(attack)
        folder = subjects.copy(attack, subjects.subject)
        names = [name for name in reference.read if name.endswith(".json")]
        name = names[int(rng.integers(len(names)))]
        where = insert_markup(folder / name, rng)
        outcome = call(attack.program(folder, subjects.data))
        problem = crash_problem(outcome)
        if problem is None and outcome.code != 0:
            problem = sentence_problem(outcome)
        for page in [] if problem or outcome.code else [n for n in reference.written if n.endswith(".html")]:
            self._structures.setdefault(page, structure(reference.folder / page))
            problem = problem or self._structure_problem(page, folder / page)
            problem = problem or command_problem(folder / page, folder)
        return problem and problem._replace(detail=f"({name}, {where}) {problem.detail}")

    def _structure_problem(self, kind: str, page: Path) -> Problem | None:
        """Compares the elements of a page that run code with those of another page of its kind."""
        found = structure(page)
        expected = self._structures.setdefault(kind, found)
        added = found - expected
        return Problem("markup in a page", f"{page.name} has {dict(added)} more") if added else None

    # -- links -------------------------------------------------------------------------------------------------

    def _links(self) -> list[Case]:
        finished = self._subjects.subject
        commands = {
            "train --overwrite": lambda: train(finished, self._subjects.data, "--overwrite", epochs=1),
            "draw": lambda: command("draw", finished, "--no-video"),
            "report": lambda: command("report", finished),
            "evaluate": lambda: command("evaluate", finished, "--overwrite", "--no-audit"),
        }
        entries = ("figures", "videos", "arrays", "metrics.json", "report.html", "model.keras", "evaluation.json")
        found = [
            Case("link", f"{name}: {entry} is a link", lambda m=make, e=entry: self._check_link(m, e))
            for name, make in commands.items()
            for entry in entries
        ]
        found.append(Case("link", "report of a study whose runs are at ../../..", self._check_study_folder))
        return found

    def _check_link(self, make: Callable[[], Program], entry: str) -> Problem | None:
        """An entry of a run is a link out of the folder: files there that aren't the run's are kept."""
        folder = self._subjects.copy(REPORT, self._subjects.subject)
        outside = self._subjects.work / "outside"
        shutil.rmtree(outside, ignore_errors=True)
        if not (folder / entry).exists():
            (folder / entry).write_text("old page</html>")
        outside.mkdir()
        (folder / entry).rename(outside / entry)
        kept = outside / entry / "kept.txt" if (outside / entry).is_dir() else outside / "kept.txt"
        kept.write_text("text")
        (folder / entry).symlink_to(outside / entry)
        outcome = call(make())
        problem = crash_problem(outcome)
        if problem is None and outcome.code != 0:
            problem = sentence_problem(outcome)
        return problem or (None if kept.is_file() else Problem("outside changed", f"{kept.name} is deleted"))

    def _check_study_folder(self) -> Problem | None:
        subjects = self._subjects
        folder = subjects.copy(STUDY_REPORT, subjects.subject)
        path = next(folder.rglob("study.json"))
        content = json.loads(path.read_text(encoding="utf-8"))
        for run in content["runs"]:
            run["folder"] = "../../../../etc"
        path.write_text(json.dumps(content), encoding="utf-8")
        outcome = call(STUDY_REPORT.program(folder, subjects.data))
        if outcome.code != 0:
            return sentence_problem(outcome, "study.json")
        page = (path.parent / "report.html").read_text(encoding="utf-8")
        return Problem("link out", "the page links to ../../../../etc") if "../../../../etc" in page else None


def _attack(name: str, base: str = "finished") -> Attack:
    return next(attack for attack in ATTACKS if (attack.name, attack.base) == (name, base))


REPORT, STUDY_REPORT = _attack("report"), _attack("report of a study", "study")
RESUME = _attack("train --resume", "unfinished")
READING_ARRAYS = (_attack("draw"), REPORT, _attack("evaluate"), RESUME)


def _ran(canary: Path) -> Problem | None:
    return Problem("code ran", f"{canary} was written") if canary.exists() else None


def _memory(outcome: Outcome) -> Problem | None:
    if outcome.peak_bytes <= MAX_PEAK_BYTES:
        return None
    return Problem("memory", f"{outcome.peak_bytes / 2**30:.1f} GB")


def _inside(folder: Path, program: Program) -> Program:
    """The program in a working directory of its own."""

    def run() -> None:
        os.chdir(folder)
        program()

    return run
