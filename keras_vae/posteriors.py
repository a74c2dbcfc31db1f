"""Variational families q(z | x): what the encoder outputs, how z is drawn, and which penalty enters the loss.

Each family is one class, registered by its name; the configuration, the command line, the builders and the reports read
the registry. Importing this module does not import Keras.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from keras_vae._utils.lazy_keras import ops
from keras_vae._utils.registry import Registry
from keras_vae.errors import InputError


class EncoderOutputs(NamedTuple):
    """An encoder's outputs.

    Attributes:
        mean: means of q(z | x), `(batch, units…)`.
        log_var: log variances, of the mean's shape or one that broadcasts to it; None if the encoder outputs none.
    """

    mean: Any
    log_var: Any = None


def parse_encoder_outputs(outputs: Any, posterior: "Posterior | None" = None) -> EncoderOutputs:
    """Mean and log variance from the outputs of an encoder, in any of the accepted forms.

    Args:
        outputs: a tensor (the mean), a sequence `[mean, log_var]`, or a dictionary with these keys. Further
            elements of a sequence (many published encoders return a sample of z third) are ignored without `posterior`.
        posterior: the family whose number of outputs and shape of log_var are required; None checks nothing.

    Returns:
        `EncoderOutputs(mean, log_var)`.

    Raises:
        InputError: if the number of outputs or the shape of log_var does not fit `posterior`.

    Example:

    >>> from keras_vae.posteriors import parse_encoder_outputs
    >>> parse_encoder_outputs({"log_var": 0.5, "mean": 2.0})
    EncoderOutputs(mean=2.0, log_var=0.5)
    """
    if isinstance(outputs, dict):
        outputs = [outputs[key] for key in EncoderOutputs._fields if key in outputs]
    tensors = list(outputs) if isinstance(outputs, Sequence) else [outputs]
    if posterior is None:
        return EncoderOutputs(*tensors[:2])
    names = posterior.encoder_outputs
    if len(tensors) != len(names):
        plural = "s" if len(names) > 1 else ""
        raise InputError(
            f"encoder: expected {len(names)} output{plural} ({', '.join(names)}) for the posterior "
            f"{posterior.name!r}; received {len(tensors)}."
        )
    parsed = EncoderOutputs(*tensors)
    if parsed.log_var is not None:
        mean, log_var = tuple(parsed.mean.shape[1:]), tuple(parsed.log_var.shape[1:])
        expected = posterior.log_var_shape(mean)
        if log_var != expected:
            raise InputError(
                f"encoder: expected a log_var of shape {expected} for the posterior {posterior.name!r} and a mean of "
                f"shape {mean}; received {log_var}."
            )
    return parsed


class EncoderHeads(Protocol):
    """Output layers of an encoder, made by `keras_vae.networks.builders` for an architecture."""

    def per_unit(self, name: str) -> Any:
        """One number per latent unit."""

    def shared(self, name: str) -> Any:
        """One number per image."""

    def repeated(self, name: str) -> Any:
        """One number per image, repeated for every latent unit."""


class Posterior:
    """Base class of variational families q(z | x).

    A new family overrides what differs from the diagonal Gaussian and is registered under its `name`:

    ```python
    @posteriors.register
    class FreeBits(posteriors.Diagonal):
        name = "free-bits"
        description = "a diagonal Gaussian; a KL below 1 nat per image is not penalised"
        divergence_name = "penalty"  # not a KL, so that no elbo is reported

        def divergence(self, mean, log_var=None):
            return ops.maximum(super().divergence(mean, log_var), 1.0)
    ```

    Register it before a model that uses it is loaded.

    Attributes:
        name: identifier, as in `VAE(posterior=name)` and `Config(posterior=name)`.
        description: a phrase for help texts and pages.
        encoder_outputs: `("mean", "log_var")` or `("mean",)`.
        divergence_name: name of the penalty among the metrics: `"kl"` if it is a KL divergence (the model then reports
            `elbo`), `"penalty"` if it is not, None if there is none (the model then has no `beta`).

    Example:

    >>> import numpy as np
    >>> from keras_vae import posteriors
    >>> isotropic = posteriors.get("isotropic")
    >>> isotropic.log_var_shape((2,))
    (1,)
    >>> kl = isotropic.divergence(np.array([[1.0, 2.0]]), np.zeros((1, 1)))  # ½ (1² + 2²)
    >>> float(kl[0])
    2.5
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    encoder_outputs: ClassVar[tuple[str, ...]] = ("mean", "log_var")
    divergence_name: ClassVar[str | None] = "kl"

    @property
    def has_density(self) -> bool:
        """Whether q(z | x) has a density: a mean and a variance. Without one there is no `kl` and no `elbo`."""
        return "log_var" in self.encoder_outputs

    @property
    def has_divergence(self) -> bool:
        """Whether a penalty enters the loss, weighted by β."""
        return self.divergence_name is not None

    @property
    def samples(self) -> bool:
        """Whether z is drawn from q(z | x); if not, z is the mean."""
        return self.has_density

    def log_var_shape(self, latent_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Shape of one image's log_var, given that of its mean; None without a density."""
        return tuple(latent_shape) if self.has_density else None

    def divergence(self, mean, log_var=None):
        """The penalty of each image, before it is multiplied by β: KL(q(z | x) ‖ N(0, I)), a sum over units.

        Args:
            mean: `(batch, units…)`.
            log_var: log variances of the mean's shape, or of one that broadcasts to it.

        Returns:
            A float32 tensor `(batch,)`, nats.
        """
        from keras_vae.layers import kl_per_unit, sum_per_image

        return sum_per_image(kl_per_unit(mean, log_var))

    def make_outputs(self, heads: EncoderHeads) -> list:
        """The encoder's output tensors, in the order of `encoder_outputs`."""
        return [heads.per_unit(name) for name in self.encoder_outputs]

    def get_config(self) -> dict:
        """The constructor's arguments; a family that has any is saved as a Keras object, the others by name."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Posterior":
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


_REGISTRY = Registry("posterior", Posterior)


def register(cls: type[Posterior]) -> type[Posterior]:
    """Class decorator that registers a `Posterior` under its `name`.

    Raises:
        InputError: if `cls` is not a subclass of `Posterior` with a `name` of its own, or the name is registered for
            another class.
    """
    return _REGISTRY.register(cls)


def get(identifier: str | Posterior) -> Posterior:
    """The posterior of a registered name, or the instance itself.

    Raises:
        InputError: if no posterior is registered under that name.

    Example:

    >>> from keras_vae import posteriors
    >>> posteriors.get("isotropic").log_var_shape((8, 8, 2))
    (1, 1, 1)
    >>> posteriors.get("none").has_density
    False
    """
    return _REGISTRY.get(identifier)


def names() -> tuple[str, ...]:
    """The registered names.

    Example:

    >>> from keras_vae import posteriors
    >>> posteriors.names()[:2]
    ('diagonal', 'isotropic')
    """
    return _REGISTRY.names()


def descriptions() -> dict[str, str]:
    """A phrase for each registered name, for help texts and pages."""
    return _REGISTRY.descriptions()


def is_restored_by_name(posterior: Posterior) -> bool:
    """Whether `get(posterior.name)` returns an equal posterior: of the same class, and without arguments."""
    return _REGISTRY.is_registered(posterior) and not posterior.get_config()


@register
class Diagonal(Posterior):
    """N(mean, diag(exp(log_var))): a mean and a variance for every unit (Kingma & Welling 2014, equation 9)."""

    name = "diagonal"
    description = "a mean and a variance for every unit"


@register
class Isotropic(Posterior):
    """N(mean, exp(log_var) I): a mean for every unit and one variance for all units of an image."""

    name = "isotropic"
    description = "a mean for every unit, one variance per image"

    def log_var_shape(self, latent_shape):
        return (1,) * len(latent_shape)

    def make_outputs(self, heads):
        return [heads.per_unit("mean"), heads.shared("log_var")]


@register
class IID(Isotropic):
    """Independent, identically distributed units: one mean and one variance per image.

    The posterior of Theorem 3 of Azmoodeh, "Why Bigger is Not Better". The encoder outputs the mean repeated for every
    unit.
    """

    name = "iid"
    description = "one mean and one variance per image"

    def make_outputs(self, heads):
        return [heads.repeated("mean"), heads.shared("log_var")]


@register
class NoSampling(Posterior):
    """z = mean, with the quadratic penalty ½‖mean‖²: the mean's part of the KL."""

    name = "none"
    description = "no sampling, with the penalty ½‖mean‖²"
    encoder_outputs = ("mean",)
    divergence_name = "penalty"

    def divergence(self, mean, log_var=None):
        """½‖mean‖² of every image, `(batch,)`."""
        from keras_vae.layers import sum_per_image

        return 0.5 * sum_per_image(ops.square(ops.cast(mean, "float32")))


@register
class Autoencoder(Posterior):
    """z = mean, without any penalty: a deterministic autoencoder."""

    name = "autoencoder"
    description = "no sampling, no penalty"
    encoder_outputs = ("mean",)
    divergence_name = None

    def divergence(self, mean, log_var=None):
        """0 for every image, `(batch,)`."""
        return ops.zeros_like(mean, dtype="float32")[(slice(None), *(0,) * (len(mean.shape) - 1))]
