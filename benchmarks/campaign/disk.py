"""Faults of disks and folders while commands write: full, read-only, of another user, unusable paths, removed folders.

Expected of a command that can't write: exit code 1 or 2, one line on stderr, nothing partial under a final name, and
success when the command is repeated after the fault is gone.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from campaign import folders
from campaign.cases import Case, Problem, Skipped, crash_problem, sentence_problem
from campaign.children import Child, Outcome, call
from campaign.subjects import ATTACKS, WRITERS, Attack, Subjects, command, epochs_done, train

OTHER_USER = 65534
PAGE_BYTES = 4096
ROOMY = "1g"
LONG_NAME = "n" * 300
MAX_SECONDS_AFTER_REMOVAL = 30.0  # until a training whose folder is gone has to end
LONG_TRAINING_EPOCHS = 400

# Commands that write something; a finished run is only read by `train --resume`.
WRITING = tuple(attack for attack in (*ATTACKS, *WRITERS) if attack.outputs)
TRAINING_OR_PAGES = tuple(a for a in WRITING if a.name in ("train", "draw", "evaluate", "report", "study --quick"))


class Fault(NamedTuple):
    """A fault of a disk.

    Attributes:
        name: for the report.
        attacks: the commands that meet it.
        check: runs a command and returns the problem.
    """

    name: str
    attacks: tuple[Attack, ...]
    check: Callable[[Subjects, Attack, np.random.Generator], Problem | None]


class Disk:
    """Every fault with every command; further cases repeat them with other sizes of a full disk."""

    def __init__(self, subjects: Subjects):
        self._subjects = subjects
        self._pairs = [(fault, attack) for fault in FAULTS for attack in fault.attacks]
        self.n_cases = len(self._pairs)
        self.figures: dict[str, int] = {}

    def case(self, number: int, rng: np.random.Generator) -> Case:
        fault, attack = self._pairs[number % len(self._pairs)]
        text = f"{attack.name} ({attack.base}), {fault.name}"
        return Case(fault.name, text, lambda: fault.check(self._subjects, attack, rng))


# -- faults that go away --------------------------------------------------------------------------------------


def _full(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    reference, folder = subjects.reference(attack), subjects.subject
    with _mounted(folder):
        subjects.copy(attack, folder / "run")
        used = sum(-(-path.stat().st_size // PAGE_BYTES) + 1 for path in folder.rglob("*"))
        room = max(1, int(rng.uniform(0, 0.95) * reference.n_bytes / PAGE_BYTES))
        _remount(folder, f"size={(used + room) * PAGE_BYTES}")
        return _checked(subjects, attack, folder / "run", lambda: _remount(folder, f"size={ROOMY}"))


def _no_files_left(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    """A disk with space, on which no further file can be created (ENOSPC when opening)."""
    folder = subjects.subject
    with _mounted(folder):
        subjects.copy(attack, folder / "run")
        used = sum(1 for _ in folder.rglob("*")) + 1
        _remount(folder, f"nr_inodes={used + int(rng.integers(1, 4))}")
        return _checked(subjects, attack, folder / "run", lambda: _remount(folder, "nr_inodes=100000"))


def _read_only(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    subjects.reference(attack)
    folder = subjects.subject
    with _mounted(folder):
        subjects.copy(attack, folder / "run")
        _remount(folder, "ro")
        return _checked(subjects, attack, folder / "run", lambda: _remount(folder, "rw"))


def _other_user(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    _require_root()
    subjects.reference(attack)
    folder = subjects.copy(attack, subjects.subject)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return _checked(subjects, attack, folder, lambda: None, user=OTHER_USER)


def _checked(
    subjects: Subjects, attack: Attack, folder: Path, repair: Callable[[], None], user: int | None = None
) -> Problem | None:
    """Runs a command that meets a fault, repairs the fault, and runs the command again."""
    before = {name: (folder / name).read_bytes() for name in folders.files(folder)}
    outcome = call(attack.program(folder, subjects.data), user=user)
    if outcome.code == 0:
        broken = folders.incomplete(folder)
        written = folders.files(folder) >= set(subjects.reference(attack).written)
        if broken:
            return Problem("partial file", "; ".join(broken))
        return None if written else _UNNOTICED
    problem = sentence_problem(outcome)
    broken = folders.incomplete(folder)
    changed = [n for n, content in before.items() if not (folder / n).is_file() or (folder / n).read_bytes() != content]
    if broken:
        problem = Problem("partial file", "; ".join(broken))
    elif attack.base != "unfinished" and [name for name in changed if name not in subjects.reference(attack).written]:
        problem = Problem("lost file", "; ".join(changed))
    repair()
    again = call(_repeated(attack, folder, subjects.data))
    if again.code != 0:
        return Problem("not resumed", f"{again.last_line} (before: {outcome.last_line})")
    return problem


_UNNOTICED = Problem("unnoticed", "exit code 0, but not all files are written")


def _repeated(attack: Attack, folder: Path, data: Path):
    """The command that continues after a fault."""
    if attack.name == "train" and (folder / "config.json").exists():
        return train(folder, data, "--resume")
    return attack.program(folder, data)


# -- paths that can't be used ---------------------------------------------------------------------------------


def _path_fault(make: Callable[[Path], Path]):
    """A check of a command with a path that `make` returns, from an empty folder."""

    def check(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
        folder = subjects.subject
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = make(folder)
        outcome = call(attack.program(path, subjects.data))
        target = folder / "nothing"
        if outcome.code == 0 and target.is_dir():  # a link to a folder that was created
            return None
        return sentence_problem(outcome)

    return check


def _dangling(folder: Path) -> Path:
    link = folder / "link"
    link.symlink_to(folder / "missing" / "nothing")
    return link


def _looping(folder: Path) -> Path:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def _file_in_between(folder: Path) -> Path:
    (folder / "file").write_text("text")
    return folder / "file" / "run"


def _linked_entry(target: str):
    """A check of a command on a folder in which one of its outputs is a link to `target`."""

    def check(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
        reference = subjects.reference(attack)
        folder = subjects.copy(attack, subjects.subject)
        outputs = sorted({name.split("/")[0] for name in reference.written})
        name = outputs[int(rng.integers(len(outputs)))]
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(name if target == "itself" else target)
        outcome = call(attack.program(folder, subjects.data))
        problem = crash_problem(outcome) if outcome.code == 0 else sentence_problem(outcome)
        return problem and problem._replace(detail=f"{name} is a link to {target}: {problem.detail}")

    return check


def _full_stdout(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    folder = subjects.copy(attack, subjects.subject)
    return sentence_problem(call(attack.program(folder, subjects.data), stdout="/dev/full"))


# -- folders that disappear -----------------------------------------------------------------------------------


def _removed(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    def attacked(folder: Path) -> None:
        while folder.exists():
            shutil.rmtree(folder, ignore_errors=True)

    outcome, seconds = _while_training(subjects, attacked, rng)
    return _slow(seconds) or sentence_problem(outcome) or _present(subjects.subject)


def _replaced(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    def attacked(folder: Path) -> None:
        folder.rename(folder.with_name("moved"))
        folder.mkdir()

    shutil.rmtree(subjects.subject.with_name("moved"), ignore_errors=True)
    outcome, seconds = _while_training(subjects, attacked, rng)
    touched = [str(path.relative_to(subjects.subject)) for path in subjects.subject.rglob("*")]
    if touched:
        return Problem("wrong folder", f"written into a folder that isn't the training's: {', '.join(touched)[:200]}")
    return _slow(seconds) or sentence_problem(outcome)


def _taken_over(subjects: Subjects, attack: Attack, rng: np.random.Generator) -> Problem | None:
    """The folder is deleted, and another training of another seed starts there."""
    folder = subjects.subject
    other = command(
        *("train", "--architecture", "64-8-2", "--dataset", subjects.data, "--epochs", 3, "--batch-size", 40),
        *("--out", folder),
    )

    def attacked(folder: Path) -> None:
        while folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        nonlocal second
        second = call(other)

    second: Outcome | None = None
    outcome, seconds = _while_training(subjects, attacked, rng)
    assert second is not None
    if second.code != 0:
        return Problem("not trained", f"the second training: {second.last_line}")
    alone = folder.with_name("alone")
    shutil.rmtree(alone, ignore_errors=True)
    folder.rename(alone)
    call(other)
    differing = folders.differences(alone, folder)
    if differing:
        return Problem("other result", f"the first training changed the second's files: {'; '.join(differing)[:300]}")
    return _slow(seconds) or sentence_problem(outcome)


def _while_training(subjects: Subjects, attacked: Callable[[Path], None], rng) -> tuple[Outcome, float]:
    """Trains for many epochs, attacks the folder after some of them; the outcome, and the seconds from there on."""
    folder, epoch, began = subjects.subject, int(rng.integers(1, 4)), 0.0
    shutil.rmtree(folder, ignore_errors=True)
    child = Child(train(folder, subjects.data, epochs=LONG_TRAINING_EPOCHS))

    def attack(seconds: float) -> None:
        nonlocal began
        with suppress(ValueError):
            if not began and epochs_done(folder) >= epoch:
                began = time.monotonic()
                attacked(folder)

    outcome = child.wait(each_poll=attack)
    return outcome, time.monotonic() - began


def _slow(seconds: float) -> Problem | None:
    if seconds < MAX_SECONDS_AFTER_REMOVAL:
        return None
    return Problem("late", f"ended {seconds:.0f} s after its folder was gone")


def _present(folder: Path) -> Problem | None:
    return Problem("wrong folder", f"{folder} was created again") if folder.exists() else None


# -- mounts ---------------------------------------------------------------------------------------------------


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    """A tmpfs at `folder`."""
    _require_root()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "faults", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        raise Skipped(f"mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def _require_root() -> None:
    if os.getuid() != 0:
        raise Skipped("disk: mounts and other users need root")


FAULTS = (
    Fault("full disk", WRITING, _full),
    Fault("no inodes", TRAINING_OR_PAGES, _no_files_left),
    Fault("read-only mount", WRITING, _read_only),
    Fault("folder of another user", WRITING, _other_user),
    Fault("dangling link", WRITING, _path_fault(_dangling)),
    Fault("looping link", WRITING, _path_fault(_looping)),
    Fault("name too long", WRITING, _path_fault(lambda folder: folder / LONG_NAME)),
    Fault("file in the path", WRITING, _path_fault(_file_in_between)),
    Fault("/dev/full as folder", WRITING, _path_fault(lambda folder: Path("/dev/full"))),
    Fault("/dev/full as stdout", TRAINING_OR_PAGES, _full_stdout),
    Fault("output linked to nothing", WRITING, _linked_entry("nowhere/nothing")),
    Fault("output linked to itself", WRITING, _linked_entry("itself")),
    Fault("output linked to /dev/full", WRITING, _linked_entry("/dev/full")),
    Fault("folder removed while training", (WRITERS[0],), _removed),
    Fault("folder replaced while training", (WRITERS[0],), _replaced),
    Fault("folder taken by another training", (WRITERS[0],), _taken_over),
)
