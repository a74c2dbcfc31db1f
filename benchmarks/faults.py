"""Campaign of faults: attacks the package and reports what it did wrong.

    python benchmarks/faults.py                                  # all parts; exit code 1 if anything failed
    python benchmarks/faults.py --only kills --kills 20
    python benchmarks/faults.py --minutes 60 --seed 7            # goes on with further random cases
    python benchmarks/faults.py --only damage --case 37          # one case again

The parts, one module each in `campaign/`: `kills` of trainings, `disk` faults, `damage` of files, `hostile` files and
names, bad `calls` of public functions, and `fuzz` of texts and options. Needs Linux.
"""

import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from traceback import format_exception
from typing import Annotated

import numpy as np
import typer
from campaign.cases import Case, Part, Problem, Skipped
from campaign.preload import preload
from campaign.subjects import Subjects
from rich.console import Console

from keras_vae._utils.formatting import Table
from keras_vae._utils.terminal import print_table
from keras_vae.studies import run_command

PARTS = ("kills", "disk", "damage", "hostile", "calls", "fuzz")
CASES_PER_LINE = 25  # cases between lines of progress
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Result:
    """What one part found.

    Attributes:
        part: its name.
        counts: cases by group and outcome.
        problems: cases by kind of problem.
        failures: one line per failed case.
        reasons: reasons of skipped cases.
        figures: further counts of the part.
        seconds: its duration.
    """

    part: str
    counts: Counter = field(default_factory=Counter)
    problems: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    figures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, case: Case, problem: Problem | None, command: str) -> None:
        """Counts a case that was run."""
        self.counts[case.group, FAILED if problem else PASSED] += 1
        if problem:
            self.problems[problem.kind] += 1
            self.failures.append(f"{case.text}: {problem.kind}: {problem.detail}  [{command}]")
            print(f"FAILED {self.failures[-1]}", flush=True)

    def number_of(self, outcome: str) -> int:
        """Number of cases with this outcome."""
        return sum(n for (_, found), n in self.counts.items() if found == outcome)

    def skip(self, case: Case, reason: str) -> None:
        """Counts a case that can't be run."""
        self.counts[case.group, SKIPPED] += 1
        self.reasons.add(reason)


def make_part(name: str, subjects: Subjects, seed: int, kills: int) -> Part:
    """The part of this name."""
    module = importlib.import_module(f"campaign.{name}")
    return module.Kills(subjects, seed, kills) if name == "kills" else getattr(module, name.capitalize())(subjects)


def numbers(part: Part, only: list[int] | None, n_cases: int | None, end: float | None) -> Iterator[int]:
    """Numbers of the cases to run: given ones, those before `end` (`time.monotonic`), or all; at most `n_cases`."""
    if only:
        yield from only
        return
    for number in count() if n_cases is None else range(n_cases):
        if time.monotonic() >= end if end is not None else number >= part.n_cases:
            return
        yield number


def run_part(name: str, part: Part, seed: int, which: Iterator[int]) -> Result:
    """Runs cases of a part."""
    result, began = Result(name), time.monotonic()
    for number in which:
        case = part.case(number, np.random.default_rng([seed, PARTS.index(name), number]))
        try:
            problem = case.run()
        except Skipped as reason:
            result.skip(case, str(reason))
            continue
        except Exception as error:  # a fault of one case, even in the campaign itself, must not end the others
            problem = Problem("error in the campaign", " ".join("".join(format_exception(error)[-2:]).split()))
        result.add(case, problem, f"python benchmarks/faults.py --only {name} --seed {seed} --case {number}")
        if sum(result.counts.values()) % CASES_PER_LINE == 0:
            print(f"{name}: {sum(result.counts.values())} cases, {result.number_of(FAILED)} failed", flush=True)
    result.figures, result.seconds = part.figures, time.monotonic() - began
    return result


def tables(results: list[Result]) -> list[Table]:
    """The summary: cases by part and group, problems by kind, and the parts' own figures."""
    rows = []
    for result in results:
        for group in sorted({group for group, _ in result.counts}):
            outcomes = [result.counts[group, outcome] for outcome in (PASSED, FAILED, SKIPPED)]
            rows.append([f"{result.part}: {group}", *map(str, [sum(outcomes), *outcomes])])
        outcomes = [result.number_of(outcome) for outcome in (PASSED, FAILED, SKIPPED)]
        rows.append([f"{result.part}, {result.seconds:.0f} s", *map(str, [sum(outcomes), *outcomes])])
    kinds = [[f"{r.part}: {kind}", str(n)] for r in results for kind, n in r.problems.most_common()]
    figures = [[f"{r.part}: {name}", str(n)] for r in results for name, n in r.figures.items()]
    made = [Table("Cases", ["part", "cases", PASSED, FAILED, SKIPPED], rows)]
    made += [Table("Problems", ["part: kind", "cases"], kinds)] if kinds else []
    return made + ([Table("Figures", ["part: figure", "number"], figures)] if figures else [])


def write(path: Path, seed: int, results: list[Result]) -> None:
    """Writes the results as JSON."""
    content = {
        "seed": seed,
        "parts": {
            r.part: {
                "seconds": round(r.seconds, 1),
                "cases": {f"{group}: {outcome}": n for (group, outcome), n in sorted(r.counts.items())},
                "problems": dict(r.problems),
                "figures": r.figures,
                "failures": r.failures,
                "reasons": sorted(r.reasons),
            }
            for r in results
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Part to run: {', '.join(PARTS)}; may be repeated.")] = None,
    kills: Annotated[int, typer.Option(help="Kills of trainings.")] = 200,
    cases: Annotated[int | None, typer.Option(help="At most this many cases of each part.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Run cases of all parts for this time, in equal shares.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random cases.")] = 0,
    case: Annotated[list[int] | None, typer.Option(help="Run only the case of this number; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of faults.json.")] = Path("runs/faults"),
) -> None:
    """Attack the package, report what it did wrong, and exit with 1 if anything failed."""
    unknown = set(only or ()) - set(PARTS)
    if unknown:
        raise typer.BadParameter(f"expected some of {', '.join(PARTS)}; received {', '.join(sorted(unknown))}.")
    chosen = [part for part in PARTS if not only or part in only]
    work = Path(tempfile.mkdtemp(prefix="faults-"))
    results = []
    try:
        work.chmod(0o755)  # parts run commands as another user
        cache = work / "cache"
        cache.mkdir()
        cache.chmod(0o777)
        preload(str(cache))
        subjects = Subjects(work)
        began = time.monotonic()
        for i, name in enumerate(chosen, 1):
            print(f"{name} …", flush=True)
            part = make_part(name, subjects, seed, kills)
            end = None if minutes is None else began + 60 * minutes * i / len(chosen)
            results.append(run_part(name, part, seed, numbers(part, case, cases, end)))
            print(f"{name}: {results[-1].number_of(FAILED)} failed, {results[-1].seconds:.0f} s", flush=True)
            write(out / "faults.json", seed, results)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    console = Console(highlight=False)
    for table in tables(results):
        print_table(console, table)
    for reason in sorted({reason for result in results for reason in result.reasons}):
        print(f"Skipped: {reason}")
    print(out / "faults.json")
    if any(result.failures for result in results):
        raise SystemExit(1)


if __name__ == "__main__":
    # An exception in place of an end without clean-up, which would leave mounts behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_command(main)
