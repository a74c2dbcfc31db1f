"""Cost of training objectives: the time of a warm epoch divided by that of the ELBO.

    python benchmarks/objectives.py
    python benchmarks/objectives.py --architecture 784-256-32 --pairs 5

One model for each objective on the embedded digits, a warm epoch of each in turn; the median ratio and its quartiles.
"""

import os
import time
from typing import Annotated

import typer

from keras_vae.studies import run_command

OBJECTIVES = (
    "elbo", "free-bits", "capacity", "info-vae", "decomposed", "importance-weighted k=5",
    "importance-weighted k=5 doubly_reparameterized=on",
)  # fmt: skip


def main(
    architecture: Annotated[str, typer.Option(help="As in keras-vae train.")] = "784-256-8",
    pairs: Annotated[int, typer.Option(help="Number of warm epochs of each.")] = 9,
) -> None:
    """Measure the cost of each objective."""
    import numpy as np

    import keras_vae as kv
    from keras_vae._utils.keras_import import import_keras
    from keras_vae.networks import builders

    keras = import_keras()
    data = kv.load("mnist-5k")
    models = []
    for text in OBJECTIVES:
        objective = kv.objectives.parse(text, images=len(data.train))
        vae = builders.build(architecture, data.image_shape, seed=0, objective=objective)
        vae.compile(keras.optimizers.Adam(1e-3), jit_compile=True)
        vae.fit(data.train, batch_size=128, verbose=0)
        models.append(vae)

    def epoch(vae) -> float:
        began = time.perf_counter()
        vae.fit(data.train, batch_size=128, epochs=5, verbose=0)
        return time.perf_counter() - began

    seconds = np.array([[epoch(vae) for vae in models] for _ in range(pairs)])
    print(f"{architecture} on mnist-5k, batches of 128, {os.cpu_count()} cores, {keras.backend.backend()}")
    for text, ratios in zip(OBJECTIVES, (seconds / seconds[:, :1]).T, strict=True):
        low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(f"  {text:52} {median:5.2f} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    run_command(main)
