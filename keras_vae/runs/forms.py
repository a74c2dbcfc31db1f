"""Forms of `config.json`, `metrics.json` and `checkpoint/state.json` (see `_utils.forms`)."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from keras_vae._utils.forms import OPTIONAL, FileName, Form, Number, Positive, Whole, quoted

Losses = dict[str, Number]


class Settings(Form):
    """`config` of config.json: hyperparameters. Those of a training are missing for an adopted model."""

    architecture: str
    dataset: str
    posterior: str
    seed: Whole
    likelihood: str = "bernoulli"
    epochs: Positive | None = None
    batch_size: Positive | None = None
    learning_rate: Number | None = None
    beta: Number = 1.0
    warmup: Number = 0.0
    data_options: dict[str, Any] = OPTIONAL
    binarize: Literal["static", "dynamic"] | None = None
    objective: str = "elbo"
    prior: str = "standard-normal"


OF_TRAINING = ("likelihood", "epochs", "batch_size", "learning_rate", "beta")


class PreparationForm(Form):
    """`dataset.preparation` of config.json: `data.Preparation`, without what was not done."""

    steps: list[str] = OPTIONAL
    columns: list[str] = OPTIONAL
    mean: list[Number] = OPTIONAL
    std: list[Number] = OPTIONAL
    damaged: Whole = OPTIONAL
    divisor: Positive = OPTIONAL


class Data(Form):
    """`dataset` of config.json and study.json."""

    name: str
    digest: str
    train: Whole
    test: Whole
    image_shape: Annotated[list[Positive], Field(min_length=1, max_length=3)]
    value_range: Annotated[list[Number], Field(min_length=2, max_length=2)] = OPTIONAL  # of pictures, if not 0 to 1
    path: str = OPTIONAL  # of the file, from the run folder
    class_names: list[str] = OPTIONAL
    preparation: PreparationForm = OPTIONAL


class PruningForm(Form):
    """`pruned` of config.json: from which run a model was pruned, and how; see `networks.pruning.prune`."""

    run: str  # path from the run folder
    weights_digest: str | None = None  # of the model before pruning
    by: Literal["variance", "kl"]
    threshold: Annotated[float, Field(ge=0)]
    kept: list[Whole]  # units of the model before pruning; channels of a latent map
    removed: list[Whole]
    constants: list[Number]  # at which the removed units were fixed
    units: Positive  # of the model before pruning, at all positions of a map
    parameters: Positive
    test: Losses  # before pruning


class ConfigFile(Form):
    """config.json: hyperparameters, data, software and machine."""

    config: Settings
    dataset: Data
    backend: str
    versions: dict[str, str | None] = OPTIONAL
    adopted: str = OPTIONAL  # digest of the file of a model that was trained elsewhere
    pruned: PruningForm = OPTIONAL

    @model_validator(mode="after")
    def _refuse_incomplete_settings(self):
        settings = self.config.model_dump(exclude_unset=True, exclude_none=True)
        missing = [key for key in OF_TRAINING if key not in settings]
        limits = self.dataset.value_range
        if limits is not None and limits[0] >= limits[1]:
            raise ValueError(f"expected dataset.value_range in increasing order; received {limits}")
        if self.adopted is None and missing:
            raise ValueError(f"expected config.{missing[0]}; it is missing")
        foreign = [key for key in self.config.model_extra or () if not key.isidentifier()]
        if foreign:  # they become options of a command and arguments of Python code
            raise ValueError(f"expected names as the keys of config; received {quoted(foreign[0])}")
        return self


class Parameters(Form):
    """Numbers of parameters."""

    encoder: Whole
    decoder: Whole


class Seconds(Form):
    """Durations, in seconds."""

    train: Number | None
    epoch_median: Number | None
    total: Number


class MetricsFile(Form):
    """metrics.json: losses, units and durations of a finished run."""

    train: Losses
    test: Losses
    n_active: Whole
    n_units: Positive
    epochs: Positive | None
    parameters: Parameters
    seconds: Seconds
    peak_memory_gb: Number | None = None
    weights_digest: str = OPTIONAL
    noise_std: Number | list[Number] = OPTIONAL  # estimated during training: of all values, or of each column
    units: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _refuse_missing_losses(self):
        for name, losses in (("train", self.train), ("test", self.test)):
            missing = [key for key in ("loss", "reconstruction") if key not in losses]
            if missing:
                raise ValueError(f"expected {name}.{missing[0]}; it is missing")
        return self


class CheckpointFile(Form):
    """state.json of any checkpoint: the files that belong to it."""

    epoch: Positive
    arrays: FileName
    growth: list[FileName] = Field(default_factory=list)

    @model_validator(mode="after")
    def _refuse_repeated_files(self):
        if len(set(self.growth)) < len(self.growth):
            raise ValueError("growth: expected each file once; one is named twice")
        return self


class TrainingState(CheckpointFile):
    """state.json of a training."""

    steps: Positive
    history: list[Losses]
    seconds: Annotated[float, Field(ge=0)]
    shapes: list[list[Whole]]

    @model_validator(mode="after")
    def _refuse_another_number_of_epochs(self):
        numbered = [row.get("epoch") for row in self.history]
        if numbered != list(range(1, self.epoch + 1)):
            raise ValueError(f"history: expected epochs 1 to {self.epoch}, one row each; received {len(numbered)} rows")
        if any("seconds" not in row for row in self.history):
            raise ValueError("history: expected the seconds of each epoch; they are missing")
        return self
