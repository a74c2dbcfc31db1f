"""The audit of a trained run: what its latent units carry, the shape of its codes, how good its samples are."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vae import data as datasets
from keras_vae import diagnostics, geometry, samplers
from keras_vae._utils import keras_import, memory
from keras_vae.errors import InputError
from keras_vae.evaluation import model_audit
from keras_vae.evaluation.judge import Judge
from keras_vae.runs.folder import Run
from keras_vae.runs.recording import MAX_KEPT_ENCODINGS

VERSION = 5  # of the content of evaluation.json
LARGEST_UNITS = 128  # more units are not replaced one by one
MOST_DIMENSIONS = 6  # of a latent space whose cells are counted
REPLACED = 2000  # test images that units are replaced in
NEIGHBOURS = 10  # of a code, that vote on its label
PATHS, POINTS = 200, 11  # ways between two test images, and points on each
SHOWN_PATHS = 6
LARGEST_PATHS = 64e6  # bytes of latent points that are decoded at once
MOST_CODES = 128e6  # bytes of test means that are held at once, and as many of log variances


def evaluate(
    run: Run | str | Path,
    data: datasets.Dataset | None = None,
    judge: Judge | None = None,
    overwrite: bool = False,
    with_audit: bool = False,
    samples: int = model_audit.SAMPLES,
    log: Callable[[str], None] = lambda text: None,
) -> dict:
    """Evaluates a finished run and writes `evaluation.json`; what is there already isn't done again.

    Args:
        run: a finished run, or its folder.
        data: the run's data set, where it is loaded already.
        judge: scores the samples; without one, samples are not scored.
        overwrite: evaluate again.
        with_audit: also compare the aggregate posterior with the prior, estimate the likelihood, and try other
            samplers: a minute or more.
        samples: of the audit's importance-weighted likelihood, for each image.
        log: is told what is being done, before each part that takes long.

    Returns:
        The content of `evaluation.json`:
        `units`: per unit, all of `UnitStatistics`, `total_var`, `replacement_loss`, and `born` and `died` in epochs.
        `codes`: `radius`, the median over images of the posterior's geometric mean of standard deviations; `center`,
        the distance of the mean code from 0; `roundness`, the least variance along a principal axis over the largest;
        `divergence` of the active units' whitened codes from N(0, I), in nats; `label_accuracy`, of codes by their
        neighbours' labels, and `label_accuracy_plane`, of their projection on two principal components.
        `interpolation`: on straight (`linear`) and `spherical` ways between the codes of two test images, and for the
        `cross_fade` of their pixels, the mean over ways of `largest_step`, and scores of the `midpoints`.
        `samples`: scores by where z was drawn from; `floor`: those of training images. `reconstructions`: of test
        images, with the share whose class survives as `accuracy`. `audit`, where it was asked for: see
        `audit.audit`; `arrays/audit.npz` holds what of it is drawn.
        `arrays/interpolation.npz` holds some of these ways.

    Raises:
        InputError: if the run isn't finished or its data has changed.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    run.require_finished()
    path = run.path / "evaluation.json"
    result = None if overwrite or not path.is_file() else _still_valid(run.evaluation, judge)
    if result is not None and (not with_audit or _is_audited(result, judge, samples)):
        return result
    if samples < 2:
        raise InputError(f"samples: expected at least 2 for each image; received {samples}.")
    config = run.config
    data = data or datasets.load(config["config"]["dataset"])
    run.check_data(data)
    vae = keras_import.import_keras().models.load_model(run.model_path)
    seed = config["config"]["seed"]
    mean, log_var = _codes_of_the_test_set(run, vae, data)
    if result is None:
        log("Evaluating units, codes and samples")
        result = _evaluated(run, vae, data, judge, mean, log_var, seed)
        run.write_json("evaluation.json", result)  # which an audit that is refused or stopped doesn't take along
    if with_audit:
        result["audit"], arrays = model_audit.audit(vae, data, mean, log_var, judge, seed, samples, log)
        run.write_arrays("audit", **arrays)
        run.write_json("evaluation.json", result)
    return result


def _is_audited(found: dict, judge: Judge | None, samples: int) -> bool:
    audited = found.get("audit", {})
    same_judge = judge is None or audited.get("judge") == judge.identity
    return same_judge and (audited.get("version"), audited.get("samples")) == (model_audit.VERSION, samples)


