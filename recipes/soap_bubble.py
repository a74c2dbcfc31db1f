"""Soap bubbles: why samples of a VAE with 65,536 latent units are strokes and not digits.

Source: a question on the dimension of a VAE's latent space. It trains a deep convolutional VAE with a latent space
of 8 × 8 × 1024 on MNIST, sees posteriors close to N(0, I), strokes from N(0, I), digits from N(μ(x), I), and concludes
that bubbles, which become thinner with the dimension, don't overlap. It states no other size, optimizer or number of
epochs; here they are 32 and 64 filters, Adam 1e-3, batches of 128, and three epochs, since two CPU cores need minutes
for each.

Nor does it state how its two losses, which it calls low, are weighted. Two trainings are compared: one with sums in
nats, and one with means over pixels and over units (", means"), which equals β = 784 / 65,536.

    python recipes/soap_bubble.py                # --channels 64 for a small machine
"""

from math import inf, log
from pathlib import Path
from typing import Annotated

import typer

from keras_vae.evaluation import bubbles
from keras_vae.studies import (
    Bracket,
    DatasetOption,
    EpochsOption,
    Exactly,
    Mean,
    Measure,
    OutOption,
    QuickOption,
    Ratio,
    Results,
    SeedsOption,
    Study,
    run_command,
    start,
)

CHANNELS = 1024
PIXELS = 784
SMALL = {
    "2 units": "c32-c64-c64-256-2",
    "16 units": "c32-c64-c64-256-16",
    "8 × 8 × 4": "c32-c64-8x8x4",
    "8 × 8 × 64": "c32-c64-8x8x64",
}
PRIOR, NEAR, CODE = (f"bubbles.frechet.{source}" for source in ("prior", "identity", "reconstruction"))
ONE, MIXTURE, BOTH = "bubbles.overlap_single", "bubbles.overlap_mixture.identity", "bubbles.overlap_population.identity"
THICK, THIN, SHELL = "bubbles.shell_thickness", "bubbles.shell_thickness_ratio", "bubbles.prior_in_shell"
FAR, REAL, UNREAL = "distance_ratio", "frechet_ratio.identity", "frechet_ratio.prior"
SURE, SURE_NEAR = "bubbles.confidence.prior", "bubbles.confidence.identity"
SHOWN = [
    "loss",
    "reconstruction",
    "kl",
    "bubbles.kl_per_unit",
    "bubbles.mean_rms",
    "bubbles.std_near_1",
    "bubbles.mean_norm",
    ONE,
    MIXTURE,
    "bubbles.overlap_mixture.posterior",
    "bubbles.overlap_population_lower_bound.identity",
    "bubbles.overlap_population_upper_bound.identity",
    "bubbles.overlap_population_lower_bound.posterior",
    "bubbles.overlap_population_upper_bound.posterior",
    THICK,
    THIN,
    SHELL,
    "bubbles.radius_ratio.posterior",
    "bubbles.radius_ratio.aggregate",
    "bubbles.accuracy.reconstruction",
    "bubbles.accuracy.posterior",
    "bubbles.accuracy.identity",
    SURE_NEAR,
    SURE,
    FAR,
    CODE,
    NEAR,
    PRIOR,
    "bubbles.strokes.prior",
    "peak_memory",
]

OWN = [
    Measure(FAR, "distance to the test image, N(μ, I) relative to μ"),
    Measure(REAL, "Fréchet distance of decoded images, N(μ, I) relative to μ", better="lower"),
    Measure(UNREAL, "Fréchet distance of decoded images, N(0, I) relative to μ", better="lower"),
    Measure("confidence_drop", "classifier confidence, N(μ, I) minus N(0, I)"),
    Measure("peak_memory", "peak memory", "GB", "lower"),
]


def claims(big: str, light: str) -> list:
    return [
        Ratio("the higher the space, the harder to generate", PRIOR, (1.25, inf), ("8 × 8 × 64", "8 × 8 × 4")),
        Ratio("… and beyond", PRIOR, (1.25, inf), (big, "8 × 8 × 64")),
        *(claim for name in (big, light) for claim in observations(name)),
        Exactly("the higher the dimension, the thinner", THICK, (0, 0.8), (big, "16 units")),
        Exactly("… relative to the radius", THIN, (0, 0.8), (big, "16 units")),
        Mean("… the smaller the overlap: (a)", ONE, (-inf, -0.01), {big: 1, "16 units": -1}),
        Mean("… (b)", MIXTURE, (-inf, -0.01), {big: 1, "16 units": -1}),
    ]


