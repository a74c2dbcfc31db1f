"""Memory that a model leaves behind: Keras' state, reference cycles, and TensorFlow's registry of gradients."""

import contextlib
import gc
import sys
from collections.abc import Iterator

REGISTRY_MODULE = "tensorflow.python.framework.ops"
CUSTOM = "CustomGradient-"  # with which the names of gradients of `custom_gradient` begin


@contextlib.contextmanager
def freed_afterwards() -> Iterator[None]:
    """Context at whose end the memory of the models that were made in it is freed; no other model may be in use.

    TensorFlow registers the gradient of a custom operation under a new name for every function that it traces, and
    keeps it, with the graph of the function, until the process ends. Those of other models, traced before, stay.
    """
    before = _custom_gradients()
    try:
        yield
    finally:
        from keras_vae._utils import keras_import

        keras_import.import_keras().backend.clear_session()
        for name in _custom_gradients() - before:
            del _registry()[name]
        gc.collect()  # models contain reference cycles (TensorFlow keeps their compiled steps, about 50 MB each)


def _custom_gradients() -> set[str]:
    """The names of the registered gradients of custom operations."""
    return {name for name in _registry() if str(name).startswith(CUSTOM)}


def _registry() -> dict:
    """TensorFlow's registry of gradients, as it is kept; empty where TensorFlow is not loaded or keeps it elsewhere."""
    ops = sys.modules.get(REGISTRY_MODULE)
    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", None)
    return registry if isinstance(registry, dict) else {}
