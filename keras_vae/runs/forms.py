"""Forms of the JSON files of runs, checkpoints and studies, which are checked when a file is read.

A form names the values that the package reads, with their types. Other values are allowed, since earlier and later
versions and programs of your own write more.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from keras_vae._utils import readers
from keras_vae.errors import DamagedFileError
from keras_vae.measures import INTERPOLATIONS

MAX_WHOLE = 2**53  # the largest number up to which JSON's numbers are exact
MAX_VALUE_CHARACTERS = 60  # of a wrong value that is quoted in a message

Whole = Annotated[int, Field(ge=0, le=MAX_WHOLE)]
Positive = Annotated[int, Field(ge=1, le=MAX_WHOLE)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Losses = dict[str, Number]
# A name without a folder, so that joining it to a path stays in that path.
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=255)]


# The default of a key that may be missing, but is not null where it is present.
OPTIONAL: Any = None


class Form(BaseModel):
    """Base class: types are not converted, further keys are allowed."""

    model_config = ConfigDict(extra="allow", strict=True)


def read(path: Path, form: type[Form], advice: str) -> dict[str, Any]:
    """Reads a JSON file and checks its form.

    Args:
        path: the file.
        form: what it has to contain.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Returns:
        The content as it was parsed, with all keys.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is not JSON or doesn't have the form.
    """
    content = readers.read_json(path, advice)
    check(content, form, path, advice)
    return content


def check(content: Any, form: type[Form], path: Path, advice: str) -> None:
    """Checks the form of a file's parsed content.

    Raises:
        DamagedFileError: if it doesn't have the form; the message names the first difference.
    """
    try:
        form.model_validate(content)
    except ValidationError as error:
        raise DamagedFileError(path, _difference(error), advice) from error


def _difference(error: ValidationError) -> str:
    """The first difference from a form, as a part of a sentence."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"expected {_shortened(where)}; it is missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    received = "" if first["type"] == "value_error" else f"; received {_shortened(repr(first['input']))}"
    return f"{_shortened(where)}{': ' if where else ''}{message[0].lower()}{message[1:]}{received}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


# -- config.json -------------------------------------------------------------------------------------------------


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


OF_TRAINING = ("likelihood", "epochs", "batch_size", "learning_rate", "beta")


class Data(Form):
    """`dataset` of config.json and study.json."""

    name: str
    digest: str
    train: Whole
    test: Whole
    image_shape: Annotated[list[Positive], Field(min_length=2, max_length=3)]
    path: str = OPTIONAL  # of the file, from the run folder
    class_names: list[str] = OPTIONAL


class ConfigFile(Form):
    """config.json: hyperparameters, data, software and machine."""

    config: Settings
    dataset: Data
    backend: str
    versions: dict[str, str | None] = {}
    adopted: str = OPTIONAL  # digest of the file of a model that was trained elsewhere

    @model_validator(mode="after")
    def _refuse_incomplete_settings(self):
        settings = self.config.model_dump(exclude_unset=True, exclude_none=True)
        missing = [key for key in OF_TRAINING if key not in settings]
        if self.adopted is None and missing:
            raise ValueError(f"expected config.{missing[0]}; it is missing")
        foreign = [key for key in self.config.model_extra or () if not key.isidentifier()]
        if foreign:  # they become options of a command and arguments of Python code
            raise ValueError(f"expected names as the keys of config; received {_shortened(repr(foreign[0]))}")
        return self


# -- metrics.json ------------------------------------------------------------------------------------------------


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
    units: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _refuse_missing_losses(self):
        for name, losses in (("train", self.train), ("test", self.test)):
            missing = [key for key in ("loss", "reconstruction") if key not in losses]
            if missing:
                raise ValueError(f"expected {name}.{missing[0]}; it is missing")
        return self


# -- evaluation.json ---------------------------------------------------------------------------------------------


class Scores(Form):
    """Scores of a set of images by the classifier."""

    frechet: Number
    precision: Number
    recall: Number
    confidence: Number
    entropy: Number
    class_balance: Number


class InterpolationPaths(Form):
    """Measures of interpolation paths of one kind."""

    largest_step: Number
    midpoints: Scores = OPTIONAL


class SampleScores(Form):
    """Scores of samples and of training images."""

    prior: Scores
    moment_matched_test: Scores
    floor: Scores


class Reconstructions(Scores):
    """Scores of reconstructed images."""

    accuracy: Number


