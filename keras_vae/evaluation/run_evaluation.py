"""Evaluates a finished run: latent units, the shape of the codes, interpolation, samples, and optionally the audit.

The result is `evaluation.json`, which names quantities by their keys in `keras_vae.measures`:

- `units`: per latent unit, the fields of `diagnostics.UnitStatistics`, `total_var`, `active_by_variance`,
  `replacement_loss`, and the epochs `active_from` and `collapsed_at`; None above 128 units.
- `codes`: the values of `code_measures`, by key.
- `interpolation`: for `linear` and `spherical` paths between the codes of two test images and for the `cross_fade` of
  their pixels, the mean `largest_step` and the scores of the `midpoints`.
- `samples`: scores by sampler, fitted to training images where it is fitted, and of training images (`floor`).
- `reconstructions`: scores of reconstructed test images, and their class `accuracy`.
- `weights_digest`: of the model that was evaluated.
- `prior`: the text of a learned prior, to which the samples, the KL and the audit's divergence refer.
- `audit`: see `model_audit.audit`.
"""

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from keras_vae import data as datasets
from keras_vae import diagnostics, geometry, priors, samplers
from keras_vae._utils import checks, keras_import, memory
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.evaluation import model_audit, sample_neighbours
from keras_vae.evaluation.code_measures import Codes, evaluate_codes
from keras_vae.evaluation.judge import Judge
from keras_vae.evaluation.likelihood import BINARISED, N_IMPORTANCE_SAMPLES
from keras_vae.evaluation.sampler_scores import decode_draws
from keras_vae.measures import FLOOR
from keras_vae.runs import model_file, run_data
from keras_vae.runs.fitted_codes import fitted_codes
from keras_vae.runs.folder import Run
from keras_vae.runs.recording import MAX_KEPT_ENCODINGS

VERSION = 8  # of the content of evaluation.json
MAX_REPLACED_UNITS = 128  # above which units are not replaced one by one
N_REPLACEMENT_IMAGES = 2000
MAX_IMPORTANCE_SAMPLES = 1_000_000  # per image
N_SWAP_ROUNDS = 20  # each round of random swaps leaves fewer pairs whose images have the same label
N_PATHS, N_PATH_POINTS = 200, 11
N_KEPT_PATHS = 6
MAX_PATH_BYTES = 64e6  # latent points of interpolation paths that are decoded at a time
MAX_PATH_IMAGES_BYTES = 512e6  # images of the paths of one kind: 200 paths of 128 × 128 × 3, 59 of 256 × 256 × 3
MAX_TEST_MEANS_BYTES = 128e6  # means of test images in memory; their log variances take as much again


def evaluate(
    run: Run | str | Path,
    data: datasets.Dataset | None = None,
    judge: Judge | None = None,
    overwrite: bool = False,
    with_audit: bool = False,
    samples: int = N_IMPORTANCE_SAMPLES,
    log: Callable[[str], None] = lambda text: None,
) -> dict:
    """Evaluates a finished run and writes `evaluation.json`; an existing valid result is returned unchanged.

    Args:
        run: a finished run, or its folder.
        data: the run's data set; by default loaded from where the training found it.
        judge: the classifier that scores images; without one, no images are scored.
        overwrite: evaluate again.
        with_audit: also compare the aggregate posterior with the prior, estimate the likelihood of test images and
            score other samplers, which takes a minute or more.
        samples: importance samples per image of the audit's likelihood, at least 2.
        log: called with a line of text before each long step.

    Returns:
        The content of `evaluation.json`, see the module's docstring.

    Raises:
        InputError: if the run isn't finished, its data has changed, or `samples` is below 2.

    Example:
        >>> import tempfile, numpy as np, keras_vae as kv
        >>> x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), "uint8")
        >>> folder = tempfile.mkdtemp()
        >>> np.savez(f"{folder}/noise.npz", x_train=x[:30], x_test=x[30:])
        >>> config = kv.Config("64-16-2", dataset=f"{folder}/noise.npz", epochs=1, batch_size=10)
        >>> run = kv.train(config, f"{folder}/run", quiet=True)
        >>> sorted(kv.evaluate(run))
        ['codes', 'epochs', 'interpolation', 'units', 'version', 'weights_digest']
    """
    samples = checks.whole("samples", samples, low=2, high=MAX_IMPORTANCE_SAMPLES)
    checks.function("log", log)
    run = run if isinstance(run, Run) else Run.open(run)
    run.require_finished()
    result = None if overwrite else _valid_evaluation(run, judge, log)
    if result is not None and _is_complete(result, judge, with_audit, samples):
        return result
    run.check_writable()
    config = run.config
    if data is None:
        data = run_data.load(run)
    run.check_data(data)
    if with_audit and len(data.x_test) < 2:
        raise InputError("audit: expected at least two test images; received 1; evaluate without the audit.")
    data = run_data.as_trained(run, data)
    digest = run.metrics.get("weights_digest")
    vae = model_file.load(run)
    seed = config["config"]["seed"]
    mean, log_var = _test_encodings(run, vae, data)
    if result is None:
        log("Evaluating units, codes and samples")
        result = _evaluate(run, vae, data, judge, mean, log_var, seed) | {"weights_digest": digest}
        run.write_arrays("neighbours", **sample_neighbours.arrays(vae, data, seed))
        run.write_json("evaluation.json", result)  # kept if the audit fails or is interrupted
    if with_audit:
        result["audit"], arrays = model_audit.audit(vae, data, mean, log_var, judge, seed, samples, log)
        if config["config"].get("binarize"):
            for part in filter(None, (result["audit"][key] for key in ("likelihood", "elbo_terms"))):
                part["of"] = BINARISED
        run.write_arrays("audit", **arrays)
        run.write_json("evaluation.json", result)
    return result


