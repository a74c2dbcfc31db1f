"""Speed of compiled epochs on JAX: `VAE.fit`, Keras' own `fit` and a scan written in JAX alone, as a table.

    python benchmarks/gpu.py                # full MNIST, meant for a GPU: under two minutes on an H200
    python benchmarks/gpu.py --quick        # fewer images and rounds, for a CPU

Needs JAX, Keras and this package; TensorFlow is not imported. The sides are measured in turn, one warm epoch each; the
ratios are medians over rounds with their quartiles. All sides start from equal weights, take the images of the first
epoch in the same order and draw the same noise, so that their weights are compared after it. The table, with the
device and the versions, is printed and written to `--out` after each model.

MNIST is read from `mnist.npz` in Keras' cache (`$KERAS_HOME/datasets`) or from `--data`; without it, images of the same
shape are generated, which changes no time.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from jax import numpy as jnp

import keras_vae as kv
from keras_vae.fast_fit.batches import OrderedBatches
from keras_vae.fast_fit.epoch_order import order_of_epoch
from keras_vae.networks.builders import build

BATCH, SEED, LEARNING_RATE = 128, 0, 1e-3
DENSE, CONVOLUTIONAL = "784-256-2", "c32-c64-256-16"
MAX_CONVOLUTIONAL_IMAGES = 8192
RECORDED_IMAGES, RECORDED_EVERY = 60, 5  # of the recorder: images, steps between frames
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Keras' Adam
MIN_RATIO_ON_GPU, MAX_SECONDS_ON_GPU = 10, 0.1  # aims: Keras' `fit` ÷ ours, an epoch of all of MNIST
FULL_SIZE = 60_000  # images of MNIST
OURS, KERAS, SCAN, RECORDED = "VAE.fit", "Keras' fit", "a scan in JAX alone", "VAE.fit with a recorder"


@dataclass
class Side:
    """One way to train an epoch.

    Attributes:
        epoch: trains a warm epoch and returns its seconds.
        first_seconds: seconds of the first epoch, compilation included.
        first_weights: the trainable weights after it.
        calls: calls of a training program in an epoch.
        seconds: of the epochs measured.
        kernels: kernels and copies that the device ran in an epoch; None if unknown.
    """

    epoch: Callable[[], float]
    first_seconds: float
    first_weights: list[np.ndarray]
    calls: int
    seconds: list[float] = field(default_factory=list)
    kernels: int | None = None


class Clock(keras.callbacks.Callback):
    """Seconds of the last epoch, up to the end of its computations, and calls of the train function within it."""

    steps_between_calls = 0  # any number of steps

    def on_epoch_begin(self, epoch, logs=None):
        self.calls, self._began = 0, time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        self.calls += 1

    def on_epoch_end(self, epoch, logs=None):
        jax.block_until_ready([variable.value for variable in self.model.variables])
        self.seconds = time.perf_counter() - self._began


def compiled_model(architecture: str, image_shape: tuple[int, ...]) -> kv.VAE:
    """A new model; all models of one architecture have equal weights."""
    vae = build(architecture, image_shape, seed=SEED)
    vae.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=True)
    return vae


def weights_of(vae: kv.VAE) -> list[np.ndarray]:
    return [np.array(variable.value) for variable in vae.trainable_variables]


def ours(architecture: str, x: np.ndarray, callbacks: Sequence[keras.callbacks.Callback] = ()) -> Side:
    """`VAE.fit`."""
    vae, clock = compiled_model(architecture, x.shape[1:]), Clock()

    def fit(epochs: int) -> float:
        vae.fit(x, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[clock, *callbacks])
        return clock.seconds

    first = fit(1)
    # The first of two epochs waits for the images, which `fit` moves to the device.
    return Side(lambda: fit(2), first, weights_of(vae), clock.calls)


def keras_own(architecture: str, x: np.ndarray) -> Side:
    """Keras' own `fit` of the same model, from arrays; its first epoch takes the images in our order."""
    vae, clock = compiled_model(architecture, x.shape[1:]), Clock()
    fit = partial(keras.Model.fit, vae, verbose=0, callbacks=[clock])
    batches = OrderedBatches((x,), BATCH)
    batches.set_order(order_of_epoch(vae.seed, 0, len(x)))
    fit(batches, shuffle=False)
    first, weights = clock.seconds, weights_of(vae)

    def epoch() -> float:
        fit(x, batch_size=BATCH)
        return clock.seconds

    epoch()  # arrays are another kind of batch, for which the step is compiled again
    return Side(epoch, first, weights, clock.calls)