def _still_valid(found: dict, judge: Judge | None) -> dict | None:
    same_judge = judge is None or found.get("judge", {}).get("identity") == judge.identity
    return found if found.get("version") == VERSION and same_judge else None


def _evaluated(run: Run, vae, data: datasets.Dataset, judge: Judge | None, mean, log_var, seed: int) -> dict:
    labels = None if data.y_test is None else data.y_test[: len(mean)]
    result = {"version": VERSION, "epochs": run.metrics["epochs"]}
    result["units"] = _units(run, vae, data, mean, log_var, seed)
    result["codes"] = _codes(mean, log_var, labels)
    result["interpolation"] = _interpolation(run, vae, data, judge, seed)
    if judge is not None:
        scores = {
            "prior": judge.score(_sampled(vae, judge.n, seed, lambda n, rng: samplers.prior(n, vae.latent_shape, rng))),
            "moment_matched": judge.score(
                _sampled(vae, judge.n, seed, lambda n, rng: samplers.moment_matched(n, mean, log_var, rng))
            ),
            "floor": judge.floor,
        }
        result["samples"] = {name: score._asdict() for name, score in scores.items()}
        result["reconstructions"] = _reconstructions(vae, data, judge)
        result["judge"] = {"images": judge.n, "accuracy": judge.accuracy, "identity": judge.identity}
    return result


def _sampled(vae, n: int, seed: int, draw: Callable) -> np.ndarray:
    """`n` images decoded from draws; of very many units, only some are in memory at once."""
    rng = np.random.default_rng(seed)
    return np.concatenate([vae.decode(draw(part, rng)) for part in memory.chunk_sizes(n, math.prod(vae.latent_shape))])


def _reconstructions(vae, data: datasets.Dataset, judge: Judge) -> dict:
    """Scores of what is decoded from the means of test images, and how many of them still show their digit."""
    x, y = data.x_test[judge.others], data.y_test[judge.others]
    images = vae.reconstruct(x, batch_size=memory.images_that_fit(math.prod(vae.latent_shape), 1000))
    accuracy = float((judge.classify(images).argmax(axis=1) == y).mean())
    return {**judge.score(images)._asdict(), "accuracy": accuracy}


def _codes_of_the_test_set(run: Run, vae, data: datasets.Dataset):
    """Means and log variances of as many test images as can be held; a run of very many units keeps fewer."""
    kept = run.arrays("encodings")
    n = memory.images_that_fit(math.prod(vae.latent_shape), min(len(data.x_test), MAX_KEPT_ENCODINGS), MOST_CODES)
    if n <= len(kept["mean"]):
        return kept["mean"], kept.get("log_var")
    return vae.encode(data.x_test[:n], batch_size=256)


