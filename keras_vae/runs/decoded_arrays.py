"""Arrays of what the decoder does along each latent unit and over the plane of two: traversals and magnification.

They are computed at the end of a training and written to the run folder:

```
arrays/traversals.npz      units, by decreasing KL (without a density, by variance of the means); z, values of
                           the unit; images (units, z, …), with all other units at 0
arrays/magnification.npz   for two units: factor (side, side), √det JᵀJ on an even grid, rows from −limit upwards;
                           limit, half the grid's side; step, that of the differences
```
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from keras_vae import diagnostics, geometry
from keras_vae._utils import memory
from keras_vae.runs.folder import Run

if TYPE_CHECKING:
    from keras_vae.models import VAE

MAX_TRAVERSED_UNITS = 16
TRAVERSED = np.linspace(-3, 3, 13).astype("float32")  # values of a unit, standard deviations of the prior
MAGNIFICATION_SIDE = 41  # points along each of two units
MIN_LIMIT = 2.25  # half the side of a view that holds the prior's 2σ circle
STEPS_PER_LIMIT = 400  # steps of the differences in half the side of the grid


def write(run: Run, vae: "VAE", mean: np.ndarray, statistics: diagnostics.UnitStatistics) -> None:
    """Writes the arrays of a trained model.

    Args:
        run: the run to write to.
        vae: the model.
        mean: posterior means of test images, `(n, units…)`.
        statistics: of the model's units.
    """
    run.write_arrays("traversals", **traversals(vae, statistics))
    if statistics.var_mean.size == 2:
        run.write_arrays("magnification", **magnification(vae, geometry.flat(mean)))


def traversals(vae: "VAE", statistics: diagnostics.UnitStatistics) -> dict[str, np.ndarray]:
    """Images decoded along each unit with all others at 0, for at most `MAX_TRAVERSED_UNITS` units."""
    order = np.ravel(statistics.var_mean if statistics.kl is None else statistics.kl)
    pixels = len(TRAVERSED) * math.prod(vae.image_shape)
    units = np.argsort(-order, kind="stable")[: memory.kept_images(pixels, MAX_TRAVERSED_UNITS)]
    z = np.zeros((len(units), len(TRAVERSED), order.size), "float32")
    z[np.arange(len(units)), :, units] = TRAVERSED
    images = vae.decode(z.reshape(-1, *vae.latent_shape))
    return {"units": units, "z": TRAVERSED, "images": images.reshape(*z.shape[:2], *images.shape[1:])}


def magnification(vae: "VAE", mean: np.ndarray) -> dict[str, np.ndarray]:
    """The magnification of a decoder of two units on a grid that contains nearly all means, `(n, 2)`."""
    limit = max(geometry.scatter_limit(mean), MIN_LIMIT)
    side = max(2, memory.kept_grid_side(math.prod(vae.image_shape), 2, MAGNIFICATION_SIDE))
    axis = np.linspace(-limit, limit, side, dtype="float32")
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, *vae.latent_shape)
    step = min(limit / STEPS_PER_LIMIT, 1.0)
    factor = diagnostics.magnification(vae.decode, z, step).reshape(side, side)
    return {"factor": factor.astype("float32"), "limit": np.array(limit), "step": np.array(step)}
