"""Text tables of `evaluation.json`: latent units, samples, interpolation, the audit."""

from collections.abc import Iterable, Sequence

from keras_vae._utils.formatting import Table, amount, cell, number
from keras_vae.evaluation import code_measures
from keras_vae.measures import (
    EVALUATED_SAMPLERS,
    FLOOR,
    FLOOR_LABEL,
    INTERPOLATIONS,
    LEARNED_PRIOR,
    SAMPLERS,
    SCORES,
    find,
)

# The fraction of images with Pareto k̂ > 0.5 above which the error and bias of the likelihood are not trusted.
MAX_INFINITE_VARIANCE = 0.1

# Columns of the table of latent units, by their key in evaluation.json.
UNIT_COLUMNS = {
    "kl": "KL, nats",
    "var_mean": "Var[μ]",
    "mean_var": "E[σ²]",
    "total_var": "E[σ²] + Var[μ]",
    "active": "active by Var[μ] > 0.01",
    "active_by_variance": "active by E[σ²] < 0.8",
    "replacement_loss": "loss when replaced, nats",
    "active_from": "active from epoch",
    "collapsed_at": "collapsed in epoch",
}


def of_prior(labels: dict[str, str], is_learned: bool) -> dict[str, str]:
    """Labels of sources of latent points, with a learned prior named as such.

    Args:
        labels: `SAMPLERS` or `EVALUATED_SAMPLERS`.
        is_learned: whether the model's prior is another than N(0, I).
    """
    return {**labels, "prior": LEARNED_PRIOR} if is_learned else labels


def by_decreasing_variance(rows: Sequence[dict]) -> list[tuple[int, dict]]:
    """Latent units with their numbers, by decreasing variance of their means."""
    return sorted(enumerate(rows), key=lambda unit: -unit[1]["var_mean"])


def units(rows: Sequence[dict], *, learned_prior: bool = False) -> Table:
    """The table of a run's latent units, by decreasing variance of their means.

    Args:
        rows: `units` of `evaluation.json`.
        learned_prior: whether the model's prior is another than N(0, I), to which the KL of a unit refers.
    """
    title = "latent units, by decreasing variance of their means"
    columns = [column for column in UNIT_COLUMNS if column in rows[0]]
    cells = [[str(i), *(cell(unit[column]) for column in columns)] for i, unit in by_decreasing_variance(rows)]
    return Table(title, ["unit", *(unit_column(column, learned_prior) for column in columns)], cells)


def unit_column(key: str, learned_prior: bool) -> str:
    """The heading of a column of units."""
    return "KL from N(0, 1), nats" if learned_prior and key == "kl" else UNIT_COLUMNS[key]


def evaluation(found: dict) -> list[Table]:
    """Tables of samples, interpolation, codes and the audit, from the content of `evaluation.json`."""
    tables = []
    if "samples" in found:
        sources = {**of_prior(EVALUATED_SAMPLERS, "prior" in found), FLOOR: FLOOR_LABEL}
        rows = _score_rows(found["samples"][source] for source in sources)
        tables.append(Table(f"scores of {amount(found['judge']['images'])} samples", ["", *sources.values()], rows))
    tables.append(_interpolation(found["interpolation"]))
    tables.append(codes(found["codes"], "codes of test images"))
    audit = found.get("audit") or {}
    if audit.get("likelihood"):
        tables.append(_likelihood(audit["likelihood"], audit["elbo_terms"]))
    if audit and audit["samplers"]["scores"]:
        tables.append(_samplers(audit["samplers"]["scores"], "prior" in found))
    return tables


def codes(found: dict[str, float], title: str) -> Table:
    """The table of the measures of codes that have values.

    Args:
        found: the result of `code_measures.evaluate_codes`.
        title: of the table.
    """
    rows = [[find(key).heading, number(found[key])] for key in code_measures.names() if key in found]
    return Table(title, ["", "measured"], rows)


def _score_rows(scores: Iterable[dict]) -> list[list[str]]:
    """One row per score, one column per set of images."""
    scores = list(scores)
    return [[score.heading, *(number(column[score.key]) for column in scores)] for score in SCORES]


def _interpolation(interpolation: dict) -> Table:
    paths = [interpolation[path] for path in INTERPOLATIONS]
    rows = [["largest over mean step", *(number(path["largest_step"]) for path in paths)]]
    if all("midpoints" in path for path in paths):
        for label, *values in _score_rows(path["midpoints"] for path in paths):
            rows.append([f"midpoints: {label}", *values])
    return Table("interpolation between the codes of two test images", ["", *INTERPOLATIONS.values()], rows)


def _likelihood(likelihood: dict, elbo_terms: dict) -> Table:
    """The ELBO in three terms and the importance-weighted log-likelihood."""
    rows = [
        ["ELBO", number(likelihood["elbo"])],
        ["−ELBO = sum of", number(-likelihood["elbo"])],
        ["  E[−log p(z)]", number(elbo_terms["prior"])],
        ["  E[−log p(x | z)], distortion", number(elbo_terms["reconstruction"])],
        ["  E[log q(z | x)]", number(elbo_terms["posterior"])],
        *_kl_error(elbo_terms),
        ["−ELBO in bits per pixel", number(elbo_terms["bits_per_pixel"])],
        [f"log p(x), {amount(likelihood['samples'])} importance samples", number(likelihood["value"])],
        ["  Monte-Carlo standard error", number(likelihood["error"])],
        ["  estimated bias", number(likelihood["bias"])],
        ["  standard error over images", number(likelihood["image_error"])],
        ["  effective samples, median", number(likelihood["effective"])],
        ["  fraction of images with Pareto k̂ > 0.5", number(likelihood["infinite_variance"])],
        ["  fraction of images with Pareto k̂ > 0.7", number(likelihood["unreliable"])],
    ]
    if likelihood["infinite_variance"] is None:
        rows.append(["  too few samples to estimate Pareto k̂", ""])
    elif likelihood["infinite_variance"] > MAX_INFINITE_VARIANCE:
        rows.append(["  weights may have infinite variance: error and bias are unreliable", ""])
    return Table(f"nats per image, {likelihood['images']} {likelihood['of']}", ["", "measured"], rows)


def _kl_error(elbo_terms: dict) -> list[list[str]]:
    """The error of the terms of a learned prior."""
    if "kl_error" not in elbo_terms:
        return []
    return [["  Monte-Carlo standard error of E[−log p(z)], of a learned prior", number(elbo_terms["kl_error"])]]


def _samplers(scores: dict, learned_prior: bool) -> Table:
    labels = {**of_prior(SAMPLERS, learned_prior), FLOOR: FLOOR_LABEL}
    sources = {name: label for name, label in labels.items() if name in scores}
    rows = [[label, *(number(scores[name][score.key]) for score in SCORES)] for name, label in sources.items()]
    return Table("scores of generated images by sampler", ["z from", *(score.label for score in SCORES)], rows)
