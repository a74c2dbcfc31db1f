"""Does a learned prior close the gap between the aggregate posterior and the prior, over the number of latent units?

Source: a question on variational autoencoders, "How well does Q(z|X) match N(0,I)". Its author asks why samples are
drawn from N(0, I) if q(z) is another distribution, an answer expects q(z) to "end up with very close to N(0, I)", and a
comment proposes to inspect the mixture of posteriors and "come up with a way to sample it". A learned prior does so in
training: −ELBO = reconstruction + I(x; z) + KL(q(z) ‖ p), and p occurs in the last term alone, which is 0 for p = q(z).
The two priors are a mixture of Gaussians and VampPrior (Tomczak & Welling 2018), with 100 components each; the networks
are those of the source, two layers of 500.

The claims follow from this decomposition, with margins that were chosen before trainings of this size: a gap counts as
closed at 0.1 nats, and a loss is better by at least 0.5 nats per image. Nothing in the objective fixes the scale of the
codes if the prior can follow them; therefore no claim refers to N(0, I), except the one about their variance.

    python recipes/priors.py
"""

from math import inf
from pathlib import Path

import numpy as np

from keras_vae import Run, diagnostics
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import Bracket, Claim, Mean, Measure, Quick, Ratio, Results, Study, main

UNITS = (2, 8, 32)
STANDARD, MIXTURE, VAMP = "N(0, I)", "mixture", "VampPrior"
PRIORS = {STANDARD: "standard-normal", MIXTURE: "mixture components=100", VAMP: "vamp components=100"}
LEARNED = (MIXTURE, VAMP)
RECORDED_PER_LABEL = 1200  # more than MNIST has of any label: all test images are recorded after every epoch
RECORDED_STEPS = 470  # an epoch of 60,000 images and one step, since 47 of 470 steps fit into one compiled call
MAX_DRAWN_EPOCHS = 6

AGGREGATE_KL, AUC = "aggregate_kl", "c2st_auc"
AGGREGATE_KL_LOW, AGGREGATE_KL_HIGH = f"{AGGREGATE_KL}.low", f"{AGGREGATE_KL}.high"
FRECHET_PRIOR, FRECHET_AGGREGATE = "frechet.prior", "frechet.aggregate_posterior"
PRIOR_OVER_MIXTURE, VARIANCE = "frechet_prior_over.gaussian_mixture", "variance_active"
USED_UNITS = "used_units"
USED_NATS = 0.1  # by which the reconstruction of a used unit gets worse, if the prior replaces it

CLOSED = (-inf, 0.1)  # nats
INDISTINGUISHABLE = (-inf, 0.55)  # AUC; 0.5 by chance
NOT_WORSE, BETTER = (-1.5, inf), (0.5, inf)  # nats per image; 1.5 is 1 % of the loss with two units


def name(prior: str, units: int) -> str:
    return f"{prior}, d = {units}"


def closed(words: str, prior: str, units: int) -> Claim:
    """A claim that q(z) is the prior: by both bounds where the upper one is finite, else by the lower one.

    With 8 units or more the information is close to the logarithm of the number of test images: see `saturated`.
    """
    if units == 2:
        return Bracket(words, AGGREGATE_KL, CLOSED, AGGREGATE_KL_LOW, AGGREGATE_KL_HIGH, name(prior, units))
    return Mean(f"{words}, lower end", AGGREGATE_KL_LOW, CLOSED, {name(prior, units): 1})


def less(words: str, measure: str, region: tuple[float, float], prior: str, units: int) -> Claim:
    """A claim about the value of N(0, I) minus that of a learned prior."""
    return Mean(words, measure, region, {name(STANDARD, units): 1, name(prior, units): -1})


def more(words: str, measure: str, region: tuple[float, float], prior: str, units: int, resolution: float = 0) -> Claim:
    """A claim about the value of a learned prior minus that of N(0, I)."""
    return Mean(words, measure, region, {name(prior, units): 1, name(STANDARD, units): -1}, resolution)


