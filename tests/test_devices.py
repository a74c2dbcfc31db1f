"""One training on several devices: equal to one device, over several processes, killed and resumed; refusals."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from programs import run

from keras_vae import Config, InputError, Run, train
from keras_vae.runs import devices as several_devices
from keras_vae.runs.devices import Devices, join_cluster

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed: pip install '.[jax]'"
)
not_on_jax = pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has this feature")
BATCH = 36  # divided by 2, 3 and 4 devices; neither the 96 training images nor the 40 test images are a multiple
MAX_SECONDS = 900  # for a program, where other programs use the processors


def environment(devices: int = 1) -> dict[str, str]:
    flag = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu"}


def weights(run: Run) -> np.ndarray:
    """All weights of a run's model; the decoder's weights at every recorded step are those of its last record."""
    model = keras.models.load_model(run.model_path, compile=False)
    return np.concatenate([array.ravel() for array in model.get_weights()])


def assert_equal_up_to_rounding(one: Run, other: Run) -> None:
    for name in set(one.history) - {"seconds"}:
        np.testing.assert_allclose(other.history[name], one.history[name], rtol=0, atol=1e-3, err_msg=name)
    assert np.abs(weights(one) - weights(other)).max() < 1e-4
    np.testing.assert_array_equal(one.trajectory.steps, other.trajectory.steps)
    np.testing.assert_allclose(one.trajectory.mean, other.trajectory.mean, rtol=0, atol=1e-3)
    for name in ("unit_history", "decoders"):
        for key, array in one.arrays(name).items():
            np.testing.assert_allclose(other.arrays(name)[key], array, rtol=0, atol=2e-3, err_msg=key)


TRAININGS = """
import sys
import keras_vae as kv
from keras_vae._utils.progress import ProgressReporter
from pathlib import Path

class Interrupted(ProgressReporter):
    def log(self, text):
        if text.startswith("epoch 2/"):
            raise KeyboardInterrupt

data, out, batch = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
config = kv.Config("64-16-2", dataset=data, epochs=3, batch_size=batch, warmup=1, record_every=1, seed=3)
kv.train(config, out / "one", quiet=True)
kv.train(config, out / "two", quiet=True, devices=2)
try:
    kv.train(config, out / "resumed", devices="all", progress=Interrupted(True))
except KeyboardInterrupt:
    kv.train(config, out / "resumed", devices=3, resume=True, quiet=True)
for wrong in ({"devices": 5}, {"devices": 0}, {"devices": 4, "batch_size": 33}):
    asked = config.model_copy(update={"batch_size": wrong.pop("batch_size", batch)})
    try:
        kv.train(asked, out / "refused", quiet=True, **wrong)
    except kv.InputError as error:
        print(error)
