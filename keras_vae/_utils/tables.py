"""Numbers as people read them, in tables on a screen and in Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

ABSENT = "–"


class Titled(NamedTuple):
    """A table."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


SCORES = {
    "Fréchet distance (in the classifier's features)": "frechet",
    "precision": "precision",
    "recall": "recall",
    "confidence of the classifier": "confidence",
    "entropy of its prediction, nats": "entropy",
    "balance of the classes": "balance",
}
MANY = 0.1  # share of images
SHORT = ["Fréchet distance", "precision", "recall", "confidence", "entropy", "balance"]

# A unit's row in evaluation.json, in a reader's order.
UNIT_COLUMNS = {
    "kl": "KL, nats",
    "var_mean": "Var[μ]",
    "mean_var": "E[σ²]",
    "total_var": "E[σ²] + Var[μ]",
    "active": "active, by Var[μ] > 0.01",
    "active_by_variance": "active, by E[σ²] < 0.8",
    "replacement_loss": "lost when replaced, nats",
    "born": "active from epoch",
    "died": "died in epoch",
}


def number(value: float | None) -> str:
    """A number to two decimals, large ones to fewer and small ones to more; a dash for none."""
    if value is None:
        return ABSENT
    digits = next((d for border, d in ((1000, 0), (100, 1), (0.1, 2), (0.01, 3)) if abs(value) >= border), 4)
    text = f"{value:.{digits}f}"
    return "0" if not float(text) else text.replace("-", "−")


def region(low: float | None, high: float | None) -> str:
    """An interval that may have no bound on one side."""
    if high is None:
        return f"above {number(low)}"
    return f"below {number(high)}" if low is None else f"within {number(low)} … {number(high)}"


def count(n: int, thing: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def epochs(usual: int, others: Sequence[int]) -> str:
    """For how long trainings went: `100 epochs (some 300)`."""
    return count(usual, "epoch") + "".join(f" (some {n})" for n in others)


def liveliest_first(rows: Sequence[dict]) -> list[tuple[int, dict]]:
    """Units with their numbers, those whose means vary most first."""
    return sorted(enumerate(rows), key=lambda unit: -unit[1]["var_mean"])


def units(rows: Sequence[dict]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the report on a run's latent units, the liveliest first.

    Args:
        rows: `units` of `evaluation.json`.
    """
    columns = [column for column in UNIT_COLUMNS if column in rows[0]]
    liveliest = liveliest_first(rows)
    return (
        ["unit", *(UNIT_COLUMNS[column] for column in columns)],
        [[str(i), *(cell(unit[column]) for column in columns)] for i, unit in liveliest],
    )


def evaluation(found: dict) -> list[Titled]:
    """What `evaluation.json` says of samples, ways between codes, labels and, where there is one, the audit."""
    shown = []
    if "samples" in found:
        names = {"prior": "z from N(0, I)", "moment_matched": "z moment-matched", "floor": "training images"}
        scores = found["samples"]
        rows = [[name, *(number(scores[source][s]) for source in names)] for name, s in SCORES.items()]
        shown.append(Titled(f"{found['judge']['images']:,} samples", ["", *names.values()], rows))
    shown.append(Titled("ways between the codes of two test images", *_ways(found["interpolation"])))
    codes = found["codes"]
    if "label_accuracy" in codes:
        labels = {"in the latent space": "label_accuracy", "on two principal components": "label_accuracy_plane"}
        rows = [[where, number(codes[key])] for where, key in labels.items() if key in codes]
        shown.append(Titled("labels told by nearest neighbours", ["", "accuracy"], rows))
    return shown + _audit_tables(found.get("audit"))


def _audit_tables(audit: dict | None) -> list[Titled]:
    """Rate, likelihood and samplers of an audit, as titles, heads and rows."""
    from keras_vae.plots.audit_figures import SAMPLERS  # with which matplotlib comes

    if audit is None:
        return []
    shown = []
    if audit["likelihood"]:
        rate, likelihood = audit["rate"], audit["likelihood"]
        rows = [
            ["ELBO = −R₁", number(likelihood["elbo"])],
            ["R₁ = E −log p(z)", number(rate["prior"])],
            ["  + E −log p(x | z)", number(rate["reconstruction"])],
            ["  + E log q(z | x)", number(rate["posterior"])],
            ["R₁ in bits a pixel", number(rate["bits_per_pixel"])],
            [f"log p̂(x), {likelihood['samples']:,} samples", number(likelihood["value"])],
            ["  Monte-Carlo error, of E log p̂", number(likelihood["error"])],
            ["  bias, estimated", number(likelihood["bias"])],
            ["  error over images", number(likelihood["image_error"])],
            ["  effective samples, median", number(likelihood["effective"])],
            ["  share of images with Pareto k̂ > 0.5", number(likelihood["infinite_variance"])],
            ["  share of images with Pareto k̂ > 0.7", number(likelihood["unreliable"])],
        ]
        if likelihood["infinite_variance"] is None:
            rows.append(["  too few samples to tell whether to trust them", ""])
        elif likelihood["infinite_variance"] > MANY:
            rows.append(["  weights may have no variance: error and bias say little", ""])
        shown.append(Titled(f"nats per image, of {likelihood['images']} {likelihood['of']}", ["", "measured"], rows))
    scores = audit["samplers"]["scores"]
    if scores:
        names = {name: text for name, text in SAMPLERS.items() if name in scores}
        names["floor"] = "training images in their place"
        rows = [[text, *(number(scores[name][key]) for key in SCORES.values())] for name, text in names.items()]
        shown.append(Titled("new images by where z is drawn from", ["", *SHORT], rows))
    return shown


def _ways(interpolation: dict) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table on interpolations."""
    names = {"linear": "line", "spherical": "arc", "cross_fade": "cross-fade of pixels"}
    found = {name: interpolation[key] for key, name in names.items()}
    rows = [["largest step over the mean one", *(number(way["largest_step"]) for way in found.values())]]
    if all("midpoints" in way for way in found.values()):
        for title, score in SCORES.items():
            rows.append([f"half-way: {title}", *(number(way["midpoints"][score]) for way in found.values())])
    return ["", *found], rows


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def cell(value: float | bool | None) -> str:
    """A number, or yes or no."""
    return ("yes" if value else "no") if isinstance(value, bool) else number(value)


def typicality(units: tuple[int, ...]) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows of Lemma 2 and Theorem 3 of "Why Bigger is Not Better" by Monte-Carlo, over and under the
    variance at which the entropy is 0."""
    from keras_vae import diagnostics

    wide, narrow = (diagnostics.typicality(variance, units=units) for variance in (1.0, 0.03))
    columns = (wide.typical, wide.exact_typical, wide.log_difference, narrow.log_difference, wide.literal)
    rows = [[str(d), *(number(column[i]) for column in columns)] for i, d in enumerate(units)]
    head = ["n", "share 0.1-typical", "exactly", "log₁₀ |f(Z₁) − f(Z₂)|, σ² = 1", "the same, σ² = 0.03", "literal"]
    title = f"Theorem 3; Lemma 2 (ii) holds for ε = 0.1 from n = {diagnostics.first_typical(0.1)} on"
    return title, head, rows
