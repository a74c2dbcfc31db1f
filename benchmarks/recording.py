"""What recording costs: epochs of 784-256-2 with and without a LatentRecorder, alternating in one process.

60 images every 5 steps, batches of 128, 60,000 generated images; prints the medians and their ratio. Both sides
have a callback that acts on every batch, since Keras runs such callbacks in another way than others.

    python benchmarks/recording.py
"""

import statistics
import time

import keras
import numpy as np

import keras_vae as kv

ROUNDS = 7


class EveryBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def main() -> None:
    x = np.random.default_rng(0).uniform(size=(60_000, 28, 28)).astype("float32")
    vae = kv.dense_vae("784-256-2", (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    recorder = kv.LatentRecorder(x[:60], every=5)
    seconds = {"without": [], "with": []}
    vae.fit(x, batch_size=128, verbose=0, callbacks=[recorder])  # both have been traced before the clock runs
    for _ in range(ROUNDS):
        for name, callbacks in (("without", [EveryBatch()]), ("with", [EveryBatch(), recorder])):
            began = time.perf_counter()
            vae.fit(x, batch_size=128, verbose=0, callbacks=callbacks)
            seconds[name].append(time.perf_counter() - began)
    without, recorded = (statistics.median(seconds[name]) for name in ("without", "with"))
    pairs = statistics.median(b / a for a, b in zip(seconds["without"], seconds["with"], strict=True))
    print(
        f"an epoch without recording {without:.2f} s, with {recorded:.2f} s; "
        f"ratio, median of {ROUNDS} pairs: {pairs:.3f}"
    )


if __name__ == "__main__":
    main()
