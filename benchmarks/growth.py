"""Growth: time and memory against the number of images and of latent units, each point in a process of its own.

As a script it measures one point: `python benchmarks/growth.py train 4000 2`.
"""

import json
import math
import sys
import time

from timing import Row, in_a_fresh_process, row

from keras_vae._utils import memory

IMAGES = (1000, 4000, 15_000, 60_000)
UNITS = (2, 64, 512, 4096)
ENCODED = (1000, 2000, 5000, 10_000)
USUAL_IMAGES, USUAL_UNITS, USUAL_ENCODED = 15_000, 2, 1000  # 15,000: enough for the faster step


def train(images: int, units: int) -> float:
    """Seconds of a warm epoch of 784-256-UNITS."""
    import training

    return min(epoch() for epoch in [training.ours(f"784-256-{units}", training.images(images))] for _ in range(2))


def audit(images: int, units: int) -> float:
    """Seconds of the audit of so many encodings."""
    import numpy as np

    from keras_vae import diagnostics

    codes = np.random.default_rng(0).normal(0, math.sqrt(0.75), (images, units))
    spread = np.full(codes.shape, math.log(0.25))
    diagnostics.audit(codes[:50], spread[:50])  # what is loaded when first used
    began = time.perf_counter()
    diagnostics.audit(codes, spread)
    return time.perf_counter() - began


def slope(sizes: tuple[int, ...], values: list[float]) -> float:
    """Of the last step in a double logarithmic plot: 1 is proportional, 0 constant."""
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def rows() -> list[Row]:
    series = (
        ("train", "images", IMAGES, lambda n: (n, USUAL_UNITS)),
        ("train", "units", UNITS, lambda n: (USUAL_IMAGES, n)),
        ("audit", "images", ENCODED, lambda n: (n, USUAL_UNITS)),
        ("audit", "units", UNITS[:3], lambda n: (USUAL_ENCODED, n)),
    )
    found = []
    for what, of, sizes, point in series:
        measured = [in_a_fresh_process(__file__, what, *map(str, point(n))) for n in sizes]
        name = {"train": "a warm epoch of 784-256-UNITS", "audit": "the audit of encodings"}[what]
        for key, unit in (("seconds", "s"), ("peak", "MB")):
            values = [m[key] for m in measured]
            told = ", ".join(f"{n:,}: {value:.3g}" for n, value in zip(sizes, values, strict=True))
            words = f"{told}; slope at the end {slope(sizes, values):.2f}"
            found.append(row(f"{name}, {sizes[-1]:,} {of}", unit, {"ours": [values[-1]]}, words))
    return found


if __name__ == "__main__":
    what, images, units = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds = {"train": train, "audit": audit}[what](images, units)
    print(json.dumps({"seconds": seconds, "peak": 1000 * (memory.peak_gb() or math.nan)}))
