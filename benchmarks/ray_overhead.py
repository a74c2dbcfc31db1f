"""Memory and time of the driver of a study against its number of runs, with trainings replaced by sleeping ones.

    python benchmarks/ray_overhead.py 10 100
    python benchmarks/ray_overhead.py 1000 10000 --reuse

With `--reuse` a process performs many tasks in turn, so that ten thousand take minutes; what the driver does per
task is the same. Ray is given 16 CPUs, whatever the machine has: a sleeping run needs none.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_vae.data import Dataset
from keras_vae.studies import ray_cluster, ray_executor
from keras_vae.studies.execution import Execution

SLOTS = 16


@dataclass(frozen=True)
class SleepingTask:
    """Takes the place of a training: sleeps, and writes a file."""

    name: str
    folder: Path
    seconds: float

    def is_done(self, judge) -> bool:
        """Whether the file is there."""
        return (self.folder / "row").exists()

    def read(self, data, judge, progress) -> dict[str, float]:
        """The measure of a task that is done."""
        return {"loss": float(len(self.name))}

    def perform(self, data, judge, progress, folder=None) -> dict[str, float]:
        """Sleeps."""
        folder = folder or self.folder
        folder.mkdir(parents=True, exist_ok=True)
        progress.start("", 1)
        time.sleep(self.seconds)
        (folder / "row").write_text("1")
        return self.read(data, judge, progress)


def measure(n: int, seconds: float, reuse: bool) -> None:
    """Performs n sleeping tasks and prints what the driver needed."""
    data = Dataset.from_arrays(
        "noise", {"x_train": np.zeros((9, 8, 8), "uint8"), "x_test": np.zeros((9, 8, 8), "uint8")}
    )
    with tempfile.TemporaryDirectory(prefix="ray-overhead-") as folder:
        tasks = {i: SleepingTask(f"run {i}", Path(folder) / f"run-{i}", seconds) for i in range(n)}
        executor = ray_executor.RayExecutor(Execution(workers=SLOTS, cpus=1))
        began, processor = time.monotonic(), time.process_time()
        executor.run(tasks, data, None)
        elapsed, used = time.monotonic() - began, time.process_time() - processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{n:6} runs of {seconds:g} s, {SLOTS} at a time{', processes reused' if reuse else ''}: {elapsed:.0f} s; "
        f"driver {memory:.0f} MB, {used:.1f} s of processor time, {1e3 * used / n:.1f} ms a run",
        flush=True,
    )


def main() -> None:
    """Measures each number of runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--reuse", action="store_true")
    options = parser.parse_args()
    ray_cluster.threads.count = lambda: SLOTS
    if options.reuse:
        ray_executor.MAX_CALLS = 0
    for n in options.runs:
        measure(n, options.seconds, options.reuse)


if __name__ == "__main__":
    main()
