"""The variational part of an autoencoder as layers for anybody's functional model."""

import contextlib
import math
import secrets
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.errors import InputError

PACKAGE = "keras_vae"


def kl_per_unit(mean, log_var):
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of every latent unit, in nats.

    ½ (mean² + exp(log_var) − 1 − log_var): Kingma & Welling 2014, appendix B.

    Args:
        mean: tensor of any shape.
        log_var: log variance, of the same shape or one that broadcasts to it.

    Returns:
        A float32 tensor of the shape of `mean`.
    """
    mean, log_var = ops.cast(mean, "float32"), ops.cast(log_var, "float32")
    return 0.5 * (ops.square(mean) + ops.expm1(log_var) - log_var)


def random_seed() -> int:
    """A seed for somebody who didn't choose one."""
    return secrets.randbelow(2**31)


def sum_per_image(values):
    """Sums `(batch, …)` over every axis but the first; returns `(batch,)`."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def _check_pair(layer: keras.layers.Layer, shapes: Any) -> tuple[tuple, tuple]:
    if not isinstance(shapes, Sequence) or len(shapes) != 2 or not isinstance(shapes[0], Sequence):
        raise InputError(
            f"{type(layer).__name__} expects two inputs, [mean, log_var]; received inputs of shape "
            f"{shapes}; call it as layer([mean, log_var])."
        )
    mean, log_var = (tuple(shape) for shape in shapes)
    fits = len(mean) == len(log_var) and all(
        a == b or b == 1 or a is None or b is None for a, b in zip(mean, log_var, strict=True)
    )
    if not fits:
        raise InputError(
            f"{type(layer).__name__} expects a log_var of the mean's shape, or one that broadcasts to it "
            f"(one unit for all); received mean {mean} and log_var {log_var}."
        )
    return mean, log_var


@keras.saving.register_keras_serializable(PACKAGE)
class GaussianSampling(keras.layers.Layer):
    """Draws z = mean + exp(½ log_var) · ε with ε ~ N(0, I): the reparameterisation trick.

    Kingma & Welling 2014, section 2.4. Inputs are `[mean, log_var]` of any one shape (a `log_var` with one
    unit serves all units of the mean); the output has the shape of the mean.

    The layer samples whenever it is called. Calls with `training=True` draw from `seed_generator`, all others
    from `evaluation_seed_generator`, so that validating does not change the noise that training goes on with.
    Both states are saved with the layer's weights.

    Args:
        seed: integer, the origin of both streams of noise; `None` chooses one at random.

    Raises:
        InputError: if the inputs are not a pair of fitting shapes.
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        # A seed that was drawn is kept like one that was given: what is saved repeats after loading.
        self.seed = random_seed() if seed is None else seed
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        # Another stream than the training's, but one that the same seed makes again.
        self._evaluation_seed = (self.seed + 0x5EED) % 2**31
        self.evaluation_seed_generator = keras.random.SeedGenerator(self._evaluation_seed)
        self.supports_masking = True
        self._fed = None

    def build(self, input_shape):
        _check_pair(self, input_shape)
        self.built = True

    def call(self, inputs, training=None):
        mean, log_var = inputs
        if training and self._fed is not None:
            noise, self._fed = self._fed, None  # a second call in the same step draws its own
        else:
            noise = self.draw(ops.shape(mean), training)
        return mean + ops.exp(0.5 * log_var) * noise

    def draw(self, shape: tuple, training: bool | None = True):
        """The noise of the next call on means of this shape."""
        generator = self.seed_generator if training else self.evaluation_seed_generator
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=generator)

    @contextlib.contextmanager
    def fed(self, noise):
        """A context in which the first call in training takes this noise, drawn before by `draw`: see `stepping`."""
        self._fed = noise
        try:
            yield
        finally:
            self._fed = None

    def reset_evaluation_noise(self) -> None:
        """Rewinds the noise used outside training, so that an evaluation repeats."""
        state = self.evaluation_seed_generator.state
        state.assign(ops.cast(ops.array([self._evaluation_seed, 0]), state.dtype))

    def compute_mask(self, inputs, mask=None):
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, input_shape):
        return _check_pair(self, input_shape)[0]

    # Keras leaves the state of seed generators out of a layer's weights.
    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)
        store["evaluation_seed_state"] = ops.convert_to_numpy(self.evaluation_seed_generator.state)

    def load_own_variables(self, store):
        for name, generator in (
            ("seed_state", self.seed_generator),
            ("evaluation_seed_state", self.evaluation_seed_generator),
        ):
            generator.state.assign(ops.cast(ops.array(store[name][...]), generator.state.dtype))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(PACKAGE)