def is_evaluated(run: Run, judge: Judge | None, with_audit: bool, samples: int) -> bool:
    """Whether `evaluate` with these arguments would return an existing result; no backend is imported."""
    result = _valid_evaluation(run, judge, lambda text: None)
    return result is not None and _is_complete(result, judge, with_audit, samples)


def _valid_evaluation(run: Run, judge: Judge | None, log: Callable[[str], None]) -> dict | None:
    """The evaluation in the run folder, if it is complete, of this version and by the same judge."""
    path = run.path / "evaluation.json"
    if not os.path.lexists(path):
        return None
    try:
        found = run.evaluation
    except DamagedFileError as error:  # an evaluation can be repeated, so that the user need not delete the file
        log(f"Evaluating again: {path} is damaged, or of another version ({error.problem})")
        return None
    if found.get("weights_digest") != run.metrics.get("weights_digest"):  # of a run that was replaced in the meantime
        return None
    same_judge = judge is None or found.get("judge", {}).get("identity") == judge.identity
    return found if same_judge else None


def _is_complete(found: dict, judge: Judge | None, with_audit: bool, samples: int) -> bool:
    return not with_audit or _is_audited(found, judge, samples)


def _is_audited(found: dict, judge: Judge | None, samples: int) -> bool:
    audited = found.get("audit", {})
    same_judge = judge is None or audited.get("judge") == judge.identity
    return same_judge and (audited.get("version"), audited.get("samples")) == (model_audit.VERSION, samples)


def _evaluate(
    run: Run, vae, data: datasets.Dataset, judge: Judge | None, mean: np.ndarray, log_var: np.ndarray | None, seed: int
) -> dict:
    labels = None if data.y_test is None else data.y_test[: len(mean)]
    result = {
        "version": VERSION,
        "epochs": run.metrics["epochs"],
        "units": _units(run, vae, data, mean, log_var, seed),
        "codes": evaluate_codes(
            Codes(geometry.flat(mean), None if log_var is None else geometry.flat(log_var), labels)
        ),
        "interpolation": _interpolation(run, vae, data, judge, seed),
    }
    if not vae.prior.is_standard:
        result["prior"] = priors.as_text(vae.prior)
    if judge is not None:
        fitted = fitted_codes(vae, data, seed)
        draws = {
            "prior": vae.sample_prior,
            "moment_matched": lambda n, rng: samplers.moment_matched(n, *fitted, rng),
        }
        scores = {name: judge.score(decode_draws(vae, judge.n, seed, draw)) for name, draw in draws.items()}
        result["samples"] = {name: score._asdict() for name, score in (scores | {FLOOR: judge.floor}).items()}
        result["reconstructions"] = _reconstructions(vae, data, judge)
        result["judge"] = {"images": judge.n, "accuracy": judge.accuracy, "identity": judge.identity}
    return result


def _reconstructions(vae, data: datasets.Dataset, judge: Judge) -> dict:
    """Scores and class accuracy of images decoded from the means of test images."""
    images = vae.reconstruct(
        data.x_test[judge.other_indices], batch_size=memory.images_that_fit(math.prod(vae.latent_shape), 1000)
    )
    accuracy = float((judge.classify(images).argmax(axis=1) == judge.labels[judge.other_indices]).mean())
    return {**judge.score(images)._asdict(), "accuracy": accuracy}


