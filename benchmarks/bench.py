"""Runs all benchmarks and writes their results as a table and as JSON.

make bench               # about twelve minutes, and six more for each further backend
make bench PEERS=1       # with PyTorch and pythae, in an environment of their own
KERAS_BACKEND=jax .venv/bin/python benchmarks/bench.py --only training --only evaluation
.venv/bin/python benchmarks/bench.py --only training --only videos
.venv/bin/python benchmarks/bench.py --compare    # also names the ratios that differ from those in RESULTS.md
"""

import importlib
import time
from pathlib import Path
from typing import Annotated

import comparison
import timing
import typer

from keras_vae.studies import run_command

PARTS = ("start", "training", "videos", "evaluation", "growth", "peers")
OPTIONAL_PARTS = ("peers",)  # run only if requested by `--only`


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Part to run: {', '.join(PARTS)}; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file of the results.")] = Path("runs/bench.json"),
    compare: Annotated[bool, typer.Option("--compare", help="Compare the ratios with those in RESULTS.md.")] = False,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Fraction beyond the stored ratios that counts as a change.")
    ] = comparison.TOLERANCE,
) -> None:
    """Measure keras_vae and its peers in alternation, and report the ratios."""
    unknown = set(only or ()) - set(PARTS)
    if unknown:
        raise typer.BadParameter(f"expected some of {', '.join(PARTS)}; received {', '.join(sorted(unknown))}.")
    rows = []
    for part in only or [name for name in PARTS if name not in OPTIONAL_PARTS]:
        began = time.monotonic()
        rows += importlib.import_module(part).rows()
        print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        timing.write(out, rows)
    machine = timing.machine()
    software = f"Keras {machine['keras']} on {machine['backend']} {machine[machine['backend']]}"
    print(f"\n{machine['processor']}, {machine['cores']} cores, {software}\n")
    print(timing.table(rows))
    print(f"\n{out}")
    if compare:
        stored = comparison.stored_ratios(comparison.RESULTS.read_text(encoding="utf-8"), machine["backend"])
        print("", *comparison.compare(rows, stored, tolerance), sep="\n")


if __name__ == "__main__":
    run_command(main)
