"""White tiles on black: does a latent space know what made the images?

Source: a study of dense VAEs on MNIST ends by announcing "a slightly more complex generative task", which it doesn't
show. This is one, and what became of it: tiles of any position and size, the two things that differ, regressed on
the codes. (Pictures show grey images as ink on paper, so the tiles are black there.) The source makes no claims, so
there are none to judge. Adam, 1e-3, batches of 128, 50 epochs.

    python recipes/tiles.py
"""

from keras_vae.data.tiles import FACTORS
from keras_vae.studies.results import Results
from keras_vae.studies.study import Study

NETS = ("784-256-32-3", "784-256-32-4", "784-256-32-16")  # as many units as factors, and more
READERS = ("codes", "codes, linear", "shuffled codes", "pixels", "pixels, linear")


def read(run, data, judge) -> dict[str, float]:
    """R² of each factor on held-out test images, as told by the codes, by shuffled codes, and by the pixels."""
    import numpy as np

    from keras_vae import diagnostics

    codes = run.arrays("encodings")["mean"]
    factors = data.factors_test[: len(codes)]
    shuffled = np.random.default_rng(0).permutation(codes)
    r2 = {
        "codes": diagnostics.held_out_r2(codes, factors),
        "codes, linear": diagnostics.held_out_linear_r2(codes, factors),
        "shuffled codes": diagnostics.held_out_r2(shuffled, factors),
        "pixels": diagnostics.held_out_r2(data.x_test[: len(codes)], factors),
        "pixels, linear": diagnostics.held_out_linear_r2(data.x_test[: len(codes)], factors),
    }
    return {
        f"R² of {name} from {of}": value
        for of, values in r2.items()
        for name, value in zip(FACTORS, values.tolist(), strict=True)
    }


def draw(results: Results) -> dict:
    from keras_vae.plots import study_figures

    runs = {net: results.run(net) for net in NETS}
    codes = study_figures.factors(runs, results.data.factors_test, [f"{factor}, pixels" for factor in FACTORS])
    shown = {
        "codes": (codes, "Codes in each net's two liveliest units, coloured by the tile's coordinates and its size."),
        "reconstructions": (study_figures.originals_and_reconstructions(runs), "Test images and reconstructions."),
        "samples": (study_figures.samples(runs), "A hundred new images of each net, from N(0, I)."),
    }
    return study_figures.save_all(results.folder, shown)


STUDY = Study(
    name="tiles",
    title="White tiles on black, and whether codes know their position and size",
    configs={net: {"architecture": net} for net in NETS},
    measures=[
        "loss",
        "reconstruction",
        "kl",
        "active units",
        *(f"R² of {f} from {r}" for r in READERS for f in FACTORS),
    ],
    measure=read,
    factors=FACTORS,
    draw=draw,
    seeds=3,
    dataset="tiles",
    quick="tiles-2k",
)

if __name__ == "__main__":
    STUDY.main()