@jax.custom_vjp
def cross_entropy(logits, x):
    """Sums over pixels of −x log λ − (1 − x) log(1 − λ) with λ = sigmoid(logits): `(batch,)`."""
    return _cross_entropy_and_rest(logits, x)[0]


def _cross_entropy_and_rest(logits, x):
    e = jnp.exp(-jnp.abs(logits))
    value = jnp.log((1 + e).reshape(-1, 16, 49).prod(axis=1)).sum(1)  # a logarithm for 16 of the 784 pixels
    return value + (jnp.maximum(logits, 0) - x * logits).sum(1), (e, logits, x)


def _cross_entropy_gradient(rest, upstream):
    e, logits, x = rest
    return upstream[:, None] * (jnp.where(logits >= 0, 1.0, e) / (1 + e) - x), None


cross_entropy.defvjp(_cross_entropy_and_rest, _cross_entropy_gradient)


def loss_of(weights, x, noise):
    """The loss of 784-256-2, and its two parts; nats per image."""
    hidden, hidden_b, mean, mean_b, log_var, log_var_b, back, back_b, out, out_b = weights
    h = jax.nn.relu(x @ hidden + hidden_b)
    m, v = h @ mean + mean_b, h @ log_var + log_var_b
    z = m + jnp.exp(0.5 * v) * noise
    logits = jax.nn.relu(z @ back + back_b) @ out + out_b
    reconstruction = cross_entropy(logits, x).mean()
    kl = (0.5 * (m**2 + jnp.expm1(v) - v)).sum(1).mean()
    return reconstruction + kl, (reconstruction, kl)


def step(state, x):
    """A step of Adam, with Keras' noise; the sums of the losses are kept as Keras' metrics are."""
    weights, first, second, count, key, sums = state
    noise = jax.random.normal(key + jnp.array([0, 1], key.dtype) * count.astype(key.dtype), (len(x), 2))
    (loss, parts), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, x, noise)
    count = count + 1
    t = count.astype("float32")
    rate = LEARNING_RATE * jnp.sqrt(1 - jnp.power(BETA_2, t)) / (1 - jnp.power(BETA_1, t))
    first = [m + (g - m) * (1 - BETA_1) for m, g in zip(first, gradients, strict=True)]
    second = [s + (g * g - s) * (1 - BETA_2) for s, g in zip(second, gradients, strict=True)]
    moved = zip(weights, first, second, strict=True)
    weights = [w - m * rate / (jnp.sqrt(s) + EPSILON) for w, m, s in moved]
    return weights, first, second, count, key, sums + len(x) * jnp.stack([loss, *parts])


@partial(jax.jit, donate_argnums=0)
def scanned_epoch(state, data, order):
    """An epoch as one program."""
    whole = len(order) // BATCH
    rows = order[: whole * BATCH].reshape(whole, BATCH)
    state, _ = jax.lax.scan(lambda state, rows: (step(state, data[rows]), None), state, rows)
    return step(state, data[order[whole * BATCH :]]) if len(order) % BATCH else state


