"""Why bigger is not better: the asymptotic behaviour of a VAE's latent space, on Fashion-MNIST.

Source: S. K. Azmoodeh, "Why Bigger is Not Better: The Asymptotic Behavior of VAE Latent Space". Two hidden layers of
256, a vector mean and one variance per image, d = 2, 20, 200 and 800, 100 epochs, batches of 256, learning rate 1e-4;
it names neither optimizer nor activation; here they are Adam and ReLU. Added are the posterior of its theorem (iid:
one mean and one variance for all units), the diagonal posterior, and samples from the aggregate posterior, to separate
the effects of dimension, family of posteriors, and prior.

    python recipes/bigger_is_not_better.py
"""

from math import inf
from pathlib import Path

import numpy as np

from keras_vae import Run, diagnostics
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import Mean, Measure, Quick, Ratio, Results, Study, Table, main, number

UNITS = (2, 20, 200, 800)
POSTERIORS = {"": "isotropic", "iid, ": "iid", "diagonal, ": "diagonal"}
FRECHET_PRIOR, FRECHET_AGGREGATE = "frechet.prior", "frechet.aggregate_posterior"
EXCESS_RECONSTRUCTION, RECALL_PRIOR, CLASS_BALANCE = "excess_reconstruction", "recall.prior", "class_balance.prior"
TYPICALITY_RELATIVE, TYPICALITY_LITERAL = "typicality_relative", "typicality_literal"
PRIOR_OVER_MIXTURE = "frechet_prior_over.gaussian_mixture"
KNN_ACCURACY, SHOE_R2 = "knn_accuracy", "shoe_r2"
UPPER_GARMENTS, SHOES = (0, 2, 4, 6), (5, 7, 9)  # labels of upper garments and of shoes


def name(units: int, kind: str = "") -> str:
    return f"{kind}d = {units}"


def longer(units: int) -> str:
    return f"d = {units}, 300 epochs"


CLAIMS = [
    Ratio("Figure 3: nearer to a typical density, relative to |h|", TYPICALITY_RELATIVE, (0, 1), (name(800), name(2))),
    Ratio("… literally, as a percent of the probability", TYPICALITY_LITERAL, (0, 1), (name(800), name(2))),
    Ratio("generated images get worse: 20 to 200", FRECHET_PRIOR, (1.25, inf), (name(200), name(20))),
    Ratio("… and to 800", FRECHET_PRIOR, (1.25, inf), (name(800), name(20))),
    Mean("… precision, 20 to 200", "precision.prior", (-inf, -0.05), {name(200): 1, name(20): -1}),
    Mean("… less varied: recall, 20 to 200", RECALL_PRIOR, (-inf, -0.05), {name(200): 1, name(20): -1}),
    Mean("… class balance", CLASS_BALANCE, (-inf, -0.05), {name(200): 1, name(20): -1}),
    *(
        Ratio(f"reconstructions about the same: {d} and 20", EXCESS_RECONSTRUCTION, (1 / 1.1, 1.1), (name(d), name(20)))
        for d in (2, 200, 800)
    ),
    Ratio(
        "with more training bigger is better: 200 and 20",
        EXCESS_RECONSTRUCTION,
        (0, 1 / 1.1),
        (longer(200), longer(20)),
    ),
    Mean("Figure 2: loose clusters", KNN_ACCURACY, (0.5, 0.9), {name(2): 1}),
    Mean("… a gradient from upper garments to shoes", SHOE_R2, (0.5, 1), {name(2): 1}),
    Ratio(
        "not in the source: a diagonal posterior helps, d = 200",
        FRECHET_PRIOR,
        (0, 0.8),
        (name(200, "diagonal, "), name(200)),
    ),
    Ratio("… an iid posterior is worse", EXCESS_RECONSTRUCTION, (1.25, inf), (name(200, "iid, "), name(200))),
    Ratio(
        "… the prior limits sample quality, more at 200 than at 20",
        PRIOR_OVER_MIXTURE,
        (1.25, inf),
        (name(200), name(20)),
    ),
]


def measure_run(run: Run, data: Dataset, judge: Judge | None) -> dict[str, float]:
    row = {EXCESS_RECONSTRUCTION: run.metrics["test"]["reconstruction"] - diagnostics.pixel_entropy(data.x_test)}
    encodings = run.arrays("encodings")
    if data.name == "fashion-mnist":  # the labels of other data are no garments
        both = np.isin(encodings["labels"], UPPER_GARMENTS + SHOES)
        shoe = np.isin(encodings["labels"][both], SHOES).astype("float64")[:, None]
        codes = encodings["mean"][both].reshape(both.sum(), -1)
        row[SHOE_R2] = float(np.mean(diagnostics.held_out_linear_r2(codes, shoe)))
    return row


def tables(results: Results) -> list[Table]:
    """Figure 3: an identity that holds for every Gaussian, and two readings of it that are not identities."""
    head = ["n", "mean |−log f/n − h|, of any Gaussian", "relative to |h|, trained", "|f/e^(−nh) − 1|, trained"]
    rows = [
        [str(d), number(diagnostics.expected_deviation(d)),
         *(number(results.values(name(d), measure).mean()) for measure in (TYPICALITY_RELATIVE, TYPICALITY_LITERAL))]
        for d in UNITS
    ]  # fmt: skip
    return [
        Table("Figure 3: the density of samples and of a typical sequence", head, rows),
        typicality(UNITS),
    ]


