"""A study as one HTML page: what its source claims, the verdict on each claim, the pictures side by side."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from keras_vae._utils import formatting
from keras_vae._utils.verdicts import FAILS, HOLDS
from keras_vae.data import datasets
from keras_vae.errors import InputError
from keras_vae.measures import find
from keras_vae.report import data_uri, rendering
from keras_vae.runs.folder import complete, write_text

CAPTIONS = "captions.json"
WIDTH = 150  # of an interval's picture
MARKS = {HOLDS: ("✓", "holds"), FAILS: ("✗", "fails")}


def write(folder: str | Path) -> Path:
    """Writes `report.html` of a study's folder and returns its path.

    Raises:
        InputError: if the folder holds no study.
    """
    folder = Path(folder)
    content = read(folder)
    captions = read_captions(folder)
    seeds, epochs, dataset = content["seeds"], content["epochs"], content["dataset"]
    verdicts = [one["verdict"] for one in content["claims"]]
    shown = (
        [formatting.Table("Measured", content["summary"]["head"], content["summary"]["rows"])]
        if "summary" in content
        else []
    )
    page = rendering.render(
        "study.html",
        title=content["title"],
        lead=(
            f"{'Toy size, which decides nothing. ' * ('--quick' in content['command'])}"
            f"{formatting.count(len(content['configs']), 'configuration')}, {formatting.count(seeds, 'seed')} each, "
            f"trained for {formatting.epochs(epochs, content.get('other_epochs', []))} on {dataset['train']:,} images "
            f"of {datasets.title(dataset['name'])} and measured on {dataset['test']:,} test images; losses in nats per image, mean ± standard deviation "
            "over seeds."
        ),
        facts=[
            *((name, str(verdicts.count(name)), f"of {len(verdicts)}") for name in dict.fromkeys(sorted(verdicts))),
            ("trainings", str(len(content["runs"])), ""),
            ("training", *rendering.duration(60 * content["minutes"])),
        ],
        claims=[_claim(one) for one in content["claims"]],
        has_published=any(one.get("published") is not None for one in content["claims"]),
        videos=data_uri.videos(folder, content["title"], captions),
        pictures=_rows(data_uri.pictures(_figures(folder, captions), rendering.LARGEST_PAGE)),
        tables=shown + [formatting.Table(**table) for table in content["tables"]],
        runs=_trainings(folder, content["runs"]),
        command=content["command"],
        config=json.dumps(
            {key: content[key] for key in ("configs", "dataset", "versions", "threads")}, indent=2, ensure_ascii=False
        ),
        footer=rendering.footer(content),
    )
    path = folder / rendering.PAGE
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


def read_captions(folder: Path) -> dict[str, str]:
    """What the pictures and videos of a study show, by file stem in a reader's order; empty where nobody wrote it."""
    path = folder / CAPTIONS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _figures(folder: Path, captions: dict[str, str]) -> list[tuple[Path, str]]:
    """A study's pictures, each with what it shows: first those with a caption, in its order."""
    found = {path.stem: path for path in complete(folder / "figures", "*.png")}
    stems = [stem for stem in captions if stem in found] + [stem for stem in found if stem not in captions]
    return [(found[stem], captions.get(stem, f"{stem.replace('-', ' ').capitalize()}.")) for stem in stems]


def _rows(pictures: Sequence[data_uri.Picture]) -> list[list[data_uri.Picture]]:
    """Pictures in their order, narrow ones that follow each other side by side."""
    rows: list[list[data_uri.Picture]] = []
    for picture in pictures:
        if rows and not picture.wide and not rows[-1][-1].wide:
            rows[-1].append(picture)
        else:
            rows.append([picture])
    return rows


def _claim(judged: dict) -> dict:
    """A claim as a row of a page."""
    low, high = judged["low"], judged["high"]
    mark, kind = MARKS.get(judged["verdict"], ("?", "undecided"))
    ends = [formatting.number(end) for end in (low, high)]
    note = f" ({judged['note']})" if judged["note"] else ""
    return {
        "claim": judged["claim"],
        "measured": f"{judged['measured']}{note}",
        "published": formatting.number(judged.get("published")),
        "region": formatting.region(*judged["expected"]),
        "estimate": formatting.number(judged["estimate"]),
        "interval": formatting.ABSENT if low is None and high is None else " … ".join(ends),
        "svg": _interval(judged),
        "verdict": judged["verdict"],
        "mark": mark,
        "kind": kind,
    }


def _interval(judged: dict) -> Markup:
    """The interval as a line over the region in which the claim would hold, with the seeds and the published value."""
    estimate, (least, most) = judged["estimate"], judged["expected"]
    ends, published = [judged["low"], judged["high"]], judged.get("published")
    seeds = [value for value in judged.get("seeds", []) if value is not None]
    known = [value for value in (estimate, *ends, least, most, published, *seeds) if value is not None]
    if {estimate, *ends} == {None} or max(known) == min(known):
        return Markup("")
    room = 0.18 * (max(known) - min(known))
    low, high = min(known) - room, max(known) + room

    def x(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else WIDTH * (value - low) / (high - low)

    first, last = x(least, 0), x(most, WIDTH)
    said = [formatting.number(estimate)] * (estimate is not None)
    said += [f"interval {' … '.join(map(formatting.number, ends))}", f"would hold {formatting.region(least, most)}"]
    said += [f"seeds {', '.join(map(formatting.number, seeds))}"] * bool(seeds)
    said += [f"published {formatting.number(published)}"] * (published is not None)
    parts = [
        f'<svg class="interval" viewBox="0 0 {WIDTH} 20" role="img" aria-label="{escape("; ".join(said))}">',
        f'<rect class="region" x="{first:.1f}" y="2" width="{max(last - first, 1):.1f}" height="16"/>',
        f'<line class="ground" x1="0" x2="{WIDTH}" y1="10" y2="10"/>',
    ]
    if set(ends) != {None}:  # one end alone may be known: the line goes on to the edge
        parts.append(f'<line class="range" x1="{x(ends[0], 0):.1f}" x2="{x(ends[1], WIDTH):.1f}" y1="10" y2="10"/>')
    parts += [f'<circle class="seed" cx="{x(value, 0):.1f}" cy="10" r="3"/>' for value in seeds]
    if estimate is not None:
        parts.append(f'<circle class="estimate" cx="{x(estimate, 0):.1f}" cy="10" r="4"/>')
    if published is not None:
        parts.append(f'<path class="published" d="M{x(published, 0):.1f} 3l7 7l-7 7l-7 -7z"/>')
    return Markup("".join([*parts, "</svg>"]))


def _trainings(folder: Path, runs: Sequence[dict]) -> dict[str, Any]:
    """A table of a study's trainings: what all of them have in common of measures, with links to their pages."""
    names = [name for name in ("loss", "reconstruction", "kl", "penalty", "active_units") if _any_has(runs, name)]
    rows = []
    for run in runs:
        page = folder.parent / "runs" / run["folder"] / rendering.PAGE
        href = f"../runs/{quote(run['folder'])}/{rendering.PAGE}" if page.is_file() else ""
        rows.append([rendering.Cell(run["config"], run["config"], href), rendering.Cell(str(run["seed"]), run["seed"])])
        rows[-1] += [rendering.measured(run["measures"].get(name)) for name in names]
    return {"head": ["configuration", "seed", *(find(name).label for name in names)], "rows": rows}


def _any_has(runs: Iterable[dict], name: str) -> bool:
    return any(run["measures"].get(name) is not None for run in runs)