class JudgeFacts(Form):
    """The classifier of an evaluation."""

    images: Positive
    accuracy: Number
    identity: dict[str, Any]


class Divergence(Form):
    """KL of the aggregate posterior from the prior."""

    mean_kl: Number
    interval: Annotated[list[Number], Field(min_length=2, max_length=2)]
    images: Positive
    saturated: bool


class Marginals(Form):
    """The marginals of units; None where one is not available."""

    kl: list[Number | None]
    variance: list[Number | None]


class Radii(Form):
    """Distances of samples from the origin."""

    mean: Number
    std: Number
    prior_mean: Number
    prior_std: Number
    typical: Number
    outside: Number


class Discrepancy(Form):
    """Maximum mean discrepancy from the prior."""

    value: Number
    error: Number | None


class TwoSampleTest(Form):
    """Classifier two-sample test against the prior."""

    auc: Number
    error: Number


class Encodings(Form):
    """`encodings` of an audit: the aggregate posterior compared with the prior."""

    images: Positive
    latent_units: Positive
    n_active: Whole
    active: list[bool]
    divergence: Divergence
    total_correlation: Annotated[list[Number | None], Field(min_length=2, max_length=2)]
    marginals: Marginals
    radii: Radii
    mmd: Discrepancy
    separation: TwoSampleTest | None

    @model_validator(mode="after")
    def _refuse_other_numbers_of_units(self):
        lengths = {len(self.active), len(self.marginals.kl), len(self.marginals.variance)}
        if lengths != {self.latent_units}:
            raise ValueError(f"expected values of {self.latent_units} units; received {sorted(lengths)}")
        return self


class OwnTypicality(Form):
    """Typicality of draws under the posterior they come from."""

    deviation: Number
    relative: Number
    literal: Number


class ElboTerms(Form):
    """−ELBO in three terms."""

    prior: Number
    reconstruction: Number
    posterior: Number
    bits_per_pixel: Number | None


class Likelihood(Form):
    """The importance-weighted estimate of log p(x)."""

    of: str
    images: Positive
    samples: Positive
    value: Number
    error: Number
    bias: Number
    image_error: Number
    effective: Number
    infinite_variance: Number | None
    unreliable: Number | None
    elbo: Number
    gap: Number
    curve: Annotated[dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,14}$")], Number], Field(min_length=1)]


class NearestIsSource(Form):
    """How often the training image nearest to a sample is that of its component."""

    fraction: Number
    chance: Number


class Samplers(Form):
    """Scores of images by the distribution of z."""

    scores: dict[str, Scores]
    nearest_is_source: NearestIsSource


class Audit(Form):
    """`audit` of evaluation.json."""

    version: Whole
    samples: Positive
    encodings: Encodings | None
    own_typicality: OwnTypicality | None
    elbo_terms: ElboTerms | None
    likelihood: Likelihood | None
    samplers: Samplers

    @model_validator(mode="after")
    def _refuse_parts(self):
        parts = (self.encodings, self.own_typicality, self.elbo_terms, self.likelihood)
        if len({part is None for part in parts}) > 1:
            raise ValueError("expected encodings, own_typicality, elbo_terms and likelihood together; one is missing")
        return self


class EvaluationUnit(Form):
    """A latent unit of an evaluation."""

    var_mean: Number
    active: bool
    kl: Number = OPTIONAL
    mean_var: Number = OPTIONAL
    total_var: Number
    active_by_variance: bool
    replacement_loss: Number
    active_from: Number | None = None
    collapsed_at: Number | None = None


class EvaluationFile(Form):
    """evaluation.json of version 6, or an earlier one after its migration."""

    version: Literal[6]
    epochs: Positive | None = None
    units: Annotated[list[EvaluationUnit], Field(min_length=1)] | None
    codes: dict[str, Number]
    interpolation: dict[str, InterpolationPaths]
    samples: SampleScores = OPTIONAL
    reconstructions: Reconstructions = OPTIONAL
    judge: JudgeFacts = OPTIONAL
    audit: Audit = OPTIONAL

    @model_validator(mode="after")
    def _refuse_missing_parts(self):
        missing = [name for name in INTERPOLATIONS if name not in self.interpolation]
        if missing:
            raise ValueError(f"expected interpolation.{missing[0]}; it is missing")
        if len({paths.midpoints is None for paths in self.interpolation.values()}) > 1:
            raise ValueError("expected midpoints of all paths of interpolation or of none; received some")
        if len({part is None for part in (self.samples, self.reconstructions, self.judge)}) > 1:
            raise ValueError("expected samples, reconstructions and judge together; one is missing")
        return self


