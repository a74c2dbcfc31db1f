"""Time of `keras-vae train` with a persistent cache of compiled programs, filled by an earlier run, and without.

    python benchmarks/compilation_cache.py                                          # JAX
    python benchmarks/compilation_cache.py --backend tensorflow --dataset mnist     # longer epochs, which XLA compiles

Each training is a process of its own; the sides are run in turn. Processor seconds are compared as well as seconds,
since other programs disturb them less. The weights of all runs are compared by their digests.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from keras_vae.studies import run_command

WITH, WITHOUT = "with a cache", "without"
VARIABLES = {
    "jax": {
        "JAX_COMPILATION_CACHE_DIR": "{folder}",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",  # by default 1, which leaves out all but a few programs
    },
    "tensorflow": {
        "TF_XLA_FLAGS": "--tf_xla_persistent_cache_directory={folder} --tf_xla_persistent_cache_device_types=CPU,GPU"
    },
}  # of the environment, by backend


def train(environment: dict[str, str], dataset: str, epochs: int, out: Path) -> tuple[float, float, str]:
    """Trains 784-256-2; returns seconds, processor seconds and the digest of the weights."""
    command = [sys.executable, "-m", "keras_vae", "train", "--architecture", "784-256-2", "--dataset", dataset]
    command += ["--epochs", str(epochs), "--seed", "0", "--out", str(out), "--overwrite"]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, json.loads((out / "metrics.json").read_text())["weights_digest"]


def main(
    dataset: Annotated[str, typer.Option(help="As in keras-vae train.")] = "mnist-5k",
    epochs: Annotated[int, typer.Option(help="Epochs of each training.")] = 5,
    backend: Annotated[str, typer.Option(help=" or ".join(VARIABLES))] = "jax",
    rounds: Annotated[int, typer.Option(help="Trainings of each side.")] = 5,
) -> None:
    """Measure a training with a filled cache of compiled programs, and one without."""
    if backend not in VARIABLES:
        raise typer.BadParameter(f"--backend: expected {' or '.join(VARIABLES)}; received {backend!r}.")
    print(f"784-256-2 on {dataset}, {epochs} epochs, {backend}, {os.cpu_count()} cores, {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder, own = Path(temporary, "cache"), {"KERAS_BACKEND": backend}
        cached = {name: value.format(folder=folder) for name, value in VARIABLES[backend].items()}
        sides = {WITH: own | cached, WITHOUT: own}
        found: dict[str, list] = {side: [] for side in sides}
        for i in range(rounds + 1):  # the first round fills the cache
            for side, environment in sides.items():
                found[side].append(train(environment, dataset, epochs, Path(temporary, "run")))
                seconds, used, _ = found[side][-1]
                print(f"  {i} {side}: {seconds:.1f} s, {used:.1f} processor seconds", flush=True)
        files = [path for path in folder.rglob("*") if path.is_file()]
        print(f"  the cache: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")
    times = {side: np.array([run[:2] for run in runs[1:]]) for side, runs in found.items()}
    low, median, high = np.quantile(times[WITHOUT] / times[WITH], [0.25, 0.5, 0.75], axis=0)
    for i, unit in enumerate(("seconds", "processor seconds")):
        print(f"  without ÷ with, {unit}: {median[i]:.2f} (quartiles {low[i]:.2f} to {high[i]:.2f})")
    digests = {digest for runs in found.values() for *_, digest in runs}
    print(f"  weights: {'equal in all runs' if len(digests) == 1 else f'{len(digests)} different digests'}")


if __name__ == "__main__":
    run_command(main)
