"""Configuration of a training: every hyperparameter, validated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from keras_vae.errors import InputError
from keras_vae.networks import architecture

RECORDED_PER_LABEL = 6  # test images

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def _choices() -> dict[str, tuple[str, ...]]:
    """Accepted values of the fields that name a kind of posterior or likelihood."""
    return {
        "posterior": ("diagonal", "isotropic", "iid", "none", "autoencoder"),
        "likelihood": ("bernoulli", "continuous-bernoulli", "gaussian"),
    }


class Config(BaseModel):
    """Hyperparameters of a training; unknown ones are refused.

    Attributes:
        architecture: layers of the encoder as text: `784-256-2`, `c32-c64-256-16`, `c64-c128-8x8x1024`.
        dataset: a name or path that `load` accepts.
        epochs: passes over the training images.
        batch_size: images per step; the last batch of an epoch may be smaller.
        learning_rate: of Adam.
        posterior, likelihood, beta: as in `dense_vae`.
        warmup: epochs in which beta rises linearly from 0; 0 for none.
        seed: of the initial weights, the sampling noise, the order of the images and the choice of recorded images.
        record_every: optimizer steps between recorded frames of the trajectory; by default 5, or as many as keep the
            recording of many units under 256 MB.
        record_per_label: test images of each label that are recorded.
        jit_compile: as in `VAE.compile`; `auto` uses XLA where it is faster.
        decoder: dense layers of a decoder that doesn't mirror the encoder, as in `dense_vae`.

    Raises:
        InputError: naming the first argument that is out of range.

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
    likelihood: str = "bernoulli"
    beta: NotNegative = 1.0
    warmup: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    record_every: Count | None = None
    record_per_label: Count = RECORDED_PER_LABEL
    jit_compile: Literal["auto"] | bool = "auto"
    decoder: str | None = None

    def __init__(self, architecture: str, **others):
        try:
            super().__init__(architecture=architecture, **others)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            if not first["loc"]:  # of several fields together
                raise InputError(f"{message}.") from None
            name = ".".join(map(str, first["loc"]))
            raise InputError(f"{name}: {message}; received {first['input']!r}.") from None

    @field_validator("posterior", "likelihood")
    @classmethod
    def _refuse_unknown_kinds(cls, value: str, info: ValidationInfo) -> str:
        choices = _choices()[info.field_name]
        if value not in choices:
            *others, last = map(repr, choices)
            raise ValueError(f"expected {', '.join(others)} or {last}")
        return value

    @model_validator(mode="after")
    def _refuse_options_without_effect(self):
        if self.posterior == "autoencoder" and (self.warmup or self.beta != 1.0):
            raise ValueError(
                "beta, warmup: expected neither for posterior='autoencoder', which has no KL term; remove them"
            )
        return self

    @property
    def network(self) -> architecture.Architecture:
        """The parsed architecture of encoder and decoder."""
        return architecture.with_decoder(architecture.parse(self.architecture), self.decoder)

    @property
    def n_units(self) -> int:
        """Number of latent units."""
        return self.network.n_units
