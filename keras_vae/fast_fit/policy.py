"""The faster step inside Keras' `fit`: many steps in one compiled call, on data that stay on the device.

`fit` remains Keras'. What is replaced is the function that it calls between a batch's callbacks, and that one runs
the model's own `train_step`. Where it can't be used, the stock step is.
"""

import math
from collections.abc import Callable, Iterable

import keras
import numpy as np

MOST_STEPS_AT_ONCE = 50
LARGEST_RESIDENT = 4 * 10**9  # bytes of training data
SHORTEST_EPOCH = 100  # steps; compiling takes seconds, which shorter epochs hardly win back

_CALLS_WITHIN_AN_EPOCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def steps_at_once(asked: int, callbacks: Iterable[keras.callbacks.Callback]) -> int:
    """How many steps to take between two calls of the callbacks.

    What `compile(steps_per_execution=…)` asks for, if more than 1. Otherwise up to 50 if no callback listens within
    an epoch; one that does is called at every step, unless it says by an attribute `steps_between_calls` that every
    nth is enough (0: any number of steps). It is a divisor of that n, so of a prime above 50 a single step.
    """
    if asked > 1:
        return asked
    common = math.gcd(*map(_steps_between_calls, callbacks))  # 0 if nobody listens
    if not common:
        return MOST_STEPS_AT_ONCE
    return max(n for n in range(1, min(common, MOST_STEPS_AT_ONCE) + 1) if common % n == 0)


def watcher_within(
    model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]
) -> keras.callbacks.Callback | None:
    """The callback whose looks at the model are made part of the compiled steps: of several the most frequent.

    It needs no call of its own then. Such a callback has the methods `watches(model)`, `due_between(first, last)` and
    `take(done, mean, log_var)`, and the images `x`, as a `LatentRecorder` has them.
    """
    watchers = [callback for callback in callbacks if hasattr(callback, "due_between") and callback.watches(model)]
    return min(watchers, key=lambda callback: callback.every, default=None)


def _steps_between_calls(callback: keras.callbacks.Callback) -> int:
    if hasattr(callback, "steps_between_calls"):
        return callback.steps_between_calls
    # Of Keras' own, some have the methods but listen only when asked to.
    if "epoch" in (getattr(callback, "save_freq", None), getattr(callback, "update_freq", None)):
        return 0
    if isinstance(callback, (keras.callbacks.ProgbarLogger, keras.callbacks.TerminateOnNaN)):
        return 0
    methods = ((getattr(callback, name), getattr(keras.callbacks.Callback, name)) for name in _CALLS_WITHIN_AN_EPOCH)
    return int(any(getattr(own, "__func__", own) is not inherited for own, inherited in methods))


def can_reside(model: keras.Model, arrays: tuple[np.ndarray, ...], batch_size: int, asked: bool | str = "auto") -> bool:
    """Whether a compiled model is trained on these arrays by the faster step.

    Only TensorFlow has one, compiled by XLA. The stock step serves eager models, distribution strategies, models
    with a `train_step` of their own or of layers that XLA can't compile, data too large for the device and, unless
    `jit_compile=True` was asked for, epochs of fewer than 100 steps and models that XLA makes slower.

    Args:
        model: a compiled model.
        arrays: images, and if there are any, targets and weights.
        batch_size: images a step; the last batch of an epoch may be smaller.
        asked: what `compile` was given as `jit_compile`.
    """
    if keras.backend.backend() != "tensorflow" or model.run_eagerly or asked is False:
        return False
    if type(model).train_step is not keras.Model.train_step:  # whose logs may hold more than the metrics
        return False
    if sum(array.nbytes for array in arrays) > LARGEST_RESIDENT:
        return False
    from keras_vae.fast_fit import tensorflow

    if not (tensorflow.on_one_device(model) and tensorflow.model_supports_jit(model)):
        return False
    long_enough = len(arrays[0]) >= SHORTEST_EPOCH * batch_size
    return asked is True or (long_enough and tensorflow.xla_gains(model))


def compiled(function: Callable, model: keras.Model) -> Callable:
    """A function of tensors, of parts of a model, for many calls with the same shapes: compiled where that is known
    to gain, which is on TensorFlow. (What an eager call makes of each layer's result is written to memory.)"""
    if keras.backend.backend() != "tensorflow":
        return function
    from keras_vae.fast_fit import tensorflow

    return tensorflow.compiled(function, model)


def traced(function: Callable, shape: tuple[int, ...]) -> Callable:
    """A function of batches of points of a shape, for many batches of any size: traced once, on TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return function
    from keras_vae.fast_fit import tensorflow

    return tensorflow.traced(function, shape)


def forget_program(model: keras.Model) -> None:
    """Drops a model's compiled steps, as compiling it anew must: they hold its optimizer and what was trainable."""
    model.__dict__.pop("_resident_program", None)


def resident_steps(
    model: keras.Model,
    arrays: tuple[np.ndarray, ...],
    batch_size: int,
    asked: bool | str = "auto",
    asked_steps: int = 1,
    callbacks: Iterable[keras.callbacks.Callback] = (),
):
    """A train function on arrays that stay on the device, with a method `set_order`; None where they can't.

    Args:
        model, arrays, batch_size, asked: as of `can_reside`.
        asked_steps: what `compile` was given as `steps_per_execution`.
        callbacks: what listens to the training.
    """
    if not can_reside(model, arrays, batch_size, asked):
        return None
    from keras_vae.fast_fit.tensorflow import ResidentSteps

    watcher = watcher_within(model, callbacks)
    at_once = steps_at_once(asked_steps, [callback for callback in callbacks if callback is not watcher])
    return ResidentSteps(model, arrays, batch_size, at_once, watcher if at_once > 1 else None)
