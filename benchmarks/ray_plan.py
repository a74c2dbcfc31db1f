"""Wall time of every recipe with ten seeds on many workers, from the minutes in docs/results/index.md.

    python benchmarks/ray_plan.py --workers 64

Trainings of one recipe are taken to be equally long, and each worker to be as fast as the two CPU cores that the
minutes were measured on. A worker starts a process for each training, which takes the given seconds.
"""

import argparse
import math
import re
from pathlib import Path

INDEX = Path(__file__).parents[1] / "docs" / "results" / "index.md"
# In the results; others have 2.
SEEDS = {
    "latent-4d": 10, "tiles": 3, "sampling": 5, "latent-3d": 5, "collapse": 5, "priors": 4, "linear-vae": 5,
    "orthogonality": 5,  # 8 and 3, of two data sets
    "rate-distortion": 3, "literature": 3,
}  # fmt: skip
ROW = re.compile(r"^\| \[[^]]*\]\(([\w-]+)\.md\) \|.*\| ([^|]*) \| ([\d.]+) \|$", re.MULTILINE)


def main() -> None:
    """Prints a row for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--start-seconds", type=float, default=10.0)
    options = parser.parse_args()
    columns = (
        f"trainings, {options.seeds} seeds",
        "minutes each",
        "serial, hours",
        f"{options.workers} workers, minutes",
    )
    print(f"| recipe | {' | '.join(columns)} |")
    print("| --- | ---: | ---: | ---: | ---: |")
    total_serial = total_wall = 0.0
    for name, trained, minutes in ROW.findall(INDEX.read_text(encoding="utf-8")):
        if name == "trajectories":  # one training, which has no seeds
            continue
        n_before = sum(int(count) for count in re.findall(r"(\d+) of", trained))
        each = float(minutes) / n_before
        n = n_before // SEEDS.get(name, 2) * options.seeds
        serial, wall = n * each / 60, math.ceil(n / options.workers) * (each + options.start_seconds / 60)
        total_serial, total_wall = total_serial + serial, total_wall + wall
        print(f"| {name} | {n} | {each:.1f} | {serial:.1f} | {wall:.1f} |")
    print(f"| **all** | | | {total_serial:.0f} | {total_wall:.0f} |")


if __name__ == "__main__":
    main()
