"""Stops a training whose loss is no longer finite."""

import math
from collections.abc import Mapping

import keras

from keras_vae.errors import TrainingDiverged


def check_finite(model: keras.Model, logs: Mapping[str, float], step: int, epoch: int) -> None:
    """Checks losses that Keras reports during training.

    Args:
        model: the model in training.
        logs: losses by name.
        step: optimizer steps so far.
        epoch: the epoch, from 0.

    Raises:
        TrainingDiverged: if one is NaN or infinite.
    """
    for name, value in logs.items():
        if not math.isfinite(value):
            rate = float(model.optimizer.learning_rate)  # non-finite if it exceeds the range of float32
            smaller = f"learning rate below {rate:g}" if math.isfinite(rate) else "smaller learning rate"
            raise TrainingDiverged(
                f"The {name} became {value} at step {step} (epoch {epoch + 1}); training has stopped; try a "
                f"{smaller} or another likelihood."
            )


class DivergenceCheck(keras.callbacks.Callback):
    """Stops a training at a non-finite loss, in processes that write no checkpoints: at the step of the one that does.

    Every process receives the loss of the whole batch.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        step = self._epoch * self.params["steps"] + batch + 1
        check_finite(self.model, {"loss": logs["loss"]}, step, self._epoch)

    def on_epoch_end(self, epoch, logs=None):
        check_finite(self.model, logs, (epoch + 1) * self.params["steps"], epoch)
