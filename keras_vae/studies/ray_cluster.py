"""Connection to a Ray cluster, or to one that is started on this machine, and checks that it can train a study."""

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_vae._utils import keras_import, threads
from keras_vae._utils.files import PARTIAL_PREFIX, translated_errors
from keras_vae._utils.formatting import number
from keras_vae._version import __version__
from keras_vae.errors import InputError
from keras_vae.studies.execution import Execution
from keras_vae.studies.storage import Storage

ANSWER_SECONDS = 5  # within which an address must accept a connection
HEALTH_SECONDS = 120  # within which the cluster there must answer
NODE_SECONDS = 180  # within which each machine must start a process and answer
VISIBLE_SECONDS = 90  # within which a file in a shared folder must be visible on another machine
INSTALL = "install it with pip install 'keras-vae[ray]'"


@dataclass(frozen=True)
class Share:
    """What each training gets.

    Attributes:
        cpus, gpus: as Ray counts them.
        slots: number of trainings at the same time.
    """

    cpus: int
    gpus: float
    slots: int


def import_ray() -> Any:
    """Imports and returns Ray.

    Raises:
        InputError: if it is not installed.
    """
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # Tune prints no tables of its own
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a training without GPUs sees none
    try:
        import ray
    except ImportError as error:
        raise InputError(f"workers, ray: expected Ray to be installed; it is not ({error}); {INSTALL}.") from error
    return ray


@contextlib.contextmanager
def connection(execution: Execution) -> Iterator[Share]:
    """Connects to the requested cluster, or starts one on this machine, for the block.

    Yields:
        The share of each training.

    Raises:
        InputError: if the cluster does not answer, or has not the resources.
    """
    ray = import_ray()
    if ray.is_initialized():
        raise InputError("ray: expected no connection of this process to a cluster; call ray.shutdown() first.")
    handler = signal.getsignal(signal.SIGTERM)
    options = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "include_dashboard": False,
        "runtime_env": {"env_vars": worker_environment(execution)},
    }
    if execution.ray is None:
        workers, cpus = _local_cpus(execution)
        os.environ.setdefault("RAY_health_check_timeout_ms", str(1000 * HEALTH_SECONDS))
        os.environ.setdefault("RAY_health_check_failure_threshold", "30")  # else a busy machine counts as lost
        options |= {"address": "local", "num_cpus": workers * cpus}
    else:
        _check_answer(execution.ray)
        options |= {"address": execution.ray, "include_dashboard": None}
    try:
        try:
            ray.init(**options)
        except ConnectionError as error:
            raise InputError(f"ray: expected a cluster at {execution.ray}; {_first_line(error)}.") from error
        if signal.getsignal(signal.SIGTERM) is not handler:  # Ray has set its own
            signal.signal(signal.SIGTERM, handler)
        yield _share(execution, [node for node in ray.nodes() if node["Alive"]])
    finally:
        ray.shutdown()


def worker_environment(execution: Execution) -> dict[str, str]:
    """Environment variables of the workers: the backend, its threads, and memory of GPUs as it is needed."""
    return {
        "KERAS_BACKEND": keras_import.backend_name(),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        **threads.environment(execution.cpus or threads.count()),
    }


def check_nodes(runs: Path, storage: str | None) -> None:
    """Checks that every machine of a cluster has this package, and can write where the runs are kept.

    Args:
        runs: the folder of runs on this machine.
        storage: the URI of archives; None if the machines share the folder.

    Raises:
        InputError: for the first machine that has not or can't.
    """
    ray = import_ray()
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    marker = runs.absolute() / f"{PARTIAL_PREFIX}{uuid.uuid4().hex}"
    with translated_errors(runs):
        runs.mkdir(parents=True, exist_ok=True)
        marker.touch()
    try:
        node_check = ray.remote(num_cpus=0, max_retries=0)(_node_problem)
        pending = []
        for node in ray.nodes():
            if node["Alive"]:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                arguments = (None if storage else marker, storage, __version__)
                answer = node_check.options(scheduling_strategy=there).remote(*arguments)
                pending.append((node["NodeManagerHostname"], answer))
        for name, answer in pending:
            try:
                problem = ray.get(answer, timeout=NODE_SECONDS)
            except ray.exceptions.RayError as error:
                problem = f"expected keras_vae {__version__} on every machine; {_first_line(error)}"
            if problem:
                raise InputError(f"ray: machine {name}: {problem}.")
    finally:
        marker.unlink(missing_ok=True)


