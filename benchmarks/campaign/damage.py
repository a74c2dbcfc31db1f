"""Damaged and wrongly formed files, and the commands that read them.

Expected of a command: the same result as with undamaged files, or exit code 1 or 2 with one line that names the file,
or a page that leaves out the damaged picture or video and says so. A value of another plausible content (another digit
in a loss) can't be noticed and is not tried. Where a key of a JSON file is missing or has another value, or a file is
missing, a success with another result is accepted and counted: keys and files may be optional, and some values are only
shown.
"""

import os
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from campaign import folders
from campaign.cases import Case, Found, Problem, crash_problem, sentence_problem
from campaign.children import call
from campaign.damage_kinds import KINDS, Kind
from campaign.subjects import ATTACKS, Attack, Subjects, command

CASES_PER_PAIR = 2  # random kinds of damage for each file that a command reads
RUN_OF_A_FOLDER = "one bad run of a folder"


class Damage:
    """Each command with each file that it reads, damaged in random ways."""

    def __init__(self, subjects: Subjects):
        self._subjects = subjects
        self._all = Found(self._all_pairs())
        self.figures: dict[str, int] = {"same result": 0, "sentences": 0, "other results accepted": 0}

    @property
    def n_cases(self) -> int:
        """Pairs found so far, one more each time: references are made as they are needed."""
        return self._all.count_one_more()

    def case(self, number: int, rng: np.random.Generator) -> Case:
        attack, name = self._all.item(number)
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
            # A folder without its config.json is not that of a run: the folder is named.
            named = folder / name if os.path.lexists(folder / name) else folder
            problem = sentence_problem(outcome, named.name)
            self.figures["sentences"] += problem is None
        else:
            problem = crash_problem(outcome)
            differing = folders.differences(reference.folder, folder, reference.written)
            has_note = _has_note(folder, name)
            if differing and kind.is_strict and not has_note:
                problem = Problem("other result", "; ".join(differing)[:300])
            found = "other results accepted" if differing else "same result"
            self.figures["sentences" if has_note else found] += problem is None
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


def _has_note(folder: Path, name: str) -> bool:
    """Whether a page of the folder says that a file is damaged."""
    note = f"{name} is damaged and not shown"
    return any(note in page.read_text(encoding="utf-8") for page in folder.rglob("report.html"))


REPORT = next(attack for attack in ATTACKS if attack.name == "report")
FOLDER_REPORT = REPORT._replace(name=RUN_OF_A_FOLDER)
