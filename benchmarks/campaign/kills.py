"""Trainings that are killed and resumed; their results must equal those of an unbroken training.

A training is killed by SIGKILL up to three times. Half of the kills come after a random part of the duration of the
training. The other half come at a write: just before the training opens, renames or deletes a file of its folder for
the k-th time, or some milliseconds after. Kills after a duration depend on the machine's speed and are not repeated
exactly by the same seed; kills at a write are.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from campaign import folders
from campaign.cases import Case, Problem, crash_problem
from campaign.children import Child, Outcome, call
from campaign.subjects import Subjects

MAX_KILLS = 3  # of one training
ENDINGS_PER_CONFIG = 4  # trainings that are compared with one unbroken training
N_TRAIN, N_TEST = 640, 160
ARCHITECTURES = ("784-24-2", "784-32-16-4", "784-2", "c4-c8-16-3", "c4-c8-7x7x2")
WRITING_EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
MAX_DELAY = 0.02  # seconds between a write and the kill


class Unbroken(NamedTuple):
    """A training without kills: its arguments, its folder, its duration in seconds, and its number of writes."""

    config: dict[str, Any]
    folder: Path
    seconds: float
    writes: int


class Kills:
    """Killed trainings of various architectures, posteriors and likelihoods on some digits of `mnist-5k`.

    Args:
        subjects: folders and data of the campaign.
        seed: seed of the configurations.
        n_kills: number of kills after which the part ends.
    """

    def __init__(self, subjects: Subjects, seed: int, n_kills: int = 200):
        self._folder = subjects.work / "kills"
        self._folder.mkdir()
        self._seed, self._n_kills = seed, n_kills
        self._unbroken: dict[int, Unbroken] = {}
        self._data = None
        self.figures = {"kills": 0, "kills at a write": 0, "endings": 0, "identical endings": 0}

    @property
    def n_cases(self) -> int:
        """One more than were done, until there were enough kills."""
        return self.figures["endings"] + (self.figures["kills"] < self._n_kills)

    def case(self, number: int, rng: np.random.Generator) -> Case:
        group = number // ENDINGS_PER_CONFIG
        config = _config(np.random.default_rng([self._seed, group]))
        kills = int(rng.integers(1, MAX_KILLS + 1)) if number % 8 else 0
        return Case("kills", f"{kills} kills of {config}", lambda: self._check(group, config, kills, rng))

    def _check(self, group: int, config: dict, kills: int, rng: np.random.Generator) -> Problem | None:
        if group not in self._unbroken:
            shutil.rmtree(self._folder / f"unbroken-{group - 1}", ignore_errors=True)
            self._unbroken[group] = self._train_unbroken(group, config)
        unbroken = self._unbroken[group]
        folder = self._folder / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        moments = []
        for _ in range(kills):
            at_write = bool(rng.random() < 0.5)
            kill = self._kill_at_write if at_write else self._kill_after
            outcome, text = kill(unbroken, folder, rng)
            moments.append(text)
            if outcome.code == 0:  # it ended before
                break
            if outcome.code != -signal.SIGKILL:
                return crash_problem(outcome) or Problem("not resumed", f"{moments}: {outcome.last_line}")
            self.figures["kills"] += 1
            self.figures["kills at a write"] += at_write
        outcome = call(self._training(config, folder))
        if outcome.code != 0:
            return crash_problem(outcome) or Problem("not resumed", f"{moments}: {outcome.last_line}")
        self.figures["endings"] += 1
        differing = folders.differences(unbroken.folder, folder)
        differing += [f"{path.name} is left" for path in folder.rglob(f"{folders.PARTIAL}*")]
        if differing:
            return Problem("other result", f"killed {', '.join(moments)}: {'; '.join(differing)}")
        self.figures["identical endings"] += 1
        return None

    def _train_unbroken(self, group: int, config: dict) -> Unbroken:
        folder, count = self._folder / f"unbroken-{group}", self._folder / "writes.txt"
        outcome = call(_counting_writes(self._training(config, folder), folder, count))
        if outcome.code != 0:
            raise RuntimeError(f"unbroken training of {config}: {outcome.err}")
        return Unbroken(config, folder, outcome.seconds, int(count.read_text()))

    def _training(self, config: dict, folder: Path) -> Callable[[], None]:
        data = self._load()

        def run() -> None:
            import keras_vae as kv

            kv.train(kv.Config(**config, dataset=data.name), folder, resume=True, quiet=True, data=data)

        return run

    def _load(self):
        """Some digits of `mnist-5k`, read from a file once for all children."""
        if self._data is None:
            from keras_vae import load

            digits, path = load("mnist-5k"), self._folder / "digits.npz"
            arrays = {"x_train": digits.x_train[:N_TRAIN], "y_train": digits.y_train[:N_TRAIN]}
            arrays |= {"x_test": digits.x_test[:N_TEST], "y_test": digits.y_test[:N_TEST]}
            np.savez(path, **arrays)
            self._data = load(path)
        return self._data

    def _kill_after(self, unbroken: Unbroken, folder: Path, rng: np.random.Generator) -> tuple[Outcome, str]:
        """Kills a training after a random part of its duration."""
        after = float(rng.uniform(0, unbroken.seconds))
        child = Child(self._training(unbroken.config, folder))

        def kill(seconds: float) -> None:
            if seconds >= after:
                child.kill()

        return child.wait(each_poll=kill), f"after {after:.2f} s"

    def _kill_at_write(self, unbroken: Unbroken, folder: Path, rng: np.random.Generator) -> tuple[Outcome, str]:
        """Kills a training at a random write, or some milliseconds after it has begun."""
        write = int(rng.integers(1, unbroken.writes + 1))
        delay = float(rng.uniform(0, MAX_DELAY)) if rng.random() < 0.5 else 0.0
        program = _killed_at_write(self._training(unbroken.config, folder), folder, write, delay)
        return call(program), f"at write {write} + {1000 * delay:.1f} ms"


def _config(rng: np.random.Generator) -> dict[str, Any]:
    """Arguments of a small training."""
    from keras_vae import likelihoods, posteriors

    def one_of(values):
        return values[int(rng.integers(len(values)))]

    config = {
        "architecture": one_of(ARCHITECTURES),
        "posterior": one_of(posteriors.names()),
        "likelihood": one_of(likelihoods.names()),
        "epochs": int(rng.integers(2, 6)),
        "batch_size": one_of((64, 100, 160)),
        "record_every": one_of((None, 1, 3, 7)),
        "seed": int(rng.integers(1000)),
    }
    if posteriors.get(config["posterior"]).has_divergence:
        config |= {"beta": one_of((0.5, 1.0, 4.0)), "warmup": one_of((0.0, 1.5))}
    return config


def _each_write(folder: Path, function: Callable[[], None]) -> None:
    """Calls a function before this process opens for writing, renames or deletes a file in a folder."""
    prefix = str(folder)

    def hook(event: str, arguments: tuple) -> None:
        if event not in WRITING_EVENTS or not str(arguments[0]).startswith(prefix):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        function()

    sys.addaudithook(hook)


def _counting_writes(program: Callable[[], None], folder: Path, path: Path) -> Callable[[], None]:
    """The program, with the number of its writes in `folder` written to `path`."""

    def run() -> None:
        writes = 0

        def count() -> None:
            nonlocal writes
            writes += 1

        _each_write(folder, count)
        program()
        path.write_text(str(writes))

    return run


def _killed_at_write(program: Callable[[], None], folder: Path, write: int, delay: float) -> Callable[[], None]:
    """The program, killed `delay` seconds after its `write`-th write begins."""

    def kill() -> None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)

    def run() -> None:
        writes = 0

        def count() -> None:
            nonlocal writes
            writes += 1
            if writes == write:
                if delay:
                    threading.Thread(target=kill).start()
                else:
                    kill()

        _each_write(folder, count)
        program()

    return run
