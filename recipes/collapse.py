"""Collapse of latent units in models with 8 and 16 units: which units, when, and the contribution of each.

Source: a study of dense VAEs on MNIST, which shows 100 samples each of a shallower and a deeper net with 8 and with
16 units, and finds the collapse of several units "more evident for deeper architectures", while with 16 units
sampling seems "to produce slightly better results with a deeper network". It reports no numbers per unit; this recipe
does. It states neither optimizer nor epochs; here they are Adam, 1e-3, batches of 128, 50 epochs.

    python recipes/collapse.py
"""

from math import inf
from pathlib import Path

from keras_vae.evaluation import tables
from keras_vae.studies import Mean, Ratio, Results, Study, Table, main

DEEP_8, SHALLOW_8 = "784-256-32-16-8", "784-256-32-8"
DEEP_16, SHALLOW_16 = "784-256-32-24-16", "784-256-32-16"
NETS = (DEEP_8, SHALLOW_8, DEEP_16, SHALLOW_16)

COLLAPSED_UNITS, FRECHET_PRIOR = "collapsed_units", "frechet.prior"
SCORES = [FRECHET_PRIOR, "precision.prior", "recall.prior"]

CLAIMS = [
    Mean("several units collapse: with 8", COLLAPSED_UNITS, (2, inf), {DEEP_8: 1}, resolution=1),
    Mean("… and with 16", COLLAPSED_UNITS, (2, inf), {DEEP_16: 1}, resolution=1),
    Mean(
        "more evident in the deeper net: with 8", COLLAPSED_UNITS, (0.5, inf), {DEEP_8: 1, SHALLOW_8: -1}, resolution=1
    ),
    Mean("… and with 16", COLLAPSED_UNITS, (0.5, inf), {DEEP_16: 1, SHALLOW_16: -1}, resolution=1),
    Ratio("with 16 the deeper net yet generates slightly better", FRECHET_PRIOR, (1.02, 1.5), (SHALLOW_16, DEEP_16)),
]


def unit_reports(results: Results) -> list[Table]:
    """Tables of the latent units of the first seed's runs."""
    found = {net: tables.units(results.run(net).evaluation["units"]) for net in NETS}
    return [table._replace(title=f"Units of {net}, seed 0") for net, table in found.items()]


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import study_figures

    runs = {net: results.run(net) for net in NETS}
    timelines = "The KL of every unit during training; a cross marks the collapse of a unit that was active."
    units = {
        f"units-{net}": (
            study_figures.collapse(net, run),
            f"The units of {net}, by decreasing KL.",
        )
        for net, run in runs.items()
    }
    figures = {
        "samples": (study_figures.samples(runs), "A hundred generated digits of each net, z from N(0, I)."),
        "timelines": (study_figures.timelines(runs), timelines),
    }
    return study_figures.save_all(results.folder, figures | units)


STUDY = Study(
    name="collapse",
    title="Collapse of latent units in models with 8 and 16 units",
    source="A. Asperti, [a page on variational autoencoders](https://www.cs.unibo.it/~asperti/variational.html)",
    configs={net: {"architecture": net} for net in NETS},
    measures=["loss", "reconstruction", "kl", "active_units", COLLAPSED_UNITS, "units_collapsed_in_training", *SCORES],
    claims=CLAIMS,
    draw=draw,
    tables=unit_reports,
)

if __name__ == "__main__":
    main(STUDY)
