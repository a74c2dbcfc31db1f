"""How far from the origin samples of the aggregate posterior lie, and how typical that is under the prior."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from keras_vae.diagnostics.encodings import flat_encodings, posterior_draws, stream

CENTRAL = 0.95


class Radii(NamedTuple):
    """‖z‖ of samples of q(z) against χ_d, which it has under the prior.

    Attributes:
        mean, std: of ‖z‖ under q(z).
        prior_mean, prior_std: under N(0, I), exactly.
        kolmogorov_smirnov: max difference of the two distribution functions.
        typical: share of the samples within the central 95 % of the prior's ‖z‖: 0.95 for a q(z) that is the prior.
        inside, outside: the rest, nearer to the origin and further from it.
        deviation: mean of −log p(z)/d − h, p's density a unit against its entropy h: (‖z‖²/d − 1)/2, nats. Samples
            of the prior have 0, with a standard deviation of 1/√(2d).
    """

    mean: float
    std: float
    prior_mean: float
    prior_std: float
    kolmogorov_smirnov: float
    typical: float
    inside: float
    outside: float
    deviation: float


def radii(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> Radii:
    """Compares ‖z‖ of one draw from each posterior with χ_d.

    This asks of samples of the *aggregate* how typical they are under the *prior*, which says something of a model:
    how typical samples are under the distribution that they come from is the same for every Gaussian (see
    `typicality`). It sees one number a sample: a q(z) can have the prior's radii and be far from it.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: of the draws.

    Raises:
        InputError: unless they are finite encodings of at least two images.
    """
    mean, log_var = flat_encodings(mean, log_var)
    d = mean.shape[1]
    r = np.sort(np.linalg.norm(posterior_draws(mean, log_var, 1, stream(seed, 2)), axis=1))
    prior = stats.chi(d)
    low, high = prior.ppf([(1 - CENTRAL) / 2, (1 + CENTRAL) / 2])
    return Radii(
        mean=float(r.mean()),
        std=float(r.std(ddof=1)),
        prior_mean=float(prior.mean()),
        prior_std=float(prior.std()),
        kolmogorov_smirnov=float(stats.ks_1samp(r, prior.cdf, method="asymp").statistic),
        typical=float(((r >= low) & (r <= high)).mean()),
        inside=float((r < low).mean()),
        outside=float((r > high).mean()),
        deviation=float((np.square(r).mean() / d - 1) / 2),
    )


def radius_density(units: int, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """‖z‖ and its density under N(0, I), over nearly all of it: what a histogram of radii is drawn against."""
    prior = stats.chi(units)
    r = np.linspace(*prior.ppf([1e-6, 1 - 1e-6]), points)
    return r, prior.pdf(r) if math.isfinite(r[-1]) else np.zeros(points)
