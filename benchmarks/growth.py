"""Time and memory as functions of the number of images and of latent units; each value from a process of its own.

As a script it measures one value: `python benchmarks/growth.py train 4000 2`.
"""

import json
import math
import sys
import time

from timing import Row, in_a_fresh_process, row

from keras_vae._utils import memory

N_TRAINING_IMAGES = (1000, 4000, 15_000, 60_000)
N_UNITS = (2, 64, 512, 4096)
N_AUDITED_UNITS = N_UNITS[:3]
N_ENCODINGS = (1000, 2000, 5000, 10_000)
# Values of the argument that doesn't vary. An epoch of 15,000 images has enough steps for the compiled epoch.
FIXED_TRAINING_IMAGES, FIXED_UNITS, FIXED_ENCODINGS = 15_000, 2, 1000


def train(images: int, units: int) -> float:
    """Seconds of a warm epoch of 784-256-UNITS."""
    import training

    return min(epoch() for epoch in [training.ours(f"784-256-{units}", training.images(images))] for _ in range(2))


def audit(images: int, units: int) -> float:
    """Seconds of the audit of encodings `(images, units)`."""
    import numpy as np

    from keras_vae import diagnostics

    codes = np.random.default_rng(0).normal(0, math.sqrt(0.75), (images, units))
    log_vars = np.full(codes.shape, math.log(0.25))
    diagnostics.audit(codes[:50], log_vars[:50])  # loads what is imported lazily
    began = time.perf_counter()
    diagnostics.audit(codes, log_vars)
    return time.perf_counter() - began


def slope(sizes: tuple[int, ...], values: list[float]) -> float:
    """The slope between the last two points on double logarithmic axes: 1 is proportional, 0 constant."""
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def rows() -> list[Row]:
    series = (
        ("train", "images", N_TRAINING_IMAGES, lambda n: (n, FIXED_UNITS)),
        ("train", "units", N_UNITS, lambda n: (FIXED_TRAINING_IMAGES, n)),
        ("audit", "images", N_ENCODINGS, lambda n: (n, FIXED_UNITS)),
        ("audit", "units", N_AUDITED_UNITS, lambda n: (FIXED_ENCODINGS, n)),
    )
    found = []
    for task, varied, sizes, arguments in series:
        measured = [in_a_fresh_process(__file__, task, *map(str, arguments(n))) for n in sizes]
        name = {"train": "a warm epoch of 784-256-UNITS", "audit": "the audit of encodings"}[task]
        for key, unit in (("seconds", "s"), ("peak", "MB")):
            values = [m[key] for m in measured]
            by_size = ", ".join(f"{n:,}: {value:.3g}" for n, value in zip(sizes, values, strict=True))
            remark = f"{by_size}; slope at the end {slope(sizes, values):.2f}"
            found.append(row(f"{name}, {sizes[-1]:,} {varied}", unit, {"ours": [values[-1]]}, remark))
    return found


if __name__ == "__main__":
    task, images, units = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds = {"train": train, "audit": audit}[task](images, units)
    print(json.dumps({"seconds": seconds, "peak": 1000 * (memory.peak_gb() or math.nan)}))
