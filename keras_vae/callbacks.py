"""Callbacks for anybody's Keras training: record a latent space, measure its units, let β rise."""

import warnings

import keras
import numpy as np

from keras_vae.diagnostics import UnitHistory, UnitStatistics, units
from keras_vae.errors import InputError
from keras_vae.layers import BetaSchedule
from keras_vae.trajectory import Trajectory

LARGEST_RECORDING = 10**9  # bytes


class _Watcher(keras.callbacks.Callback):
    """Looks at the encodings of fixed images every so many steps of a training; what it keeps its subclasses say.

    The untrained state is the first frame, the state at the end of training the last. On Keras' own step with
    `steps_per_execution` above 1 a frame is taken at the end of the execution that reaches the step, and carries the
    step it really shows. A second `fit` goes on where the first ended.

    Args:
        x: the images, `(n, …)`.
        every: optimizer steps between frames; None for one at the end of every epoch.
        encoder: a Keras model that puts out `[mean, log_var]`, or the mean alone; default `model.encoder`.
    """

    def __init__(self, x, every: int | None, encoder: keras.Model | None = None):
        super().__init__()
        self.x = np.asarray(x)
        if not len(self.x):
            raise InputError("x: expected at least one image to follow; received none.")
        if every is not None and (not float(every).is_integer() or every < 1):
            raise InputError(f"every: expected a whole number of steps above 0; received {every!r}.")
        self.every = None if every is None else int(every)
        self.steps_between_calls = self.every or 0
        self._encoder = encoder
        self._steps: list[int] = []
        self._epochs: list[float] = []
        self._step = 0  # optimizer steps seen by this callback
        self._next = 0  # the step at which the next frame is due
        self._epochs_done = 0.0
        self._in_epoch = False

    def _keep(self, mean: np.ndarray, log_var: np.ndarray | None) -> None:
        """Keeps a frame: means `(n, units)` and log variances `(n, units)`, `(n, 1)` or None."""
        raise NotImplementedError

    def _go_on_from(self, steps: np.ndarray, epochs: np.ndarray, step: int, epoch: float) -> None:
        """After frames at `steps` and `epochs`, `step` optimizer steps and `epoch` whole epochs."""
        self._steps, self._epochs = steps.tolist(), epochs.tolist()
        self._step, self._epochs_done = step, epoch
        self._next = self._following(self._steps[-1])

    def _following(self, step: int) -> float:
        """The step at which a frame is due after one at `step`."""
        return (step // self.every + 1) * self.every if self.every else float("inf")

    def on_train_begin(self, logs=None):
        encoder = self._encoder or getattr(self.model, "encoder", None)
        if encoder is None:
            raise InputError(
                f"{type(self).__name__}: expected a model with an encoder; received one without; hand it in as "
                "encoder=."
            )
        self._encode = _compiled_encoder(encoder, self.x)
        if self._in_epoch:  # an earlier fit was interrupted: time goes on from there
            self._epochs_done += (self._step - self._epoch_start) / (self._length or 1)
            self._in_epoch = False
        if not self._steps:
            self._record(0.0)
            self._next = self._following(0)

    def on_epoch_begin(self, epoch, logs=None):
        self._in_epoch = True
        self._epoch_start = self._step
        self._first_open_frame = len(self._epochs)
        self._length = (self.params or {}).get("steps")
        if not self._length:
            self._iterations = int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        # Keras numbers an epoch's last, shorter execution as if it had been a whole one.
        self._reach(min(batch + 1, self._length or batch + 1))

    def watches(self, model: keras.Model) -> bool:
        """Whether it looks, every so many steps, at the encodings of the model in training itself."""
        return self.every is not None and self._encoder in (None, getattr(model, "encoder", None))

    def due_between(self, first: int, last: int) -> list[int]:
        """Steps of this epoch, after `first` and before `last`, at which a frame is due."""
        return list(range(max(self._next - self._epoch_start, first + 1), last, self.every))

    def take(self, done: int, mean: np.ndarray, log_var: np.ndarray | None = None) -> None:
        """What was seen after `done` steps of this epoch, within an execution of many: see `stepping`."""
        self._reach(done, mean, log_var)

    def _reach(self, done: int, *encoding: np.ndarray | None) -> None:
        """After `done` steps of this epoch: keeps a frame if one is due."""
        self._step = self._epoch_start + done
        if self._step >= self._next:
            self._record(self._fractional_epoch(done, self._length), *encoding)
            self._next = self._following(self._step)

    def on_epoch_end(self, epoch, logs=None):
        if not self._length:  # only now is the length of such an epoch known
            length = self._step - self._epoch_start
            if self.model.steps_per_execution > 1:  # the last one may have been shorter
                length = int(self.model.optimizer.iterations) - self._iterations
            self._step = self._epoch_start + length
            for i in range(self._first_open_frame, len(self._epochs)):
                self._steps[i] = min(self._steps[i], self._step)
                self._epochs[i] = self._fractional_epoch(self._steps[i] - self._epoch_start, length)
        self._epochs_done += 1
        self._in_epoch = False
        if not self.every or epoch + 1 == self.params.get("epochs"):
            self._record_the_end()

    def on_train_end(self, logs=None):
        self._record_the_end()  # of a training that was stopped early

    def _record_the_end(self) -> None:
        if self._step > self._steps[-1]:
            self._record(self._epochs_done)

    def _fractional_epoch(self, steps: int, length: int | None) -> float:
        return self._epochs_done + (steps / length if length else 0.0)

    def _record(self, epoch: float, *encoding: np.ndarray | None) -> None:
        self._keep(*(encoding or self._encode(self.model)))
        self._steps.append(self._step)
        self._epochs.append(epoch)


class LatentRecorder(_Watcher):
    """Records mean and log variance of fixed images' posteriors while a model trains.

    The untrained state is the first frame, the state at the end of training the last. Where many steps are taken in
    one call (see `stepping`) the frames between are recorded within it. On Keras' own step with `steps_per_execution`
    above 1 a frame is taken at the end of the execution that reaches the step, and carries the step it really shows.
    A second `fit` goes on where the first ended.

    Args:
        x: the images to follow, `(points, …)`.
        y: their labels, `(points,)`, or None.
        every: optimizer steps between frames.
        units: the latent units to record; default all.
        encoder: a Keras model that puts out `[mean, log_var]`, or the mean alone; default `model.encoder`.

    Attributes:
        trajectory: what was recorded so far, a `Trajectory`.

    Raises:
        InputError: if an argument is out of range or the recording would exceed 1 GB.
    """

    def __init__(self, x, y=None, every: int = 5, units=None, encoder: keras.Model | None = None):
        super().__init__(x, every, encoder)
        self.y = None if y is None else np.asarray(y).reshape(-1)
        if self.y is not None and len(self.y) != len(self.x):
            raise InputError(f"y: expected a label for each of {len(self.x)} images; received {len(self.y)}.")
        self.units = None if units is None else np.asarray(units, "int64").reshape(-1)
        if self.units is not None and not len(self.units):
            raise InputError("units: expected at least one latent unit to record; received none.")
        self._means: list[np.ndarray] = []
        self._log_vars: list[np.ndarray] = []

    @property
    def trajectory(self) -> Trajectory:
        return self.since(0)

    def since(self, first: int) -> Trajectory:
        """What was recorded from frame `first` on (a negative one counts from the end)."""
        if not self._means[first:]:
            raise InputError("trajectory: expected a recording; there is none yet; pass the recorder to fit first.")
        return Trajectory(
            steps=np.array(self._steps[first:], "int64"),
            epochs=np.array(self._epochs[first:]),
            mean=np.stack(self._means[first:]),
            log_var=np.stack(self._log_vars[first:]) if self._log_vars else None,
            labels=self.y,
            images=self.x,
            units=self.units,
        )

    def __len__(self) -> int:
        """Frames recorded so far."""
        return len(self._means)

    def resume_from(self, trajectory: Trajectory, step: int, epoch: int) -> None:
        """Goes on from a recording that ended after `step` optimizer steps and `epoch` whole epochs."""
        self._go_on_from(trajectory.steps, trajectory.epochs, step, epoch)
        self.units = trajectory.units  # what was recorded so far goes on being recorded
        self._means = list(trajectory.mean)
        self._log_vars = [] if trajectory.log_var is None else list(trajectory.log_var)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self._is_first_epoch:  # only now is it known how many are to come
            frames = (self.params.get("epochs", 0) - epoch) * (self._length or 0) // self.every
            self._refuse_too_much(len(self._means) + frames)
        self._is_first_epoch = False

    def _keep(self, mean, log_var):
        chosen = slice(None) if self.units is None else self.units
        if self.units is not None and not (self.units.min() >= 0 and self.units.max() < mean.shape[1]):
            raise InputError(
                f"units: expected numbers from 0 to {mean.shape[1] - 1}, the model's latent units; received "
                f"{self.units.tolist()}."
            )
        self._means.append(mean[:, chosen].astype("float32"))
        if log_var is not None:
            # An isotropic posterior's one variance stands for every unit.
            self._log_vars.append(np.broadcast_to(log_var, mean.shape)[:, chosen].astype("float32"))
        self._refuse_too_much(len(self._means))

    def _refuse_too_much(self, frames: int) -> None:
        """Asked before the first step, where the number of steps is known, and at every frame, where it isn't."""
        points, units = self._means[0].shape
        size = frames * points * units * 2 * 4
        if size > LARGEST_RECORDING:
            raise InputError(
                f"LatentRecorder: expected a recording under {LARGEST_RECORDING / 1e9:g} GB; {frames} frames of "
                f"{points} images and {units} units take {size / 1e9:.1f} GB; choose fewer units=, fewer images or a "
                "larger every=."
            )


class UnitMonitor(_Watcher):
    """Measures every latent unit while a model trains: which are active, and when one dies.

    Args:
        x: the images to measure on, `(n, …)`; a few thousand are enough.
        every: optimizer steps between measurements; default one at the end of every epoch.
        encoder: a Keras model that puts out `[mean, log_var]`, or the mean alone; default `model.encoder`.

    Attributes:
        history: what was measured so far, a `diagnostics.UnitHistory`, the untrained model first.
    """

    def __init__(self, x, every: int | None = None, encoder: keras.Model | None = None):
        super().__init__(x, every, encoder)
        self._statistics: list[UnitStatistics] = []

    @property
    def history(self) -> UnitHistory:
        if not self._statistics:
            raise InputError("history: expected measurements; there are none yet; pass the monitor to fit first.")
        columns = {
            name: np.stack([getattr(frame, name) for frame in self._statistics])
            for name in ("kl", "var_mean", "mean_var")
            if getattr(self._statistics[0], name) is not None
        }
        return UnitHistory(np.array(self._steps, "int64"), np.array(self._epochs), **columns)

    def resume_from(self, history: UnitHistory, step: int, epoch: int) -> None:
        """Goes on from a history that ended after `step` optimizer steps and `epoch` whole epochs."""
        self._go_on_from(history.steps, history.epochs, step, epoch)
        self._statistics = history.frames()

    def _keep(self, mean, log_var):
        self._statistics.append(units(mean, log_var))


def _compiled_encoder(encoder: keras.Model, x: np.ndarray):
    """A function of the model in training that gives numpy (mean, log_var) of `x`, units flattened."""

    if keras.backend.backend() == "tensorflow":
        from keras_vae.fast_fit.tensorflow import compiled_encoder

        run = compiled_encoder(encoder, x)
    else:

        def run():
            return encoder.predict_on_batch(x)

    def encode(model):
        # On JAX the weights live outside the model while it trains.
        if hasattr(model, "jax_state_sync") and not getattr(model, "_jax_state_synced", True):
            model.jax_state_sync()
        outputs = run()
        if isinstance(outputs, dict):
            outputs = [outputs[key] for key in ("mean", "log_var") if key in outputs]
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        flat = [keras.ops.convert_to_numpy(output).reshape(len(x), -1) for output in outputs]
        return flat[0], flat[1] if len(flat) > 1 else None

    return encode


class BetaWarmup(keras.callbacks.Callback):
    """Lets β rise from 0 to its full value over the first epochs of a model's training.

    β(t) = β · ramp(t / steps), the ramp linear or half a cosine (Bowman et al. 2016; Sønderby et al. 2016).
    It is computed in the graph from the model's own count of training steps (see `layers.BetaSchedule`), so it
    rises within an execution of many steps, a compiled step obeys it, and a training that goes on in a second
    `fit` or after a restart doesn't begin it anew.

    Works on a `VAE` and on any model that holds `KLDivergence` layers.

    Args:
        epochs: length of the rise in epochs, fractions allowed.
        shape: `linear` or `cosine`.
        steps: its length in training steps, instead of `epochs`.

    Raises:
        InputError: for a length that isn't above 0 or isn't known, an unknown shape, or a model without β.
    """

    def __init__(self, epochs: float | None = None, shape: str = "linear", steps: int | None = None):
        super().__init__()
        length = epochs if steps is None else steps
        if (epochs is None) == (steps is None) or not 0 < length < float("inf"):
            raise InputError(
                f"BetaWarmup: expected epochs or steps, above 0; received epochs={epochs!r}, steps={steps!r}."
            )
        if shape not in BetaSchedule.SHAPES:
            raise InputError(f"shape: expected one of {', '.join(BetaSchedule.SHAPES)}; received {shape!r}.")
        self.epochs, self.shape, self.steps = epochs, shape, steps

    def on_train_begin(self, logs=None):
        schedules = _beta_schedules(self.model)
        if not schedules:
            raise InputError(
                "BetaWarmup: expected a VAE or a model with a KLDivergence layer; received one without either."
            )
        steps_per_epoch = self.params.get("steps")
        if self.steps is None and not steps_per_epoch:
            raise InputError(
                "BetaWarmup: expected an epoch of known length to count epochs; the data has none; give steps= instead."
            )
        steps = self.steps or self.epochs * steps_per_epoch
        if steps_per_epoch and steps > self.params["epochs"] * steps_per_epoch:
            warnings.warn(
                f"BetaWarmup takes {steps:g} steps, longer than the training of "
                f"{self.params['epochs'] * steps_per_epoch}: β will not reach its full value.",
                stacklevel=2,
            )
        for schedule in schedules:
            schedule.warm_up(steps, self.shape)


def _beta_schedules(model: keras.Model) -> list[BetaSchedule]:
    found = {}
    layers = [model]
    while layers:
        layer = layers.pop()
        schedule = getattr(layer, "beta_schedule", None)
        if isinstance(schedule, BetaSchedule):
            found[id(schedule)] = schedule
        layers.extend(getattr(layer, "layers", []))
    return list(found.values())
