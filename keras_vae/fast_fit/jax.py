"""JAX: compiled functions of a model; on several devices rows of a process, encoding on one device, exchanges."""

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

# Messages of the libraries that connect processes: of CPUs, of GPUs, and of JAX's service.
_LOST_CONNECTION = re.compile("gloo|nccl|coordination|connection|barrier", re.IGNORECASE)


def keep_signals() -> None:
    """Leaves SIGTERM to Python: JAX would take it in every cluster, as a notice that the machine will be reclaimed."""
    with contextlib.suppress(AttributeError):  # a version without this service
        jax.config.update("jax_enable_preemption_service", False)


def is_cluster() -> bool:
    """Whether `keras.distribution.initialize` has been called."""
    is_initialized = getattr(jax.distributed, "is_initialized", None)  # earlier versions don't report it
    return is_initialized is not None and is_initialized()


def devices_by_process() -> list[list[str]]:
    """Keras' names of all devices, a list for each process in the order of their indices."""
    found: list[list[str]] = [[] for _ in range(jax.process_count())]
    for device in jax.devices():
        found[device.process_index].append(f"{device.platform}:{device.id}")
    return found


def process_index() -> int:
    """Index of this process; 0 if it is the only one."""
    return jax.process_index()


def rows_of_process(distribution: keras.distribution.DataParallel, n: int) -> np.ndarray:
    """The rows of a batch of n that this process passes to Keras: those of its devices, in the order of the batch."""
    sharding = distribution.get_data_layout((n,)).backend_layout
    parts = {index[0].indices(n)[:2] for index in sharding.addressable_devices_indices_map((n,)).values()}
    return np.concatenate([np.arange(first, last) for first, last in sorted(parts)])


def encoder_on_one_device(encoder: keras.Model, x: Any) -> Callable[[], Any]:
    """A function that returns the encoder's outputs for `x`, computed on one device of this process.

    The other processes need not call it at the same time, as they must for every computation on all devices.

    Args:
        encoder: an encoder whose variables have a copy on every device.
        x: its input.
    """

    @jax.jit
    def outputs(trainable, non_trainable, x):
        return encoder.stateless_call(trainable, non_trainable, x, training=False)[0]

    def run():
        trainable, non_trainable = (
            [variable.value.addressable_data(0) for variable in variables]
            for variables in (encoder.trainable_variables, encoder.non_trainable_variables)
        )
        return outputs(trainable, non_trainable, x)

    return run


def compiled(function: Callable, model: keras.Model) -> Callable:
    """A function of tensors that uses parts of a model, as one program for each shape of its arguments."""

    @jax.jit
    def run(values, arguments):
        with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
            return function(*arguments)

    return lambda *arguments: run([variable.value for variable in model.variables], arguments)


def exchange(value: Any) -> list[Any]:
    """The values of all processes, in the order of their indices; every process has to call this.

    Args:
        value: what JSON can hold.
    """
    text = np.frombuffer(json.dumps(value).encode(), "uint8")
    lengths = multihost_utils.process_allgather(np.array([text.size]))[:, 0]
    padded = np.pad(text, (0, int(lengths.max()) - text.size))
    rows = multihost_utils.process_allgather(padded)
    return [json.loads(row[:length].tobytes()) for row, length in zip(rows, lengths, strict=True)]


def broadcast(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays of process 0; every process has to call this with arrays of the same shapes and types."""
    return [np.asarray(multihost_utils.broadcast_one_to_all(array)) for array in arrays]


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error says that another process can't be reached."""
    is_of_jax = isinstance(error, (jax.errors.JaxRuntimeError, ValueError))  # the type depends on the library
    return is_of_jax and bool(_LOST_CONNECTION.search(str(error)))
