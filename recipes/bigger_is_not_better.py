"""Why bigger is not better: the asymptotic behaviour of a VAE's latent space, on Fashion-MNIST.

Source: S. K. Azmoodeh, "Why Bigger is Not Better: The Asymptotic Behavior of VAE Latent Space". Two hidden layers of
256, a vector mean and one variance an image, d = 2, 20, 200 and 800, 100 epochs, batches of 256, learning rate 1e-4;
Adam and ReLU are not stated there. Beside the paper's four models stand what it could not say: the posterior of its
theorem (the same mean for every unit), the usual diagonal one, and samples from the mixture of posteriors, so that
a reader sees whether the dimension, the family of posteriors or the prior is to blame.

    python recipes/bigger_is_not_better.py
"""

from math import inf

import numpy as np
from scipy import special

from keras_vae.results import ReportTable, Results
from keras_vae.study import Study
from keras_vae.tables import number
from keras_vae.verdicts import Mean, Ratio

UNITS = (2, 20, 200, 800)
KINDS = {"": "isotropic", "one mean, ": "iid", "diagonal, ": "diagonal"}
MORE = "d = 200, 300 epochs"
PRIOR, MIXTURE = "Fréchet distance, N(0, I)", "Fréchet distance, mixture of posteriors"
EXCESS, RECALL, BALANCE = "reconstruction above the floor", "recall, N(0, I)", "class balance, N(0, I)"
IDENTITY, PUBLISHED = "deviation / that of any Gaussian", "|−log q/n − h|, deviation"


def name(units: int, kind: str = "") -> str:
    return f"{kind}d = {units}"


CLAIMS = [
    *(
        Mean(f"Figure 3 (an identity): {name(d)}", IDENTITY, (0.9, 1.1), {name(d): 1})
        for d in UNITS
    ),
    Ratio("generated images get worse: 20 to 200", PRIOR, (1.25, inf), (name(200), name(20))),
    Ratio("… and to 800", PRIOR, (1.25, inf), (name(800), name(20))),
    Mean("… less varied: recall, 20 to 200", RECALL, (-inf, -0.05), {name(200): 1, name(20): -1}),
    Mean("… class balance", BALANCE, (-inf, -0.05), {name(200): 1, name(20): -1}),
    *(
        Ratio(f"reconstructions about the same: {d} and 20", EXCESS, (1 / 1.1, 1.1), (name(d), name(20)))
        for d in (2, 200, 800)
    ),
    Mean("may be resolved with more training: reconstruction", EXCESS, (-inf, -1), {MORE: 1, name(200): -1}),
    Ratio("… samples", PRIOR, (0, 0.8), (MORE, name(200))),
    Mean("loose clusters: labels by neighbours, d = 2", "labels by neighbours", (0.3, 0.95), {name(2): 1}),
    Ratio("not said: a diagonal posterior helps, d = 200", PRIOR, (0, 0.8), (name(200, "diagonal, "), name(200))),
    Ratio("… so would one mean do harm", EXCESS, (1.25, inf), (name(200, "one mean, "), name(200))),
    Mean("… the prior is to blame: d = 200", "Fréchet distance, prior / mixture of posteriors", (1.25, inf),
         {name(200): 1}),
]  # fmt: skip


def floor(images: np.ndarray) -> float:
    """Mean entropy of an image's pixels, nats: below it no Bernoulli loss can go; 189.86 for Fashion-MNIST."""
    grey = np.asarray(images, "float64")
    return float((special.entr(grey) + special.entr(1 - grey)).reshape(len(grey), -1).sum(axis=1).mean())


def measure(run, data, judge) -> dict[str, float]:
    typical = run.evaluation["audit"]["own_typicality"]
    return {
        EXCESS: run.metrics["test"]["reconstruction"] - floor(data.x_test),
        IDENTITY: typical["deviation"] / typical["expected"],
    }


def tables(results: Results) -> list[ReportTable]:
    head = [
        "n",
        "mean deviation, nats a unit",
        "of any Gaussian, exactly",
        "relative to |h|",
        "|f/f_typical − 1|, upper quartile",
    ]
    rows = [
        [str(d), *(number(results.values(name(d), f"|−log q/n − h|, {key}").mean()) for key in
                   ("deviation", "expected", "relative", "literal"))]
        for d in UNITS
    ]  # fmt: skip
    return [ReportTable("Figure 3: the density of samples against a typical sequence's", head, rows), theorem()]


