"""All benchmarks: one table, and a JSON beside it.

make bench               # about ten minutes
make bench PEERS=1       # also PyTorch and pythae, installed apart
.venv/bin/python benchmarks/bench.py --only training --only videos
"""

import importlib
import time
from pathlib import Path
from typing import Annotated

import timing
import typer

from keras_vae._utils.exit_codes import exit_on_error

PARTS = ("start", "training", "videos", "evaluation", "growth", "peers")
ASKED = ("peers",)  # only where they are asked for


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"A part: {', '.join(PARTS)}; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="The table as JSON.")] = Path("runs/bench.json"),
) -> None:
    """Measures each side in turn with its peer, and tells ratios."""
    unknown = set(only or ()) - set(PARTS)
    if unknown:
        raise typer.BadParameter(f"expected some of {', '.join(PARTS)}; received {', '.join(sorted(unknown))}.")
    rows = []
    for part in only or [name for name in PARTS if name not in ASKED]:
        began = time.monotonic()
        rows += importlib.import_module(part).rows()
        print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        timing.write(out, rows)
    told = timing.machine()
    software = f"Keras {told['keras']} on {told['backend']} {told[told['backend']]}"
    print(f"\n{told['processor']}, {told['cores']} cores, {software}\n")
    print(timing.table(rows))
    print(f"\n{out}")


if __name__ == "__main__":
    exit_on_error(typer.run, main)
