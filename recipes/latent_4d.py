"""Four latent units: variation between seeds, and 3⁴ = 81 decoded images that span the latent space.

Source: a study of dense VAEs on MNIST, which finds the training of 784-256-32-8-4 "much more aleatory than in the
previous cases", its units collapsed "not infrequently", and 784-256-32-4 "more stable". It states neither optimizer
nor epochs; here they are Adam, 1e-3, batches of 128, 50 epochs. "Aleatory" concerns the spread over
seeds; its estimate needs ten of them.

    python recipes/latent_4d.py
"""

from math import inf
from pathlib import Path

from keras_vae.studies import Proportion, Quick, Ratio, Results, Spread, Study, main

DEEP, SHALLOW = "784-256-32-8-4", "784-256-32-4"
TWO_UNITS, THREE_UNITS = "784-256-32-8-2", "784-256-32-8-3"  # the previous cases

FRECHET_PRIOR = "frechet.prior"
SCORES = [FRECHET_PRIOR, "precision.prior", "recall.prior"]

CLAIMS = [
    Spread("training is much more aleatory than with two units", "loss", (0.5, inf), (DEEP, TWO_UNITS)),
    Spread("… and than with three", "loss", (0.5, inf), (DEEP, THREE_UNITS)),
    Proportion("units collapse not infrequently", "collapsed_units", (1 / 3, inf), DEEP),
    Spread("the shallower net is more stable", "loss", (0.25, inf), (DEEP, SHALLOW)),
    Ratio("its samples look slightly better", FRECHET_PRIOR, (1.02, 1.5), (DEEP, SHALLOW)),
]


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import study_figures

    runs = {name: results.run(name) for name in (DEEP, SHALLOW)}
    histories = {
        name: [results.runs[name, seed].history for seed in range(results.seeds)] for name in results.study.configs
    }
    blocks = "81 digits that span the latent space: two units select the block, two the position within it."
    seeds = "The test loss of every seed; the final one as mean ± standard deviation over seeds."
    figures = {"81-images": (study_figures.blocks(runs), blocks), "seeds": (study_figures.seeds(histories), seeds)}
    return study_figures.save_all(results.folder, figures)


STUDY = Study(
    name="latent_4d",
    title="Four latent units: variation between seeds",
    source="A. Asperti, [a page on variational autoencoders](https://www.cs.unibo.it/~asperti/variational.html)",
    configs={name: {"architecture": name} for name in (DEEP, SHALLOW, TWO_UNITS, THREE_UNITS)},
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
    # Two seeds: the claims are about the spread over seeds. With 1e-3 the deeper net does not form digits in 8 epochs.
    quick=Quick(seeds=2, arguments={"batch_size": 32, "learning_rate": 2e-3}),
    draw=draw,
)

if __name__ == "__main__":
    main(STUDY)
