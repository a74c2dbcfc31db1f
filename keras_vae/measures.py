"""The vocabulary of measures: one key, label and unit per quantity, for evaluations, studies, tables, figures, pages.

`evaluation.json` and `study.json` name quantities by key; tables, figures and pages show the label. A quantity that is
measured on several sources of images has one key per source, joined by a dot: `frechet.prior`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from keras_vae._utils import checks
from keras_vae.errors import InputError

NATS = "nats"
NATS_PER_IMAGE = "nats per image"

# Bounds of the values that are possible.
UNBOUNDED = (-inf, inf)
NOT_NEGATIVE = (0.0, inf)
FRACTION = (0.0, 1.0)


@dataclass(frozen=True)
class Measure:
    """A quantity of a trained model.

    Attributes:
        key: its name in JSON files, recipes and code.
        label: its name in tables, figures and pages.
        unit: of its values; empty for counts, ratios and fractions.
        better: which values are better, `higher` or `lower`; None where neither is.
        bounds: the smallest and the largest value that is possible, infinite where there is none. Intervals are shown
            within them.

    Raises:
        InputError: unless key and label are text, and the others as stated.

    Example:
        >>> import keras_vae as kv
        >>> kv.studies.Measure("sharpness", "sharpness of samples", better="higher").heading
        'sharpness of samples'
    """

    key: str
    label: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    bounds: tuple[float, float] = UNBOUNDED

    def __post_init__(self):
        for name in ("key", "label", "unit"):
            value = getattr(self, name)
            if not isinstance(value, str) or not (value or name == "unit"):
                raise InputError(f"{name}: expected text; received {value!r}.")
        if self.better not in (None, "higher", "lower"):
            raise InputError(f"better: expected 'higher', 'lower' or None; received {self.better!r}.")
        checks.bounds("bounds", self.bounds)

    @property
    def heading(self) -> str:
        """The label with its unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def of(self, source: str, label: str) -> "Measure":
        """The same quantity, measured on one source of images."""
        return replace(self, key=f"{self.key}.{source}", label=f"{self.label}, {label}")


# The distributions that latent points are drawn from, see `keras_vae.samplers`.
SAMPLERS = {
    "prior": "N(0, I)",
    "moment_matched": "Gaussian matched to training codes",
    "gaussian_mixture": "fitted Gaussian mixture",
    "aggregate_posterior": "aggregate posterior",
    "neighbourhood": "N(μ(x), ¼ I)",
}
LEARNED_PRIOR = "the learned prior"  # in place of N(0, I), for a model that has one
SAMPLER_ARTICLES = {"moment_matched": "a ", "gaussian_mixture": "a ", "aggregate_posterior": "the "}  # in a sentence
EVALUATED_SAMPLERS = {name: SAMPLERS[name] for name in ("prior", "moment_matched")}  # without an audit
FLOOR = "floor"  # training images in place of generated ones; their scores are those of perfect samples
FLOOR_LABEL = "training images"
INTERPOLATIONS = {"linear": "linear", "spherical": "spherical", "cross_fade": "pixel cross-fade"}

# Scores of a set of images by the classifier `evaluation.judge.Judge`, in the order of tables.
SCORES = (
    Measure("frechet", "Fréchet distance", better="lower", bounds=NOT_NEGATIVE),
    Measure("precision", "precision", better="higher", bounds=FRACTION),
    Measure("recall", "recall", better="higher", bounds=FRACTION),
    Measure("confidence", "classifier confidence", better="higher", bounds=FRACTION),
    Measure("entropy", "entropy of the predicted class", NATS, bounds=NOT_NEGATIVE),
    Measure("class_balance", "class balance", better="higher", bounds=FRACTION),
)

