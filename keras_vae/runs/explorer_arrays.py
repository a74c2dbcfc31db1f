"""Arrays of the latent-space explorer on a run's page: an exported decoder, test images and their encodings.

`gather` computes the arrays that are written to `arrays/explorer.npz` of a run folder:

```
description     JSON: `layers` and `output` of the decoder (see `decoder_export`), or in their place `obstacle`, the
                reason why it can't be exported; `units`, those that the explorer offers, by decreasing variance of
                their means; `latent_shape`; `value_range`, the values that stand for 0 and 255, if not 0 and 1
weight_0_0 …    float16, the first weight of layer 0, and so on; absent where there is an obstacle
images          (n, height, width[, channels]) or (n, columns) uint8, test images chosen by the seed
mean            (n, all units) float16, of these images
log_var         (n, offered units) float16; absent for posteriors without a density
labels          (n,), where the data has them
check_z, check_images   points and the images that the model decodes there, to check an export
grid_images     (side², …) uint8, row by row from the upper left, for the first two offered units; grid_limit, half the
                grid's side; reconstructions, (n, …) uint8: these three only where there is an obstacle
epochs, trajectory_mean, trajectory_log_var, trajectory_units, trajectory_labels, trajectory_images
                the recorded training with fewer frames, where there is one
```
"""

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from keras_vae import geometry
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.data import Dataset
from keras_vae.data.value_range import UNIT_RANGE, value_range
from keras_vae.runs import encoder_arrays, model_file, run_data
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import scaled
from keras_vae.trajectory import Trajectory

if TYPE_CHECKING:
    from keras_vae.models import VAE

MAX_IMAGES = 1000
MAX_PIXELS = 800_000  # of all images together, and of those at which an export is checked
MAX_GRID_PIXELS = 4_000_000  # of all images of the grid together, and of the recorded ones
MAX_MEANS = 300_000  # numbers, of all images together: four images of 65,536 units
MAX_UNITS = 32  # units that the explorer offers
MAX_FRAMES = 150
MAX_TRAJECTORY_UNITS = 16
MAX_TRAJECTORY_POINTS = 500  # more can't be followed by eye, and would leave few frames
MAX_TRAJECTORY_MEANS = 100_000  # numbers, of all frames together
GRID_SIDE = 31  # images along each unit of the grid that replaces a decoder
MIN_GRID_LIMIT = 2.25
GRID_BEND = 2.5  # of grids of earlier epochs: x = limit · sinh(bend · u) / sinh(bend) for evenly spaced u in [-1, 1]
N_CHECKED = 4  # points at which an export is checked
BATCH = 256  # images per call of the encoder
DECODER_BATCH = 64  # points per call of the decoder


def write(run: Run, vae: "VAE", data: Dataset) -> None:
    """Writes `arrays/explorer.npz` and `arrays/encoder.npz` of a run whose other arrays are written."""
    trajectory = run.trajectory if run.has_arrays("trajectory") else None
    var_mean, seed = run.arrays("units")["var_mean"], run.config["config"]["seed"]
    arrays = gather(vae, data, var_mean, seed, trajectory)
    run.write_arrays("explorer", **arrays)
    run.write_arrays("encoder", **encoder_arrays.gather(vae, arrays["images"], value_range(data.x_train)))


def ensure(run: Run) -> None:
    """Writes `arrays/explorer.npz` of a finished run that lacks it, or whose file is damaged, from its model.

    Raises:
        InputError: if its data can't be loaded or has changed.
        DamagedFileError: if its model is damaged or another one.
    """
    if run.has_readable_arrays("explorer"):
        return
    data = run_data.as_trained(run, run_data.load(run))
    write(run, model_file.load(run, compile=False), data)


