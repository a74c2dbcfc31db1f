"""Guarded uses of undocumented parts of Keras: where one is missing, Keras' own training step is used.

No other module of the package depends on the implementation of Keras' `fit`.
"""

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

import keras

# Each is looked up by name where it is used, and may be missing.
MODEL_INTERNALS = ("_flatten_layers", "train_function", "make_train_function", "steps_per_execution")
MODEL_INTERNALS_OF_BACKEND = {"tensorflow": ("distribute_strategy",)}
SUPPORTS_JIT = "keras.src.trainers.trainer.model_supports_jit"


class TrainFunctionIgnored(Exception):
    """Keras' `fit` did not adopt the train function that was installed."""


def model_internal(model: keras.Model, name: str) -> tuple[bool, Any]:
    """Whether a model has an attribute that Keras does not document, and its value."""
    return (True, getattr(model, name)) if hasattr(model, name) else (False, None)


def function_internal(path: str) -> Callable | None:
    """A function of Keras that is not exported, by its dotted path; None if it is missing."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def has_internals(model: keras.Model) -> bool:
    """Whether all internals that a compiled epoch needs exist."""
    names = (*MODEL_INTERNALS, *MODEL_INTERNALS_OF_BACKEND.get(keras.backend.backend(), ()))
    return all(model_internal(model, name)[0] for name in names) and bool(function_internal(SUPPORTS_JIT))


def all_layers(model: keras.Model) -> list[keras.layers.Layer] | None:
    """Every layer of a model, nested ones included; None if Keras does not list them."""
    found, flatten = model_internal(model, "_flatten_layers")
    return list(flatten()) if found else None


def producer(tensor: Any) -> tuple[Any, list, int] | None:
    """The layer or operation that made a symbolic tensor, its inputs, and the tensor's index among its outputs.

    None if Keras does not record it.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return None
    operation, node, index = history
    nodes = getattr(operation, "_inbound_nodes", ())
    return (operation, list(nodes[node].input_tensors), index) if node < len(nodes) else None


def supports_jit(model: keras.Model) -> bool:
    """Whether XLA can compile all layers of a model, by the test that Keras itself applies; False if unknown."""
    supports = function_internal(SUPPORTS_JIT)
    return supports is not None and bool(supports(model))


def steps_per_execution(model: keras.Model) -> int:
    """Steps between two calls of the callbacks by Keras' own train function; 1 if unknown."""
    found, steps = model_internal(model, "steps_per_execution")
    return steps if found else 1


def synchronize_weights(model: keras.Model) -> None:
    """Writes the current training state into the model: during training JAX holds the weights outside the model."""
    found, synchronize = model_internal(model, "jax_state_sync")
    if found:
        synchronize()


class ProgramCache:
    """Holds a model's compiled steps from one `fit` to the next.

    A separate object, since Keras would track a function assigned to the model as a part to be saved.
    """

    def __init__(self):
        self.program = None


@contextlib.contextmanager
def train_function_replaced(model: keras.Model, steps_per_call: int):
    """Context in which a model's train function and `steps_per_execution` may be replaced; both are restored."""
    train_function, steps = model.train_function, model.steps_per_execution
    model.steps_per_execution = steps_per_call
    try:
        yield
    finally:
        model.train_function, model.steps_per_execution = train_function, steps


class TrainFunctionCheck(keras.callbacks.Callback):
    """Stops `fit` before its first step if it does not use the installed train function.

    The batches of a compiled epoch are placeholders; Keras' own step would train on them.
    """

    steps_between_calls = 0

    def __init__(self, train_function: Callable):
        super().__init__()
        self.train_function = train_function

    def on_train_begin(self, logs=None):
        if model_internal(self.model, "train_function")[1] is not self.train_function:
            raise TrainFunctionIgnored
