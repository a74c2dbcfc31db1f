"""All that encodings alone say about a latent space: does it deserve to be sampled from N(0, I)?"""

import math
from dataclasses import dataclass

import numpy as np

from keras_vae.diagnostics.aggregate import AggregateDivergence, aggregate_divergence
from keras_vae.diagnostics.discrepancy import Discrepancy, mmd
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.diagnostics.marginals import Marginals, marginals
from keras_vae.diagnostics.radii import Radii, radii
from keras_vae.diagnostics.two_samples import FEWEST_IMAGES, Separation, classifier_auc
from keras_vae.diagnostics.unit_statistics import UnitStatistics, units

MOST_NUMBERS = 2**24  # images × units, of which encodings are measured at most


@dataclass(frozen=True)
class Audit:
    """The aggregate posterior of the images at hand beside N(0, I). `print` it to read it.

    Attributes:
        images, latent_units: how many were encoded, into how many.
        divergence: KL(q(z) ‖ p) and I(x; z), as intervals.
        units: what every unit carries.
        marginals: every unit's marginal against N(0, 1).
        radii: ‖z‖ against χ_d, and how typical samples of q(z) are under the prior.
        mmd: the maximum mean discrepancy.
        separation: what a classifier of q(z) against the prior finds; None for fewer than 20 images.
    """

    images: int
    latent_units: int
    divergence: AggregateDivergence
    units: UnitStatistics
    marginals: Marginals
    radii: Radii
    mmd: Discrepancy
    separation: Separation | None

    @property
    def n_active(self) -> int:
        return int(self.units.active.sum())

    @property
    def total_correlation(self) -> tuple[float, float]:
        """KL(q(z) ‖ Π q(z_u)), the ends of KL(q(z) ‖ p) less the units' own (Chen et al. 2018, equation 2), nats.

        The units' own are those of the mixture over the images at hand, so is the upper end; of few images it can lie
        below the population's. NaN where a unit's couldn't be told.
        """
        low, high = self.divergence.interval
        alone = float(self.marginals.kl.sum())
        return max(low - alone, 0.0), high - alone

    def as_dict(self) -> dict:
        """Everything as numbers, lists and dictionaries; what can't be told is None."""
        low, high = self.divergence.interval
        found = {
            "images": self.images,
            "latent_units": self.latent_units,
            "n_active": self.n_active,
            "active": self.units.active.tolist(),
            "divergence": {**self.divergence._asdict(), "interval": [low, high]},
            "total_correlation": list(self.total_correlation),
            "marginals": {name: column.tolist() for name, column in self.marginals._asdict().items()},
            "radii": self.radii._asdict(),
            "mmd": self.mmd._asdict(),
            "separation": self.separation and self.separation._asdict(),
        }
        return _told(found)

    def __str__(self) -> str:
        return describe(self.as_dict())


def audit(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> Audit:
    """Measures a latent space from the encodings of N images, of any library's model.

    10,000 encodings of 32 units take half a minute on two cores. Of encodings of more than 16 million numbers, a part
    is taken, and `images` says of how many.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it (one variance an image).
        seed: of everything that is drawn.

    Raises:
        InputError: unless they are finite encodings of at least two images.
    """
    mean, log_var = flat_encodings(mean, log_var)
    if mean.size > MOST_NUMBERS:
        few = np.random.default_rng(seed).permutation(len(mean))[: MOST_NUMBERS // mean.shape[1]]
        mean, log_var = mean[few], log_var[few]
    return Audit(
        images=len(mean),
        latent_units=mean.shape[1],
        divergence=aggregate_divergence(mean, log_var, seed),
        units=units(mean, log_var),
        marginals=marginals(mean, log_var),
        radii=radii(mean, log_var, seed),
        mmd=mmd(mean, log_var, seed),
        separation=classifier_auc(mean, log_var, seed) if len(mean) >= FEWEST_IMAGES else None,
    )


def describe(found: dict) -> str:
    """The content of `Audit.as_dict` for people, a line a measure."""
    kl, radius, units = found["divergence"], found["radii"], found["marginals"]
    low, high = kl["interval"]
    apart, most = found["total_correlation"], math.log(kl["images"])
    variance, alone = units["variance"], [value for value in units["kl"] if value is not None]
    untold = len(units["kl"]) - len(alone)
    separation, mmd = found["separation"], found["mmd"]
    lines = [
        f"{found['images']:,} encodings of {found['latent_units']:,} units, {found['n_active']:,} of them active; nats",
        f"mean KL(q(z|x) ‖ p)            {kl['mean_kl']:.2f} = I(x; z) + KL(q(z) ‖ p)",
        f"KL(q(z) ‖ p)                   {low:.2f} … {high:.2f}",
        f"I(x; z)                        {max(kl['mean_kl'] - high, 0):.2f} … {kl['mean_kl'] - low:.2f}; "
        f"{kl['images']:,} images can show up to {most:.2f}",
        "total correlation              " + ("not told" if None in apart else f"{apart[0]:.2f} … {apart[1]:.2f}"),
        f"KL(q(z_u) ‖ N(0, 1)) of units  {sum(alone):.2f} in all, at most {max(alone, default=math.nan):.3f}"
        + (f"; of {untold} units not told, whose posteriors are too narrow" if untold else ""),
        f"variance of units under q(z)   {min(variance):.2f} … {max(variance):.2f}; 1 under the prior",
        f"‖z‖                            {radius['mean']:.2f} ± {radius['std']:.2f}; {radius['prior_mean']:.2f} ± "
        f"{radius['prior_std']:.2f} under the prior",
        f"typical under the prior        {100 * radius['typical']:.0f} % of samples; 95 % of the prior's own",
        f"MMD² from the prior            {mmd['value']:.2g} ± {math.nan if mmd['error'] is None else mmd['error']:.1g}",
        "a classifier's AUC             "
        + (f"{separation['auc']:.3f} ± {separation['error']:.3f}; 0.5 by chance" if separation else "not told"),
    ]
    if kl["saturated"]:
        lines.append(
            f"SATURATED: I(x; z) is within 1 nat of ln {kl['images']:,}: the upper end of KL(q(z) ‖ p) says how many "
            "images there are, not what q(z) is; no verdict may rest on it."
        )
    return "\n".join(lines)


def _told(value):
    """Without NaN and infinities, which JSON doesn't have."""
    if isinstance(value, dict):
        return {key: _told(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_told(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
