"""What it takes to explore a latent space where there is no Python: a decoder, some test images, their codes.

`gather` makes of it the arrays that a run folder keeps as `arrays/explorer.npz`:

```
description     JSON: `layers` and `output` of the decoder (see `portable`) or, in place of them, `obstacle`, what kept
                it from being exported; `units`, the shown ones, the liveliest first; `latent_shape`
weight_0_0 …    float16, of layer 0 the first, and so on; none where there is an obstacle
images          (n, height, width[, channels]) uint8, test images chosen by the seed
mean            (n, all units) float16, of these images
log_var         (n, shown units) float16; none without a density
labels          (n,), where there are any
check_z, check_images   a few points and what the model decodes there, against which an export can be checked
grid_images     (side², …) uint8, row by row from the upper left, and grid_limit, half the grid's side, for the two
                liveliest units; and reconstructions (n, …) uint8: only where there is an obstacle
epochs, trajectory_mean, trajectory_log_var, trajectory_units, trajectory_labels, trajectory_images
                the recorded training, thinned, where there is one
```
"""

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from keras_vae import geometry
from keras_vae._utils import keras_import
from keras_vae.data import datasets
from keras_vae.data.datasets import Dataset
from keras_vae.errors import InputError
from keras_vae.runs.folder import Run
from keras_vae.trajectory import Trajectory

if TYPE_CHECKING:
    from keras_vae.models import VAE

MOST_IMAGES = 1000
MOST_PIXELS = 800_000  # of all kept images together
MOST_NUMBERS = 300_000  # of all kept means together; of 65,536 units four images are kept
SHOWN_UNITS = 32
MOST_FRAMES = 150
MOST_RECORDED = 100_000  # means of the kept part of a trajectory
SIDE = 31  # of the decoded grid that stands in for a decoder
CHECKED = 4


def write(run: Run, vae: "VAE", data: Dataset) -> None:
    """Writes `arrays/explorer.npz` of a run whose other arrays are there."""
    trajectory = run.trajectory if run.has_arrays("trajectory") else None
    var_mean, seed = run.arrays("units")["var_mean"], run.config["config"]["seed"]
    run.write_arrays("explorer", **gather(vae, data, var_mean, seed, trajectory))


def ensure(run: Run) -> None:
    """Writes `arrays/explorer.npz` of a finished run that was made before there was such a file, from its model.

    Raises:
        InputError: if its data is not there or has changed.
    """
    if run.has_arrays("explorer"):
        return
    described = run.config
    data = datasets.load(described["config"]["dataset"])
    if data.digest != described["dataset"]["digest"]:
        raise InputError(f"report: expected the data that {run.path} was trained on; {data.name} has changed since.")
    write(run, keras_import.import_keras().models.load_model(run.model_path, compile=False), data)


