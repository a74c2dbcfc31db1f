"""Audit of encodings: their aggregate posterior compared with the prior, by all measures at once.

The divergence, MMD² and the classifier refer to the model's prior. The marginals of units, the radii and the typical
samples refer to N(0, I), whatever the prior; the total correlation refers to none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from keras_vae._utils import checks, notebook
from keras_vae._utils.formatting import printable
from keras_vae._utils.forms import first_difference
from keras_vae._utils.progress import ProgressReporter
from keras_vae.diagnostics.aggregate_posterior import AggregateDivergence, aggregate_divergences
from keras_vae.diagnostics.audit_form import AuditForm
from keras_vae.diagnostics.encodings import flat_encodings, random_images, row_chunks
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture, check_prior
from keras_vae.diagnostics.mean_discrepancy import Discrepancy, mmd
from keras_vae.diagnostics.radial_distribution import Radii, radii
from keras_vae.diagnostics.two_sample_test import MIN_IMAGES, TwoSampleTest, classifier_two_sample_test
from keras_vae.diagnostics.unit_marginals import Marginals, marginals
from keras_vae.diagnostics.unit_statistics import UnitStatistics, units_from_batches
from keras_vae.errors import InputError

MAX_CODE_NUMBERS = 2**24  # images × units; of more, a subset of the images is measured
FEW_IMAGES = 100  # below which a table says that bounds and errors are rough
BATCH_IMAGES = 10_000  # images whose statistics of units are computed at once
NOT_AVAILABLE = "not available"
USED = {  # key of `Audit.used` → what the encodings were used for
    "units": "units and radii",
    "mixture": "mixture",
    "mixture_draws": "draws evaluated under it",
    "fitted_mixture": "fitted mixture",
    "marginals": "marginals",
    "mmd": "MMD²",
    "two_sample_test": "classifier",
}


@dataclass(frozen=True)
class Audit:
    """The aggregate posterior q(z) of the given images compared with the prior; `print` shows it as text.

    Attributes:
        images, latent_units: numbers of given encodings and of latent units.
        measured: number of encodings that were measured: all, or a random subset of more than 16 million numbers.
        divergence: bounds on KL(q(z) ‖ p) and I(x; z), for the prior p, N(0, I) or a learned one.
        units: statistics of every unit.
        marginals: every unit's marginal against N(0, 1).
        radii: ‖z‖ against χ_d, and the share of samples of q(z) that are typical under N(0, I).
        mmd: the maximum mean discrepancy from the prior.
        two_sample_test: classification of samples of q(z) against samples of the prior; None for fewer than 20 images.
        from_standard_normal: bounds on KL(q(z) ‖ N(0, I)) beside a learned prior; None if the prior is N(0, I).

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.audit(np.zeros((10, 3)), np.zeros((10, 3)))  # three collapsed units
        >>> found.n_active, found.as_dict()["divergence"]["mean_kl"]
        (0, 0.0)
    """

    images: int
    latent_units: int
    measured: int
    divergence: AggregateDivergence
    units: UnitStatistics
    marginals: Marginals
    radii: Radii
    mmd: Discrepancy
    two_sample_test: TwoSampleTest | None
    from_standard_normal: AggregateDivergence | None = None

    @property
    def n_active(self) -> int:
        """Number of active units."""
        return int(self.units.active.sum())

    @property
    def total_correlation(self) -> tuple[float, float]:
        """Bounds on KL(q(z) ‖ Π q(z_u)) (Chen et al. 2018, equation 2), nats.

        The bounds on KL(q(z) ‖ N(0, I)) minus the sum of the units' marginal KL, 0 or more. That sum refers to the
        mixture over the given images, so for few images the upper bound can lie below the population's value. NaN where
        the KL of a unit is not available.
        """
        low, high = (self.from_standard_normal or self.divergence).interval
        of_units = float(self.marginals.kl.sum())
        return max(low - of_units, 0.0), max(high - of_units, 0.0)

    @property
    def used(self) -> dict[str, int]:
        """Numbers of encodings of the parts that used fewer than given: random subsets, whose errors are in the parts.

        `units` are those of the units' statistics and of the radii, `mixture` the components of the mixture behind the
        bounds on KL(q(z) ‖ p), `mixture_draws` the images from whose posteriors the points were drawn at which that
        mixture was evaluated, `fitted_mixture` those behind the second lower bound.
        """
        used = {
            "units": self.measured,
            "mixture": self.divergence.images,
            "mixture_draws": self.divergence.evaluated,
            "fitted_mixture": self.divergence.fitted_images,
            "marginals": self.marginals.images,
            "mmd": self.mmd.images,
        }
        if self.two_sample_test:
            used["two_sample_test"] = self.two_sample_test.images
        return {part: images for part, images in used.items() if images < self.images}

    def as_dict(self) -> dict[str, Any]:
        """All measures as numbers, lists and dictionaries; values that are not finite become None."""
        content = {
            "images": self.images,
            "latent_units": self.latent_units,
            "n_active": self.n_active,
            "active": self.units.active.tolist(),
            "divergence": {**self.divergence._asdict(), "interval": list(self.divergence.interval)},
            "total_correlation": list(self.total_correlation),
            "marginals": {name: np.asarray(column).tolist() for name, column in self.marginals._asdict().items()},
            "radii": self.radii._asdict(),
            "mmd": self.mmd._asdict(),
            "separation": self.two_sample_test and self.two_sample_test._asdict(),
            "used": self.used,
        }
        if self.from_standard_normal:
            found = self.from_standard_normal
            content["standard_normal"] = {"mean_kl": found.mean_kl, "interval": list(found.interval)}
        return _finite_or_none(content)

    def __repr__(self) -> str:
        return f"Audit({self.images:,} encodings of {self.latent_units:,} units, {self.n_active:,} of them active)"

    def __str__(self) -> str:
        return printable(describe(self.as_dict()))

    def _repr_html_(self) -> str:
        """A table for notebooks: the lines of the text."""
        title, *lines = describe(self.as_dict()).splitlines()
        return notebook.table(title, dict(_label_and_value(line) for line in lines))


def audit(
    mean: np.ndarray,
    log_var: np.ndarray,
    seed: int = 0,
    quiet: bool = False,
    prior: GaussianMixture | None = None,
) -> Audit:
    """Compares the aggregate posterior with the prior, from the encodings of N images by a model of any library.

    10,000 encodings of 32 units take 15 s of processor time, 1,000,000 take 35 to 60 s and 1.2 GB of memory, partly on
    two cores. Of more than 10,000 encodings (2,000 for `mmd`, 4,000 for the classifier), the parts of the audit use
    random subsets, and their errors include the choice of the subset: `Audit.used`. Where images × units exceed 16
    million, only a random subset of the images is measured.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it (one variance per image).
        seed: seed of all draws and subsets.
        quiet: show no progress bar, which is shown only on a terminal.
        prior: a learned prior, as `vae.prior.density()` returns it; None for N(0, I).

    Returns:
        An `Audit`; `print` shows it as text.

    Raises:
        InputError: unless they are finite encodings of at least two images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean = np.random.default_rng(1).normal(0, np.sqrt(0.7), (200, 2))
        >>> found = diagnostics.audit(mean, np.full((200, 2), np.log(0.3)))  # q(z) is the prior
        >>> print(str(found).partition("; nats")[0])
        200 encodings of 2 units, 2 of them active
        >>> round(found.divergence.mean_kl, 2), round(found.radii.typical, 2)
        (1.09, 0.94)
    """
    seed = checks.seed(seed, high=checks.MAX_SKLEARN_SEED)
    mean, log_var = flat_encodings(mean, log_var)
    images, latent_units = mean.shape
    check_prior(prior, latent_units)
    if mean.size > MAX_CODE_NUMBERS:
        subset = random_images(images, MAX_CODE_NUMBERS // latent_units, np.random.default_rng(seed))
        mean, log_var = mean[subset], log_var[subset]
    found = _measure(mean, log_var, seed, ProgressReporter(quiet), prior)
    divergence, *standard = found.pop("divergence")
    found |= {"divergence": divergence, "from_standard_normal": standard[0] if standard else None}
    return Audit(images=images, latent_units=latent_units, measured=len(mean), **found)


def _measure(
    mean: np.ndarray, log_var: np.ndarray, seed: int, reporter: ProgressReporter, prior: GaussianMixture | None
) -> dict[str, Any]:
    """The parts of an audit by the names of its attributes; two divergences for a learned prior."""
    priors = [None] if prior is None else [prior, None]
    batches = row_chunks(mean, BATCH_IMAGES * mean.shape[1])
    parts: dict[str, Callable[..., Any]] = {
        "divergence": partial(aggregate_divergences, mean, log_var, priors, seed),
        "units": lambda progress: units_from_batches((mean[rows], log_var[rows]) for rows in batches),
        "marginals": partial(marginals, mean, log_var, seed),
        "radii": lambda progress: radii(mean, log_var, seed),
        "mmd": lambda progress: mmd(mean, log_var, seed, prior),
        "two_sample_test": partial(classifier_two_sample_test, mean, log_var, seed, prior=prior),
    }
    if len(mean) < MIN_IMAGES:
        parts["two_sample_test"] = lambda progress: None

    def show(done: int, name: str, share: float) -> None:
        reporter.advance(done + share, name.replace("_", " "))

    found: dict[str, Any] = {}
    for name, measure in reporter.track(parts.items(), "audit", len(parts)):
        found[name] = measure(progress=partial(show, len(found), name))
    return found


def describe(content: dict[str, Any]) -> str:
    """Formats the content of `Audit.as_dict` as text, one line per measure.

    Raises:
        InputError: for other content.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> found = diagnostics.audit(np.zeros((10, 3)), np.zeros((10, 3)))
        >>> print(diagnostics.describe(found.as_dict()).splitlines()[0])
        10 encodings of 3 units, 0 of them active; nats
    """
    difference = first_difference(content, AuditForm)
    if difference is not None:
        raise InputError(f"content: expected the result of Audit.as_dict; received something else ({difference}).")
    return "\n".join(_lines(content))


def _label_and_value(line: str) -> tuple[str, str]:
    """The two columns of a line of the text; a remark begins with what it is about."""
    label, gap, value = line.partition("  ")
    if not gap:
        label, _, value = line.partition(": ")
    return label, value.strip()


def _lines(content: dict[str, Any]) -> list[str]:
    kl, radius = content["divergence"], content["radii"]
    low, high = kl["interval"]
    variance = [value for value in content["marginals"]["variance"] if value is not None] or [math.nan]
    mmd = content["mmd"]
    mmd_error = "unknown" if mmd["error"] is None else f"{mmd['error']:.1g}"
    standard = content.get("standard_normal")
    normal, whose = ("N(0, I)", "its") if standard else ("the prior", "the prior's")  # of radii and variances
    kl_error = f" ± {kl['mean_kl_error']:.2f}" if standard else ""
    lines = [
        f"{content['images']:,} encodings of {content['latent_units']:,} units, "
        f"{content['n_active']:,} of them active; nats",
        *([] if standard is None else ["prior p                        learned with the model"]),
        f"mean KL(q(z|x) ‖ p)            {kl['mean_kl']:.2f}{kl_error} = I(x; z) + KL(q(z) ‖ p)",
        f"KL(q(z) ‖ p)                   {low:.2f} … {high:.2f}",
        *([] if standard is None else [f"KL(q(z) ‖ N(0, I))             {_bounds_text(standard['interval'])}"]),
        f"I(x; z)                        {max(kl['mean_kl'] - high, 0):.2f} … {max(kl['mean_kl'] - low, 0):.2f}; "
        f"{kl['images']:,} images can show up to {math.log(kl['images']):.2f}",
        f"total correlation              {_total_correlation_text(content['total_correlation'])}",
        f"KL(q(z_u) ‖ N(0, 1)) of units  {_unit_kl_text(content['marginals']['kl'])}",
        f"variance of units under q(z)   {min(variance):.2f} … {max(variance):.2f}; 1 under {normal}",
        f"‖z‖                            {radius['mean']:.2f} ± {radius['std']:.2f}; {radius['prior_mean']:.2f} ± "
        f"{radius['prior_std']:.2f} under {normal}",
        f"{'typical under ' + normal:<30} {100 * radius['typical']:.0f} % of samples; 95 % of {whose} own",
        f"MMD² from the prior            {mmd['value']:.2g} ± {mmd_error}",
        f"classifier two-sample test     {_two_sample_text(content['separation'])}",
    ]
    if content.get("used"):
        counts = [f"{images:,} ({USED.get(part, part)})" for part, images in content["used"].items()]
        lines.append(f"encodings used                 {', '.join(counts)}")
    if kl["saturated"]:
        lines.append(
            f"SATURATED: I(x; z) is within 1 nat of ln {kl['images']:,}, so the upper bound on KL(q(z) ‖ p) depends on "
            "the number of images and not on q(z); draw no conclusion from it."
        )
    return [*lines, *_remarks(content["images"], content["latent_units"])]


def _remarks(images: int, latent_units: int) -> list[str]:
    """What a table says of few encodings, among them those whose axes were exchanged."""
    if images < latent_units:
        return [
            f"FEWER ENCODINGS THAN UNITS: expected arrays of shape (images, units), here ({images:,}, "
            f"{latent_units:,}); transpose them if their rows are the units."
        ]
    few = f"FEW ENCODINGS: the errors over {images:,} images are rough themselves; encode some hundred images or more."
    return [few] if images < FEW_IMAGES else []


def _bounds_text(bounds: list[float]) -> str:
    return f"{bounds[0]:.2f} … {bounds[1]:.2f}"


def _total_correlation_text(bounds: list[float | None]) -> str:
    return NOT_AVAILABLE if None in bounds else f"{bounds[0]:z.2f} … {bounds[1]:z.2f}"


def _unit_kl_text(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    text = f"sum {sum(known):.2f}, maximum {max(known, default=math.nan):.3f}"
    missing = len(values) - len(known)
    return f"{text}; {NOT_AVAILABLE} for {missing} units with too narrow posteriors" if missing else text


def _two_sample_text(test: dict[str, float] | None) -> str:
    return f"AUC {test['auc']:.3f} ± {test['error']:.3f}; 0.5 by chance" if test else NOT_AVAILABLE


def _finite_or_none(value: Any) -> Any:
    """The value with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite_or_none(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite_or_none(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
