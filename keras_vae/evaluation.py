"""The audit of a trained run: what its latent units carry, the shape of its codes, how good its samples are."""

from pathlib import Path

import numpy as np

from keras_vae import datasets, diagnostics, samplers, startup
from keras_vae.errors import InputError
from keras_vae.features import Judge
from keras_vae.runs import Run

VERSION = 3  # of the content of evaluation.json
LARGEST_UNITS = 256  # more units are not replaced one by one
MOST_DIMENSIONS = 6  # of a latent space whose cells are counted
REPLACED = 2000  # test images that units are replaced in


def evaluate(
    run: Run | str | Path,
    data: datasets.Dataset | None = None,
    judge: Judge | None = None,
    overwrite: bool = False,
) -> dict:
    """Evaluates a finished run and writes `evaluation.json`; one that is there already is returned.

    Args:
        run: a finished run, or its folder.
        data: the run's data set, where it is loaded already.
        judge: scores the samples; without one, samples are not scored.
        overwrite: evaluate again.

    Returns:
        The content of `evaluation.json`:
        `units`: per unit, all of `UnitStatistics`, `total_var`, `replacement_loss`, and `born` and `died` in epochs.
        `codes`: `radius`, the median over images of the posterior's geometric mean of standard deviations; `center`,
        the distance of the mean code from 0; `roundness`, the least variance along a principal axis over the largest;
        `divergence` of the active units' whitened codes from N(0, I), in nats.
        `samples`: scores by where z was drawn from; `floor`: those of training images.

    Raises:
        InputError: if the run isn't finished or its data has changed.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    metrics = run.metrics
    path = run.path / "evaluation.json"
    if path.is_file() and not overwrite:
        found = run.evaluation
        same_judge = judge is None or found.get("judge", {}).get("identity") == judge.identity
        if found.get("version") == VERSION and same_judge:
            return found
    config = run.config
    data = data or datasets.load(config["config"]["dataset"])
    if data.digest != config["dataset"]["digest"]:
        raise InputError(f"evaluate: expected the data that {run.path} was trained on; {data.name} has changed since.")
    vae = startup.import_keras().models.load_model(run.model_path)
    seed = config["config"]["seed"]
    encodings = run.arrays("encodings")
    mean, log_var = encodings["mean"], encodings.get("log_var")
    result = {"version": VERSION, "epochs": metrics["epochs"], "units": _units(run, vae, data, mean, log_var, seed)}
    result["codes"] = _codes(mean, log_var)
    if judge is not None:
        drawn = {
            "prior": samplers.prior(judge.n, vae.latent_shape, seed),
            "moment_matched": samplers.moment_matched(judge.n, mean, log_var, seed),
        }
        scores = {name: judge.score(vae.decode(z)) for name, z in drawn.items()} | {"floor": judge.floor}
        result["samples"] = {name: score._asdict() for name, score in scores.items()}
        result["judge"] = {"images": judge.n, "accuracy": judge.accuracy, "identity": judge.identity}
    run.write_json("evaluation.json", result)
    return result


def _units(run: Run, vae, data: datasets.Dataset, mean, log_var, seed: int) -> list[dict] | None:
    """A row a unit: what it says, what it is worth, when it lived."""
    statistics = diagnostics.units(mean, log_var)
    if statistics.var_mean.size > LARGEST_UNITS:
        return None
    some = np.random.default_rng(seed).permutation(len(mean))[:REPLACED]
    x, z = data.x_test[some], _one_draw_each(mean[some], None if log_var is None else log_var[some], seed)
    columns = {
        **{name: column for name, column in statistics._asdict().items() if column is not None},
        "total_var": statistics.total_var,
        "active_by_variance": statistics.active_by_variance,
        "replacement_loss": diagnostics.replacement_loss(lambda z: _nll(vae, x, z), z, seed),
    }
    if run.has_arrays("unit_history"):
        columns |= diagnostics.UnitHistory(**run.arrays("unit_history")).lifetimes()._asdict()
    columns = {
        name: [None if value != value else value for value in column.ravel().tolist()]
        for name, column in columns.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _nll(vae, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each image decoded from its own point, nats, `(n,)`."""
    keras = startup.import_keras()
    return keras.ops.convert_to_numpy(vae.likelihood(x, vae.decoder(z, training=False)))


def _one_draw_each(mean: np.ndarray, log_var: np.ndarray | None, seed: int) -> np.ndarray:
    if log_var is None:
        return mean
    noise = np.random.default_rng(seed).standard_normal(mean.shape)
    return (mean + np.exp(0.5 * log_var) * noise).astype("float32")


def _codes(mean: np.ndarray, log_var: np.ndarray | None) -> dict:
    """The codes as a cloud: its place, the circles' size, its shape."""
    flat = mean.reshape(len(mean), -1)
    result = {"center": float(np.linalg.norm(flat.mean(axis=0)))}
    if log_var is not None:
        result["radius"] = float(np.median(np.exp(0.5 * log_var.reshape(len(mean), -1).mean(axis=1))))
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(flat, rowvar=False, ddof=0)))
    result["roundness"] = float(max(spread[0], 0) / spread[-1]) if spread[-1] > 0 else 0.0
    # Whitening would blow up the little that the means of a collapsed unit vary.
    active = flat[:, diagnostics.units(flat).active]
    if 0 < active.shape[1] <= MOST_DIMENSIONS and len(active) >= 2 ** (active.shape[1] + 2):
        result["divergence"] = diagnostics.gaussian_divergence(diagnostics.whiten(active))
    return result
