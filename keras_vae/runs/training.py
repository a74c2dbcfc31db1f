"""Reproducible, resumable training of a VAE into a run folder."""

import errno
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_vae._utils import keras_import, memory
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset, load
from keras_vae.errors import InputError, WriteError
from keras_vae.runs import checkpoint as checkpoint_files
from keras_vae.runs import final_files, provenance, recording
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run

if TYPE_CHECKING:
    from keras_vae.models import VAE
    from keras_vae.runs.checkpoint_callback import CheckpointCallback

MAX_MONITORED_IMAGES = 2000  # test images on which the units are measured during training


def train(
    config: Config,
    folder: str | Path,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: ProgressReporter | None = None,
    data: Dataset | None = None,
) -> Run:
    """Trains a VAE into a run folder and writes the arrays for figures and videos.

    The same configuration on the same machine with the same number of threads gives the same weights, bit for
    bit, also if the training was killed and resumed.

    Args:
        config: configuration of model, data and training.
        folder: folder of the run; created if it doesn't exist.
        overwrite: replace a run in this folder.
        resume: continue an unfinished run of this configuration (`epochs` may be larger); return a finished one.
        quiet: print nothing.
        progress: receives messages and progress, in place of a reporter that prints them.
        data: the data set named by `config.dataset`, if already loaded.

    Returns:
        The finished run.

    Raises:
        InputError: before anything is written, if configuration, data or folder are not usable.
        TrainingDiverged: if the loss becomes NaN or infinite; the last checkpoint is kept.
        WriteError: if a file can't be written, or the folder is deleted or replaced during training.

    Example:
        >>> import tempfile, numpy as np
        >>> x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), "uint8")
        >>> folder = tempfile.mkdtemp()
        >>> np.savez(f"{folder}/noise.npz", x_train=x[:30], x_test=x[30:])
        >>> config = Config("64-16-2", dataset=f"{folder}/noise.npz", epochs=1, batch_size=10)
        >>> run = train(config, f"{folder}/run", quiet=True)
        >>> run.finished, run.metrics["n_units"], run.trajectory.mean.shape
        (True, 2, (2, 10, 2))
    """
    started = time.monotonic()
    memory.reset_peak()
    run, progress = Run(folder), progress or ProgressReporter(quiet)
    data = _checked_data(config, run, overwrite, resume, data)
    if resume and run.finished:
        return _finished_before(run, progress)
    plan = recording.plan(config, data)
    if resume and not run.is_run():
        progress.message(f"There is no run in {run.path} to resume: a new training begins.")
    progress.message(f"Training {config.architecture} on {config.dataset}, {config.epochs} epochs, into {run.path}")
    _check_backend(run, resume)
    with run.lock():
        if resume and run.finished:  # by a process that held the lock until now
            return run
        if overwrite:
            run.clear()
        vae = _build(config, data)
        checkpoint = _restored_checkpoint(run, vae, data, config, plan, progress, started)
        _describe(run, vae, data, config, progress)
        _fit_and_evaluate(run, vae, data, config, checkpoint)
    return run


def _checked_data(config: Config, run: Run, overwrite: bool, resume: bool, data: Dataset | None) -> Dataset:
    """Loads the data and checks, before anything is written, that it fits the configuration and the folder."""
    if not isinstance(config, Config):
        raise InputError(f"config: expected a Config; received {type(config).__name__}.")
    if not isinstance(data, Dataset | None):
        raise InputError(f"data: expected a Dataset, as load returns it; received {type(data).__name__}.")
    network = config.network
    if overwrite and resume:
        raise InputError("train: expected resume=True or overwrite=True; received both; choose one.")
    run.check_usable(overwrite, resume)
    data = data or load(config.dataset)
    network.check(data.image_shape)
    if config.batch_size > len(data.x_train):
        raise InputError(
            f"batch_size: expected no more than the {len(data.x_train)} training images of {data.name}; received "
            f"{config.batch_size}; make the batch smaller."
        )
    if resume and run.is_run():
        provenance.check_resumable(run, config, data)
    return data


def _finished_before(run: Run, progress: ProgressReporter) -> Run:
    """Deletes the checkpoint that a process leaves if it is killed after it has finished the run; returns the run."""
    if os.path.lexists(run.checkpoint_path):
        with run.lock():
            if run.finished:  # no other process has begun to replace the run
                checkpoint_files.remove(run.checkpoint_path)
    progress.message(f"{run.path} is finished already.")
    return run


