"""What a decoder makes of each latent unit: the reconstruction it loses without it."""

from collections.abc import Callable

import numpy as np


def replacement_loss(nll: Callable[[np.ndarray], np.ndarray], z: np.ndarray, seed: int = 0) -> np.ndarray:
    """How much worse images are reconstructed when one unit is replaced by draws from the prior.

    E[nll(z with z_i ~ N(0, 1))] − E[nll(z)], nats per image. A collapsed unit loses nothing: its draws already come
    from the prior. A unit that doubles another loses little while the other stands, whatever its KL.

    Args:
        nll: from latent points `(n, units…)` to the negative log-likelihood of the n images, each decoded from
            its own point: `(n,)`, nats.
        z: a draw from each image's posterior (the code itself without a density), `(n, units…)`.
        seed: of the draws.

    Returns:
        An array of the units' shape.
    """
    z = np.asarray(z, "float32")
    rng = np.random.default_rng(seed)
    flat = z.reshape(len(z), -1)
    complete = np.mean(nll(z), dtype="float64")
    losses = np.empty(flat.shape[1])
    for unit in range(flat.shape[1]):
        replaced = flat.copy()
        replaced[:, unit] = rng.standard_normal(len(z))
        losses[unit] = np.mean(nll(replaced.reshape(z.shape)), dtype="float64") - complete
    return losses.reshape(z.shape[1:])
