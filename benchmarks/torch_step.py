"""Keras' own training step on PyTorch beside a plain loop in PyTorch, and where the difference goes.

    python benchmarks/torch_step.py              # ratios of processor seconds, the sides in turn
    python benchmarks/torch_step.py --profile    # and shares of Keras' step, and the operations of both
    python benchmarks/torch_step.py --compiled   # with torch.compile, which compiles for minutes

The sides: `VAE.fit`; the model's unmodified `train_step` on tensors that stay where they are, called in a plain loop,
the most that a faster supply of batches could gain; and the loop of `peer.py`, 784-256-2 with PyTorch's own
cross-entropy and Adam. One thread, since threads that wait for each other use processor time as well.
"""

import argparse
import cProfile
import os
import pstats
import time
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import peer
import torch
from torch.profiler import ProfilerActivity, profile

import keras_vae as kv
from keras_vae.fast_fit.epoch_order import order_of_epoch

FIT, RESIDENT, PLAIN = "VAE.fit", "train_step on resident tensors", "a plain loop"
PARTS = {
    "forward pass": ("functional.py", "call"),
    "loss": ("trainer.py", "_compute_loss"),
    "backward pass": ("_tensor.py", "backward"),
    "Adam": ("base_optimizer.py", "apply"),
    "metrics": ("models.py", "compute_metrics"),
}  # of Keras' step: file and function


def compiled_model(jit_compile: bool) -> kv.VAE:
    """A new 784-256-2; all have equal weights."""
    vae = kv.dense_vae("784-256-2", (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
    return vae


def fit(vae: kv.VAE, x: np.ndarray) -> Callable[[], object]:
    """Epochs by `VAE.fit`."""
    return lambda: vae.fit(x, batch_size=peer.BATCH, verbose=0)


def resident(vae: kv.VAE, x: np.ndarray) -> Callable[[], object]:
    """Epochs by the model's own step, in a plain loop over the batches that `VAE.fit` takes."""
    data, epochs = torch.from_numpy(x), iter(range(10**6))
    vae.optimizer.build(vae.trainable_variables)

    def epoch() -> None:
        order = torch.from_numpy(order_of_epoch(vae.seed, next(epochs), len(x)))
        vae.reset_metrics()
        vae.train()
        for i in range(0, len(x), peer.BATCH):
            vae.train_step((data[order[i : i + peer.BATCH]],))
        vae.eval()

    return epoch


def processor_seconds(function: Callable[[], object]) -> float:
    """Processor seconds of a call, which other programs disturb less than its duration."""
    began = time.process_time()
    function()
    return time.process_time() - began


def shares(epoch: Callable[[], object]) -> str:
    """Shares of the time of Keras' step that its parts take, by the profiler of Python."""
    profiler = cProfile.Profile()
    profiler.runcall(epoch)
    entries = pstats.Stats(profiler).stats

    def of(file: str, function: str) -> tuple[int, float]:
        """Calls of a function and the seconds in it, those of the functions that it calls included."""
        found = [entry for (path, _, name), entry in entries.items() if path.endswith(file) and name == function]
        _, calls, _, seconds, _ = max(found, key=lambda entry: entry[3])
        return calls, seconds

    steps, total = of("trainer.py", "train_step")
    parts = ", ".join(f"{name} {of(*place)[1] / total:.0%}" for name, place in PARTS.items())
    whole = of("ordered_fit.py", "fit")[1]
    calls = sum(entry[1] for entry in entries.values())
    return (
        f"{total / whole:.0%} of VAE.fit is train_step; of that, {parts}; "
        f"{calls / steps:,.0f} calls of Python functions per step"
    )


def operations(epoch: Callable[[], object], steps: int) -> str:
    """Operations of PyTorch per step, and the ten kinds that take the most time."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        epoch()
    averages = [entry for entry in found.key_averages() if entry.key.startswith("aten::")]
    total = sum(entry.self_cpu_time_total for entry in averages)
    first = sorted(averages, key=lambda entry: -entry.self_cpu_time_total)[:10]
    kinds = ", ".join(
        f"{entry.key[6:]} {entry.count / steps:.0f} ({entry.self_cpu_time_total / total:.0%})" for entry in first
    )
    return f"{sum(entry.count for entry in averages) / steps:.0f} operations per step: {kinds}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64 * peer.BATCH)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--compiled", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    x = np.random.default_rng(0).uniform(size=(chosen.images, 28, 28)).astype("float32")
    steps = -(-len(x) // peer.BATCH)
    models = {FIT: compiled_model(chosen.compiled), RESIDENT: compiled_model(False)}
    sides = {
        FIT: fit(models[FIT], x),
        RESIDENT: resident(models[RESIDENT], x),
        PLAIN: peer.pytorch(x.reshape(-1, 784), peer.Network()),
    }
    for side in sides.values():  # the first epoch builds and compiles
        side()
    first, second = ([variable.numpy() for variable in model.trainable_variables] for model in models.values())
    largest = max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
    found = np.array([[processor_seconds(side) for side in sides.values()] for _ in range(chosen.rounds)])
    print(f"784-256-2, {steps} steps, Keras {keras.__version__}, PyTorch {torch.__version__}, {chosen.rounds} rounds")
    for name, seconds in zip(sides, found.T, strict=True):
        low, median, high = np.quantile(found[:, 0] / seconds, [0.25, 0.5, 0.75])
        ratio = "" if name == FIT else f"; {FIT} takes {median:.2f} times that (quartiles {low:.2f} to {high:.2f})"
        print(f"  {name}: {1000 * np.median(seconds) / steps:.2f} ms of a processor per step{ratio}")
    print(f"  weights after an epoch: largest difference of {FIT} and {RESIDENT} {largest:.1e}", flush=True)
    if chosen.profile:
        print(f"  {shares(sides[FIT])}")
        for name in (FIT, PLAIN):
            print(f"  {name}: {operations(sides[name], steps)}", flush=True)


if __name__ == "__main__":
    main()
