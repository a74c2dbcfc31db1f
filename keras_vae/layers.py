"""Layers for variational models: Gaussian sampling, a KL penalty, and the schedule of its weight β."""

import contextlib
import math
import secrets
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae._utils import checks
from keras_vae.errors import InputError

PACKAGE = "keras_vae"
MAX_CYCLES = 1_000_000  # of β
MAX_SEED = 2**32 - 1  # of Keras' seed generators, whose state is uint32


def kl_per_unit(mean, log_var):
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of every latent unit, in nats.

    ½ (mean² + exp(log_var) − 1 − log_var): Kingma & Welling 2014, appendix B.

    Args:
        mean: tensor of any shape.
        log_var: log variance, of the same shape or one that broadcasts to it.

    Returns:
        A float32 tensor of the shape of `mean`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import kl_per_unit
    >>> kl = kl_per_unit(np.array([[0.0, 2.0]]), np.zeros((1, 2)))
    >>> [float(value) for value in kl[0]]
    [0.0, 2.0]
    """
    mean, log_var = ops.cast(mean, "float32"), ops.cast(log_var, "float32")
    return 0.5 * (ops.square(mean) + ops.expm1(log_var) - log_var)


def random_seed() -> int:
    """A randomly chosen seed, for `seed=None`."""
    return secrets.randbelow(2**31)


def sum_per_image(values):
    """Sums `(batch, …)` over every axis but the first; returns `(batch,)`."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def _any_mask(mask: Any) -> Any:
    """The mask of the time steps of a pair of tensors: the first that is not None, or None."""
    masks = mask if isinstance(mask, (list, tuple)) else [mask]
    return next((one for one in masks if one is not None), None)


def _check_pair(layer: keras.layers.Layer, shapes: Any) -> tuple[tuple, tuple]:
    if not isinstance(shapes, Sequence) or len(shapes) != 2 or not isinstance(shapes[0], Sequence):
        raise InputError(
            f"{type(layer).__name__}: expected two inputs, [mean, log_var]; received inputs of shape "
            f"{shapes}; call it as layer([mean, log_var])."
        )
    mean, log_var = (tuple(shape) for shape in shapes)
    fits = len(mean) == len(log_var) and all(
        a == b or b == 1 or a is None or b is None for a, b in zip(mean, log_var, strict=True)
    )
    if not fits:
        raise InputError(
            f"{type(layer).__name__}: expected a log_var of the mean's shape, or one that broadcasts to it; "
            f"received mean {mean} and log_var {log_var}."
        )
    return mean, log_var


