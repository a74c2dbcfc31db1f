"""The page of scores: the highest and the lowest items of a data set, with their reconstructions."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_vae import data as datasets
from keras_vae._utils.files import write_text
from keras_vae._utils.formatting import count, number
from keras_vae.evaluation.item_files import Ranked, Ranking
from keras_vae.report import data_uri, rendering, svg
from keras_vae.report.rendering import Fact
from keras_vae.runs.folder import Run
from keras_vae.runs.new_items import NewItems
from keras_vae.runs.pictures import pictures

MAX_LOSSLESS_PIXELS = 64 * 64  # of an image; larger ones are compressed
QUALITY = 85  # of WebP
ORDINALS = ("deviates most", "second", "third", "fourth")  # columns of a row of a table
QUANTILES = {"lowest": 0.0, "median": 0.5, "highest": 1.0}
NAMES = {"kl": "KL", "penalty": "penalty", "neg_elbo": "−ELBO", "reconstruction": "reconstruction"}


class Card(NamedTuple):
    """An item and its reconstruction side by side.

    Attributes:
        src: the data URI.
        alt: what is shown.
        heading: which item it is.
        lines: its scores.
    """

    src: str
    alt: str
    heading: str
    lines: list[str]


def write(path: Path, run: Run, items: NewItems, ranking: Ranking) -> Path:
    """Writes the page of a ranking and returns its path.

    Args:
        path: of the page.
        run: the run whose model scored the items.
        items: the scored items.
        ranking: as `evaluation.item_files.write_scores` returns it.

    Raises:
        WriteError: if the page can't be written.
    """
    values, label = ranking.values[np.isfinite(ranking.values)], score_label(ranking.by)
    n_infinite = len(items) - len(values)
    beyond = f" Of {count(n_infinite, 'item')} it is not finite." if n_infinite else ""
    is_table = len(items.image_shape) == 1
    title, unit = datasets.title(items.name), "nats"
    section = _table if is_table else _cards
    page = rendering.render(
        "scores.html",
        title=f"Scores of {title}",
        lead=f"{count(len(items), 'item')} of {title}, ranked by {label} under {run.title}.{beyond}",
        facts=[
            Fact("items", f"{len(items):,}"),
            *(Fact(name, number(float(np.quantile(values, q))), unit) for name, q in QUANTILES.items() if len(values)),
        ],
        label=label,
        histogram=svg.histogram(values, f"{label}, nats", f"histogram of {label}")
        if len(values) and np.ptp(values) > 0
        else None,
        note=_note(run, ranking, is_table),
        sections=[
            {"title": name, "cards": [], **section(run, items, ranking, part)}
            for name, part in (("Highest", ranking.highest), ("Lowest", ranking.lowest))
        ],
        footer=rendering.footer(run.config),
    )
    write_text(path, page)
    return path


def score_label(name: str) -> str:
    """A score as text.

    Example:
        >>> score_label("neg_elbo_16_samples"), score_label("reconstruction_at_mean"), score_label("kl")
        ('−ELBO (mean of 16 samples)', 'reconstruction (at z = mean)', 'KL')
    """
    for key, text in NAMES.items():
        rest = name.removeprefix(f"{key}_")
        if rest == "at_mean":
            return f"{text} (at z = mean)"
        if rest != name and rest.endswith(("_samples", "_sample")):
            return f"{text} (mean of {rest.replace('_', ' ')})"
    return NAMES.get(name, name)


def _kind(name: str) -> str:
    """A score without how it was computed."""
    return score_label(name).partition(" (")[0]


def _shown_scores(scores: Mapping[str, np.ndarray], by: str) -> list[str]:
    """The score that ranks the items, and those that were computed in the same way."""
    suffixes = [by.removeprefix(f"{kind}_") for kind in NAMES if by.startswith(f"{kind}_")]
    suffix = suffixes[0] if suffixes else "at_mean"
    return [by, *(name for name in scores if name != by and (name in NAMES or name.endswith(f"_{suffix}")))]


def _note(run: Run, ranking: Ranking, is_table: bool) -> str:
    if not is_table:
        return "Left: the item; right: its reconstruction from the posterior mean."
    sigma = _sigma(run, ranking)
    multiples = f" in multiples of σ, the {sigma}" if sigma else ""
    units = "the units of the table" if run.preparation.mean is not None else "the values that the model was trained on"
    return (
        f"The columns of each row that deviate most from the reconstruction: value, reconstruction from the posterior "
        f"mean, both in {units}, and their difference{multiples}."
    )


def _sigma(run: Run, ranking: Ranking) -> str:
    """The σ in whose multiples differences are given; empty if they are those of the values."""
    if ranking.noise_std is not None:
        return "noise of the likelihood"
    return "" if run.preparation.mean is None else "standard deviation of the training rows"


def _name(items: NewItems, row: int) -> str:
    return f"item {row:,}" if items.names is None else items.names[row]


def _cards(run: Run, items: NewItems, ranking: Ranking, part: Ranked) -> dict:
    """The items as pictures."""
    pairs = pictures(run, np.stack([part.x, part.reconstructions], axis=1).astype("float32"))
    pairs = np.round(255 * np.clip(pairs, 0, 1)).astype("uint8")
    quality = None if pairs.shape[2] * pairs.shape[3] <= MAX_LOSSLESS_PIXELS else QUALITY
    shown, cards = _shown_scores(part.scores, ranking.by), []
    for rank, (row, pair) in enumerate(zip(part.rows.tolist(), pairs, strict=True)):
        label = [] if items.labels is None else [f"label {items.labels[row]}"]
        heading = ", ".join([f"{rank + 1}. {_name(items, row)}", *label])
        drawn = data_uri.sprite(pair, quality) or {}
        values = {name: number(float(part.scores[name][rank])) for name in shown}
        first, *others = [f"{_kind(name)} {value}" for name, value in values.items()]
        lines = [f"{first} nats", ", ".join(others)]
        cards.append(Card(drawn["src"], f"{_name(items, row)} and its reconstruction", heading, lines))
    return {"cards": cards}


def _table(run: Run, items: NewItems, ranking: Ranking, part: Ranked) -> dict:
    """The items as rows, with the columns that deviate most from their reconstruction."""
    preparation = run.preparation
    columns = preparation.columns or tuple(f"column {i}" for i in range(part.x.shape[1]))
    deviation = (part.x - part.reconstructions) / (1.0 if ranking.noise_std is None else ranking.noise_std)
    unit = "σ" if _sigma(run, ranking) else ""
    shown, reconstructed = preparation.undo(part.x), preparation.undo(part.reconstructions)
    rows = []
    for rank, row in enumerate(part.rows.tolist()):
        label = [] if items.labels is None else [str(items.labels[row])]
        first = np.argsort(-np.abs(deviation[rank]), kind="stable")[: len(ORDINALS)]
        cells = [
            f"{columns[i]} {number(shown[rank, i])}, {number(reconstructed[rank, i])} "
            f"({'+' if deviation[rank, i] > 0 else ''}{number(float(deviation[rank, i]))}{unit})"
            for i in first
        ]
        rows.append([_name(items, row), *label, number(float(part.scores[ranking.by][rank])), *cells])
    head = ["", *([] if items.labels is None else ["label"]), f"{_kind(ranking.by)}, nats"]
    return {"head": [*head, *ORDINALS[: len(columns)]], "rows": rows}
