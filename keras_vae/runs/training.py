"""Reproducible, resumable training of a VAE into a run folder."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_vae import objectives, priors
from keras_vae._utils import keras_import, memory
from keras_vae._utils.formatting import count
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset
from keras_vae.errors import InputError, WriteError
from keras_vae.runs import checkpoint as checkpoint_files
from keras_vae.runs import devices as several_devices
from keras_vae.runs import final_files, provenance, recording, training_inputs
from keras_vae.runs.config import Config
from keras_vae.runs.devices import Devices
from keras_vae.runs.folder import Run
from keras_vae.runs.training_inputs import TrainingInputs

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
    devices: str | int | None = None,
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
        data: the data set named by `config.dataset`, if already loaded, with the options `config.data_options`.
        devices: on JAX, the number of devices among which each batch is divided, or `"all"`; they change results by
            rounding only. After `keras.distribution.initialize`, the devices of all processes together; process 0
            writes the folder, and the others need not see it.

    Returns:
        The finished run.

    Raises:
        InputError: before anything is written, if configuration, data, folder or devices are not usable.
        TrainingDiverged: if the loss becomes NaN or infinite; the last checkpoint is kept.
        WriteError: if a file can't be written, or the folder is deleted or replaced during training.
        ConnectionError: if another process of the same training has ended.

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
    used = several_devices.choose(devices)
    run, progress = Run(folder), progress or ProgressReporter(quiet or not used.writes)
    with used.member():
        with used.same_outcome():
            inputs = training_inputs.checked(config, run, overwrite, resume, data, progress, used)
        config = inputs.config
        used.check_same(
            config=config.model_dump(exclude={"dataset"}), data=inputs.data.digest, resume=resume, devices=used.names
        )
        if resume and used.of_writer(run.finished):
            return _finished_before(run, progress, used)
        if resume and used.writes and not run.is_run():
            progress.message(f"There is no run in {run.path} to resume: a new training begins.")
        epochs = count(config.epochs, "epoch")
        progress.message(f"Training {config.architecture} on {config.dataset}, {epochs}, into {run.path}")
        with used.same_outcome():
            _check_backend(run, resume, used)
        with _locked(run, used):
            if resume and used.of_writer(run.finished):  # by a process that held the lock until now
                return run
            checkpoint = _new_checkpoint(run, inputs, progress, started) if used.writes else None
            _train(run, inputs, checkpoint, overwrite, used)
    return run


@contextlib.contextmanager
def _locked(run: Run, used: Devices) -> Iterator[None]:
    """Context in which process 0 holds the lock of the run."""
    with contextlib.ExitStack() as stack:
        with used.same_outcome():
            if used.writes:
                stack.enter_context(run.lock())
        yield


def _finished_before(run: Run, progress: ProgressReporter, used: Devices) -> Run:
    """Deletes the checkpoint that a process leaves if it is killed after it has finished the run; returns the run."""
    if used.writes and os.path.lexists(run.checkpoint_path):
        with run.lock():
            if run.finished:  # no other process has begun to replace the run
                checkpoint_files.remove(run.checkpoint_path)
    progress.message(f"{run.path} is finished already.")
    return run


def _check_backend(run: Run, resume: bool, used: Devices) -> None:
    """Imports Keras, so that an unknown backend is an error before the folder is created, and compares backends."""
    backend = keras_import.import_keras().backend.backend()
    if used.writes and resume and run.is_run() and run.config["backend"] != backend:
        raise InputError(
            f"resume: expected the backend of the run in {run.path}, {run.config['backend']}; received {backend}; set "
            "KERAS_BACKEND, or set overwrite=True."
        )


def _train(
    run: Run, inputs: TrainingInputs, checkpoint: "CheckpointCallback | None", overwrite: bool, used: Devices
) -> None:
    """Trains into a locked folder; a process without a checkpoint takes part in the steps alone."""
    from keras_vae.runs.divergence import DivergenceCheck

    values = None
    with used.scope():
        with used.same_outcome():
            vae = _build(inputs)
        with used.same_outcome():
            if checkpoint is not None:
                if overwrite:
                    run.clear()
                values = checkpoint.restore(vae)
                _describe(run, vae, inputs, checkpoint.progress, used)
        _restore(vae, values, used)
        epochs_done = used.of_writer(None if checkpoint is None else checkpoint.epochs_done)
        with _interruption_reported(checkpoint):
            _fit(vae, inputs, [DivergenceCheck()] if checkpoint is None else checkpoint.callbacks, epochs_done)
    with used.same_outcome():
        if checkpoint is not None:
            with _interruption_reported(checkpoint):
                _evaluate_and_write(run, _on_one_device(vae, inputs, used), inputs, checkpoint)


def _build(inputs: TrainingInputs) -> "VAE":
    """Builds and compiles the model with its optimizer's variables, which a checkpoint restores."""
    keras = keras_import.import_keras()
    from keras_vae.networks import builders

    config = inputs.config
    vae = builders.build(
        config.network,
        inputs.data.image_shape,
        config.posterior,
        config.likelihood,
        config.beta,
        config.seed,
        normalization=config.normalization,
        activation=config.activation,
        objective=objectives.parse(config.objective, images=len(inputs.data.train)),
        prior=priors.parse(config.prior),
    )
    vae.prior.start_from(inputs.data.train, config.seed)
    vae.compile(keras.optimizers.Adam(config.learning_rate), jit_compile=config.jit_compile)
    vae.optimizer.build(vae.trainable_variables)
    return vae


