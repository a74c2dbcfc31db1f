"""Run folders of generated arrays, from which every figure of the package can be drawn without a training."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vae import Config, Run, diagnostics
from keras_vae.data.value_range import value_range
from keras_vae.evaluation import audit_arrays
from keras_vae.measures import SAMPLERS

COLUMNS = [
    "age, years", "alcohol", "malic acid", "ash", "alcalinity of ash", "magnesium", "total phenols", "flavanoids",
    "nonflavanoid phenols", "proanthocyanins", "colour intensity", "hue",
]  # fmt: skip
N_POINTS, N_LABELS, SIDE, EPOCHS = 300, 10, 12, 12
CLASS_NAMES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip


def generated_run(
    path: Path,
    units: int,
    architecture: str = "",
    class_names: list[str] | None = None,
    make: Callable[[int, np.random.Generator], np.ndarray] | None = None,
) -> Run:
    """A finished run of generated codes of ten labels, with an audit and with measured bubbles.

    Args:
        path: of the folder.
        units: number of latent units; of more than 3, the last third is collapsed, half of it after some epochs.
        architecture: of the configuration, which is a part of the titles.
        class_names: names of the labels.
        make: makes a number of images or vectors; default `strokes`.
    """
    run, make = Run(path), make or strokes
    rng = np.random.default_rng(units)
    mean, log_var = _encodings(units, rng)
    labels = np.arange(N_POINTS) % N_LABELS
    _write_description(
        run, units, architecture or f"144-64-{units}", class_names, make(50, rng) if make is not strokes else None
    )
    run.write_arrays("encodings", mean=mean, log_var=log_var, labels=labels, n_test=np.array(N_POINTS))
    _write_images(run, units, make, rng)
    _write_training(run, mean, log_var, labels, make, rng)
    _write_evaluation(run, mean, log_var, make, rng)
    _write_bubbles(run, mean, log_var, make, rng)
    return run


def _encodings(units: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Means in one cluster per label, and log variances; collapsed units have the prior as posterior."""
    centers = rng.normal(size=(N_LABELS, units))
    mean = 0.9 * centers[np.arange(N_POINTS) % N_LABELS] + 0.35 * rng.normal(size=(N_POINTS, units))
    variance = rng.uniform(0.02, 0.2, (N_POINTS, units))
    n_collapsed = units // 3 if units > 3 else 0
    if n_collapsed:
        mean[:, -n_collapsed:] *= 0.01
        variance[:, -n_collapsed:] = 1 - 1e-4
    return mean.astype("float32"), np.log(variance).astype("float32")


