"""TensorFlow backend of `fast_fit`: epochs compiled by XLA, ordered data sets, and traced functions."""

import contextlib
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_vae._utils.checks import PIXEL_ROUNDING
from keras_vae._utils.items import Items
from keras_vae.errors import InputError
from keras_vae.fast_fit import keras_internals
from keras_vae.fast_fit.call_ranges import CallRanges
from keras_vae.fast_fit.convolutions import may_have_convolutions
from keras_vae.fast_fit.observers import StepObserver
from keras_vae.fast_fit.steps_per_call import largest_divisor
from keras_vae.fast_fit.support import Support
from keras_vae.layers import GaussianSampling
from keras_vae.posteriors import parse_encoder_outputs

MAX_NOISE_IN_STEP = 8  # random numbers per image that are drawn within a compiled step on a CPU
MAX_SCALED_BYTES = 64e6  # of items that are scaled before one call
MAX_NOISE_BYTES = 64e6  # of noise drawn before one call


def stored_tensor(array: np.ndarray | Items) -> tf.Tensor:
    """An array as a tensor; of items in memory, the numbers as they are stored."""
    if not isinstance(array, Items):
        return tf.convert_to_tensor(array)
    return tf.convert_to_tensor(array.stored if array.are_bytes else array.array)


def byte_divisor(array: np.ndarray | Items) -> tf.Variable | None:
    """The number by which the bytes of `stored_tensor` are divided; None if they are no bytes of `Items`.

    A variable: compilers replace a division by a constant by a product with its rounded reciprocal, so that the last
    digits of the weights would differ from those of a training on floats.
    """
    if not (isinstance(array, Items) and array.are_bytes):
        return None
    return tf.Variable(float(array.scaling.divisor), trainable=False)


def scaled(batch: tf.Tensor, divisor: tf.Variable | None) -> tf.Tensor:
    """A batch of `stored_tensor` as `Items` would return it, bit for bit."""
    return batch if divisor is None else tf.cast(batch, "float32") / divisor


def ordered_dataset(arrays: tuple[np.ndarray | Items, ...], batch_size: int) -> tuple:
    """`(dataset, set_order)`: see `batches.ordered_batches`. Items that are mapped are read batch by batch.

    Keras would pass a PyDataset to tf.data as a Python generator, whose threads block each other.
    """
    n = len(arrays[0])
    with tf.device("CPU:0"):
        batches = [_batch_reader(array) for array in arrays]
        order = tf.Variable(np.arange(n), trainable=False)

    def batch(i):
        rows = order[i * batch_size : tf.minimum((i + 1) * batch_size, n)]
        return tuple(read(rows) for read in batches)

    dataset = tf.data.Dataset.range(math.ceil(n / batch_size)).map(batch)
    return dataset.prefetch(4), order.assign


