"""Recorder of the latent space of any model, for training loops of any library."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.foreign_images import drawable
from keras_vae._utils.foreign_tensors import to_array
from keras_vae.encoding_frames import EncodingFrames, point_labels
from keras_vae.errors import InputError
from keras_vae.posteriors import parse_encoder_outputs
from keras_vae.trajectory import Trajectory

ENCODE_ADVICE = "expected a function that returns (mean, log_var), or (mean, None) without a density"


class Recorder:
    """Records mean and log variance of q(z | x) for fixed images, in a training loop of any library.

    The caller decides when: `record` calls `encode(x)` and keeps a frame. `LatentRecorder` is the callback for Keras'
    `fit`. This class imports no Keras and no backend.

    Args:
        encode: function that returns `(mean, log_var)` of `x`, each `(points, units…)` or, for `log_var`, a shape that
            broadcasts to it; None as `log_var` for a posterior without a density. Arrays or tensors of any library, on
            any device, of any floating type; they are detached and copied. Further outputs are ignored. Units of
            several axes, as of a convolutional latent space, are flattened in C order. The function switches the model
            to evaluation itself, where that matters.
        x: the images, passed to `encode` as they are.
        labels: `(points,)` whole numbers of 0 or more, or text, or None.
        images: what videos show of the images, `(points, height, width[, channels])` or channels first; default `x`
            where it has such a shape, or is flat with a square number of pixels. Values outside [0, 1] are scaled to
            that range.
        units: indices of the latent units to record; default all.

    Attributes:
        trajectory: the frames recorded so far, a `Trajectory`.

    Raises:
        InputError: if an argument has another form.

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> x, weights = np.eye(4, dtype="float32"), np.zeros((4, 2), "float32")
        >>> recorder = kv.Recorder(lambda x: (x @ weights, np.full((len(x), 2), -1.0)), x, labels=[0, 0, 1, 1])
        >>> for step in range(3):
        ...     recorder.record(step, epoch=step / 2)
        ...     weights += 1  # stands for a training step
        >>> recorder.trajectory
        Trajectory(3 frames, 4 points, 2 units, steps 0 … 2, epochs 0 … 1, log_var, labels, images)
        >>> recorder.trajectory.mean[:, 0, 0].tolist()
        [0.0, 1.0, 2.0]
    """

    def __init__(self, encode: Callable[[Any], Any], x: Any, labels: Any = None, images: Any = None, units: Any = None):
        self.encode = checks.function("encode", encode)
        self.x = x
        self._points = _number_of_images(x)
        self._images = _drawn_images(x) if images is None else _given_images(images, self._points)
        self._frames = EncodingFrames(type(self).__name__, point_labels("labels", labels, self._points), units)
        if self._points is None and self._frames.labels.numbers is not None:
            self._points = len(self._frames.labels.numbers)
        self._steps: list[int] = []
        self._epochs: list[float] = []
        self._first: tuple[tuple[int, ...], bool] | None = None  # shape of the first means, whether with log_var

    def record(self, step: int, epoch: float) -> None:
        """Encodes the images and keeps a frame; a frame at the step of the last one replaces it.

        Args:
            step: optimizer steps completed, 0 before the first; not below the last frame's.
            epoch: the same in epochs, such as `step / steps_per_epoch`; not below the last frame's.

        Raises:
            InputError: if `encode` does not return finite means and log variances of all images, in the shape of the
                first frame; or for a step or epoch before the last one.
        """
        step, epoch = checks.whole("step", step, low=0), checks.number("epoch", epoch, low=0)
        for name, value, last in (("step", step, self._steps[-1:]), ("epoch", epoch, self._epochs[-1:])):
            if last and value < last[0]:
                raise InputError(
                    f"{name}: expected at least {last[0]:g}, that of the last frame; received {value:g}; count on over "
                    "all epochs, or use a recorder for each training."
                )
        mean, log_var = self._encoded(step)
        if self._steps and step == self._steps[-1]:
            self._frames.cut(len(self._steps) - 1)
            del self._steps[-1], self._epochs[-1]
        self._frames.append(mean, log_var)
        self._steps.append(step)
        self._epochs.append(epoch)

    @property
    def trajectory(self) -> Trajectory:
        """The frames recorded so far.

        Raises:
            InputError: if there is none.
        """
        if not self._steps:
            raise InputError("trajectory: expected a recording; there is none yet; call record(step, epoch) first.")
        return self._frames.trajectory(self._steps, self._epochs, self._images)

    def __len__(self) -> int:
        """The number of frames recorded so far."""
        return len(self._frames)

    def _encoded(self, step: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Mean and log variance of the images, `(points, units)`, checked."""
        outputs = self.encode(self.x)
        if not isinstance(outputs, tuple | list | Mapping) or len(outputs) < 2:
            raise InputError(f"encode: {ENCODE_ADVICE}; received {_described(outputs)}.")
        if isinstance(outputs, Mapping) and not {"mean", "log_var"} <= set(outputs):
            keys = ", ".join(map(str, outputs))
            raise InputError(f"encode: {ENCODE_ADVICE}; received a dictionary of {keys}; name them mean and log_var.")
        parsed = parse_encoder_outputs(dict(outputs) if isinstance(outputs, Mapping) else outputs)
        name = f"mean of encode at step {step}"
        mean = checks.array(name, to_array(name, parsed.mean), ("points", "units…"), dtype=None)
        log_var = None if parsed.log_var is None else _log_variances(parsed.log_var, mean.shape, step)
        self._check_shape(mean.shape, log_var is not None)
        return mean.reshape(len(mean), -1), log_var

    def _check_shape(self, shape: tuple[int, ...], has_density: bool) -> None:
        """Compares a frame with the images and the first frame."""
        if self._points is not None and shape[0] != self._points:
            raise InputError(f"encode: expected a mean for each of {self._points} images; received shape {shape}.")
        first, had_density = self._first = self._first or (shape, has_density)
        if shape != first:
            raise InputError(f"encode: expected means of shape {first}, as in the first frame; received shape {shape}.")
        if has_density != had_density:
            raise InputError("encode: expected log_var in all frames or in none; received it in some.")


