"""Kills a worker, a machine or the driver of a study that Ray executes, and compares the results with the serial ones.

    python benchmarks/ray_kills.py --kills 20
    python benchmarks/ray_kills.py --kills 3 --recipe recipes/sampling.py
    python benchmarks/ray_kills.py --kills 20 --sleeping

Each kill is in a study of its own, at a random moment of it. After the driver is killed, the same command is given
again. Two machines are two nodes of `ray.cluster_utils.Cluster` on this machine. A study of two trainings of generated
images takes the place of a recipe unless one is named; with `--sleeping`, tasks that sleep take the place of trainings,
so that only the execution is tested, in a tenth of the time.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("worker", "machine", "driver")
COMPARED = ("configs", "runs", "summary", "tables", "claims")
NOT_TASKS = ("IDLE", "Board", "DashboardAgent", "RuntimeEnvAgent")  # further processes that Ray names
NETS = ("64-16-2", "64-8-2")
SLEPT_SECONDS = 5.0  # by a sleeping task
STARTED_SECONDS = 1200  # within which a training must have begun


def write_images(path: Path) -> None:
    """Writes images of a bright spot in one of four corners."""
    arrays: dict[str, np.ndarray] = {}  # without labels: no classifier is trained, which takes longer than the rest
    for seed, (part, n) in enumerate((("train", 2000), ("test", 200))):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 4, n)
        rows, columns = np.mgrid[:8, :8]
        centers = np.array([(2, 2), (2, 5), (5, 2), (5, 5)])[labels] + rng.normal(0, 0.3, (n, 2))
        distance = (rows - centers[:, :1, None]) ** 2 + (columns - centers[:, 1:, None]) ** 2
        arrays[f"x_{part}"] = np.round(255 * np.exp(-distance / 3)).astype("uint8")
    np.savez(path, **arrays)


def study(dataset: str, out: str, workers: int | None, ray: str | None, sleeping: bool) -> None:
    """The study that is killed: two trainings, and no pages."""
    from keras_vae.studies import Execution, Mean, Study, run_study

    if sleeping:
        return sleep(dataset, Path(out), Execution(workers, ray))
    configs = {net: {"architecture": net, "batch_size": 50} for net in NETS}
    claim = Mean("the losses are equal", "loss", (-1, 1), {NETS[0]: 1, NETS[1]: -1})
    study = Study("kills", "Small nets", configs, ["loss", "kl"], [claim])
    run_study(study, dataset, 30, 1, Path(out), execution=Execution(workers, ray))


def sleep(dataset: str, out: Path, execution: Any) -> None:
    """Sleeping tasks in place of the study."""
    import ray_overhead

    from keras_vae.data import load
    from keras_vae.studies.executors import executor

    if not execution.in_this_process:
        import ray

        ray.cloudpickle.register_pickle_by_value(ray_overhead)
    tasks = {i: ray_overhead.SleepingTask(f"run {i}", out / "runs" / f"run-{i}", SLEPT_SECONDS) for i in range(4)}
    rows = executor(execution).run(tasks, load(dataset), None)
    (out / "sleeping").mkdir(parents=True, exist_ok=True)
    (out / "sleeping" / "study.json").write_text(json.dumps({key: list(rows.items()) for key in COMPARED}))


def numbers(out: Path) -> dict[str, Any]:
    """The numbers of the only study in a folder."""
    (path,) = out.glob("*/study.json")
    content = json.loads(path.read_text())
    return {key: content[key] for key in COMPARED}


def workers(pid: int) -> list[int]:
    """The processes below one that perform a task of Ray."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _has_ancestor(int(process.name), pid):
            command = _read(process / "cmdline")
            name = command.partition("ray::")[2]
            if command.startswith("ray::") and not name.startswith(NOT_TASKS):
                found.append(int(process.name))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended
        return ""


