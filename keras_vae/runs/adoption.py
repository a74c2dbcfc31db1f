"""Creation of run folders for models that were trained elsewhere."""

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_vae import likelihoods, priors
from keras_vae._utils import readers
from keras_vae._utils.foreign_text import cleaned
from keras_vae.data import Dataset
from keras_vae.errors import InputError
from keras_vae.runs import final_files, model_file, run_data
from keras_vae.runs.config import RECORDED_PER_LABEL
from keras_vae.runs.folder import Run
from keras_vae.runs.provenance import describe_environment

if TYPE_CHECKING:
    from keras_vae.models import VAE


def adopt(model: str | Path, data: Dataset, folder: str | Path, seed: int = 0, overwrite: bool = False) -> Run:
    """Creates a run folder for a model that was trained elsewhere, so that it can be drawn and evaluated like any run.

    The run has neither history nor trajectory, which are recorded during training only. A folder that already holds
    this model, with the same data and seed, is returned unchanged.

    Args:
        model: a `.keras` file with a `VAE`.
        data: images of the model's shape; the axis of one channel may be missing or present.
        folder: folder of the run; created if it doesn't exist.
        seed: seed of generated images and of the choice of reconstructed ones.
        overwrite: replace a run in this folder.

    Returns:
        The finished run.

    Raises:
        InputError: if the file holds no `VAE`, the images have another shape, or the folder holds another run.
    """
    started = time.monotonic()
    model, run = Path(model), Run(folder)
    readers.check_regular(model, "give the path of a .keras file")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    if not overwrite and _holds(run, digest, data, seed):
        return run
    run.check_usable(overwrite, resume=False)
    vae = _load(model, data)
    data = run_data.with_channel_axis(data, tuple(vae.image_shape))
    with run.lock():
        if overwrite:
            run.clear()
        vae.compile()
        vae.optimizer.build(vae.trainable_variables)  # Keras warns when it loads a model without these variables
        config = {
            "architecture": cleaned(model.stem),
            "dataset": data.name,
            "posterior": vae.posterior.name,
            "likelihood": likelihoods.as_text(vae.likelihood),
            "objective": vae.objective.name,
            "prior": priors.as_text(vae.prior),
            "seed": seed,
        }
        if data.options.given():
            config["data_options"] = data.options.given()
        run.write_json("config.json", {"config": config, "adopted": digest, **describe_environment(data, run.path)})
        seconds = {"train": None, "epoch_median": None, "total": round(time.monotonic() - started, 3)}
        final_files.write(run, vae, data, seed, RECORDED_PER_LABEL, None, seconds)
    return run


def _holds(run: Run, digest: str, data: Dataset, seed: int) -> bool:
    """Whether the run is finished and of this model file, data and seed."""
    if not run.finished:
        return False
    config = run.config
    same_data = config["dataset"]["digest"] == data.digest and config["config"]["seed"] == seed
    return config.get("adopted") == digest and same_data


def _load(model: Path, data: Dataset) -> "VAE":
    """Loads the model.

    Raises:
        InputError: if the file is damaged, or holds no VAE of finite weights for images of this shape.
    """
    vae = model_file.load_vae(model, "give a .keras file that was saved from a VAE", compile=False)
    if not all(np.isfinite(weights).all() for weights in vae.get_weights()):
        raise InputError(f"model: expected finite weights in {model}; received NaN or infinity.")
    if run_data.without_channel(tuple(vae.image_shape)) != run_data.without_channel(data.image_shape):
        raise InputError(
            f"dataset: expected images of shape {tuple(vae.image_shape)}, the input of {model.name}; {data.name} has "
            f"{tuple(data.image_shape)}; pass images of that shape."
        )
    return vae
