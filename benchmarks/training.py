"""Training times: warm epochs of dense and convolutional models, cold starts, and the cost of recording.

As a script it measures one side of the comparison of cold starts, `python benchmarks/training.py ours` or `peer`, or
the phases of a cold start on TensorFlow, `phases`; with 59,904 images, `phases 59904`, an epoch's last batch is not
smaller.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import products
from timing import Row, alternate, in_a_fresh_process, row

import keras_vae as kv
from keras_vae._utils.keras_import import import_keras
from keras_vae.networks import builders

keras = import_keras()

DENSE, WIDE, BATCH = "784-256-2", "784-256-64", 128
CONVOLUTIONAL = "c32-c64-16-2"  # the network of Keras' published example
N_CONVOLUTIONAL_IMAGES = 4096

BACKEND = keras.backend.backend()
# On TensorFlow, Keras' own step is also measured without XLA, which is faster with convolutions.
PLAIN = {"jit_compile": False} if BACKEND == "tensorflow" else {}
PLAIN_FIT = "plain fit" if BACKEND == "tensorflow" else "Keras' own fit"
XLA, XLA_FIT = {"jit_compile": True, "steps_per_execution": 50}, "fit with XLA, 50 steps an execution"
# Of a warm epoch. On PyTorch `VAE.fit` is Keras' own.
TARGETS = {"tensorflow": {"ratio": 2.2, "over_floor": 1.45}, "jax": {"ratio": 1.2, "over_floor": 1.4}}.get(BACKEND, {})
RECORDING_TARGETS = {} if BACKEND == "torch" else {"over_floor": 1.05}


def images(n: int = 60_000) -> np.ndarray:
    """Generated images; times don't depend on their content."""
    return np.random.default_rng(0).uniform(size=(n, 28, 28)).astype("float32")


class Clock(keras.callbacks.Callback):
    """Seconds of the last epoch."""

    steps_between_calls = 0  # called at epochs only

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self._began


def epoch_of(model, x: np.ndarray, fit=None, callbacks=(), **options) -> Callable[[], float]:
    """A function that trains two epochs and returns the seconds of the second; it has been called once.

    The first epoch of a `fit` waits for the images, which are moved to the device once.
    """
    clock, fit = Clock(), fit or model.fit

    def epoch() -> float:
        fit(x, batch_size=BATCH, epochs=2, verbose=0, callbacks=[clock, *callbacks], **options)
        return clock.seconds

    epoch()
    return epoch