def _check_backend(run: Run, resume: bool) -> None:
    """Imports Keras, so that an unknown backend is an error before the folder is created, and compares backends."""
    backend = keras_import.import_keras().backend.backend()
    if resume and run.is_run() and run.config["backend"] != backend:
        raise InputError(
            f"resume: expected the backend of the run in {run.path}, {run.config['backend']}; received {backend}; set "
            "KERAS_BACKEND, or set overwrite=True."
        )


def _build(config: Config, data: Dataset) -> "VAE":
    """Builds and compiles the model with its optimizer's variables, which a checkpoint restores."""
    keras = keras_import.import_keras()
    from keras_vae.networks import builders

    vae = builders.build(
        config.network, data.image_shape, config.posterior, config.likelihood, config.beta, config.seed
    )
    vae.compile(keras.optimizers.Adam(config.learning_rate), jit_compile=config.jit_compile)
    vae.optimizer.build(vae.trainable_variables)
    return vae


def _restored_checkpoint(
    run: Run,
    vae: "VAE",
    data: Dataset,
    config: Config,
    plan: recording.RecordingPlan,
    progress: ProgressReporter,
    started: float,
) -> "CheckpointCallback":
    """The callback that writes checkpoints, with the recorders; all continue from the last checkpoint, if any."""
    from keras_vae.callbacks import LatentRecorder, UnitMonitor
    from keras_vae.runs.checkpoint_callback import CheckpointCallback
    from keras_vae.runs.decoder_history import DecoderRecorder

    labels = None if data.y_test is None else data.y_test[plan.probes]
    recorder = LatentRecorder(data.x_test[plan.probes], labels, plan.frame_steps, plan.units)
    monitored = data.x_test[: memory.images_that_fit(config.n_units, MAX_MONITORED_IMAGES)]
    monitor = UnitMonitor(monitored, plan.measurement_steps)
    checkpoint = CheckpointCallback(run, recorder, monitor, progress, config.epochs, started, DecoderRecorder())
    checkpoint.restore(vae)
    return checkpoint


def _describe(run: Run, vae: "VAE", data: Dataset, config: Config, progress: ProgressReporter) -> None:
    """Writes config.json and reports how a resumed run's environment has changed."""
    description = provenance.describe(config, data, vae, run.path)
    if run.is_run():
        provenance.report_differences(run.config, description, progress)
    run.write_json("config.json", description)


def _fit_and_evaluate(run: Run, vae: "VAE", data: Dataset, config: Config, checkpoint: "CheckpointCallback") -> None:
    """Trains the remaining epochs and writes the files of a finished run."""
    progress, recorder, monitor = checkpoint.progress, checkpoint.recorder, checkpoint.monitor
    try:
        _fit(vae, data, config, [recorder, monitor, checkpoint.decoders, checkpoint], checkpoint.epochs_done)
        progress.message("Evaluating")
        run.write_arrays("trajectory", **recording.kept(recorder.trajectory).arrays())
        run.write_arrays("unit_history", **monitor.history.arrays())
        epochs, seconds = checkpoint.epochs_done, _seconds(checkpoint)
        final_files.write(run, vae, data, config.seed, config.record_per_label, epochs, seconds, checkpoint.decoders)
    except (KeyboardInterrupt, WriteError) as error:
        progress.stop()
        _report_interruption(error, checkpoint.epochs_done, progress)
        raise
    finally:
        progress.stop()


def _report_interruption(error: BaseException, epochs_done: int, progress: ProgressReporter) -> None:
    """Reports where a resumed training will continue."""
    if isinstance(error, WriteError) and error.errno == errno.ESTALE:  # there is no folder to resume
        return
    verb = "Stopped" if isinstance(error, WriteError) else "Interrupted"
    progress.message(
        f"{verb} after epoch {epochs_done}; its checkpoint is kept, and a resumed training continues from there."
        if epochs_done
        else f"{verb} in the first epoch; a resumed training begins anew."
    )


def _fit(vae: "VAE", data: Dataset, config: Config, callbacks: list, epochs_done: int) -> None:
    from keras_vae.callbacks import BetaWarmup

    if config.warmup:
        callbacks = [*callbacks, BetaWarmup(config.warmup)]
    if epochs_done < config.epochs:
        vae.fit(
            data.x_train,
            batch_size=config.batch_size,
            epochs=config.epochs,
            initial_epoch=epochs_done,
            validation_data=data.x_test,
            validation_batch_size=memory.images_that_fit(config.n_units, final_files.EVALUATION_BATCH),
            callbacks=callbacks,
            verbose=0,
        )


def _seconds(checkpoint: "CheckpointCallback") -> dict[str, float]:
    epochs = checkpoint.seconds_of_epochs()
    return {
        "train": round(float(epochs.sum()), 3),
        "epoch_median": round(float(np.median(epochs)), 4),
        "total": round(checkpoint.seconds, 3),
    }