def claims(units: int) -> list[Claim]:
    """The claims about models of so many units."""
    found = [closed(f"q(z) ends up very close to N(0, I), d = {units}", STANDARD, units)]
    for prior in LEARNED:
        found.append(closed(f"not in the source: {prior}, d = {units}: the gap is closed", prior, units))
        if units > 2:
            # The lower ends have a common yardstick, a mixture that is fitted to the codes afterwards.
            halved = {name(prior, units): 1.0, name(STANDARD, units): -0.5}
            found += [
                Mean("… lower end at most half that of N(0, I)", AGGREGATE_KL_LOW, (-inf, 0), halved),
                Mean("… q(z) and the prior hardly distinguishable", AUC, INDISTINGUISHABLE, {name(prior, units): 1}),
            ]
        # With two units the prior alone can gain at most half a nat, less than seeds differ by.
        words, region = ("at least as good", NOT_WORSE) if units == 2 else ("better", BETTER)
        found.append(less(f"… ELBO {words}", "loss", region, prior, units))
        if units > 2:
            ratio = name(prior, units), name(STANDARD, units)
            found.append(Ratio("… samples from the prior better", FRECHET_PRIOR, (0, 0.8), ratio))
        if units == 32:
            found += [
                more("… log p(x) better", "log_likelihood", BETTER, prior, units),
                less("… reconstruction better", "reconstruction", BETTER, prior, units),
                more("… more units used", USED_UNITS, (0.5, inf), prior, units, resolution=1),
                Mean("… codes leave the scale of N(0, I): variance", VARIANCE, (2, inf), {name(prior, units): 1}),
            ]
    return found


CLAIMS = [
    *(claim for d in UNITS for claim in claims(d)),
    Mean(
        "not in the source: pseudo-inputs better than free Gaussians, d = 32: ELBO",
        "loss",
        BETTER,
        {name(MIXTURE, 32): 1, name(VAMP, 32): -1},
    ),
]


def measure_run(run: Run, data: Dataset, judge: Judge | None) -> dict[str, float]:
    """The number of units that the decoder uses, which the scale of the codes does not affect."""
    increases = [unit["replacement_loss"] for unit in run.evaluation["units"]]
    return {USED_UNITS: float(sum(increase > USED_NATS for increase in increases))}


def through_training(run: Run) -> dict[str, np.ndarray]:
    """Bounds on KL(q(z) ‖ p) after some epochs: `epochs`, `low` and `high`, which is NaN where it is saturated.

    KL(q(z) ‖ p) = E KL(q(z | x) ‖ p) − I(x; z). The history has the first term for the prior as it was, and the second,
    which does not depend on the prior, is bounded by the recorded posteriors.
    """
    history, trajectory = run.history, run.trajectory
    last = len(history["epoch"])
    rows = []
    for epoch in np.unique(np.geomspace(1, last, MAX_DRAWN_EPOCHS).round()):
        frame = int(np.abs(trajectory.epochs - epoch).argmin())
        if abs(trajectory.epochs[frame] - epoch) > 0.05:
            continue
        information = information_bounds(trajectory.mean[frame], trajectory.log_var[frame])
        mean_kl = float(history["val_kl"][int(epoch) - 1])
        rows.append((epoch, max(mean_kl - information[1], 0.0), max(mean_kl - information[0], 0.0)))
    epochs, low, high = np.array(rows).T
    return {"epochs": epochs, "low": low, "high": high}


