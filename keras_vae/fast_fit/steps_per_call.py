"""Choice of the number of training steps per call, and of the observer that is evaluated within a call."""

import math
from collections.abc import Iterable

import keras

from keras_vae.fast_fit.observers import StepObserver

MAX_STEPS_PER_CALL = 50

_CALLS_WITHIN_AN_EPOCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def choose_steps_per_call(requested: int, callbacks: Iterable[keras.callbacks.Callback]) -> int:
    """The number of steps between two calls of the callbacks.

    The requested number (`compile(steps_per_execution=…)`) if above 1. Otherwise 50 if no callback acts within an
    epoch. A callback that does is called at every step, unless its attribute `steps_between_calls` states that every
    nth is enough (0: any number of steps); the result is then the largest common divisor up to 50, 1 for a prime n
    above 50.
    """
    if requested > 1:
        return requested
    common = math.gcd(*map(_steps_between_calls, callbacks))  # 0 if no callback acts within an epoch
    return largest_divisor(common, MAX_STEPS_PER_CALL) if common else MAX_STEPS_PER_CALL


def largest_divisor(n: int, limit: int) -> int:
    """The largest divisor of `n` up to `limit`."""
    return max(k for k in range(1, min(n, limit) + 1) if n % k == 0)


def observer_within_calls(model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]) -> StepObserver | None:
    """The observer evaluated inside compiled steps: the most frequent of several; None if there is none."""
    observers = [callback for callback in callbacks if isinstance(callback, StepObserver) and callback.observes(model)]

    def frequency(observer: StepObserver) -> tuple[int, float]:
        return observer.max_observations(MAX_STEPS_PER_CALL), -(observer.every or math.inf)

    return max(observers, key=frequency, default=None)


def _steps_between_calls(callback: keras.callbacks.Callback) -> int:
    if hasattr(callback, "steps_between_calls"):
        return callback.steps_between_calls
    # Some of Keras' callbacks override these methods but act in them only if an option is set.
    if "epoch" in (getattr(callback, "save_freq", None), getattr(callback, "update_freq", None)):
        return 0
    if isinstance(callback, (keras.callbacks.ProgbarLogger, keras.callbacks.TerminateOnNaN)):
        return 0
    methods = ((getattr(callback, name), getattr(keras.callbacks.Callback, name)) for name in _CALLS_WITHIN_AN_EPOCH)
    return int(any(getattr(own, "__func__", own) is not inherited for own, inherited in methods))