def scan(x: np.ndarray) -> Side:
    """784-256-2 in JAX alone, with the initial weights, the orders and the noise of the others."""
    vae = compiled_model(DENSE, x.shape[1:])
    weights = [jnp.array(variable.value) for variable in vae.trainable_variables]
    moments = [[jnp.zeros_like(weight) for weight in weights] for _ in range(2)]
    key = jnp.array(vae.sampling.seed_generator.state.value)
    state = [(weights, *moments, jnp.array(0), key, jnp.zeros(3))]
    data, epochs_seen = jnp.asarray(x.reshape(-1, 784)), [0]

    def epoch() -> float:
        order = jax.block_until_ready(jnp.asarray(order_of_epoch(vae.seed, epochs_seen[0], len(x)).astype("int32")))
        began = time.perf_counter()
        state[0] = jax.block_until_ready(scanned_epoch(state[0], data, order))
        epochs_seen[0] += 1
        return time.perf_counter() - began

    first = epoch()
    return Side(epoch, first, [np.array(weight) for weight in state[0][0]], calls=1)


def kernels_of(epoch: Callable[[], float]) -> int | None:
    """Kernels and copies that a GPU runs in an epoch, counted by JAX's profiler; None on a CPU or without a count."""
    if jax.default_backend() == "cpu":
        return None
    try:
        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder):
                epoch()
            (path,) = Path(folder).rglob("*.xplane.pb")
            planes = jax.profiler.ProfileData.from_file(str(path)).planes
            lines = [line for plane in planes if plane.name.startswith("/device:") for line in plane.lines]
            return sum(len(list(line.events)) for line in lines if line.name.startswith("Stream")) or None
    except Exception as error:  # the profiler needs CUPTI, and its interface is recent
        print(f"kernels were not counted: {type(error).__name__}: {error}", flush=True)
        return None


def measure(sides: Mapping[str, Side], rounds: int, deadline: float) -> None:
    """Measures the sides in turn: `rounds` times, or fewer, at least once, if the deadline is reached before."""
    for _ in range(rounds):
        for side in sides.values():
            side.seconds.append(side.epoch())
        if time.monotonic() > deadline:
            break


def sides_of(architecture: str, x: np.ndarray) -> dict[str, Side]:
    """The sides of a model, each after its first epoch; the first is the one that the others are compared with."""
    sides = {OURS: ours(architecture, x), KERAS: keras_own(architecture, x)}
    if architecture == DENSE:
        sides[SCAN] = scan(x)
    recorder = kv.LatentRecorder(x[:RECORDED_IMAGES], every=RECORDED_EVERY)
    sides[RECORDED] = ours(architecture, x, [recorder])
    return sides


