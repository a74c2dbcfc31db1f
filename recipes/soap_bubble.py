"""Soap bubbles: overlap of posteriors and prior, and images generated with up to 65,536 latent units.

Source: a question on the dimension of a VAE's latent space. It trains a deep convolutional VAE with a latent space
of 8 × 8 × 1024 on MNIST, sees posteriors close to N(0, I), strokes from N(0, I), digits from N(μ(x), I), and concludes
that bubbles, which become thinner with the dimension, don't overlap. It states no other size, optimizer or number of
epochs; here they are 32 and 64 filters, Adam 1e-3, batches of 128, and three epochs, since two CPU cores need minutes
for each.

Nor does it state how its two losses, which it calls low, are weighted. Two trainings are compared: one with sums in
nats, and one with means over pixels and over units (", means"), which equals β = 784 / 65,536.

A bubble is N(μ(x), I), or N(μ(x), σ²(x)), of an image x. That bubbles and the prior don't overlap can be said of (a)
one bubble, (b) the mixture of the bubbles of all training images, (c) the mixture over the population of images.

    python recipes/soap_bubble.py                # --channels 64 for a small machine
"""

from math import inf, log
from pathlib import Path
from typing import Annotated

import typer

from keras_vae import Run
from keras_vae.data import Dataset
from keras_vae.evaluation import bubbles
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import (
    Bracket,
    Claim,
    CpusOption,
    DatasetOption,
    EpochsOption,
    ExactRatio,
    Execution,
    GpusOption,
    Mean,
    Measure,
    OutOption,
    Quick,
    QuickOption,
    Ratio,
    RayOption,
    Results,
    SeedsOption,
    StorageOption,
    Study,
    WorkersOption,
    run_command,
    start,
)

CHANNELS, QUICK_CHANNELS = 1024, 128
CHANNELS_HELP = f"Channels of the largest latent space, 8 × 8 × CHANNELS; with --quick {QUICK_CHANNELS} by default."
PIXELS = 784
SMALL = {
    "2 units": "c32-c64-c64-256-2",
    "16 units": "c32-c64-c64-256-16",
    "8 × 8 × 4": "c32-c64-8x8x4",
    "8 × 8 × 64": "c32-c64-8x8x64",
}
FRECHET_PRIOR, FRECHET_IDENTITY, FRECHET_CODE = (
    f"bubbles.frechet.{source}" for source in ("prior", "identity", "reconstruction")
)
OVERLAP_SINGLE = "bubbles.overlap_single"
OVERLAP_MIXTURE, OVERLAP_POPULATION = "bubbles.overlap_mixture.identity", "bubbles.overlap_population.identity"
THICKNESS, RELATIVE_THICKNESS = "bubbles.shell_thickness", "bubbles.shell_thickness_ratio"
PRIOR_IN_SHELL = "bubbles.prior_in_shell"
DISTANCE_RATIO, CONFIDENCE_DROP, PEAK_MEMORY = "distance_ratio", "confidence_drop", "peak_memory"
FRECHET_RATIO_IDENTITY, FRECHET_RATIO_PRIOR = "frechet_ratio.identity", "frechet_ratio.prior"
CONFIDENCE_PRIOR, CONFIDENCE_IDENTITY = "bubbles.confidence.prior", "bubbles.confidence.identity"
MEASURES = [
    "loss",
    "reconstruction",
    "kl",
    "bubbles.kl_per_unit",
    "bubbles.mean_rms",
    "bubbles.std_near_1",
    "bubbles.mean_norm",
    OVERLAP_SINGLE,
    OVERLAP_MIXTURE,
    "bubbles.overlap_mixture.posterior",
    "bubbles.overlap_population_lower_bound.identity",
    "bubbles.overlap_population_upper_bound.identity",
    "bubbles.overlap_population_lower_bound.posterior",
    "bubbles.overlap_population_upper_bound.posterior",
    THICKNESS,
    RELATIVE_THICKNESS,
    PRIOR_IN_SHELL,
    "bubbles.radius_ratio.posterior",
    "bubbles.radius_ratio.aggregate",
    "bubbles.accuracy.reconstruction",
    "bubbles.accuracy.posterior",
    "bubbles.accuracy.identity",
    CONFIDENCE_IDENTITY,
    CONFIDENCE_PRIOR,
    DISTANCE_RATIO,
    FRECHET_CODE,
    FRECHET_IDENTITY,
    FRECHET_PRIOR,
    "bubbles.strokes.prior",
    PEAK_MEMORY,
]

