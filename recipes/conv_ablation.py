"""A convolutional VAE and the autoencoder of the same architecture, with 2 latent units and with 16.

Source: slides on VAEs on MNIST with an ablation of the latent dimension. Adam 1e-3, batches of 128, 25 epochs, β = 1,
a fixed seed. They name convolutions, dense heads and transposed convolutions but no sizes; here they are 32, 64 and 64
filters and a dense layer of 256. They report one training of each; here are several, paired by seed, so that a
difference can be separated from chance. They don't state their split; all numbers here are of the test set.

    python recipes/conv_ablation.py
"""

from math import inf
from pathlib import Path

from keras_vae.studies import Mean, Quick, Ratio, Results, Study, Table, main, number

VAE_2, VAE_16, AE_2, AE_16 = "VAE, d = 2", "VAE, d = 16", "AE, d = 2", "AE, d = 16"
PUBLISHED = {VAE_2: (137.0, 6.0, 143.0), VAE_16: (74.99, 22.52, 97.51)}

LARGEST_LOSS_RISE, LATE_LOSS_FALL = "largest_loss_rise", "late_loss_fall"
EARLY_KL_RISE, LATE_KL_CHANGE = "early_kl_rise", "late_kl_change"
RECONSTRUCTION_FRACTION = "first_reconstruction_fraction"
FRECHET_PRIOR, FRECHET_MATCHED, ENTROPY_PRIOR = "frechet.prior", "frechet.moment_matched", "entropy.prior"
KNN_ACCURACY, KNN_ACCURACY_PCA = "knn_accuracy", "knn_accuracy_pca"
LARGEST_STEP, FRECHET_MIDPOINTS = "largest_step.linear", "frechet.linear_midpoints"
FRECHET_OVER_CROSS_FADE = "frechet_over_cross_fade.linear"

CLAIMS = [
    Mean("total ~143.0 with d = 2, or better", "loss", (-inf, 145.0), {VAE_2: 1}, published=143.0),
    Mean("total 97.51 with d = 16, or better", "loss", (-inf, 99.51), {VAE_16: 1}, published=97.51),
    *(
        claim
        for vae in (VAE_2, VAE_16)
        for claim in (
            Mean(f"{vae}: total decreases smoothly …", LARGEST_LOSS_RISE, (-inf, 0.5), {vae: 1}),
            Mean("… and stabilizes", LATE_LOSS_FALL, (-0.5, 2), {vae: 1}),
            Mean("reconstruction dominates early training", RECONSTRUCTION_FRACTION, (0.8, inf), {vae: 1}),
            Mean("KL increases initially …", EARLY_KL_RISE, (0, inf), {vae: 1}),
            Mean("… then stabilizes …", LATE_KL_CHANGE, (-0.5, 0.5), {vae: 1}),
            Mean("… at a non-zero value", "kl", (1, inf), {vae: 1}),
        )
    ),
    Mean("d = 16 reconstructs better", "reconstruction", (1, inf), {VAE_2: 1, VAE_16: -1}, published=62.01),
    Mean("its KL is higher …", "kl", (1, inf), {VAE_16: 1, VAE_2: -1}, published=16.52),
    Mean("… more active latent variables", "active_units", (1, inf), {VAE_16: 1, VAE_2: -1}, resolution=1),
    Mean("d = 2: digits remain recognizable", "accuracy.reconstructions", (0.75, inf), {VAE_2: 1}),
    Ratio("d = 16: significantly sharper", "frechet.reconstructions", (0, 0.8), (VAE_16, VAE_2)),
    Mean("AE reconstructs better: d = 2", "reconstruction", (1, inf), {VAE_2: 1, AE_2: -1}),
    Mean("… and d = 16", "reconstruction", (1, inf), {VAE_16: 1, AE_16: -1}),
    Ratio("AE: random samples are not meaningful: d = 2", FRECHET_PRIOR, (1.25, inf), (AE_2, VAE_2)),
    Ratio("… from a Gaussian fitted to its codes", FRECHET_MATCHED, (1.25, inf), (AE_2, VAE_2)),
    Ratio("… d = 16", FRECHET_PRIOR, (1.25, inf), (AE_16, VAE_16)),
    Ratio("… from a Gaussian fitted to its codes", FRECHET_MATCHED, (1.25, inf), (AE_16, VAE_16)),
    Mean("d = 2: samples are diverse …", "class_balance.prior", (0.8, inf), {VAE_2: 1}),
    Mean("… and recognizable", "confidence.prior", (0.8, inf), {VAE_2: 1}),
    Ratio("d = 16: sharper, more detailed samples", FRECHET_PRIOR, (0, 0.8), (VAE_16, VAE_2)),
    Ratio("… less ambiguous", ENTROPY_PRIOR, (0, 0.8), (VAE_16, VAE_2)),
    Mean("partially separated clusters: d = 2", KNN_ACCURACY, (0.3, 0.95), {VAE_2: 1}),
    Mean("… d = 16, on two principal components", KNN_ACCURACY_PCA, (0.3, 0.95), {VAE_16: 1}),
    *(
        claim
        for vae in (VAE_2, VAE_16)
        for claim in (
            Mean(f"{vae}: interpolation without jumps", LARGEST_STEP, (-inf, 2), {vae: 1}),
            Mean("… midpoints more realistic than a cross-fade's", FRECHET_OVER_CROSS_FADE, (-inf, 0.8), {vae: 1}),
        )
    ),
]


