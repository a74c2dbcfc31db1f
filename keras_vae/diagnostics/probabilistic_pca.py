"""Probabilistic PCA in closed form: the optimum of a VAE whose encoder and decoder are linear."""

import math
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.errors import InputError
from keras_vae.geometry import flat

MAX_PIXELS = 8_192  # side of the covariance matrix, 0.5 GB


class ProbabilisticPCA(NamedTuple):
    """The global optimum of probabilistic PCA, and of a linear VAE, for given data and a number of units.

    The model is p(x | z) = N(W z + m, σ² I) with z of N(0, I). A linear VAE whose posteriors N(V (x − m), D) have a
    diagonal covariance D reaches the same likelihood, since at the optimum the columns of W can be chosen orthogonal,
    and then the exact posterior has a diagonal covariance. Its unit i belongs to principal component i:

    - it is active if the component's variance λᵢ exceeds σ², and collapsed otherwise;
    - active, its decoder column has the length √(λᵢ − σ²), its posterior variance is σ² / λᵢ, the variance of its
      means 1 − σ² / λᵢ, and its mean KL ½ ln(λᵢ / σ²).

    Attributes:
        mean: mean of the data, `(pixels,)`.
        eigenvalues: variances of all principal components, `(pixels,)`, in decreasing order.
        components: the components as rows, `(pixels, pixels)`, in the same order.
        n_units: number of latent units.
        noise_var: σ², as given or of largest likelihood.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> x = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # variances 2 and ½
        >>> pca = diagnostics.probabilistic_pca(x, n_units=1)
        >>> pca.noise_var, pca.n_active, pca.posterior_var.tolist()
        (0.5, 1, [0.25])
    """

    mean: np.ndarray
    eigenvalues: np.ndarray
    components: np.ndarray
    n_units: int
    noise_var: float

    @property
    def n_active(self) -> int:
        """Number of units whose component has a variance above σ²; the others collapse."""
        return int((self.eigenvalues[: self.n_units] > self.noise_var).sum())

    @property
    def posterior_var(self) -> np.ndarray:
        """Posterior variance of each unit, σ² / λᵢ and at most 1, `(units,)`, the active ones first."""
        return self.noise_var / np.maximum(self.eigenvalues[: self.n_units], self.noise_var)

    @property
    def kl(self) -> np.ndarray:
        """Mean KL of each unit, −½ ln of its posterior variance, `(units,)`, nats."""
        return -0.5 * np.log(self.posterior_var)

    @property
    def log_likelihood(self) -> float:
        """Mean log p(x) of the data, which the ELBO of the optimal linear VAE equals; nats per image."""
        explained, rest = self.eigenvalues[: self.n_active], self.eigenvalues[self.n_active :]
        squares = len(explained) + float(rest.sum()) / self.noise_var
        log_det = float(np.log(explained).sum()) + len(rest) * math.log(self.noise_var)
        return -0.5 * (len(self.eigenvalues) * math.log(2.0 * math.pi) + log_det + squares)


