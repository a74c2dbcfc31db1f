"""What do the objectives of a VAE gain, and what do they cost? Six objectives on the rate–distortion plane.

Sources: β-VAE (Higgins et al. 2017), β-TCVAE (Chen et al. 2018), free bits (Kingma et al. 2016), controlled capacity
(Burgess et al. 2018), InfoVAE (Zhao et al. 2019), cyclical annealing (Fu et al. 2019), and the plane itself, "Fixing a
broken ELBO" (Alemi et al. 2018): distortion is the reconstruction, rate the KL, and the models that minimise
D + β R for several β are a curve of slope −β. A model of another objective is compared with the point of that curve
that has its reconstruction, since any objective can lower a term of the KL by reconstructing worse.

Margins, chosen before trainings of this size: losses differ by 0.5 nats per image or more, counts by half a unit,
divergences and total correlations by 0.05 nats, an AUC by 0.02; "as near" is within 1 nat. Linear interpolation
overestimates a convex curve by a fraction of its values; therefore MMD² and the total correlation of a Gaussian, which
have no scale of their own, are to be halved, and the Fréchet distance is to fall to 0.8 of the curve's. Free bits and
annealing concern units that collapse, of which 16 units have none at β = 1: they are applied at β = 4, and β-TC weighs
the total correlation by as much.

Of the total correlation of q(z) only bounds are known, and the upper one only where the information is not saturated.
With 16 units the claims therefore refer to its lower end, and to the closed form for a Gaussian with the covariance of
q(z).

    python recipes/rate_distortion.py
"""

from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae import Run
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import AtEqual, Claim, GapAtEqual, Mean, Measure, Quick, Results, Study, main

BETAS = {2: (0.5, 1, 2, 4), 16: (0.05, 0.5, 1, 2, 4, 8)}
MAX_DRAWN_KL = 45  # nats; models whose KL is several times larger, near an autoencoder, are drawn at the border
STRONG_BETA = 4  # at which units collapse
CAPACITY_NATS, CAPACITY_STEPS = 15, 2345  # reached after half of the training
WARMUP_EPOCHS = 8  # of 10: the last two, and the second half of the last cycle before them, have the final β
RECORDED_STEPS = 470  # an epoch and a step, since 47 of 470 steps fit into one compiled call
TC, MMD = "β-TC", "MMD"
FREE_BITS, CAPACITY, CYCLICAL, LINEAR = "free bits, β = 4", "capacity", "cyclical, β = 4", "linear, β = 4"
OBJECTIVES: dict[str, dict[str, Any]] = {
    TC: {"objective": f"decomposed tc={STRONG_BETA}"},
    MMD: {"objective": "info-vae scale=500"},
    FREE_BITS: {"objective": "free-bits nats=0.5", "beta": STRONG_BETA},
    CAPACITY: {"objective": f"capacity nats={CAPACITY_NATS} steps={CAPACITY_STEPS}"},
    CYCLICAL: {"beta": STRONG_BETA, "warmup": WARMUP_EPOCHS, "warmup_shape": "cyclical"},
    LINEAR: {"beta": STRONG_BETA, "warmup": WARMUP_EPOCHS},
}
OF_TWO_UNITS = (TC, MMD)

ELBO, ACTIVE, AUC, FRECHET, MARGINAL_KL = "elbo", "active_units", "c2st_auc", "frechet.prior", "marginal_kl_sum"
TC_BOUNDS = TC_LOW, TC_HIGH = "aggregate_tc.low", "aggregate_tc.high"
KL_LOW, KL_HIGH = "aggregate_kl.low", "aggregate_kl.high"
GAUSSIAN_TC, MIXTURE_TC = "gaussian_total_correlation", "mixture_total_correlation"
NARROW_UNITS, USED_UNITS = "narrow_units", "used_units"
USED_NATS = 0.1  # by which the reconstruction of a used unit gets worse, if the prior replaces it
LOSS_AT = {beta: f"loss_at_{beta}" for beta in (2, 4)}
RELATIVE_KL = "kl_over_capacity"
OWN_MEASURES = [
    Measure(NARROW_UNITS, "units with E[σ²] below 0.8", bounds=(0, inf)),
    Measure(USED_UNITS, "units whose replacement costs over 0.1 nats", bounds=(0, inf)),
    Measure(MIXTURE_TC, "total correlation of the mixture of test images", "nats", "lower"),
    Measure(RELATIVE_KL, "KL relative to the capacity", bounds=(0, inf)),
    *(Measure(key, f"reconstruction + {beta} KL", "nats per image", "lower") for beta, key in LOSS_AT.items()),
]

