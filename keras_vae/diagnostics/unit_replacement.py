"""Reconstruction loss caused by replacing one latent unit with draws from the prior."""

from collections.abc import Callable

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture, check_prior


def replacement_loss(
    nll: Callable[[np.ndarray], np.ndarray], z: np.ndarray, seed: int = 0, prior: GaussianMixture | None = None
) -> np.ndarray:
    """Increase of the reconstruction loss when one unit is replaced by draws from the prior, nats per image.

    E[nll(z with z_i ~ p(z_i))] − E[nll(z)]. A collapsed unit has 0: its draws already come from the prior. A unit that
    duplicates another has a small increase while the other is intact, whatever its KL.

    Args:
        nll: function of latent points `(n, units…)` that returns the negative log-likelihood of each of the n images,
            decoded from its own point: `(n,)`, nats.
        z: a draw from each image's posterior (the code itself without a density), `(n, units…)`.
        seed: seed of the draws from the prior, which are others than those of `default_rng(seed)`.
        prior: a learned prior of as many units, whose marginals are drawn from; None for N(0, I).

    Returns:
        `(units…)` float64.

    Raises:
        InputError: unless the points are finite, and the function returns one finite number for each.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> z = np.random.default_rng(1).standard_normal((5000, 2))
        >>> nll = lambda replaced: np.square(replaced[:, 0] - z[:, 0])  # the second unit is not used
        >>> diagnostics.replacement_loss(nll, z).round(1).tolist()
        [2.0, 0.0]
    """
    checks.function("nll", nll)
    z = checks.array("z", z, ("n", "units…"), dtype="float32")
    rng = stream(checks.seed(seed), Stream.REPLACED_UNITS)
    flat = z.reshape(len(z), -1)
    check_prior(prior, flat.shape[1])
    complete = _mean_nll(nll, z)
    losses = np.empty(flat.shape[1])
    for unit in range(flat.shape[1]):
        replaced = flat.copy()
        drawn = rng.standard_normal(len(z)) if prior is None else prior.sample(len(z), rng)[:, unit]
        replaced[:, unit] = drawn
        losses[unit] = _mean_nll(nll, replaced.reshape(z.shape)) - complete
    return losses.reshape(z.shape[1:])


def _mean_nll(nll: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> float:
    return np.mean(checks.array("nll", nll(z), (len(z),), dtype=None), dtype="float64")
