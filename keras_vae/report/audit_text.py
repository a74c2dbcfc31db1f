"""The main results of an evaluation in sentences: what was found, and what can't be decided."""

from keras_vae._utils.formatting import amount, count, number
from keras_vae.evaluation.tables import MAX_INFINITE_VARIANCE

BOUNDED = {  # key of `audit["encodings"]` → what its two ends bound
    "divergence": "KL(q(z) ‖ {prior})",
    "total_correlation": "the total correlation",
}
LEARNED = "p(z)"  # the name of a learned prior in formulas
STANDARD_ERRORS = 1.96  # half-width of a 95 % confidence interval
MIN_DIVERGENCE = 0.05  # nats; lower bounds of KL(q(z) ‖ p) below it are not called a difference
SLIGHT_AUC = 0.6  # up to which a difference is called slight
MIN_RELATIVE_DISTANCE = 1.25  # ratio of Fréchet distances below which samples are called as good, as in the studies
MIN_JUDGE_ACCURACY = 0.9  # below which scores by the classifier are called rough


def sentences(evaluation: dict) -> list[str]:
    """The results of an evaluation, one paragraph each: the conclusion, and remarks on intervals that crossed.

    Args:
        evaluation: content of `evaluation.json`; parts of it may be missing.
    """
    encodings = (evaluation.get("audit") or {}).get("encodings")
    return [conclusion(evaluation), *(_crossed_bounds(encodings) if encodings else [])]


def sentences_of_encodings(encodings: dict) -> list[str]:
    """The results of an audit of encodings without a model, one paragraph each.

    Args:
        encodings: content of `diagnostics.Audit.as_dict`.
    """
    audit = {"encodings": encodings}
    said = [_units({"audit": audit}), _prior(audit)]
    said.append("Samples and log p(x) were not measured, since they need the decoder.")
    return [" ".join(said), *_crossed_bounds(encodings)]


def conclusion(evaluation: dict) -> str:
    """One paragraph: active units, match of q(z) with the prior, samples, likelihood, and what can't be decided.

    Args:
        evaluation: content of `evaluation.json`; parts of it may be missing.
    """
    audit = evaluation.get("audit") or {}
    said = [_units(evaluation), _prior(audit), _samples(evaluation), _likelihood(audit.get("likelihood"))]
    if not audit:
        prior = "learned prior" if evaluation.get("prior") else "prior N(0, I)"
        said.append(f"The match of q(z) with the {prior} and the likelihood were not measured.")
    return " ".join(sentence for sentence in said if sentence)


def _units(evaluation: dict) -> str:
    """How many units are active; by both criteria where they differ."""
    units = evaluation.get("units")
    encodings = (evaluation.get("audit") or {}).get("encodings") or {}
    total = len(units) if units else encodings.get("latent_units", 0)
    if not total:
        return ""
    active = sum(unit["active"] for unit in units) if units else encodings["n_active"]
    if not active:
        return f"None of the {amount(total)} latent units is active: the model ignores its input."
    by_variance = sum(unit["active_by_variance"] for unit in units) if units else active
    other = "" if by_variance == active else f" by Var[μ] > 0.01, {amount(by_variance)} by E[σ²] < 0.8"
    return f"{amount(active)} of {count(total, 'latent unit')} {'is' if total == 1 else 'are'} active{other}."


def _prior(audit: dict) -> str:
    """Whether the aggregate posterior differs from the prior, by how much, and what can't be decided."""
    encodings = audit.get("encodings")
    if not encodings:
        return "The posterior has no density: its KL from the prior and log p(x) are not defined." if audit else ""
    test, divergence = encodings.get("separation"), encodings["divergence"]
    low, high = max(divergence["interval"][0], 0.0), divergence["interval"][1]
    prior = _name_of_prior(encodings)
    name = f"the learned prior {prior}" if prior == LEARNED else f"the prior {prior}"
    separated = bool(test) and test["auc"] - STANDARD_ERRORS * test["error"] > 0.5
    said = f"No difference between the aggregate posterior q(z) and {name} was found: "
    if separated or low > MIN_DIVERGENCE:
        slightly = "slightly " if test and test["auc"] < SLIGHT_AUC else ""
        said = f"The aggregate posterior q(z) differs {slightly}from {name}: "
    if test:
        said += f"a classifier of their samples has an AUC of {number(test['auc'])} (0.5 by chance), and "
    said += f"KL(q(z) ‖ {prior}) is "
    if divergence["saturated"]:
        return f"{said}at least {number(low)} nats; how much more, {amount(divergence['images'])} images can't decide."
    return f"{said}between {number(low)} and {number(max(low, high))} nats."


