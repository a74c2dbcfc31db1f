"""How well does q(z | X) match N(0, I)? The aggregate posterior against the prior, over depth and latent units.

Source: a question on variational autoencoders whose author doubts that samples from N(0, I) represent the training
set, and answers it: the encoder needs to be expressive enough, and more latent units bring q(z) closer to N(0, I).
A comment says that the mixture of posteriors is "bigger" than N(0, I). Two hidden layers of 500 and two units are its
example, a third layer of the encoder its first remedy. Nothing is said of the optimizer or the number of epochs: ours
are Adam 1e-3, batches of 128, 20 epochs.

    python recipes/aggregate_posterior.py
"""

from math import inf

from keras_vae.studies.claims import Gap, Mean, Ratio
from keras_vae.studies.results import Results
from keras_vae.studies.study import Study

UNITS = (2, 4, 8, 16, 32)
DEPTHS = {2: "784-500-500", 3: "784-500-500-500"}
TOTAL, EACH, ALONE = "KL(q(z) ‖ p)", "KL(q(z) ‖ p) per active unit", "KL of an active unit alone"
VARIANCE, FAR = "variance of an active unit", "further out than 97.5 % of the prior"
POOR, POORER = (f"Fréchet distance, prior / {source}" for source in ("mixture of posteriors", "fitted mixture"))


def name(depth: int, units: int) -> str:
    return f"{depth} layers, d = {units}"


def closer(words: str, first: str, second: str) -> list:
    """Claims that q(z) of the first is closer to N(0, I) than that of the second."""
    return [
        Gap(f"{words}: KL", TOTAL, (-inf, 0), f"{TOTAL}, low", f"{TOTAL}, high", (first, second)),
        Gap("… per active unit", EACH, (-inf, 0), f"{EACH}, low", f"{EACH}, high", (first, second)),
        Ratio("… each unit's marginal", ALONE, (0, 1), (first, second)),
        Mean("… harder to tell from the prior", "AUC", (-inf, 0), {first: 1, second: -1}),
    ]


CLAIMS = [
    *(claim for d in (2, 8, 32) for claim in closer(f"a third layer helps, d = {d}", name(3, d), name(2, d))),
    *(claim for d in (8, 32) for claim in closer(f"more units help, {d} against 2", name(3, d), name(3, 2))),
    *(
        claim
        for d in (2, 8, 32)
        for claim in (
            # A model at rest has E[σ²] + E[μ²] = 1 (see `UnitStatistics.total_var`): bigger would be unfinished.
            Mean(f"the mixture is bigger than N(0, I), d = {d}: variance", VARIANCE, (1.05, inf), {name(2, d): 1}),
            Mean("… tails", FAR, (0.05, inf), {name(2, d): 1}),
        )
    ),
    *(
        claim
        for d in (2, 8, 32)
        for claim in (
            Mean(f"samples from N(0, I) are poor, d = {d}", POOR, (1.25, inf), {name(2, d): 1}),
            Mean("… against a fitted mixture", POORER, (1.25, inf), {name(2, d): 1}),
        )
    ),
]


def draw(results: Results) -> dict:
    from keras_vae.plots import audit_figures, study_figures

    planes = {name(depth, 2): results.run(name(depth, 2)) for depth in DEPTHS}
    quantities = {
        TOTAL: "KL(q(z) ‖ p), nats; a triangle: at least",
        ALONE: "KL(q(z_u) ‖ N(0, 1)) of an active unit, nats",
        "AUC": "a classifier's AUC",
        VARIANCE: "variance of an active unit under q(z)",
        FAR: "share further out than 97.5 % of the prior",
        "active units": "active units",
    }
    names = [TOTAL, f"{TOTAL}, low", f"{TOTAL}, high", *list(quantities)[1:]]
    sources = ("N(0, I)", "one Gaussian", "fitted mixture", "mixture of posteriors")
    frechet = {source: f"Fréchet distance, {source}" for source in sources}
    distances = {
        source: {d: {"Fréchet distance": results.values(name(2, d), key)} for d in UNITS}
        for source, key in frechet.items()
    }
    series = {
        f"{depth} encoder layers": {d: {q: results.values(name(depth, d), q) for q in names} for d in UNITS}
        for depth in DEPTHS
    }
    by_source = audit_figures.over_units(distances, {"Fréchet distance": "Fréchet distance by where z is drawn from"})
    shown = {
        "plane": (audit_figures.densities(planes), "Two units: codes by digit, and q(z) beside N(0, I)."),
        "over-units": (audit_figures.over_units(series, quantities), "How far q(z) is from the prior, a dot a seed."),
        "samplers": (by_source, "How good new digits are, by where z is drawn from."),
    }
    samples = {
        f"samples-d-{d}": (
            audit_figures.samplers(results.run(name(2, d)), name(2, d)),
            f"{name(2, d)}: new digits by where z was drawn from, and training images in their place.",
        )
        for d in (2, 32)
    }
    return study_figures.save_all(results.folder, shown | samples)


STUDY = Study(
    name="aggregate_posterior",
    title="The aggregate posterior against the prior",
    configs={
        # The encoder alone grows deeper: the decoder keeps its two layers.
        name(depth, d): {"architecture": f"{layers}-{d}", **({"decoder": "500-500"} if depth > 2 else {})}
        for depth, layers in DEPTHS.items()
        for d in UNITS
    },
    measures=[
        "loss", "reconstruction", "kl", "active units", f"{TOTAL}, low", f"{TOTAL}, high", "saturated",
        "I(x; z) at least", "KL of units alone", ALONE, "AUC", "MMD²", VARIANCE, "‖z‖ / that of the prior",
        "typical under the prior", FAR, "Fréchet distance, N(0, I)", "Fréchet distance, one Gaussian",
        "Fréchet distance, fitted mixture", "Fréchet distance, mixture of posteriors", "remembered", "log p(x)",
        "log p(x) less the ELBO", "share with Pareto k > 0.7",
    ],
    claims=CLAIMS,
    draw=draw,
    seeds=2,
    epochs=20,
    out="runs/aggregate",
    audit=True,
)  # fmt: skip

if __name__ == "__main__":
    STUDY.main()