def _has_ancestor(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        pid = int(fields[1]) if fields else 0
    return False


class Campaign:
    """Repeats a study with kills.

    Args:
        command: of the study, without the folder.
        folder: of the results.
        seed: of the moments and kinds.
    """

    def __init__(self, command: Sequence[str], folder: Path, seed: int):
        self.command, self.folder, self.rng = list(command), folder, random.Random(seed)
        began = time.monotonic()
        self._run(self._start(folder / "serial"))
        self.serial_seconds = time.monotonic() - began
        self.expected = numbers(folder / "serial")
        print(f"serial: {self.serial_seconds:.0f} s", flush=True)

    def _start(self, out: Path, *options: str) -> subprocess.Popen:
        with open(self.folder / "log.txt", "ab") as log:
            return subprocess.Popen([*self.command, "--out", str(out), *options], stdout=log, stderr=log)

    def _run(self, process: subprocess.Popen) -> None:
        if process.wait() != 0:
            log = (self.folder / "log.txt").read_text(errors="replace")
            raise SystemExit(f"{log[-3000:]}\nthe study failed with exit code {process.returncode}")

    def repeat(self, number: int, kind: str) -> bool:
        """One study with one kill; returns whether its numbers are those of the serial study."""
        out = self.folder / f"killed-{number}"
        began = time.monotonic()
        delay = self.rng.uniform(0, 0.7 * self.serial_seconds)
        state = self._with_lost_machine(out, delay) if kind == "machine" else self._with_lost_process(out, delay, kind)
        equal = numbers(out) == self.expected
        left = [path.name for path in (out / "runs").iterdir() if path.name.startswith(".partial-")]
        print(
            f"{number}: {kind} killed {delay:.0f} s after the first process began ({state}); "
            f"{'equal' if equal else 'DIFFERENT'}; {len(left)} attempts left; {time.monotonic() - began:.0f} s",
            flush=True,
        )
        shutil.rmtree(out)
        return equal and not left

    def _with_lost_process(self, out: Path, delay: float, kind: str) -> str:
        process = self._start(out, "--workers", "2")
        state = self._kill(process, process.pid, delay, lambda found: found if kind == "worker" else process.pid, out)
        if kind == "driver":
            process.wait()
            process = self._start(out, "--workers", "2")
        self._run(process)
        return state

    def _with_lost_machine(self, out: Path, delay: float) -> str:
        from ray.cluster_utils import Cluster

        cpus = len(os.sched_getaffinity(0))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "include_dashboard": False})
        try:
            second = cluster.add_node(num_cpus=cpus)
            cluster.wait_for_nodes()
            process = self._start(out, "--ray", cluster.address)
            state = self._kill(process, os.getpid(), delay, lambda _: 0, out)
            cluster.remove_node(second, allow_graceful=False)
            self._run(process)
        finally:
            cluster.shutdown()
        return state

    def _kill(self, process: subprocess.Popen, root: int, delay: float, choose: Callable[[int], int], out: Path) -> str:
        """Waits until a task has begun, then for the delay, and kills the chosen process; returns what was finished."""
        deadline = time.monotonic() + STARTED_SECONDS
        while not workers(root) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        end = time.monotonic() + delay
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.1)
        while not (found := workers(root)) and process.poll() is None:
            time.sleep(0.05)
        if process.poll() is not None:
            return "the study had ended"
        pid = choose(self.rng.choice(found))
        finished = len(list(out.glob("runs/[!.]*")))
        if pid:
            os.kill(pid, signal.SIGKILL)
        return f"{finished} of the runs were finished"


def main() -> None:
    """Repeats the study and prints a line for each kill."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", help="a recipe, which runs with --quick, in place of two small trainings")
    parser.add_argument("--sleeping", action="store_true", help="tasks that sleep in place of trainings")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ray-kills-") as folder:
        images = Path(folder) / "spots.npz"
        write_images(images)
        command = [sys.executable, __file__, "study", "--dataset", str(images)]
        command += ["--sleeping"] if options.sleeping else []
        if options.recipe:
            command = [sys.executable, options.recipe, "--quick"]
        campaign = Campaign(command, Path(folder), options.seed)
        equal = sum(campaign.repeat(i + 1, KINDS[i % len(KINDS)]) for i in range(options.kills))
    print(f"{equal} of {options.kills} results equal the serial ones, bit for bit")
    raise SystemExit(0 if equal == options.kills else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["study"]:
        parser = argparse.ArgumentParser()
        for name in ("--dataset", "--out", "--ray"):
            parser.add_argument(name)
        parser.add_argument("--workers", type=int)
        parser.add_argument("--sleeping", action="store_true")
        study(**vars(parser.parse_args(sys.argv[2:])))
    else:
        main()
