"""A mixture of Gaussians with diagonal covariances, as the density of latent points: the arrays of a learned prior."""

import math
from collections.abc import Sequence

import numpy as np
import scipy

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import log_variances, row_chunks
from keras_vae.diagnostics.mixture_density import Gaussians
from keras_vae.errors import InputError


class GaussianMixture:
    """p(z) = Σ_k w_k N(z; μ_k, diag σ_k²), with which the audit compares an aggregate posterior.

    Args:
        weight: weights `(components,)`, at least 0; they are divided by their sum.
        mean: means `(components, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it, from −80 to 80.

    Raises:
        InputError: if the shapes do not match, a value is not a number in range, or no weight is above 0.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> prior = diagnostics.GaussianMixture(np.ones(2), np.array([[-2.0], [2.0]]), np.zeros((2, 1)))
        >>> prior.log_density(np.array([[0.0]])).round(2).tolist()  # −½ log 2π − ½ 2²
        [-2.92]
        >>> round(float(prior.sample(1000, seed=0).std()), 1)  # √(1 + 2²)
        2.2
    """

    def __init__(self, weight: np.ndarray, mean: np.ndarray, log_var: np.ndarray):
        mean = checks.array("mean", mean, ("components", "units…"))
        weight = checks.array("weight", weight, (len(mean),), low=0)
        checks.number("the sum of weight", float(weight.sum()), low=0, open_low=True)
        log_var = log_variances(log_var, mean.shape, "float64")
        self.weight = weight / weight.sum()
        self.mean, self.log_var = mean.reshape(len(mean), -1), log_var.reshape(len(mean), -1)
        self._gaussians = Gaussians(self.mean, self.log_var, dtype="float64")

    @property
    def units(self) -> int:
        """Number of latent units."""
        return self.mean.shape[1]

    def marginal(self, units: Sequence[int]) -> "GaussianMixture":
        """The mixture's marginal over some of its units, in the given order.

        Raises:
            InputError: if a unit is none of the mixture's.

        Example:
            >>> import numpy as np
            >>> from keras_vae import diagnostics
            >>> prior = diagnostics.GaussianMixture(np.ones(1), np.array([[-2.0, 0.0, 1.0]]), np.zeros(3))
            >>> prior.marginal([2, 0]).mean.tolist()
            [[1.0, -2.0]]
        """
        columns = checks.array("units", units, ("n",), dtype="int64", low=0, high=self.units - 1)
        return GaussianMixture(self.weight, self.mean[:, columns], self.log_var[:, columns])

    def log_ratio(self, z: np.ndarray) -> np.ndarray:
        """log p(z) − log N(z; 0, I) of points `(n, units)`, nats, `(n,)`.

        Raises:
            InputError: if the points have another number of units, or are not finite.
        """
        z = checks.array("z", z, ("n", self.units))
        found = np.empty(len(z))
        for rows in row_chunks(np.broadcast_to(0.0, (len(z), len(self.mean)))):
            found[rows] = scipy.special.logsumexp(self._gaussians.log_ratio(z[rows]), axis=1, b=self.weight)
        return found

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """log p(z) of points `(n, units)`, nats, `(n,)`.

        Raises:
            InputError: as `log_ratio`.
        """
        z = checks.array("z", z, ("n", self.units))
        return self.log_ratio(z) - 0.5 * (np.square(z).sum(axis=1) + self.units * math.log(2 * math.pi))

    def sample(self, n: int, seed: int | np.random.Generator | None = None) -> np.ndarray:
        """`n` draws, `(n, units)` float32.

        Args:
            n: number of draws, at least 1.
            seed: seed of the draws; a generator continues from its state.

        Raises:
            InputError: if an argument is out of range.
        """
        n = checks.whole("n", n)
        checks.allocation("n", n, n, self.units, itemsize=4)
        rng = np.random.default_rng(checks.seed(seed, none=True, generator=True))
        chosen = rng.choice(len(self.weight), n, p=self.weight)
        noise = rng.standard_normal((n, self.units), dtype="float32")
        std = np.exp(0.5 * self.log_var).astype("float32")
        return self.mean[chosen].astype("float32") + std[chosen] * noise


def check_prior(prior: GaussianMixture | None, units: int, argument: str = "prior") -> None:
    """Checks a learned prior that is compared with codes of `units` units; None stands for N(0, I).

    Raises:
        InputError: if it is of another type or has other units.
    """
    if prior is not None and not isinstance(prior, GaussianMixture):
        raise InputError(f"{argument}: expected a GaussianMixture, or None; received {type(prior).__name__}.")
    if prior is not None and prior.units != units:
        raise InputError(f"{argument}: expected a prior of {units} units, as the codes have; received {prior.units}.")
