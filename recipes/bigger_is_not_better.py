"""Why bigger is not better: the asymptotic behaviour of a VAE's latent space, on Fashion-MNIST.

Source: S. K. Azmoodeh, "Why Bigger is Not Better: The Asymptotic Behavior of VAE Latent Space". Two hidden layers of
256, a vector mean and one variance an image, d = 2, 20, 200 and 800, 100 epochs, batches of 256, learning rate 1e-4;
Adam and ReLU are not stated there. Beside its models stand what it could not say: the posterior of its theorem (one
mean for every unit), the diagonal one, samples from the mixture of posteriors: is dimension, family or prior to blame?

    python recipes/bigger_is_not_better.py
"""

from math import inf

import numpy as np

from keras_vae import diagnostics
from keras_vae._utils.formatting import number
from keras_vae.evaluation.tables import typicality
from keras_vae.studies.claims import Mean, Ratio
from keras_vae.studies.results import ReportTable, Results
from keras_vae.studies.study import Study

UNITS = (2, 20, 200, 800)
KINDS = {"": "isotropic", "one mean, ": "iid", "diagonal, ": "diagonal"}
PRIOR, MIXTURE = "Fréchet distance, N(0, I)", "Fréchet distance, mixture of posteriors"
EXCESS, RECALL, BALANCE = "reconstruction above the floor", "recall, N(0, I)", "class balance, N(0, I)"
RELATIVE, LITERAL = "|−log q/n − h| relative to |h|", "|q / e^(−nh) − 1|"
POORER = "Fréchet distance, prior / fitted mixture"
CLUSTERS, GRADIENT = "labels by neighbours", "R² of garment or shoe, linear"
UPPER, SHOES = (0, 2, 4, 6), (5, 7, 9)  # labels of upper garments and of shoes


def name(units: int, kind: str = "") -> str:
    return f"{kind}d = {units}"


def longer(units: int) -> str:
    return f"d = {units}, 300 epochs"


CLAIMS = [
    Ratio("Figure 3: nearer to a typical density, relative to |h|", RELATIVE, (0, 1), (name(800), name(2))),
    Ratio("… literally, as a percent of the probability", LITERAL, (0, 1), (name(800), name(2))),
    Ratio("generated images get worse: 20 to 200", PRIOR, (1.25, inf), (name(200), name(20))),
    Ratio("… and to 800", PRIOR, (1.25, inf), (name(800), name(20))),
    Mean("… precision, 20 to 200", "precision, N(0, I)", (-inf, -0.05), {name(200): 1, name(20): -1}),
    Mean("… less varied: recall, 20 to 200", RECALL, (-inf, -0.05), {name(200): 1, name(20): -1}),
    Mean("… class balance", BALANCE, (-inf, -0.05), {name(200): 1, name(20): -1}),
    *(
        Ratio(f"reconstructions about the same: {d} and 20", EXCESS, (1 / 1.1, 1.1), (name(d), name(20)))
        for d in (2, 200, 800)
    ),
    Ratio("more training: then bigger is better, 200 and 20", EXCESS, (0, 1 / 1.1), (longer(200), longer(20))),
    Mean("Figure 2: loose clusters", CLUSTERS, (0.5, 0.9), {name(2): 1}),
    Mean("… a gradient from upper garments to shoes", GRADIENT, (0.5, 1), {name(2): 1}),
    Ratio("not said: a diagonal posterior helps, d = 200", PRIOR, (0, 0.8), (name(200, "diagonal, "), name(200))),
    Ratio("… one mean would do harm", EXCESS, (1.25, inf), (name(200, "one mean, "), name(200))),
    Ratio("… the prior is to blame, more at 200 than at 20", POORER, (1.25, inf), (name(200), name(20))),
]