def typicality(units: tuple[int, ...]) -> Table:
    """Lemma 2 and Theorem 3 by Monte-Carlo, above and below the variance at which the entropy is 0."""
    wide, narrow = (diagnostics.typicality(variance, units=units) for variance in (1.0, 0.03))
    columns = (wide.typical, wide.exact_typical, wide.log_difference, narrow.log_difference, wide.literal)
    rows = [[str(d), *(number(column[i]) for column in columns)] for i, d in enumerate(units)]
    head = ["n", "fraction 0.1-typical", "exact", "log₁₀ |f(Z₁) − f(Z₂)|, σ² = 1", "the same, σ² = 0.03", "literal"]
    title = f"Theorem 3; Lemma 2 (ii) holds for ε = 0.1 from n = {diagnostics.min_typical_units(0.1)} on"
    return Table(title, head, rows)


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import audit_figures, run_figures, study_figures

    paper = {name(d): results.run(name(d)) for d in UNITS}
    quantities = {
        FRECHET_PRIOR: "Fréchet distance, z from N(0, I)",
        FRECHET_AGGREGATE: "Fréchet distance, z from the aggregate posterior",
        EXCESS_RECONSTRUCTION: "reconstruction above its lower bound, nats",
        RECALL_PRIOR: "recall, z from N(0, I)",
        "active_units": "active units",
        PRIOR_OVER_MIXTURE: "Fréchet distance, N(0, I) relative to a fitted mixture",
    }
    labels = {"": "isotropic (as in the source)", "iid, ": "iid", "diagonal, ": "diagonal"}
    trained = {kind: [d for d in UNITS if name(d, kind) in results.study.configs] for kind in POSTERIORS}
    series = {
        labels[kind]: {d: {q: results.values(name(d, kind), q) for q in quantities} for d in units}
        for kind, units in trained.items()
        if units
    }
    densities = (
        "The source's Figure 3: densities of posterior samples relative to a typical sequence's; the lines hold for "
        "any Gaussian."
    )
    figures = {
        "figure-2": (
            run_figures.latent(paper[name(2)]),
            "The source's Figure 2: codes of test images by class, two units.",
        ),
        "figure-3": (audit_figures.typical_densities(paper), densities),
        "figure-4": (
            study_figures.samples(paper),
            "The source's Figure 4: a hundred generated images of each model, z from N(0, I).",
        ),
        "figure-5": (
            study_figures.originals_and_reconstructions(paper),
            "The source's Figure 5: test images and reconstructions.",
        ),
        "over-units": (
            audit_figures.over_units(series, quantities),
            "Scores over the number of latent units; one dot per seed.",
        ),
    }
    samples = {
        f"samples-{i}": (
            audit_figures.samplers(results.run(net), net),
            f"{net}: generated images by sampler, and training images.",
        )
        for i, net in enumerate((name(200, kind) for kind, units in trained.items() if 200 in units), 1)
    }
    return study_figures.save_all(results.folder, figures | samples)


STUDY = Study(
    name="bigger_is_not_better",
    title="Samples and reconstructions with 2 to 800 latent units",
    source=(
        'S. K. Azmoodeh, "Why Bigger is Not Better: The Asymptotic Behavior of VAE Latent Space", Department of '
        "Computer Science, University of Illinois at Urbana-Champaign"
    ),
    configs={
        name(d, kind): {"architecture": f"784-256-256-{d}", "posterior": posterior, "batch_size": 256,
                        "learning_rate": 1e-4}
        for kind, posterior in POSTERIORS.items()
        for d in UNITS
    } | {
        longer(d): {"architecture": f"784-256-256-{d}", "posterior": "isotropic", "batch_size": 256,
                    "learning_rate": 1e-4, "epochs": 300}
        for d in (20, 200)
    },
    measures=[
        "loss", "reconstruction", EXCESS_RECONSTRUCTION, "kl", "active_units", "aggregate_kl.low", "aggregate_kl.high",
        "saturated", "c2st_auc", "variance_active", "typical_fraction", FRECHET_PRIOR, "precision.prior", RECALL_PRIOR,
        CLASS_BALANCE, "frechet.gaussian_mixture", FRECHET_AGGREGATE, "precision.aggregate_posterior",
        "recall.aggregate_posterior", "nearest_is_source", TYPICALITY_RELATIVE, TYPICALITY_LITERAL, KNN_ACCURACY,
        SHOE_R2, "log_likelihood", "pareto_k_above_07",
    ],
    claims=CLAIMS,
    draw=draw,
    measure_run=measure_run,
    own_measures=[
        Measure(
            EXCESS_RECONSTRUCTION, "reconstruction above its lower bound", "nats per image", "lower", bounds=(0, inf)
        ),
        Measure(SHOE_R2, "R² of upper garment against shoe, linear in the codes", better="higher", bounds=(-inf, 1)),
    ],
    tables=tables,
    seeds=2,
    epochs=100,
    dataset="fashion-mnist",
    # Without the iid posterior, whose images are grey after any number of epochs that is quick.
    quick=Quick(
        epochs=6,
        arguments={"batch_size": 32, "learning_rate": 1e-3},
        configs=[*(name(d) for d in UNITS), name(200, "diagonal, ")],
    ),
    out="runs/fashion",
    audit=True,
)  # fmt: skip

if __name__ == "__main__":
    main(STUDY)