def _write_description(
    run: Run, units: int, architecture: str, class_names: list[str] | None, examples: np.ndarray | None
) -> None:
    config = Config("144-64-2", dataset="mnist-5k", epochs=EPOCHS, likelihood="bernoulli").model_dump()
    config |= {"architecture": architecture}
    data = {"name": "generated", "digest": "0" * 64, "train": 900, "test": N_POINTS, "image_shape": [SIDE, SIDE]}
    if class_names:
        data["class_names"] = class_names
    if examples is not None:
        data |= {"image_shape": list(examples.shape[1:]), "value_range": list(value_range(examples))}
        data["preparation"] = {"columns": COLUMNS[: examples.shape[1]]} if examples.ndim == 2 else {}
    run.write_json("config.json", {"config": config, "dataset": data, "backend": "tensorflow"})
    losses = {"loss": 140.0, "reconstruction": 132.0, "kl": 8.0, "elbo": -140.0}
    run.write_json(
        "metrics.json",
        {
            "train": losses,
            "test": losses,
            "n_active": units - (units // 3 if units > 3 else 0),
            "n_units": units,
            "epochs": EPOCHS,
            "parameters": {"encoder": 9000, "decoder": 9000},
            "seconds": {"train": 9.0, "epoch_median": 1.0, "total": 10.0},
        },
    )


def strokes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Images of a slanted stroke, `(n, 12, 12)`."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    slope, shift = rng.uniform(-0.8, 0.8, (n, 1, 1)), rng.uniform(4, 8, (n, 1, 1))
    distance = np.abs(columns - shift - slope * (rows - SIDE / 2))
    return np.exp(-(distance**2)).astype("float32")


def colours(n: int, rng: np.random.Generator) -> np.ndarray:
    """Colour images of a slanted stroke, `(n, 12, 9, 3)`."""
    return strokes(n, rng)[:, :, :9, None] * rng.uniform(0.2, 1, (n, 1, 1, 3)).astype("float32")


def rows(n: int, rng: np.random.Generator) -> np.ndarray:
    """Standardized rows of 12 columns, `(n, 12)`."""
    return rng.normal(size=(n, 12)).astype("float32")


def _write_images(run: Run, units: int, strokes: Callable, rng: np.random.Generator) -> None:
    originals = strokes(20, rng)
    shape = originals.shape[1:]
    run.write_arrays("samples", images=strokes(100, rng), moment_matched=strokes(100, rng))
    run.write_arrays("reconstructions", originals=originals, images=0.9 * originals)
    ends = strokes(12, rng)
    weight = np.linspace(0, 1, 11).reshape(-1, *[1] * originals.ndim)
    path = (1 - weight) * ends[:6] + weight * ends[6:]
    run.write_arrays("interpolation", linear=path**2, spherical=np.abs(path) ** 1.5, cross_fade=path)
    shown, z = np.arange(min(units, 8)), np.linspace(-3, 3, 13)  # of 16 units, eight have a marginal alone
    images = strokes(13 * len(shown), rng).reshape(len(shown), 13, *shape)
    run.write_arrays("traversals", units=shown, z=z, images=images)
    if units == 2:
        axis = np.linspace(-3, 3, 21)
        factor = 0.1 + np.exp(-np.hypot(axis, axis[:, None]))
        run.write_arrays("magnification", factor=factor, limit=np.array(3.0), step=np.array(0.01))
    near = strokes(32, rng).reshape(8, 4, *shape)
    distances = {"pixel_distances": np.ones((8, 4)), "latent_distances": np.ones((8, 4))}
    compared = dict.fromkeys(("sample_distances", "test_distances"), np.ones(20))
    run.write_arrays("neighbours", samples=near[:, 0], pixel_images=near, latent_images=near, **distances, **compared)
    plane = np.arange(min(2, units))
    run.write_arrays("manifold", units=plane, side=np.array(8), images=strokes(8 ** len(plane), rng))
    for n_axes, side in ((3, 5), (4, 3)):
        if units >= n_axes:
            images = strokes(side**n_axes, rng)
            run.write_arrays(f"grid_{n_axes}d", units=np.arange(n_axes), side=np.array(side), images=images)


def _write_training(
    run: Run, mean: np.ndarray, log_var: np.ndarray, labels: np.ndarray, make: Callable, rng: np.random.Generator
) -> None:
    epochs = np.arange(1, EPOCHS + 1)
    decay = np.exp(-epochs / 3)
    columns = {"loss": 140 + 60 * decay, "reconstruction": 132 + 66 * decay, "kl": 8 - 6 * decay}
    rows = [
        {"epoch": int(epoch), "seconds": 1.0}
        | {name: float(values[i]) for name, values in columns.items()}
        | {f"val_{name}": float(1.01 * values[i]) for name, values in columns.items()}
        for i, epoch in enumerate(epochs)
    ]
    run.write_history(rows)
    steps = np.arange(0, 7 * EPOCHS + 1)
    growth = 1 - np.exp(-steps / 9)[:, None]
    final = mean.var(axis=0)
    var_mean = growth * final
    n_collapsed = mean.shape[1] // 3 if mean.shape[1] > 3 else 0
    if n_collapsed > 1:  # active for some epochs
        pruned = np.arange(mean.shape[1] - n_collapsed // 2, mean.shape[1])
        var_mean[7:, pruned] = np.maximum(0.5 * np.exp(-steps[7:, None] / 8), final[pruned])
    mean_var = np.maximum(np.exp(log_var).mean(axis=0), np.exp(-steps / 9)[:, None])
    kl = 0.5 * (var_mean + mean_var - 1 - np.log(mean_var))
    run.write_arrays(
        "unit_history", steps=steps, epochs=steps / 7, var_mean=var_mean, mean_var=mean_var, kl=np.maximum(kl, 1e-6)
    )
    followed = slice(0, 20)
    noise = rng.normal(0, 0.02, (len(steps), 20, mean.shape[1]))
    run.write_arrays(
        "trajectory",
        steps=steps,
        epochs=steps / 7,
        mean=(growth[:, None] * mean[followed] + noise).astype("float32"),
        log_var=(growth[:, None] * log_var[followed]).astype("float32"),
        labels=labels[followed],
        images=make(20, rng),
    )


def _write_evaluation(
    run: Run, mean: np.ndarray, log_var: np.ndarray, make: Callable, rng: np.random.Generator
) -> None:
    var_mean, mean_var = mean.var(axis=0), np.exp(log_var).mean(axis=0)
    kl = 0.5 * (np.square(mean) + np.exp(log_var) - 1 - log_var).mean(axis=0)
    active = var_mean > 0.01
    run.write_arrays("units", kl=kl, var_mean=var_mean, mean_var=mean_var, active=active, collapsed=~active)
    units = [
        {
            "kl": float(kl[i]),
            "var_mean": float(var_mean[i]),
            "mean_var": float(mean_var[i]),
            "total_var": float(var_mean[i] + mean_var[i]),
            "active": bool(active[i]),
            "active_by_variance": bool(active[i]),
            "replacement_loss": float(20 * kl[i]),
        }
        for i in range(len(kl))
    ]
    found = diagnostics.audit(mean, log_var, seed=0)
    scores = {"precision": 0.8, "recall": 0.7, "confidence": 0.9, "entropy": 0.3, "class_balance": 0.9}
    audit = {
        "version": 1,
        "samples": 100,
        "encodings": found.as_dict(),
        "own_typicality": {"deviation": 0.5 / math.sqrt(len(kl)), "relative": 0.3, "literal": 1.0 * len(kl)},
        "elbo_terms": {"prior": 9.0, "reconstruction": 132.0, "posterior": -1.0, "bits_per_pixel": 0.2},
        "likelihood": {
            "of": "binarised test images", "images": 100, "samples": 100, "value": -136.0, "error": 0.1, "bias": -0.1,
            "image_error": 1.0, "effective": 9.0, "infinite_variance": 0.2, "unreliable": 0.1, "elbo": -140.0,
            "gap": 4.0, "curve": {"1": -140.0, "10": -138.0, "100": -136.5},
        },
        "samplers": {
            "scores": {name: scores | {"frechet": 5.0 * i + 9.0} for i, name in enumerate((*SAMPLERS, "floor"))},
            "nearest_is_source": {"fraction": 0.5, "chance": 0.01},
        },
    }  # fmt: skip
    interpolation = {path: {"largest_step": 1.0} for path in ("linear", "spherical", "cross_fade")}
    content = {"version": 8, "units": units, "codes": {}, "interpolation": interpolation, "audit": audit}
    run.write_json("evaluation.json", content)
    samples = {f"samples_{name}": make(100, rng) for name in (*SAMPLERS, "data")}
    run.write_arrays("audit", **audit_arrays.arrays(mean, log_var, found, seed=0), **samples)


def _write_bubbles(run: Run, mean: np.ndarray, log_var: np.ndarray, make: Callable, rng: np.random.Generator) -> None:
    units = mean.shape[1]
    norms = np.linalg.norm(mean, axis=1)
    sizes = np.array([1, 10, 100, 900])
    values = 0.05 * sizes**0.3
    ends = np.column_stack([values, 0.8 * values, 1.2 * values])

    def interval(value: float) -> dict:
        return {"value": value, "low": 0.8 * value, "high": 1.2 * value}

    mixture = {
        "mixture": {str(size): interval(float(value)) for size, value in zip(sizes, values, strict=True)},
        "low": interval(0.3),
        "high": interval(0.6),
    }
    moments = {"mean": math.sqrt(units), "std": 0.7}
    overlap = {"one": {"low": 0.05, "median": 0.1, "high": 0.2}, "identity": mixture, "posterior": mixture}
    content = {
        "version": 1,
        "units": units,
        "codes": {"rms_mean": 0.5, "share_std_near_1": 0.4, "norm": float(np.median(norms)), "kl": 9.0},
        "radii": {"root_d": math.sqrt(units), "prior": moments, "posterior": moments, "aggregate": moments,
                  "prior_within_shell": 0.3},
        "overlap": overlap,
    }  # fmt: skip
    run.write_json("bubbles.json", content)
    images = {
        f"images_{name}": make(10, rng)
        for name in ("original", "reconstruction", "posterior", "identity", "identity_2", "identity_3", "prior")
    }
    counts, edges = np.histogram(mean, 40)
    std_counts, std_edges = np.histogram(np.exp(0.5 * log_var), 40)
    run.write_arrays(
        "bubbles",
        mean_counts=counts,
        mean_edges=edges,
        std_counts=std_counts,
        std_edges=std_edges,
        norms=norms,
        kl=np.full(N_POINTS, 9.0),
        radius_prior=np.linalg.norm(rng.normal(size=(500, units)), axis=1).astype("float32"),
        radius_posterior=np.linalg.norm(mean[0] + rng.normal(size=(500, units)), axis=1).astype("float32"),
        radius_aggregate=np.linalg.norm(mean + rng.normal(size=mean.shape), axis=1).astype("float32"),
        sizes=sizes,
        mixture_identity=ends,
        mixture_posterior=0.5 * ends,
        **images,
    )