def measure(run, data, judge) -> dict[str, float]:
    row = {EXCESS: run.metrics["test"]["reconstruction"] - diagnostics.pixel_entropy(data.x_test)}
    encodings = run.arrays("encodings")
    if "labels" in encodings:
        both = np.isin(encodings["labels"], UPPER + SHOES)
        shoe = np.isin(encodings["labels"][both], SHOES).astype("float64")[:, None]
        codes = encodings["mean"][both].reshape(both.sum(), -1)
        row[GRADIENT] = float(np.mean(diagnostics.held_out_linear_r2(codes, shoe)))
    return row


def tables(results: Results) -> list[ReportTable]:
    """Figure 3: an identity of all Gaussians, beside what is not one."""
    head = ["n", "mean |−log f/n − h|, of any Gaussian", "relative to |h|, trained", "|f/e^(−nh) − 1|, trained"]
    rows = [
        [str(d), number(diagnostics.expected_deviation(d)),
         *(number(results.values(name(d), measure).mean()) for measure in (RELATIVE, LITERAL))]
        for d in UNITS
    ]  # fmt: skip
    return [
        ReportTable("Figure 3: the density of samples against a typical sequence's", head, rows),
        ReportTable(*typicality(UNITS)),
    ]


def draw(results: Results) -> dict:
    from keras_vae.plots import audit_figures, run_figures, study_figures

    paper = {name(d): results.run(name(d)) for d in UNITS}
    quantities = {
        PRIOR: "Fréchet distance, z from N(0, I)",
        MIXTURE: "Fréchet distance, z from the mixture",
        EXCESS: "reconstruction above the floor, nats",
        RECALL: "recall, z from N(0, I)",
        "active units": "active units",
        POORER: "Fréchet distance, N(0, I) / fitted mixture",
    }
    labels = {"": "isotropic (the paper)", "one mean, ": "one mean", "diagonal, ": "diagonal"}
    series = {
        label: {d: {q: results.values(name(d, kind), q) for q in quantities} for d in UNITS}
        for kind, label in labels.items()
    }
    densities = "Figure 3: densities of posterior samples against a typical sequence's; lines: of any Gaussian."
    shown = {
        "figure-2": (run_figures.latent(paper[name(2)]), "Figure 2: codes of test images by garment, two units."),
        "figure-3": (audit_figures.typical_densities(paper), densities),
        "figure-4": (study_figures.samples(paper), "Figure 4: a hundred new images of each model, from N(0, I)."),
        "figure-5": (study_figures.originals_and_reconstructions(paper), "Figure 5: test images and reconstructions."),
        "over-units": (audit_figures.over_units(series, quantities), "What more units change, a dot a seed."),
    }
    samples = {
        f"samples-{i}": (audit_figures.samplers(results.run(net), net), f"New images by where z was drawn from: {net}.")
        for i, net in enumerate((name(200, kind) for kind in KINDS), 1)
    }
    return study_figures.save_all(results.folder, shown | samples)


STUDY = Study(
    name="bigger_is_not_better",
    title="Why bigger is not better, on Fashion-MNIST",
    configs={
        name(d, kind): {"architecture": f"784-256-256-{d}", "posterior": posterior, "batch_size": 256,
                        "learning_rate": 1e-4}
        for kind, posterior in KINDS.items()
        for d in UNITS
    } | {
        longer(d): {"architecture": f"784-256-256-{d}", "posterior": "isotropic", "batch_size": 256,
                    "learning_rate": 1e-4, "epochs": 300}
        for d in (20, 200)
    },
    measures=[
        "loss", "reconstruction", EXCESS, "kl", "active units", "KL(q(z) ‖ p), low", "KL(q(z) ‖ p), high", "saturated",
        "AUC", "variance of an active unit", "typical under the prior", PRIOR, "precision, N(0, I)", RECALL, BALANCE,
        "Fréchet distance, fitted mixture", MIXTURE, "precision, mixture of posteriors",
        "recall, mixture of posteriors", "remembered", RELATIVE, LITERAL, CLUSTERS, GRADIENT, "log p(x)",
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
