"""Writing of a finished run's files: the model, the arrays for figures and, last, the metrics."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_vae import diagnostics, geometry, likelihoods, priors, samplers
from keras_vae._utils import memory
from keras_vae._utils.files import atomic
from keras_vae._utils.items import Items
from keras_vae.data import Dataset
from keras_vae.runs import checkpoint, decoded_arrays, explorer_arrays
from keras_vae.runs.fitted_codes import fitted_codes
from keras_vae.runs.folder import Run
from keras_vae.runs.history import ordered_losses
from keras_vae.runs.provenance import weights_digest
from keras_vae.runs.recording import MAX_KEPT_ENCODINGS, choose_probes

if TYPE_CHECKING:
    from keras_vae.models import VAE
    from keras_vae.runs.decoder_history import DecoderRecorder

EVALUATION_BATCH = 1000  # images; fewer where their codes would exceed `memory.MAX_CODES_BYTES`
MAX_KEPT_MEANS_BYTES = 64e6  # log variances may take as much again
MAX_COLUMNS_IN_METRICS = 256
MAX_UNITS_IN_METRICS = 256  # for more units, only `arrays/units.npz` has the statistics
# Numbers of images; fewer where they would exceed `memory.MAX_KEPT_IMAGES_BYTES`.
N_SAMPLES = 100
N_RECONSTRUCTIONS = 20
MANIFOLD_SIDE = 20  # images along each of two units
GRID_SIDES = {3: 5, 4: 3}  # images along each unit, by the number of units: 125 and 81 in all


def write(
    run: Run,
    vae: "VAE",
    data: Dataset,
    seed: int,
    per_label: int,
    epochs: int | None,
    seconds: Mapping[str, float | None],
    decoders: "DecoderRecorder | None" = None,
) -> None:
    """Evaluates a model and writes it, its arrays and its metrics; deletes the checkpoint.

    Args:
        run: the run to write to.
        vae: the trained, compiled model.
        data: the images that it was trained on.
        seed: seed of generated images and of the choice of reconstructed ones.
        per_label: number of recorded test images of each label; the first of the recorded images are reconstructed.
        epochs: number of epochs trained; None for a model that was trained elsewhere.
        seconds: durations by name, written to `metrics.json`.
        decoders: weights of the decoder that were recorded during training, if any.
    """
    with atomic(run.model_path, run.check_lock) as temporary:
        vae.save(temporary)
    batch = memory.images_that_fit(math.prod(vae.latent_shape), EVALUATION_BATCH)
    losses = {name: _evaluate(vae, x, batch) for name, x in (("train", data.train), ("test", data.test))}
    statistics = write_arrays(run, vae, data, seed, per_label)
    if decoders is not None:
        from keras_vae.runs import decoder_history  # which imports Keras

        decoder_history.write(run, vae, decoders)
    metrics: dict[str, Any] = {
        **losses,
        "n_active": int(statistics.active.sum()),
        "n_units": int(statistics.active.size),
        "epochs": epochs,
        "parameters": {"encoder": vae.encoder.count_params(), "decoder": vae.decoder.count_params()},
        "weights_digest": weights_digest(vae),
        "peak_memory_gb": memory.peak_gb(),
        "seconds": seconds,
    }
    metrics |= _noise(vae.likelihood)
    if statistics.active.size <= MAX_UNITS_IN_METRICS:
        metrics["units"] = _unit_rows(statistics)
    run.write_json("metrics.json", metrics)
    checkpoint.remove(run.checkpoint_path)


def _noise(likelihood: likelihoods.Likelihood) -> dict[str, float | list[float]]:
    """The standard deviation of the noise that was estimated during training: a number, or one for each column."""
    if not isinstance(likelihood, likelihoods.OptimalGaussian):
        return {}
    std = likelihood.std
    return {"noise_std": std.tolist()} if std.ndim < 2 and std.size <= MAX_COLUMNS_IN_METRICS else {}


def _evaluate(vae: "VAE", x: Items, batch: int) -> dict[str, float]:
    results = vae.evaluate(x, batch_size=batch, verbose=0, return_dict=True)
    return {key: value for key, value in ordered_losses(results).items() if key != "beta"}


def write_arrays(run: Run, vae: "VAE", data: Dataset, seed: int, per_label: int) -> diagnostics.UnitStatistics:
    """Writes all arrays that are computed from the trained model for figures; returns the statistics of its units."""
    x = data.test.part(slice(MAX_KEPT_ENCODINGS))
    n_kept = memory.images_that_fit(math.prod(vae.latent_shape), len(x), MAX_KEPT_MEANS_BYTES)
    encoding = vae.encode(x.part(slice(n_kept)))
    statistics = diagnostics.units(*encoding) if n_kept == len(x) else _statistics_in_chunks(vae, x)
    columns = {name: array for name, array in statistics._asdict().items() if array is not None}
    run.write_arrays("units", **columns)
    _write_encodings(run, encoding, data)
    pixels = math.prod(data.image_shape)
    _write_grids(run, vae, statistics.var_mean, pixels)
    n = memory.kept_images(pixels, N_SAMPLES)
    # By the generator of the samples that are evaluated.
    matched = samplers.moment_matched(n, *fitted_codes(vae, data, seed), seed=np.random.default_rng(seed))
    run.write_arrays("samples", images=vae.generate(n, seed=seed), moment_matched=vae.decode(matched))
    n = memory.kept_images(pixels, N_RECONSTRUCTIONS)
    _write_reconstructions(run, vae, data, choose_probes(data, seed, per_label)[:n])
    decoded_arrays.write(run, vae, encoding.mean, statistics)
    explorer_arrays.write(run, vae, data)
    _write_prior(run, vae)
    return statistics


def _statistics_in_chunks(vae: "VAE", x: Items) -> diagnostics.UnitStatistics:
    """Statistics over more encodings than should be in memory at once."""
    batch = memory.images_that_fit(math.prod(vae.latent_shape), EVALUATION_BATCH)
    return diagnostics.units_from_batches(vae.encode(x[i : i + batch]) for i in range(0, len(x), batch))


def _write_encodings(run: Run, encoding, data: Dataset) -> None:
    arrays = {"mean": encoding.mean, "n_test": np.array(len(data.test))}
    if encoding.log_var is not None:
        arrays["log_var"] = encoding.log_var
    if data.y_test is not None:
        arrays["labels"] = data.y_test[: len(encoding.mean)]
    run.write_arrays("encodings", **arrays)


def _write_grids(run: Run, vae: "VAE", var_mean: np.ndarray, pixels: int) -> None:
    """Writes images decoded on grids of the two, three and four units whose means vary most."""
    plane = geometry.most_varying_units(var_mean)
    _write_grid(run, vae, "manifold", plane, memory.kept_grid_side(pixels, len(plane), MANIFOLD_SIDE))
    for n_units, side in GRID_SIDES.items():
        if var_mean.size >= n_units:
            side = memory.kept_grid_side(pixels, n_units, side)
            _write_grid(run, vae, f"grid_{n_units}d", geometry.most_varying_units(var_mean, n_units), side)


def _write_grid(run: Run, vae: "VAE", name: str, units: tuple[int, ...], side: int) -> None:
    """Writes images decoded at the prior's quantiles in these units, with the others at 0."""
    z = geometry.latent_grid(side, units, np.zeros(math.prod(vae.latent_shape)))
    images = vae.decode(z.reshape(-1, *vae.latent_shape))
    run.write_arrays(name, units=np.array(units), side=np.array(side), images=images)


