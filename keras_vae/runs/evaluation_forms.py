"""Forms of `evaluation.json` and `bubbles.json` (see `_utils.forms`)."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from keras_vae._utils.forms import OPTIONAL, Form, Number, Positive, Whole
from keras_vae.diagnostics.audit_form import AuditForm
from keras_vae.measures import INTERPOLATIONS

# A whole number of 1 or more as a key of JSON.
ByCount = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,14}$")]


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
    moment_matched: Scores
    floor: Scores


class Reconstructions(Scores):
    """Scores of reconstructed images."""

    accuracy: Number


class JudgeFacts(Form):
    """The classifier of an evaluation."""

    images: Positive
    accuracy: Number
    identity: dict[str, Any]


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
    kl_error: Number = OPTIONAL  # of a learned prior


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
    curve: Annotated[dict[ByCount, Number], Field(min_length=1)]


class NearestIsSource(Form):
    """How often the training image nearest to a sample is that of its component."""

    fraction: Number
    chance: Number


class Samplers(Form):
    """Scores of images by the distribution of z."""

    scores: dict[str, Scores]
    nearest_is_source: NearestIsSource

    @model_validator(mode="after")
    def _refuse_scores_without_those_of_the_prior(self):
        if self.scores and "prior" not in self.scores:
            raise ValueError("expected scores.prior, to which the others are compared; it is missing")
        return self


class Audit(Form):
    """`audit` of evaluation.json."""

    version: Whole
    samples: Positive
    encodings: AuditForm | None
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
    """evaluation.json."""

    version: Literal[8]
    epochs: Positive | None = None
    weights_digest: str | None = None  # of the model that was evaluated
    units: Annotated[list[EvaluationUnit], Field(min_length=1)] | None
    codes: dict[str, Number]
    interpolation: dict[str, InterpolationPaths]
    samples: SampleScores = OPTIONAL
    reconstructions: Reconstructions = OPTIONAL
    judge: JudgeFacts = OPTIONAL
    prior: str = OPTIONAL  # a learned one
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

    mixture: Annotated[dict[ByCount, Interval], Field(min_length=1)]
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
