"""Speed-up of an epoch by many steps per compiled call, relative to Keras' own step.

Two equal models are trained on full MNIST (or another data set) in alternation, one warm epoch each. The median ratio
of pairs is reported with its quartiles, because single times vary.

    python benchmarks/stepping.py --dataset mnist
    python benchmarks/stepping.py --dataset mnist-5k --architecture c32-c64-c64-256-16    # where XLA is slower
    KERAS_BACKEND=jax python benchmarks/stepping.py --dataset mnist

Keras' own step is the one that `compile(jit_compile=False)` gives; on JAX, where that compiles nothing, it is compiled.
"""

import os
import time
from typing import Annotated

import typer

from keras_vae.studies import run_command

MANY, OWN = "many steps per call", "Keras' own step"


def main(
    dataset: Annotated[str, typer.Option(help="mnist, fashion-mnist, mnist-5k or FILE.npz.")] = "mnist",
    architecture: Annotated[str, typer.Option(help="As in keras-vae train.")] = "784-256-2",
    pairs: Annotated[int, typer.Option(help="Number of pairs of warm epochs.")] = 9,
) -> None:
    """Measure the ratio of Keras' own step to many steps per call."""
    import numpy as np

    import keras_vae as kv
    from keras_vae._utils.keras_import import import_keras
    from keras_vae.fast_fit import ordered_fit
    from keras_vae.networks import builders

    keras = import_keras()
    data = kv.load(dataset)
    models = {}
    for name in (MANY, OWN):
        models[name] = builders.build(architecture, data.image_shape, seed=0)
        jit_compile = name == MANY or keras.backend.backend() == "jax"
        models[name].compile(keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
    compiled_epoch = ordered_fit.compiled_epoch

    def epoch(name: str) -> float:
        ordered_fit.compiled_epoch = compiled_epoch if name == MANY else lambda *arguments: None
        began = time.perf_counter()
        models[name].fit(data.x_train, batch_size=128, verbose=0)
        return time.perf_counter() - began

    first = {name: epoch(name) for name in models}
    fast, stock = np.array([[epoch(name) for name in models] for _ in range(pairs)]).T
    low, median, high = np.quantile(stock / fast, [0.25, 0.5, 0.75])
    print(f"{architecture} on {dataset}, batches of 128, {os.cpu_count()} cores, {pairs} pairs of warm epochs")
    for name, seconds in zip(models, (fast, stock), strict=True):
        warm = np.median(seconds)
        print(f"  {name:19} {warm:6.2f} s per epoch; the first, compilation included, {first[name]:.2f} s")
    print(f"  ratio of warm epochs {median:.2f} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    run_command(main)