def _batch_reader(array: np.ndarray | Items) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that returns the items at `rows`, float32."""
    if isinstance(array, Items) and array.is_mapped:
        shape = (None, *array.shape[1:])

        def read(rows):
            return tf.ensure_shape(tf.numpy_function(lambda chosen: array[chosen], [rows], "float32"), shape)

        return read
    tensor, divisor = stored_tensor(array), byte_divisor(array)
    return lambda rows: scaled(tf.gather(tensor, rows), divisor)


def dataset_with_check(dataset: tf.data.Dataset, support: Support) -> tf.data.Dataset:
    """A data set that fails at a batch with images outside a likelihood's support; see `failed_check`.

    (A check beforehand would draw from the data set, and change the order of a shuffled one.)
    """

    def check(*batch):
        images = keras.utils.unpack_x_y_sample_weight(batch[0] if len(batch) == 1 else batch)[0]
        dense = [tf.cast(part, "float32") for part in tf.nest.flatten(images) if isinstance(part, tf.Tensor)]
        low, high = support.low - PIXEL_ROUNDING, support.high + PIXEL_ROUNDING
        inside = [tf.reduce_all(tf.math.is_finite(part) & (part >= low) & (part <= high)) for part in dense]
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(inside), [support.refusal])]):
            checked = tf.nest.map_structure(tf.identity, batch)
        return checked[0] if len(checked) == 1 else checked

    return dataset.map(check)


@contextlib.contextmanager
def failed_check(support: Support):
    """Context in which the failure of a data set of `dataset_with_check` is an `InputError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:  # which TensorFlow raises for any failed assertion
        if support.requirement in str(error):
            raise InputError(support.refusal) from error
        raise


def traced_encoder(encoder, x):
    """A function that returns the encoder's outputs for `x`, traced once, with `x` inside the graph."""
    with tf.device("CPU:0"):
        x = tf.nest.map_structure(tf.convert_to_tensor, x)
    # A concrete function: otherwise TensorFlow counts the traces, and warns when many models are trained.
    return tf.function(lambda: encoder(x, training=False)).get_concrete_function()


def compiled(function, model: keras.Model):
    """A function of tensors that uses parts of a model, as one program, by XLA where that is faster."""
    return tf.function(function, jit_compile=gains_from_xla(model), autograph=False)


def traced(function, shape: tuple[int, ...]):
    """A function of batches `(n, *shape)`, traced once for all n."""
    return tf.function(function, input_signature=[tf.TensorSpec((None, *shape), "float32")], autograph=False)


def number_of_replicas() -> int:
    """Number of copies of a model that the distribution strategy in force trains at once; 1 without one."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def can_compile_epoch(model: keras.Model) -> bool:
    """Whether no distribution strategy is in force and the model was created under none."""
    return not tf.distribute.has_strategy() and model.distribute_strategy is tf.distribute.get_strategy()


def gains_from_xla(model: keras.Model) -> bool:
    """Whether XLA can compile a model's step and makes it faster: on a CPU it slows convolutions down."""
    return keras_internals.supports_jit(model) and not (_on_cpu() and may_have_convolutions(model))


def _on_cpu() -> bool:
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


class PredrawnNoise:
    """The noise of many steps of a model's sampling layer, drawn before a call by TensorFlow's kernel.

    On a CPU that is many times faster than XLA's generator within a step. The noise equals that of a step that XLA
    does not compile; XLA has a different generator.

    Args:
        layer: the sampling layer.
        steps_per_call: maximum number of steps for which noise is drawn at once.
        batch_size: images per step.
        remainder: number of images in an epoch's last, smaller batch; 0 if there is none.
    """

    def __init__(self, layer: GaussianSampling, steps_per_call: int, batch_size: int, remainder: int):
        units = layer.output.shape[1:]

        @tf.function(autograph=False)
        def draw(steps, smaller):
            noise = tf.TensorArray(layer.compute_dtype, steps_per_call, element_shape=(batch_size, *units))

            def one_more(i, noise):
                return i + 1, noise.write(i, layer.draw_noise((batch_size, *units)))

            _, noise = tf.while_loop(lambda i, _: i < steps, one_more, [0, noise])
            shape = remainder, *units
            last = tf.cond(smaller, lambda: layer.draw_noise(shape), lambda: tf.zeros(shape, layer.compute_dtype))
            return noise.stack(), last

        self.draw = draw


def is_noise_predrawn(model: keras.Model) -> bool:
    """Whether a model's noise is drawn before its compiled steps, which is faster.

    An objective that draws further samples within a step would continue after all noise that is drawn before, whose
    number depends on that of the steps.
    """
    draws_more = getattr(getattr(model, "objective", None), "draws_samples", False)
    return _on_cpu() and _noise_per_image(model) > MAX_NOISE_IN_STEP and not draws_more


def _noise_per_image(model: keras.Model) -> int:
    sampling = getattr(model, "sampling", None)
    return 0 if sampling is None else math.prod(sampling.output.shape[1:])


class ScaledSteps:
    """The items of the steps of one call, as floats.

    They are scaled before the call: within a step, XLA would merge the scaling into other operations, which rounds
    differently, and a look-up of bytes takes longer than all else.

    Args:
        arrays: the stored arrays, `(n, …)` each.
        divisors: of bytes, see `byte_divisor`.
        n_items: number of items of one call.
    """

    def __init__(self, arrays: tuple[tf.Tensor, ...], divisors: tuple[tf.Variable | None, ...], n_items: int):
        n = arrays[0].shape[0]

        @tf.function(autograph=False)
        def read(order, start):
            rows = tf.gather(order, tf.minimum(start + tf.range(n_items), n - 1))
            places = tf.clip_by_value(tf.range(n) - start, 0, n_items - 1)
            return tuple(map(scaled, (tf.gather(array, rows) for array in arrays), divisors)), places

        self._read = read

    def __call__(self, order: tf.Tensor, start: int) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """The items from position `start` of the order on, and an order that leads to them at the same positions."""
        return self._read(order, tf.constant(start))


class CompiledEpoch:
    """Keras' train function for arrays that stay on the device: each call runs the epoch's next `steps_per_call` steps.

    All steps of a call run in one program compiled by XLA, a loop over the model's unmodified `train_step`. The weights
    do not depend on the number of steps per call, bit for bit.

    Args:
        model: a compiled model with its optimizer built.
        arrays: the arrays that `train_step` unpacks, `(n, …)` each; bytes of `Items` are scaled before each call.
        batch_size: images per step; the last batch of an epoch may be smaller.
        steps_per_call: steps per call; with predrawn noise a divisor of it may be used instead.
        observer: receives encodings within a call; None for none. See `steps_per_call.observer_within_calls`.
    """

    def __init__(
        self,
        model: keras.Model,
        arrays: tuple[np.ndarray | Items, ...],
        batch_size: int,
        steps_per_call: int = 1,
        observer: StepObserver | None = None,
    ):
        self.arrays = tuple(map(stored_tensor, arrays))
        self._divisors = tuple(map(byte_divisor, arrays))
        has_bytes = any(divisor is not None for divisor in self._divisors)
        self.batch_size, self.n = batch_size, len(arrays[0])
        self._whole, remainder = divmod(self.n, batch_size)
        self.steps_per_call = steps_per_call
        if has_bytes:
            limit = max(1, int(MAX_SCALED_BYTES / (4 * batch_size * math.prod(arrays[0].shape[1:]))))
            # a divisor, since callbacks rely on being called every `steps_per_call` steps
            self.steps_per_call = largest_divisor(self.steps_per_call, limit)
        self._noise = None
        if is_noise_predrawn(model):
            limit = max(1, int(MAX_NOISE_BYTES / (4 * batch_size * _noise_per_image(model))))
            self.steps_per_call = largest_divisor(self.steps_per_call, limit)
            self._noise = PredrawnNoise(model.sampling, self.steps_per_call, batch_size, remainder)
        self._scaled = None
        if has_bytes:
            self._scaled = ScaledSteps(self.arrays, self._divisors, self.steps_per_call * batch_size)
        self._observed = None if observer is None else tf.convert_to_tensor(observer.x)
        self._ranges = CallRanges(math.ceil(self.n / batch_size), self.steps_per_call, observer)
        self._model = model
        self._steps: Callable | None = None  # traced at the first call

    def set_order(self, order: np.ndarray) -> None:
        """Begins an epoch with the images in this order."""
        self._order = tf.convert_to_tensor(order.astype("int32"))
        self._ranges.restart()

    def set_images(self, images: np.ndarray) -> None:
        """Replaces the images; before the first call of an epoch."""
        self.arrays = (tf.convert_to_tensor(images), *self.arrays[1:])

    def placeholder_batches(self) -> tf.data.Dataset:
        """As many batches as an epoch has, for Keras to count; the calls take their images from `arrays` instead."""
        first = tuple(map(scaled, (array[: self.batch_size] for array in self.arrays), self._divisors))
        return tf.data.Dataset.from_tensors(first).repeat(math.ceil(self.n / self.batch_size))

    def __call__(self, iterator) -> dict:
        """The metrics after the next steps; Keras' own `iterator` over the batches is not used."""
        call = self._ranges.next()
        noise = ()
        if self._noise is not None:
            whole = max(0, min(call.last, self._whole) - call.first)
            noise = self._noise.draw(tf.constant(whole), tf.constant(call.last > self._whole))
        arrays, order = self.arrays, self._order
        if self._scaled is not None:
            arrays, order = self._scaled(order, call.first * self.batch_size)
        arguments = (
            arrays, order, tf.constant(call.first), tf.constant(call.pauses), self.batch_size, noise, self._observed
        )  # fmt: skip
        if self._steps is None:  # concrete, as in `traced_encoder`
            self._steps = program(self._model).get_concrete_function(*arguments)
        metrics, frames = self._steps(*arguments)
        self._ranges.observe(call, frames)
        return metrics


def program(model: keras.Model):
    """The compiled steps of a model, traced once per shape of the data; kept until the model is compiled again."""
    cache = getattr(model, "_program_cache", None) or keras_internals.ProgramCache()
    if cache.program is None:
        cache.program = _program(model)
    return cache.program


def _program(model: keras.Model):
    def encode(x) -> list[tf.Tensor]:
        """Means and, if there are any, log variances of the observed images, units flattened."""
        outputs = [output for output in parse_encoder_outputs(model.encoder(x, training=False)) if output is not None]
        return [tf.reshape(tf.cast(output, "float32"), (x.shape[0], -1)) for output in outputs]

    @tf.function(jit_compile=True, autograph=False)
    def steps(arrays, order, first, pauses, batch_size, noise, observed):
        whole, remainder = divmod(order.shape[0], batch_size)

        def step(rows, noise):
            with contextlib.nullcontext() if noise is None else model.sampling.use_noise(noise):
                model.train_step(tuple(tf.gather(array, rows) for array in arrays))

        def run_step(i):
            rows = tf.ensure_shape(tf.slice(order, [i * batch_size], [batch_size]), [batch_size])
            # gathered: for a slice XLA would compile the program again for every value of `first`
            step(rows, tf.gather(noise[0], i - first) if noise else None)
            return [i + 1]

        def run_smaller_step(i):
            step(order[whole * batch_size :], noise[1] if noise else None)
            return [i + 1]

        def run_until_pause(i, j, frames):
            (i,) = tf.while_loop(lambda i: i < tf.minimum(pauses[j], whole), run_step, [i])

            def observe(_, frames):
                encoded = encode(observed)
                return False, [tf.tensor_scatter_nd_update(f, [[j]], [e]) for f, e in zip(frames, encoded, strict=True)]

            if frames:  # none is due at the end of a call; a loop as for the smaller step
                _, frames = tf.while_loop(lambda is_due, _: is_due, observe, [pauses[j] < last, frames])
            return i, j + 1, frames

        frames = []
        if observed is not None:
            frames = [tf.zeros((pauses.shape[0], *part.shape)) for part in encode(observed)]
        i, last = first, pauses[-1]
        if whole:  # a batch may be larger than the data
            # Unused pauses are at the end.
            i, _, frames = tf.while_loop(
                lambda i, j, frames: i < tf.minimum(last, whole), run_until_pause, [first, 0, frames]
            )
        if remainder:  # a loop of at most one round: for a conditional XLA would copy all weights
            tf.while_loop(lambda i: i < last, run_smaller_step, [i])
        return model.get_metrics_result(), frames

    return steps