def difference(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> str:
    """The largest difference of two lists of weights, as text."""
    largest = max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
    return "identical" if largest == 0 else f"{largest:.1e}"


def quartiles(values: Sequence[float]) -> str:
    """Median and quartiles, as text."""
    low, median, high = (f"{value:.3g}" for value in np.quantile(values, [0.25, 0.5, 0.75]))
    return f"{median} ({low} … {high})"


def lines_of(architecture: str, n: int, sides: Mapping[str, Side]) -> list[list[str]]:
    """The rows of a model: a list of cells for each side."""
    own = sides[OURS]
    lines = []
    for name, side in sides.items():
        ratios = np.array(side.seconds) / np.array(own.seconds)
        lines.append(
            [
                f"{architecture}, {n:,} images",
                name,
                quartiles(side.seconds),
                "" if side is own else quartiles(ratios),
                f"{side.first_seconds:.1f}",
                str(side.calls),
                "" if side.kernels is None else f"{side.kernels:,}",
                "" if side is own else difference(side.first_weights, own.first_weights),
            ]
        )
    return lines


def aims(n: int, sides: Mapping[str, Side]) -> str:
    """A sentence on the aims for a GPU; empty on a CPU and for less than all of MNIST."""
    if jax.default_backend() == "cpu" or n < FULL_SIZE:
        return ""
    own = np.array(sides[OURS].seconds)
    ratio, seconds = float(np.median(np.array(sides[KERAS].seconds) / own)), float(np.median(own))
    met = {True: "met", False: "MISSED"}
    return (
        f"Keras' fit takes {ratio:.3g} times as long (aim: at least {MIN_RATIO_ON_GPU}), "
        f"{met[ratio >= MIN_RATIO_ON_GPU]}; an epoch takes {seconds:.3g} s (aim: at most {MAX_SECONDS_ON_GPU}), "
        f"{met[seconds <= MAX_SECONDS_ON_GPU]}."
    )


def device() -> str:
    """The device, its driver, and versions, as one line."""
    first = jax.devices()[0]
    names = [f"{first.device_kind} ({first.platform})"]
    if first.platform == "gpu":
        names.append(_driver())
        names.append(" ".join(first.client.platform_version.split()))
    else:
        names.append(f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores")
    versions = [f"{name} {version(name)}" for name in ("jax", "jaxlib", "keras", "numpy")]
    return ", ".join([*filter(None, names), f"Python {platform.python_version()}", *versions])


def _driver() -> str:
    """The driver's version by nvidia-smi; empty if that is missing."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"driver {done.stdout.split()[0]}" if done.stdout.split() else ""


def table(lines: Sequence[Sequence[str]]) -> str:
    """The rows as a table in Markdown."""
    head = ["model", "side", "s per epoch", "÷ VAE.fit", "first epoch, s", "calls", "kernels", "weights"]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def images(path: Path | None, n: int) -> tuple[np.ndarray, str]:
    """n training images `(n, 28, 28)`, float32 in [0, 1], and where they come from."""
    cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    places = [path] if path else [cache / "mnist.npz", cache / "keras_vae" / "mnist.npz"]
    found = next((place for place in places if place.is_file()), None)
    if path and not found:
        raise SystemExit(
            f"--data: expected a file with x_train; found none at {path}; without it images are generated."
        )
    if found:
        x = np.load(found)["x_train"]
        return np.resize(x, (n, *x.shape[1:])).astype("float32") / 255, "MNIST"
    coarse = np.random.default_rng(0).random((n, 7, 7)) < 0.2
    return np.kron(coarse, np.ones((1, 4, 4))).astype("float32"), "generated images"


def arguments_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer images and rounds, for a CPU")
    parser.add_argument("--only", choices=(DENSE, CONVOLUTIONAL), help="measure one of the models")
    parser.add_argument("--data", type=Path, help="file with x_train, as mnist.npz")
    parser.add_argument("--images", type=int, help="training images; by default 60,000, or 12,900 if quick")
    parser.add_argument("--rounds", type=int, help="warm epochs of each side; by default 9, or 5 if quick")
    parser.add_argument("--minutes", type=float, default=4, help="no further round begins after this time")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu.md"), help="file of the table")
    found = parser.parse_args(arguments)
    found.images = found.images or (12_900 if found.quick else FULL_SIZE)
    found.rounds = found.rounds or (5 if found.quick else 9)
    if min(found.images, found.rounds) < 1:
        parser.error("--images, --rounds: expected numbers of at least 1.")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures both models and writes the table; returns 1 if one of them failed."""
    chosen = arguments_of(arguments)
    deadline = time.monotonic() + 60 * chosen.minutes
    x, source = images(chosen.data, chosen.images)
    head = f"{device()}; {source}, batches of {BATCH}"
    print(head, flush=True)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    lines: list[list[str]] = []
    notes: list[str] = []
    convolutional = x[: MAX_CONVOLUTIONAL_IMAGES // 8 if chosen.quick else MAX_CONVOLUTIONAL_IMAGES]
    failed = False
    for architecture, data in ((DENSE, x), (CONVOLUTIONAL, convolutional)):
        if chosen.only not in (None, architecture):
            continue
        try:
            sides = sides_of(architecture, data)
            measure(sides, chosen.rounds, deadline)
            for side in sides.values():
                side.kernels = kernels_of(side.epoch)
        except Exception:  # the other model is measured all the same
            traceback.print_exc()
            notes.append(f"{architecture} failed.")
            failed = True
            continue
        lines += lines_of(architecture, len(data), sides)
        if architecture == DENSE:
            notes.append(aims(len(data), sides))
        text = "\n\n".join([head, table(lines), *filter(None, notes)])
        chosen.out.write_text(text + "\n", encoding="utf-8")
    print("\n".join(["", table(lines), *filter(None, notes), str(chosen.out)]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
