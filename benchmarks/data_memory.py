"""Peak memory of trainings on files of growing size, and speed and memory of bytes against floats.

    python benchmarks/data_memory.py --out /tmp/data-memory [--images 60000] [--sizes 1.1 2]

`--images` is the number of images of 28 × 28 that are compared as bytes and as floats, 0 for none; `--sizes` are the GB
of each file of images of 64 × 64 × 3.

Each training runs in a process of its own. Files are deleted when they have been used.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIDE = 64
CHUNK = 2000  # images that are written at a time
BATCH = 128


def write(path: Path, gigabytes: float) -> int:
    """Writes images of smooth noise as one array of bytes; returns their number."""
    n = int(gigabytes * 1e9 / (SIDE * SIDE * 3))
    array = np.lib.format.open_memmap(path, "w+", "uint8", (n, SIDE, SIDE, 3))
    rng = np.random.default_rng(0)
    for start in range(0, n, CHUNK):
        small = rng.integers(0, 256, (min(CHUNK, n - start), 8, 8, 3), "uint8")
        array[start : start + CHUNK] = small.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)
    array.flush()
    return n


def train_on_file(path: str, out: str) -> dict:
    """One epoch of a run on a file: peak memory and seconds."""
    import keras_vae as kv

    began = time.monotonic()
    config = kv.Config(f"{SIDE * SIDE * 3}-16-2", dataset=path, epochs=1, batch_size=BATCH, likelihood="gaussian")
    run = kv.train(config, out, quiet=True)
    return {"peak_gb": run.metrics["peak_memory_gb"], "seconds": round(time.monotonic() - began, 1)}


def fit(kind: str, n: int) -> dict:
    """Epochs of a dense model on bytes or on floats: peak memory, seconds of each epoch, digest of the weights."""
    import keras

    import keras_vae as kv
    from keras_vae._utils import memory
    from keras_vae.runs.provenance import weights_digest

    rng = np.random.default_rng(0)
    x = np.kron(rng.integers(0, 256, (n, 7, 7), "uint8"), np.ones((1, 4, 4), "uint8"))
    data = kv.Dataset.from_arrays("noise", {"x_train": x, "x_test": x[:100]})
    del x
    memory.reset_peak()
    vae = kv.dense_vae("784-256-2", (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    clock = _Clock()
    vae.fit(
        data.train if kind == "bytes" else data.x_train,
        batch_size=BATCH,
        epochs=4,
        verbose=0,
        callbacks=[clock.callback],
    )
    return {"peak_gb": memory.peak_gb(), "seconds": clock.seconds[1:], "weights": weights_digest(vae)}


class _Clock:
    """Seconds of each epoch."""

    def __init__(self):
        import keras

        self.seconds: list[float] = []
        self.callback = keras.callbacks.LambdaCallback(on_epoch_begin=self._begin, on_epoch_end=self._end)

    def _begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def _end(self, epoch, logs=None):
        self.seconds.append(round(time.perf_counter() - self._began, 3))


def child(*arguments: str) -> dict:
    """Runs this file in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--child", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=False)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--sizes", type=float, nargs="*", default=[1.1, 2.0])
    parser.add_argument("--child", nargs="+")
    arguments = parser.parse_args()
    if arguments.child:
        kind, *rest = arguments.child
        print(json.dumps(train_on_file(*rest) if kind == "file" else fit(kind, int(*rest))))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.images:
        found = {kind: child(kind, str(arguments.images)) for kind in ("floats", "bytes")}
        fastest = {kind: min(values["seconds"]) for kind, values in found.items()}
        print(f"floats {found['floats']}\nbytes {found['bytes']}", flush=True)
        print(f"seconds of an epoch, bytes / floats: {fastest['bytes'] / fastest['floats']:.2f}", flush=True)
    for size in arguments.sizes:
        path = arguments.out / f"{size}.npy"
        n = write(path, size)
        print(f"{size} GB, {n:,} images: {child('file', str(path), str(arguments.out / f'run-{size}'))}", flush=True)
        path.unlink()


if __name__ == "__main__":
    main()