def _name_of_prior(encodings: dict) -> str:
    return LEARNED if encodings.get("standard_normal") else "N(0, I)"


def _samples(evaluation: dict) -> str:
    """How good generated images are, and whether the prior or the decoder limits them."""
    scores = ((evaluation.get("audit") or {}).get("samplers") or {}).get("scores") or evaluation.get("samples")
    if not scores or not {"prior", "floor"} <= set(scores):
        return "Samples were not scored, which needs labelled images."
    prior, floor = scores["prior"]["frechet"], scores["floor"]["frechet"]
    aggregate = scores["aggregate_posterior"]["frechet"] if "aggregate_posterior" in scores else None
    source = "the learned prior" if evaluation.get("prior") else "N(0, I)"
    found = f"{number(prior)} from {source}" + ("" if aggregate is None else f" and {number(aggregate)} from q(z)")
    said, cause = "Samples are worse than training images", ""
    if prior < MIN_RELATIVE_DISTANCE * floor:
        said = "Samples are as close to test images as training images are"
    elif aggregate is not None:
        from_prior = prior - aggregate > aggregate - floor
        cause = f", mostly because {f'z is drawn from {source} and not from q(z)' if from_prior else 'of the decoder'}"
    remark = _judge_remark(evaluation.get("judge"))
    return f"{said}{cause}: their Fréchet distance is {found}, that of training images {number(floor)}{remark}."


def _judge_remark(judge: dict | None) -> str:
    if not judge or judge["accuracy"] >= MIN_JUDGE_ACCURACY:
        return ""
    return f" (a rough measure: its classifier is right on {100 * judge['accuracy']:.0f} % of test images)"


def _likelihood(likelihood: dict | None) -> str:
    """The estimate of log p(x), and whether its error is known."""
    if not likelihood:
        return ""
    value, elbo = number(likelihood["value"]), number(likelihood["elbo"])
    # Unless its images are named, this ELBO is taken for that of the losses, which is of all test images as they are.
    items = f"{amount(likelihood['images'])} {likelihood['of'].split(' (')[0]}"
    said = f"The estimate of log p(x) of {items} is {value} nats per image (their ELBO is {elbo})"
    infinite = likelihood["infinite_variance"]
    if infinite is None:
        return f"{said}; {amount(likelihood['samples'])} importance samples are too few to judge its error."
    if infinite > MAX_INFINITE_VARIANCE:
        return (
            f"{said}; it is too low on average, and by how much can't be decided, since the importance weights of "
            f"{100 * infinite:.0f} % of the images may have infinite variance (Pareto k̂ > 0.5)."
        )
    return f"{said}, with a standard error of {number(likelihood['image_error'])} over images."


def _crossed_bounds(encodings: dict) -> list[str]:
    """A sentence for each interval whose lower end exceeds its upper end."""
    ends = {key: encodings.get(key) for key in BOUNDED}
    ends["divergence"] = encodings["divergence"]["interval"]
    prior = _name_of_prior(encodings)
    return [
        f"The lower end of {BOUNDED[key].format(prior=prior)}, {number(pair[0])} nats, exceeds its upper end, "
        f"{number(pair[1])} nats: both are Monte-Carlo estimates, and the difference between them is Monte-Carlo error."
        for key, pair in ends.items()
        if pair and None not in pair and pair[0] > pair[1]
    ]