def _node_problem(marker: Path | None, storage: str | None, version: str) -> str | None:
    """What prevents trainings on the machine where this is called, as a part of a sentence."""
    from keras_vae._version import __version__ as found

    if found != version:
        return f"expected keras_vae {version}, as here; it has {found}; install the same version"
    if storage is not None:
        try:
            Storage(storage).check()
        except InputError as error:
            return str(error).rstrip(".")
    if marker is not None and not is_visible(marker):
        return f"expected the folder {marker.parent}, shared by all machines; it is not there; set storage to a URI"
    return None


def is_visible(path: Path) -> bool:
    """Whether there is something at a path of a shared folder; network disks show what others wrote after a while."""
    for _ in range(VISIBLE_SECONDS):
        with contextlib.suppress(OSError):
            os.close(os.open(path.parent, os.O_RDONLY))  # refreshes what is known about the folder
        if os.path.lexists(path):
            return True
        time.sleep(1)
    return False


def _local_cpus(execution: Execution) -> tuple[int, int]:
    """Number of workers, and CPUs that Ray counts for each, on this machine."""
    available = threads.count()
    workers, cpus = execution.workers or 1, execution.cpus or 1
    if workers * cpus > available:
        raise InputError(
            f"workers: expected at most {available // cpus} of {cpus} CPU{'s' if cpus > 1 else ''} on this machine, "
            f"which has {available}; received {workers}; reduce workers or cpus."
            if cpus <= available
            else f"cpus: expected at most the {available} CPUs of this machine; received {cpus}."
        )
    return workers, cpus


def _share(execution: Execution, nodes: list[dict]) -> Share:
    """The share of each training, checked against the resources of the machines."""
    found = [{key: node["Resources"].get(key, 0) for key in ("CPU", "GPU")} for node in nodes]
    most_gpus, all_gpus = max(node["GPU"] for node in found), sum(node["GPU"] for node in found)
    gpus = execution.gpus if execution.gpus is not None else _equal_share(all_gpus, execution.workers)
    if gpus > most_gpus:
        raise InputError(
            f"gpus: expected at most the {number(most_gpus)} GPUs of a machine; received {number(gpus)}; reduce gpus."
        )
    if execution.ray is None:
        workers, cpus = _local_cpus(execution)
        if gpus and workers > _fitting(all_gpus, gpus):
            raise InputError(
                f"workers: expected at most {_fitting(all_gpus, gpus)} of {number(gpus)} GPUs on this machine, which "
                f"has {number(all_gpus)}; received {workers}; reduce workers or gpus."
            )
        return Share(cpus, gpus, workers)
    cpus = execution.cpus or threads.count()
    most_cpus = max(node["CPU"] for node in found)
    if cpus > most_cpus:
        raise InputError(
            f"cpus: expected at most the {number(most_cpus)} CPUs of the largest machine of the cluster; received "
            f"{cpus}, {'as requested' if execution.cpus else 'the threads of this process'}; set cpus to fewer."
        )
    slots = sum(min(int(node["CPU"] // cpus), _fitting(node["GPU"], gpus)) for node in found)
    return Share(cpus, gpus, min(slots, execution.workers or slots))


def _equal_share(gpus: float, workers: int | None) -> float:
    """GPUs of each training: one, or the part of one that lets all workers train at the same time."""
    return 1.0 / math.ceil((workers or 1) / gpus) if gpus else 0.0


def _fitting(available: float, gpus: float) -> int:
    """Number of trainings that fit on the GPUs of a machine; a training does not use parts of two."""
    if not gpus:
        return sys.maxsize
    return int(available) * int(1 / gpus) if gpus < 1 else int(available // gpus)


def _check_answer(address: str) -> None:
    """Checks, within a limited time, that a cluster answers at an address: Ray itself would wait for minutes."""
    advice = "start one with `ray start --head`, or set workers to train on this machine"
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise InputError(f"ray: expected an address HOST:PORT, or auto; received {address!r}; {advice}.")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"ray: expected a cluster at {address}; nothing answers ({error}); {advice}.") from error
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        done = subprocess.run(command, capture_output=True, timeout=HEALTH_SECONDS, check=False)
        answers = done.returncode == 0
    except subprocess.TimeoutExpired:
        answers = False
    if not answers:
        raise InputError(
            f"ray: expected a cluster at {address}; something else, or another version of Ray, answers; {advice}."
        )


def _first_line(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0].rstrip(".")
