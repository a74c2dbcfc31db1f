"""Four latent units: variation between seeds, and 3⁴ = 81 decoded images that span the latent space.

Source: a study of dense VAEs on MNIST, which finds the training of 784-256-32-8-4 "much more aleatory than in the
previous cases", its units collapsed "not infrequently", and 784-256-32-4 "more stable". It states neither optimizer
nor epochs; here they are Adam, 1e-3, batches of 128, 50 epochs. "Aleatory" is about spread, which needs ten seeds.

    python recipes/latent_4d.py
"""

from math import inf

from keras_vae.studies import Ratio, Results, Share, Spread, Study, main

DEEP, SHALLOW = "784-256-32-8-4", "784-256-32-4"
TWO, THREE = "784-256-32-8-2", "784-256-32-8-3"  # the previous cases

PRIOR = "frechet.prior"
SCORES = [PRIOR, "precision.prior", "recall.prior"]

CLAIMS = [
    Spread("training is much more aleatory than with two units", "loss", (0.5, inf), (DEEP, TWO)),
    Spread("… and than with three", "loss", (0.5, inf), (DEEP, THREE)),
    Share("units collapse not infrequently", "collapsed_units", (1 / 3, inf), DEEP),
    Spread("the shallower net is more stable", "loss", (0.25, inf), (DEEP, SHALLOW)),
    Ratio("its samples look slightly better", PRIOR, (1.02, 1.5), (DEEP, SHALLOW)),
]


def draw(results: Results) -> dict:
    from keras_vae.plots import study_figures

    runs = {name: results.run(name) for name in (DEEP, SHALLOW)}
    everything = {name: [results.runs[name, seed].history for seed in range(results.seeds)] for name in STUDY.configs}
    blocks = "81 digits that span the latent space: two units select the block, two the position within it."
    seeds = "The test loss of every seed over epochs, one panel per architecture, on one scale."
    shown = {"81-images": (study_figures.blocks(runs), blocks), "seeds": (study_figures.seeds(everything), seeds)}
    return study_figures.save_all(results.folder, shown)


STUDY = Study(
    name="latent_4d",
    title="Four latent units, and how far seeds lie apart",
    configs={name: {"architecture": name} for name in (DEEP, SHALLOW, TWO, THREE)},
    measures=[
        "loss",
        "reconstruction",
        "kl",
        "active_units",
        "collapsed_units",
        "units_collapsed_in_training",
        *SCORES,
    ],
    claims=CLAIMS,
    seeds=10,
    draw=draw,
)

if __name__ == "__main__":
    main(STUDY)