@keras.saving.register_keras_serializable(PACKAGE)
class GaussianSampling(keras.layers.Layer):
    """Samples z = mean + exp(½ log_var) · ε with ε ~ N(0, I): the reparameterisation trick.

    Kingma & Welling 2014, section 2.4.

    The layer samples whenever it is called. Calls with `training=True` use `seed_generator`, all others
    `evaluation_seed_generator`, so that validation does not change the noise of later training steps. Both states are
    saved with the layer's weights.

    Args:
        seed: integer from which both streams of noise are derived; `None` chooses one at random.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: `[mean, log_var]`; `mean` of any shape `(batch, …)`, `log_var` of the same shape or one that broadcasts
            to it, such as `(batch, 1)`.
        training: whether the call is part of a training step.

    Returns:
        z, of the shape of `mean`.

    Raises:
        InputError: if the inputs are not a pair of tensors with compatible shapes.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> mean = np.full((2, 3), 5.0, "float32")
    >>> z = kv.GaussianSampling(seed=0)([mean, np.full((2, 1), -50.0, "float32")])  # nearly no variance
    >>> round(float(z[0, 0]), 3)
    5.0
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        # A randomly chosen seed is saved as well, so that a loaded layer repeats the noise.
        self.seed = random_seed() if seed is None else checks.whole("seed", seed, low=0, high=MAX_SEED)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        # A stream separate from that of training, derived from the same seed.
        self._evaluation_seed = (self.seed + 0x5EED) % 2**31
        self.evaluation_seed_generator = keras.random.SeedGenerator(self._evaluation_seed)
        self.supports_masking = True
        self._given_noise = None

    def build(self, input_shape):
        _check_pair(self, input_shape)
        self.built = True

    def call(self, inputs, training=None):
        mean, log_var = inputs
        if training and self._given_noise is not None:
            noise, self._given_noise = self._given_noise, None  # a second call in the same step draws new noise
        else:
            noise = self.draw_noise(ops.shape(mean), training)
        return mean + ops.exp(0.5 * log_var) * noise

    def draw_noise(self, shape: tuple, training: bool | None = True):
        """Draws ε ~ N(0, I) of the given shape: the noise that the next call on means of this shape would use."""
        generator = self.seed_generator if training else self.evaluation_seed_generator
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=generator)

    @contextlib.contextmanager
    def use_noise(self, noise):
        """Context in which the first call with `training=True` uses this noise, drawn beforehand by `draw_noise`.

        Args:
            noise: tensor of the shape of the call's mean.
        """
        self._given_noise = noise
        try:
            yield
        finally:
            self._given_noise = None

    def reset_evaluation_noise(self) -> None:
        """Restarts the noise used outside training, so that an evaluation is repeatable."""
        state = self.evaluation_seed_generator.state
        state.assign(ops.cast(ops.array([self._evaluation_seed, 0]), state.dtype))

    def compute_mask(self, inputs, mask=None):
        return _any_mask(mask)

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
    """The weight β of the KL term as a function of the training step, computed inside the graph.

    β(t) = `beta` · ramp(t / warmup_steps), where the ramp rises from 0 to 1, linearly, as half a cosine period, or
    several times after each other, and t counts the calls with `training=True`. `schedule.beta = …` and `warm_up(…)`
    take effect in a compiled training step. (The layer counts steps itself because on JAX the optimizer's count cannot
    be read where a loss is computed.)

    Args:
        beta: the final weight, finite and at least 0.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        training: whether the call is part of a training step; if so, the step is counted.

    Returns:
        The β of this step, a float32 scalar.

    Raises:
        InputError: if `beta` is negative, NaN or infinite.

    Example:

    >>> from keras_vae.layers import BetaSchedule
    >>> schedule = BetaSchedule(beta=2.0)
    >>> schedule.warm_up(steps=4)
    >>> [float(schedule(training=True)) for _ in range(6)]
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
    """

    SHAPES = ("linear", "cosine", "cyclical")

    def __init__(self, beta: float = 1.0, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.initial_beta = checks.number("beta", beta, low=0)
        self._beta = self._scalar("beta", self.initial_beta)
        self.warmup_steps = self._scalar("warmup_steps", 0.0)
        # 0: linear; 1: cosine; -n: n cycles. One number, so that files of models keep their layout.
        self.ramp = self._scalar("ramp", 0.0)
        self.step = self._scalar("step", 0, dtype="int")
        self.built = True

    @property
    def beta(self) -> keras.Variable:
        """The final weight, a scalar variable; setting it assigns to the variable, also for compiled steps."""
        return self._beta

    @beta.setter
    def beta(self, value: float) -> None:
        self.initial_beta = checks.number("beta", value, low=0)
        self._beta.assign(self.initial_beta)

    def _scalar(self, name: str, value: float, dtype: str = "float32"):
        constant = keras.initializers.Constant(value)
        return self.add_weight(name=name, shape=(), dtype=dtype, initializer=constant, trainable=False, autocast=False)

    def warm_up(self, steps: float, shape: str = "linear", cycles: int = 4) -> None:
        """Raises β from 0 to its final value over the first `steps` training steps of the model.

        Args:
            steps: length of the ramp in training steps, counted from the model's first step; 0 for no ramp.
            shape: `"linear"`, `"cosine"`, or `"cyclical"`: the steps are divided into `cycles`, in each of which β
                rises linearly from 0 over the first half and stays at its final value over the second (Fu et al. 2019).
            cycles: number of cycles, for `"cyclical"`.

        Raises:
            InputError: if `steps` is negative or not finite, `shape` is unknown or `cycles` is below 1.
        """
        self.check_ramp(shape, cycles)
        self.warmup_steps.assign(checks.number("steps", steps, low=0))
        self.ramp.assign({"linear": 0.0, "cosine": 1.0, "cyclical": -float(cycles)}[shape])

    @classmethod
    def check_ramp(cls, shape: str, cycles: int = 4) -> None:
        """Checks the shape of a ramp.

        Raises:
            InputError: if it is unknown, or `cycles` is below 1.
        """
        if shape not in cls.SHAPES:
            raise InputError(f"shape: expected one of {', '.join(cls.SHAPES)}; received {shape!r}.")
        checks.whole("cycles", cycles, high=MAX_CYCLES)

    def call(self, training=None):
        step = ops.cast(self.step, "float32")
        in_warmup = step < self.warmup_steps
        progress = ops.where(in_warmup, step / ops.maximum(self.warmup_steps, 1.0), 1.0)
        if training:
            self.step.assign(self.step + 1)
        half_cosine = 0.5 * (1.0 - ops.cos(progress * math.pi))
        in_cycle = progress * -self.ramp
        risen = ops.minimum(2.0 * (in_cycle - ops.floor(in_cycle)), 1.0)
        cyclical = ops.where(in_warmup, risen, 1.0)
        smooth = self.ramp * half_cosine + (1.0 - self.ramp) * progress
        return self._beta * ops.where(self.ramp < 0, cyclical, smooth)

    def get_config(self):
        return {**super().get_config(), "beta": self.initial_beta}


@keras.saving.register_keras_serializable(PACKAGE)
class KLDivergence(keras.layers.Layer):
    """Adds β · KL(N(mean, exp(log_var)) ‖ N(0, I)) to the model's loss and returns its inputs.

    The KL is in nats: a sum over latent units and a mean over the batch, computed in float32 whatever the
    dtype policy. Use the outputs, otherwise Keras leaves the layer out of the model:

    ```python
    mean, log_var = KLDivergence(beta=1.0)([mean, log_var])
    z = GaussianSampling()([mean, log_var])
    ```

    A `log_var` of one unit applies to every unit (n units, one variance). Masked time steps add nothing. `beta` is a
    variable: `layer.beta = 0.5` takes effect in a compiled training step, and the callback `BetaWarmup` finds the
    layer.

    Args:
        beta: weight of the KL (Higgins et al. 2017), finite and at least 0.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[mean, log_var]`; `mean` of any shape `(batch, …)`, `log_var` of the same shape or one that broadcasts
            to it.
        mask: mask of the time steps of a sequence, `(batch, steps)`, as Keras passes it on.

    Returns:
        `[mean, log_var]`, unchanged.

    Raises:
        InputError: if `beta` is negative, NaN or infinite, or the inputs are not a pair of tensors with
            compatible shapes.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> layer = kv.KLDivergence(beta=2.0)
    >>> mean, log_var = layer([np.array([[1.0, 2.0]], "float32"), np.zeros((1, 2), "float32")])
    >>> float(layer.losses[0])  # 2 · ½ (1² + 2²)
    5.0
    """

    def __init__(self, beta: float = 1.0, **kwargs):
        # Without autocasting, a mean and log_var kept in float32 enter the KL unrounded.
        kwargs["autocast"] = False
        super().__init__(**kwargs)
        self.beta_schedule = BetaSchedule(beta, name="beta_schedule")
        self.supports_masking = True

    @property
    def beta(self) -> keras.Variable:
        """The final weight of the KL, a scalar variable; setting it takes effect in compiled steps as well."""
        return self.beta_schedule.beta

    @beta.setter
    def beta(self, value: float) -> None:
        self.beta_schedule.beta = value

    def build(self, input_shape):
        _check_pair(self, input_shape)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        mean, log_var = inputs
        kl = kl_per_unit(mean, log_var)
        step_mask = _any_mask(mask)
        if step_mask is not None:
            step_mask = ops.cast(step_mask, "float32")
            while len(step_mask.shape) < len(kl.shape):  # a reshape would need sizes, which a compiled step lacks
                step_mask = ops.expand_dims(step_mask, -1)
            kl = kl * step_mask
        self.add_loss(self.beta_schedule(training=training) * ops.mean(sum_per_image(kl)))
        return type(inputs)(ops.cast(tensor, self.compute_dtype) for tensor in inputs)

    def compute_output_shape(self, input_shape):
        return type(input_shape)(_check_pair(self, input_shape))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta_schedule.initial_beta}
