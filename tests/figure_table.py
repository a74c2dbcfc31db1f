"""The table of all figures of the package, each drawn from generated runs; a new figure is one more line.

The figures in the registry of `run_figures` are in the table by themselves.
"""

from collections.abc import Callable, Mapping

import numpy as np
from drawn_runs import EPOCHS, N_POINTS, strokes
from matplotlib.figure import Figure

from keras_vae import Run
from keras_vae.plots import (
    audit_figures,
    bubble_figures,
    rate_distortion,
    run_figures,
    sampling_figures,
    seed_figures,
    study_figures,
)

Runs = Mapping[str, Run]  # "2", "2 named", "3", "4" and "16": runs of so many units, one with long names of classes
Drawn = Callable[[Runs], Figure]


def _sizes(runs: Runs) -> Runs:
    """Six runs, as many as the study of soap bubbles compares."""
    names = ("2 units", "16 units", "8 × 8 × 4", "8 × 8 × 64", "8 × 8 × 1024", "8 × 8 × 1024, means")
    return dict(zip(names, (runs["2"], runs["16"], runs["3"], runs["4"], runs["16"], runs["2"]), strict=True))


def _nets(runs: Runs) -> Runs:
    return {"784-256-32-24-16": runs["16"], "784-256-32-16": runs["16"], "784-256-8": runs["4"], "784-8": runs["3"]}


def _planes(runs: Runs) -> Runs:
    return {"2 layers, d = 2": runs["2"], "3 layers, d = 2": runs["2 named"]}


def _twins(runs: Runs) -> Runs:
    return {"VAE, d = 2": runs["2"], "AE, d = 16": runs["16"]}


def _spaces(runs: Runs) -> Runs:
    return {"784-256-32-8-3, with sampling": runs["3"], "784-256-32-8-3, no sampling": runs["3"]}


def _histories(runs: Runs) -> dict[str, list[dict[str, np.ndarray]]]:
    names = ("784-256-32-8-4", "784-256-32-4", "784-256-32-8-2", "784-256-32-8-3")
    history = {"epoch": np.arange(1, EPOCHS + 1), "val_loss": 140 + 60 / np.arange(1, EPOCHS + 1)}
    return {name: [history, history | {"val_loss": history["val_loss"] + 1}] for name in names}


def _factors(runs: Runs) -> Figure:
    values = np.random.default_rng(0).uniform(2, 26, (N_POINTS, 3))
    return study_figures.factors(_twins(runs), values, ["x, pixels", "y, pixels", "size, pixels"])


QUANTITIES = {
    "kl": "KL(q(z) ‖ p), nats; triangles mark lower ends",
    "marginal_kl": "KL(q(z_u) ‖ N(0, 1)) of an active unit, nats",
    "auc": "classifier two-sample test, AUC",
    "variance": "variance of an active unit under q(z)",
    "outside": "fraction beyond 97.5 % of the prior's radii",
    "ratio": "Fréchet distance, N(0, I) relative to a fitted mixture",
}


def _over_units(runs: Runs) -> Figure:
    def values(d: int, offset: float) -> dict[str, np.ndarray]:
        found = {quantity: np.array([1, 1.2]) * offset / d for quantity in QUANTITIES}
        high = np.full(2, np.nan if d == 32 else 1.5 * offset / d)
        return found | {"kl.low": found["kl"] * 0.8, "kl.high": high}

    names = {"isotropic (as in the source)": 1.0, "iid": 2.0, "diagonal": 3.0}
    series = {name: {d: values(d, offset) for d in (2, 4, 8, 16, 32)} for name, offset in names.items()}
    return audit_figures.over_units(series, QUANTITIES)


def _published() -> Figure:
    published = {"784-400-20": 105.56, "784-400-40": 89.78, "k = 1": 86.76, "k = 50": 84.78}
    measured = {name: value + np.array([0.3, 2.0, 2.3]) for name, value in published.items()}
    return seed_figures.published(measured | {"k = 5000": np.array([88.0])}, published, "−log p(x), nats per image")


def _unit_kl() -> Figure:
    kl = np.geomspace(3, 0.001, 16)
    return seed_figures.unit_kl({"k = 1": np.stack([kl, 1.1 * kl]), "k = 50": kl[None] + 0.1})


def _divergence_over_epochs(runs: Runs) -> Figure:
    epochs = np.array([1, 2, 4, 10])

    def found(d: int, offset: float) -> dict[str, np.ndarray]:
        low = offset * (1 + 1 / epochs)
        return {"epochs": epochs, "low": low, "high": np.full(4, np.nan) if d > 2 else 1.4 * low}

    names = {"N(0, I)": 1.0, "mixture": 0.3, "VampPrior": 0.1}
    panels = {
        f"d = {d}": {name: [found(d, offset), found(d, 1.1 * offset)] for name, offset in names.items()}
        for d in (2, 8, 32)
    }
    return audit_figures.divergence_over_epochs(panels)


def _drawn_from(runs: Runs) -> Figure:
    rows = {name: strokes(20, np.random.default_rng(0)) for name in ("test image", "784-256-2", "784-256-32-24-16")}
    return study_figures.drawn_from(rows)


