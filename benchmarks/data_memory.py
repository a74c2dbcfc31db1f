"""Peak memory of trainings on files of growing size, and speed and memory of bytes against floats.

    python benchmarks/data_memory.py --out /tmp/data-memory [--images 60000] [--sizes 0.1 1.1]

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

from keras_vae._utils.items import Items

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
    from keras_vae.data import npy

    npy.MAX_LOADED_BYTES = 0  # files of any size are read in parts
    began = time.monotonic()
    config = kv.Config(f"{SIDE * SIDE * 3}-16-2", dataset=path, epochs=1, batch_size=BATCH, likelihood="gaussian")
    run = kv.train(config, out, overwrite=True, quiet=True)
    return {"peak_gb": run.metrics["peak_memory_gb"], "seconds": round(time.monotonic() - began, 1)}


def compiled_model():
    """A dense model of images of 28 × 28."""
    import keras

    import keras_vae as kv

    vae = kv.dense_vae("784-256-2", (28, 28), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def noise(n: int):
    """A data set of n images of blocks."""
    import keras_vae as kv

    rng = np.random.default_rng(0)
    x = np.kron(rng.integers(0, 256, (n, 7, 7), "uint8"), np.ones((1, 4, 4), "uint8"))
    return kv.Dataset.from_arrays("noise", {"x_train": x, "x_test": x[:100]})


def fit(kind: str, n: int) -> dict:
    """Two epochs on bytes or on floats: peak memory, digest of the weights."""
    from keras_vae._utils import memory
    from keras_vae.runs.provenance import weights_digest

    data, vae = noise(n), compiled_model()
    memory.reset_peak()
    vae.fit(data.train if kind == "bytes" else data.x_train, batch_size=BATCH, epochs=2, verbose=0)
    return {"peak_gb": memory.peak_gb(), "weights": weights_digest(vae)}


def speed(n: int, rounds: int = 4) -> dict:
    """Epochs on floats and on bytes in turn, in one process: processor seconds of each, and ratio of the medians."""
    data = noise(n)
    models = {
        "floats": (compiled_model(), data.x_train),
        "bytes": (compiled_model(), Items(data.train.stored, data.train.scaling)),
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in models}
    for _ in range(rounds + 1):
        for kind, (vae, x) in models.items():
            began = time.process_time()
            vae.fit(x, batch_size=BATCH, epochs=1, verbose=0)
            seconds[kind].append(round(time.process_time() - began, 2))
    warm = {kind: times[1:] for kind, times in seconds.items()}  # the first one compiles
    return {**warm, "ratio": round(float(np.median(warm["bytes"]) / np.median(warm["floats"])), 2)}


def child(*arguments: str) -> dict:
    """Runs this file in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--child", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=False)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--sizes", type=float, nargs="*", default=[0.1, 1.1])
    parser.add_argument("--child", nargs="+")
    arguments = parser.parse_args()
    if arguments.child:
        kind, *rest = arguments.child
        if kind == "file":
            found = train_on_file(*rest)
        else:
            found = speed(int(rest[0])) if kind == "speed" else fit(kind, int(rest[0]))
        print(json.dumps(found))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.images:
        for kind in ("floats", "bytes"):
            print(f"{kind}: {child(kind, str(arguments.images))}", flush=True)
        print(f"processor seconds of an epoch: {child('speed', str(arguments.images))}", flush=True)
    for size in arguments.sizes:
        path = arguments.out / f"{size}.npy"
        n = write(path, size)
        print(f"{size} GB, {n:,} images: {child('file', str(path), str(arguments.out / f'run-{size}'))}", flush=True)
        path.unlink()


if __name__ == "__main__":
    main()