def _write_reconstructions(run: Run, vae: "VAE", data: Dataset, chosen: np.ndarray) -> None:
    chosen = np.sort(chosen)
    if data.y_test is not None:
        chosen = chosen[np.argsort(data.y_test[chosen], kind="stable")]
    originals = data.test[chosen]
    run.write_arrays("reconstructions", originals=originals, images=vae.reconstruct(originals))


def _write_prior(run: Run, vae: "VAE") -> None:
    """Writes the mixture of a learned prior and, of a VampPrior, some of its pseudo-inputs."""
    density = vae.prior.density()
    if density is None:
        return
    n = memory.images_that_fit(density.units, len(density.weight), MAX_KEPT_MEANS_BYTES)
    kept = np.sort(np.argsort(-density.weight, kind="stable")[:n])  # the heaviest, if not all fit
    columns = {"weight": density.weight, "mean": density.mean, "log_var": density.log_var}
    arrays = {name: column[kept].astype("float32") for name, column in columns.items()}
    if isinstance(vae.prior, priors.VampPrior):
        n = memory.kept_images(math.prod(vae.image_shape), N_SAMPLES)
        arrays["pseudo_inputs"] = vae.prior.pseudo_inputs[:n]
    run.write_arrays("prior", **arrays)


def _unit_rows(statistics: diagnostics.UnitStatistics) -> list[dict]:
    columns = {name: column.tolist() for name, column in statistics._asdict().items() if column is not None}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