BETTER = (0.5, inf)  # nats per image
AS_GOOD = (-1.0, 1.0)  # nats per image
MORE = (0.5, inf)  # units
KEPT, LOST = (15, inf), (-inf, 15)  # of 16 units; three equal counts are known within 0.7
LESS = (-inf, 0.0)
NATS_LESS = (-inf, -0.05)
AUC_LESS = (-inf, -0.02)


def of_beta(beta: float, units: int) -> str:
    return f"β = {beta:g}, d = {units}"


def of(objective: str, units: int = 16) -> str:
    return f"{objective}, d = {units}"


def curve(units: int) -> list[str]:
    """The configurations of the β curve."""
    return [of_beta(beta, units) for beta in BETAS[units]]


def minus(
    words: str, measure: str, region: tuple[float, float], first: str, second: str, resolution: float = 0
) -> Mean:
    """A claim about the first configuration minus the second."""
    return Mean(words, measure, region, {first: 1, second: -1}, resolution)


def half(words: str, measure: str, objective: str, units: int) -> AtEqual:
    """A claim that an objective has at most half of what the β curve has at its reconstruction."""
    return AtEqual(words, measure, LESS, of(objective, units), curve(units), weight=0.5)


def lower(words: str, measure: str, objective: str, units: int, region: tuple[float, float] = LESS) -> AtEqual:
    """A claim that an objective has less than the β curve at its reconstruction."""
    return AtEqual(words, measure, region, of(objective, units), curve(units))


def of_mmd(units: int) -> list[Claim]:
    """The claims on the MMD objective."""
    return [
        half(
            f"MMD at equal reconstruction brings q(z) nearer to the prior, d = {units}: MMD² halved", "mmd", MMD, units
        ),
        lower("… KL(q(z) ‖ p): lower end", KL_LOW, MMD, units, NATS_LESS),
        lower("… a classifier distinguishes them less", AUC, MMD, units, AUC_LESS),
        AtEqual("… samples better", FRECHET, LESS, of(MMD, units), curve(units), weight=0.8),
    ]


