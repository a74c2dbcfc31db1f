"""White tiles on black: how well the codes predict the factors that generated the images.

Source: a study of dense VAEs on MNIST ends by announcing "a slightly more complex generative task", which it doesn't
show. Here it is one square tile of random position and size; both are regressed on the codes. (Figures draw grey
images inverted, so tiles are black there.) The source makes no claims about it. Adam, 1e-3, batches of 128, 50
epochs.

    python recipes/tiles.py
"""

from math import inf
from pathlib import Path

from keras_vae import Run
from keras_vae.data import Dataset
from keras_vae.data.tiles import FACTORS
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import Measure, Quick, Results, Study, main

NETS = ("784-256-32-3", "784-256-32-4", "784-256-32-16")  # as many units as factors, and more
PREDICTORS = {
    "codes": "codes",
    "codes_linear": "codes, linear",
    "shuffled_codes": "shuffled codes",
    "pixels": "pixels",
    "pixels_linear": "pixels, linear",
}
R2 = [
    Measure(f"r2.{factor}.{key}", f"R² of {factor} from {label}", better="higher", bounds=(-inf, 1))
    for key, label in PREDICTORS.items()
    for factor in FACTORS
]


def measure_run(run: Run, data: Dataset, judge: Judge | None) -> dict[str, float]:
    """R² of each factor on held-out test images, predicted from codes, from shuffled codes, and from pixels."""
    import numpy as np

    from keras_vae import diagnostics

    codes = run.arrays("encodings")["mean"]
    factors = data.factors_test[: len(codes)]
    shuffled = np.random.default_rng(0).permutation(codes)
    r2 = {
        "codes": diagnostics.held_out_r2(codes, factors),
        "codes_linear": diagnostics.held_out_linear_r2(codes, factors),
        "shuffled_codes": diagnostics.held_out_r2(shuffled, factors),
        "pixels": diagnostics.held_out_r2(data.x_test[: len(codes)], factors),
        "pixels_linear": diagnostics.held_out_linear_r2(data.x_test[: len(codes)], factors),
    }
    return {
        f"r2.{factor}.{predictor}": value
        for predictor, values in r2.items()
        for factor, value in zip(FACTORS, values.tolist(), strict=True)
    }


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import study_figures

    runs = {net: results.run(net) for net in NETS}
    codes = study_figures.factors(runs, results.data.factors_test, [f"{factor}, pixels" for factor in FACTORS])
    figures = {
        "codes": (codes, "Codes in the two units of largest variance, coloured by the tile's coordinates and size."),
        "reconstructions": (study_figures.originals_and_reconstructions(runs), "Test images and reconstructions."),
        "samples": (study_figures.samples(runs), "A hundred generated images of each net, z from N(0, I)."),
    }
    return study_figures.save_all(results.folder, figures)


STUDY = Study(
    name="tiles",
    title="How well codes predict the position and size of a tile",
    source="A. Asperti, [a page on variational autoencoders](https://www.cs.unibo.it/~asperti/variational.html)",
    configs={net: {"architecture": net} for net in NETS},
    measures=[
        "loss",
        "reconstruction",
        "kl",
        "active_units",
        *(m.key for m in R2),
    ],
    measure_run=measure_run,
    own_measures=R2,
    factors=FACTORS,
    draw=draw,
    seeds=3,
    dataset="tiles",
    quick=Quick("tiles-2k", arguments={"batch_size": 8}),  # as many steps as on the digits
)

if __name__ == "__main__":
    main(STUDY)