"""


@pytest.mark.slow
@needs_jax
def test_one_and_several_devices_agree_and_a_run_is_resumed_on_another_number(npz, tmp_path):
    arguments = [sys.executable, "-c", TRAININGS, str(npz), str(tmp_path), str(BATCH)]
    done = subprocess.run(arguments, env=environment(devices=4), capture_output=True, text=True, timeout=MAX_SECONDS)
    assert done.returncode == 0, done.stderr
    one, two, resumed = (Run.open(tmp_path / name) for name in ("one", "two", "resumed"))
    assert_equal_up_to_rounding(one, two)
    assert_equal_up_to_rounding(one, resumed)
    assert "devices" not in one.config
    assert two.config["devices"] == {"count": 2, "platform": "cpu", "processes": 1}
    assert resumed.config["devices"]["count"] == 3
    assert done.stdout.splitlines() == [
        "devices: expected at most the 4 that JAX finds (cpu); received 5; choose fewer, or devices='all'.",
        "devices: expected a whole number of at least 1; received 0.",
        "batch_size: expected a multiple of the 4 devices, which receive equally many images; received 33; choose 32 "
        "or 36, or another number of devices.",
    ]
    assert not (tmp_path / "refused").exists()


# -- several processes -------------------------------------------------------------------------------------


class Cluster:
    """Two processes of one training; the second has no access to the run folder."""

    def __init__(self, npz: Path, folder: Path, *options: str):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        common = command(npz, *options, "--devices", "all", "--coordinator", f"127.0.0.1:{port}", "--processes", "2")
        self.log = folder.parent / f"{folder.name}-{port}.log"
        elsewhere = folder.parent / "elsewhere" / "run"
        with self.log.open("w") as log:
            self.processes = [
                subprocess.Popen(
                    [*common, "--process-index", str(i), "--out", str(out)], env=environment(), stdout=log, stderr=log
                )
                for i, out in enumerate((folder, elsewhere))
            ]
        self.elsewhere = elsewhere

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + MAX_SECONDS
        while text not in self.log.read_text():
            assert time.monotonic() < until, self.log.read_text()
            assert [process.poll() for process in self.processes] == [None, None], self.log.read_text()
            time.sleep(0.05)

    def codes(self) -> list[int]:
        try:
            return [process.wait(MAX_SECONDS) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()


def command(npz: Path, *options: str) -> list[str]:
    config = ["--architecture", "64-16-2", "--epochs", "60", "--warmup", "1", "--seed", "3"]
    return [
        sys.executable, "-m", "keras_vae", "train", *config, "--dataset", str(npz), "--batch-size", str(BATCH), *options
    ]  # fmt: skip


@needs_jax
@pytest.mark.slow
def test_a_cluster_is_killed_and_resumed(npz, tmp_path):
    out = tmp_path / "run"
    for victim, epoch, options in ((1, 5, ()), (0, 20, ("--resume",))):
        cluster = Cluster(npz, out, *options)
        cluster.wait_for(f"epoch {epoch}/")
        cluster.processes[victim].send_signal(signal.SIGKILL)
        codes = cluster.codes()
        assert codes[victim] == -signal.SIGKILL
        assert codes[1 - victim] != 0
        assert not Run(out).finished
    cluster = Cluster(npz, out, "--resume")
    assert cluster.codes() == [0, 0], cluster.log.read_text()
    assert not cluster.elsewhere.exists()
    assert cluster.log.read_text().count("Next:") == 1
    one = [*command(npz), "--out", str(tmp_path / "one")]
    subprocess.run(one, env=environment(), check=True, capture_output=True, timeout=MAX_SECONDS)
    assert_equal_up_to_rounding(Run.open(tmp_path / "one"), Run.open(out))
    assert Run.open(out).config["devices"] == {"count": 2, "platform": "cpu", "processes": 2}


@needs_jax
@pytest.mark.slow
def test_an_error_of_one_process_is_reported_by_all(npz, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("not a run")
    cluster = Cluster(npz, tmp_path / "run")
    assert cluster.codes() == [2, 2], cluster.log.read_text()
    assert "devices: process 0 has failed: folder: expected an empty folder or a run" in cluster.log.read_text()


# -- refusals ----------------------------------------------------------------------------------------------


@not_on_jax
@pytest.mark.parametrize("devices", [1, 2, "all"])
def test_other_backends_are_refused(devices, toy_config, tmp_path):
    with pytest.raises(InputError, match=r"^devices: expected the JAX backend, .*; set KERAS_BACKEND=jax\.$"):
        train(toy_config, tmp_path / "run", devices=devices)
    assert not (tmp_path / "run").exists()


@not_on_jax
def test_the_command_line_refuses_other_backends(monkeypatch, capsys, npz, tmp_path):
    assert run(monkeypatch, "train", "--dataset", npz, "--out", tmp_path / "run", "--devices", "2") == 2
    assert "set KERAS_BACKEND=jax." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--devices", "both"], "devices: expected all or a whole number; received 'both'."),
        (["--processes", "2"], "processes: expected --devices too; received none; add --devices all."),
        (["--process-index", "0"], "process-index: expected --devices too; received none; add --devices all."),
    ],
)
def test_options_of_the_command_line(monkeypatch, capsys, npz, tmp_path, options, message):
    assert run(monkeypatch, "train", "--dataset", npz, "--out", tmp_path / "run", *options) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def without_cluster(monkeypatch):
    """No cluster in the environment; the backend is not checked, and nothing is waited for."""
    for name in (*several_devices.ENVIRONMENT.values(), several_devices.JAX_ADDRESS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(several_devices, "_check_backend", lambda: None)
    monkeypatch.setattr(several_devices, "CONNECTION_SECONDS", 0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coordinator": "10.0.0.1:1"}, "^processes: expected coordinator, processes and process_index together"),
        ({"processes": 2, "process_index": 0}, "^coordinator: expected coordinator, processes and"),
        ({"coordinator": "host", "processes": 2, "process_index": 0}, "^coordinator: expected HOST:PORT of process 0"),
        ({"coordinator": "host:0", "processes": 2, "process_index": 0}, "^coordinator: expected HOST:PORT"),
        ({"coordinator": "h:1", "processes": 0, "process_index": 0}, "^processes: expected a whole number"),
        ({"coordinator": "h:1", "processes": 2, "process_index": 2}, "^process_index: expected a whole number"),
        ({"coordinator": "127.0.0.1:1", "processes": 2, "process_index": 1}, "^coordinator: .* nothing answers there"),
    ],
)
@needs_jax
@pytest.mark.usefixtures("without_cluster")
def test_clusters_that_cannot_be_joined(arguments, message):
    with pytest.raises(InputError, match=message):
        join_cluster(**arguments)


@needs_jax
@pytest.mark.usefixtures("without_cluster")
def test_a_port_in_use_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InputError, match=f"^coordinator: expected a free port; {port} can't be used"):
            join_cluster(f"127.0.0.1:{port}", 2, 0)


@needs_jax
@pytest.mark.usefixtures("without_cluster")
def test_the_environment_describes_a_cluster(monkeypatch):
    join_cluster()  # one process
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "two")
    with pytest.raises(InputError, match=r"^KERAS_DISTRIBUTION_NUM_PROCESSES: expected a whole number"):
        join_cluster()
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match=r"set it, or KERAS_DISTRIBUTION_PROCESS_ID\.$"):
        join_cluster()
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "1")
    with pytest.raises(InputError, match="nothing answers there"):
        join_cluster()


def test_batches_that_devices_do_not_divide():
    used = Devices(["gpu:0", "gpu:1", "gpu:2"])
    used.check_batch_size(129)
    with pytest.raises(InputError, match="received 128; choose 126 or 129, or another number of devices"):
        used.check_batch_size(128)
    with pytest.raises(InputError, match="received 2; choose 3, or"):
        used.check_batch_size(2)


def test_processes_that_train_something_else_are_refused(monkeypatch):
    used = Devices(["cpu:0", "cpu:1"], processes=2, index=0)
    other = Devices(["cpu:0", "cpu:1"], processes=2, index=1)
    sent = []
    monkeypatch.setattr(other, "_exchange", lambda value: sent.append(value) or [value, value])
    other.check_same(config={"seed": 1}, data="a")
    monkeypatch.setattr(used, "_exchange", lambda value: [value, *sent])
    used.check_same(config={"seed": 1}, data="a")
    with pytest.raises(InputError, match=r"^devices: expected the same data in all processes; process 1"):
        used.check_same(config={"seed": 1}, data="b")


def test_a_training_without_devices_has_no_distribution():
    used = several_devices.choose(None)
    assert (used.names, used.writes, used.described()) == ((), True, {})
    with used.scope():
        assert keras.distribution.distribution() is None
    assert "devices" not in Config.model_fields  # results don't depend on them
