"""Training times: warm epochs of dense and convolutional models, cold starts, and the cost of recording.

As a script it measures one side of the comparison of cold starts, `python benchmarks/training.py ours` or `xla`, or the
phases of a cold start, `phases`; with 59,904 images, `phases 59904`, the last batch of an epoch is not smaller.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from timing import Row, alternate, in_a_fresh_process, row

import keras_vae as kv
from keras_vae._utils.keras_import import import_keras
from keras_vae.networks import builders

keras = import_keras()

DENSE, WIDE, BATCH = "784-256-2", "784-256-64", 128
CONVOLUTIONAL = "c32-c64-16-2"  # the network of Keras' published example
N_CONVOLUTIONAL_IMAGES = 4096


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
    """A function that trains an epoch and returns its seconds; one epoch is trained before it is returned."""
    clock, fit = Clock(), fit or model.fit

    def epoch() -> float:
        fit(x, batch_size=BATCH, verbose=0, callbacks=[clock, *callbacks], **options)
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
    vae.compile(keras.optimizers.Adam(1e-3), **{"jit_compile": False, **compile_options})
    return epoch_of(vae, x, fit=lambda *args, **kwargs: keras.Model.fit(vae, *args, **kwargs))


def products(x: np.ndarray) -> Callable[[], float]:
    """Epochs of the matrix products of 784-256-2 alone, forward and backward, as one program: five of its layers and
    nine of their gradients (the image needs none), without optimizer, cross-entropy and activations."""
    import tensorflow as tf

    shapes = ((784, 256), (256, 2), (256, 2), (2, 256), (256, 784))
    data = tf.convert_to_tensor(x.reshape(-1, 784))
    weights = [tf.constant(np.random.default_rng(i).normal(0, 0.05, s), "float32") for i, s in enumerate(shapes)]

    @tf.function(jit_compile=True)
    def epoch(data, hidden, mean, log_var, back, out):
        def step(i, *_):
            x = tf.slice(data, [i * BATCH, 0], [BATCH, 784])
            h = x @ hidden
            m, v = h @ mean, h @ log_var
            b = (m + v) @ back
            logits = b @ out
            d_b = tf.matmul(logits, out, transpose_b=True)
            d_m = tf.matmul(d_b, back, transpose_b=True)
            d_h = tf.matmul(d_m, mean, transpose_b=True) + tf.matmul(d_m + v, log_var, transpose_b=True)
            pairs = ((x, d_h), (h, d_m), (h, d_m + v), (m, d_b), (b, logits))
            return i + 1, *(tf.matmul(a, d, transpose_a=True) for a, d in pairs)

        start = [0, *(tf.zeros(s) for s in shapes)]
        return tf.while_loop(lambda i, *_: i < data.shape[0] // BATCH, step, start)[1:]

    def run() -> float:
        began = time.perf_counter()
        epoch(data, *weights)[0].numpy()
        return time.perf_counter() - began

    run()
    return run


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
        vae.compile(keras.optimizers.Adam(1e-3), jit_compile=True, steps_per_execution=50)
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


def rows() -> list[Row]:
    x, few = images(), images(N_CONVOLUTIONAL_IMAGES)
    recorder = kv.LatentRecorder(x[:60], every=5)
    xla = {"jit_compile": True, "steps_per_execution": 50}
    sides = {"ours": ours(DENSE, x), "peer": stock(DENSE, x), "floor": products(x), "XLA": stock(DENSE, x, **xla)}
    warm = alternate(sides, 7)
    wide = {"ours": ours(WIDE, x), "peer": stock(WIDE, x)}
    recorded = {"floor": sides["ours"], "ours": ours(DENSE, x, [recorder])}
    name = f"epoch of {CONVOLUTIONAL}, {N_CONVOLUTIONAL_IMAGES:,} images"
    convolutional = {"ours": ours(CONVOLUTIONAL, few)}
    found = alternate(
        convolutional
        | {
            "plain": stock(CONVOLUTIONAL, few),
            "XLA": stock(CONVOLUTIONAL, few, jit_compile=True),
            "example": published_example(few[..., None]),
        },
        rounds=7,
    )
    better = [min(pair) for pair in zip(found["plain"], found["XLA"], strict=True)]
    return [
        row(f"warm epoch of {DENSE}", "s", {side: warm[side] for side in ("ours", "peer", "floor")},
            "plain fit; matrix products", ratio=2.2, over_floor=1.45),
        row(f"warm epoch of {DENSE}", "s", {"ours": warm["ours"], "peer": warm["XLA"]},
            "fit with XLA, 50 steps an execution"),
        row(f"warm epoch of {WIDE}", "s", alternate(wide, 3), "plain fit"),
        row(f"five epochs of {DENSE} from a cold start", "s", alternate({"ours": cold("ours"), "peer": cold("xla")}),
            "fit with XLA, 50 steps an execution", ratio=1.5),
        row("an epoch with a recorder, 60 images every 5 steps", "s", alternate(recorded, 15), "an epoch without",
            over_floor=1.05),
        # Never slower: 0.95 allows for the differences between runs of one program on a noisy machine.
        row(name, "s", {"ours": found["ours"], "peer": better}, "the better of plain fit and XLA", ratio=0.95),
        row(name, "s", {"ours": found["ours"], "peer": found["example"]}, "Keras' published example"),
    ]  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "phases":
        print(json.dumps(phases(int(sys.argv[2]) if len(sys.argv) > 2 else 60_000)))
    else:
        print(json.dumps({"seconds": five_epochs(sys.argv[1])}))