def observations(big: str) -> list:
    return [
        Mean("the reconstruction works very well", "bubbles.accuracy.reconstruction", (0.95, inf), {big: 1}),
        Mean("μ(x) is close to 0", "bubbles.mean_rms", (-inf, 0.1), {big: 1}),
        Mean("σ(x) is close to 1", "bubbles.std_near_1", (0.95, inf), {big: 1}),
        Mean("the latent loss seems low: per unit", "bubbles.kl_per_unit", (-inf, 0.01), {big: 1}),
        Mean("… in all, against ln 60,000", "kl", (-inf, log(60_000)), {big: 1}),
        Mean("N(0, I): not looking like digits", UNREAL, (2, inf), {big: 1}),
        Mean("… nor like one class", "confidence_drop", (0.1, inf), {big: 1}),
        Mean("… white strokes on black, as in MNIST", "bubbles.strokes.prior", (0.75, 1.25), {big: 1}),
        Mean("N(μ, I): the same digit", "bubbles.accuracy.identity", (0.8, inf), {big: 1}),
        Mean("… realistic, as what μ decodes to", REAL, (-inf, 2), {big: 1}),
        Mean("… different from the input", FAR, (1.1, inf), {big: 1}),
        Mean("supports don't overlap: (a) one bubble", ONE, (-inf, 0.01), {big: 1}),
        Bracket("… (b) all training bubbles", MIXTURE, (-inf, 0.05), f"{MIXTURE}.low", f"{MIXTURE}.high", big),
        Bracket("… (c) the population", BOTH, (-inf, 0.05), f"{BOTH}.low", f"{BOTH}.high", big),
        Mean("… as shells that don't meet", SHELL, (-inf, 0.05), {big: 1}),
    ]


def measure(run, data, judge) -> dict[str, float]:
    found = bubbles.measure_bubbles(run, data, judge)
    row = bubbles.bubble_measures(found)
    if "decoded" in found:  # needs labels
        row[FAR] = row["bubbles.distance.identity"] / row["bubbles.distance.reconstruction"]
        row |= {REAL: row[NEAR] / row[CODE], UNREAL: row[PRIOR] / row[CODE]}
        row["confidence_drop"] = row[SURE_NEAR] - row[SURE]
    return row | {"peak_memory": max(run.metrics["peak_memory_gb"] or 0, found["peak_memory_gb"] or 0)}


def draw(results: Results, big: str, light: str) -> dict:
    from keras_vae.plots import bubble_figures, study_figures

    runs = {name: results.run(name) for name in results.study.configs}
    few = {name: runs[name] for name in ("16 units", big, light)}
    scale = "The prior's bubble and those of some images to scale; below, one of them and the prior along μ."
    shown = {
        "bubbles": (bubble_figures.to_scale(runs), scale),
        "overlap": (bubble_figures.overlaps(runs), "Overlap of the bubbles with the prior."),
        "radii": (bubble_figures.radii(runs), "Distances from the origin, less √d, of draws."),
        "codes": (bubble_figures.codes(runs), "Means and standard deviations of all posteriors."),
        "samples": (study_figures.samples(runs), "A hundred generated images of each model, z from N(0, I)."),
    }
    if "images_original" in runs[big].arrays("bubbles"):  # needs labels
        around = "Images decoded from around each image's code, and from the prior."
        shown["images"] = (bubble_figures.images(few), around)
    return study_figures.save_all(results.folder, shown)


def soap_bubble(channels: int) -> Study:
    big, units = f"8 × 8 × {channels}", 64 * channels
    light = f"{big}, means"
    large = {"architecture": f"c32-c64-8x8x{channels}"}
    return Study(
        name="soap_bubble",
        title=f"The soap bubbles of 2 to {units:,} latent units",
        configs={name: {"architecture": text} for name, text in SMALL.items()}
        | {big: large, light: large | {"beta": round(PIXELS / units, 6)}},
        measures=SHOWN,
        claims=claims(big, light),
        draw=lambda results: draw(results, big, light),
        measure=measure,
        own_measures=OWN,
        seeds=2,
        epochs=3,
        out="runs/conv",
        option="" if channels == CHANNELS else f"--channels {channels}",
    )


def command(
    channels: Annotated[int, typer.Option(help="Channels of the largest latent space, 8 × 8 × CHANNELS.")] = CHANNELS,
    dataset: DatasetOption = "mnist",
    epochs: EpochsOption = 3,
    seeds: SeedsOption = 2,
    out: OutOption = Path("runs/conv"),
    quick: QuickOption = False,
) -> None:
    """The soap bubbles of 2 to 65,536 latent units. Runs in OUT that are finished are not repeated."""
    start(soap_bubble(channels), dataset, epochs, seeds, out, quick)


if __name__ == "__main__":
    run_command(command)