def gather(
    vae: "VAE", data: Dataset, var_mean: np.ndarray, seed: int = 0, trajectory: Trajectory | None = None
) -> dict[str, np.ndarray]:
    """The arrays of `arrays/explorer.npz` (see above).

    Args:
        vae: a trained model.
        data: whose test images are shown.
        var_mean: variance of each unit's means over images, by which the liveliest are found.
        seed: of the choice of images.
        trajectory: of the training, where it was recorded.
    """
    n_units = math.prod(vae.latent_shape)
    shown = _by_decreasing_variance(np.ravel(var_mean))[:SHOWN_UNITS]
    pixels = math.prod(data.image_shape)
    n = max(1, min(MOST_IMAGES, len(data.x_test), MOST_PIXELS // pixels, MOST_NUMBERS // n_units))
    chosen = np.sort(np.random.default_rng([seed, 4]).permutation(len(data.x_test))[:n])
    x = data.x_test[chosen]
    encoding = vae.encode(x, batch_size=256)
    mean = geometry.flat(encoding.mean)
    arrays = {"images": as_bytes(x), "mean": _half(mean)}
    if encoding.log_var is not None:
        log_var = np.broadcast_to(encoding.log_var, encoding.mean.shape).reshape(n, -1)
        arrays["log_var"] = _half(log_var[:, shown])
    if data.y_test is not None:
        arrays["labels"] = data.y_test[chosen]
    decoder = _decoder(vae, data.image_shape, mean, shown, seed)
    if trajectory is not None:
        arrays |= _recorded(trajectory, shown)
    description = {"units": shown, "latent_shape": list(vae.latent_shape), **decoder.pop("description")}
    return {"description": np.array(json.dumps(description)), **arrays, **decoder}


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as uint8, a channel axis of one dropped."""
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    return np.rint(255 * np.clip(images, 0, 1)).astype("uint8")


def _by_decreasing_variance(var_mean: np.ndarray) -> list[int]:
    return np.argsort(-var_mean, kind="stable").tolist()


def _half(array: np.ndarray) -> np.ndarray:
    largest = np.finfo("float16").max
    return np.clip(array, -largest, largest).astype("float16")


def _decoder(vae: "VAE", image_shape: tuple, mean: np.ndarray, shown: list[int], seed: int) -> dict:
    """The decoder's layers and weights with points to check them at, or a grid that stands in for it."""
    from keras_vae.networks import decoder_export

    def decoded(z: np.ndarray) -> np.ndarray:
        return as_bytes(vae.decode(z.reshape(-1, *vae.latent_shape), batch_size=64).reshape(-1, *image_shape))

    try:
        exported = decoder_export.export(vae.decoder, vae.likelihood)
    except decoder_export.NotPortable as obstacle:
        limit, z = _grid(mean, shown)
        return {
            "description": {"obstacle": str(obstacle)},
            "grid_images": decoded(z),
            "grid_limit": np.array(limit),
            "reconstructions": decoded(mean),
        }
    z = np.random.default_rng([seed, 5]).standard_normal((CHECKED, mean.shape[1])).astype("float32")
    weights = {f"weight_{i}_{j}": array for i, arrays in enumerate(exported.weights) for j, array in enumerate(arrays)}
    described = {"layers": exported.layers, "output": exported.output}
    return {"description": described, **weights, "check_z": z, "check_images": decoded(z)}


def _grid(mean: np.ndarray, shown: list[int]) -> tuple[float, np.ndarray]:
    """Half the side of a square view of the two liveliest units, and its points: evenly spaced, the others at 0."""
    plane = shown[:2]
    limit = max(geometry.scatter_limit(mean[:, plane]), 2.25)
    axis = np.linspace(-limit, limit, SIDE, dtype="float32")
    z = np.zeros((SIDE if len(plane) == 1 else SIDE * SIDE, mean.shape[1]), "float32")
    columns = [axis] if len(plane) == 1 else [c.ravel() for c in np.meshgrid(axis, axis[::-1])]
    for unit, column in zip(plane, columns, strict=True):
        z[:, unit] = column
    return limit, z


def _recorded(trajectory: Trajectory, shown: list[int]) -> dict[str, np.ndarray]:
    """A trajectory with fewer frames, and fewer units where there are many."""
    recorded = range(trajectory.mean.shape[2]) if trajectory.units is None else trajectory.units.tolist()
    units = [unit for unit in shown if unit in recorded][: SHOWN_UNITS // 2]
    if not units:  # of very many units the recorder followed others
        return {}
    points = trajectory.mean.shape[1]
    most = max(2, min(MOST_FRAMES, MOST_RECORDED // (points * len(units))))
    kept = thinned(len(trajectory), most)
    columns = [list(recorded).index(unit) for unit in units]
    arrays = {
        "epochs": trajectory.epochs[kept],
        "trajectory_mean": _half(trajectory.mean[kept][..., columns]),
        "trajectory_units": np.array(units),
    }
    if trajectory.log_var is not None:
        arrays["trajectory_log_var"] = _half(trajectory.log_var[kept][..., columns])
    if trajectory.labels is not None:
        arrays["trajectory_labels"] = trajectory.labels
    if trajectory.images is not None:
        arrays["trajectory_images"] = as_bytes(trajectory.images)
    return arrays


def thinned(frames: int, most: int) -> np.ndarray:
    """Indices of at most `most` of the frames, both ends included, the denser the earlier: evenly in √frame.

    Points move most in the first epochs, and hardly at all in the last.
    """
    if frames <= most:
        return np.arange(frames)
    return np.unique(np.rint(np.linspace(0, math.sqrt(frames - 1), most) ** 2).astype(int))
