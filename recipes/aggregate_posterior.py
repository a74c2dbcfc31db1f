"""The aggregate posterior compared with the prior N(0, I), over the encoder's depth and the number of latent units.

Source: a question on variational autoencoders whose author doubts that samples from N(0, I) represent the training
set, and answers it: the encoder needs to be expressive enough, and more latent units bring q(z) closer to N(0, I).
A comment says that the mixture of posteriors is "bigger" than N(0, I). The example of the source has two hidden layers
of 500 and two units; its first remedy is a third layer of the encoder. It states neither optimizer nor epochs; here
they are Adam, 1e-3, batches of 128, 20 epochs.

    python recipes/aggregate_posterior.py
"""

from math import inf
from pathlib import Path

from keras_vae.measures import SAMPLERS
from keras_vae.studies import Claim, Gap, Mean, Quick, Ratio, Results, Study, main

UNITS = (2, 4, 8, 16, 32)
DEPTHS = {2: "784-500-500", 3: "784-500-500-500"}
AGGREGATE_KL, AGGREGATE_KL_PER_UNIT = "aggregate_kl", "aggregate_kl_per_active_unit"
MARGINAL_KL, AUC = "marginal_kl_active", "c2st_auc"
VARIANCE, OUTSIDE_FRACTION = "variance_active", "outside_fraction"
PRIOR_OVER_AGGREGATE = "frechet_prior_over.aggregate_posterior"
PRIOR_OVER_MIXTURE = "frechet_prior_over.gaussian_mixture"


def name(depth: int, units: int) -> str:
    return f"{depth} layers, d = {units}"


def closer_to_prior(words: str, first: str, second: str) -> list[Claim]:
    """Claims that q(z) of the first is closer to N(0, I) than that of the second."""
    return [
        Gap(f"{words}: KL", AGGREGATE_KL, (-inf, 0), f"{AGGREGATE_KL}.low", f"{AGGREGATE_KL}.high", (first, second)),
        Gap(
            "… per active unit",
            AGGREGATE_KL_PER_UNIT,
            (-inf, 0),
            f"{AGGREGATE_KL_PER_UNIT}.low",
            f"{AGGREGATE_KL_PER_UNIT}.high",
            (first, second),
        ),
        Ratio("… each unit's marginal", MARGINAL_KL, (0, 1), (first, second)),
        Mean("… harder to distinguish from the prior", AUC, (-inf, 0), {first: 1, second: -1}),
    ]


CLAIMS = [
    *(claim for d in (2, 8, 32) for claim in closer_to_prior(f"a third layer helps, d = {d}", name(3, d), name(2, d))),
    *(
        claim
        for d in (8, 32)
        for claim in closer_to_prior(f"more units help, {d} compared with 2", name(3, d), name(3, 2))
    ),
    *(
        claim
        for d in (2, 8, 32)
        for claim in (
            # E[σ²] + E[μ²] = 1 in a converged model (see `UnitStatistics.total_var`); more means unfinished training.
            Mean(f"the mixture is bigger than N(0, I), d = {d}: variance", VARIANCE, (1.05, inf), {name(2, d): 1}),
            Mean("… tails", OUTSIDE_FRACTION, (0.05, inf), {name(2, d): 1}),
        )
    ),
    *(
        claim
        for d in (2, 8, 32)
        for claim in (
            Mean(f"samples from N(0, I) are poor, d = {d}", PRIOR_OVER_AGGREGATE, (1.25, inf), {name(2, d): 1}),
            Mean("… compared with a fitted mixture", PRIOR_OVER_MIXTURE, (1.25, inf), {name(2, d): 1}),
        )
    ),
]


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import audit_figures, study_figures

    units = [d for d in UNITS if name(2, d) in results.study.configs]
    planes = {name(depth, 2): results.run(name(depth, 2)) for depth in DEPTHS}
    quantities = {
        AGGREGATE_KL: "KL(q(z) ‖ p), nats; triangles mark lower ends",
        MARGINAL_KL: "KL(q(z_u) ‖ N(0, 1)) of an active unit, nats",
        AUC: "classifier two-sample test, AUC",
        VARIANCE: "variance of an active unit under q(z)",
        OUTSIDE_FRACTION: "fraction beyond 97.5 % of the prior's radii",
        "active_units": "active units",
    }
    names = [AGGREGATE_KL, f"{AGGREGATE_KL}.low", f"{AGGREGATE_KL}.high", *list(quantities)[1:]]
    distances = {
        SAMPLERS[sampler]: {d: {"frechet": results.values(name(2, d), f"frechet.{sampler}")} for d in units}
        for sampler in ("prior", "moment_matched", "gaussian_mixture", "aggregate_posterior")
    }
    series = {
        f"{depth} encoder layers": {d: {q: results.values(name(depth, d), q) for q in names} for d in units}
        for depth in DEPTHS
    }
    by_sampler = audit_figures.over_units(distances, {"frechet": "Fréchet distance by sampler"})
    figures = {
        "plane": (audit_figures.densities(planes), "Two units: codes by digit, and the densities of q(z) and N(0, I)."),
        "over-units": (
            audit_figures.over_units(series, quantities),
            "Distance of q(z) from the prior over latent units; one dot per seed.",
        ),
        "samplers": (by_sampler, "Fréchet distance of generated digits by sampler."),
    }
    samples = {
        f"samples-d-{d}": (
            audit_figures.samplers(results.run(name(2, d)), name(2, d)),
            f"{name(2, d)}: generated digits by sampler, and training images.",
        )
        for d in (2, 32)
    }
    return study_figures.save_all(results.folder, figures | samples)


STUDY = Study(
    name="aggregate_posterior",
    title="The aggregate posterior compared with the prior",
    source=(
        "Cross Validated, question 333018, [How well does Q(z|X) match N(0,I) in variational autoencoders?]"
        "(https://stats.stackexchange.com/questions/333018)"
    ),
    configs={
        # Only the encoder becomes deeper; the decoder keeps its two layers.
        name(depth, d): {"architecture": f"{layers}-{d}", **({"decoder": "500-500"} if depth > 2 else {})}
        for depth, layers in DEPTHS.items()
        for d in UNITS
    },
    measures=[
        "loss", "reconstruction", "kl", "active_units", f"{AGGREGATE_KL}.low", f"{AGGREGATE_KL}.high", "saturated",
        "information.low", "marginal_kl_sum", MARGINAL_KL, AUC, "mmd", VARIANCE, "radius_ratio",
        "typical_fraction", OUTSIDE_FRACTION, "frechet.prior", "frechet.moment_matched",
        "frechet.gaussian_mixture", "frechet.aggregate_posterior", "nearest_is_source", "log_likelihood",
        "likelihood_gap", "pareto_k_above_07",
    ],
    claims=CLAIMS,
    draw=draw,
    seeds=2,
    epochs=20,
    quick=Quick(epochs=6, configs=[name(depth, d) for depth in DEPTHS for d in (2, 8, 32)]),
    out="runs/aggregate",
    audit=True,
)  # fmt: skip

if __name__ == "__main__":
    main(STUDY)