ONE, TWO, FOUR, EIGHT = (of_beta(beta, 16) for beta in (1, 2, 4, 8))
CLAIMS = [
    # The plane: each β minimises its own D + β R, on test images too.
    minus("the ELBO is best at β = 1: not at 0.5", ELBO, BETTER, ONE, of_beta(0.5, 16)),
    minus("… not at 2", ELBO, BETTER, ONE, TWO),
    minus("D + 4 R is lowest at β = 4: not at 2", LOSS_AT[4], BETTER, TWO, FOUR),
    minus("… not at 8", LOSS_AT[4], BETTER, EIGHT, FOUR),
    # β
    minus("β above 1 lowers total correlation, d = 2", MIXTURE_TC, NATS_LESS, of_beta(4, 2), of_beta(1, 2)),
    Mean("… d = 16: of a Gaussian, halved", GAUSSIAN_TC, LESS, {FOUR: 1, ONE: -0.5}),
    Mean("not in the source: β = 1, no unit of 16 collapses", NARROW_UNITS, KEPT, {ONE: 1}, resolution=1),
    Mean("… at β = 4 some do", NARROW_UNITS, LOST, {FOUR: 1}, resolution=1),
    # β-TC
    lower("β-TC lowers total correlation at equal reconstruction, d = 2", MIXTURE_TC, TC, 2, NATS_LESS),
    GapAtEqual(
        "… of q(z), by its bounds", "aggregate_tc", LESS, of(TC, 2), curve(2), low=TC_LOW, high=TC_HIGH
    ),
    half("… d = 16: of a Gaussian, halved", GAUSSIAN_TC, TC, 16),
    lower("… lower end of that of q(z)", TC_LOW, TC, 16, NATS_LESS),
    # Free bits
    Mean("free bits keep units active", NARROW_UNITS, KEPT, {of(FREE_BITS): 1}, resolution=1),
    minus("… and used by the decoder: more than at β = 4", USED_UNITS, MORE, of(FREE_BITS), FOUR, 1),
    minus("… a better ELBO than β = 4", ELBO, BETTER, of(FREE_BITS), FOUR),
    # Capacity
    Mean("capacity sets the KL, within 5 %", RELATIVE_KL, (0.95, 1.05), {of(CAPACITY): 1}),
    minus("not in the source: … and ends as near to the β curve as β = 2", LOSS_AT[2], AS_GOOD, of(CAPACITY), TWO),
    # Annealing
    minus("cyclical annealing: more active units than a constant β", NARROW_UNITS, MORE, of(CYCLICAL), FOUR, 1),
    minus("… more than a linear warm-up", NARROW_UNITS, MORE, of(CYCLICAL), of(LINEAR), 1),
    minus("… a lower D + 4 R than a constant β", LOSS_AT[4], BETTER, FOUR, of(CYCLICAL)),
    minus("… a lower one than a linear warm-up", LOSS_AT[4], BETTER, of(LINEAR), of(CYCLICAL)),
    # MMD
    *of_mmd(2),
    *of_mmd(16),
]  # fmt: skip


# In the order of the colours in the plane.
PATHS = [of(TC), FOUR, *(of(name) for name in (FREE_BITS, CAPACITY, CYCLICAL, LINEAR)), ONE]


def measure_run(run: Run, data: Dataset, judge: Judge | None) -> dict[str, float]:
    """Terms of the plane, the units that the decoder uses, and the total correlation of a known mixture.

    The bounds on the total correlation of q(z) include the error of the test images, which is the same for all models.
    That of the mixture of their posteriors has no such error. With many units its components hardly overlap, and it is
    that of a set of points: it is measured for two units.
    """
    test, encodings = run.metrics["test"], run.evaluation["audit"]["encodings"]
    increases = [unit["replacement_loss"] for unit in run.evaluation["units"]]
    row = {
        ELBO: -(test["reconstruction"] + test["kl"]),
        NARROW_UNITS: float(sum(unit["active_by_variance"] for unit in run.evaluation["units"])),
        USED_UNITS: float(sum(increase > USED_NATS for increase in increases)),
    }
    row |= {key: test["reconstruction"] + beta * test["kl"] for beta, key in LOSS_AT.items()}
    if run.config["config"]["objective"].startswith("capacity"):
        row[RELATIVE_KL] = test["kl"] / CAPACITY_NATS
    of_units = np.array(encodings["marginals"]["kl"], "float64")  # None becomes NaN
    if len(of_units) == 2 and np.isfinite(of_units).all():
        row[MIXTURE_TC] = encodings["divergence"]["high"] - float(of_units.sum())
    return row


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import rate_distortion, study_figures

    names = {units: [name for name in results.study.configs if name.endswith(f"d = {units}")] for units in BETAS}
    short = {name: name.rpartition(", d = ")[0] for name in results.study.configs}
    groups = {
        f"{units} units": {
            short[name]: np.column_stack([results.values(name, key) for key in ("kl", "reconstruction")])
            for name in names[units]
        }
        for units in names
    }
    curves = {
        f"{units} units": [short[name] for name in curve(units) if name in results.study.configs] for units in names
    }
    quantities = {
        "aggregate_tc": "total correlation of q(z), nats",
        GAUSSIAN_TC: "… of a Gaussian with its covariance, nats",
        NARROW_UNITS: "active units (E[σ²] < 0.8)",
        USED_UNITS: "units that the decoder uses",
        MARGINAL_KL: "sum of the units' marginal KL, nats",
        "mmd": "MMD² from the prior",
        AUC: "AUC of q(z) against the prior",
        FRECHET: "Fréchet distance of samples",
    }
    keys = [*quantities, *TC_BOUNDS]
    rows = {
        units: {short[name]: {key: results.values(name, key) for key in keys} for name in names[units]}
        for units in names
    }
    figures = {
        "plane": (
            rate_distortion.ends(groups, curves, MAX_DRAWN_KL),
            "Reconstruction over KL of the test images, means over seeds with their ranges. A line connects the models "
            "of several β, diagonals have one ELBO.",
        ),
    }
    for units in names:
        figures[f"measures-d-{units}"] = (
            study_figures.dots(rows[units], quantities),
            f"{units} units: one dot per seed, a line at their mean. A pale bar reaches over the bounds on the total "
            "correlation, an open triangle marks a lower end whose upper end is unknown.",
        )
    for units in names:
        figures[f"samples-d-{units}"] = (
            study_figures.samples({short[name]: results.run(name) for name in names[units]}),
            f"A hundred digits of each model with {units} units, z from N(0, I).",
        )
    paths = {short[name]: rate_distortion.path_of(results.run(name)) for name in PATHS if name in results.study.configs}
    figures["paths"] = (
        rate_distortion.figure({"16 units, seed 0": paths}),
        "The paths of trainings with 16 units to their places in the plane, seed 0.",
    )
    return study_figures.save_all(results.folder, figures)


