"""Configuration of a training run: every hyperparameter, validated."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from keras_vae import likelihoods, objectives, posteriors, priors
from keras_vae._utils import field_errors
from keras_vae.data import DataOptions
from keras_vae.errors import InputError
from keras_vae.networks.architecture import Architecture, parse, with_decoder

RECORDED_PER_LABEL = 6  # test images
MAX_COUNT = 1_000_000_000  # of epochs, images or steps: products of two fit into 64 bits
MAX_FLOAT32 = 3.4e38  # models are trained in float32


def _check_float32(value: float) -> float:
    if value > MAX_FLOAT32:
        raise ValueError(f"expected at most {MAX_FLOAT32:g}, the range of float32")
    return value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_check_float32)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_check_float32)]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]


def _choices() -> dict[str, tuple[str, ...]]:
    """Accepted values of the fields that name a kind of posterior or likelihood."""
    return {
        "posterior": posteriors.names(),
        "likelihood": likelihoods.names(),
    }


def _one_of(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        *others, last = map(repr, choices)
        raise ValueError(f"expected {', '.join(others)} or {last}")
    return value


class Config(BaseModel):
    """Hyperparameters of a training run; unknown ones are refused.

    Attributes:
        architecture: layers of the encoder as text: `784-256-2`, `c32-c64-256-16`, `c64-c128-8x8x1024`.
        dataset: a name or path that `load` accepts.
        epochs: passes over the training images.
        batch_size: images per step; the last batch of an epoch may be smaller.
        learning_rate: learning rate of Adam, above 0.
        posterior, beta: as in `dense_vae`.
        likelihood: a name, with settings as text: `bernoulli`, `gaussian std=0.5`; None for the default of the data,
            which `train` writes to config.json: `bernoulli` for grey images in [0, 1] and binarised ones, else see
            `likelihoods.default_name`.
        warmup: epochs over which beta rises linearly from 0, at most `epochs`; 0 for no warm-up.
        seed: seed of the initial weights, the sampling noise, the order of the images and the choice of recorded
            images; 0 or more, below 2³¹.
        record_every: optimizer steps between recorded frames of the trajectory; by default 5, or as many as keep the
            recording of many units under 256 MB.
        record_per_label: number of test images of each label that are recorded.
        jit_compile: as in `VAE.compile`; `auto` uses XLA where it is faster.
        data_options: options of `load`, as a dictionary: `{"size": 64}`.
        decoder: sizes of the dense layers of a decoder that doesn't mirror the encoder, as in `dense_vae`.
        binarize: `static` draws binary images once, with each pixel's grey value as probability; `dynamic` draws the
            training images anew for every epoch (see `data.DynamicBinarization`). The test images are the same in
            either case, for every configuration: `data.binarize(x_test, seed=0)`.
        normalization: `batch` or `layer`, as in `conv_vae`; None for none.
        activation: of the hidden layers, by Keras' name: `relu`, `tanh`, `sigmoid`, `elu`, `silu` or `softplus`.
        objective: what is minimised, as text (see `objectives.parse`): `elbo`, `decomposed tc=6`, `free-bits nats=0.1`.
            The number of training images that `decomposed` needs is that of the data set, unless it is stated.
        warmup_shape: how beta rises: `linear`, `cosine` or `cyclical` (four cycles), as in `BetaWarmup`.
        prior: the prior p(z), as text (see `priors.parse`): `standard-normal`, `mixture components=20`, `vamp`. The
            pseudo-inputs of `vamp` begin as random training images.

    Raises:
        InputError: if an argument is out of range or unknown; the message names the first.

    Example:
        >>> config = Config("784-256-2", dataset="mnist-5k", epochs=5)
        >>> config.n_units, config.posterior, config.seed
        (2, 'diagonal', 0)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str
    dataset: str = "mnist"
    epochs: Count = 50
    posterior: str = "diagonal"
    likelihood: str | None = None
    beta: NotNegative = 1.0
    warmup: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    record_every: Count | None = None
    record_per_label: Count = RECORDED_PER_LABEL
    jit_compile: Literal["auto"] | bool = "auto"
    decoder: str | None = None
    data_options: DataOptions = DataOptions()
    binarize: Literal["static", "dynamic"] | None = None
    normalization: Literal["batch", "layer"] | None = None
    activation: Literal["relu", "tanh", "sigmoid", "elu", "silu", "softplus"] = "relu"
    objective: str = "elbo"
    warmup_shape: Literal["linear", "cosine", "cyclical"] = "linear"
    prior: str = "standard-normal"

    def __init__(self, architecture: str, **others):
        try:
            super().__init__(architecture=architecture, **others)
        except ValidationError as error:
            raise InputError(field_errors.sentence(error, type(self).model_fields, "Config")) from None

    @field_validator("posterior")
    @classmethod
    def _refuse_unknown_posteriors(cls, value: str) -> str:
        return _one_of(value, _choices()["posterior"])

    @field_validator("likelihood")
    @classmethod
    def _refuse_unknown_likelihoods(cls, value: str | None) -> str | None:
        if value is not None:
            _one_of(value.partition(" ")[0], _choices()["likelihood"])
        return value

    @model_validator(mode="after")
    def _refuse_options_without_effect(self):
        if not posteriors.get(self.posterior).has_divergence and (self.warmup or self.beta != 1.0):
            raise ValueError(
                f"beta, warmup: expected neither for posterior={self.posterior!r}, which has no KL term; remove them"
            )
        return self

    @model_validator(mode="after")
    def _refuse_unusable_components(self):
        try:
            objective, posterior = objectives.parse(self.objective), posteriors.get(self.posterior)
            objective.check(posterior, self.beta)
            prior = priors.parse(self.prior)
            prior.check(posterior)
            likelihoods.get(self.likelihood)
            objective.check_prior(prior)
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return self

    @model_validator(mode="after")
    def _refuse_incomplete_warmup(self):
        if self.warmup_shape != "linear" and not self.warmup:
            raise ValueError(f"warmup_shape: expected a warmup above 0 for {self.warmup_shape!r}; received 0; add it")
        if self.warmup > self.epochs:
            raise ValueError(
                f"warmup: expected at most the {self.epochs} epochs of the training, since beta would not reach "
                f"{self.beta:g}; received {self.warmup:g}; shorten the warm-up or train longer"
            )
        return self

    def with_likelihood(self, image_shape: Sequence[int], value_range: tuple[float, float]) -> "Config":
        """This configuration with the default likelihood for such images, if it names none."""
        if self.likelihood is not None:
            return self
        name = "bernoulli" if self.binarize else likelihoods.default_name(tuple(image_shape), value_range)
        return self.model_copy(update={"likelihood": name})

    @property
    def network(self) -> Architecture:
        """The parsed architecture of encoder and decoder."""
        return with_decoder(parse(self.architecture), self.decoder)

    @property
    def n_units(self) -> int:
        """Number of latent units."""
        return self.network.n_units


REQUIRED_FIELDS = tuple(name for name, field in Config.model_fields.items() if field.is_required())
