"""Executors of trainings: options, refusals, and Ray with tasks that sleep in place of trainings."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import sleeping_tasks
from sleeping_tasks import SleepingTask

from keras_vae import InputError, TrainingDiverged
from keras_vae._utils import threads
from keras_vae._utils.progress import ParallelProgress
from keras_vae.data import Dataset
from keras_vae.studies import ray_cluster
from keras_vae.studies.execution import Execution
from keras_vae.studies.executors import SerialExecutor, executor
from keras_vae.studies.ray_cluster import Share

NODE = {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}


@pytest.fixture(scope="module")
def noise() -> Dataset:
    x = np.random.default_rng(0).integers(0, 256, (9, 8, 8), "uint8")
    return Dataset.from_arrays("noise", {"x_train": x, "x_test": x})


@pytest.fixture
def ray(monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setattr(threads, "count", lambda: 4)
    ray.cloudpickle.register_pickle_by_value(sleeping_tasks)
    yield ray
    ray.shutdown()


def tasks(folder, n: int = 3, **options) -> dict[int, SleepingTask]:
    return {i: SleepingTask(f"task {i}", folder / f"task-{i}", **options) for i in range(n)}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"workers": 0}, "workers: expected at least 1; received 0."),
        ({"workers": 1, "cpus": 0}, "cpus: expected at least 1; received 0."),
        ({"workers": 1, "gpus": 1.5}, "gpus: expected a number from 0 to 1, or a whole number; received 1.50;"),
        ({"workers": 1, "gpus": -1.0}, "gpus: expected a number from 0 to 1"),
        ({"cpus": 1}, "cpus: expected only together with workers or ray"),
        ({"storage": "file:///a"}, "storage: expected only together with workers or ray"),
    ],
)
def test_invalid_options_are_refused(options, problem):
    with pytest.raises(InputError) as error:
        Execution(**options)
    assert str(error.value).startswith(problem)


def test_without_ray_nothing_of_it_is_imported():
    program = (
        "import sys; sys.modules['ray'] = None\n"
        "import keras_vae.studies, keras_vae.studies.sweeps\n"
        "from keras_vae.studies.execution import Execution\n"
        "from keras_vae.studies.executors import executor\n"
        "print(type(executor(Execution())).__name__)\n"
        "try: executor(Execution(workers=2))\n"
        "except keras_vae.InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name, refusal = done.stdout.splitlines()
    assert name == "SerialExecutor"
    assert refusal.startswith("workers, ray: expected Ray to be installed; it is not (")
    assert refusal.endswith("pip install 'keras-vae[ray]'.")


def test_the_number_of_threads_is_the_requested_one(monkeypatch):
    for name, value in threads.environment(3).items():
        monkeypatch.setenv(name, value)
    assert threads.count() == 3
    monkeypatch.delenv(threads.VARIABLE)
    assert threads.count() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("execution", "share"),
    [
        (Execution(ray="a:1", cpus=4), Share(4, 1.0, 3)),  # 2 on the GPUs of the first machine, 1 on the second
        (Execution(ray="a:1", cpus=4, gpus=0), Share(4, 0, 4)),
        (Execution(ray="a:1", cpus=2, gpus=0.5), Share(2, 0.5, 6)),
        (Execution(ray="a:1", cpus=1, gpus=0, workers=5), Share(1, 0, 5)),
        (Execution(ray="a:1", cpus=1, workers=7), Share(1, 1 / 3, 7)),
    ],
)
def test_the_share_of_each_training(execution, share):
    nodes = [NODE, {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 1.0}}]
    assert ray_cluster._share(execution, nodes) == share


@pytest.mark.parametrize(
    ("execution", "problem"),
    [
        (Execution(ray="a:1", gpus=4), "gpus: expected at most the 2.00 GPUs of a machine; received 4.00"),
        (Execution(ray="a:1", cpus=9), "cpus: expected at most the 8.00 CPUs of the largest machine"),
        (Execution(workers=3, cpus=1, gpus=1), "workers: expected at most 2 of 1.00 GPUs on this machine"),
        (Execution(workers=5, cpus=1), "workers: expected at most 4 of 1 CPU on this machine, which has 4; received 5"),
        (Execution(workers=1, cpus=5), "cpus: expected at most the 4 CPUs of this machine; received 5."),
    ],
)
def test_more_than_there_is_is_refused(execution, problem, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 4)
    with pytest.raises(InputError) as error:
        ray_cluster._share(execution, [NODE])
    assert str(error.value).startswith(problem)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("somewhere", "expected an address HOST:PORT, or auto; received 'somewhere'"),
        ("ray://host:10001", "expected an address HOST:PORT, or auto"),
        ("127.0.0.1:1", "expected a cluster at 127.0.0.1:1; nothing answers"),
    ],
)
def test_an_address_where_nothing_answers_is_refused_at_once(address, problem):
    began = time.monotonic()
    with pytest.raises(InputError) as error:
        ray_cluster._check_answer(address)
    assert str(error.value).startswith(f"ray: {problem}")
    assert time.monotonic() - began < ray_cluster.ANSWER_SECONDS + 5


def test_an_address_where_something_else_answers_is_refused(monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setattr(ray_cluster, "HEALTH_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(InputError, match="something else"):
        ray_cluster._check_answer(f"127.0.0.1:{server.getsockname()[1]}")


def test_the_serial_executor_names_the_training_that_diverged(noise, tmp_path):
    with pytest.raises(TrainingDiverged, match="task 0: The loss became nan"):
        SerialExecutor().run(tasks(tmp_path, diverges=True), noise, None)


def test_progress_of_several_parts_counts_them(capsys):
    with ParallelProgress(3, done=1) as progress:
        progress.finish_part("a", 2.0)
        progress.finish_part("b", 3.0)
    lines = ["1 of 3 finished before", "2/3 a: 2 s; 0:00:00 left", "3/3 b: 3 s; 0:00:00 left"]
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.slow
def test_ray_performs_what_is_missing(ray, noise, tmp_path, capsys):
    given = tasks(tmp_path)
    given[1].perform(noise, None, None)
    rows = executor(Execution(workers=2, cpus=1)).run(given, noise, None)
    assert rows == {i: {"loss": 6.0, "images": 9.0} for i in given}
    assert given[1].pids == [os.getpid()]
    assert len({*given[0].pids, *given[2].pids, os.getpid()}) == 3  # a process each
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".partial-")]
    assert "3/3 task" in capsys.readouterr().out


@pytest.mark.slow
def test_an_error_of_a_task_is_raised_as_it_was(ray, noise, tmp_path):
    with pytest.raises(TrainingDiverged, match="task 0: The loss became nan"):
        executor(Execution(workers=1, cpus=1)).run(tasks(tmp_path, 1, diverges=True), noise, None)
    handler = signal.getsignal(signal.SIGTERM)
    assert handler is signal.SIG_DFL


@pytest.mark.slow
def test_a_killed_worker_and_a_lost_machine_are_replaced(ray, noise, tmp_path):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    given = tasks(tmp_path, 3, steps=100)

    ended = threading.Event()

    def lose() -> None:
        while not given[0].pids and not ended.wait(0.1):
            pass
        if not ended.is_set():
            os.kill(given[0].pids[-1], signal.SIGKILL)
        while not given[1].pids and not ended.wait(0.1):
            pass
        cluster.remove_node(second, allow_graceful=False)

    loss = threading.Thread(target=lose)
    loss.start()
    try:
        rows = executor(Execution(ray=cluster.address, cpus=1)).run(given, noise, None)
    finally:
        ended.set()
        loss.join()
        cluster.shutdown()
    assert rows == {i: {"loss": 6.0, "images": 9.0} for i in given}
    assert sum(len(task.pids) for task in given.values()) >= 4  # at least one task was repeated
