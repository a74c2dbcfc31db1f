"""What recording costs: epochs of 784-256-2 with and without a LatentRecorder, alternating in one process.

60 images every 5 steps, batches of 128, 60,000 generated images. Without it, up to 50 steps are taken in one call;
with it, five. The clock counts processor time, which other guests of a shared machine disturb less than the time on
the wall, from the beginning of an epoch to its end.

    python benchmarks/recording.py
"""

import statistics
import time

import keras
import numpy as np

import keras_vae as kv

PAIRS = 15


class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.process_time() - self.began


def main() -> None:
    x = np.random.default_rng(0).uniform(size=(60_000, 28, 28)).astype("float32")
    vae = kv.dense_vae("784-256-2", (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    recorder, clock = kv.LatentRecorder(x[:60], every=5), Clock()

    def epoch(*others: keras.callbacks.Callback) -> float:
        vae.fit(x, batch_size=128, verbose=0, callbacks=[clock, *others])
        return clock.seconds

    epoch(), epoch(recorder)  # trace everything
    without, recorded = zip(*((epoch(), epoch(recorder)) for _ in range(PAIRS)), strict=True)
    ratios = sorted(b / a for a, b in zip(without, recorded, strict=True))
    print(
        f"processor seconds of an epoch without recording {statistics.median(without):.2f} s, with "
        f"{statistics.median(recorded):.2f} s; ratio of {PAIRS} pairs: median {statistics.median(ratios):.3f}, "
        f"quartiles {ratios[PAIRS // 4]:.3f} to {ratios[-1 - PAIRS // 4]:.3f}"
    )


if __name__ == "__main__":
    main()