def tables(results: Results) -> list[Table]:
    rows = []
    for name, published in PUBLISHED.items():
        measured = [results.values(name, m).mean() for m in ("reconstruction", "kl", "loss")]
        pairs = zip(published, measured, strict=True)
        rows.append([name, *(number(value) for pair in pairs for value in pair)])
    head = ["", *(f"{m}, {source}" for m in ("reconstruction", "KL", "total") for source in ("published", "measured"))]
    return [Table("Published and measured losses", head, rows)]


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import study_figures

    runs = {name: results.run(name) for name in results.study.configs}
    vaes = {name: runs[name] for name in PUBLISHED}
    pairs = {2: (VAE_2, AE_2), 16: (VAE_16, AE_16)}
    figures = {
        "dynamics": (
            study_figures.dynamics(runs),
            "Total, reconstruction and KL over epochs; the autoencoders have no KL.",
        ),
        "reconstructions": (study_figures.originals_and_reconstructions(runs), "Test images and reconstructions."),
        "samples": (study_figures.samples(vaes), "A hundred generated digits of each VAE, z from N(0, I)."),
        "codes": (
            study_figures.planes(runs),
            "Codes of test images by digit; sixteen units on two principal components.",
        ),
        "interpolations": (
            study_figures.interpolations(vaes),
            "Interpolation paths between the same pairs of test images.",
        ),
    }
    comparisons = {
        f"autoencoder-d-{d}": (
            study_figures.comparison({name: runs[name] for name in pair}),
            f"VAE and autoencoder, d = {d}: codes, and digits from N(0, I) and from a Gaussian fitted to the codes.",
        )
        for d, pair in pairs.items()
    }
    return study_figures.save_all(results.folder, figures | comparisons)


STUDY = Study(
    name="conv_ablation",
    title="Convolutional autoencoder and VAE, 2 and 16 latent units",
    source=(
        'M. Shonia, "Variational Autoencoders on MNIST: Latent Space Structure, Sampling, and Ablation Study", '
        "slides, Department of Mathematics, Kutaisi International University, January 30, 2026"
    ),
    configs={
        name: {"architecture": f"c32-c64-c64-256-{d}", "posterior": posterior}
        for posterior, names in (("diagonal", (VAE_2, VAE_16)), ("autoencoder", (AE_2, AE_16)))
        for d, name in zip((2, 16), names, strict=True)
    },
    measures=[
        "loss", "reconstruction", "kl", "parameters", "active_units", FRECHET_PRIOR, FRECHET_MATCHED, "precision.prior",
        "recall.prior", ENTROPY_PRIOR, "accuracy.reconstructions", "frechet.reconstructions", KNN_ACCURACY,
        KNN_ACCURACY_PCA, LARGEST_STEP, "largest_step.spherical", FRECHET_MIDPOINTS, "frechet.spherical_midpoints",
        "frechet.cross_fade_midpoints",
    ],
    claims=CLAIMS,
    draw=draw,
    tables=tables,
    seeds=2,
    epochs=25,
    out="runs/conv",
    quick=Quick(epochs=5),
)  # fmt: skip

if __name__ == "__main__":
    main(STUDY)
