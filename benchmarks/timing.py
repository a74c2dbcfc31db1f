"""How benchmarks measure: two sides in turn, in one run, told as the ratio of pairs."""

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROUNDS = 5
WORDS = {"ratio": "peer / ours", "over_floor": "ours / floor", "ours": "ours"}


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        item: what was done.
        unit: of `ours`, `peer` and `floor`: less is better.
        ours, peer, floor: medians; None where there is no such side.
        ratio: median over pairs of peer / ours: how many times better ours is.
        over_floor: median over pairs of ours / floor.
        against: what the peer is, and the floor.
        target: what is to be reached, as `peer / ours ≥ 2.2`.
        met: whether it was; None without a target.
    """

    item: str
    unit: str
    ours: float
    peer: float | None = None
    floor: float | None = None
    ratio: float | None = None
    over_floor: float | None = None
    against: str = ""
    target: str = ""
    met: bool | None = None


def alternate(sides: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Calls all sides in turn, `rounds` times over; each returns what it measured."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
    return found


def quotient(first: Sequence[float], second: Sequence[float]) -> float:
    """Median of the quotients of pairs, which what slows both down doesn't change."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def row(item: str, unit: str, found: Mapping[str, list[float]], against: str, **targets: float) -> Row:
    """A line from what `alternate` found of `ours` and, as far as they are there, of `peer` and `floor`.

    Args:
        targets: `ratio` at least, `over_floor` or `ours` at most.
    """
    middle = {name: statistics.median(values) for name, values in found.items()}
    values: dict[str, Any] = {
        **middle,
        "ratio": quotient(found["peer"], found["ours"]) if "peer" in found else None,
        "over_floor": quotient(found["ours"], found["floor"]) if "floor" in found else None,
    }
    words = [f"{WORDS[name]} {'≥' if name == 'ratio' else '≤'} {bound:g}" for name, bound in targets.items()]
    met = [values[name] >= bound if name == "ratio" else values[name] <= bound for name, bound in targets.items()]
    return Row(item, unit, **values, against=against, target=", ".join(words), met=all(met) if met else None)


def in_a_fresh_process(*arguments: str) -> dict:
    """What a script prints as JSON in its last line, run by this Python."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    head = ["", "unit", "ours", "peer", "floor", *map(WORDS.get, ("ratio", "over_floor")), "against", "target", ""]
    lines = [head, ["---"] * len(head)]
    for r in rows:
        numbers = [_number(value) for value in (r.ours, r.peer, r.floor, r.ratio, r.over_floor)]
        lines.append([r.item, r.unit, *numbers, r.against, r.target, {True: "met", False: "MISSED", None: ""}[r.met]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    import os
    from importlib.metadata import version

    from keras_vae._utils.keras_import import import_keras

    backend = import_keras().backend.backend()
    names = ("keras-vae", "keras", backend, "numpy", "matplotlib")
    cpu = Path("/proc/cpuinfo")
    model = [line for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.is_file() else []
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": model[0].split(":")[1].strip() if model else platform.processor(),
        "python": platform.python_version(),
        "backend": backend,
        **{name: version(name) for name in names},
    }


def write(path: Path, rows: Sequence[Row]) -> None:
    path.write_text(json.dumps({"machine": machine(), "rows": [asdict(r) for r in rows]}, indent=2) + "\n")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