def theorem() -> ReportTable:
    """Lemma 2 and Theorem 3 by Monte-Carlo, above and below the variance at which the entropy is 0."""
    from keras_vae import diagnostics

    wide, narrow = (diagnostics.typicality(variance, units=UNITS) for variance in (1.0, 0.03))
    rows = [
        [str(d), number(wide.typical[i]), number(wide.exact_typical[i]), number(wide.log_difference[i]),
         number(narrow.log_difference[i]), number(wide.literal[i])]
        for i, d in enumerate(UNITS)
    ]  # fmt: skip
    head = ["n", "share 0.1-typical", "exactly", "log₁₀ |f(Z₁) − f(Z₂)|, σ² = 1", "the same, σ² = 0.03", "literal"]
    first = diagnostics.first_typical(0.1)
    title = f"Theorem 3 by Monte-Carlo; Lemma 2 (ii) holds for ε = 0.1 from n = {first} on"
    return ReportTable(title, head, rows)


def draw(results: Results) -> list:
    from keras_vae import audit_panels, gallery, panels

    folder = results.folder / "figures"
    paper = {name(d): results.run(name(d)) for d in UNITS}
    kinds = {name(200, kind): results.run(name(200, kind)) for kind in KINDS}
    quantities = {
        PRIOR: "Fréchet distance, z from N(0, I)",
        MIXTURE: "Fréchet distance, z from the mixture",
        EXCESS: "reconstruction above the floor, nats",
        RECALL: "recall, z from N(0, I)",
        "active units": "active units",
        PUBLISHED: "Figure 3: |−log q/n − h|, nats a unit",
    }
    labels = {"": "isotropic (the paper)", "one mean, ": "one mean", "diagonal, ": "diagonal"}
    series = {
        label: {d: {q: results.values(name(d, kind), q) for q in quantities} for d in UNITS}
        for kind, label in labels.items()
    }
    return [
        panels.save(gallery.latent(paper[name(2)]), folder / "figure-2.png"),
        panels.save(audit_panels.typical_densities(paper), folder / "figure-3.png"),
        panels.save(panels.samples(paper), folder / "figure-4.png"),
        panels.save(panels.originals_and_reconstructions(paper), folder / "figure-5.png"),
        panels.save(audit_panels.over_units(series, quantities), folder / "over-units.png"),
        *(
            panels.save(audit_panels.samplers(run, label), folder / f"samples-{i}.png")
            for i, (label, run) in enumerate(kinds.items(), 1)
        ),
    ]


STUDY = Study(
    name="bigger_is_not_better",
    title="Why bigger is not better, on Fashion-MNIST",
    configs={
        name(d, kind): {"architecture": f"784-256-256-{d}", "posterior": posterior, "batch_size": 256,
                        "learning_rate": 1e-4}
        for kind, posterior in KINDS.items()
        for d in UNITS
    } | {MORE: {"architecture": "784-256-256-200", "posterior": "isotropic", "batch_size": 256,
                "learning_rate": 1e-4, "epochs": 300}},
    measures=[
        "loss", "reconstruction", EXCESS, "kl", "active units", "KL(q(z) ‖ p) at least", "saturated", "AUC",
        "variance of a unit under q(z)", "typical under the prior", PRIOR, "precision, N(0, I)", RECALL, BALANCE,
        MIXTURE, "precision, mixture of posteriors", "recall, mixture of posteriors",
        "Fréchet distance, fitted mixture", "remembered", PUBLISHED, "|−log q/n − h|, expected",
        "|−log q/n − h|, relative", "|−log q/n − h|, literal", "labels by neighbours", "log p(x)",
        "share with Pareto k > 0.7",
    ],
    claims=CLAIMS,
    draw=draw,
    measure=measure,
    tables=tables,
    seeds=2,
    epochs=100,
    dataset="fashion-mnist",
    out="runs/fashion",
    audit=True,
)  # fmt: skip

if __name__ == "__main__":
    STUDY.main()
