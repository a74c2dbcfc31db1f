"""Callbacks for the training of Keras models: recording of encodings, statistics of latent units, warm-up of β."""

import math
import warnings
from typing import Any

import keras
import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.formatting import count
from keras_vae.diagnostics import UnitHistory, UnitStatistics
from keras_vae.diagnostics.unit_statistics import unchecked_units
from keras_vae.encoding_frames import EncodingFrames, point_labels
from keras_vae.errors import InputError
from keras_vae.fast_fit import image_shapes
from keras_vae.fast_fit.functions import encoder_of_images
from keras_vae.fast_fit.keras_internals import steps_per_execution
from keras_vae.layers import BetaSchedule
from keras_vae.trajectory import Trajectory


class _EncodingObserver(keras.callbacks.Callback):
    """Base class of callbacks that encode fixed images every n training steps: a `fast_fit.observers.StepObserver`.

    Subclasses define `_keep` and `_cut`. The state before the first step is the first frame, the state at the end of
    training the last. On Keras' own step with `steps_per_execution` above 1 a frame is recorded at the end of the
    execution that reaches the step, and carries the step that it shows. A second `fit` continues where the first ended.
    The first frame has the epoch that Keras reports, which is above 0 after `BackupAndRestore` or with `initial_epoch`;
    frames later than the state that a callback has restored are discarded.

    Args:
        x: the images to encode, `(n, …)`; for an encoder of several inputs a list or dictionary of arrays.
        every: optimizer steps between frames; None for one at the end of every epoch.
        encoder: a Keras model that outputs `[mean, log_var]`, or the mean alone; default `model.encoder`.
        first_steps: a frame after each of so many first steps as well.
    """

    def __init__(self, x, every: int | None, encoder: keras.Model | None = None, first_steps: int = 0):
        super().__init__()
        if encoder is not None and not isinstance(encoder, keras.Model):
            raise InputError(f"encoder: expected a Keras model; received {type(encoder).__name__}.")
        self.x = _as_inputs(x, encoder)
        self.every = None if every is None else checks.whole("every", every)
        self.first_steps = checks.whole("first_steps", first_steps, low=0)
        self.steps_between_calls = 1 if self.first_steps else self.every or 0
        self._encoder = encoder
        self._steps: list[int] = []
        self._epochs: list[float] = []
        self._step = 0  # optimizer steps counted by this callback
        self._next = 0.0  # the step at which the next frame is due, or infinity
        self._epochs_done = 0.0
        self._in_epoch = False
        self._epoch_start = 0  # the step at which the epoch began
        self._length: int | None = None  # steps of an epoch, if known
        self._last_length = 0  # steps of the last complete epoch
        self._iterations = 0  # of the optimizer, when the last epoch began
        self._step_of_epoch: dict[float, int] = {}  # at which it began

    def __repr__(self) -> str:
        items, frames = len(keras.tree.flatten(self.x)[0]), len(self._steps)
        return f"{type(self).__name__}({count(items, 'item')}, {count(frames, 'frame')})"

    def _keep(self, mean: np.ndarray, log_var: np.ndarray | None) -> None:
        """Stores a frame: means `(n, units)` and log variances `(n, units)`, `(n, 1)` or None."""
        raise NotImplementedError

    def _cut(self, frames: int) -> None:
        """Discards the frames after the first `frames`."""
        del self._steps[frames:], self._epochs[frames:]

    def _continue_from(self, steps: np.ndarray, epochs: np.ndarray, step: int, epoch: float) -> None:
        """Restores the state after frames at `steps` and `epochs`, `step` optimizer steps and `epoch` whole epochs."""
        self._steps, self._epochs = steps.tolist(), epochs.tolist()
        self._step, self._epochs_done = step, epoch
        self._next = self._following(self._steps[-1])

    def _following(self, step: int) -> float:
        """The step at which a frame is due after one at `step`."""
        if step < self.first_steps:
            return step + 1
        return (step // self.every + 1) * self.every if self.every else float("inf")

    def on_train_begin(self, logs=None):
        encoder = self._encoder or getattr(self.model, "encoder", None)
        if encoder is None:
            raise InputError(
                f"{type(self).__name__}: expected a model with an encoder; received one without; pass it as encoder=."
            )
        image_shapes.check_inputs("x", self.x, encoder)
        self._encode = encoder_of_images(encoder, self.x)
        if self._in_epoch:  # an earlier fit was interrupted: count from there
            self._end_interrupted_epoch()
        self._is_first_epoch = True

    def _end_interrupted_epoch(self) -> None:
        """Counts the part of an epoch that was trained, of unknown length as a part of the last complete one.

        An epoch longer than that, or without one before it, counts as one.
        """
        steps = self._step - self._epoch_start
        length = self._length or max(self._last_length, steps, 1)
        if not self._length:
            self._date_open_frames(length)
        self._epochs_done += steps / length
        self._in_epoch = False

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = getattr(self.model, "optimizer", None)  # a custom `train_step` may have several, or none
        iterations = 0 if optimizer is None else int(optimizer.iterations)
        if self._is_first_epoch:  # only now have other callbacks restored the model
            self._begin(epoch, iterations)
        self._is_first_epoch = False
        self._in_epoch = True
        self._epoch_start, self._iterations = self._step, iterations
        self._step_of_epoch[self._epochs_done] = self._step
        self._first_open_frame = len(self._epochs)
        self._length = (self.params or {}).get("steps")

    def _begin(self, epoch: int, iterations: int) -> None:
        """Records the first frame, or returns to the state that another callback has restored.

        Args:
            epoch: the first epoch of this `fit`, as Keras reports it.
            iterations: steps of the optimizer.
        """
        if not self._steps:
            if epoch:  # the training began before this recording
                self._step, self._epochs_done = iterations, float(epoch)
            self._record(self._epochs_done)
        elif 0 < epoch < self._epochs_done and iterations <= self._iterations and epoch in self._step_of_epoch:
            self._step, self._epochs_done = self._step_of_epoch[epoch], float(epoch)
            self._cut(int(np.searchsorted(self._steps, self._step, side="right")))
        else:
            return
        self._next = self._following(self._step)

    def on_train_batch_end(self, batch, logs=None):
        # Keras numbers an epoch's last, shorter execution as if it were a full one.
        self._reach(min(batch + 1, self._length or batch + 1))

    def observes(self, model: keras.Model) -> bool:
        """Whether this callback observes the encoder of the model in training, every n steps."""
        is_one_array = isinstance(self.x, np.ndarray)
        is_within_epochs = self.every is not None or self.first_steps > 0
        return is_one_array and is_within_epochs and self._encoder in (None, getattr(model, "encoder", None))

    def due_between(self, first: int, last: int) -> list[int]:
        """Steps of this epoch, after `first` and before `last`, at which an observation is due."""
        step, end = max(self._next, self._epoch_start + first + 1), self._epoch_start + last
        due = []
        while step < end:
            due.append(int(step) - self._epoch_start)
            step = self._following(int(step))
        return due

    def max_observations(self, steps: int) -> int:
        """The largest number of observations that are due within a call of so many steps."""
        regular = math.ceil(steps / self.every) if self.every else 0
        return min(steps, regular + self.first_steps)

    def observe(self, step: int, mean: np.ndarray, log_var: np.ndarray | None = None) -> None:
        """Receives the encodings after `step` steps of this epoch, from within a call of many steps."""
        self._reach(step, mean, log_var)

    def _reach(self, done: int, *encoding: np.ndarray | None) -> None:
        """Records a frame after `done` steps of this epoch, if one is due."""
        self._step = self._epoch_start + done
        if self._step >= self._next:
            self._record(self._fractional_epoch(done, self._length), *encoding)
            self._next = self._following(self._step)

    def on_epoch_end(self, epoch, logs=None):
        if not self._length:  # of unknown length: it is known only at the epoch's end
            length = self._step - self._epoch_start
            if steps_per_execution(self.model) > 1:  # the last execution may have been shorter
                length = int(self.model.optimizer.iterations) - self._iterations
            self._step = self._epoch_start + length
            self._date_open_frames(length)
        self._last_length = self._step - self._epoch_start
        self._epochs_done += 1
        self._in_epoch = False
        if not self.every or epoch + 1 == self.params.get("epochs"):
            self._record_end()

    def _date_open_frames(self, length: int) -> None:
        """Sets the epochs of the frames of an epoch whose length was unknown when they were recorded."""
        for i in range(self._first_open_frame, len(self._epochs)):
            self._steps[i] = min(self._steps[i], self._step)
            self._epochs[i] = self._fractional_epoch(self._steps[i] - self._epoch_start, length)

    def on_train_end(self, logs=None):
        if self._steps:  # a `fit` of no epochs has none
            self._record_end()  # if training was stopped early

    def _record_end(self) -> None:
        if self._step > self._steps[-1]:
            self._record(self._epochs_done)

    def _fractional_epoch(self, steps: int, length: int | None) -> float:
        return self._epochs_done + (steps / length if length else 0.0)

    def _record(self, epoch: float, *encoding: np.ndarray | None) -> None:
        self._keep(*(encoding or self._encode(self.model)))
        self._steps.append(self._step)
        self._epochs.append(epoch)


def _as_inputs(x: Any, encoder: keras.Model | None) -> Any:
    """The inputs of an encoder as arrays: one, or several in a list or dictionary as Keras takes them.

    Raises:
        InputError: if there is no image, a value is NaN or infinite, or the arrays have different lengths.
    """
    several = len(getattr(encoder, "inputs", None) or ()) > 1
    if encoder is None and isinstance(x, dict) and len(x) == 1:
        (x,) = x.values()
    if isinstance(x, dict):
        x = {name: _finite(f"x[{name!r}]", part) for name, part in x.items()}
    elif isinstance(x, (list, tuple)) and several:
        x = [_finite(f"x[{i}]", part) for i, part in enumerate(x)]
    else:
        x = _finite("x", x)
    lengths = {len(part) if part.size and part.ndim else 0 for part in keras.tree.flatten(x)}
    if len(lengths) > 1:
        raise InputError(f"x: expected inputs of one length; received lengths {sorted(lengths)}.")
    if not lengths or lengths == {0}:
        raise InputError("x: expected at least one image to observe; received none.")
    return x


def _finite(name: str, value: Any) -> np.ndarray:
    """An input as an array of its own dtype, without NaN and infinity."""
    found = checks.as_array(name, value)
    return checks.array(name, found, None, dtype=found.dtype) if found.size else found


def _images_of(x: Any) -> np.ndarray | None:
    """The images among the inputs of an encoder: the only input, or the first with height and width; None without."""
    if isinstance(x, np.ndarray):
        return x
    return next((part for part in keras.tree.flatten(x) if part.ndim >= 3), None)


class LatentRecorder(_EncodingObserver):
    """Records mean and log variance of q(z | x) for fixed images while a model trains.

    The state before the first step is the first frame, the state at the end of training the last. Where `fit` compiles
    many steps into one call, the frames between are recorded within it. On Keras' own step with `steps_per_execution`
    above 1 a frame is recorded at the end of the execution that reaches the step, and carries the step that it shows. A
    second `fit` continues where the first ended. After `BackupAndRestore`, or with `initial_epoch`, the first frame has
    the epoch that Keras reports and the optimizer's number of steps.

    Args:
        x: the images to record, `(points, …)`; for an encoder of several inputs a list or dictionary of arrays. The
            first with height and width are the images of the trajectory.
        y: their labels, `(points,)` whole numbers of 0 or more, or text, or None.
        every: optimizer steps between frames, at least 1; None for a frame at the end of every epoch.
        units: indices of the latent units to record; default all.
        encoder: a Keras model that outputs `[mean, log_var]`, or the mean alone; default `model.encoder`.
        first_steps: also record a frame after each of the first optimizer steps, so many of them: posteriors move
            farthest at the beginning. Default none.

    Attributes:
        trajectory: the frames recorded so far, a `Trajectory`.

    Raises:
        InputError: if an argument is out of range or the recording would exceed 1 GB.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.zeros((8, 4), "float32")
    >>> vae = kv.dense_vae("4-2", seed=0)
    >>> vae.compile("adam")
    >>> recorder = kv.LatentRecorder(x[:3], every=2)
    >>> history = vae.fit(x, batch_size=2, verbose=0, callbacks=[recorder])
    >>> recorder.trajectory.steps.tolist()
    [0, 2, 4]
    >>> recorder.trajectory.mean.shape
    (3, 3, 2)
    >>> recorder = kv.LatentRecorder(x[:3], every=4, first_steps=2)
    >>> history = vae.fit(x, batch_size=1, verbose=0, callbacks=[recorder])
    >>> recorder.trajectory.steps.tolist()
    [0, 1, 2, 4, 8]
    """

    def __init__(
        self,
        x,
        y=None,
        every: int | None = 5,
        units=None,
        encoder: keras.Model | None = None,
        first_steps: int = 0,
    ):
        super().__init__(x, every, encoder, first_steps)
        points = len(keras.tree.flatten(self.x)[0])
        self._frames = EncodingFrames(type(self).__name__, point_labels("y", y, points), units)

    @property
    def y(self) -> np.ndarray | None:
        """The labels of the images as integers, `(points,)`, or None."""
        return self._frames.labels.numbers

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the labels 0, 1, … where they were text, else None."""
        return self._frames.labels.names

    @property
    def units(self) -> np.ndarray | None:
        """The indices of the recorded latent units; None for all."""
        return self._frames.units

    @property
    def trajectory(self) -> Trajectory:
        """The frames recorded so far.

        Raises:
            InputError: if there is none.
        """
        return self.since(0)

    def since(self, first: int) -> Trajectory:
        """The frames from `first` on (a negative index counts from the end).

        Raises:
            InputError: if there is none.
        """
        if not self._steps[first:]:
            raise InputError("trajectory: expected a recording; there is none yet; pass the recorder to fit first.")
        return self._frames.trajectory(self._steps, self._epochs, _images_of(self.x), first)

    def __len__(self) -> int:
        """The number of frames recorded so far."""
        return len(self._frames)

    def resume_from(self, trajectory: Trajectory, step: int, epoch: int) -> None:
        """Continues a recording that ended after `step` optimizer steps and `epoch` whole epochs."""
        self._continue_from(trajectory.steps, trajectory.epochs, step, epoch)
        self._frames.restore(trajectory)

    def on_epoch_begin(self, epoch, logs=None):
        is_first = self._is_first_epoch
        super().on_epoch_begin(epoch, logs)
        if is_first:  # the number of frames is known only now
            epochs = self.params.get("epochs", 0) - epoch
            frames = epochs * (self._length or 0) // self.every if self.every else epochs
            extra = max(0, self.first_steps - self._step)
            self._frames.check_size(len(self._frames) + frames + extra)

    def _cut(self, frames):
        super()._cut(frames)
        self._frames.cut(frames)

    def _keep(self, mean, log_var):
        self._frames.append(mean, log_var)


class UnitMonitor(_EncodingObserver):
    """Records statistics of every latent unit while a model trains: its KL, and whether it is active or collapsed.

    Args:
        x: the images to measure on, `(n, …)`; a few thousand are enough. For an encoder of several inputs a list or
            dictionary of arrays.
        every: optimizer steps between measurements, at least 1; default one at the end of every epoch.
        encoder: a Keras model that outputs `[mean, log_var]`, or the mean alone; default `model.encoder`.

    Attributes:
        history: the measurements so far, a `diagnostics.UnitHistory`, the untrained model first.

    Raises:
        InputError: if an argument is out of range.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.zeros((8, 4), "float32")
    >>> vae = kv.dense_vae("4-2", seed=0)
    >>> vae.compile("adam")
    >>> monitor = kv.UnitMonitor(x)
    >>> history = vae.fit(x, batch_size=2, verbose=0, callbacks=[monitor])
    >>> monitor.history.steps.tolist()
    [0, 4]
    >>> monitor.history.kl.shape
    (2, 2)
    """

    def __init__(self, x, every: int | None = None, encoder: keras.Model | None = None):
        super().__init__(x, every, encoder)
        self._statistics: list[UnitStatistics] = []

    @property
    def history(self) -> UnitHistory:
        """The measurements so far.

        Raises:
            InputError: if there is none.
        """
        if not self._statistics:
            raise InputError("history: expected measurements; there are none yet; pass the monitor to fit first.")
        columns = {
            name: np.stack([getattr(frame, name) for frame in self._statistics])
            for name in ("kl", "var_mean", "mean_var")
            if getattr(self._statistics[0], name) is not None
        }
        return UnitHistory(np.array(self._steps, "int64"), np.array(self._epochs), **columns)

    def resume_from(self, history: UnitHistory, step: int, epoch: int) -> None:
        """Continues a history that ended after `step` optimizer steps and `epoch` whole epochs."""
        self._continue_from(history.steps, history.epochs, step, epoch)
        self._statistics = history.frames()

    def _keep(self, mean, log_var):
        self._statistics.append(unchecked_units(mean, log_var))  # the training may diverge

    def _cut(self, frames):
        super()._cut(frames)
        del self._statistics[frames:]


class BetaWarmup(keras.callbacks.Callback):
    """Raises β from 0 to its final value over the first epochs of a model's training.

    β(t) = β · ramp(t / steps), where the ramp is linear, half a cosine period (Bowman et al. 2016; Sønderby et al.
    2016), or repeated (Fu et al. 2019). β is computed in the graph from the model's own count of training steps (see
    `layers.BetaSchedule`), so it changes at every step, also in compiled calls of many steps, and does not restart in a
    second `fit` or after loading.

    Works on a `VAE` and on any model with `KLDivergence` layers.

    Args:
        epochs: length of the ramp in epochs, above 0; fractions allowed.
        shape: `"linear"`, `"cosine"`, or `"cyclical"`: the length is divided into `cycles`, in each of which β rises
            from 0 over the first half and stays at its final value over the second.
        steps: length of the ramp in training steps, instead of `epochs`.
        cycles: number of cycles, for `"cyclical"`.

    Raises:
        InputError: unless exactly one of `epochs` and `steps` is given and above 0; if the shape is unknown; or, when
            training begins, if the model has no β or the length of an epoch is not known.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.dense_vae("4-2", seed=0)
    >>> vae.compile("adam")
    >>> warmup = kv.BetaWarmup(epochs=1)
    >>> history = vae.fit(np.zeros((8, 4), "float32"), batch_size=2, verbose=0, callbacks=[warmup])
    >>> history.history["beta"]  # the mean of 0, 1/4, 2/4 and 3/4
    [0.375]
    """

    def __init__(self, epochs: float | None = None, shape: str = "linear", steps: int | None = None, cycles: int = 4):
        super().__init__()
        if (epochs is None) == (steps is None):
            raise InputError(f"BetaWarmup: expected epochs or steps; received epochs={epochs!r}, steps={steps!r}.")
        self.epochs = None if epochs is None else checks.number("epochs", epochs, low=0, open_low=True)
        self.steps = None if steps is None else checks.number("steps", steps, low=0, open_low=True)
        BetaSchedule.check_ramp(shape, cycles)
        self.shape, self.cycles = shape, cycles

    def on_train_begin(self, logs=None):
        schedules = _beta_schedules(self.model)
        if not schedules:
            raise InputError(
                "BetaWarmup: expected a VAE or a model with a KLDivergence layer; received one without either."
            )
        steps_per_epoch = self.params.get("steps")
        if self.steps is None and not steps_per_epoch:
            raise InputError(
                "BetaWarmup: expected an epoch of known length to count epochs; the data has none; pass steps= instead."
            )
        self._ramp_steps = self.steps or self.epochs * steps_per_epoch
        self._is_first_epoch = True
        for schedule in schedules:
            schedule.warm_up(self._ramp_steps, self.shape, self.cycles)

    def on_epoch_begin(self, epoch, logs=None):
        if self._is_first_epoch:  # only now the initial epoch is known, and other callbacks have restored the model
            self._warn_if_incomplete(self.params["epochs"] - epoch)
        self._is_first_epoch = False

    def _warn_if_incomplete(self, epochs: int) -> None:
        """Warns if β will not have reached its final value after so many epochs."""
        steps_per_epoch = self.params.get("steps")
        if not steps_per_epoch:
            return
        steps = min(int(schedule.step) for schedule in _beta_schedules(self.model)) + epochs * steps_per_epoch
        if self._ramp_steps > steps:
            warnings.warn(
                f"BetaWarmup takes {self._ramp_steps:g} steps, longer than the training of {steps}: β will not reach "
                "its final value.",
                stacklevel=2,
            )


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