OWN_MEASURES = [
    Measure(DISTANCE_RATIO, "distance to the test image, N(μ, I) relative to μ", bounds=(0, inf)),
    *(
        Measure(key, f"Fréchet distance of decoded images, {name} relative to μ", better="lower", bounds=(0, inf))
        for key, name in ((FRECHET_RATIO_IDENTITY, "N(μ, I)"), (FRECHET_RATIO_PRIOR, "N(0, I)"))
    ),
    Measure(CONFIDENCE_DROP, "classifier confidence, N(μ, I) minus N(0, I)", bounds=(-1, 1)),
    Measure(PEAK_MEMORY, "peak memory", "GB", "lower", bounds=(0, inf)),
]


def claims(largest: str, with_means: str) -> list[Claim]:
    return [
        Ratio("the higher the space, the harder to generate", FRECHET_PRIOR, (1.25, inf), ("8 × 8 × 64", "8 × 8 × 4")),
        Ratio("… and at the largest size", FRECHET_PRIOR, (1.25, inf), (largest, "8 × 8 × 64")),
        *(claim for name in (largest, with_means) for claim in observations(name)),
        ExactRatio("the higher the dimension, the thinner", THICKNESS, (0, 0.8), (largest, "16 units")),
        ExactRatio("… relative to the radius", RELATIVE_THICKNESS, (0, 0.8), (largest, "16 units")),
        Mean("… the smaller the overlap: (a)", OVERLAP_SINGLE, (-inf, -0.01), {largest: 1, "16 units": -1}),
        Mean("… (b)", OVERLAP_MIXTURE, (-inf, -0.01), {largest: 1, "16 units": -1}),
    ]


def observations(name: str) -> list[Claim]:
    return [
        Mean("the reconstruction works very well", "bubbles.accuracy.reconstruction", (0.95, inf), {name: 1}),
        Mean("μ(x) is close to 0", "bubbles.mean_rms", (-inf, 0.1), {name: 1}),
        Mean("σ(x) is close to 1", "bubbles.std_near_1", (0.95, inf), {name: 1}),
        Mean("the latent loss seems low: per unit", "bubbles.kl_per_unit", (-inf, 0.01), {name: 1}),
        Mean("… in total, compared with ln 60,000", "kl", (-inf, log(60_000)), {name: 1}),
        Mean("N(0, I): not looking like digits", FRECHET_RATIO_PRIOR, (2, inf), {name: 1}),
        Mean("… nor like a single class", CONFIDENCE_DROP, (0.1, inf), {name: 1}),
        Mean("… white strokes on black, as in MNIST", "bubbles.strokes.prior", (0.75, 1.25), {name: 1}),
        Mean("N(μ, I): the same digit", "bubbles.accuracy.identity", (0.8, inf), {name: 1}),
        Mean("… as realistic as images decoded from μ", FRECHET_RATIO_IDENTITY, (-inf, 2), {name: 1}),
        Mean("… different from the input", DISTANCE_RATIO, (1.1, inf), {name: 1}),
        Mean("supports don't overlap: (a) one bubble", OVERLAP_SINGLE, (-inf, 0.01), {name: 1}),
        Bracket(
            "… (b) all training bubbles",
            OVERLAP_MIXTURE,
            (-inf, 0.05),
            f"{OVERLAP_MIXTURE}.low",
            f"{OVERLAP_MIXTURE}.high",
            name,
        ),
        Bracket(
            "… (c) the population",
            OVERLAP_POPULATION,
            (-inf, 0.05),
            f"{OVERLAP_POPULATION}.low",
            f"{OVERLAP_POPULATION}.high",
            name,
        ),
        Mean("… as shells that don't intersect", PRIOR_IN_SHELL, (-inf, 0.05), {name: 1}),
    ]


