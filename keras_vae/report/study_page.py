"""The page of a study: its claims with their verdicts, its figures and its training runs."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from keras_vae import data as datasets
from keras_vae._utils import formatting, forms
from keras_vae._utils.data_words import worded
from keras_vae._utils.files import write_text
from keras_vae._utils.verdicts import FAILS, HOLDS, NOT_JUDGED, UNDECIDED, jointly, shown_ends
from keras_vae.errors import InputError
from keras_vae.measures import find
from keras_vae.report import captions, data_uri, rendering
from keras_vae.report.rendering import Cell, Fact
from keras_vae.runs.study_forms import StudyFile

INTERVAL_WIDTH = 150  # pixels
INTERVAL_MARGIN = 0.18  # on either side, as a share of the range of all values
MARKS = {HOLDS: ("✓", "holds"), FAILS: ("✗", "fails"), UNDECIDED: ("?", "undecided"), NOT_JUDGED: ("–", "undecided")}
UNKNOWN_SHAPE = (0, 0)  # of images, in studies of versions that did not write it
SPREAD_OVER_SEEDS = "; values are mean ± standard deviation over seeds"
RUN_MEASURES = ("loss", "reconstruction", "kl", "penalty", "active_units")  # columns of the table of runs


def write(folder: str | Path) -> Path:
    """Writes `report.html` of a study and returns its path.

    Args:
        folder: of the study.

    Raises:
        InputError: if the folder holds no study.
        DamagedFileError: if it is damaged; a damaged figure is left out, and the page says so.
    """
    folder = Path(folder)
    content = read(folder)
    descriptions = captions.read(folder)
    of_videos = captions.FOLDER_VIDEO_CAPTIONS | descriptions | captions.of_videos(folder)
    videos = data_uri.videos(folder, content["title"], of_videos)
    pictures = data_uri.pictures(captions.figures(folder, descriptions), rendering.MAX_PAGE_BYTES)
    described = {key: content[key] for key in ("configs", "dataset", "versions", "threads")}
    page = rendering.render(
        "study.html",
        title=content["title"],
        source_text=rendering.with_links(content.get("source", "")),
        lead=_lead(content),
        facts=_facts(content),
        claims=[_claim(claim) for claim in content["claims"]],
        jointly=jointly(content["claims"]),
        has_published=any(claim.get("published") is not None for claim in content["claims"]),
        videos=videos.shown,
        pictures=_rows(pictures.shown),
        notes=[*pictures.notes, *videos.notes],
        tables=_tables(content),
        loss_note=content.get("loss_note", ""),
        runs=_run_table(folder, content["runs"], _shape(content)),
        command=content["command"],
        config=json.dumps(described, indent=2, ensure_ascii=False),
        footer=rendering.footer(content),
    )
    path = folder / rendering.PAGE
    write_text(path, page)
    return path


def read(folder: Path) -> dict:
    """The content of a study's `study.json`.

    Raises:
        InputError: if the folder holds no study.
        DamagedFileError: if its `study.json` is damaged.
    """
    if not os.path.lexists(folder / "study.json"):
        raise InputError(f"folder: expected a study at {folder}; there is no study.json in it.")
    return forms.read(folder / "study.json", StudyFile, "run its recipe again")


def _lead(content: dict) -> str:
    """The configurations, seeds, epochs and data of a study, in sentences."""
    dataset = content["dataset"]
    item = worded("image", _shape(content))
    items = f"{item}s"
    sentences = [
        f"{formatting.count(len(content['configs']), 'configuration')}, {formatting.count(content['seeds'], 'seed')} "
        f"each, trained for {formatting.epochs(content['epochs'], content.get('other_epochs', []))} on "
        f"{formatting.amount(dataset['train'])} {items} of {datasets.title(dataset['name'])} and evaluated on "
        f"{formatting.amount(dataset['test'])} test {items}.",
        f"Losses are in nats per {item}{SPREAD_OVER_SEEDS if content['seeds'] > 1 else ''}.",
    ]
    if "--quick" in content["command"]:
        sentences.insert(0, "Quick run at toy size: no claim is judged.")
    return " ".join(sentences)


def _shape(content: dict) -> Sequence[int]:
    """The shape of an item of the data."""
    return content["dataset"].get("image_shape", UNKNOWN_SHAPE)


def _facts(content: dict) -> list[Fact]:
    """The numbers at the top of the page: verdicts, runs, duration."""
    verdicts = [claim["verdict"] for claim in content["claims"]]
    facts = [
        Fact(name, formatting.amount(verdicts.count(name)), f"of {formatting.amount(len(verdicts))}")
        for name in sorted({*verdicts} - {NOT_JUDGED})
    ]
    facts.append(Fact("training runs", formatting.amount(len(content["runs"]))))
    facts.append(Fact("training time", *rendering.duration(60 * content["minutes"])))
    return facts


def _tables(content: dict) -> list[formatting.Table]:
    """The summary of a study, which the first versions did not write, and its own tables."""
    tables = [formatting.Table(**table) for table in content["tables"]]
    if "summary" not in content:
        return tables
    return [formatting.Table("Results", content["summary"]["head"], content["summary"]["rows"]), *tables]


def _rows(pictures: Sequence[data_uri.Picture]) -> list[list[data_uri.Picture]]:
    """Pictures in their order; consecutive ones that are not wide share a row."""
    rows: list[list[data_uri.Picture]] = []
    for picture in pictures:
        if rows and not picture.is_wide and not rows[-1][-1].is_wide:
            rows[-1].append(picture)
        else:
            rows.append([picture])
    return rows


def _claim(judged: dict) -> dict:
    """The cells of a claim."""
    ends = shown_ends(judged)
    mark, kind = MARKS.get(judged["verdict"], MARKS[UNDECIDED])
    note = f" ({judged['note']})" if judged["note"] else ""
    return {
        "claim": judged["claim"],
        "measured": f"{judged['measured']}{note}",
        "published": formatting.number(judged.get("published")),
        "region": formatting.region(*judged["expected"]),
        "estimate": formatting.number(judged["estimate"]),
        "interval": formatting.ABSENT if set(ends) == {None} else " … ".join(map(formatting.number, ends)),
        "svg": _interval(judged),
        "verdict": judged["verdict"],
        "mark": mark,
        "kind": kind,
    }


def _interval(judged: dict) -> Markup:
    """The interval of a claim as a line over the region in which the claim holds; empty if nothing was measured.

    Dots mark the estimate and the seeds, a diamond marks the published value.
    """
    estimate, (least, most) = judged["estimate"], judged["expected"]
    ends, published = shown_ends(judged), judged.get("published")
    seeds = [value for value in judged.get("seeds", []) if value is not None]
    known = [value for value in (estimate, *ends, least, most, published, *seeds) if value is not None]
    if {estimate, *ends} == {None} or max(known) == min(known):
        return Markup("")
    margin = INTERVAL_MARGIN * (max(known) - min(known))
    low, high = min(known) - margin, max(known) + margin

    def x(value: float | None, default: float = 0.0) -> float:
        return default if value is None else INTERVAL_WIDTH * (value - low) / (high - low)

    first, last = x(least), x(most, INTERVAL_WIDTH)
    parts = [
        f'<svg class="interval" viewBox="0 0 {INTERVAL_WIDTH} 20" role="img" aria-label="'
        f'{escape(_interval_text(judged, seeds))}">',
        f'<rect class="region" x="{first:.1f}" y="2" width="{max(last - first, 1):.1f}" height="16"/>',
        f'<line class="ground" x1="0" x2="{INTERVAL_WIDTH}" y1="10" y2="10"/>',
    ]
    if set(ends) != {None}:  # an interval with one end extends to the edge
        start, end = x(ends[0]), x(ends[1], INTERVAL_WIDTH)
        parts.append(f'<line class="range" x1="{start:.1f}" x2="{end:.1f}" y1="10" y2="10"/>')
    parts += [f'<circle class="seed" cx="{x(value):.1f}" cy="10" r="3"/>' for value in seeds]
    if estimate is not None:
        parts.append(f'<circle class="estimate" cx="{x(estimate):.1f}" cy="10" r="4"/>')
    if published is not None:
        parts.append(f'<path class="published" d="M{x(published):.1f} 3l7 7l-7 7l-7 -7z"/>')
    return Markup("".join([*parts, "</svg>"]))


def _interval_text(judged: dict, seeds: Sequence[float]) -> str:
    """The alternative text of an interval."""
    number = formatting.number
    parts = [] if judged["estimate"] is None else [f"estimate {number(judged['estimate'])}"]
    parts.append(f"95 % interval {' … '.join(map(number, shown_ends(judged)))}")
    parts.append(f"holds if {formatting.region(*judged['expected'])}")
    if seeds:
        parts.append(f"seeds {', '.join(map(number, seeds))}")
    if judged.get("published") is not None:
        parts.append(f"published {number(judged['published'])}")
    return "; ".join(parts)


def _run_table(folder: Path, runs: Sequence[dict], shape: Sequence[int]) -> dict[str, Any]:
    """The training runs of a study with links to their pages; measures that no run has are left out.

    Args:
        folder: of the study.
        runs: of `study.json`.
        shape: of an item of the data, whose words the headings use.
    """
    keys = [key for key in RUN_MEASURES if _any_has(runs, key)]
    rows = []
    for run in runs:
        page = folder.parent / "runs" / run["folder"] / rendering.PAGE
        href = f"../runs/{quote(run['folder'])}/{rendering.PAGE}" if page.is_file() else ""
        cells = [Cell(run["config"], run["config"], href), Cell(str(run["seed"]), run["seed"])]
        rows.append([*cells, *(rendering.number_cell(run["measures"].get(key)) for key in keys)])
    headings = [worded(find(key).heading, shape) for key in keys]
    return {"head": ["configuration", "seed", *headings], "rows": rows}


def _any_has(runs: Iterable[dict], key: str) -> bool:
    return any(run["measures"].get(key) is not None for run in runs)