def ours(architecture: str, x: np.ndarray, callbacks=()) -> Callable[[], float]:
    """Epochs of a VAE by `VAE.fit`."""
    vae = builders.build(architecture, (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    return epoch_of(vae, x, callbacks=callbacks)


def stock(architecture: str, x: np.ndarray, **compile_options) -> Callable[[], float]:
    """Epochs of the same network, loss and optimizer by Keras' own `fit`, from NumPy arrays."""
    vae = builders.build(architecture, (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3), **(PLAIN | compile_options))
    return epoch_of(vae, x, fit=lambda *args, **kwargs: keras.Model.fit(vae, *args, **kwargs))


def published_example(x: np.ndarray) -> Callable[[], float]:
    """Epochs of the same convolutional network with the custom `train_step` of Keras' published example."""
    import tensorflow as tf

    vae = builders.build(CONVOLUTIONAL, (28, 28), seed=0)

    class Example(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = vae.encoder, vae.decoder
            names = ("loss", "reconstruction_loss", "kl_loss")
            self.trackers = [keras.metrics.Mean(name=name) for name in names]

        @property
        def metrics(self):
            return self.trackers

        def train_step(self, data):
            x = data[0] if isinstance(data, tuple) else data
            with tf.GradientTape() as tape:
                mean, log_var = self.encoder(x)
                z = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
                pixels = tf.sigmoid(self.decoder(z))
                flat = (-1, 784)
                entropy = keras.losses.binary_crossentropy(tf.reshape(x, flat), tf.reshape(pixels, flat))
                reconstruction = 784 * tf.reduce_mean(entropy)
                kl = tf.reduce_mean(tf.reduce_sum(-0.5 * (1 + log_var - mean**2 - tf.exp(log_var)), axis=1))
                loss = reconstruction + kl
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            for tracker, value in zip(self.trackers, (loss, reconstruction, kl), strict=True):
                tracker.update_state(value)
            return {tracker.name: tracker.result() for tracker in self.trackers}

    example = Example()
    example.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    return epoch_of(example, x)


def five_epochs(side: str) -> float:
    """Seconds of five epochs in a process that has compiled nothing before."""
    x = images()
    vae = builders.build(DENSE, (28, 28), seed=0)
    began = time.perf_counter()
    if side == "ours":
        vae.compile(keras.optimizers.Adam(1e-3))
        vae.fit(x, batch_size=BATCH, epochs=5, verbose=0)
    else:
        vae.compile(keras.optimizers.Adam(1e-3), **(XLA if BACKEND == "tensorflow" else PLAIN))
        keras.Model.fit(vae, x, batch_size=BATCH, epochs=5, verbose=0)
    return time.perf_counter() - began


def phases(n: int) -> dict[str, float]:
    """Seconds of each phase before the first step, and of 50 compiled steps."""
    import tensorflow as tf

    from keras_vae.fast_fit.tensorflow import CompiledEpoch, program

    vae = builders.build(DENSE, (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.optimizer.build(vae.trainable_variables)
    x, times = images(n), [time.perf_counter()]
    steps = CompiledEpoch(vae, (x,), BATCH, steps_per_call=50)
    steps.set_order(np.arange(n))
    times.append(time.perf_counter())
    first, pauses = tf.constant(0), tf.constant([50])
    program(vae).get_concrete_function(steps.arrays, tf.range(n), first, pauses, BATCH, (), None)
    times.append(time.perf_counter())
    for _ in range(2):
        steps(None)["loss"].numpy()
        times.append(time.perf_counter())
    names = ("data to tensors", "tracing", "compiling and 50 steps", "50 steps")
    return dict(zip(names, np.diff(times).round(3).tolist(), strict=True))


def cold(side: str) -> Callable[[], float]:
    """Seconds of five epochs in a fresh process."""
    return lambda: in_a_fresh_process(__file__, side)["seconds"]


def dense_rows(x: np.ndarray) -> list[Row]:
    """Warm epochs of dense networks, and with a recorder."""
    sides = {"ours": ours(DENSE, x), "peer": stock(DENSE, x), "floor": products.of_epoch(x, BATCH)}
    if BACKEND == "tensorflow":
        sides["XLA"] = stock(DENSE, x, **XLA)
    warm = alternate(sides, 7)
    against = f"{PLAIN_FIT}; matrix products"
    found = [row(f"warm epoch of {DENSE}", "s", {s: warm[s] for s in ("ours", "peer", "floor")}, against, **TARGETS)]
    if "XLA" in warm:
        found.append(row(f"warm epoch of {DENSE}", "s", {"ours": warm["ours"], "peer": warm["XLA"]}, XLA_FIT))
    wide = alternate({"ours": ours(WIDE, x), "peer": stock(WIDE, x)}, 3)
    found.append(row(f"warm epoch of {WIDE}", "s", wide, PLAIN_FIT))
    recorder = kv.LatentRecorder(x[:60], every=5)
    recorded = alternate({"floor": sides["ours"], "ours": ours(DENSE, x, [recorder])}, 15)
    name = "an epoch with a recorder, 60 images every 5 steps"
    return [*found, row(name, "s", recorded, "an epoch without", **RECORDING_TARGETS)]


def cold_row() -> Row:
    """Five epochs from a cold start."""
    sides = alternate({"ours": cold("ours"), "peer": cold("peer")})
    targets = {"ratio": 1.5} if BACKEND == "tensorflow" else {}
    against = XLA_FIT if BACKEND == "tensorflow" else PLAIN_FIT
    return row(f"five epochs of {DENSE} from a cold start", "s", sides, against, **targets)


def convolutional_rows(x: np.ndarray) -> list[Row]:
    """Warm epochs of a convolutional network."""
    name = f"epoch of {CONVOLUTIONAL}, {len(x):,} images"
    sides = {"ours": ours(CONVOLUTIONAL, x), "plain": stock(CONVOLUTIONAL, x)}
    if BACKEND == "tensorflow":
        xla, example = stock(CONVOLUTIONAL, x, jit_compile=True), published_example(x[..., None])
        sides |= {"XLA": xla, "example": example}
    found = alternate(sides, 7)
    peers = [found[side] for side in ("plain", "XLA") if side in found]
    better = [min(values) for values in zip(*peers, strict=True)]
    against = f"the better of {PLAIN_FIT} and XLA" if len(peers) > 1 else PLAIN_FIT
    # Never slower: 0.95 allows for the differences between runs of one program on a noisy machine.
    rows = [row(name, "s", {"ours": found["ours"], "peer": better}, against, ratio=0.95)]
    if "example" in found:
        rows.append(row(name, "s", {"ours": found["ours"], "peer": found["example"]}, "Keras' published example"))
    return rows


def rows() -> list[Row]:
    return [*dense_rows(images()), cold_row(), *convolutional_rows(images(N_CONVOLUTIONAL_IMAGES))]


if __name__ == "__main__":
    if sys.argv[1] == "phases":
        print(json.dumps(phases(int(sys.argv[2]) if len(sys.argv) > 2 else 60_000)))
    else:
        print(json.dumps({"seconds": five_epochs(sys.argv[1])}))
