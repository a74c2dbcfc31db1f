"""Several devices for one training, by `keras.distribution` on JAX: which ones, and which process writes the files.

Every process runs the same program on the whole data set. Keras' `fit` divides each batch among the devices; process 0
alone reads and writes the run folder.
"""

import atexit
import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_vae._utils import checks, exit_codes, keras_import
from keras_vae.errors import InputError, TrainingDiverged

ALL = "all"
AUTO = "auto"  # address of the coordinator: that of Slurm, Open MPI or a TPU pod, which JAX recognises
CONNECTION_SECONDS = 300  # for which a process waits for process 0, as JAX itself does
RETRY_SECONDS = 0.5
ENVIRONMENT = {  # of Keras, by argument
    "coordinator": "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "processes": "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "process_index": "KERAS_DISTRIBUTION_PROCESS_ID",
}
JAX_ADDRESS = "JAX_COORDINATOR_ADDRESS"


class Devices:
    """The devices of one training, and this process among those that take part.

    Args:
        names: Keras' names of the devices, such as `gpu:0`; none for a training without a distribution.
        processes: number of processes.
        index: index of this process.

    Example:
        >>> used = Devices()
        >>> used.writes, used.of_writer(3)
        (True, 3)
    """

    def __init__(self, names: Sequence[str] = (), processes: int = 1, index: int = 0):
        self.names, self.processes, self.index = tuple(names), processes, index
        self._failed_together = False

    @property
    def writes(self) -> bool:
        """Whether this process reads and writes the run folder."""
        return self.index == 0

    def described(self) -> dict[str, Any]:
        """An entry of config.json; empty without a distribution."""
        if not self.names:
            return {}
        platform = self.names[0].partition(":")[0]
        return {"devices": {"count": len(self.names), "platform": platform, "processes": self.processes}}

    def check_batch_size(self, batch_size: int) -> None:
        """Checks that every device receives equally many images of a batch.

        Raises:
            InputError: if the devices don't divide it.
        """
        n = len(self.names) or 1
        rest = batch_size % n
        if rest:
            choices = [size for size in (batch_size - rest, batch_size - rest + n) if size]
            raise InputError(
                f"batch_size: expected a multiple of the {n} devices, which receive equally many images; received "
                f"{batch_size}; choose {' or '.join(map(str, choices))}, or another number of devices."
            )

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Context in which models are built for these devices and trained on them."""
        if not self.names:
            yield
            return
        keras = keras_import.import_keras()
        # Each process passes the rows of its own devices to Keras; Keras itself would accept only tf.data.
        with keras.distribution.DataParallel(devices=list(self.names), auto_shard_dataset=False).scope():
            yield

    # -- what several processes have to agree on -----------------------------------------------------------

    @contextlib.contextmanager
    def member(self) -> Iterator[None]:
        """Context of all that this process does in a training of several processes.

        An error that the other processes do not have ends this one without waiting for them: they wait for its part of
        the next step, and fail when the connection ends.

        Raises:
            ConnectionError: if another process can't be reached any more.
        """
        try:
            yield
        except BaseException as error:
            if self.processes == 1 or self._failed_together or isinstance(error, TrainingDiverged):
                raise
            atexit.register(exit_codes.exit_at_once)
            from keras_vae.fast_fit.jax import is_lost_connection

            if is_lost_connection(error):
                raise ConnectionError(
                    "devices: another process of this training has ended; start all of them again and set resume=True "
                    "to continue from the last checkpoint"
                ) from error
            raise

    @contextlib.contextmanager
    def same_outcome(self) -> Iterator[None]:
        """Context of work that may fail in one process: its error is then raised in all of them.

        Raises:
            InputError: if an expected error occurred in another process.
        """
        error: Exception | None = None
        try:
            yield
        except (InputError, OSError) as caught:
            error = caught
        reports = self._exchange(None if error is None else str(error))
        failed = [(i, report) for i, report in enumerate(reports) if report is not None]
        if not failed:
            return
        self._failed_together = True
        if error is not None:
            raise error
        raise InputError(f"devices: process {failed[0][0]} has failed: {failed[0][1]}")

    def check_same(self, **inputs: Any) -> None:
        """Checks that all processes train the same.

        Args:
            **inputs: what they have to agree on: values that JSON can hold.

        Raises:
            InputError: if one received others than process 0, in every process.
        """
        received = {
            name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
            for name, value in inputs.items()
        }
        first, *others = self._exchange(received)
        for i, other in enumerate(others, 1):
            differing = [name for name in first if first[name] != other[name]]
            if differing:
                self._failed_together = True
                raise InputError(
                    f"devices: expected the same {differing[0]} in all processes; process {i} received another than "
                    "process 0; start all with the same options and data."
                )

    def of_writer(self, value: Any) -> Any:
        """The value that process 0 has, which JSON can hold."""
        return self._exchange(value)[0]

    def arrays_of_writer(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The arrays that process 0 has; the others pass arrays of the same shapes and types."""
        if self.processes == 1:
            return list(arrays)
        from keras_vae.fast_fit.jax import broadcast

        return broadcast(arrays)

    def _exchange(self, value: Any) -> list[Any]:
        if self.processes == 1:
            return [value]
        from keras_vae.fast_fit.jax import exchange

        return exchange(value)


