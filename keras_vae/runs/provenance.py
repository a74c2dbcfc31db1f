"""Content of config.json: configuration, data, software and machine; checks against those of a resumed run."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_vae._utils import keras_import, threads
from keras_vae._utils.digests import of_arrays
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset
from keras_vae.data.value_range import UNIT_RANGE, value_range
from keras_vae.errors import InputError
from keras_vae.runs import run_data
from keras_vae.runs.config import Config
from keras_vae.runs.devices import Devices
from keras_vae.runs.folder import Run

if TYPE_CHECKING:
    from keras_vae.models import VAE


def describe(config: Config, data: Dataset, vae: "VAE", folder: Path, devices: Devices) -> dict:
    """Content of config.json in a run folder: everything needed to repeat the training."""
    from keras_vae.fast_fit.policy import can_compile_epoch

    jit = bool(vae.jit_compile or can_compile_epoch(vae, (data.train,), config.batch_size, config.jit_compile))
    environment = describe_environment(data, folder) | devices.described()
    return {"config": config.model_dump(), "jit_compile": jit, **environment}


def describe_environment(data: Dataset, folder: Path) -> dict:
    """The part of config.json about data, software and machine.

    Args:
        data: the data set of the run.
        folder: the run folder.
    """
    backend = keras_import.import_keras().backend.backend()
    packages = ("keras-vae", "keras", backend, "numpy")
    return {
        "dataset": _describe_data(data, folder),
        "backend": backend,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "machine": platform.machine(),
        "threads": threads.count(),
    }


def weights_digest(vae: "VAE") -> str:
    """SHA-256 of a model's weights in Keras' order, which saving and loading keep; 64 hexadecimal digits."""
    return of_arrays((f"{i}", weights) for i, weights in enumerate(vae.get_weights()))


def _describe_data(data: Dataset, folder: Path) -> dict:
    described: dict[str, Any] = {
        "name": data.name,
        "digest": data.digest,
        "train": len(data.train),
        "test": len(data.test),
        "image_shape": list(data.image_shape),
    }
    limits = value_range(data.x_train)
    if limits != UNIT_RANGE:
        described["value_range"] = list(limits)
    path = run_data.relative_path(data.name, folder)
    if path is not None:
        described["path"] = path
    if data.class_names is not None:
        described["class_names"] = list(data.class_names)
    if data.preparation.description():
        described["preparation"] = data.preparation.description()
    return described


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_resumable(run: Run, config: Config, data: Dataset) -> None:
    """Checks that a run to be resumed has the same configuration and data; `epochs` may be larger.

    Raises:
        InputError: if they differ; the message names the first difference.
    """
    before = run.config
    if "pruned" in before:
        raise InputError(
            f"resume: expected a run that was trained; {run.path} holds a model pruned from {before['pruned']['run']}, "
            "which can't be continued; choose another folder, or set overwrite=True."
        )
    # Runs of earlier versions lack fields that were added to the configuration later.
    defaults = Config(config.architecture).model_dump()
    wanted, had = config.model_dump(), defaults | before["config"]
    differing = [key for key in wanted if key not in ("epochs", "dataset") and wanted[key] != had[key]]
    if differing:
        key = differing[0]
        raise InputError(
            f"resume: expected the configuration of the run in {run.path}, {key}={had[key]!r}; received "
            f"{wanted[key]!r}; repeat it, or set overwrite=True."
        )
    run.check_data(data)
    if config.epochs < had["epochs"] or (run.finished and config.epochs != had["epochs"]):
        raise InputError(
            f"resume: expected the {had['epochs']} epochs of the {_state(run)}; received {config.epochs}; repeat that "
            "number, or set overwrite=True."
        )


def _state(run: Run) -> str:
    """Why a run takes the number of epochs that it takes."""
    if run.finished:
        return f"finished run in {run.path}, which can't be continued: its checkpoint was deleted at the end"
    return f"unfinished run in {run.path} or more"


def report_differences(before: dict, now: dict, progress: ProgressReporter) -> None:
    """Reports changes since the run began: a resumed run is bit-exact only with the same machine and software."""
    keys = ("versions", "machine", "threads", "jit_compile", "devices")
    differing = [key for key in keys if before.get(key) != now.get(key)]
    if differing:
        progress.message(f"Since this run began, {', '.join(differing)} changed: its last digits may differ.")