_TRAINING = (
    Measure("loss", "loss", NATS_PER_IMAGE, "lower"),
    Measure("reconstruction", "reconstruction", NATS_PER_IMAGE, "lower"),
    Measure("kl", "KL", NATS_PER_IMAGE, bounds=NOT_NEGATIVE),
    Measure("penalty", "penalty", NATS_PER_IMAGE, bounds=NOT_NEGATIVE),
    Measure("elbo", "ELBO", NATS_PER_IMAGE, "higher"),
    Measure("mutual_information", "I(x; z) estimated in training", NATS),
    Measure("total_correlation", "total correlation estimated in training", NATS),
    Measure("marginal_kl", "KL of the units' marginals estimated in training", NATS),
    Measure("capacity", "capacity", NATS_PER_IMAGE, bounds=NOT_NEGATIVE),
    Measure("discrepancy", "MMD² of a batch", better="lower"),
    Measure("iw_bound", "importance-weighted bound", NATS_PER_IMAGE, "higher"),
    Measure("parameters", "parameters", bounds=NOT_NEGATIVE),
    Measure("largest_loss_rise", "largest rise of the loss between epochs", NATS_PER_IMAGE, "lower"),
    Measure("late_loss_fall", "fall of the loss over the last 5 epochs", NATS_PER_IMAGE),
    Measure("first_reconstruction_fraction", "reconstruction as a fraction of the first epoch's loss"),
    Measure("early_kl_rise", "rise of the KL from epoch 1 to 5", NATS_PER_IMAGE),
    Measure("late_kl_change", "change of the KL over the last 5 epochs", NATS_PER_IMAGE),
)
_UNITS = (
    Measure("active_units", "active units", bounds=NOT_NEGATIVE),
    Measure("collapsed_units", "collapsed units", bounds=NOT_NEGATIVE),
    Measure("units_collapsed_in_training", "units that collapsed during training", bounds=NOT_NEGATIVE),
)
ENDS = (("", ""), (".low", ", lower end"), (".high", ", upper end"))  # of an interval: key and label
UNIT_COUNTS = tuple(measure.key for measure in _UNITS)  # no model has more than its number of units
_AUDIT = (
    *(
        Measure(f"{key}{end}", f"{label}{end_label}", NATS, "lower", bounds=NOT_NEGATIVE)
        for key, label in (
            ("aggregate_kl", "KL(q(z) ‖ p)"),
            ("aggregate_kl_per_active_unit", "KL(q(z) ‖ p) per active unit"),
            ("aggregate_tc", "total correlation of q(z)"),
        )
        for end, end_label in ENDS
    ),
    Measure("information.low", "I(x; z), lower end", NATS, bounds=NOT_NEGATIVE),
    Measure("saturated", "KL(q(z) ‖ p) saturated", bounds=FRACTION),
    Measure("marginal_kl_sum", "sum of the units' marginal KL", NATS, "lower", bounds=NOT_NEGATIVE),
    Measure("marginal_kl_active", "marginal KL of an active unit, mean", NATS, "lower", bounds=NOT_NEGATIVE),
    Measure("variance_active", "variance of an active unit, mean", bounds=NOT_NEGATIVE),
    Measure("radius_ratio", "mean ‖z‖ relative to the prior's", bounds=NOT_NEGATIVE),
    Measure("typical_fraction", "fraction typical under the prior", better="higher", bounds=FRACTION),
    Measure("outside_fraction", "fraction beyond 97.5 % of the prior's radii", bounds=FRACTION),
    Measure("mmd", "MMD²", better="lower", bounds=NOT_NEGATIVE),
    Measure("c2st_auc", "classifier two-sample test, AUC", better="lower", bounds=FRACTION),
    Measure("typicality_relative", "|−log q/n − h| relative to |h|, median", bounds=NOT_NEGATIVE),
    Measure("typicality_literal", "|q / e^(−nh) − 1|, upper quartile", bounds=NOT_NEGATIVE),
    Measure("log_likelihood", "log p(x)", NATS_PER_IMAGE, "higher"),
    Measure("likelihood_gap", "log p(x) − ELBO", NATS_PER_IMAGE, "lower", bounds=NOT_NEGATIVE),
    Measure("pareto_k_above_07", "fraction of images with Pareto k̂ > 0.7", better="lower", bounds=FRACTION),
    Measure("nearest_is_source", "fraction of samples nearest to the image of their component", bounds=FRACTION),
)

