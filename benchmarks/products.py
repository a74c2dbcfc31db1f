"""Floors of times: the matrix products of a computation alone, as a program of the backend that Keras uses."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_vae._utils.keras_import import import_keras

keras = import_keras()
ops = keras.ops
BACKEND = keras.backend.backend()

LAYERS = ((784, 256), (256, 2), (256, 2), (2, 256), (256, 784))  # of 784-256-2


def compiled(function: Callable, with_xla: bool = True) -> Callable:
    """The function as one program; on PyTorch, which runs operation by operation, the function itself."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=with_xla)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def timed(function: Callable[[], Any]) -> Callable[[], float]:
    """A function that returns the seconds of a call; it has been called once when it is returned."""

    def run() -> float:
        began = time.perf_counter()
        function()
        return time.perf_counter() - began

    run()
    return run


def of_epoch(x: np.ndarray, batch_size: int) -> Callable[[], float]:
    """A function that returns the seconds of the matrix products of an epoch of 784-256-2, forward and backward: five
    of its layers and nine of their gradients (the image needs none), without optimizer, cross-entropy and
    activations."""
    data = ops.convert_to_tensor(x.reshape(-1, 784))
    rngs = [np.random.default_rng(i) for i in range(len(LAYERS))]
    weights = [
        ops.convert_to_tensor(rng.normal(0, 0.05, shape).astype("float32"))
        for rng, shape in zip(rngs, LAYERS, strict=True)
    ]

    def epoch(data, *weights):
        hidden, mean, log_var, back, out = weights
        n_batches = data.shape[0] // batch_size

        def step(i, _):
            x = ops.slice(data, (i * batch_size, 0), (batch_size, 784))
            h = x @ hidden
            m, v = h @ mean, h @ log_var
            b = (m + v) @ back
            logits = b @ out
            d_b = logits @ ops.transpose(out)
            d_m = d_b @ ops.transpose(back)
            d_h = d_m @ ops.transpose(mean) + (d_m + v) @ ops.transpose(log_var)
            pairs = ((x, d_h), (h, d_m), (h, d_m + v), (m, d_b), (b, logits))
            return tuple(ops.transpose(first) @ second for first, second in pairs)

        return ops.fori_loop(0, n_batches, step, tuple(ops.zeros(shape) for shape in LAYERS))

    program = compiled(epoch)
    return timed(lambda: ops.convert_to_numpy(program(data, *weights)[0]))


def of_decoding(units: int, hidden: int, n_points: int, chunk: int) -> Callable[[], float]:
    """A function that returns the seconds of the matrix products that decode latent points, `chunk` at a time, with a
    hidden layer and 784 pixels."""
    rng = np.random.default_rng(0)
    first, second, z = (
        ops.convert_to_tensor(rng.standard_normal(shape).astype("float32"))
        for shape in ((units, hidden), (hidden, 784), (chunk, units))
    )
    decode = compiled(lambda z: (z @ first) @ second, with_xla=False)

    def run() -> None:
        for _ in range(n_points // chunk):
            ops.convert_to_numpy(decode(z))

    return timed(run)
