"""Alternating measurements of two sides, medians of the ratios of pairs, and the table of results."""

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

N_ROUNDS = 5
TAIL_CHARACTERS = 2000  # of stderr, shown if a process fails
LABELS = {"ratio": "peer / ours", "over_floor": "ours / floor", "ours": "ours"}


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        item: what is measured.
        unit: of `ours`, `peer` and `floor`; lower is better.
        ours, peer, floor: medians; None for a side that was not measured.
        ratio: median over pairs of peer / ours.
        over_floor: median over pairs of ours / floor.
        against: description of the peer and of the floor.
        target: the bounds, as `peer / ours ≥ 2.2`.
        met: whether all bounds are met; None without any.
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


def alternate(sides: Mapping[str, Callable[[], float]], rounds: int = N_ROUNDS) -> dict[str, list[float]]:
    """Calls all sides in alternation, `rounds` times; returns the measured values by side."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
    return found


def quotient(first: Sequence[float], second: Sequence[float]) -> float:
    """Median of the quotients of pairs, which doesn't change if both sides of a pair slow down by the same factor."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def row(item: str, unit: str, found: Mapping[str, list[float]], against: str, **targets: float) -> Row:
    """A row of the table from the values of `alternate`.

    Args:
        item, unit, against: see `Row`.
        found: values of `ours` and, where they were measured, of `peer` and `floor`.
        targets: a lower bound for `ratio`, upper bounds for `over_floor` and `ours`.
    """
    medians = {name: statistics.median(values) for name, values in found.items()}
    values: dict[str, Any] = {
        **medians,
        "ratio": quotient(found["peer"], found["ours"]) if "peer" in found else None,
        "over_floor": quotient(found["ours"], found["floor"]) if "floor" in found else None,
    }
    bounds = [f"{LABELS[name]} {'≥' if name == 'ratio' else '≤'} {bound:g}" for name, bound in targets.items()]
    met = [values[name] >= bound if name == "ratio" else values[name] <= bound for name, bound in targets.items()]
    return Row(item, unit, **values, against=against, target=", ".join(bounds), met=all(met) if met else None)


def in_a_fresh_process(*arguments: str) -> dict:
    """Runs this Python with the arguments and returns the JSON in the last line of its output."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-TAIL_CHARACTERS:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    head = ["", "unit", "ours", "peer", "floor", LABELS["ratio"], LABELS["over_floor"], "against", "target", ""]
    lines = [head, ["---"] * len(head)]
    for r in rows:
        numbers = [_number(value) for value in (r.ours, r.peer, r.floor, r.ratio, r.over_floor)]
        lines.append([r.item, r.unit, *numbers, r.against, r.target, {True: "met", False: "MISSED", None: ""}[r.met]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> dict[str, Any]:
    """Processor, number of cores, and versions of the software."""
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
    """Writes the machine and the rows as JSON."""
    path.write_text(json.dumps({"machine": machine(), "rows": [asdict(r) for r in rows]}, indent=2) + "\n")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
