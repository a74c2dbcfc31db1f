"""What a decoder's output says about an image: negative log-likelihoods in nats per image."""

import math

import keras
from keras import ops

from keras_vae.errors import InputError
from keras_vae.layers import PACKAGE, sum_per_image


class Likelihood:
    """p(x | z), given the output of a decoder.

    A likelihood of your own overrides `nll_per_pixel` and `mean`; register it with
    `keras.saving.register_keras_serializable` and models that use it can be saved and loaded:

    ```python
    @keras.saving.register_keras_serializable("my_package")
    class Laplace(kv.likelihoods.Likelihood):
        def nll_per_pixel(self, x, logits):
            return ops.abs(x - logits) + math.log(2.0)

        def mean(self, logits):
            return logits
    ```

    Override `__call__` and `check` instead where the density doesn't factorise over pixels or a pixel needs
    more than one number. Here `logits` is whatever the decoder puts out: all of it in float32.
    """

    # Whether the decoder's output goes through a sigmoid here, so that one at its end would be one too many.
    applies_sigmoid = False

    def __call__(self, x, logits):
        """−log p(x | z) in nats, summed over pixels.

        Args:
            x: images `(batch, …)`, values in [0, 1].
            logits: the decoder's output, of the same shape, or of as many numbers in another.

        Returns:
            A float32 tensor `(batch,)`.
        """
        return sum_per_image(self.nll_per_pixel(*_alike(x, logits)))

    def nll_per_pixel(self, x, logits):
        """−log p of every pixel in nats, of the shape of `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define nll_per_pixel(x, logits).")

    def mean(self, logits):
        """The expected image E[x | z], of the shape of `logits`."""
        raise NotImplementedError(f"{type(self).__name__} must define mean(logits).")

    def check(self, image_shape: tuple, logits_shape: tuple) -> None:
        """Raises an InputError unless a decoder's output of `logits_shape` can describe an image."""
        if math.prod(image_shape) != math.prod(logits_shape):
            raise InputError(
                f"decoder: expected an output of the image's shape {image_shape} for the likelihood "
                f"{type(self).__name__}; received {logits_shape}; end the decoder with a layer of that shape."
            )

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Likelihood":
        return cls(**config)


@keras.saving.register_keras_serializable(PACKAGE)
class Bernoulli(Likelihood):
    """Cross-entropy of pixels in [0, 1] with λ = sigmoid(logits): −x log λ − (1 − x) log(1 − λ).

    For grey pixels this is a bound on the expected cost of random binarisation, not a normalised density
    (Loaiza-Ganem & Cunningham 2019); `ContinuousBernoulli` is.
    """

    applies_sigmoid = True

    def __call__(self, x, logits):
        x, logits = _alike(x, logits)
        is_overridden = type(self).nll_per_pixel is not Bernoulli.nll_per_pixel
        if is_overridden or None in x.shape[1:]:
            return sum_per_image(self.nll_per_pixel(x, logits))
        pixels = math.prod(x.shape[1:])
        return _summed_cross_entropy(ops.reshape(x, (-1, pixels)), ops.reshape(logits, (-1, pixels)))

    def nll_per_pixel(self, x, logits):
        return _cross_entropy(x, logits)

    def mean(self, logits):
        return ops.sigmoid(logits)


@keras.saving.register_keras_serializable(PACKAGE)
class ContinuousBernoulli(Likelihood):
    """The Bernoulli's cross-entropy, normalised over [0, 1]: Loaiza-Ganem & Cunningham 2019, equation 8.

    With ℓ = logits and λ = sigmoid(ℓ), p(x) = C λˣ (1 − λ)¹⁻ˣ, and since 1 − 2λ = −tanh(ℓ/2) the constant is
    C = ℓ / tanh(ℓ/2), which is 2 at ℓ = 0. Near 0, where that is 0/0, the Taylor series stands in.
    """

    applies_sigmoid = True

    # Below this |ℓ| the first term that the series leaves out is under 1e-9.
    SERIES_BELOW = 0.1

    def _split(self, logits):
        """Whether the series applies, and logits that the closed form can take everywhere."""
        small = ops.abs(logits) < self.SERIES_BELOW
        return small, ops.where(small, ops.ones_like(logits), logits)

    def nll_per_pixel(self, x, logits):
        small, safe = self._split(logits)
        series = math.log(2.0) + logits**2 / 12.0 - 7.0 * logits**4 / 1440.0
        log_constant = ops.where(small, series, ops.log(safe / ops.tanh(0.5 * safe)))
        return _cross_entropy(x, logits) - log_constant

    def mean(self, logits):
        small, safe = self._split(logits)
        series = 0.5 + logits / 12.0 - logits**3 / 720.0
        return ops.where(small, series, 1.0 / (1.0 - ops.exp(-safe)) - 1.0 / safe)


