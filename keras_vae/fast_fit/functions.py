"""Functions that call parts of a model, compiled or traced once where that makes them faster."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.fast_fit import keras_internals
from keras_vae.fast_fit.batches import data_parallel
from keras_vae.posteriors import parse_encoder_outputs


def encoder_of_images(encoder: keras.Model, x: Any) -> Callable[[keras.Model], tuple]:
    """A function of the model in training that returns (mean, log_var or None) of `x` as arrays, units flattened.

    Args:
        encoder: a Keras model.
        x: its input: an array, or a list or dictionary of arrays of one length.
    """
    n = len(keras.tree.flatten(x)[0])
    if keras.backend.backend() == "tensorflow":
        from keras_vae.fast_fit.tensorflow import traced_encoder

        run = traced_encoder(encoder, x)
    elif data_parallel():
        from keras_vae.fast_fit.jax import encoder_on_one_device

        run = encoder_on_one_device(encoder, x)
    else:

        def run():
            return encoder.predict_on_batch(x)

    def flat_array(output) -> np.ndarray:
        return keras.ops.convert_to_numpy(output).reshape(n, -1)

    def encode(model: keras.Model) -> tuple[np.ndarray, np.ndarray | None]:
        keras_internals.synchronize_weights(model)
        outputs = parse_encoder_outputs(run())
        return flat_array(outputs.mean), None if outputs.log_var is None else flat_array(outputs.log_var)

    return encode


def loss_of_replica(loss: Any) -> Any:
    """The loss of one replica divided by their number: under a distribution strategy gradients are summed over them."""
    if keras.backend.backend() != "tensorflow":
        return loss
    from keras_vae.fast_fit import tensorflow

    replicas = tensorflow.number_of_replicas()
    return loss if replicas == 1 else loss / replicas


def compiled(function: Callable, model: keras.Model) -> Callable:
    """A function of tensors that uses parts of a model, compiled if that makes repeated calls of one shape faster.

    It does on TensorFlow and JAX, where an eager call writes every operation's result to memory.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from keras_vae.fast_fit import tensorflow

        return tensorflow.compiled(function, model)
    if backend == "jax":
        from keras_vae.fast_fit import jax

        return jax.compiled(function, model)
    return function


def traced(function: Callable, shape: tuple[int, ...], model: keras.Model) -> Callable:
    """A function of batches `(n, *shape)` that uses parts of a model: traced once for all n on TensorFlow, compiled for
    each n on JAX."""
    if keras.backend.backend() != "tensorflow":
        return compiled(function, model)
    from keras_vae.fast_fit import tensorflow

    return tensorflow.traced(function, shape)