def choose(requested: str | int | None) -> Devices:
    """The devices of a training; in a cluster, equally many of each process.

    Args:
        requested: their number in all processes together, `"all"`, or None for a training without a distribution.

    Raises:
        InputError: on TensorFlow and PyTorch, and if there are fewer devices.
    """
    if requested is None:
        return Devices()
    _check_backend()
    from keras_vae.fast_fit.jax import devices_by_process, process_index

    by_process = devices_by_process()
    counts = [len(devices) for devices in by_process]
    if len(set(counts)) > 1:
        raise InputError(
            f"devices: expected equally many devices in each process; received {', '.join(map(str, counts))}; hide "
            "some with CUDA_VISIBLE_DEVICES."
        )
    used = Devices((), len(by_process), process_index())
    with used.same_outcome():
        used.names = _names(requested, by_process)
    return used


def _names(requested: str | int, by_process: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The requested devices, equally many of each process; none if one device in one process is to be used."""
    processes = len(by_process)
    available = processes * len(by_process[0])
    n = available if requested == ALL else checks.whole("devices", requested)
    if n > available:
        platform = by_process[0][0].partition(":")[0]
        raise InputError(
            f"devices: expected at most the {available} that JAX finds ({platform}); received {n}; choose fewer, or "
            "devices='all'."
        )
    if n % processes:
        raise InputError(
            f"devices: expected a multiple of the {processes} processes; received {n}; choose another number, or "
            "devices='all'."
        )
    return tuple(name for devices in by_process for name in devices[: n // processes]) if n > 1 else ()


def _check_backend() -> None:
    backend = keras_import.import_keras().backend.backend()
    if backend != "jax":
        raise InputError(
            f"devices: expected the JAX backend, on which one training can use several devices; received {backend}; "
            "set KERAS_BACKEND=jax."
        )


# -- clusters of several processes -------------------------------------------------------------------------


def join_cluster(
    coordinator: str | None = None,
    processes: int | None = None,
    process_index: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> None:
    """Connects this process with the others of a training, by `keras.distribution.initialize`; before any computation.

    Arguments that are None are read from the environment: the variables of `keras.distribution.initialize`, and
    `JAX_COORDINATOR_ADDRESS`. Without any of them the training has one process.

    Args:
        coordinator: `HOST:PORT` of process 0; `"auto"` if JAX recognises the cluster (Slurm, Open MPI, TPU).
        processes: number of processes.
        process_index: index of this one, from 0.
        report: receives a message before this process waits for the others.

    Raises:
        InputError: if an argument is missing or out of range, the backend is not JAX, or nothing answers at the
            coordinator's address.
    """
    given = {"coordinator": coordinator, "processes": processes, "process_index": process_index}
    found = {name: _from_environment(name) if value is None else value for name, value in given.items()}
    if all(value is None for value in found.values()):
        return
    _check_backend()
    from keras_vae.fast_fit import jax

    if jax.is_cluster():
        return
    report(f"Connecting with the other processes of the training, for up to {CONNECTION_SECONDS / 60:g} minutes")
    arguments = (None, None, None) if found["coordinator"] == AUTO else _checked_cluster(**found)
    jax.keep_signals()
    try:
        keras_import.import_keras().distribution.initialize(*arguments)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"coordinator: expected a cluster that JAX can set up; it can't ({error}); set coordinator, processes and "
            "process_index."
        ) from error


def _from_environment(name: str) -> Any:
    text = os.environ.get(ENVIRONMENT[name]) or None
    if name == "coordinator":
        return (text and text.split(",")[0]) or os.environ.get(JAX_ADDRESS) or None
    try:
        return text and int(text)
    except ValueError:
        raise InputError(f"{ENVIRONMENT[name]}: expected a whole number; received {text!r}.") from None


def _checked_cluster(coordinator: Any, processes: Any, process_index: Any) -> tuple[str, int, int]:
    """The arguments of `keras.distribution.initialize`, once process 0 can be reached."""
    received = {"coordinator": coordinator, "processes": processes, "process_index": process_index}
    missing = [name for name, value in received.items() if value is None]
    if missing:
        raise InputError(
            f"{missing[0]}: expected coordinator, processes and process_index together; received no {missing[0]}; set "
            f"it, or {ENVIRONMENT[missing[0]]}."
        )
    host, _, port = str(coordinator).rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise InputError(
            f"coordinator: expected HOST:PORT of process 0, such as 10.0.0.1:1234; received {coordinator!r}."
        )
    processes = checks.whole("processes", processes)
    index = checks.whole("process_index", process_index, low=0, high=processes - 1)
    if index == 0:
        _check_free(int(port))
    else:
        _wait_for(host.strip("[]"), int(port))
    return str(coordinator), processes, index


def _check_free(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", port))
        except OSError as error:
            raise InputError(
                f"coordinator: expected a free port; {port} can't be used ({error.strerror}); choose another port."
            ) from error


def _wait_for(host: str, port: int) -> None:
    """Waits until process 0 accepts connections; JAX would end this process without a message for the user."""
    until = time.monotonic() + CONNECTION_SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=CONNECTION_SECONDS).close()
            return
        except OSError as error:
            if isinstance(error, socket.gaierror) or time.monotonic() > until:
                reason = error.strerror or error
                raise InputError(
                    f"coordinator: expected process 0 at {host}:{port}; nothing answers there ({reason}); start "
                    "process 0 too, or correct the address."
                ) from error
        time.sleep(RETRY_SECONDS)


def is_writer() -> bool:
    """Whether this process writes the run folder of a training: process 0 of a cluster, or the only process."""
    if keras_import.import_keras().backend.backend() != "jax":
        return True
    from keras_vae.fast_fit import jax

    return jax.process_index() == 0
