"""Exact log densities of mixtures of many diagonal Gaussians, such as the aggregate posterior, by matrix products."""

import math

import numpy as np
from numpy.typing import DTypeLike

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import log_variances
from keras_vae.errors import InputError


class Gaussians:
    """Diagonal Gaussians, prepared for their log densities at many points.

    Relative to the prior p = N(0, I), log N(z; μ, σ²) − log p(z) = z·(μ/σ²) − ½ Σ (μ²/σ² + log σ²) − ½ z²·(1/σ² − 1):
    one product of (z, 1, z²) with a matrix that has one row per component; where all variances are 1, of (z, 1).

    Args:
        mean: means of the components, `(components, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it, from −80 to 80; None for N(mean, I).
        dtype: dtype of the product, float32 or float64; float32 halves its cost, with an error of about 10⁻⁷ of the
            largest term.

    Raises:
        InputError: if the shapes do not match, a value is not a number in range, or the dtype cannot represent the
            densities.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> gaussians = diagnostics.Gaussians(np.array([[0.0, 0.0], [2.0, 0.0]]))
        >>> gaussians.log_ratio(np.array([[1.0, 5.0], [2.0, 5.0]])).tolist()  # 0 half-way between the means
        [[0.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, mean: np.ndarray, log_var: np.ndarray | None = None, dtype: str = "float32"):
        number_type = checks.float_dtype(dtype)
        mean = checks.array("mean", mean, ("components", "units…"), dtype=number_type)
        flat = mean.reshape(len(mean), -1)
        self.units = flat.shape[1]
        self._factors = np.empty((len(flat), (1 if log_var is None else 2) * self.units + 1), number_type)
        linear, constant, square = np.split(self._factors, [self.units, self.units + 1], axis=1)
        if log_var is None:
            linear[:] = flat
            constant[:, 0] = -0.5 * np.square(flat).sum(axis=1)
            return
        log_var = log_variances(log_var, mean.shape, number_type).reshape(flat.shape)
        np.exp(-log_var, out=square)
        np.multiply(flat, square, out=linear)
        constant[:, 0] = -0.5 * (np.einsum("ij,ij->i", linear, flat) + log_var.sum(axis=1))
        square -= 1
        square *= -0.5
        if not np.isfinite(constant).all():  # −½ Σ μ²/σ² is the largest term
            raise InputError(
                f"log_var: expected variances whose densities {number_type} can represent; received means that are too "
                "far from 0 for them; use float64."
            )

    def __len__(self) -> int:
        return len(self._factors)

    def log_ratio(self, z: np.ndarray) -> np.ndarray:
        """log N(z; μ, σ²) − log p(z) of every point under every component, nats.

        Args:
            z: points `(n, units)`.

        Returns:
            `(n, components)`.

        Raises:
            InputError: if the points have another number of units, or are not finite.
        """
        z = checks.array("z", z, ("n", self.units), dtype=None)
        return self.log_ratio_of(powers(z, self._factors.dtype))

    def log_ratio_of(self, prepared: np.ndarray) -> np.ndarray:
        """As `log_ratio`, for points prepared by `powers`, which can be reused for other components."""
        units = prepared.shape[1] // 2
        if units != self.units:
            raise InputError(f"mean: expected {units} units, as the points have; received {self.units}.")
        return prepared[:, : self._factors.shape[1]] @ self._factors.T


def powers(z: np.ndarray, dtype: DTypeLike = "float32") -> np.ndarray:
    """(z, 1, z²) of points `(n, units…)`: `(n, 2 units + 1)`."""
    flat = np.asarray(z).reshape(len(z), -1)
    units = flat.shape[1]
    prepared = np.ones((len(flat), 2 * units + 1), dtype)
    prepared[:, :units] = flat
    np.square(flat, out=prepared[:, units + 1 :], casting="same_kind")
    return prepared


class MixtureRatio:
    """log q(z) / p(z) at fixed points, for a mixture q of Gaussians that is built batch by batch, and p = N(0, I).

    Only one batch of components is in memory at a time. After each batch the ratio of the mixture of all components so
    far is available.

    Args:
        z: points `(n, units…)`.

    Raises:
        InputError: unless they are finite points.

    Attributes:
        components: number of components added so far.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mixture = diagnostics.MixtureRatio(np.array([[0.0], [1.0]]))
        >>> for mean in (-1.0, 1.0):
        ...     mixture.add(diagnostics.Gaussians(np.array([[mean]])))
        >>> mixture.log_ratio.round(2).tolist()
        [-0.5, -0.07]
    """

    def __init__(self, z: np.ndarray):
        z = checks.array("z", z, ("n", "units…"), dtype=None)
        self._prepared = powers(z)
        self._log_sum = np.full(len(z), -np.inf)
        self.components = 0

    def add(self, components: Gaussians) -> None:
        """Adds components to the mixture, all with the same weight.

        Raises:
            InputError: if they have another number of units than the points.
        """
        if not isinstance(components, Gaussians):
            raise InputError(f"components: expected Gaussians; received a value of type {type(components).__name__}.")
        ratio = components.log_ratio_of(self._prepared)
        self._log_sum = np.logaddexp(self._log_sum, log_sum_exp(ratio))
        self.components += len(components)

    @property
    def log_ratio(self) -> np.ndarray:
        """`(n,)` float64, nats."""
        if not self.components:
            raise InputError("log_ratio: expected a mixture of at least one component; received none; call add first.")
        return self._log_sum - math.log(self.components)


def log_sum_exp(rows: np.ndarray) -> np.ndarray:
    """log Σ exp of every row `(n, components)`, which is overwritten; five times as fast as SciPy's for many rows.

    Every row must hold a finite number.
    """
    largest = rows.max(axis=1, keepdims=True)
    np.subtract(rows, largest, out=rows)
    np.exp(rows, out=rows)
    return np.log(rows.sum(axis=1, dtype="float64")) + largest[:, 0]
