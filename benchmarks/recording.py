"""What recording costs: epochs of 784-256-2 with and without a LatentRecorder, alternating in one process.

60 images every 5 steps, batches of 128, 60,000 generated images. The clock counts processor time, which
other guests of a shared machine disturb less than the time on the wall, from the beginning of an epoch to its end. It
is a callback that acts on every batch, since Keras runs such callbacks in another way than others.

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

    def on_train_batch_end(self, batch, logs=None):
        pass

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.process_time() - self.began


class Alternating(kv.LatentRecorder):
    """A recorder that sleeps through every other epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if self.awake:
            super().on_train_batch_end(batch, logs)


def main() -> None:
    x = np.random.default_rng(0).uniform(size=(60_000, 28, 28)).astype("float32")
    vae = kv.dense_vae("784-256-2", (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    recorder, clock = Alternating(x[:60], every=5), Clock()
    seconds = {False: [], True: []}

    class Take(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # before any batch
            recorder.awake = epoch % 2 == 1

        def on_epoch_end(self, epoch, logs=None):
            if epoch > 1:  # the first two have traced everything
                seconds[recorder.awake].append(clock.seconds)

    vae.fit(x, batch_size=128, epochs=2 + 2 * PAIRS, verbose=0, callbacks=[clock, recorder, Take()])
    ratios = sorted(b / a for a, b in zip(seconds[False], seconds[True], strict=True))
    print(
        f"processor seconds of an epoch without recording {statistics.median(seconds[False]):.2f} s, "
        f"with {statistics.median(seconds[True]):.2f} s; "
        f"ratio of {PAIRS} pairs: median {statistics.median(ratios):.3f}, quartiles {ratios[PAIRS // 4]:.3f} to "
        f"{ratios[-1 - PAIRS // 4]:.3f}"
    )


if __name__ == "__main__":
    main()
