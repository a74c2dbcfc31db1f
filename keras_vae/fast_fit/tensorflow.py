"""TensorFlow only: what spares it calls into Python."""

import contextlib
import math

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.trainer import model_supports_jit  # what Keras itself asks, and doesn't export

from keras_vae.layers import GaussianSampling

MOST_NOISE_WITHIN = 8  # numbers an image that are drawn within a compiled step on a CPU
MOST_NOISE = 64e6  # bytes that are drawn before one call
CONVOLUTIONS = tuple(
    getattr(keras.layers, f"{kind}{d}D{transposed}")
    for kind, dimensions, transposed in (
        ("Conv", (1, 2, 3), ""),
        ("Conv", (1, 2, 3), "Transpose"),
        ("DepthwiseConv", (1, 2), ""),
        ("SeparableConv", (1, 2), ""),
    )
    for d in dimensions
)


def ordered_dataset(arrays: tuple[np.ndarray, ...], batch_size: int):
    """`(dataset, set_order)`: see `batches.ordered`.

    Keras would hand a PyDataset to tf.data as a generator, and Python threads would wait for each other.
    """
    n = len(arrays[0])
    with tf.device("CPU:0"):
        tensors = [tf.convert_to_tensor(array) for array in arrays]
        order = tf.Variable(np.arange(n), trainable=False)

    def batch(i):
        rows = order[i * batch_size : tf.minimum((i + 1) * batch_size, n)]
        return tuple(tf.gather(tensor, rows) for tensor in tensors)

    dataset = tf.data.Dataset.range(math.ceil(n / batch_size)).map(batch)
    return dataset.prefetch(4), order.assign


def compiled_encoder(encoder, x: np.ndarray):
    """A function that gives the encoder's outputs for `x`, traced once, with `x` inside the graph."""
    with tf.device("CPU:0"):
        x = tf.convert_to_tensor(x)
    # A concrete function: of the other kind TensorFlow counts the traces, and warns when many models are trained.
    return tf.function(lambda: encoder(x, training=False)).get_concrete_function()


def compiled(function, model: keras.Model):
    """A function of tensors, of parts of a model, as one program; by XLA where that makes the model faster."""
    return tf.function(function, jit_compile=xla_gains(model), autograph=False)


def traced(function, shape: tuple[int, ...]):
    """A function of batches of points of a shape, traced once for batches of all sizes."""
    return tf.function(function, input_signature=[tf.TensorSpec((None, *shape), "float32")], autograph=False)


def on_one_device(model: keras.Model) -> bool:
    """Whether the model wasn't made under a distribution strategy and none is in force."""
    return not tf.distribute.has_strategy() and model.distribute_strategy is tf.distribute.get_strategy()


def xla_gains(model: keras.Model) -> bool:
    """Whether XLA can compile a model's step and makes it faster: on a CPU it slows convolutions down."""
    is_slowed = _on_cpu() and any(isinstance(layer, CONVOLUTIONS) for layer in model._flatten_layers())
    return model_supports_jit(model) and not is_slowed


def _on_cpu() -> bool:
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


class Noise:
    """The noise of many steps of a model's sampling layer, drawn by TensorFlow's own kernel.

    On a CPU that is many times faster than XLA's generator within a step. It is the noise of the model's own step where
    XLA doesn't compile it; XLA has another generator.

    Args:
        layer: that is fed.
        at_once: steps for which it is drawn.
        batch_size: images a step.
        remainder: images of an epoch's last, smaller batch.
    """

    def __init__(self, layer: GaussianSampling, at_once: int, batch_size: int, remainder: int):
        units = layer.output.shape[1:]

        @tf.function(autograph=False)
        def draw(steps, smaller):
            noise = tf.TensorArray(layer.compute_dtype, at_once, element_shape=(batch_size, *units))

            def one_more(i, noise):
                return i + 1, noise.write(i, layer.draw((batch_size, *units)))

            _, noise = tf.while_loop(lambda i, _: i < steps, one_more, [0, noise])
            shape = remainder, *units
            last = tf.cond(smaller, lambda: layer.draw(shape), lambda: tf.zeros(shape, layer.compute_dtype))
            return noise.stack(), last

        self.draw = draw


def much_noise(model: keras.Model) -> bool:
    """Whether it gains to draw a model's noise outside of its compiled steps."""
    return _on_cpu() and _noise_of_an_image(model) > MOST_NOISE_WITHIN


def _noise_of_an_image(model: keras.Model) -> int:
    sampling = getattr(model, "sampling", None)
    return 0 if sampling is None else math.prod(sampling.output.shape[1:])


