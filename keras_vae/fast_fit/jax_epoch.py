"""JAX backend of `fast_fit`: many training steps in one compiled program."""

import math
from functools import partial
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp

from keras_vae._utils.items import Items
from keras_vae.fast_fit import keras_internals
from keras_vae.fast_fit.call_ranges import CallRanges
from keras_vae.fast_fit.convolutions import may_have_convolutions
from keras_vae.fast_fit.observers import StepObserver
from keras_vae.fast_fit.steps_per_call import largest_divisor
from keras_vae.posteriors import parse_encoder_outputs

MAX_SCALED_BYTES = 64e6  # of items that are scaled before one call


def can_compile_epoch(model: keras.Model) -> bool:
    """Whether there is one device, on which a loop makes no layer slower.

    On a CPU XLA computes convolutions within a loop without its library of kernels, which is slower.
    """
    is_slower = jax.default_backend() == "cpu" and may_have_convolutions(model)
    return keras.distribution.distribution() is None and not is_slower


def gains_from_xla(model: keras.Model) -> bool:
    """True: XLA compiles Keras' own step too."""
    return True


class PlaceholderBatches(keras.utils.PyDataset):
    """As many batches as an epoch has, all equal: the calls of a `CompiledEpoch` take their images elsewhere."""

    def __init__(self, batch: tuple[np.ndarray, ...], n: int):
        super().__init__()
        self._batch, self._n = batch, n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i: int) -> tuple[np.ndarray, ...]:
        return self._batch


class CompiledEpoch:
    """Keras' train function for arrays that stay on the device: each call runs the epoch's next `steps_per_call` steps.

    All steps of a call run in one program, a loop over the model's unmodified `train_step`, compiled once for any
    number of steps. The weights do not depend on the number of steps per call, bit for bit.

    Args:
        model: a compiled model with its optimizer built.
        arrays: the arrays that `train_step` unpacks, `(n, …)` each; bytes of `Items` are scaled before each call.
        batch_size: images per step; the last batch of an epoch may be smaller.
        steps_per_call: steps per call; for bytes a divisor of it may be used instead.
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
        self.n, self.batch_size = len(arrays[0]), batch_size
        self._first_batch = tuple(array[:batch_size] for array in arrays)
        self._stored = tuple(map(_stored, arrays))
        self._divisors = tuple(map(_divisor, arrays))
        self._has_bytes = any(divisor is not None for divisor in self._divisors)
        self.steps_per_call = steps_per_call
        if self._has_bytes:
            limit = max(1, int(MAX_SCALED_BYTES / (4 * batch_size * math.prod(arrays[0].shape[1:]))))
            # a divisor, since callbacks rely on being called every `steps_per_call` steps
            self.steps_per_call = largest_divisor(steps_per_call, limit)
        self._ranges = CallRanges(math.ceil(self.n / batch_size), self.steps_per_call, observer)
        self._observed = None if observer is None else jnp.asarray(observer.x)
        self._model = model

    def set_order(self, order: np.ndarray) -> None:
        """Begins an epoch with the images in this order."""
        self._order = jnp.asarray(order.astype("int32"))
        self._ranges.restart()

    def set_images(self, images: np.ndarray) -> None:
        """Replaces the images; before the first call of an epoch."""
        self._stored, self._divisors = (jnp.asarray(images), *self._stored[1:]), (None, *self._divisors[1:])

    def placeholder_batches(self) -> PlaceholderBatches:
        """As many batches as an epoch has, for Keras to count."""
        return PlaceholderBatches(self._first_batch, self._ranges.n_steps)

    def __call__(self, state: tuple, iterator) -> tuple[dict, tuple]:
        """The metrics and the state after the next steps; Keras' own `iterator` over the batches is not used."""
        call = self._ranges.next()
        arrays, order = self._stored, self._order
        if self._has_bytes:
            n_items = self.steps_per_call * self.batch_size
            arrays, order = _read(arrays, self._divisors, order, call.first * self.batch_size, n_items=n_items)
        metrics, state, frames = program(self._model)(
            state, arrays, order, call.first, call.pauses, self._observed, batch_size=self.batch_size
        )
        self._ranges.observe(call, frames)
        return metrics, state