# -- bubbles.json ------------------------------------------------------------------------------------------------


class Interval(Form):
    """An estimate with the ends of its interval."""

    value: Number
    low: Number
    high: Number


class Quartiles(Form):
    """Median and quartiles."""

    low: Number
    median: Number
    high: Number


class Mixture(Form):
    """Overlap of the prior with mixtures of bubbles, and bounds on that with the population."""

    mixture: Annotated[dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,14}$")], Interval], Field(min_length=1)]
    low: Interval
    high: Interval


class Overlap(Form):
    """Overlap of bubbles with the prior, for one bubble and by kind."""

    one: Quartiles
    identity: Mixture
    posterior: Mixture


class BubbleCodes(Form):
    """Statistics of means and standard deviations."""

    rms_mean: Number
    share_std_near_1: Number
    norm: Number
    kl: Number


class Moments(Form):
    """Mean and standard deviation."""

    mean: Number
    std: Number


class BubbleRadii(Form):
    """Distances from the origin."""

    root_d: Annotated[float, Field(gt=0)]
    prior: Moments
    posterior: Moments
    aggregate: Moments
    prior_within_shell: Number


class DecodedScores(Form):
    """Scores of images decoded from one source of z."""

    strokes: Number
    accuracy: Number = OPTIONAL
    distance: Number = OPTIONAL
    frechet: Number = OPTIONAL
    confidence: Number = OPTIONAL


class BubblesFile(Form):
    """bubbles.json, see `evaluation.bubbles`."""

    version: Whole
    units: Positive
    codes: BubbleCodes
    radii: BubbleRadii
    overlap: Overlap
    decoded: dict[str, DecodedScores] = OPTIONAL
    judge: dict[str, Any] = OPTIONAL

    @model_validator(mode="after")
    def _refuse_missing_sources(self):
        if self.decoded is not None and "original" not in self.decoded:
            raise ValueError("expected decoded.original; it is missing")
        return self


# -- checkpoint/state.json -----------------------------------------------------------------------------------------


class CheckpointFile(Form):
    """state.json of any checkpoint: the files that belong to it."""

    epoch: Positive
    arrays: FileName
    growth: list[FileName] = []

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


# -- study.json and captions.json ------------------------------------------------------------------------------------


class StudyData(Form):
    """`dataset` of study.json."""

    name: str
    train: Whole
    test: Whole


class Summary(BaseModel):
    """A table of text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    head: list[str]
    rows: list[list[str]]

    @model_validator(mode="after")
    def _refuse_ragged_rows(self):
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"expected rows of {len(self.head)} cells, as its head; received another number")
        return self


class StudyTable(Summary):
    """A table of text with its heading."""

    title: str


class StudyRun(Form):
    """A training run of a study."""

    config: str
    seed: Whole
    folder: FileName
    measures: dict[str, Number | None]

    @model_validator(mode="after")
    def _refuse_paths(self):
        if self.folder in (".", ".."):
            raise ValueError(f"folder: expected the name of a folder beside the study's; received {self.folder!r}")
        return self


class StudyClaim(Form):
    """A claim with its verdict."""

    claim: str
    measured: str
    verdict: str
    note: str
    estimate: Number | None
    low: Number | None
    high: Number | None
    expected: Annotated[list[Number | None], Field(min_length=2, max_length=2)]
    published: Number | None = None
    seeds: list[Number | None] = []


class StudyFile(Form):
    """study.json: the results of a study."""

    title: str
    command: str
    dataset: StudyData
    epochs: Positive
    other_epochs: list[Positive] = []
    seeds: Positive
    minutes: Annotated[float, Field(ge=0)]
    versions: dict[str, str | None]
    threads: Whole | None
    configs: dict[str, dict[str, Any]]
    runs: list[StudyRun]
    summary: Summary = OPTIONAL
    tables: list[StudyTable]
    claims: list[StudyClaim]


def read_captions(path: Path, advice: str) -> dict[str, str]:
    """Reads a captions.json: a caption for each file stem.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged or holds other things than text.
    """
    content = readers.read_json(path, advice)
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise DamagedFileError(path, "expected a caption, which is text, for each figure", advice)
    return content