def _rate_distortion(runs: Runs) -> Figure:
    path = rate_distortion.path_of(runs["2"])
    ends = {name: path + shift for name, shift in zip(_nets(runs), (0.0, 0.3, 2.0, 5.0), strict=True)}
    return rate_distortion.figure({"MNIST, bernoulli likelihood": ends, "Fashion-MNIST, bernoulli likelihood": ends})


def _rate_distortion_of_many(runs: Runs) -> Figure:
    path = rate_distortion.path_of(runs["2"])
    return rate_distortion.figure({"MNIST, bernoulli likelihood": {f"784-256-{i}": path + i for i in range(10)}})


PLACES = {  # KL and reconstruction, of about the size of those of MNIST
    "β = 0.05": (81, 74), "β = 0.5": (33, 76), "β = 1": (24, 82), "β = 2": (16.5, 93), "β = 4": (9.5, 114),
    "β = 8": (4.5, 142), "β-TC": (12.5, 108), "MMD": (92, 78), "free bits, β = 4": (11, 110), "capacity": (15, 98),
    "cyclical, β = 4": (9.4, 114.5), "linear, β = 4": (9.7, 113.5),
}  # fmt: skip


def _ends(runs: Runs) -> Figure:
    noise = np.random.default_rng(0).normal(0, 0.3, (len(PLACES), 3, 2))
    seeds = {name: np.array(place) + noise[i] for i, (name, place) in enumerate(PLACES.items())}
    two = {name: np.array([0.3, 0.3]) * seeds[name] + [0, 120] for name in ("β = 1", "β = 2", "β = 4", "β-TC")}
    curves = {
        "16 units": ["β = 0.05", "β = 0.5", "β = 1", "β = 2", "β = 4", "β = 8"],
        "2 units": ["β = 1", "β = 2", "β = 4"],
    }
    return rate_distortion.ends({"16 units": seeds, "2 units": two}, curves, max_kl=45)


def _dots(runs: Runs) -> Figure:
    rng = np.random.default_rng(0)

    def values(i: int) -> dict[str, np.ndarray]:
        found = {quantity: rng.uniform(1, 1.2, 3) * (i + 1) for quantity in QUANTITIES}
        high = np.full(3, np.nan) if i % 2 else 1.3 * found["kl"]
        found |= {"kl.low": 0.8 * found["kl"], "kl.high": high}
        return found | ({"kl": np.full(3, np.nan)} if i % 2 else {})

    return study_figures.dots({name: values(i) for i, name in enumerate(PLACES)}, QUANTITIES)


TABLE: dict[str, Drawn] = {
    "discs_and_dots": lambda runs: sampling_figures.discs_and_dots(_planes(runs)),
    "rate_distortion": _rate_distortion,
    "rate_distortion of many": _rate_distortion_of_many,
    "rate_distortion ends": _ends,
    "dots": _dots,
    "comparison": lambda runs: study_figures.comparison(_planes(runs)),
    "comparison of twins": lambda runs: study_figures.comparison(_twins(runs)),
    "dynamics": lambda runs: study_figures.dynamics(_twins(runs)),
    "planes": lambda runs: study_figures.planes(_planes(runs) | _twins(runs)),
    "interpolations": lambda runs: study_figures.interpolations(_twins(runs)),
    "drawn_from": _drawn_from,
    "originals_and_reconstructions": lambda runs: study_figures.originals_and_reconstructions(_nets(runs)),
    "spaces": lambda runs: study_figures.spaces(_spaces(runs)),
    "slices": lambda runs: study_figures.slices(_spaces(runs)),
    "blocks": lambda runs: study_figures.blocks({"784-256-32-8-4": runs["4"], "784-256-32-4": runs["4"]}),
    "study samples": lambda runs: study_figures.samples(_sizes(runs)),
    "collapse": lambda runs: study_figures.collapse("784-256-32-24-16", runs["16"]),
    "timelines": lambda runs: study_figures.timelines(_nets(runs)),
    "seeds": lambda runs: study_figures.seeds(_histories(runs)),
    "factors": _factors,
    "published": lambda runs: _published(),
    "unit_kl": lambda runs: _unit_kl(),
    "audit samplers": lambda runs: audit_figures.samplers(runs["16"], "784-256-32-24-16"),
    "densities": lambda runs: audit_figures.densities(_planes(runs)),
    "typical_densities": lambda runs: audit_figures.typical_densities(
        {f"d = {key}": runs[key] for key in ("2", "3", "4", "16")}
    ),
    "over_units": _over_units,
    "divergence_over_epochs": _divergence_over_epochs,
    "bubbles to_scale": lambda runs: bubble_figures.to_scale(_sizes(runs)),
    "bubbles overlaps": lambda runs: bubble_figures.overlaps(_sizes(runs)),
    "bubbles codes": lambda runs: bubble_figures.codes(_sizes(runs)),
    "bubbles radii": lambda runs: bubble_figures.radii(_sizes(runs)),
    "bubbles images": lambda runs: bubble_figures.images(dict(list(_sizes(runs).items())[:3])),
}
OF_IMAGES = (
    "coordinates", "interpolation", "manifold", "neighbours", "reconstructions", "samplers", "samples", "traversals",
)  # fmt: skip
REGISTERED = [(name, key) for name in run_figures.FIGURES for key in ("2", "2 named", "16")]
REGISTERED += [(name, key) for name in OF_IMAGES for key in ("2 colours", "2 rows")]
