"""Creation of run folders for pruned models."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from keras_vae.data import Dataset
from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN
from keras_vae.errors import InputError
from keras_vae.networks.architecture import parse
from keras_vae.runs import final_files, model_file, run_data
from keras_vae.runs.config import RECORDED_PER_LABEL
from keras_vae.runs.folder import Run
from keras_vae.runs.provenance import describe_environment
from keras_vae.runs.recording import MAX_KEPT_ENCODINGS

if TYPE_CHECKING:
    from keras_vae.networks.pruning import Pruned


def prune_run(
    run: Run | str | Path,
    folder: str | Path,
    threshold: float = ACTIVE_VAR_MEAN,
    by: str = "variance",
    data: Dataset | None = None,
    overwrite: bool = False,
) -> Run:
    """Prunes the model of a finished run into a run folder of its own, which can be drawn, evaluated and reported.

    The units are measured on the first 10,000 training images, so that the test images, on which both models are
    evaluated, take no part in the choice. The new run has neither history nor trajectory; `pruned` of its config.json
    names the run that it comes from, the removed units, and the test losses before pruning.

    Args:
        run: a finished run, or its folder.
        folder: folder of the new run; created if it doesn't exist.
        threshold, by: as in `networks.pruning.prune`.
        data: the run's data set; by default loaded from where the training found it.
        overwrite: replace a run in this folder.

    Returns:
        The new run, which is finished.

    Raises:
        InputError: if the run isn't finished, its data has changed, the folder is not usable, or nothing can be pruned.
    """
    started = time.monotonic()
    run, target = run if isinstance(run, Run) else Run.open(run), Run(folder)
    run.require_finished()
    if os.path.realpath(run.path) == os.path.realpath(target.path):
        raise InputError(f"folder: expected another folder than that of the run, {run.path}; choose another folder.")
    target.check_usable(overwrite, resume=False)
    data = run_data.load(run) if data is None else data
    run.check_data(data)
    data = run_data.as_trained(run, data)
    vae = model_file.load(run)
    from keras_vae.networks import pruning  # after Keras, whose messages `model_file` reduces

    found = pruning.prune(vae, data.train.part(slice(MAX_KEPT_ENCODINGS)), threshold, by)
    smaller = found.vae
    smaller.compile()
    smaller.optimizer.build(smaller.trainable_variables)  # Keras warns when it loads a model without these variables
    with target.lock():
        if overwrite:
            target.clear()
        target.write_json("config.json", _description(run, target, data, found, threshold, by))
        config = run.config["config"]
        seconds = {"train": None, "epoch_median": None, "total": round(time.monotonic() - started, 3)}
        per_label = config.get("record_per_label", RECORDED_PER_LABEL)
        final_files.write(target, smaller, data, config["seed"], per_label, None, seconds)
    return target


def _description(run: Run, target: Run, data: Dataset, found: "Pruned", threshold: float, by: str) -> dict:
    """Content of config.json of the new run."""
    before, metrics = run.config, run.metrics
    config = before["config"]
    changed = {"architecture": _smaller(config["architecture"], found.vae.latent_shape)}
    described = {
        "run": Path(os.path.relpath(os.path.realpath(run.path), os.path.realpath(target.path))).as_posix(),
        "weights_digest": metrics.get("weights_digest"),
        "by": by,
        "threshold": threshold,
        "kept": found.kept.tolist(),
        "removed": found.removed.tolist(),
        "constants": found.constants.tolist(),
        "units": metrics["n_units"],
        "parameters": sum(metrics["parameters"].values()),
        "test": metrics["test"],
    }
    adopted = {"adopted": before["adopted"]} if "adopted" in before else {}
    environment = describe_environment(data, target.path)
    return {"config": config | changed, **adopted, "pruned": described, **environment}


def _smaller(architecture: str, latent_shape: tuple[int, ...]) -> str:
    """The architecture with another latent shape; that of an adopted model is a name, and stays."""
    try:
        parsed = parse(architecture)
    except InputError:
        return architecture
    return str(replace(parsed, latent_shape=tuple(latent_shape)))