@keras.saving.register_keras_serializable(PACKAGE)
class Gaussian(Likelihood):
    """Pixels with independent Gaussian noise around the decoder's output, of one fixed standard deviation.

    −log p = ½ ((x − mean) / std)² + log std + ½ log 2π.

    Args:
        std: the noise's standard deviation in units of a pixel's range [0, 1], above 0.
    """

    def __init__(self, std: float = 0.1):
        if not 0.0 < std < math.inf:
            raise InputError(f"std: expected a finite number above 0; received {std!r}.")
        self.std = float(std)

    def nll_per_pixel(self, x, logits):
        return 0.5 * ops.square((x - logits) / self.std) + math.log(self.std) + 0.5 * math.log(2.0 * math.pi)

    def mean(self, logits):
        return logits

    def get_config(self) -> dict:
        return {"std": self.std}


def _alike(x, logits):
    """Both in float32 and of one shape, or they would be broadcast."""
    x, logits = ops.cast(x, "float32"), ops.cast(logits, "float32")
    if x.shape[1:] != logits.shape[1:]:
        logits = ops.reshape(logits, (-1, *x.shape[1:]))
    return x, logits


@ops.custom_gradient
def _cross_entropy(x, logits):
    """−x log λ − (1 − x) log(1 − λ) with λ = sigmoid(ℓ): log(1 + e^ℓ) − x ℓ; its derivative by ℓ is λ − x.

    Both come from the same e^−|ℓ|. Compiled by XLA, `ops.softplus` and its derivative take twice as long, which is a
    tenth of a dense model's whole step; and however XLA fuses it, λ − x rounds the same way. The logarithm's error is
    float32's resolution at 1, 6e-8 nats a pixel, so its slower kin log1p would gain nothing in a sum over pixels.
    """
    e = ops.exp(-ops.abs(logits))

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        return -upstream * logits, upstream * (_sigmoid(e, logits) - x)

    return ops.maximum(logits, 0.0) + ops.log(1.0 + e) - x * logits, gradient


@ops.custom_gradient
def _summed_cross_entropy(x, logits):
    """`_cross_entropy` of `(batch, pixels)`, summed over pixels: `(batch,)`.

    One logarithm serves up to 16 pixels, since Σ log(1 + e^−|ℓ|) = log Π (1 + e^−|ℓ|), whose factors are at most 2.
    """
    e = ops.exp(-ops.abs(logits))
    pixels = x.shape[1]
    together = max(k for k in range(1, 17) if pixels % k == 0)
    products = ops.prod(ops.reshape(1.0 + e, (-1, together, pixels // together)), axis=1)
    value = ops.sum(ops.log(products), axis=1) + ops.sum(ops.maximum(logits, 0.0) - x * logits, axis=1)

    def gradient(*args, upstream=None):
        upstream = ops.expand_dims(args[0] if upstream is None else upstream, 1)
        return -upstream * logits, upstream * (_sigmoid(e, logits) - x)

    return value, gradient


def _sigmoid(e, logits):
    """sigmoid(ℓ) from e^−|ℓ|."""
    return ops.where(logits >= 0.0, 1.0, e) / (1.0 + e)


BY_NAME = {"bernoulli": Bernoulli, "continuous-bernoulli": ContinuousBernoulli, "gaussian": Gaussian}


def get(identifier: str | Likelihood | None) -> Likelihood:
    """A likelihood from its name, from itself, or from `None` (Bernoulli).

    Raises:
        InputError: if nothing goes by that name.
    """
    if identifier is None:
        return Bernoulli()
    if isinstance(identifier, str) and identifier in BY_NAME:
        return BY_NAME[identifier]()
    if callable(identifier) and hasattr(identifier, "mean") and not isinstance(identifier, type):
        return identifier
    raise InputError(
        f"likelihood: expected one of {', '.join(BY_NAME)}, or a keras_vae.likelihoods.Likelihood; "
        f"received {identifier!r}."
    )
