"""The main results of an audit in sentences."""

from keras_vae._utils.formatting import number

BOUNDED = {  # key of `audit["encodings"]` → what its two ends bound
    "divergence": "KL(q(z) ‖ N(0, I))",
    "total_correlation": "the total correlation",
}


def sentences(audit: dict) -> list[str]:
    """The results of an audit on the aggregate posterior and on samples, one paragraph each.

    Args:
        audit: `audit` of `evaluation.json`; parts of it may be missing.
    """
    encodings = audit.get("encodings")
    scores = (audit.get("samplers") or {}).get("scores") or {}
    found = [_aggregate_posterior(encodings), *_crossed_bounds(encodings)] if encodings else []
    if {"prior", "aggregate_posterior", "floor"} <= set(scores):
        found.append(_samples(scores))
    return found


def _aggregate_posterior(encodings: dict) -> str:
    low, high = encodings["divergence"]["interval"]
    said = [
        "Images are generated from z ~ N(0, I), but the decoder was trained on z from the aggregate posterior q(z), "
        f"the mixture of all posteriors. KL(q(z) ‖ N(0, I)) is within {number(low)} … {number(high)} nats."
    ]
    if encodings["divergence"]["saturated"]:
        said.append("The upper end is limited by the number of encoded images and says little about q(z).")
    if encodings.get("separation"):
        auc = number(encodings["separation"]["auc"])
        said.append(
            f"A classifier that separates samples of q(z) from samples of N(0, I) has an AUC of {auc} (0.5 by chance)."
        )
    return " ".join(said)


def _crossed_bounds(encodings: dict) -> list[str]:
    """A sentence for each interval whose lower end exceeds its upper end."""
    ends = {key: encodings.get(key) for key in BOUNDED}
    ends["divergence"] = encodings["divergence"]["interval"]
    return [
        f"The lower end of {BOUNDED[key]}, {number(pair[0])} nats, exceeds its upper end, {number(pair[1])} nats: both "
        "are Monte-Carlo estimates, and the difference between them is Monte-Carlo error."
        for key, pair in ends.items()
        if pair and None not in pair and pair[0] > pair[1]
    ]


def _samples(scores: dict) -> str:
    distance = {name: number(score["frechet"]) for name, score in scores.items()}
    return (
        f"The Fréchet distance to test images is {distance['prior']} for images generated from N(0, I), "
        f"{distance['aggregate_posterior']} for images generated from the mixture of posteriors, and "
        f"{distance['floor']} for training images."
    )