def measure_run(run: Run, data: Dataset, judge: Judge | None) -> dict[str, float]:
    found = bubbles.measure_bubbles(run, data, judge)
    row = bubbles.bubble_measures(found)
    if "decoded" in found:  # needs labels
        row[DISTANCE_RATIO] = row["bubbles.distance.identity"] / row["bubbles.distance.reconstruction"]
        row |= {
            FRECHET_RATIO_IDENTITY: row[FRECHET_IDENTITY] / row[FRECHET_CODE],
            FRECHET_RATIO_PRIOR: row[FRECHET_PRIOR] / row[FRECHET_CODE],
        }
        row[CONFIDENCE_DROP] = row[CONFIDENCE_IDENTITY] - row[CONFIDENCE_PRIOR]
    return row | {PEAK_MEMORY: max(run.metrics["peak_memory_gb"] or 0, found["peak_memory_gb"] or 0)}


def draw(results: Results, largest: str, with_means: str) -> dict[Path, str]:
    from keras_vae.plots import bubble_figures, study_figures

    runs = {name: results.run(name) for name in results.study.configs}
    chosen = {name: runs[name] for name in ("16 units", largest, with_means)}
    scale = (
        "Shells of the prior and of N(μ, I) of some test images, cut through their centres, each panel on its own "
        "scale; below, draws from the prior and from one N(μ, I) by their coordinate along μ."
    )
    overlap = (
        "Overlap with the prior by latent units: of one bubble, of the bubbles of all training images, and bounds for "
        "the population; on the right, by the number of bubbles."
    )
    radii = "Distances of draws from the origin, minus √d. The peak of a narrow posterior exceeds the view."
    figures = {
        "bubbles": (bubble_figures.to_scale(runs), scale),
        "overlap": (bubble_figures.overlaps(runs), overlap),
        "radii": (bubble_figures.radii(runs), radii),
        "codes": (bubble_figures.codes(runs), "Means and standard deviations of the posteriors of test images."),
        "samples": (study_figures.samples(runs), "A hundred generated images of each model, z from N(0, I)."),
    }
    if "images_original" in runs[largest].arrays("bubbles"):  # needs labels
        around = "Images decoded from points around each image's code, and from the prior."
        figures["images"] = (bubble_figures.images(chosen), around)
    return study_figures.save_all(results.folder, figures)


def soap_bubble(channels: int) -> Study:
    largest, units = f"8 × 8 × {channels}", 64 * channels
    with_means = f"{largest}, means"
    large = {"architecture": f"c32-c64-8x8x{channels}"}
    return Study(
        name="soap_bubble",
        title=f"Overlap of posteriors and prior with up to {units:,} latent units",
        source=(
            "Cross Validated, question 327966, [Variational Autoencoder − Dimension of the latent space]"
            "(https://stats.stackexchange.com/questions/327966)"
        ),
        configs={name: {"architecture": text} for name, text in SMALL.items()}
        | {largest: large, with_means: large | {"beta": round(PIXELS / units, 6)}},
        measures=MEASURES,
        claims=claims(largest, with_means),
        draw=lambda results: draw(results, largest, with_means),
        measure_run=measure_run,
        own_measures=OWN_MEASURES,
        seeds=2,
        epochs=3,
        quick=Quick(epochs=5, configs=("16 units", largest, with_means)),
        out="runs/conv",
        option="" if channels == CHANNELS else f"--channels {channels}",
    )


def command(
    channels: Annotated[int, typer.Option(help=CHANNELS_HELP)] = CHANNELS,
    dataset: DatasetOption = "mnist",
    epochs: EpochsOption = 3,
    seeds: SeedsOption = 2,
    out: OutOption = Path("runs/conv"),
    quick: QuickOption = False,
    workers: WorkersOption = None,
    ray: RayOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    storage: StorageOption = None,
) -> None:
    """Overlap of posteriors and prior with 2 to 65,536 latent units. Runs in OUT that are finished are not repeated."""
    if quick and channels == CHANNELS:
        channels = QUICK_CHANNELS
    execution = Execution(workers, ray, cpus, gpus, storage)
    start(soap_bubble(channels), dataset, epochs, seeds, out, quick, execution)


if __name__ == "__main__":
    run_command(command)
