"""Priors p(z): the standard normal, and mixtures of Gaussians whose parameters are learned with the model.

Each prior is one class, registered by its name; the configuration, the command line and the reports read the registry.
Importing this module does not import Keras.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from keras_vae._utils import settings_text
from keras_vae._utils.lazy_keras import ops
from keras_vae._utils.registry import Registry
from keras_vae.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from keras_vae._utils.items import Items
    from keras_vae.diagnostics import GaussianMixture as MixtureOfArrays

MAX_COMPONENTS = 100_000
LOG_2PI = math.log(2 * math.pi)


class Components(NamedTuple):
    """Gaussians with diagonal covariances that a prior mixes; tensors of the backend, float32.

    Attributes:
        log_weight: logarithms of the weights, `(components,)`.
        mean, log_var: means and log variances, `(components, units…)`.
    """

    log_weight: Any
    mean: Any
    log_var: Any


@dataclasses.dataclass(eq=False)
class Prior:
    """Base class of priors: mixtures Σ_k w_k N(z; μ_k, diag σ_k²).

    A new prior is a dataclass whose fields are its settings. It overrides `build`, which creates its variables, and
    `mixture`, and is registered under its `name`; registered with Keras as well, it is saved with a model.

    Attributes:
        name: identifier, as in `VAE(prior=name)`.
        description: a phrase for help texts and pages.
        is_standard: whether it is N(0, I), whose KL has a closed form and which has no parameters.

    Example:

    >>> from keras_vae import priors
    >>> priors.get("vamp")
    VampPrior(components=50)
    >>> priors.get("mixture").get_config()
    {'components': 10}
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    is_standard: ClassVar[bool] = False

    def check(self, posterior) -> None:
        """Checks that a model with this posterior can have this prior.

        Raises:
            InputError: if it cannot.
        """
        from keras_vae.posteriors import Posterior

        if not self.is_standard and type(posterior).divergence is not Posterior.divergence:
            raise InputError(
                f"prior: expected 'standard-normal' for posterior={posterior.name!r}, whose penalty is not the KL of a "
                f"Gaussian from the prior; received {self.name!r}; choose posterior='diagonal'."
            )

    def build(self, model) -> None:
        """Creates the variables that are learned; called once, by the constructor of `VAE`.

        Args:
            model: the VAE; variables made by its `add_weight` are trained, saved and loaded with it.
        """

    def start_from(self, images: "np.ndarray | Items", seed: int = 0) -> None:
        """Sets what the prior can take from training images before the training; by default nothing.

        Args:
            images: training images `(n, …)`, as an array or `Items`.
            seed: seed of their choice.
        """

    def mixture(self) -> Components:
        """The Gaussians of the mixture, as the variables are now."""
        raise NotImplementedError(f"{type(self).__name__} must define mixture().")

    def log_prob(self, z):
        """log p(z) of latent points `(n, units…)`, nats, `(n,)` float32."""
        log_weight, mean, log_var = self.mixture()
        d = math.prod(mean.shape[1:])
        z = ops.reshape(ops.cast(z, "float32"), (-1, 1, d))
        mean, log_var = (ops.reshape(tensor, (1, -1, d)) for tensor in (mean, log_var))
        squares = ops.sum(ops.square(z - mean) * ops.exp(-log_var) + log_var, axis=2)
        return ops.logsumexp(log_weight - 0.5 * (squares + d * LOG_2PI), axis=1)

    def divergence(self, z, mean, log_var):
        """log q(z | x) − log p(z) of each image at its own z ~ q(z | x): the estimate of the KL from one sample.

        Args:
            z: samples of the posteriors, `(batch, units…)`.
            mean: means of the posteriors, of that shape.
            log_var: their log variances, of that shape or one that broadcasts to it.

        Returns:
            A float32 tensor `(batch,)`, nats.
        """
        z, mean, log_var = (ops.cast(tensor, "float32") for tensor in (z, mean, log_var))
        log_q = -0.5 * (ops.square(z - mean) * ops.exp(-log_var) + log_var + LOG_2PI)
        return ops.sum(log_q, axis=tuple(range(1, len(z.shape)))) - self.log_prob(z)

    def log_ratio(self, z):
        """log p(z) − log N(z; 0, I) of latent points `(n, units…)`, nats, `(n,)` float32."""
        z = ops.cast(z, "float32")
        standard = -0.5 * ops.sum(ops.square(z) + LOG_2PI, axis=tuple(range(1, len(z.shape))))
        return self.log_prob(z) - standard

    def density(self) -> "MixtureOfArrays | None":
        """The mixture as arrays, for measures and figures; None for N(0, I)."""
        from keras_vae.diagnostics import GaussianMixture as MixtureOfArrays

        if self.is_standard:
            return None
        log_weight, mean, log_var = (ops.convert_to_numpy(tensor) for tensor in self.mixture())
        return MixtureOfArrays(ops.convert_to_numpy(ops.exp(log_weight)), mean, log_var)

    def get_config(self) -> dict[str, Any]:
        """The settings, from which a prior of the same kind can be made."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Prior":
        return cls(**config)


_REGISTRY = Registry("prior", Prior)


def register(cls: type[Prior]) -> type[Prior]:
    """Class decorator that registers a `Prior` under its `name`.

    Raises:
        InputError: if `cls` is not a subclass of `Prior` with a `name` of its own, or the name is registered for
            another class.
    """
    return _REGISTRY.register(cls)


def get(identifier: "str | Prior | None") -> Prior:
    """The prior of a text, or the instance itself; the standard normal for None.

    Raises:
        InputError: if no prior is registered under that name, or a setting is unknown.

    Example:

    >>> from keras_vae import priors
    >>> priors.get("mixture components=5")
    GaussianMixture(components=5)
    """
    if isinstance(identifier, str) and " " in identifier.strip():
        return parse(identifier)
    return _REGISTRY.get(StandardNormal.name if identifier is None else identifier)


def names() -> tuple[str, ...]:
    """The registered names.

    Example:

    >>> from keras_vae import priors
    >>> priors.names()[:3]
    ('standard-normal', 'mixture', 'vamp')
    """
    return _REGISTRY.names()


def descriptions() -> dict[str, str]:
    """A phrase for each registered name, for help texts and pages."""
    return _REGISTRY.descriptions()


def parse(text: str) -> Prior:
    """The prior of a text: a registered name, then settings `name=value`, separated by spaces.

    Raises:
        InputError: if the name or a setting is unknown, or a value is out of range.

    Example:

    >>> from keras_vae import priors
    >>> priors.parse("vamp components=100")
    VampPrior(components=100)
    """
    return settings_text.parse("prior", _REGISTRY.get, text)


def as_text(prior: Prior) -> str:
    """The text of a prior, with the settings that differ from the default ones.

    Example:

    >>> from keras_vae import priors
    >>> priors.as_text(priors.GaussianMixture(components=5))
    'mixture components=5'
    """
    return settings_text.as_text(prior)


@register
@dataclasses.dataclass(eq=False)
class StandardNormal(Prior):
    """N(0, I), without parameters; the KL of a Gaussian from it is computed in closed form."""

    name = "standard-normal"
    description = "N(0, I)"
    is_standard = True

    def log_prob(self, z):
        """log N(z; 0, I) of latent points `(n, units…)`, nats, `(n,)` float32."""
        z = ops.cast(z, "float32")
        return -0.5 * ops.sum(ops.square(z) + LOG_2PI, axis=tuple(range(1, len(z.shape))))


@dataclasses.dataclass(eq=False)
class _LearnedPrior(Prior):
    """A prior of a number of components, whose variables belong to a model."""

    components: int = 10

    def __post_init__(self):
        from keras_vae._utils import checks  # imports NumPy, which the help of a command does not need

        checks.whole("components", self.components, high=MAX_COMPONENTS)
        self._model: Any = None

    def build(self, model) -> None:
        if self._model is not None:
            raise InputError(
                f"prior: expected a {type(self).__name__} of its own for every model, since it holds the model's "
                f"variables; received that of another; pass prior={as_text(self)!r}."
            )
        self._model = model

    def _require_model(self) -> Any:
        if self._model is None:
            raise InputError(
                f"prior: expected the {type(self).__name__} of a model, which holds its variables; received one that "
                "belongs to none; use vae.prior."
            )
        return self._model


@register
@dataclasses.dataclass(eq=False)
class GaussianMixture(_LearnedPrior):
    """Σ_k w_k N(z; μ_k, diag σ_k²) with learned weights, means and variances.

    The first means are drawn from N(0, ½ I) and the first variances are ½, so that the mixture of many components
    begins as nearly N(0, I).

    Args:
        components: number of components, at least 1.

    Raises:
        InputError: if `components` is not a whole number of at least 1; if an instance is passed to a second model.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.dense_vae("4-2", prior="mixture components=3", seed=0)
    >>> tuple(vae.prior.mixture().mean.shape)
    (3, 2)
    >>> vae.generate(5, seed=1).shape
    (5, 4)
    """

    name = "mixture"
    description = "a mixture of Gaussians with learned weights, means and variances"

    INITIAL_VARIANCE: ClassVar[float] = 0.5  # of the components, and of their means

    def build(self, model) -> None:
        import keras

        super().build(model)
        shape = (self.components, *model.latent_shape)
        options = {"dtype": "float32", "trainable": True, "autocast": False}
        std = math.sqrt(self.INITIAL_VARIANCE)
        means = keras.initializers.RandomNormal(stddev=std, seed=model.seed)
        log_vars = keras.initializers.Constant(math.log(self.INITIAL_VARIANCE))
        self._logits = model.add_weight(name="prior_logits", shape=shape[:1], initializer="zeros", **options)
        self._mean = model.add_weight(name="prior_mean", shape=shape, initializer=means, **options)
        self._log_var = model.add_weight(name="prior_log_var", shape=shape, initializer=log_vars, **options)

    def mixture(self) -> Components:
        """The Gaussians of the mixture, as the variables are now."""
        self._require_model()
        logits = ops.convert_to_tensor(self._logits)
        return Components(
            logits - ops.logsumexp(logits), ops.convert_to_tensor(self._mean), ops.convert_to_tensor(self._log_var)
        )


@register
@dataclasses.dataclass(eq=False)
class VampPrior(_LearnedPrior):
    """Σ_k q(z | u_k) / K: the encoder's posteriors of K learned pseudo-inputs u (Tomczak & Welling 2018, equation 9).

    The pseudo-inputs are images whose values stay within the limits of the likelihood's pixels. They begin as noise;
    `start_from` sets them to random training images, which `kv.train` does. The encoder is applied to them in inference
    mode.

    Args:
        components: number of pseudo-inputs K, at least 1.

    Raises:
        InputError: if `components` is not a whole number of at least 1; if an instance is passed to a second model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.dense_vae("4-2", prior="vamp components=3", seed=0)
    >>> vae.prior.start_from(np.ones((10, 4), "float32"))
    >>> vae.prior.pseudo_inputs.tolist() == np.ones((3, 4)).tolist()
    True
    """

    components: int = 50

    name = "vamp"
    description = "the mixture of the posteriors of learned pseudo-inputs"

    def build(self, model) -> None:
        import keras

        super().build(model)
        support = model.likelihood.support
        bounded = support is not None and all(map(math.isfinite, support))
        self._pseudo_inputs = model.add_weight(
            name="pseudo_inputs",
            shape=(self.components, *model.image_shape),
            dtype="float32",
            initializer=keras.initializers.RandomUniform(0.0, 1.0, seed=model.seed),
            constraint=_Limits(*support) if bounded else None,
            trainable=True,
            autocast=False,
        )

    @property
    def pseudo_inputs(self) -> "np.ndarray":
        """The pseudo-inputs, a NumPy array `(components, …)` in the shape of the images."""
        self._require_model()
        return ops.convert_to_numpy(self._pseudo_inputs)

    def start_from(self, images: "np.ndarray | Items", seed: int = 0) -> None:
        """Sets the pseudo-inputs to random training images, to all of them in turn if there are fewer.

        Args:
            images: training images `(n, …)` of the model's shape, as an array or `Items`.
            seed: seed of their choice.

        Raises:
            InputError: if there is no image, or the images have another shape.
        """
        import numpy as np

        from keras_vae._utils import checks

        model = self._require_model()
        n = len(images)
        if not n or math.prod(images.shape[1:]) != math.prod(model.image_shape):
            raise InputError(
                f"images: expected at least one image of shape {model.image_shape}; received an array of shape "
                f"{tuple(images.shape)}."
            )
        order = np.random.default_rng(checks.seed(seed)).permutation(n)
        chosen = images[np.sort(np.resize(order, self.components))]
        self._pseudo_inputs.assign(chosen.reshape(self._pseudo_inputs.shape).astype("float32"))

    def mixture(self) -> Components:
        """The posteriors of the pseudo-inputs, as the variables and the encoder are now."""
        from keras_vae.posteriors import parse_encoder_outputs

        model = self._require_model()
        outputs = model.encoder(ops.convert_to_tensor(self._pseudo_inputs), training=False)
        mean, log_var = parse_encoder_outputs(outputs, model.posterior)
        mean = ops.cast(mean, "float32")
        log_weight = ops.full((self.components,), -math.log(self.components), dtype="float32")
        return Components(log_weight, mean, ops.broadcast_to(ops.cast(log_var, "float32"), ops.shape(mean)))


class _Limits:
    """Keeps the values of a variable within limits, applied after each step of the optimizer."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high

    def __call__(self, values):
        return ops.clip(values, self.low, self.high)


BUILT_IN = _REGISTRY.classes()  # registered with Keras by `keras_vae.models`, since Keras is not imported here