def _test_encodings(run: Run, vae, data: datasets.Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """Means and log variances of as many test images as fit into memory, from the run folder if it holds them."""
    kept = run.arrays("encodings")
    n_images = min(len(data.x_test), MAX_KEPT_ENCODINGS)
    n = memory.images_that_fit(math.prod(vae.latent_shape), n_images, MAX_TEST_MEANS_BYTES)
    if n <= len(kept["mean"]):
        return kept["mean"], kept.get("log_var")
    return vae.encode(data.x_test[:n], batch_size=256)


def _units(
    run: Run, vae, data: datasets.Dataset, mean: np.ndarray, log_var: np.ndarray | None, seed: int
) -> list[dict] | None:
    """One row per latent unit: its statistics, the effect of replacing it, when it was active."""
    if mean[0].size > MAX_REPLACED_UNITS:
        return None
    statistics = diagnostics.units(mean, log_var)
    subset = np.random.default_rng(seed).permutation(len(mean))[:N_REPLACEMENT_IMAGES]
    x, z = data.x_test[subset], _posterior_draws(mean[subset], None if log_var is None else log_var[subset], seed)
    columns = {
        **{name: column for name, column in statistics._asdict().items() if column is not None},
        "total_var": statistics.total_var,
        "active_by_variance": statistics.active_by_variance,
        "replacement_loss": diagnostics.replacement_loss(lambda z: _nll(vae, x, z), z, seed, vae.prior.density()),
    }
    if run.has_arrays("unit_history"):
        columns |= diagnostics.UnitHistory(**run.arrays("unit_history")).active_periods()._asdict()
    rows = zip(*(column.ravel().tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, map(_none_if_nan, row), strict=True)) for row in rows]


def _none_if_nan(value: float | bool) -> float | bool | None:
    """A value for JSON, which has no NaN."""
    return None if math.isnan(value) else value


def _nll(vae, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each image given its own latent point, nats, `(n,)`."""
    keras = keras_import.import_keras()
    size = memory.images_that_fit(max(x[0].size, z[0].size), len(x))
    losses = [
        vae.likelihood(x[i : i + size], vae.decoder(z[i : i + size], training=False)) for i in range(0, len(x), size)
    ]
    return np.concatenate([keras.ops.convert_to_numpy(loss) for loss in losses])


def _posterior_draws(mean: np.ndarray, log_var: np.ndarray | None, seed: int) -> np.ndarray:
    if log_var is None:
        return mean
    noise = np.random.default_rng(seed).standard_normal(mean.shape)
    return (mean + np.exp(0.5 * log_var) * noise).astype("float32")


def _interpolation(run: Run, vae, data: datasets.Dataset, judge: Judge | None, seed: int) -> dict:
    """Evenness of interpolation paths between pairs of test images, and scores of their midpoints."""
    x, (first, last) = data.x_test, _pairs(data, np.arange(len(data.x_test)), seed)
    paths = {"linear": geometry.linear_path, "spherical": geometry.spherical_path}
    pixels = N_PATH_POINTS * math.prod(data.image_shape)
    n_paths = memory.images_that_fit(pixels, N_PATHS, MAX_PATH_IMAGES_BYTES)
    n_kept = memory.kept_images(pixels, N_KEPT_PATHS)
    ends = first[:n_paths], last[:n_paths]
    images = {name: _decode_paths(vae, x, *ends, partial(p, n=N_PATH_POINTS)) for name, p in paths.items()}
    images["cross_fade"] = geometry.linear_path(x[ends[0]], x[ends[1]], N_PATH_POINTS)
    run.write_arrays("interpolation", **{name: frames[:, :n_kept] for name, frames in images.items()})
    result: dict[str, dict] = {
        name: {"largest_step": float(diagnostics.largest_step(frames).mean())} for name, frames in images.items()
    }
    if judge is not None:
        # Midpoints of images that they are compared with would score too well.
        ends = _pairs(data, judge.other_indices, seed)
        midpoints = {name: _decode_paths(vae, x, *ends, partial(_midpoint, p))[0] for name, p in paths.items()}
        midpoints["cross_fade"] = 0.5 * (x[ends[0]] + x[ends[1]])
        for name, decoded in midpoints.items():
            result[name]["midpoints"] = judge.score(decoded)._asdict()
    return result


def _midpoint(path: Callable, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The midpoints of paths, `(1, paths, …)`."""
    _, midpoint, _ = path(first, last, 3)
    return midpoint[None]


def _decode_paths(vae, x: np.ndarray, first: np.ndarray, last: np.ndarray, path: Callable) -> np.ndarray:
    """Images `(points, paths, …)` on the paths between the codes of test images, decoded in chunks."""
    size = memory.images_that_fit(N_PATH_POINTS * math.prod(vae.latent_shape), 1000, MAX_PATH_BYTES)
    chunks = []
    for i in range(0, len(first), size):
        z = path(*(vae.encode(x[ends[i : i + size]]).mean for ends in (first, last)))
        images = vae.decode(z.reshape(-1, *vae.latent_shape))
        chunks.append(images.reshape(*z.shape[:2], *images.shape[1:]))
    return np.concatenate(chunks, axis=1)


def _pairs(data: datasets.Dataset, indices: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two permutations of test images; images at the same position differ in label where possible."""
    rng, n = stream(seed, Stream.INTERPOLATION_PAIRS), len(indices)
    first, last = rng.permutation(indices), rng.permutation(indices)
    if data.y_test is None:
        return first, last
    y = data.y_test
    for _ in range(N_SWAP_ROUNDS):
        same = np.flatnonzero(y[first] == y[last])
        others = rng.integers(0, n, len(same))
        for i, j in zip(same, others, strict=True):
            last[i], last[j] = last[j], last[i]
    return first, last
