"""Why samples of a VAE with 65,536 latent units are strokes and no digits, and whether its soap bubbles are to blame.

Source: a question on the dimension of a VAE's latent space. It trains a deep convolutional VAE with a latent space
of 8 × 8 × 1024 on MNIST, sees posteriors close to N(0, I), strokes from N(0, I), digits from N(μ(x), I), and concludes
that bubbles which grow thinner with the dimension don't overlap. It names no other size, optimizer or number of
epochs: ours are 32 and 64 filters, Adam 1e-3, batches of 128, and three epochs, since two CPU cores need minutes for
each.

Nor does it say how its two losses, which it calls low, are weighed. Beside their sums in nats there is a training with
the usual means over pixels and over units instead (", means"), which is one with β = 784 / 65,536.

    python recipes/soap_bubble.py                # --channels 64 for a small machine
"""

from math import inf, log
from pathlib import Path
from typing import Annotated

import typer

from keras_vae.evaluation import bubbles
from keras_vae.studies import study
from keras_vae.studies.claims import Bracket, Exactly, Mean, Ratio
from keras_vae.studies.results import Results

CHANNELS = 1024
PIXELS = 784
SMALL = {
    "2 units": "c32-c64-c64-256-2",
    "16 units": "c32-c64-c64-256-16",
    "8 × 8 × 4": "c32-c64-8x8x4",
    "8 × 8 × 64": "c32-c64-8x8x64",
}
PRIOR, NEAR, CODE = (f"Fréchet distance, from {source}" for source in ("N(0, I)", "N(μ, I)", "μ"))
ONE, MIXTURE, BOTH = "overlap of one bubble", "overlap of the mixture, N(μ, I)", "overlap of the population, N(μ, I)"
THICK, THIN, SHELL = "thickness of the shell", "thickness / radius", "prior within a bubble's shell"
FAR, REAL, UNREAL = "distance, N(μ, I) / μ", "Fréchet distance, N(μ, I) / μ", "Fréchet distance, N(0, I) / μ"
SURE, SURE_NEAR = "confidence, from N(0, I)", "confidence, from N(μ, I)"
SHOWN = [
    "loss", "reconstruction", "kl", "KL per unit", "root mean square of μ", "share of σ within 0.9 … 1.1", "median ‖μ‖",
    ONE, MIXTURE, "overlap of the mixture, N(μ, σ²)", "overlap of the population at least, N(μ, I)",
    "… at most, N(μ, I)", "overlap of the population at least, N(μ, σ²)", "… at most, N(μ, σ²)", THICK, THIN, SHELL,
    "‖z‖ / √d of one posterior", "‖z‖ / √d of the aggregate", "same class, from μ", "same class, from N(μ, σ²)",
    "same class, from N(μ, I)", SURE_NEAR, SURE, FAR, CODE, NEAR, PRIOR, "strokes, from N(0, I)", "peak memory, GB",
]  # fmt: skip


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
        Mean("the reconstruction works very well", "same class, from μ", (0.95, inf), {big: 1}),
        Mean("μ(x) is close to 0", "root mean square of μ", (-inf, 0.1), {big: 1}),
        Mean("σ(x) is close to 1", "share of σ within 0.9 … 1.1", (0.95, inf), {big: 1}),
        Mean("the latent loss seems low: per unit", "KL per unit", (-inf, 0.01), {big: 1}),
        Mean("… in all, against ln 60,000", "kl", (-inf, log(60_000)), {big: 1}),
        Mean("N(0, I): not looking like digits", UNREAL, (2, inf), {big: 1}),
        Mean("… nor like one class", "less confident, N(0, I)", (0.1, inf), {big: 1}),
        Mean("… white strokes on black, as in MNIST", "strokes, from N(0, I)", (0.75, 1.25), {big: 1}),
        Mean("N(μ, I): the same digit", "same class, from N(μ, I)", (0.8, inf), {big: 1}),
        Mean("… realistic, as what μ decodes to", REAL, (-inf, 2), {big: 1}),
        Mean("… different from the input", FAR, (1.1, inf), {big: 1}),
        Mean("supports don't overlap: (a) one bubble", ONE, (-inf, 0.01), {big: 1}),
        Bracket("… (b) all training bubbles", MIXTURE, (-inf, 0.05), f"{MIXTURE}, low", f"{MIXTURE}, high", big),
        Bracket("… (c) the population", BOTH, (-inf, 0.05), f"{BOTH}, low", f"{BOTH}, high", big),
        Mean("… as shells that don't meet", SHELL, (-inf, 0.05), {big: 1}),
    ]


def measure(run, data, judge) -> dict[str, float]:
    found = bubbles.bubbles(run, data, judge)
    row = bubbles.measures(found)
    if "decoded" in found:  # which takes labels
        row[FAR] = row["distance, from N(μ, I)"] / row["distance, from μ"]
        row |= {REAL: row[NEAR] / row[CODE], UNREAL: row[PRIOR] / row[CODE]}
        row["less confident, N(0, I)"] = row[SURE_NEAR] - row[SURE]
    return row | {"peak memory, GB": max(run.metrics["peak_memory_gb"] or 0, found["peak_memory_gb"] or 0)}


def draw(results: Results, big: str, light: str) -> dict:
    from keras_vae.plots import bubble_figures, study_figures

    runs = {name: results.run(name) for name in results.study.configs}
    few = {name: runs[name] for name in ("16 units", big, light)}
    scale = "The prior's bubble (red) and some images' to scale; below, one of them and the prior seen along μ."
    shown = {
        "bubbles": (bubble_figures.to_scale(runs), scale),
        "overlap": (bubble_figures.overlaps(runs), "How much of the prior the bubbles share."),
        "radii": (bubble_figures.radii(runs), "Distances from the origin, less √d, of draws."),
        "codes": (bubble_figures.codes(runs), "Means and standard deviations of all posteriors."),
        "samples": (study_figures.samples(runs), "A hundred new images of each model, from N(0, I)."),
    }
    if "images_original" in runs[big].arrays("bubbles"):  # which takes labels
        around = "What is decoded from around each image's code, and from the prior."
        shown["images"] = (bubble_figures.images(few), around)
    return study_figures.save_all(results.folder, shown)


def soap_bubble(channels: int) -> study.Study:
    big, units = f"8 × 8 × {channels}", 64 * channels
    light = f"{big}, means"
    large = {"architecture": f"c32-c64-8x8x{channels}"}
    return study.Study(
        name="soap_bubble",
        title=f"The soap bubbles of 2 to {units:,} latent units",
        configs={name: {"architecture": text} for name, text in SMALL.items()}
        | {big: large, light: large | {"beta": round(PIXELS / units, 6)}},
        measures=SHOWN,
        claims=claims(big, light),
        draw=lambda results: draw(results, big, light),
        measure=measure,
        seeds=2,
        epochs=3,
        out="runs/conv",
        option="" if channels == CHANNELS else f"--channels {channels}",
    )


def command(
    channels: Annotated[int, typer.Option(help="Of the largest latent space, 8 × 8 × CHANNELS.")] = CHANNELS,
    dataset: study.DatasetOption = "mnist",
    epochs: study.EpochsOption = 3,
    seeds: study.SeedsOption = 2,
    out: study.OutOption = Path("runs/conv"),
    quick: study.QuickOption = False,
) -> None:
    """The soap bubbles of 2 to 65,536 latent units. What is finished already in OUT isn't done again."""
    soap_bubble(channels).start(dataset, epochs, seeds, out, quick)


if __name__ == "__main__":
    study.run_command(command)
