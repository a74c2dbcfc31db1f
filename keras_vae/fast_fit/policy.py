"""Decides by model, data and backend whether many training steps are compiled into one call.

`fit` remains Keras' own. Only the train function that it calls between a batch's callbacks is replaced, and the
replacement runs the model's own `train_step`. In all other cases Keras' train function is used.
"""

import importlib
from collections.abc import Sequence

import keras
import numpy as np

from keras_vae._utils.items import Items
from keras_vae.fast_fit import keras_internals
from keras_vae.fast_fit.steps_per_call import choose_steps_per_call, observer_within_calls

MODULES = {"tensorflow": "tensorflow", "jax": "jax_epoch"}  # of the backends that compile epochs
MAX_DATA_BYTES = 4 * 10**9  # training data kept on the device
MIN_STEPS_PER_EPOCH = 100  # compiling takes seconds, more than shorter epochs gain


def can_compile_epoch(
    model: keras.Model, arrays: Sequence[np.ndarray | Items], batch_size: int, jit_compile: bool | str = "auto"
) -> bool:
    """Whether a compiled model is trained on these arrays with many steps per call.

    This is done on TensorFlow and JAX, compiled by XLA. Keras' own step is used for eager models, several devices,
    models with a `train_step` of their own or with layers that XLA cannot compile, data of more than 4 GB or read from
    a file in parts, convolutions on a CPU under JAX, and where an internal of Keras is missing; unless
    `jit_compile=True` was requested, also for epochs of fewer than 100 steps and for models that XLA makes slower.

    Args:
        model: a compiled model.
        arrays: images, and targets and weights if there are any, `(n, …)` each.
        batch_size: images per step; the last batch of an epoch may be smaller.
        jit_compile: the argument of `compile`.
    """
    if keras.backend.backend() not in MODULES or model.run_eagerly or jit_compile is False:
        return False
    if type(model).train_step is not keras.Model.train_step:  # its logs may hold more than the metrics
        return False
    if any(isinstance(array, Items) and array.is_mapped for array in arrays):
        return False
    if sum(array.nbytes for array in arrays) > MAX_DATA_BYTES or not keras_internals.has_internals(model):
        return False
    backend = _backend()
    if not (keras_internals.supports_jit(model) and backend.can_compile_epoch(model)):
        return False
    long_enough = len(arrays[0]) >= MIN_STEPS_PER_EPOCH * batch_size
    return jit_compile is True or (long_enough and backend.gains_from_xla(model))


def _backend():
    """The module that compiles epochs."""
    return importlib.import_module(f"keras_vae.fast_fit.{MODULES[keras.backend.backend()]}")


def compiled_epoch(
    model: keras.Model,
    arrays: tuple[np.ndarray | Items, ...],
    batch_size: int,
    jit_compile: bool | str = "auto",
    steps_per_execution: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
):
    """A `CompiledEpoch` for `fit` on arrays that stay on the device; None if Keras' own step is to be used.

    Args:
        model, arrays, batch_size, jit_compile: see `can_compile_epoch`.
        steps_per_execution: the argument of `compile`.
        callbacks: the callbacks of `fit`.
    """
    if not can_compile_epoch(model, arrays, batch_size, jit_compile):
        return None
    observer = observer_within_calls(model, callbacks)
    others = [callback for callback in callbacks if callback is not observer]
    steps_per_call = choose_steps_per_call(steps_per_execution, others)
    observer = observer if steps_per_call > 1 else None
    return _backend().CompiledEpoch(model, arrays, batch_size, steps_per_call, observer)
