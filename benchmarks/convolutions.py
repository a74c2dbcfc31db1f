"""What bounds an epoch of a model with convolutions: its layers' kernels alone, and where the rest of a step goes.

    python benchmarks/convolutions.py                                   # processor seconds by kind, one thread
    python benchmarks/convolutions.py --architecture c32-c64-8x8x1024

The floor of `peers.py` is measured here as well: convolutions and matrix products of all layers, forward and backward,
on constants, as TensorFlow's own operations and without XLA.
"""

import argparse
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf

from keras_vae._utils.keras_import import import_keras
from keras_vae.networks import builders

keras = import_keras()

ARCHITECTURE, BATCH, N_STEPS = "c32-c64-256-16", 128, 10
MATRIX_SIDE = 2048  # of the product that the rate of the kernels is compared with
# By the name of the operation; the first that it contains counts, the rest is "other elementwise operations".
KINDS = {
    "transposed convolution to the pixels": ("decoder_1/logits",),
    "other convolutions and matrix products": ("Conv2D", "MatMul"),
    "noise": ("RandomNormal",),
    "Adam": ("adam/",),
}
ELEMENTWISE = "activations, sampling, losses, biases and their gradients"


def layers_with_kernels(vae) -> list[tuple[keras.layers.Layer, tuple[int, ...]]]:
    """The layers that multiply by a kernel, each with the shape of its input, `(batch, …)`."""
    return [
        (layer, (BATCH, *layer.input.shape[1:]))
        for network in (vae.encoder, vae.decoder)
        for layer in network.layers
        if hasattr(layer, "kernel")
    ]


def kernels_alone(architecture: str, n_images: int) -> Callable[[], float]:
    """Epochs of a model's convolutions and matrix products alone; returns seconds. The images need no gradient."""
    found = layers_with_kernels(builders.build(architecture, (28, 28), seed=0))
    inputs = [tf.random.normal(shape) for _, shape in found]
    gradients = [tf.random.normal((BATCH, *layer.output.shape[1:])) for layer, _ in found]
    for layer, _ in found:
        layer.activation, layer.use_bias = keras.activations.linear, False

    @tf.function
    def step():
        results = []
        for i, ((layer, _), x, gradient) in enumerate(zip(found, inputs, gradients, strict=True)):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                sources = [layer.kernel.value] if i == 0 else [x, layer.kernel.value]
                tape.watch(sources)
                y = layer(x)
            results += [y, *tape.gradient(y, sources, output_gradients=gradient)]  # y: else it is not computed
        return results

    def epoch() -> float:
        began = time.perf_counter()
        for _ in range(-(-n_images // BATCH)):
            results = step()
        results[-1].numpy()  # waits for the last step
        return time.perf_counter() - began

    step()
    return epoch


def operations(architecture: str) -> int:
    """Multiplications and additions of the layers of one step: forward, and the gradients of kernels and inputs."""
    total = 0
    for i, (layer, _) in enumerate(layers_with_kernels(builders.build(architecture, (28, 28), seed=0))):
        is_transposed = isinstance(layer, keras.layers.Conv2DTranspose)
        positions = math.prod((layer.input if is_transposed else layer.output).shape[1:-1])
        total += (2 if i == 0 else 3) * 2 * BATCH * positions * math.prod(layer.kernel.shape)
    return total


def rate_of_a_product() -> float:
    """Operations per second of the product of two large matrices."""
    matrix = tf.random.normal((MATRIX_SIDE, MATRIX_SIDE))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    product()
    seconds = []
    for _ in range(N_STEPS):
        began = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - began)
    return 2 * MATRIX_SIDE**3 / min(seconds)


def milliseconds_by_kind(architecture: str) -> Counter:
    """Milliseconds of one step's operations, by kind, from TensorFlow's profiler."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    vae = builders.build(architecture, (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    x = np.random.default_rng(0).uniform(size=(N_STEPS * BATCH, 28, 28)).astype("float32")
    vae.fit(x, batch_size=BATCH, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            vae.fit(x, batch_size=BATCH, verbose=0)
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    found: Counter = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            if name.startswith("StatefulPartitionedCall/"):  # an operation of the step
                kind = next((kind for kind, words in KINDS.items() if any(word in name for word in words)), ELEMENTWISE)
                found[kind] += event.duration_ps / 1e9 / N_STEPS
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default=ARCHITECTURE)
    architecture = parser.parse_args().architecture
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    found = milliseconds_by_kind(architecture)
    total = sum(found.values())
    print(f"{architecture}, batches of {BATCH}, one thread: {total:.1f} ms a step in operations")
    for kind, value in found.most_common():
        print(f"{value:8.1f} ms {value / total:5.0%}  {kind}")
    floor = kernels_alone(architecture, BATCH * N_STEPS)
    seconds = min(floor() for _ in range(5)) / N_STEPS
    print(f"{seconds * 1e3:8.1f} ms        all kernels of the layers alone")
    rates = (operations(architecture) / seconds, rate_of_a_product())
    print(f"{rates[0] / 1e9:.0f} billion operations a second; the product of two large matrices: {rates[1] / 1e9:.0f}")


if __name__ == "__main__":
    main()
