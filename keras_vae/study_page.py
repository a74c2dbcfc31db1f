"""A study as one HTML page: what its source claims, the verdict on each claim, the pictures side by side."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from keras_vae import embedding, pages, tables
from keras_vae.errors import InputError
from keras_vae.runs import write_text
from keras_vae.verdicts import FAILS, HOLDS

MARKS = {HOLDS: ("✓", "holds"), FAILS: ("✗", "fails")}


def write(folder: str | Path) -> Path:
    """Writes `report.html` of a study's folder and returns its path.

    Raises:
        InputError: if the folder holds no study.
    """
    folder = Path(folder)
    content = read(folder)
    figures = sorted((folder / "figures").glob("*.png"))
    named = [(path, f"{path.stem.replace('-', ' ')}, a figure of the study: {content['title']}") for path in figures]
    seeds, epochs, dataset = content["seeds"], content["epochs"], content["dataset"]
    verdicts = [one["verdict"] for one in content["claims"]]
    shown = (
        [tables.Titled("Measured", content["summary"]["head"], content["summary"]["rows"])]
        if "summary" in content
        else []
    )
    page = pages.render(
        "study.html",
        title=content["title"],
        lead=(
            f"{'Toy size, which decides nothing. ' * ('--quick' in content['command'])}"
            f"{tables.count(len(content['configs']), 'configuration')}, {tables.count(seeds, 'seed')} each, trained "
            f"for {tables.count(epochs, 'epoch')} on {dataset['train']:,} images of {pages.dataset(dataset['name'])} "
            f"and measured on {dataset['test']:,} test images; losses in nats per image, mean ± standard deviation "
            "over seeds."
        ),
        facts=[
            *((name, str(verdicts.count(name)), f"of {len(verdicts)}") for name in dict.fromkeys(sorted(verdicts))),
            ("trainings", str(len(content["runs"])), ""),
            ("training", *pages.duration(60 * content["minutes"])),
        ],
        claims=[_claim(one) for one in content["claims"]],
        videos=embedding.videos(folder, content["title"], {}),
        pictures=embedding.pictures(named, pages.LARGEST_PAGE),
        tables=shown + [tables.Titled(**table) for table in content["tables"]],
        runs=_trainings(folder, content["runs"]),
        command=content["command"],
        config=json.dumps(
            {key: content[key] for key in ("configs", "dataset", "versions", "threads")}, indent=2, ensure_ascii=False
        ),
        footer=pages.footer(content),
    )
    path = folder / pages.PAGE
    write_text(path, page)
    return path


def read(folder: Path) -> dict:
    """The content of a study's `study.json`.

    Raises:
        InputError: if the folder holds no study, or a damaged one.
    """
    try:
        return json.loads((folder / "study.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"report: expected a study (with a study.json) at {folder}; there is none.") from error
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"report: expected a readable study.json in {folder}; it is damaged ({error}).") from error


def _claim(judged: dict) -> dict:
    """A claim as a row of a page."""
    low, high = judged["low"], judged["high"]
    mark, kind = MARKS.get(judged["verdict"], ("?", "undecided"))
    ends = [tables.number(end) for end in (low, high)]
    note = f" ({judged['note']})" if judged["note"] else ""
    return {
        "claim": judged["claim"],
        "measured": f"{judged['measured']}{note}",
        "region": tables.region(*judged["expected"]),
        "estimate": tables.number(judged["estimate"]),
        "interval": tables.ABSENT if low is None and high is None else " … ".join(ends),
        "svg": _interval(judged),
        "verdict": judged["verdict"],
        "mark": mark,
        "kind": kind,
    }


def _interval(judged: dict) -> Markup:
    """The interval as a line over the region in which the claim would hold."""
    estimate, (least, most) = judged["estimate"], judged["expected"]
    ends = [judged["low"], judged["high"]]
    known = [value for value in (estimate, *ends, least, most) if value is not None]
    if estimate is None or len(known) < 2 or max(known) == min(known):
        return Markup("")
    room = 0.18 * (max(known) - min(known))
    low, high = min(known) - room, max(known) + room

    def x(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else 150 * (value - low) / (high - low)

    first, last = x(least, 0), x(most, 150)
    alternative = escape(f"{tables.number(estimate)} against {tables.region(least, most)}")
    parts = [
        f'<svg class="interval" viewBox="0 0 150 20" role="img" aria-label="{alternative}">',
        f'<rect class="region" x="{first:.1f}" y="2" width="{max(last - first, 1):.1f}" height="16"/>',
        '<line class="ground" x1="0" x2="150" y1="10" y2="10"/>',
    ]
    if None not in ends:
        parts.append(f'<line class="range" x1="{x(ends[0], 0):.1f}" x2="{x(ends[1], 150):.1f}" y1="10" y2="10"/>')
    parts.append(f'<circle class="estimate" cx="{x(estimate, 0):.1f}" cy="10" r="4"/></svg>')
    return Markup("".join(parts))


def _trainings(folder: Path, runs: Sequence[dict]) -> dict[str, Any]:
    """A table of a study's trainings: what all of them have in common of measures, with links to their pages."""
    names = [name for name in ("loss", "reconstruction", "kl", "penalty", "active units") if _any_has(runs, name)]
    rows = []
    for run in runs:
        page = folder.parent / "runs" / run["folder"] / pages.PAGE
        href = f"../runs/{quote(run['folder'])}/{pages.PAGE}" if page.is_file() else ""
        rows.append([pages.Cell(run["config"], run["config"], href), pages.Cell(str(run["seed"]), run["seed"])])
        rows[-1] += [pages.measured(run["measures"].get(name)) for name in names]
    return {"head": ["configuration", "seed", *names], "rows": rows}


def _any_has(runs: Iterable[dict], name: str) -> bool:
    return any(run["measures"].get(name) is not None for run in runs)