STUDY = Study(
    name="rate_distortion",
    title="What do the objectives of a VAE gain, and what do they cost?",
    source=(
        "A. A. Alemi, B. Poole, I. Fischer, J. V. Dillon, R. A. Saurous, K. Murphy, [Fixing a Broken ELBO]"
        "(https://arxiv.org/abs/1711.00464), ICML 2018, and the papers of the objectives: β-VAE ([Higgins et al. 2017]"
        "(https://openreview.net/forum?id=Sy2fzU9gl)), β-TCVAE ([Chen et al. 2018](https://arxiv.org/abs/1802.04942)), "
        "free bits ([Kingma et al. 2016](https://arxiv.org/abs/1606.04934)), controlled capacity ([Burgess et al. 2018]"
        "(https://arxiv.org/abs/1804.03599)), InfoVAE ([Zhao et al. 2019](https://arxiv.org/abs/1706.02262)), cyclical "
        "annealing ([Fu et al. 2019](https://arxiv.org/abs/1903.10145))"
    ),
    configs={
        name: {"architecture": f"784-256-{name.rpartition(' ')[2]}", "record_every": RECORDED_STEPS, **arguments}
        for name, arguments in {
            **{of_beta(beta, units): {"beta": beta} for units, betas in BETAS.items() for beta in betas},
            **{of(name, 2): OBJECTIVES[name] for name in OF_TWO_UNITS},
            **{of(name): arguments for name, arguments in OBJECTIVES.items()},
        }.items()
    },
    measures=[
        "reconstruction", "kl", ELBO, LOSS_AT[2], LOSS_AT[4], "log_likelihood", ACTIVE, NARROW_UNITS, USED_UNITS,
        *TC_BOUNDS, MIXTURE_TC, GAUSSIAN_TC, MARGINAL_KL, KL_LOW, KL_HIGH, "saturated", "information.low", "mmd", AUC,
        FRECHET, "precision.prior", "recall.prior", "frechet.gaussian_mixture", "frechet.aggregate_posterior",
    ],
    claims=CLAIMS,
    draw=draw,
    measure_run=measure_run,
    own_measures=OWN_MEASURES,
    seeds=3,
    epochs=10,
    quick=Quick(
        epochs=5,
        arguments={"batch_size": 32, "record_every": 125},
        configs=[
            *curve(2), *(of(name, 2) for name in OF_TWO_UNITS),
            ONE, FOUR, of(FREE_BITS), of(CYCLICAL),
        ],
    ),
    out="runs/rate-distortion",
    audit=True,
)  # fmt: skip

if __name__ == "__main__":
    main(STUDY)