def _new_checkpoint(
    run: Run, inputs: TrainingInputs, progress: ProgressReporter, started: float
) -> "CheckpointCallback":
    """The callback that writes checkpoints, with the recorders."""
    from keras_vae.callbacks import LatentRecorder, UnitMonitor
    from keras_vae.runs.checkpoint_callback import CheckpointCallback
    from keras_vae.runs.decoder_history import DecoderRecorder

    config, data, plan = inputs.config, inputs.data, inputs.plan
    labels = None if data.y_test is None else data.y_test[plan.probes]
    probes = data.test[plan.probes]
    recorder = LatentRecorder(probes, labels, plan.frame_steps, plan.units, first_steps=plan.first_steps)
    monitored = data.test[: memory.images_that_fit(config.n_units, MAX_MONITORED_IMAGES)]
    monitor = UnitMonitor(monitored, plan.measurement_steps)
    return CheckpointCallback(run, recorder, monitor, progress, config.epochs, started, DecoderRecorder())


def _restore(vae: "VAE", values: list[np.ndarray] | None, used: Devices) -> None:
    """Assigns the values of the checkpoint that process 0 has read, if any, in all processes."""
    from keras_vae.runs.checkpoint_callback import variables_of

    if not used.of_writer(values is not None):
        return
    if values is None:
        values = [keras_import.import_keras().ops.convert_to_numpy(variable) for variable in variables_of(vae)]
    for variable, value in zip(variables_of(vae), used.arrays_of_writer(values), strict=True):
        variable.assign(value)


def _describe(run: Run, vae: "VAE", inputs: TrainingInputs, progress: ProgressReporter, used: Devices) -> None:
    """Writes config.json and reports how a resumed run's environment has changed."""
    description = provenance.describe(inputs.config, inputs.data, vae, run.path, used)
    if run.is_run():
        provenance.report_differences(run.config, description, progress)
    run.write_json("config.json", description)


def _on_one_device(vae: "VAE", inputs: TrainingInputs, used: Devices) -> "VAE":
    """The trained model on one device, where it needs no other process."""
    if not used.names:
        return vae
    from keras_vae.runs.checkpoint_callback import variables_of

    copy = _build(inputs)
    for variable, trained in zip(variables_of(copy), variables_of(vae), strict=True):
        variable.assign(keras_import.import_keras().ops.convert_to_numpy(trained))
    return copy


@contextlib.contextmanager
def _interruption_reported(checkpoint: "CheckpointCallback | None") -> Iterator[None]:
    """Context that removes the bar at its end and reports where a resumed training will continue."""
    if checkpoint is None:
        yield
        return
    progress = checkpoint.progress
    try:
        yield
    except (KeyboardInterrupt, WriteError) as error:
        progress.stop()
        _report_interruption(error, checkpoint.epochs_done, progress)
        raise
    finally:
        progress.stop()


def _evaluate_and_write(run: Run, vae: "VAE", inputs: TrainingInputs, checkpoint: "CheckpointCallback") -> None:
    """Writes the files of a finished run."""
    config, monitor = inputs.config, checkpoint.monitor
    checkpoint.progress.message("Evaluating")
    trajectory, first_steps = recording.split(checkpoint.recorder.trajectory, inputs.plan)
    run.write_arrays("trajectory", **recording.kept(trajectory).arrays())
    if first_steps is not None:
        run.write_arrays("first_steps", **first_steps.arrays())
    run.write_arrays("unit_history", **monitor.history.arrays())
    epochs, seconds = checkpoint.epochs_done, _seconds(checkpoint)
    final_files.write(run, vae, inputs.data, config.seed, config.record_per_label, epochs, seconds, checkpoint.decoders)


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


def _fit(vae: "VAE", inputs: TrainingInputs, callbacks: list, epochs_done: int) -> None:
    from keras_vae.callbacks import BetaWarmup

    config = inputs.config
    if config.warmup:
        callbacks = [*callbacks, BetaWarmup(config.warmup, config.warmup_shape)]
    if epochs_done < config.epochs:
        vae.fit(
            inputs.images,
            batch_size=config.batch_size,
            epochs=config.epochs,
            initial_epoch=epochs_done,
            validation_data=inputs.data.test,
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