def probabilistic_pca(x: np.ndarray, n_units: int, noise_var: float | None = None) -> ProbabilisticPCA:
    """The global optimum of probabilistic PCA in closed form (Tipping & Bishop 1999; Lucas et al. 2019, section 4).

    With the covariance matrix (1/n) Σ (x − m)(x − m)ᵀ of the data and its eigenvalues λ₁ ≥ λ₂ ≥ …, W has the columns
    √(λᵢ − σ²) uᵢ of the first units, where λᵢ exceeds σ². The σ² of largest likelihood is the mean of the eigenvalues
    that are left, which none of the first exceeds, so that no unit collapses unless the spectrum is flat there.

    Args:
        x: the data `(n, …)`, n ≥ 2, flattened to at most 8,192 pixels.
        n_units: number of latent units, from 1 to the number of pixels less 1.
        noise_var: σ², the variance of the noise, above 0; None for that of largest likelihood.

    Returns:
        The optimum, of which `log_likelihood`, `n_active`, `posterior_var` and `kl` follow.

    Raises:
        InputError: if an argument is out of range, or without `noise_var` the data lie in a subspace of that many
            dimensions, where the likelihood has no maximum.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> x = np.random.default_rng(0).normal(size=(1000, 5)) * [3.0, 2.0, 1.0, 1.0, 1.0]
        >>> [diagnostics.probabilistic_pca(x, 3, noise_var).n_active for noise_var in (0.5, 3.0, 6.0, 12.0)]
        [3, 2, 1, 0]
    """
    x = flat(checks.array("x", x, ("n ≥ 2", "pixels…")))
    pixels = x.shape[1]
    if not 2 <= pixels <= MAX_PIXELS:
        raise InputError(f"x: expected from 2 to {MAX_PIXELS:,} pixels; received {pixels:,}.")
    n_units = checks.whole("n_units", n_units, low=1, high=pixels - 1)
    mean = x.mean(axis=0)
    deviations = x - mean
    eigenvalues, vectors = np.linalg.eigh(deviations.T @ deviations / len(x))
    eigenvalues, components = np.maximum(eigenvalues[::-1], 0.0), vectors.T[::-1]
    if noise_var is not None:
        noise_var = checks.number("noise_var", noise_var, low=0, open_low=True)
    else:
        noise_var = float(eigenvalues[n_units:].mean())
        if noise_var <= pixels * np.finfo("float64").eps * eigenvalues[0]:
            raise InputError(
                f"x: expected data that vary in more than {n_units} dimensions; received data of no other variance, "
                "for which the likelihood grows without limit; state noise_var, or fewer units."
            )
    return ProbabilisticPCA(mean, eigenvalues, components, n_units, noise_var)


def linear_elbo(
    x: np.ndarray,
    mean: np.ndarray,
    log_var: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    noise_var: float,
) -> np.ndarray:
    """The ELBO of each image for a linear decoder, without sampling.

    For p(x | z) = N(W z + b, σ² I) and q(z | x) = N(μ, diag(s²)) the expectation over z is known:

        ELBO(x) = −½ (n ln 2πσ² + (‖x − W μ − b‖² + Σᵢ sᵢ² ‖wᵢ‖²) / σ²) − KL(q(z | x) ‖ N(0, I)).

    Args:
        x: images `(n, …)`, n ≥ 2, flattened.
        mean, log_var: their encodings `(n, units…)`; the encoder need not be linear.
        weights: W transposed, the decoder's column of each unit as a row, `(units, pixels)`.
        bias: b, `(pixels,)`.
        noise_var: σ², above 0.

    Returns:
        `(n,)`, nats.

    Raises:
        InputError: if the shapes do not match or a value is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> x, zeros = np.array([[1.0, 0.0], [3.0, 0.0]]), np.zeros((2, 1))
        >>> elbo = diagnostics.linear_elbo(x, zeros, zeros, np.array([[0.0, 2.0]]), np.zeros(2), 1.0)
        >>> (elbo + np.log(2 * np.pi)).round(3).tolist()  # −½ (1² + 2²) and −½ (3² + 2²)
        [-2.5, -6.5]
    """
    mean, log_var = flat_encodings(mean, log_var)
    n, units = mean.shape
    x = flat(checks.array("x", x, (n, "pixels…")))
    weights = checks.array("weights", weights, (units, x.shape[1]))
    bias = checks.array("bias", bias, (x.shape[1],))
    noise_var = checks.number("noise_var", noise_var, low=0, open_low=True)
    variances = np.exp(log_var)
    errors = np.square(x - mean @ weights - bias).sum(axis=1) + variances @ np.square(weights).sum(axis=1)
    reconstruction = 0.5 * (x.shape[1] * math.log(2.0 * math.pi * noise_var) + errors / noise_var)
    kl = 0.5 * (variances + np.square(mean) - 1.0 - log_var).sum(axis=1)
    return -(reconstruction + kl)