class ResidentSteps:
    """Keras' train function for arrays that stay on the device: each call takes the epoch's next `at_once` steps.

    All steps of a call run in one program compiled by XLA, a loop over the model's unmodified `train_step`. However
    many steps a call takes, the weights come out the same, bit for bit.

    Args:
        model: a compiled model with its optimizer built.
        arrays: what `train_step` unpacks, `(n, …)` each.
        batch_size: images a step; the last batch of an epoch may be smaller.
        at_once: steps a call.
        watcher: a callback that is to see encodings within a call, or None: see `stepping.watcher_within`.
    """

    def __init__(
        self, model: keras.Model, arrays: tuple[np.ndarray, ...], batch_size: int, at_once: int = 1, watcher=None
    ):
        self.arrays = tuple(tf.convert_to_tensor(array) for array in arrays)
        self.batch_size, self.n = batch_size, len(arrays[0])
        self._whole, remainder = divmod(self.n, batch_size)
        self.at_once, self.watcher = at_once, watcher
        self._noise = None
        if much_noise(model):
            most = max(1, int(MOST_NOISE / (4 * batch_size * _noise_of_an_image(model))))
            # a divisor, since callbacks are promised to be called every so many steps
            self.at_once = max(n for n in range(1, min(at_once, most) + 1) if at_once % n == 0)
            self._noise = Noise(model.sampling, self.at_once, batch_size, remainder)
        self._watched = None if watcher is None else tf.convert_to_tensor(watcher.x)
        self._most_frames = 0 if watcher is None else math.ceil(self.at_once / watcher.every)
        self._model, self._steps = model, None

    def set_order(self, order: np.ndarray) -> None:
        """Begins an epoch with the images in this order."""
        self._order, self._next = tf.convert_to_tensor(order.astype("int32")), 0

    def counted_batches(self) -> tf.data.Dataset:
        """What Keras counts as an epoch's batches. It may look at the first, and takes none: each call does that."""
        first = tuple(array[: self.batch_size] for array in self.arrays)
        return tf.data.Dataset.from_tensors(first).repeat(math.ceil(self.n / self.batch_size))

    def __call__(self, iterator) -> dict:
        """The metrics after the next steps; Keras' own `iterator` over the batches stays untouched."""
        first = self._next
        self._next = last = min(first + self.at_once, math.ceil(self.n / self.batch_size))
        due = self.watcher.due_between(first, last) if self.watcher else []
        # An execution pauses where a frame is due, and at its end.
        pauses = np.array([*due, *[last] * (1 + self._most_frames - len(due))], "int32")
        noise = ()
        if self._noise is not None:
            whole = max(0, min(last, self._whole) - first)
            noise = self._noise.draw(tf.constant(whole), tf.constant(last > self._whole))
        arguments = (
            self.arrays, self._order, tf.constant(first), tf.constant(pauses), self.batch_size, noise, self._watched
        )  # fmt: skip
        if self._steps is None:  # concrete, like the encoder above
            self._steps = program(self._model).get_concrete_function(*arguments)
        metrics, frames = self._steps(*arguments)
        if due:
            frames = [part.numpy() for part in frames]
            for i, done in enumerate(due):
                self.watcher.take(done, *(part[i] for part in frames))
        return metrics


def program(model: keras.Model):
    """The compiled steps of a model, traced once for a shape of data; kept with it until it is compiled anew."""
    if "_resident_program" not in model.__dict__:
        # not by setattr, which would track it as a part to be saved
        model.__dict__["_resident_program"] = _program(model)
    return model.__dict__["_resident_program"]


def _program(model: keras.Model):
    def look(x) -> list[tf.Tensor]:
        """Means and log variances (or None) of the watched images, units flattened."""
        parts = model.encoder(x, training=False)
        parts = [parts[key] for key in ("mean", "log_var") if key in parts] if isinstance(parts, dict) else parts
        parts = parts if isinstance(parts, (list, tuple)) else [parts]
        return [tf.reshape(tf.cast(part, "float32"), (x.shape[0], -1)) for part in parts]

    @tf.function(jit_compile=True, autograph=False)
    def steps(arrays, order, first, pauses, batch_size, noise, watched):
        whole, remainder = divmod(order.shape[0], batch_size)

        def step(rows, noise):
            with contextlib.nullcontext() if noise is None else model.sampling.fed(noise):
                model.train_step(tuple(tf.gather(array, rows) for array in arrays))

        def take_one(i):
            rows = tf.ensure_shape(tf.slice(order, [i * batch_size], [batch_size]), [batch_size])
            # gathered: for a slice XLA would compile the program anew for every value of `first`
            step(rows, tf.gather(noise[0], i - first) if noise else None)
            return [i + 1]

        def take_the_smaller_one(i):
            step(order[whole * batch_size :], noise[1] if noise else None)
            return [i + 1]

        def take_until_the_pause(i, j, frames):
            (i,) = tf.while_loop(lambda i: i < tf.minimum(pauses[j], whole), take_one, [i])
            seen = look(watched) if frames else []
            frames = [tf.tensor_scatter_nd_update(f, [[j]], [s]) for f, s in zip(frames, seen, strict=True)]
            return i, j + 1, frames

        frames = [] if watched is None else [tf.zeros((pauses.shape[0], *part.shape)) for part in look(watched)]
        i, last = first, pauses[-1]
        if whole:  # a batch may be larger than the data
            # Pauses that aren't needed are at the end.
            i, _, frames = tf.while_loop(
                lambda i, j, frames: i < tf.minimum(last, whole), take_until_the_pause, [first, 0, frames]
            )
        if remainder:  # a loop of one round or none: XLA would copy all weights for a condition
            tf.while_loop(lambda i: i < last, take_the_smaller_one, [i])
        return model.get_metrics_result(), frames

    return steps
