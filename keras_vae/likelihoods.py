"""Likelihoods p(x | z) of images given a decoder's output: negative log-likelihoods in nats per image.

Each likelihood is one class, registered by its name; the configuration, the command line and the reports read the
registry. Importing this module does not import Keras.
"""

import math
from typing import Any, ClassVar

from keras_vae._utils import settings_text
from keras_vae._utils.lazy_keras import ops
from keras_vae._utils.registry import Registry
from keras_vae.errors import InputError


class Likelihood:
    """Base class of likelihoods p(x | z), where z enters through a decoder's output, the `logits`.

    A new likelihood overrides `nll_per_pixel` and `mean`. Registered with Keras it is saved and loaded with a model;
    registered here it also has a name for `VAE`, `Config` and the command line:

    ```python
    @kv.likelihoods.register
    @keras.saving.register_keras_serializable("my_package")
    class Laplace(kv.Likelihood):
        name = "laplace"
        description = "pixels with Laplacian noise of scale 1"

        def nll_per_pixel(self, x, logits):
            return ops.abs(x - logits) + math.log(2.0)

        def mean(self, logits):
            return logits
    ```

    Override `__call__` and `check` instead if the density does not factorise over pixels or a pixel needs more than one
    parameter. Override `build` and `update` for parameters that are estimated during training. `logits` is always
    float32.

    Attributes:
        name: identifier, as in `VAE(likelihood=name)` and `Config(likelihood=name)`; the numbers that `get_config`
            returns can be set in the same text: `"gaussian std=0.5"`.
        description: a phrase for help texts and pages.
        applies_sigmoid: whether the decoder's output passes through a sigmoid here, so that the decoder must not end
            with one.
        needs_binary_data: whether log p(x | z) is a log-probability for binary images only; estimates of log p(x) then
            binarise grey images.
        support: the limits of the values of pixels, both included, outside which `fit` and `evaluate` refuse images;
            `(-math.inf, math.inf)` refuses NaN and infinity alone, None nothing. A subclass that overrides
            `nll_per_pixel` or `__call__` must set it again.
        browser_output: how a page's script computes `mean` from logits: `"sigmoid"`, `"linear"` or
            `"continuous-bernoulli"`; None if it cannot. A subclass that overrides `mean` must set it again.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> class SquaredError(kv.Likelihood):
    ...     def nll_per_pixel(self, x, logits):
    ...         return ops.square(x - logits)
    ...
    ...     def mean(self, logits):
    ...         return logits
    >>> float(SquaredError()(ops.ones((1, 4)), ops.zeros((1, 4)))[0])
    4.0
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    applies_sigmoid: ClassVar[bool] = False
    needs_binary_data: ClassVar[bool] = False
    support: ClassVar[tuple[float, float] | None] = None
    browser_output: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # An inherited `browser_output` would belong to the mean of the base class.
        if "mean" in vars(cls) and "browser_output" not in vars(cls):
            cls.browser_output = None
        # An inherited `support` would belong to the density of the base class.
        if {"nll_per_pixel", "__call__"} & set(vars(cls)) and "support" not in vars(cls):
            cls.support = None

    def __call__(self, x, logits):
        """−log p(x | z) in nats, summed over pixels.

        Args:
            x: images `(batch, …)`, values in [0, 1].
            logits: the decoder's output, of the same shape or of another shape with as many numbers.

        Returns:
            A float32 tensor `(batch,)`.
        """
        nll = self.nll_per_pixel(*_in_one_shape(x, logits))
        return ops.sum(nll, axis=tuple(range(1, len(nll.shape))))

    def nll_per_pixel(self, x, logits):
        """−log p of every pixel in nats, of the shape of `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define nll_per_pixel(x, logits).")

    def mean(self, logits):
        """The expected image E[x | z], of the shape of `logits`."""
        raise NotImplementedError(f"{type(self).__name__} must define mean(logits).")

    def check(self, image_shape: tuple[int, ...], logits_shape: tuple[int, ...]) -> None:
        """Checks that a decoder's output of `logits_shape` describes an image of `image_shape`.

        Raises:
            InputError: if it does not.
        """
        if None in (*image_shape, *logits_shape):
            raise InputError(
                f"decoder: expected an image and an output of known sizes; received {image_shape} and {logits_shape}; "
                "give every axis of the inputs a size."
            )
        if math.prod(image_shape) != math.prod(logits_shape):
            raise InputError(
                f"decoder: expected an output of the image's shape {image_shape} for the likelihood "
                f"{type(self).__name__}; received {logits_shape}; end the decoder with a layer of that shape."
            )

    def build(self, model, image_shape: tuple[int, ...]) -> None:
        """Creates the variables that are estimated during training; called once, by the constructor of `VAE`.

        Args:
            model: the VAE; variables made by its `add_weight` are trained, saved and loaded with it.
            image_shape: shape of one image.
        """

    def update(self, x, logits, weight=None) -> None:
        """Adapts the variables to a batch; called in every training step, before the loss of the batch is computed.

        Args:
            x: images `(batch, …)`.
            logits: the decoder's output.
            weight: a weight for each image, `(batch,)`, or None.
        """

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Likelihood":
        return cls(**config)


_REGISTRY = Registry("likelihood", Likelihood)


def register(cls: type[Likelihood]) -> type[Likelihood]:
    """Class decorator that registers a `Likelihood` under its `name`.

    Raises:
        InputError: if `cls` is not a subclass of `Likelihood` with a `name` of its own, or the name is registered for
            another class.
    """
    return _REGISTRY.register(cls)


def get(identifier: str | Likelihood | None) -> Likelihood:
    """The likelihood of a text, the instance itself, or `Bernoulli()` for None.

    Args:
        identifier: an instance; or a registered name, then settings `name=value`, separated by spaces.

    Raises:
        InputError: if no likelihood is registered under that name, a setting is unknown, or a value is out of range.

    Example:

    >>> from keras_vae import likelihoods
    >>> likelihoods.get("gaussian").get_config(), likelihoods.get("gaussian std=0.5").get_config()
    ({'std': 0.1}, {'std': 0.5})
    """
    if identifier is None:
        return Bernoulli()
    if isinstance(identifier, str) and " " in identifier:
        return settings_text.parse("likelihood", _REGISTRY.get, identifier)
    return _REGISTRY.get(identifier)


def as_text(likelihood: Likelihood) -> str:
    """The text of a likelihood, with the settings that differ from the default ones; its class if not registered.

    Example:

    >>> from keras_vae import likelihoods
    >>> likelihoods.as_text(likelihoods.Bernoulli()), likelihoods.as_text(likelihoods.Gaussian(std=0.5))
    ('bernoulli', 'gaussian std=0.5')
    """
    return settings_text.as_text(likelihood) if _REGISTRY.is_registered(likelihood) else type(likelihood).__name__


def names() -> tuple[str, ...]:
    """The registered names.

    Example:

    >>> from keras_vae import likelihoods
    >>> likelihoods.names()[:3]
    ('bernoulli', 'continuous-bernoulli', 'gaussian')
    """
    return _REGISTRY.names()


def descriptions() -> dict[str, str]:
    """A phrase for each registered name, for help texts and pages."""
    return _REGISTRY.descriptions()


@register
class Bernoulli(Likelihood):
    """Cross-entropy of pixels in [0, 1] with λ = sigmoid(logits): −x log λ − (1 − x) log(1 − λ).

    For grey pixels this is a bound on the expected cost of random binarisation, not a normalised density
    (Loaiza-Ganem & Cunningham 2019); `ContinuousBernoulli` is one.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x, logits = np.array([[0.0, 1.0, 1.0]]), np.zeros((1, 3))
    >>> nll = kv.Bernoulli()(x, logits)  # 3 log 2
    >>> round(float(nll[0]), 3)
    2.079
    """

    name = "bernoulli"
    description = "cross-entropy of pixels in [0, 1]"
    applies_sigmoid = True
    needs_binary_data = True
    support = (0.0, 1.0)
    browser_output = "sigmoid"

    def __call__(self, x, logits):
        from keras_vae._cross_entropy import summed_cross_entropy

        is_overridden = type(self).nll_per_pixel is not Bernoulli.nll_per_pixel
        if is_overridden or None in x.shape[1:]:
            return super().__call__(x, logits)
        x, logits = _in_one_shape(x, logits)
        pixels = math.prod(x.shape[1:])
        return summed_cross_entropy(ops.reshape(x, (-1, pixels)), ops.reshape(logits, (-1, pixels)))

    def nll_per_pixel(self, x, logits):
        from keras_vae._cross_entropy import cross_entropy

        return cross_entropy(x, logits)

    def mean(self, logits):
        return ops.sigmoid(logits)


@register
class ContinuousBernoulli(Likelihood):
    """The Bernoulli's cross-entropy, normalised over [0, 1]: Loaiza-Ganem & Cunningham 2019, equation 8.

    With ℓ = logits and λ = sigmoid(ℓ), p(x) = C λˣ (1 − λ)¹⁻ˣ, and since 1 − 2λ = −tanh(ℓ/2) the constant is
    C = ℓ / tanh(ℓ/2), which is 2 at ℓ = 0. Near 0, where that is 0/0, its Taylor series is used.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> likelihood = kv.ContinuousBernoulli()
    >>> nll = likelihood(np.full((1, 3), 0.5), np.zeros((1, 3)))  # the uniform density, 1
    >>> abs(round(float(nll[0]), 3))
    0.0
    >>> round(float(likelihood.mean(np.array([2.0], "float32"))[0]), 3)
    0.657
    """

    name = "continuous-bernoulli"
    description = "the cross-entropy, normalised over [0, 1]"
    applies_sigmoid = True
    support = (0.0, 1.0)
    browser_output = "continuous-bernoulli"

    # For |ℓ| below this value the first omitted term of the series is under 1e-9.
    SERIES_BELOW = 0.1

    def _split(self, logits):
        """Whether the series applies, and logits at which the closed form is finite everywhere."""
        small = ops.abs(logits) < self.SERIES_BELOW
        return small, ops.where(small, ops.ones_like(logits), logits)

    def nll_per_pixel(self, x, logits):
        from keras_vae._cross_entropy import cross_entropy

        small, safe = self._split(logits)
        series = math.log(2.0) + logits**2 / 12.0 - 7.0 * logits**4 / 1440.0
        log_constant = ops.where(small, series, ops.log(safe / ops.tanh(0.5 * safe)))
        return cross_entropy(x, logits) - log_constant

    def mean(self, logits):
        small, safe = self._split(logits)
        series = 0.5 + logits / 12.0 - logits**3 / 720.0
        return ops.where(small, series, 1.0 / (1.0 - ops.exp(-safe)) - 1.0 / safe)


@register
class Gaussian(Likelihood):
    """Pixels with independent Gaussian noise around the decoder's output, of one fixed standard deviation.

    −log p = ½ ((x − mean) / std)² + log std + ½ log 2π.

    Args:
        std: standard deviation of the noise, finite and above 0; pixels lie in [0, 1].

    Raises:
        InputError: if `std` is not a finite number above 0.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> nll = kv.Gaussian(std=1.0)(np.ones((1, 2)), np.ones((1, 2)))  # log 2π
    >>> round(float(nll[0]), 3)
    1.838
    """

    name = "gaussian"
    description = "Gaussian noise of one fixed standard deviation"
    support = (-math.inf, math.inf)
    browser_output = "linear"

    def __init__(self, std: float = 0.1):
        from keras_vae._utils import checks  # which imports NumPy; the help of the command line does not need it

        self._std = checks.number("std", std, low=0, open_low=True)

    @property
    def std(self) -> float:
        """The standard deviation; read-only, since compiled steps contain it."""
        return self._std

    def nll_per_pixel(self, x, logits):
        return 0.5 * ops.square((x - logits) / self.std) + math.log(self.std) + 0.5 * math.log(2.0 * math.pi)

    def mean(self, logits):
        return logits

    def get_config(self) -> dict:
        return {"std": self.std}


@register
class OptimalGaussian(Likelihood):
    """Gaussian noise of one standard deviation for all pixels, which is estimated during training.

    For given means, the standard deviation of largest likelihood is the root of the mean squared error (Rybkin et al.
    2021, "Simple and Effective VAE Training with Calibrated Decoders", equation 5). The squared error is averaged over
    the latest training batches with exponentially decreasing weights, so that training and evaluation use one density
    and a small last batch has little influence. The variance is a variable of the model and is saved with it; its
    gradient is 0 at the optimum, so that the network's gradients are those of a Gaussian of this fixed variance.

    A density may exceed 1: where the noise is small, the negative log-likelihood is negative, and so is −ELBO.

    Args:
        min_std: the smallest standard deviation, above 0; it bounds the likelihood of pixels that are reconstructed
            exactly.

    Raises:
        InputError: if `min_std` is not a finite number above 0; if an instance is passed to a second model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> likelihood = kv.dense_vae("4-2", likelihood="gaussian-optimal", seed=0).likelihood
    >>> float(likelihood.std)  # before training
    1.0
    >>> x, logits = np.ones((8, 4)), np.full((8, 4), 0.5)
    >>> likelihood.update(x, logits)  # a part of every training step
    >>> float(likelihood.std)
    0.5
    >>> round(float(likelihood(x, logits)[0]), 3)  # 4 (½ + log 0.5 + ½ log 2π)
    2.903
    """

    name = "gaussian-optimal"
    description = "Gaussian noise of one standard deviation, estimated during training"
    support = (-math.inf, math.inf)
    browser_output = "linear"

    INITIAL_STD = 1.0  # of a model that has not been trained
    MAX_MOMENTUM = 0.95  # of the average over batches
    # Momentum is 1/2 after this many steps. The error falls by orders of magnitude in the first steps, so that their
    # average is short; with equal weights for all batches the first one's error dominates for an epoch.
    HALF_MOMENTUM_STEPS = 10

    def __init__(self, min_std: float = 0.01):
        from keras_vae._utils import checks

        self._min_std = checks.number("min_std", min_std, low=0, open_low=True)
        self._variance: Any = None  # variables of the model
        self._updates: Any = None

    @property
    def min_std(self) -> float:
        """The smallest standard deviation; read-only, since compiled steps contain it."""
        return self._min_std

    @property
    def std(self):
        """The standard deviation, a NumPy array: a scalar, or of the image's shape if there is one for each pixel."""
        return ops.convert_to_numpy(ops.sqrt(self._bounded_variance()))

    def build(self, model, image_shape: tuple[int, ...]) -> None:
        if self._variance is not None:
            raise InputError(
                f"likelihood: expected a {type(self).__name__} of its own for every model, since it holds the model's "
                f"standard deviation; received that of another; pass likelihood={self.name!r}."
            )
        self._variance = model.add_weight(
            name="noise_variance",
            shape=self._variance_shape(image_shape),
            dtype="float32",
            initializer=lambda shape, dtype=None: ops.full(shape, self.INITIAL_STD**2, dtype=dtype),
            trainable=False,
            autocast=False,
            aggregation="mean",
        )
        self._updates = model.add_weight(
            name="noise_updates", shape=(), dtype="int", initializer="zeros", trainable=False
        )

    def _variance_shape(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        return ()

    def _bounded_variance(self):
        if self._variance is None:
            raise InputError(
                f"likelihood: expected the {type(self).__name__} of a model, which holds its standard deviation; "
                "received one that belongs to none; use vae.likelihood."
            )
        return ops.maximum(self._variance, self.min_std**2)

    def update(self, x, logits, weight=None) -> None:
        x, logits = _in_one_shape(x, logits)
        squared_error = ops.square(ops.stop_gradient(x - logits))
        shape = tuple(self._variance.shape)
        per_image = squared_error if shape else ops.mean(squared_error, axis=tuple(range(1, len(x.shape))))
        if weight is None:
            observed = ops.mean(per_image, axis=0)
        else:
            weight = ops.reshape(weight, (-1, *[1] * (len(per_image.shape) - 1)))
            observed = ops.divide_no_nan(ops.sum(per_image * weight, axis=0), ops.sum(weight))
        done = ops.cast(self._updates, "float32")
        momentum = ops.minimum(done / (done + self.HALF_MOMENTUM_STEPS), self.MAX_MOMENTUM)
        self._variance.assign(momentum * self._variance + (1.0 - momentum) * ops.reshape(observed, shape))
        self._updates.assign(self._updates + 1)

    def nll_per_pixel(self, x, logits):
        variance = self._bounded_variance()
        if tuple(variance.shape) not in ((), tuple(x.shape[1:])):
            variance = ops.reshape(variance, x.shape[1:])
        return 0.5 * (ops.square(x - logits) / variance + ops.log(variance) + math.log(2.0 * math.pi))

    def mean(self, logits):
        return logits

    def get_config(self) -> dict:
        return {"min_std": self.min_std}


@register
class PixelwiseGaussian(OptimalGaussian):
    """`OptimalGaussian` with a standard deviation for each pixel, or for each column of a table.

    Columns that the latent units do not explain keep the noise that they have, and do not set that of the others.

    Args:
        min_std: as in `OptimalGaussian`.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.dense_vae("3-2", likelihood="gaussian-per-pixel", seed=0)
    >>> vae.likelihood.std.tolist()  # before training
    [1.0, 1.0, 1.0]
    """

    name = "gaussian-per-pixel"
    description = "Gaussian noise of one standard deviation for each pixel or column, estimated during training"

    def _variance_shape(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(image_shape)


def default_name(image_shape: tuple[int, ...], value_range: tuple[float, float] = (0.0, 1.0)) -> str:
    """The name of the likelihood that a training uses where none is chosen.

    Args:
        image_shape: shape of one image, or `(columns,)`.
        value_range: the limits of the values, as of `Dataset.value_range`.

    Returns:
        `bernoulli` for grey images in [0, 1], `gaussian-optimal` for colour images and other values,
        `gaussian-per-pixel` for vectors.

    Example:

    >>> from keras_vae import likelihoods
    >>> likelihoods.default_name((28, 28)), likelihoods.default_name((64, 64, 3)), likelihoods.default_name((30,))
    ('bernoulli', 'gaussian-optimal', 'gaussian-per-pixel')
    """
    if len(image_shape) == 1:
        return PixelwiseGaussian.name
    is_grey = len(image_shape) == 2 or image_shape[2] == 1
    return Bernoulli.name if is_grey and tuple(value_range) == (0.0, 1.0) else OptimalGaussian.name


BUILT_IN = _REGISTRY.classes()  # registered with Keras by `keras_vae.models`, since Keras is not imported here


def _in_one_shape(x, logits):
    """Casts both to float32 and reshapes `logits` to the shape of `x`; unequal shapes would be broadcast."""
    x, logits = ops.cast(x, "float32"), ops.cast(logits, "float32")
    if x.shape[1:] != logits.shape[1:]:
        logits = ops.reshape(logits, (-1, *x.shape[1:]))
    return x, logits