def _log_variances(value: Any, shape: tuple[int, ...], step: int) -> np.ndarray:
    """Log variances in the shape of the means, units flattened."""
    name = f"log_var of encode at step {step}"
    found = checks.array(name, to_array(name, value), None)
    if found.ndim not in (0, len(shape)):  # NumPy would compare the last axes
        raise InputError(f"{name}: expected shape {shape}, as the mean; received {found.shape}.")
    return checks.broadcast(name, found, shape).reshape(shape[0], -1)


def _described(outputs: Any) -> str:
    shape = getattr(outputs, "shape", None)
    if shape is not None:
        return f"one array of shape {tuple(shape)}"
    if isinstance(outputs, tuple | list | Mapping):
        return f"a {type(outputs).__name__} of length {len(outputs)}"
    return f"a value of type {type(outputs).__name__}"


def _number_of_images(x: Any) -> int | None:
    """The length of an array or tensor; None for other inputs, such as a dictionary."""
    shape = getattr(x, "shape", None)
    if x is None or (shape is not None and (len(shape) == 0 or shape[0] == 0)):
        raise InputError("x: expected at least one image to record; received none.")
    return None if shape is None else int(shape[0])


def _drawn_images(x: Any) -> np.ndarray | None:
    """Images for videos from the input of an encoder; None where it has no shape of images."""
    return drawable("x", to_array("x", x)) if 2 <= len(getattr(x, "shape", ())) <= 4 else None


def _given_images(value: Any, points: int | None) -> np.ndarray:
    images = to_array("images", value)
    n = "points" if points is None else points
    checks.require_shape("images", images, (n, "height", "width", *["channels"] * (images.ndim > 3)))
    drawn = drawable("images", images)
    if drawn is None:
        raise InputError(f"images: expected 1, 3 or 4 channels; received shape {images.shape}.")
    return drawn
