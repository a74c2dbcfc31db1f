"""Keras callback that writes checkpoints and history after every epoch; resuming is bit-exact."""

import time
from datetime import timedelta

import keras
import numpy as np

from keras_vae._utils import forms, interruption
from keras_vae._utils.progress import ProgressReporter
from keras_vae.callbacks import LatentRecorder, UnitMonitor
from keras_vae.diagnostics import UnitHistory
from keras_vae.errors import InputError
from keras_vae.runs import checkpoint
from keras_vae.runs.decoder_history import DecoderRecorder
from keras_vae.runs.divergence import check_finite
from keras_vae.runs.folder import Run
from keras_vae.runs.forms import TrainingState
from keras_vae.runs.history import ordered_losses
from keras_vae.trajectory import Trajectory

GROWING_ARRAYS = tuple(f"trajectory/{name}" for name in ("steps", "epochs", "mean", "log_var"))  # an entry per frame


class CheckpointCallback(keras.callbacks.Callback):
    """Writes a row of history and a checkpoint after every epoch, reports progress, and stops at a non-finite loss.

    A checkpoint holds the complete state: unlike Keras' `BackupAndRestore`, also that of the seed generators and the
    number of epochs, on which the order of the images depends.

    Args:
        run: the run to write to.
        recorder, monitor: callbacks whose state is part of the checkpoint; list them before this one.
        progress: receives messages and the number of steps.
        epochs: number of epochs of the whole training.
        started: `time.monotonic()` at the start of the run, in seconds.
        decoders: a further callback whose state is part of the checkpoint; list it before this one as well.
    """

    steps_between_calls = 0  # no bound: any number of steps may be executed at once

    def __init__(
        self,
        run: Run,
        recorder: LatentRecorder,
        monitor: UnitMonitor,
        progress: ProgressReporter,
        epochs: int,
        started: float,
        decoders: DecoderRecorder | None = None,
    ):
        super().__init__()
        self.run, self.recorder, self.monitor = run, recorder, monitor
        self.decoders = decoders or DecoderRecorder()
        self.progress, self.epochs = progress, epochs
        self.rows: list[dict] = []
        self._started = started
        self._seconds_before = 0.0
        self._n_saved = 0  # frames in the checkpoint
        self._n_decoders_saved = 0

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """The recorders and this callback, in the order in which Keras has to call them."""
        return [self.recorder, self.monitor, self.decoders, self]

    @property
    def epochs_done(self) -> int:
        """Number of epochs with a checkpoint."""
        return len(self.rows)

    @property
    def seconds(self) -> float:
        """Seconds of work in this process and, up to their last checkpoint, in earlier interrupted processes."""
        return self._seconds_before + time.monotonic() - self._started

    def restore(self, model: keras.Model) -> list[np.ndarray] | None:
        """Restores recorders and history from the last checkpoint, if there is one.

        Args:
            model: the model that the checkpoint has to fit.

        Returns:
            The values of `variables_of(model)`; None without a checkpoint.

        Raises:
            InputError: if the checkpoint is damaged or belongs to another model.
        """
        saved = checkpoint.load(self.run.checkpoint_path)
        if saved is None:
            return None
        arrays, state = saved
        forms.check(state, TrainingState, self.run.checkpoint_path / checkpoint.STATE, checkpoint.ADVICE)
        variables = variables_of(model)
        if [list(v.shape) for v in variables] != state["shapes"] or "units/steps" not in arrays:
            raise InputError(
                f"resume: expected the checkpoint of this model in {self.run.path}; it was made by another version of "
                "keras_vae or Keras, or on another backend; set overwrite=True."
            )
        done = state["steps"], state["epoch"]
        self.recorder.resume_from(Trajectory(**_under("trajectory/", arrays)), *done)
        self._n_saved = len(self.recorder) if state.get("growth") else 0  # earlier versions saved all frames each time
        self.monitor.resume_from(UnitHistory(**_under("units/", arrays)), *done)
        self.decoders.resume_from(arrays)
        self._n_decoders_saved = len(self.decoders)
        self.rows, self._seconds_before = state["history"], state["seconds"]
        self.run.write_history(self.rows)  # the process may have been killed between checkpoint and history
        self.progress.message(f"Resuming after epoch {self.epochs_done}")
        return [arrays[f"variable/{i}"] for i in range(len(variables))]

    def end_epoch(self, row: dict) -> None:
        """Adds a row to the history, and writes checkpoint and history."""
        rows = [*self.rows, row]
        variables = variables_of(self.model)
        arrays = {f"variable/{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
        # Only new frames are written, otherwise each epoch would write more than the one before. An epoch may have no
        # frame; the arrays that all frames share (labels, images, units) are written in any case.
        is_new = len(self.recorder) > self._n_saved
        recent = self.recorder.since(self._n_saved if is_new else -1)
        recorded = {f"trajectory/{name}": array for name, array in recent.arrays().items()}
        growth = {name: recorded.pop(name)[: None if is_new else 0] for name in GROWING_ARRAYS if name in recorded}
        growth |= self.decoders.since(self._n_decoders_saved)
        is_new |= len(self.decoders) > self._n_decoders_saved
        arrays |= recorded
        arrays |= {f"units/{name}": array for name, array in self.monitor.history.arrays().items()}
        state = {
            "epoch": len(rows),
            "steps": len(rows) * self._steps_per_epoch,
            "history": rows,
            "seconds": self.seconds,
            "shapes": [list(v.shape) for v in variables],
        }
        checkpoint.save(self.run.checkpoint_path, arrays, state, growth if is_new else None, check=self.run.check_lock)
        self.rows, self._n_saved = rows, len(self.recorder)  # counted only once the checkpoint is written
        self._n_decoders_saved = len(self.decoders)
        self.run.write_history(rows)

    def seconds_of_epochs(self) -> np.ndarray:
        """Seconds of each epoch without validation, `(epochs,)`."""
        return np.array([row["seconds"] for row in self.rows])

    # -- called by Keras -----------------------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        self._steps_per_epoch = self.params["steps"]
        self._training_began, self._epochs_before = time.perf_counter(), self.epochs_done
        total = self.epochs * self._steps_per_epoch
        self.progress.start("", total, self.epochs_done * self._steps_per_epoch)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._epoch_began, self._trained = epoch, time.perf_counter(), None

    def on_train_batch_end(self, batch, logs=None):
        # Keras numbers the last, shorter execution of an epoch as if it were a full one.
        interruption.raise_if_received()
        self.run.check_lock()  # a deleted folder stops the training at once, not at its next checkpoint
        step = self._epoch * self._steps_per_epoch + min(batch + 1, self._steps_per_epoch)
        check_finite(self.model, {"loss": logs["loss"]}, step, self._epoch)
        self.progress.advance(step, f"epoch {self._epoch + 1} · {_losses(logs, 1, ' · ')}")

    def on_test_begin(self, logs=None):
        self._trained = time.perf_counter() - self._epoch_began

    def on_epoch_end(self, epoch, logs=None):
        # A divergence in an epoch's last step is visible only in the validation losses.
        check_finite(self.model, logs, (epoch + 1) * self._steps_per_epoch, epoch)
        seconds = self._trained or time.perf_counter() - self._epoch_began
        self.end_epoch({"epoch": epoch + 1, **ordered_losses(logs), "seconds": round(seconds, 4)})
        self.progress.end_epoch(self.rows[-1])
        seconds_per_epoch = (time.perf_counter() - self._training_began) / (self.epochs_done - self._epochs_before)
        left = timedelta(seconds=round(seconds_per_epoch * (self.epochs - self.epochs_done)))
        self.progress.log(
            f"epoch {epoch + 1}/{self.epochs}  {_losses(logs, 2, '  ')}  test {logs['val_loss']:.2f}  {seconds:.1f} s  "
            f"left {left}"
        )

    def on_train_end(self, logs=None):
        self.progress.stop()


def _losses(logs: dict, digits: int, separator: str) -> str:
    """The loss, and the KL or the penalty in its place, as text."""
    shown = {"loss": "loss", "kl": "KL", "penalty": "penalty"}
    return separator.join(f"{label} {logs[key]:.{digits}f}" for key, label in shown.items() if key in logs)


def _under(prefix: str, arrays: dict) -> dict:
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """All variables of a model in training: weights, states of seed generators and metrics, and of the optimizer."""
    return [*model.variables, *model.optimizer.variables]
