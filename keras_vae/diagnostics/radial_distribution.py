"""Distribution of the radius ‖z‖ under the aggregate posterior, against χ_d, its distribution under the prior."""

import math
from typing import NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings, posterior_draws, row_chunks

TYPICAL_SHARE = 0.95  # central share of the prior's radii
MAX_UNITS = 10**9  # beyond, quantiles of χ_d are not computed exactly
TAIL_PROBABILITY = 1e-6  # omitted at either end of a drawn density


class Radii(NamedTuple):
    """‖z‖ of samples of q(z), compared with χ_d.

    Attributes:
        mean, std: mean and standard deviation of ‖z‖ under q(z).
        prior_mean, prior_std: the same under N(0, I), exactly.
        kolmogorov_smirnov: maximum difference of the two distribution functions.
        typical: share of the samples within the central 95 % of the prior's ‖z‖: 0.95 if q(z) is the prior.
        inside, outside: shares of samples nearer to the origin and farther from it than that range.
        deviation: mean of −log p(z)/d − h, the prior's negative log density per unit less its entropy h:
            (‖z‖²/d − 1)/2, nats. Its expectation under the prior is 0; one sample's standard
            deviation is 1/√(2d).

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> far = diagnostics.radii(np.full((100, 2), 10.0), np.zeros((100, 2)))
        >>> far.typical, far.outside, round(far.prior_mean, 2)
        (0.0, 1.0, 1.25)
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

    It measures how typical samples of the *aggregate posterior* are under the *prior*, which depends on the model. (How
    typical samples are under their own distribution is the same for every Gaussian: see `typicality`.) The radius is
    one number per sample: q(z) can have the prior's radii and still differ from the prior.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: seed of the draws.

    Raises:
        InputError: unless they are finite encodings of at least two images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean = np.random.default_rng(1).normal(0, np.sqrt(0.7), (4000, 8))
        >>> found = diagnostics.radii(mean, np.full((4000, 8), np.log(0.3)))  # q(z) is the prior
        >>> round(found.typical, 2), round(abs(found.mean - found.prior_mean), 1)
        (0.95, 0.0)
    """
    seed = checks.seed(seed)
    mean, log_var = flat_encodings(mean, log_var)
    d = mean.shape[1]
    rng = stream(seed, Stream.RADII_DRAWS)
    draws = (posterior_draws(mean[rows], log_var[rows], 1, rng) for rows in row_chunks(mean))
    r = np.sort(np.concatenate([np.linalg.norm(z, axis=1) for z in draws]))
    prior = scipy.stats.chi(d)
    low, high = prior.ppf([(1 - TYPICAL_SHARE) / 2, (1 + TYPICAL_SHARE) / 2])
    return Radii(
        mean=float(r.mean()),
        std=float(r.std(ddof=1)),
        prior_mean=float(prior.mean()),
        prior_std=float(prior.std()),
        kolmogorov_smirnov=float(scipy.stats.ks_1samp(r, prior.cdf, method="asymp").statistic),
        typical=float(((r >= low) & (r <= high)).mean()),
        inside=float((r < low).mean()),
        outside=float((r > high).mean()),
        deviation=float((np.square(r).mean() / d - 1) / 2),
    )


def radius_density(units: int, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """The density of ‖z‖ under N(0, I), between its 10⁻⁶ and 1 − 10⁻⁶ quantiles.

    Args:
        units: number of latent units d, at most 10⁹.
        points: number of radii.

    Returns:
        Radii and their densities, each `(points,)`.

    Raises:
        InputError: unless both are whole numbers in range.

    Example:
        >>> from keras_vae import diagnostics
        >>> r, density = diagnostics.radius_density(100)
        >>> round(float(r[density.argmax()]), 1)  # the mode, √(d − 1)
        9.9
    """
    units, points = checks.whole("units", units, high=MAX_UNITS), checks.whole("points", points)
    checks.allocation("points", points, points)
    prior = scipy.stats.chi(units)
    low, high = prior.ppf([TAIL_PROBABILITY, 1 - TAIL_PROBABILITY])
    r = np.linspace(low, high, points)
    return r, prior.pdf(r) if math.isfinite(r[-1]) else np.zeros(points)
