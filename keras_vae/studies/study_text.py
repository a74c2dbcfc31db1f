"""The results of a study as text: its summary, its verdicts, and the Markdown of `study.md`."""

from typing import NamedTuple

import numpy as np

from keras_vae import objectives
from keras_vae._utils.data_words import worded
from keras_vae._utils.formatting import ABSENT, Table, amount, count, epochs, listed, markdown_table, number, region
from keras_vae._utils.verdicts import jointly, shown_ends
from keras_vae.studies.results import Results

UNDECIDED_HEAD = ["undecided claim", "measured", "would be decided by", "further training, hours"]
CLAIM_HEAD = ["claim of the source", "measured", "95 % interval", "holds if", "verdict"]


def summary(results: Results) -> Table:
    """One row per measure, one column per configuration: mean ± standard deviation over seeds."""
    configs, shape = list(results.study.configs), results.data.image_shape
    rows = [
        [
            worded(results.study.find(key).heading, shape),
            *(_mean_and_std(results.values(name, key)) for name in configs),
        ]
        for key in results.study.measures
    ]
    return Table("", ["", *configs], [row for row in rows if set(row[1:]) != {ABSENT}])


def loss_note(results: Results) -> str:
    """A sentence on losses of the summary that are no sum of the other rows; empty where all are."""
    found: dict[str, list[str]] = {}  # names of configurations by the description of their objective
    for name in results.study.configs if "loss" in results.study.measures else ():
        objective = objectives.parse(results.run(name).config["config"]["objective"])
        if not objective.is_sum:
            found.setdefault(objective.description, []).append(name)
    return " ".join(
        f"{', '.join(names)}: the loss is that of the objective ({words}), not reconstruction + KL, and may be less "
        "than the reconstruction."
        for words, names in found.items()
    )


def description(results: Results) -> str:
    """What was trained, how it was scored, and how long it took, in a few sentences."""
    toy = "Toy size: no claim is judged. " if results.quick else ""
    item = worded("image", results.data.image_shape)
    spread = "; mean ± standard deviation over seeds" if results.seeds > 1 else ""
    trained = f"{results.dataset}, {epochs(results.epochs, results.other_epochs)}, {count(results.seeds, 'seed')}"
    configs = [results.run(name).config["config"] for name in results.study.configs]
    rates = listed([f"{rate:g}" for rate in sorted({config["learning_rate"] for config in configs})])
    sizes = listed([amount(size) for size in sorted({config["batch_size"] for config in configs})])
    return (
        f"{toy}{trained}, Adam {rates}, batches of {sizes}; test "
        f"{item}s, losses in nats per {item}{spread}. {count(round(results.minutes), 'minute')} of training."
        f"{_scoring(results)}"
    )


def _scoring(results: Results) -> str:
    """How samples were scored, and the scores of training images."""
    evaluation = results.run(next(iter(results.study.configs))).evaluation
    if "samples" not in evaluation:
        return ""
    judge, floor = evaluation["judge"], evaluation["samples"]["floor"]
    return (
        f" Samples: {amount(judge['images'])}, compared with as many test images by a classifier of "
        f"{100 * judge['accuracy']:.1f} % accuracy; training images in their place have a Fréchet distance of "
        f"{number(floor['frechet'])}, precision {number(floor['precision'])}, recall {number(floor['recall'])}."
    )


class ClaimText(NamedTuple):
    """A claim with its verdict as text.

    Attributes:
        claim: of the source.
        measured: the quantity and its estimate.
        interval: its 95 % interval.
        region: where the claim holds.
        verdict: the verdict.
    """

    claim: str
    measured: str
    interval: str
    region: str
    verdict: str


def claim_text(claim: dict) -> ClaimText:
    """A claim of `study.json` as text."""
    low, high = shown_ends(claim)
    interval = ABSENT if low is None and high is None else f"{number(low)} … {number(high)}"
    note = f" ({claim['note']})" if claim["note"] else ""
    if claim["estimate"] is None:
        measured = f"{claim['measured']}{note or ' was not measured'}"
    else:
        published = "" if claim["published"] is None else f", published {number(claim['published'])}"
        measured = f"{claim['measured']} = {number(claim['estimate'])}{published}{note}"
    return ClaimText(claim["claim"], measured, interval, region(*claim["expected"]), claim["verdict"])


def undecided(results: Results) -> list[Table]:
    """What would decide the undecided claims if estimate and spread stay as they are; empty if there are none."""
    rows = [
        [found["claim"], found["measured"], found["decided_by"], number(hours)] for found, hours in results.undecided
    ]
    return [Table("What would decide the rest", UNDECIDED_HEAD, rows)] if rows else []


def markdown(results: Results) -> str:
    """The content of `study.md`."""
    lines = [f"# {results.study.title}"]
    lines += [f"\nSource: {results.study.source}"] if results.study.source else []
    lines += [f"\n{description(results)}", f"\n    {results.command}\n"]
    lines += markdown_table(summary(results))
    lines += [f"\n{note}"] if (note := loss_note(results)) else []
    for table in results.tables:
        lines += [f"\n## {table.title}\n", *markdown_table(table)]
    if results.study.claims:
        claims = Table("Claims of the source", CLAIM_HEAD, [claim_text(claim) for claim in results.verdicts])
        lines += [f"\n## {claims.title}\n", *markdown_table(claims)]
        lines += [f"\n{text}"] if (text := jointly(results.verdicts)) else []
    for table in undecided(results):
        lines += [f"\n## {table.title}\n", *markdown_table(table)]
    return "\n".join(lines) + "\n"


def _mean_and_std(values: np.ndarray) -> str:
    found = values[~np.isnan(values)]
    if not len(found):
        return ABSENT
    n_seeds = "" if len(found) == len(values) else f" ({count(len(found), 'seed')})"
    std = f" ± {number(found.std(ddof=1))}" if len(found) > 1 else ""
    return f"{number(found.mean())}{std}{n_seeds}"
