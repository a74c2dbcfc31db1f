"""Numbers as people read them, in tables on a screen and in Markdown."""

from collections.abc import Sequence

from keras_vae._utils.formatting import Table, cell, number

SAMPLERS = {
    "prior": "N(0, I)",
    "moment_matched": "a Gaussian like the codes",
    "gaussian_mixture": "a fitted mixture of Gaussians",
    "aggregate_posterior": "the mixture of posteriors",
    "neighbourhood": "N(μ(x), ¼ I)",
}
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
    "active_from": "active from epoch",
    "collapsed_at": "died in epoch",
}


def by_decreasing_variance(rows: Sequence[dict]) -> list[tuple[int, dict]]:
    """Units with their numbers, those whose means vary most first."""
    return sorted(enumerate(rows), key=lambda unit: -unit[1]["var_mean"])


def units(rows: Sequence[dict]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the report on a run's latent units, the liveliest first.

    Args:
        rows: `units` of `evaluation.json`.
    """
    columns = [column for column in UNIT_COLUMNS if column in rows[0]]
    liveliest = by_decreasing_variance(rows)
    return (
        ["unit", *(UNIT_COLUMNS[column] for column in columns)],
        [[str(i), *(cell(unit[column]) for column in columns)] for i, unit in liveliest],
    )


def evaluation(found: dict) -> list[Table]:
    """What `evaluation.json` says of samples, ways between codes, labels and, where there is one, the audit."""
    shown = []
    if "samples" in found:
        names = {"prior": "z from N(0, I)", "moment_matched": "z moment-matched", "floor": "training images"}
        scores = found["samples"]
        rows = [[name, *(number(scores[source][s]) for source in names)] for name, s in SCORES.items()]
        shown.append(Table(f"{found['judge']['images']:,} samples", ["", *names.values()], rows))
    shown.append(Table("ways between the codes of two test images", *_ways(found["interpolation"])))
    codes = found["codes"]
    if "label_accuracy" in codes:
        labels = {"in the latent space": "label_accuracy", "on two principal components": "label_accuracy_plane"}
        rows = [[where, number(codes[key])] for where, key in labels.items() if key in codes]
        shown.append(Table("labels told by nearest neighbours", ["", "accuracy"], rows))
    return shown + _audit_tables(found.get("audit"))


def _audit_tables(audit: dict | None) -> list[Table]:
    """Rate, likelihood and samplers of an audit, as titles, heads and rows."""
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
        shown.append(Table(f"nats per image, of {likelihood['images']} {likelihood['of']}", ["", "measured"], rows))
    scores = audit["samplers"]["scores"]
    if scores:
        names = {name: text for name, text in SAMPLERS.items() if name in scores}
        names["floor"] = "training images in their place"
        rows = [[text, *(number(scores[name][key]) for key in SCORES.values())] for name, text in names.items()]
        shown.append(Table("new images by where z is drawn from", ["", *SHORT], rows))
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


def typicality(units: tuple[int, ...]) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows of Lemma 2 and Theorem 3 of "Why Bigger is Not Better" by Monte-Carlo, over and under the
    variance at which the entropy is 0."""
    from keras_vae import diagnostics

    wide, narrow = (diagnostics.typicality(variance, units=units) for variance in (1.0, 0.03))
    columns = (wide.typical, wide.exact_typical, wide.log_difference, narrow.log_difference, wide.literal)
    rows = [[str(d), *(number(column[i]) for column in columns)] for i, d in enumerate(units)]
    head = ["n", "share 0.1-typical", "exactly", "log₁₀ |f(Z₁) − f(Z₂)|, σ² = 1", "the same, σ² = 0.03", "literal"]
    title = f"Theorem 3; Lemma 2 (ii) holds for ε = 0.1 from n = {diagnostics.min_typical_units(0.1)} on"
    return title, head, rows