class BetaSchedule(keras.layers.Layer):
    """The weight β of the KL term, as a function of the training step that is computed inside the graph.

    β(t) = `beta` · ramp(t / warmup_steps), where the ramp rises from 0 to 1, linearly or as half a cosine, and
    t counts the calls with `training=True`. Everything is a variable, so a compiled training step obeys
    `beta.assign(…)` and `warm_up(…)` at once. (The layer counts for itself, since on JAX the optimizer's own
    count can't be read where a loss is computed.)

    Args:
        beta: the final weight, a finite number that is not negative.
    """

    SHAPES = ("linear", "cosine")

    def __init__(self, beta: float = 1.0, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if not 0.0 <= beta < float("inf"):
            raise InputError(f"beta: expected a finite number that is 0 or more; received {beta!r}.")
        self.initial_beta = float(beta)
        self.beta = self._scalar("beta", self.initial_beta)
        self.warmup_steps = self._scalar("warmup_steps", 0.0)
        self.cosine = self._scalar("cosine", 0.0)
        self.step = self._scalar("step", 0, dtype="int")
        self.built = True

    def _scalar(self, name: str, value: float, dtype: str = "float32"):
        constant = keras.initializers.Constant(value)
        return self.add_weight(name=name, shape=(), dtype=dtype, initializer=constant, trainable=False, autocast=False)

    def warm_up(self, steps: float, shape: str = "linear") -> None:
        """Lets β rise over the first `steps` training steps, counted from the model's very first."""
        if shape not in self.SHAPES:
            raise InputError(f"shape: expected one of {', '.join(self.SHAPES)}; received {shape!r}.")
        self.warmup_steps.assign(float(steps))
        self.cosine.assign(float(shape == "cosine"))

    def call(self, training=None):
        """The β of this step, a float32 scalar; a call with `training=True` moves on to the next step."""
        step = ops.cast(self.step, "float32")
        in_warmup = step < self.warmup_steps
        share = ops.where(in_warmup, step / ops.maximum(self.warmup_steps, 1.0), 1.0)
        if training:
            self.step.assign(self.step + 1)
        half_cosine = 0.5 * (1.0 - ops.cos(share * math.pi))
        return self.beta * (self.cosine * half_cosine + (1.0 - self.cosine) * share)

    def get_config(self):
        return {**super().get_config(), "beta": self.initial_beta}


@keras.saving.register_keras_serializable(PACKAGE)
class KLDivergence(keras.layers.Layer):
    """Adds β · KL(N(mean, exp(log_var)) ‖ N(0, I)) to the model's loss and hands its inputs on.

    The KL is in nats: a sum over latent units and a mean over the batch, computed in float32 whatever the
    dtype policy. Use its outputs, or Keras will leave the layer out of the model:

    ```python
    mean, log_var = KLDivergence(beta=1.0)([mean, log_var])
    z = GaussianSampling()([mean, log_var])
    ```

    A `log_var` of one unit stands for all units (n units, one variance). Steps that a mask excludes add
    nothing. `beta` is a variable: `layer.beta.assign(0.5)` acts on a compiled training step, and the callback
    `BetaWarmup` finds the layer.

    Args:
        beta: weight of the KL (Higgins et al. 2017), finite and not negative.

    Raises:
        InputError: if `beta` is negative, NaN or infinite, or the inputs are not a pair of fitting shapes.
    """

    def __init__(self, beta: float = 1.0, **kwargs):
        # Without autocasting, a mean and log_var kept in float32 enter the KL unrounded.
        kwargs["autocast"] = False
        super().__init__(**kwargs)
        self.beta_schedule = BetaSchedule(beta, name="beta_schedule")
        self.supports_masking = True

    @property
    def beta(self):
        return self.beta_schedule.beta

    def build(self, input_shape):
        _check_pair(self, input_shape)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        mean, log_var = inputs
        kl = kl_per_unit(mean, log_var)
        step_mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if step_mask is not None:
            step_mask = ops.cast(step_mask, "float32")
            kl = kl * ops.reshape(step_mask, step_mask.shape + (1,) * (len(kl.shape) - len(step_mask.shape)))
        self.add_loss(self.beta_schedule(training=training) * ops.mean(sum_per_image(kl)))
        return type(inputs)(ops.cast(tensor, self.compute_dtype) for tensor in inputs)

    def compute_output_shape(self, input_shape):
        return type(input_shape)(_check_pair(self, input_shape))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta_schedule.initial_beta}
