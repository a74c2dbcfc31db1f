"""What the campaign attacks: toy data, run folders, a study's folder, and the commands that read or write them."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from campaign.children import Child, Outcome, call

N_TRAIN, N_TEST, SIDE = 160, 40, 8
EPOCHS, EPOCHS_BEFORE_KILL = 4, 2
SAMPLES = 20  # importance samples of an evaluation
ARCHITECTURE = "64-16-3"

Program = Callable[[], object]


def blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of a bright spot in one of four corners, `(n, 8, 8)` uint8, and the corners, `(n,)`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centers = np.array([(2, 2), (2, 5), (5, 2), (5, 5)])[labels] + rng.normal(0, 0.3, (n, 2))
    distance = (rows - centers[:, :1, None]) ** 2 + (columns - centers[:, 1:, None]) ** 2
    return np.round(255 * np.exp(-distance / 3)).astype("uint8"), labels


def write_data(path: Path) -> Path:
    """Writes the toy data set: 160 training and 40 test images of 8 × 8 with four labels."""
    (x_train, y_train), (x_test, y_test) = blobs(N_TRAIN, 0), blobs(N_TEST, 1)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


# -- programs ------------------------------------------------------------------------------------------------


def command(*arguments: object) -> Program:
    """The command line `keras-vae ARGUMENTS`."""

    def program() -> None:
        from keras_vae import cli

        sys.argv = ["keras-vae", *map(str, arguments)]
        cli.main()

    return program


def train(folder: Path, data: Path, *options: object, epochs: int = EPOCHS) -> Program:
    """The training of the toy run."""
    numbers = ("--epochs", epochs, "--batch-size", 40, "--seed", 3)
    return command("train", "--architecture", ARCHITECTURE, "--dataset", data, *numbers, "--out", folder, *options)


def bubbles(folder: Path, data: Path) -> Program:
    """Measures the bubbles of a run, as recipes do."""

    def measure() -> None:
        from keras_vae import Run, load
        from keras_vae.evaluation.bubbles import measure_bubbles

        measure_bubbles(Run.open(folder), load(data))

    return _reporting_errors(measure)


def study(folder: Path, data: Path) -> Program:
    """A study of two architectures, one seed and one epoch, run as `python recipes/NAME.py --quick` does."""

    def run() -> None:
        from keras_vae import studies

        toy = studies.Study(
            name="toy",
            title="One hidden layer or two",
            configs={"one": {"architecture": "64-8-2"}, "two": {"architecture": "64-8-4-2"}},
            measures=["loss", "kl"],
            claims=[studies.Mean("deeper is better", "loss", (0, float("inf")), {"one": 1, "two": -1})],
        )
        studies.start(toy, str(data), 1, 1, folder, quick=True)

    return _reporting_errors(run)


def _reporting_errors(program: Program) -> Program:
    def run() -> None:
        from keras_vae._utils.exit_codes import exit_on_error

        sys.argv = ["keras-vae"]
        exit_on_error(program)

    return run


# -- subjects ------------------------------------------------------------------------------------------------


class Attack(NamedTuple):
    """A command that reads a folder.

    Attributes:
        name: for the report.
        base: name of the folder that it reads, see `Subjects`.
        program: makes the program from the folder and the data.
        outputs: patterns of the files that it writes; they are deleted before.
    """

    name: str
    base: str
    program: Callable[[Path, Path], Program]
    outputs: tuple[str, ...]


def _draw(folder: Path, data: Path) -> Program:
    return command("draw", folder, "--no-video")


def _draw_video(folder: Path, data: Path) -> Program:
    return command("draw", folder)


def _report(folder: Path, data: Path) -> Program:
    return command("report", folder, "--no-draw")


def _evaluate(folder: Path, data: Path) -> Program:
    return command("evaluate", folder, "--samples", SAMPLES)


def _adopt(folder: Path, data: Path) -> Program:
    return command("evaluate", folder / "model.keras", "--dataset", data, "--out", folder / "adopted", "--no-audit")


def _resume(folder: Path, data: Path) -> Program:
    return train(folder, data, "--resume")


ATTACKS = (
    Attack("train --resume", "unfinished", _resume, ("model.keras", "metrics.json", "arrays")),
    Attack("draw", "finished", _draw, ("figures",)),
    Attack("draw with video", "finished", _draw_video, ("figures", "videos")),
    Attack("report", "finished", _report, ("report.html",)),
    Attack("evaluate", "finished", _evaluate, ("evaluation.json", "arrays/audit.npz", "figures")),
    Attack("evaluate a model", "finished", _adopt, ("adopted",)),
    Attack("bubbles", "finished", bubbles, ("bubbles.json", "arrays/bubbles.npz")),
    Attack("train --resume", "finished", _resume, ()),
    Attack("report of a study", "study", _report, ("*/report.html", "runs/*/report.html", "index.html")),
)
# Commands that write into a folder without reading it.
WRITERS = (
    Attack("train", "empty", lambda folder, data: train(folder, data), ("*",)),
    Attack("study --quick", "empty", study, ("*",)),
)


class Reference(NamedTuple):
    """The result of a command on undamaged files.

    Attributes:
        folder: a copy of the folder after the command.
        written: relative paths of the files that the command wrote.
        read: relative paths of the files that it opened and did not write.
        n_bytes: size of the files that it wrote.
    """

    folder: Path
    written: list[str]
    read: list[str]
    n_bytes: int


class Subjects:
    """Toy data and the folders that commands read, each made when it is first used.

    - `finished`: a run with evaluation, audit, bubbles, figures, video and page.
    - `unfinished`: a run that was killed after two of its four epochs.
    - `study`: a folder with a study of two runs.
    - `empty`: nothing.

    Args:
        work: an empty folder, which other users may read.
    """

    def __init__(self, work: Path):
        self.work = work
        self.data = write_data(work / "data.npz")
        self._references: dict[tuple[str, str], Reference] = {}

    def base(self, name: str) -> Path:
        """The folder of a subject."""
        folder = self.work / "bases" / name
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            getattr(self, f"_make_{name}")(folder)
        return folder

    def copy(self, attack: Attack, folder: Path) -> Path:
        """Copies the folder that a command reads, without the command's outputs, and returns the copy."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.base(attack.base), folder, symlinks=True)
        for pattern in attack.outputs:
            for path in folder.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        return folder

    def reference(self, attack: Attack) -> Reference:
        """The result of a command on undamaged files, at the path that damaged copies have."""
        key = attack.base, attack.name
        if key not in self._references:
            self._references[key] = self._make_reference(attack)
        return self._references[key]

    @property
    def subject(self) -> Path:
        """The path of the copies that are attacked: pages contain it."""
        return self.work / "attacked" / "subject"

    def _make_reference(self, attack: Attack) -> Reference:
        self.subject.parent.mkdir(exist_ok=True)
        folder = self.copy(attack, self.subject)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        log = self.work / "opened.txt"
        _succeed(call(_logging_opened_files(attack.program(folder, self.data), folder, log)), attack.name)
        written = [path for path in folder.rglob("*") if path.is_file() and before.get(path) != path.stat().st_mtime_ns]
        opened = {Path(line) for line in log.read_text(encoding="utf-8").splitlines()}
        kept = self.work / "references" / f"{attack.base}-{attack.name.replace(' ', '-')}"
        shutil.copytree(folder, kept)
        return Reference(
            kept,
            sorted(str(path.relative_to(folder)) for path in written),
            sorted(str(path.relative_to(folder)) for path in opened if path in before and path not in written),
            sum(path.stat().st_size for path in written),
        )

    def _make_empty(self, folder: Path) -> None:
        folder.mkdir()

    def _make_finished(self, folder: Path) -> None:
        _succeed(call(train(folder, self.data)), "train")
        _succeed(call(bubbles(folder, self.data)), "bubbles")
        _succeed(call(command("draw", folder)), "draw")
        _succeed(call(command("evaluate", folder, "--samples", SAMPLES)), "evaluate")
        _succeed(call(command("report", folder)), "report")

    def _make_unfinished(self, folder: Path) -> None:
        child = Child(train(folder, self.data, epochs=EPOCHS))
        killed = False

        def kill_after_epoch(seconds: float) -> None:
            nonlocal killed
            if not killed and epochs_done(folder) == EPOCHS_BEFORE_KILL:
                killed = True
                child.kill()

        child.wait(each_poll=kill_after_epoch)
        if not killed or (folder / "metrics.json").exists():
            shutil.rmtree(folder)
            self._make_unfinished(folder)

    def _make_study(self, folder: Path) -> None:
        _succeed(call(study(folder, self.data)), "study")


def epochs_done(folder: Path) -> int:
    """Epochs in the checkpoint of a run folder; 0 before the first."""
    try:
        return json.loads((folder / "checkpoint" / "state.json").read_text(encoding="utf-8"))["epoch"]
    except OSError:
        return 0


def wait_for_epoch(folder: Path, epoch: int, seconds: float = 60.0) -> None:
    """Waits until a training has written a checkpoint of this epoch."""
    end = time.monotonic() + seconds
    while epochs_done(folder) < epoch and time.monotonic() < end:
        time.sleep(0.002)


def _logging_opened_files(program: Program, folder: Path, log: Path) -> Program:
    """The program, with the paths of the files that it opens in `folder` written to `log`."""

    def run() -> None:
        names = set()

        def hook(event: str, arguments: tuple) -> None:
            if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(f"{folder}/"):
                names.add(arguments[0])

        sys.addaudithook(hook)
        try:
            program()
        finally:
            log.write_text("\n".join(sorted(names)), encoding="utf-8")

    return run


def _succeed(outcome: Outcome, name: str) -> None:
    if outcome.code != 0:
        raise RuntimeError(f"{name} on undamaged files: exit code {outcome.code}\n{outcome.out}\n{outcome.err}")