def gather(
    vae: "VAE", data: Dataset, var_mean: np.ndarray, seed: int = 0, trajectory: Trajectory | None = None
) -> dict[str, np.ndarray]:
    """Computes the arrays of `arrays/explorer.npz`.

    Args:
        vae: a trained model.
        data: data set with the test images.
        var_mean: variance of each unit's means over images, `(units…)`; the units with the largest are offered.
        seed: seed of the choice of images.
        trajectory: recorded trajectory of the training, if there is one.

    Returns:
        The arrays by name, as listed in the module's description.
    """
    n_units = math.prod(vae.latent_shape)
    offered = _by_decreasing_variance(np.ravel(var_mean))[:MAX_UNITS]
    pixels = math.prod(data.image_shape)
    n = max(1, min(MAX_IMAGES, len(data.test), MAX_PIXELS // pixels, MAX_MEANS // n_units))
    chosen = np.sort(stream(seed, Stream.EXPLORER_IMAGES).permutation(len(data.test))[:n])
    x = data.test[chosen]
    encoding = vae.encode(x, batch_size=BATCH)
    mean = geometry.flat(encoding.mean)
    limits = value_range(data.x_train)
    arrays = {"images": as_bytes(x, limits), "mean": _half(mean)}
    if encoding.log_var is not None:
        log_var = np.broadcast_to(encoding.log_var, encoding.mean.shape).reshape(n, -1)
        arrays["log_var"] = _half(log_var[:, offered])
    if data.y_test is not None:
        arrays["labels"] = data.y_test[chosen]
    decoder = _decoder(vae, data.image_shape, limits, mean, offered, seed)
    if trajectory is not None:
        arrays |= _recorded(trajectory, offered, data.image_shape, limits)
    description = {"units": offered, "latent_shape": list(vae.latent_shape), **decoder.pop("description")}
    if limits != UNIT_RANGE:
        description["value_range"] = limits
    return {"description": np.array(json.dumps(description)), **arrays, **decoder}


def as_bytes(images: np.ndarray, limits: tuple[float, float] = UNIT_RANGE) -> np.ndarray:
    """Images as uint8, 0 and 255 for the limits of their values, without a channel axis of length 1."""
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    return np.rint(255 * np.clip(scaled(images, limits), 0, 1)).astype("uint8")


def _by_decreasing_variance(var_mean: np.ndarray) -> list[int]:
    return np.argsort(-var_mean, kind="stable").tolist()


def _half(array: np.ndarray) -> np.ndarray:
    largest = np.finfo("float16").max
    return np.clip(array, -largest, largest).astype("float16")


def _decoder(
    vae: "VAE", image_shape: tuple, limits: tuple[float, float], mean: np.ndarray, offered: list[int], seed: int
) -> dict:
    """The exported decoder with points at which to check it, or a grid of decoded images in its place."""
    from keras_vae.networks import decoder_export

    try:
        exported = decoder_export.export(vae.decoder, vae.likelihood, limits)
    except decoder_export.NotExportable as obstacle:
        limit, z = _grid(mean, offered, math.prod(image_shape))
        return {
            "description": {"obstacle": str(obstacle)},
            "grid_images": decoded(vae, z, image_shape, limits),
            "grid_limit": np.array(limit),
            "reconstructions": decoded(vae, mean, image_shape, limits),
        }
    n = max(1, min(N_CHECKED, MAX_PIXELS // math.prod(image_shape)))
    z = stream(seed, Stream.EXPLORER_CHECK).standard_normal((n, mean.shape[1])).astype("float32")
    weights = {f"weight_{i}_{j}": array for i, arrays in enumerate(exported.weights) for j, array in enumerate(arrays)}
    described = {"layers": exported.layers, "output": exported.output}
    return {"description": described, **weights, "check_z": z, "check_images": decoded(vae, z, image_shape, limits)}


def decoded(vae: "VAE", z: np.ndarray, image_shape: tuple[int, ...], limits: tuple[float, float]) -> np.ndarray:
    """Images of this shape as uint8, decoded at latent points `(n, all units)`."""
    images = vae.decode(z.reshape(-1, *vae.latent_shape), batch_size=DECODER_BATCH)
    return as_bytes(images.reshape(-1, *image_shape), limits)


def _grid(mean: np.ndarray, offered: list[int], pixels: int) -> tuple[float, np.ndarray]:
    """Half the side of a square in the plane of the first two units, and evenly spaced points, the others at 0."""
    plane = offered[:2]
    # With a single unit, the points lie on the x axis.
    points = mean[:, plane] if len(plane) == 2 else np.pad(mean[:, plane], ((0, 0), (0, 1)))
    limit = max(geometry.scatter_limit(points), MIN_GRID_LIMIT)
    side = max(2, min(GRID_SIDE, math.floor((MAX_GRID_PIXELS / pixels) ** (1 / len(plane)))))
    axis = np.linspace(-limit, limit, side, dtype="float32")
    z = np.zeros((side ** len(plane), mean.shape[1]), "float32")
    columns = [axis] if len(plane) == 1 else [c.ravel() for c in np.meshgrid(axis, axis[::-1])]
    for unit, column in zip(plane, columns, strict=True):
        z[:, unit] = column
    return limit, z


def _recorded(
    trajectory: Trajectory,
    offered: list[int],
    image_shape: tuple[int, ...],
    limits: tuple[float, float] = UNIT_RANGE,
) -> dict[str, np.ndarray]:
    """The arrays of a trajectory, reduced to fewer frames, its first points and at most `MAX_TRAJECTORY_UNITS` units.

    Its images are left out if they exceed `MAX_GRID_PIXELS`, or were reduced when they were recorded.
    """
    recorded = range(trajectory.mean.shape[2]) if trajectory.units is None else trajectory.units.tolist()
    units = [unit for unit in offered if unit in recorded][:MAX_TRAJECTORY_UNITS]
    if not units:  # with very many units, none of the offered ones may have been recorded
        return {}
    shown = slice(MAX_TRAJECTORY_POINTS)  # of nearly equal numbers of all labels: see `recording.choose_probes`
    points = len(trajectory.mean[0, shown])
    max_frames = max(2, min(MAX_FRAMES, MAX_TRAJECTORY_MEANS // (points * len(units))))
    kept = thinned(len(trajectory), max_frames)
    columns = [list(recorded).index(unit) for unit in units]
    arrays = {
        "epochs": trajectory.epochs[kept],
        "trajectory_mean": _half(trajectory.mean[kept, shown][..., columns]),
        "trajectory_units": np.array(units),
    }
    if trajectory.log_var is not None:
        arrays["trajectory_log_var"] = _half(trajectory.log_var[kept, shown][..., columns])
    if trajectory.labels is not None:
        arrays["trajectory_labels"] = trajectory.labels[shown]
    images = None if trajectory.images is None else trajectory.images[shown]
    if images is not None and images.size <= MAX_GRID_PIXELS and images.shape[1:] == image_shape:
        arrays["trajectory_images"] = as_bytes(images, limits)
    return arrays


def thinned(n_frames: int, max_frames: int) -> np.ndarray:
    """Indices of at most `max_frames` frames, the first and last included, evenly spaced in √frame.

    Encodings change most in the first epochs, which are sampled more densely in this way.
    """
    if n_frames <= max_frames:
        return np.arange(n_frames)
    return np.unique(np.rint(np.linspace(0, math.sqrt(n_frames - 1), max_frames) ** 2).astype(int))