def _stored(array: np.ndarray | Items) -> jax.Array:
    """An array on the device; of items in memory, the numbers as they are stored."""
    if not isinstance(array, Items):
        return jnp.asarray(array)
    return jnp.asarray(array.stored if array.are_bytes else array.array)


def _divisor(array: np.ndarray | Items) -> np.float32 | None:
    """The number by which the bytes of items are divided; None if they are no bytes."""
    return np.float32(array.scaling.divisor) if isinstance(array, Items) and array.are_bytes else None


@partial(jax.jit, static_argnames="n_items")
def _read(stored: tuple, divisors: tuple, order: jax.Array, start: Any, n_items: int) -> tuple[tuple, jax.Array]:
    """The items from position `start` of the order on as floats, and an order that leads to them at its positions.

    Scaled before the steps: within one, XLA would merge the scaling into other operations, which rounds differently.
    """
    n = len(order)
    rows = order[jnp.minimum(start + jnp.arange(n_items), n - 1)]
    places = jnp.clip(jnp.arange(n) - start, 0, n_items - 1)
    return tuple(_scaled(array[rows], divisor) for array, divisor in zip(stored, divisors, strict=True)), places


def _scaled(items: jax.Array, divisor: jax.Array | None) -> jax.Array:
    """Stored items as `Items` would return them, bit for bit."""
    if divisor is None:
        return items
    # An array, and behind a barrier: for one number XLA multiplies by its rounded reciprocal.
    return items.astype("float32") / jax.lax.optimization_barrier(jnp.full(items.shape, divisor, "float32"))


def program(model: keras.Model):
    """The compiled steps of a model; kept until the model is compiled again."""
    cache = getattr(model, "_program_cache", None) or keras_internals.ProgramCache()
    if cache.program is None:
        cache.program = _program(model)
    return cache.program


def _program(model: keras.Model):
    def encode(state, x) -> list[jax.Array]:
        """Means and, if there are any, log variances of the observed images, units flattened."""
        trainable, non_trainable, *_ = state
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        with keras.StatelessScope(state_mapping=list(zip(variables, [*trainable, *non_trainable], strict=True))):
            outputs = parse_encoder_outputs(model.encoder(x, training=False))
        return [output.astype("float32").reshape(len(x), -1) for output in outputs if output is not None]

    def metrics_of(values) -> dict:
        with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, values, strict=True))):
            return model.get_metrics_result()

    def step(state, batch):
        after = model.train_step(state, batch)[1]
        # Types stay those of the variables, as a loop requires.
        return jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), after, state)

    @partial(jax.jit, donate_argnames="state", static_argnames="batch_size")
    def steps(state, arrays, order, first, pauses, observed, batch_size):
        whole, remainder = divmod(len(order), batch_size)
        last = pauses[-1]

        def batch(i, size):
            rows = jax.lax.dynamic_slice_in_dim(order, i * batch_size, size)
            return tuple(array[rows] for array in arrays)

        def run_until_pause(carry):
            i, j, state, frames = carry
            i, state = jax.lax.while_loop(
                lambda c: c[0] < jnp.minimum(pauses[j], whole),
                lambda c: (c[0] + 1, step(c[1], batch(c[0], batch_size))),
                (i, state),
            )
            if frames:  # none is due at the end of a call; a loop of at most one round, as for the smaller batch
                _, frames = jax.lax.while_loop(
                    lambda c: c[0],
                    lambda c: (False, [f.at[j].set(e) for f, e in zip(c[1], encode(state, observed), strict=True)]),
                    (pauses[j] < last, frames),
                )
            return i, j + 1, state, frames

        frames = []
        if observed is not None:
            shapes = jax.eval_shape(lambda: encode(state, observed))
            frames = [jnp.zeros((len(pauses), *part.shape), part.dtype) for part in shapes]
        i = jnp.asarray(first, "int32")
        if whole:  # a batch may be larger than the data
            i, _, state, frames = jax.lax.while_loop(
                lambda c: c[0] < jnp.minimum(last, whole), run_until_pause, (i, 0, state, frames)
            )
        if remainder:  # a loop of at most one round: for a conditional XLA would copy all weights
            _, state = jax.lax.while_loop(
                lambda c: c[0] < last, lambda c: (c[0] + 1, step(c[1], batch(whole, remainder))), (i, state)
            )
        return metrics_of(state[3]), state, frames

    return steps
