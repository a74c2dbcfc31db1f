"""Arrays that the figures of an audit need: marginal densities, radii, the density of two units."""

import math

import numpy as np

from keras_vae import diagnostics, geometry, samplers
from keras_vae.diagnostics.encodings import random_images
from keras_vae.diagnostics.unit_marginals import marginal_subset

N_MARGINALS = 6  # units whose marginal is kept
N_MARGINAL_POINTS = 400
DENSITY_SIDE = 160  # points along each axis of the density of two units
MAX_LOG_DENSITY = 80.0  # nats; float32 overflows above 88
MAX_DENSITY_IMAGES = 50_000  # whose components are added to that density
MIXTURE_CHUNK = 500  # images whose components are added to the density at a time


def arrays(mean: np.ndarray, log_var: np.ndarray, audit: diagnostics.Audit, seed: int) -> dict[str, np.ndarray]:
    """The arrays for `arrays/audit.npz`, of flat encodings `(n, units)` and their audit.

    The marginals are those of the images that `diagnostics.marginals` uses, the density of two units that of at most
    50,000 images.
    """
    radii = np.linalg.norm(samplers.neighbourhood(mean, np.exp(0.5 * log_var), seed), axis=1)
    return _marginals(*marginal_subset(mean, log_var, seed), audit) | {"radii": radii} | _density(mean, log_var, seed)


def _marginals(mean: np.ndarray, log_var: np.ndarray, audit: diagnostics.Audit) -> dict[str, np.ndarray]:
    """Densities of the units whose marginals differ most from N(0, 1)."""
    std = np.exp(0.5 * log_var)
    units = np.argsort(-np.nan_to_num(audit.marginals.kl), kind="stable")[:N_MARGINALS]
    grid = np.linspace(-5, 5, N_MARGINAL_POINTS)
    densities = []
    for unit in units:
        points, density = diagnostics.marginal_density(mean[:, unit], std[:, unit])
        missing = np.full(N_MARGINAL_POINTS, np.nan)
        densities.append(np.interp(grid, points, density, 0, 0) if len(points) else missing)
    return {"marginal_units": units, "marginal_grid": grid, "marginals": np.array(densities)}


def _density(mean: np.ndarray, log_var: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The density q(z) of two units on a square grid; empty for other numbers of units."""
    if mean.shape[1] != 2:
        return {}
    limit = max(3.0, geometry.scatter_limit(mean))
    axis = np.linspace(-limit, limit, DENSITY_SIDE)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    mixture = diagnostics.MixtureRatio(z)
    images = random_images(len(mean), MAX_DENSITY_IMAGES, np.random.default_rng(seed))
    for i in range(0, len(images), MIXTURE_CHUNK):
        components = images[i : i + MIXTURE_CHUNK]
        mixture.add(diagnostics.Gaussians(mean[components], log_var[components]))
    # Rounding errors of posteriors that are very narrow and far from the origin may exceed the highest peak.
    highest = min(-0.5 * float(log_var.sum(axis=1).min()), MAX_LOG_DENSITY)
    density = np.exp(np.minimum(mixture.log_ratio - 0.5 * np.square(z).sum(axis=1), highest)) / (2 * math.pi)
    return {"density": density.reshape(DENSITY_SIDE, DENSITY_SIDE).astype("float32"), "density_limit": np.array(limit)}
