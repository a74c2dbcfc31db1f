"""Epochs of the same network in PyTorch, eager and compiled, and in pythae, alternating with epochs of keras_vae.

The peers are installed in an environment of their own, `benchmarks/.venv`, by `make bench PEERS=1`.
"""

import json
import signal
import subprocess
from pathlib import Path

import training
from convolutions import kernels_alone
from timing import Row, alternate, row

from keras_vae.errors import InputError

PYTHON = Path(__file__).parent / ".venv" / "bin" / "python"
SCRIPT = Path(__file__).with_name("peer.py")
DENSE = {
    "eager": "PyTorch {torch}, eager",
    "compiled": "PyTorch {torch}, torch.compile",
    "pythae": "pythae {pythae}, its pipeline, copies and checkpoint of the model included",
}
CONVOLUTIONAL = {"convolutional": ("c32-c64-256-16", 8192), "map": ("c32-c64-8x8x1024", 1024)}
N_IMAGES = 60_000  # of dense networks


class Peer:
    """A process that trains one epoch per request.

    Attributes:
        first: seconds of the first epoch, compilation included.
    """

    def __init__(self, kind: str, n_images: int):
        command = [PYTHON, SCRIPT, kind, str(n_images)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.first = self.epoch()

    def epoch(self) -> float:
        """Trains an epoch and returns its seconds."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write("epoch\n")
        while line := self._process.stdout.readline():
            if line.startswith("seconds "):
                self._process.send_signal(signal.SIGSTOP)  # its threads may spin while they wait for work
                return float(line.split()[1])
        raise RuntimeError(f"{' '.join(map(str, self._process.args))} ended with {self._process.wait()}.")

    def stop(self) -> None:
        """Ends the process."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        self._process.wait()


def versions() -> dict[str, str]:
    """Versions of torch and pythae in the peers' environment."""
    program = "import json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in ('torch', 'pythae')}))"
    return json.loads(subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True).stdout)


def rows() -> list[Row]:
    if not PYTHON.is_file():
        raise InputError(
            f"peers: expected an environment at {PYTHON.parent.parent}; found none; run make bench PEERS=1."
        )
    return dense_rows() + convolutional_rows()


def dense_rows() -> list[Row]:
    ours = training.ours(training.DENSE, training.images(N_IMAGES))
    found, installed = [], versions()
    for kind, name in DENSE.items():
        peer = Peer(kind, N_IMAGES)
        pairs = alternate({"ours": ours, "peer": peer.epoch})
        peer.stop()
        against = f"{name.format(**installed)}; its first epoch took {peer.first:.1f} s"
        found.append(row(f"warm epoch of {training.DENSE}", "s", pairs, against))
    return found


def convolutional_rows() -> list[Row]:
    found, torch = [], versions()["torch"]
    for kind, (architecture, n_images) in CONVOLUTIONAL.items():
        peer = Peer(kind, n_images)
        ours = training.ours(architecture, training.images(n_images))
        pairs = alternate({"ours": ours, "peer": peer.epoch, "floor": kernels_alone(architecture, n_images)})
        peer.stop()
        against = f"PyTorch {torch}, channels_last; convolutions and matrix products of the layers"
        found.append(row(f"epoch of {architecture}, {n_images:,} images", "s", pairs, against, ratio=1.0))
    return found
