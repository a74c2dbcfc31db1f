"""Exact densities of mixtures of many diagonal Gaussians, such as the aggregate posterior, as matrix products."""

import math

import numpy as np
from scipy import special

from keras_vae.errors import InputError


class Gaussians:
    """Diagonal Gaussians, made ready for their log densities at many points.

    Against the prior p = N(0, I), log N(z; μ, σ²) − log p(z) = z·(μ/σ²) − ½ z²·(1/σ² − 1) − ½ Σ (μ²/σ² + log σ²): two
    products of points × units with units × components, and one where all variances are 1.

    Args:
        mean: `(components, units…)`.
        log_var: of that shape, or one that broadcasts to it; None for N(mean, I).
        dtype: of the products; float32 halves their cost and loses some 10⁻⁷ of their largest term.
    """

    def __init__(self, mean: np.ndarray, log_var: np.ndarray | None = None, dtype: str = "float32"):
        flat = np.asarray(mean, dtype).reshape(len(mean), -1)
        self.units = flat.shape[1]
        if log_var is None:
            self._linear, self._square = flat, None
            self._constant = np.square(flat).sum(axis=1)
        else:
            log_var = np.broadcast_to(np.asarray(log_var, dtype), np.shape(mean)).reshape(flat.shape)
            self._square = np.exp(-log_var)
            self._linear = flat * self._square
            self._constant = np.einsum("ij,ij->i", self._linear, flat) + log_var.sum(axis=1)
            self._square -= 1

    def __len__(self) -> int:
        return len(self._linear)

    def log_ratio(self, z: np.ndarray, squares: np.ndarray | None = None) -> np.ndarray:
        """log N(z; μ, σ²) − log p(z) of every point with every component, nats.

        Args:
            z: points `(n, units)`.
            squares: z², where it is at hand.

        Returns:
            `(n, components)`.

        Raises:
            InputError: if the points have another number of units.
        """
        if z.shape[1] != self.units:
            raise InputError(f"mean: expected {z.shape[1]} units, as the points have; received {self.units}.")
        ratio = z @ self._linear.T
        ratio -= 0.5 * self._constant
        if self._square is not None:
            quadratic = (np.square(z) if squares is None else squares) @ self._square.T
            quadratic *= 0.5
            ratio -= quadratic
        return ratio


class MixtureRatio:
    """log q(z) / p(z) of fixed points, for a mixture q of Gaussians that come in parts, and the prior p = N(0, I).

    Only one part's components are in memory at once. The mixture of the first N components is known at every N that
    was reached.

    Args:
        z: points `(n, units…)`.

    Attributes:
        components: how many have come.
    """

    def __init__(self, z: np.ndarray):
        self.z = np.asarray(z, "float32").reshape(len(z), -1)
        self._squares = np.square(self.z)
        self._log_sum = np.full(len(self.z), -np.inf)
        self.components = 0

    def add(self, components: Gaussians) -> None:
        """Adds components to the mixture, all with the same weight."""
        ratio = components.log_ratio(self.z, self._squares)
        self._log_sum = np.logaddexp(self._log_sum, special.logsumexp(ratio, axis=1))
        self.components += len(components)

    @property
    def log_ratio(self) -> np.ndarray:
        """`(n,)` float64, nats."""
        if not self.components:
            raise InputError("log_ratio: expected a mixture of at least one component; received none; add some.")
        return self._log_sum - math.log(self.components)