def _units(run: Run, vae, data: datasets.Dataset, mean, log_var, seed: int) -> list[dict] | None:
    """A row a unit: what it says, what it is worth, when it lived."""
    if mean[0].size > LARGEST_UNITS:
        return None
    statistics = diagnostics.units(mean, log_var)
    some = np.random.default_rng(seed).permutation(len(mean))[:REPLACED]
    x, z = data.x_test[some], _one_draw_each(mean[some], None if log_var is None else log_var[some], seed)
    columns = {
        **{name: column for name, column in statistics._asdict().items() if column is not None},
        "total_var": statistics.total_var,
        "active_by_variance": statistics.active_by_variance,
        "replacement_loss": diagnostics.replacement_loss(lambda z: _nll(vae, x, z), z, seed),
    }
    if run.has_arrays("unit_history"):
        columns |= diagnostics.UnitHistory(**run.arrays("unit_history")).active_periods()._asdict()
    columns = {
        name: [None if value != value else value for value in column.ravel().tolist()]
        for name, column in columns.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _nll(vae, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each image decoded from its own point, nats, `(n,)`."""
    keras = keras_import.import_keras()
    return keras.ops.convert_to_numpy(vae.likelihood(x, vae.decoder(z, training=False)))


def _one_draw_each(mean: np.ndarray, log_var: np.ndarray | None, seed: int) -> np.ndarray:
    if log_var is None:
        return mean
    noise = np.random.default_rng(seed).standard_normal(mean.shape)
    return (mean + np.exp(0.5 * log_var) * noise).astype("float32")


def _codes(mean: np.ndarray, log_var: np.ndarray | None, labels: np.ndarray | None) -> dict:
    """The codes as a cloud: its place, the circles' size, its shape, how its labels lie."""
    flat = geometry.flat(mean)
    result = {"center": float(np.linalg.norm(flat.mean(axis=0)))}
    if log_var is not None:
        result["radius"] = float(np.median(np.exp(0.5 * log_var.reshape(len(mean), -1).mean(axis=1))))
    if labels is not None and len(flat) >= 2 * (NEIGHBOURS + 1):
        result["label_accuracy"] = diagnostics.label_accuracy(flat, labels, NEIGHBOURS)
    if "label_accuracy" in result and flat.shape[1] > 1:
        plane = geometry.principal_plane(flat).points
        result["label_accuracy_plane"] = diagnostics.label_accuracy(plane, labels, NEIGHBOURS)
    if flat.shape[1] > LARGEST_UNITS:
        return result  # no matrix of units × units
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(flat, rowvar=False, ddof=0)))
    result["roundness"] = float(max(spread[0], 0) / spread[-1]) if spread[-1] > 0 else 0.0
    # Whitening would blow up the little that the means of a collapsed unit vary.
    active = flat[:, diagnostics.units(flat).active]
    if 0 < active.shape[1] <= MOST_DIMENSIONS and len(active) >= 2 ** (active.shape[1] + 2):
        result["divergence"] = diagnostics.gaussian_divergence(diagnostics.whiten(active))
    return result


def _interpolation(run: Run, vae, data: datasets.Dataset, judge: Judge | None, seed: int) -> dict:
    """Ways between pairs of test images: how even their steps are, how real what lies half-way."""
    x, (first, last) = data.x_test, _pairs(data, seed)
    paths = {"linear": geometry.linear_path, "spherical": geometry.spherical_path}
    few = first[:PATHS], last[:PATHS]
    ways = {name: _decoded(vae, x, *few, lambda a, b, p=path: p(a, b, POINTS)) for name, path in paths.items()}
    ways["cross_fade"] = geometry.linear_path(x[few[0]], x[few[1]], POINTS)
    run.write_arrays("interpolation", **{name: images[:, :SHOWN_PATHS] for name, images in ways.items()})
    result = {name: {"largest_step": float(diagnostics.largest_step(w).mean())} for name, w in ways.items()}
    if judge is not None:
        many = first[: judge.n], last[: judge.n]
        halfway = {
            name: _decoded(vae, x, *many, lambda a, b, p=path: p(a, b, 3)[1:2])[0] for name, path in paths.items()
        }
        halfway["cross_fade"] = 0.5 * (x[many[0]] + x[many[1]])
        for name, images in halfway.items():
            result[name]["midpoints"] = judge.score(images)._asdict()
    return result


def _decoded(vae, x: np.ndarray, first: np.ndarray, last: np.ndarray, path: Callable) -> np.ndarray:
    """Images `(points, paths, …)` on the paths between the codes of test images; only some at once are in memory."""
    at_once = memory.images_that_fit(POINTS * math.prod(vae.latent_shape), 1000, LARGEST_PATHS)
    parts = []
    for i in range(0, len(first), at_once):
        z = path(*(vae.encode(x[which[i : i + at_once]]).mean for which in (first, last)))
        images = vae.decode(z.reshape(-1, *vae.latent_shape))
        parts.append(images.reshape(*z.shape[:2], *images.shape[1:]))
    return np.concatenate(parts, axis=1)


def _pairs(data: datasets.Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two orders of the test images, in which those that stand side by side differ in label where that can be."""
    rng, n = np.random.default_rng([seed, 3]), len(data.x_test)
    first, last = rng.permutation(n), rng.permutation(n)
    if data.y_test is None:
        return first, last
    y = data.y_test
    for _ in range(20):  # swaps of what is alike with random others leave ever fewer
        alike = np.flatnonzero(y[first] == y[last])
        others = rng.integers(0, n, len(alike))
        for i, j in zip(alike, others, strict=True):
            last[i], last[j] = last[j], last[i]
    return first, last