# Soap bubbles: Gaussians around the codes of images, by their covariance.
BUBBLE_KINDS = {"identity": "N(μ, I)", "posterior": "N(μ, σ²)"}
BUBBLE_SOURCES = {**BUBBLE_KINDS, "reconstruction": "μ", "prior": "N(0, I)"}
_DECODED = (
    Measure("bubbles.accuracy", "class accuracy of decoded images", better="higher", bounds=FRACTION),
    Measure("bubbles.distance", "root-mean-square distance to the test image", bounds=NOT_NEGATIVE),
    Measure("bubbles.frechet", "Fréchet distance of decoded images", better="lower", bounds=NOT_NEGATIVE),
    Measure("bubbles.confidence", "classifier confidence on decoded images", better="higher", bounds=FRACTION),
    Measure("bubbles.strokes", "stroke pixels relative to test images", bounds=NOT_NEGATIVE),
)
_BUBBLES = (
    Measure("bubbles.mean_rms", "root mean square of μ", bounds=NOT_NEGATIVE),
    Measure("bubbles.std_near_1", "fraction of σ within 0.9 … 1.1", bounds=FRACTION),
    Measure("bubbles.mean_norm", "median ‖μ‖", bounds=NOT_NEGATIVE),
    Measure("bubbles.kl_per_unit", "KL per unit", NATS, bounds=NOT_NEGATIVE),
    Measure("bubbles.overlap_single", "overlap of one N(μ, I) with N(0, I), median", bounds=FRACTION),
    Measure("bubbles.shell_thickness", "thickness of the prior's shell", bounds=NOT_NEGATIVE),
    Measure(
        "bubbles.shell_thickness_ratio", "thickness of the prior's shell relative to its radius", bounds=NOT_NEGATIVE
    ),
    Measure("bubbles.radius_ratio.posterior", "mean ‖z‖ / √d of one posterior", bounds=NOT_NEGATIVE),
    Measure("bubbles.radius_ratio.aggregate", "mean ‖z‖ / √d of the aggregate posterior", bounds=NOT_NEGATIVE),
    Measure("bubbles.prior_in_shell", "fraction of the prior within the shell of one N(μ, I)", bounds=FRACTION),
    *(
        Measure(f"bubbles.{key}.{kind}{end}", f"{label}, {name}{end_label}", bounds=FRACTION)
        for kind, name in BUBBLE_KINDS.items()
        for key, label in (
            ("overlap_mixture", "overlap of N(0, I) with the mixture of training images"),
            ("overlap_population", "overlap of N(0, I) with the population"),
        )
        for end, end_label in ENDS
    ),
    *(
        Measure(
            f"bubbles.overlap_population_{end}.{kind}",
            f"overlap of N(0, I) with the population, {bound}, {name}",
            bounds=FRACTION,
        )
        for kind, name in BUBBLE_KINDS.items()
        for end, bound in (("lower_bound", "lower bound"), ("upper_bound", "upper bound"))
    ),
    *(measure.of(source, f"z from {name}") for measure in _DECODED for source, name in BUBBLE_SOURCES.items()),
)


def _on_images() -> Iterable[Measure]:
    """Measures of generated, reconstructed and interpolated images, one per source."""
    for source, name in {**SAMPLERS, "reconstructions": "reconstructions"}.items():
        yield from (score.of(source, name) for score in SCORES)
    yield Measure("accuracy.reconstructions", "class accuracy, reconstructions", better="higher", bounds=FRACTION)
    for path, name in INTERPOLATIONS.items():
        step = f"largest over mean step, {name} interpolation"
        yield Measure(f"largest_step.{path}", step, better="lower", bounds=(1.0, inf))
        yield from (score.of(f"{path}_midpoints", f"midpoints of {name} interpolation") for score in SCORES)
        yield Measure(
            f"frechet_over_cross_fade.{path}",
            f"Fréchet distance of midpoints relative to the cross-fade's, {name} interpolation",
            better="lower",
            bounds=NOT_NEGATIVE,
        )
    for sampler, name in SAMPLERS.items():
        label = f"Fréchet distance, N(0, I) relative to {name}"
        yield Measure(f"frechet_prior_over.{sampler}", label, bounds=NOT_NEGATIVE)


MEASURES = {m.key: m for m in (*_TRAINING, *_UNITS, *_on_images(), *_AUDIT, *_BUBBLES)}


def add(measure: Measure) -> None:
    """Adds a measure to the vocabulary.

    Args:
        measure: a measure whose key is new.

    Raises:
        InputError: if the key is taken.
    """
    if not isinstance(measure, Measure):
        raise InputError(f"measure: expected a Measure; received {measure!r}.")
    if measure.key in MEASURES:
        raise InputError(f"measure: expected a new key; {measure.key!r} is taken; choose another.")
    MEASURES[measure.key] = measure


def remove(key: str) -> None:
    """Removes a measure from the vocabulary.

    Raises:
        InputError: for an unknown key.
    """
    del MEASURES[find(key).key]


def find(key: str, own: Iterable[Measure] = ()) -> Measure:
    """Looks up a measure by its key.

    Args:
        key: the key.
        own: measures that a recipe defines in addition to those of the package.

    Raises:
        InputError: for an unknown key, naming the most similar one.

    Example:
        >>> from keras_vae import measures
        >>> measures.find("frechet.prior").label
        'Fréchet distance, N(0, I)'
    """
    own = tuple(own) if isinstance(own, Iterable) else (own,)
    if not all(isinstance(measure, Measure) for measure in own):
        raise InputError(f"own: expected measures; received {own!r}.")
    known = MEASURES | {measure.key: measure for measure in own}
    if not isinstance(key, str) or key not in known:
        from difflib import get_close_matches

        similar = get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
        raise InputError(f"measure: expected a key of keras_vae.measures; received {key!r}; did you mean {similar!r}?")
    return known[key]
