"""Keeps a training in its run folder, so that a killed one ends as if it had never been interrupted."""

import math
import time
from datetime import timedelta

import keras
import numpy as np

from keras_vae._utils.progress import ProgressReporter
from keras_vae.callbacks import LatentRecorder, UnitMonitor
from keras_vae.diagnostics import UnitHistory
from keras_vae.errors import InputError, TrainingDiverged
from keras_vae.runs.folder import Run
from keras_vae.trajectory import Trajectory

FRAMES = tuple(f"trajectory/{name}" for name in ("steps", "epochs", "mean", "log_var"))  # one entry a frame
QUANTITIES = ("loss", "reconstruction", "kl", "penalty", "beta", "elbo")  # in the order they are written in


def in_order(logs: dict) -> dict:
    """Keras' logs in a reader's order; β belongs to the training alone."""
    keys = [*QUANTITIES, *(f"val_{key}" for key in QUANTITIES if key != "beta")]
    return {key: round(float(logs[key]), 5) for key in keys if key in logs}


class CheckpointCallback(keras.callbacks.Callback):
    """Ends every epoch with a row of history and a checkpoint, tells how far training has come, and refuses to keep
    a loss that is no number.

    A checkpoint holds all state: unlike Keras' own backup, with the seed generators' and the count of epochs, on
    which the order of the images depends.

    Args:
        run: where to keep it.
        recorder, monitor: what watches the training beside it; list them before this callback.
        progress: told how far training has come.
        epochs: planned.
        started: `time.monotonic()` of when the work began.
    """

    steps_between_calls = 0  # as many as the training likes

    def __init__(
        self,
        run: Run,
        recorder: LatentRecorder,
        monitor: UnitMonitor,
        progress: ProgressReporter,
        epochs: int,
        started: float,
    ):
        super().__init__()
        self.run, self.recorder, self.monitor = run, recorder, monitor
        self.progress, self.epochs = progress, epochs
        self.rows: list[dict] = []
        self._started = started
        self._seconds_before = 0.0
        self._kept = 0  # frames that are in the checkpoint

    @property
    def epochs_done(self) -> int:
        return len(self.rows)

    @property
    def seconds(self) -> float:
        """Of work in this process and in those that were killed before it, up to their last checkpoint."""
        return self._seconds_before + time.monotonic() - self._started

    def restore(self, model: keras.Model) -> None:
        """Takes up the last checkpoint, if there is one.

        Raises:
            InputError: if it is that of another model.
        """
        checkpoint = self.run.load_checkpoint()
        if checkpoint is None:
            return
        arrays, state = checkpoint
        variables = _variables(model)
        if [list(v.shape) for v in variables] != state["shapes"] or "units/steps" not in arrays:
            raise InputError(
                f"resume: expected the checkpoint of this model in {self.run.path}; it was made by another version of "
                "keras_vae or Keras, or on another backend; say --overwrite."
            )
        for i, variable in enumerate(variables):
            variable.assign(arrays[f"variable/{i}"])
        time = state["steps"], state["epoch"]
        self.recorder.resume_from(Trajectory(**_under("trajectory/", arrays)), *time)
        self._kept = len(self.recorder) if state.get("growth") else 0  # an earlier version kept all of it anew
        self.monitor.resume_from(UnitHistory(**_under("units/", arrays)), *time)
        self.rows, self._seconds_before = state["history"], state["seconds"]
        self.progress.message(f"Resuming after epoch {self.epochs_done}")

    def end_epoch(self, row: dict) -> None:
        """Writes the checkpoint and the history of the epochs up to this one."""
        self.rows.append(row)
        variables = _variables(self.model)
        arrays = {f"variable/{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
        # Of a long recording only what is new is written, or each epoch would write more than the one before. An epoch
        # may have no frame; what isn't one of a frame is written anyway.
        is_new = len(self.recorder) > self._kept
        recent = self.recorder.since(self._kept if is_new else -1)
        recorded = {f"trajectory/{name}": array for name, array in recent.arrays().items()}
        growth = {name: recorded.pop(name) for name in FRAMES if name in recorded}
        arrays |= recorded
        arrays |= {f"units/{name}": array for name, array in self.monitor.history.arrays().items()}
        state = {
            "epoch": self.epochs_done,
            "steps": self.epochs_done * self._steps_per_epoch,
            "history": self.rows,
            "seconds": self.seconds,
            "shapes": [list(v.shape) for v in variables],
        }
        self.run.save_checkpoint(arrays, state, growth if is_new else None)
        self._kept = len(self.recorder)
        self.run.write_history(self.rows)

    def seconds_of_epochs(self) -> np.ndarray:
        return np.array([row["seconds"] for row in self.rows])

    # -- Keras' calls --------------------------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        self._steps_per_epoch = self.params["steps"]
        self._training_began, self._epochs_before = time.perf_counter(), self.epochs_done
        total = self.epochs * self._steps_per_epoch
        self.progress.start("training", total, self.epochs_done * self._steps_per_epoch)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._began, self._trained = epoch, time.perf_counter(), None

    def on_train_batch_end(self, batch, logs=None):
        # Keras numbers an epoch's last, shorter execution as if it had been a whole one.
        step = self._epoch * self._steps_per_epoch + min(batch + 1, self._steps_per_epoch)
        self._stop_unless_finite({"loss": logs["loss"]}, step)
        self.progress.advance(step, f"epoch {self._epoch + 1} · loss {logs['loss']:.1f}")

    def _stop_unless_finite(self, logs: dict, step: int) -> None:
        for name, value in logs.items():
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"The {name} became {value} at step {step} (epoch {self._epoch + 1}); training has stopped; try a "
                    f"learning rate below {float(self.model.optimizer.learning_rate):g} or another likelihood."
                )

    def on_test_begin(self, logs=None):
        self._trained = time.perf_counter() - self._began

    def on_epoch_end(self, epoch, logs=None):
        # A last step that diverged shows in the validation first.
        self._stop_unless_finite(logs, (epoch + 1) * self._steps_per_epoch)
        seconds = self._trained or time.perf_counter() - self._began
        self.end_epoch({"epoch": epoch + 1, **in_order(logs), "seconds": round(seconds, 4)})
        an_epoch = (time.perf_counter() - self._training_began) / (self.epochs_done - self._epochs_before)
        left = timedelta(seconds=round(an_epoch * (self.epochs - self.epochs_done)))
        self.progress.log(
            f"epoch {epoch + 1}/{self.epochs}  loss {logs['loss']:.2f}  test {logs['val_loss']:.2f}  {seconds:.1f} s  "
            f"left {left}"
        )

    def on_train_end(self, logs=None):
        self.progress.stop()


def _under(prefix: str, arrays: dict) -> dict:
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}


def _variables(model: keras.Model) -> list:
    return [*model.variables, *model.optimizer.variables]