def information_bounds(mean: np.ndarray, log_var: np.ndarray) -> tuple[float, float]:
    """Bounds on I(x; z) of encodings `(n, units)`; the lower one is NaN where it is saturated.

    They are differences of divergences from a Gaussian with the moments of the codes. From N(0, I) both divergences
    would be far larger for codes of another scale, and their difference lost in their errors.
    """
    variance = mean.var(axis=0) + np.exp(log_var).mean(axis=0)
    matched = diagnostics.GaussianMixture(np.ones(1), mean.mean(axis=0)[None], np.log(variance)[None])
    found = diagnostics.aggregate_divergence(mean, log_var, prior=matched)
    low = np.nan if found.saturated else found.information_low
    return low, found.mean_kl - max(found.low, found.fitted)


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import audit_figures, study_figures

    trained = {d: [prior for prior in PRIORS if name(prior, d) in results.study.configs] for d in UNITS}
    units = [d for d in UNITS if trained[d]]
    quantities = {
        AGGREGATE_KL: "KL(q(z) ‖ p), nats; triangles mark lower ends",
        AUC: "classifier two-sample test, AUC",
        "loss": "−ELBO of test images, nats",
        FRECHET_PRIOR: "Fréchet distance, z from the model's prior",
        USED_UNITS: "units that the decoder uses",
        VARIANCE: "variance of an active unit under q(z)",
    }
    names = [AGGREGATE_KL, AGGREGATE_KL_LOW, AGGREGATE_KL_HIGH, *list(quantities)[1:]]
    series = {
        prior: {d: {q: results.values(name(prior, d), q) for q in names} for d in units if prior in trained[d]}
        for prior in PRIORS
    }
    runs = {d: {name(prior, d): results.run(name(prior, d)) for prior in trained[d]} for d in units}
    recorded = {
        f"d = {d}": {prior: [through_training(results.run(name(prior, d)))] for prior in trained[d]} for d in units
    }
    most = units[-1]
    figures = {
        "plane": (
            audit_figures.densities(runs[2]),
            "Two units: codes by digit, and the densities of q(z) and of the model's prior.",
        ),
        "through-training": (
            audit_figures.divergence_over_epochs(recorded),
            "KL(q(z) ‖ p) through training, seed 0: lower ends as lines, shaded up to the upper ends; open triangles "
            "where the upper end is unknown.",
        ),
        "over-units": (
            audit_figures.over_units(series, quantities),
            "Models with three priors over the number of latent units; one dot per seed.",
        ),
        "dynamics": (
            study_figures.dynamics(runs[most]),
            f"Losses over epochs with {most} units. The loss is −ELBO.",
        ),
        "samples": (
            study_figures.samples(runs[most]),
            f"A hundred digits of each model with {most} units, z from the model's prior.",
        ),
    }
    return study_figures.save_all(results.folder, figures)


STUDY = Study(
    name="priors",
    title="Priors that are learned: does KL(q(z) ‖ p) become 0?",
    source=(
        "Cross Validated, question 333018, [How well does Q(z|X) match N(0,I) in variational autoencoders?]"
        "(https://stats.stackexchange.com/questions/333018)"
    ),
    configs={
        name(kind, d): {
            "architecture": f"784-500-500-{d}",
            "prior": prior,
            "record_every": RECORDED_STEPS,
            "record_per_label": RECORDED_PER_LABEL,
        }
        for d in UNITS
        for kind, prior in PRIORS.items()
    },
    measures=[
        "loss", "reconstruction", "kl", "active_units", USED_UNITS, AGGREGATE_KL_LOW, AGGREGATE_KL_HIGH, "saturated",
        "information.low", AUC, "mmd", VARIANCE, "radius_ratio", FRECHET_PRIOR, "precision.prior", "recall.prior",
        "frechet.gaussian_mixture", FRECHET_AGGREGATE, PRIOR_OVER_MIXTURE, "nearest_is_source", "log_likelihood",
        "likelihood_gap", "pareto_k_above_07",
    ],
    claims=CLAIMS,
    draw=draw,
    measure_run=measure_run,
    own_measures=[
        Measure(USED_UNITS, "units whose replacement costs over 0.1 nats", bounds=(0, inf)),
    ],
    seeds=4,
    epochs=10,
    quick=Quick(
        epochs=5,
        arguments={"batch_size": 32, "record_every": 125},
        configs=[name(STANDARD, 2), name(VAMP, 2), *(name(kind, 32) for kind in PRIORS)],
    ),
    out="runs/priors",
    audit=True,
)  # fmt: skip

if __name__ == "__main__":
    main(STUDY)
