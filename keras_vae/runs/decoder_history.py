"""The decoder during training: a callback that records its weights at some steps, and the arrays made from them.

`gather` computes the arrays that are written to `arrays/decoders.npz` of a run folder:

```
epochs          (checkpoints,) float64: 0, 1/16, 1/8, … of the first epoch, then epochs 1, 2, 4, …
weight_0_0 …    (checkpoints, …) float16, weights of the layers that `arrays/explorer.npz` describes; in their place,
                for larger decoders:
grid_images     (checkpoints, side², …) uint8, images decoded on a grid of the first two units that the explorer offers,
                row by row from the upper left, the other units at 0
grid_limit      half the grid's side, which includes the recorded training; the points are spaced by a hyperbolic sine,
                more densely around the origin
```

`reconstruct` computes those of `arrays/reconstructions_over_time.npz`:

```
epochs          (checkpoints,) float64, as above, and the end of the training
images          (checkpoints, points, …) uint8, decoded from the means of the first recorded points at the recorded step
                that is nearest to the checkpoint
```
"""

import json
import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_vae.data.value_range import UNIT_RANGE
from keras_vae.fast_fit.keras_internals import synchronize_weights
from keras_vae.networks import decoder_export
from keras_vae.runs import explorer_arrays
from keras_vae.runs.folder import Run
from keras_vae.trajectory import Trajectory

if TYPE_CHECKING:
    from keras_vae.models import VAE

FIRST_EPOCH = 1 / 16  # the first checkpoint after the untrained model
MAX_RECORDED_WEIGHTS = 3_000_000  # of a decoder; larger ones are not recorded
MAX_KEPT_WEIGHTS = 500_000  # of all checkpoints together: 1.3 MB of a page; larger decoders become grids
MAX_GRID_SIDE = 21  # images along each unit
MIN_GRID_SIDE = 5
MIN_GRID_LIMIT = 2.4
MAX_GRID_PIXELS = 5_000_000  # of the grids of all checkpoints together
MAX_RECONSTRUCTED_PIXELS = 1_000_000  # of all checkpoints together
MAX_FLOAT16 = float(np.finfo("float16").max)


class DecoderRecorder(keras.callbacks.Callback):
    """Records the weights of a model's decoder in half precision: untrained, after 1/16, 1/8, … of an epoch, 1, 2, ….

    The steps are independent of the number of epochs, so that a resumed training with more epochs continues the
    recording. Their number grows with the logarithm of the epochs. Where many steps are compiled into one call, the
    weights are those at the end of the call that reaches the step.

    Attributes:
        steps, epochs: when each record was made.
        weights: flat float16 arrays, one a record.
    """

    steps_between_calls = 0  # no bound: any number of steps may be executed at once

    def __init__(self):
        super().__init__()
        self.steps: list[int] = []
        self.epochs: list[float] = []
        self.weights: list[np.ndarray] = []
        self._is_enabled = True

    def __len__(self) -> int:
        """The number of records so far."""
        return len(self.steps)

    def resume_from(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues a recording from the arrays of a checkpoint; one that lacks them ends the recording."""
        self._is_enabled = "decoder/steps" in arrays
        if self._is_enabled:
            self.steps, self.epochs = arrays["decoder/steps"].tolist(), arrays["decoder/epochs"].tolist()
            self.weights = list(arrays["decoder/weights"])

    def since(self, first: int) -> dict[str, np.ndarray]:
        """The records from `first` on, as arrays of a checkpoint; none of a decoder that is not recorded."""
        if not self.steps:
            return {}
        return {
            "decoder/steps": np.array(self.steps[first:], "int64"),
            "decoder/epochs": np.array(self.epochs[first:]),
            "decoder/weights": np.array(self.weights[first:], "float16").reshape(-1, len(self.weights[0])),
        }

    # -- called by Keras -----------------------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        self._is_enabled &= self.model.decoder.count_params() <= MAX_RECORDED_WEIGHTS
        self._steps_per_epoch = self.params["steps"]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if epoch == 0:
            self._record(0)
        self._next = next_step(self.steps[-1] if self.steps else 0, self._steps_per_epoch)

    def on_train_batch_end(self, batch, logs=None):
        # Keras numbers the last, shorter execution of an epoch as if it were a full one.
        step = self._epoch * self._steps_per_epoch + min(batch + 1, self._steps_per_epoch)
        if step >= self._next:
            self._record(step)
            self._next = next_step(step, self._steps_per_epoch)

    def _record(self, step: int) -> None:
        if not self._is_enabled:
            return
        synchronize_weights(self.model)
        flat = np.concatenate([array.ravel() for array in self.model.decoder.get_weights()])
        self.steps.append(step)
        self.epochs.append(step / self._steps_per_epoch)
        self.weights.append(np.clip(flat, -MAX_FLOAT16, MAX_FLOAT16).astype("float16"))


def next_step(step: int, steps_per_epoch: int) -> int:
    """The first recorded step after `step`.

    Example:
        >>> next_step(0, 40), next_step(3, 40), next_step(40, 40), next_step(90, 40)
        (3, 5, 80, 160)
    """
    share = FIRST_EPOCH
    while math.ceil(share * steps_per_epoch) <= step:
        share *= 2
    return math.ceil(share * steps_per_epoch)


def write(run: Run, vae: "VAE", recorder: DecoderRecorder) -> None:
    """Writes `arrays/decoders.npz` of a run whose `arrays/explorer.npz` is written, if anything was recorded."""
    arrays = gather(vae, recorder, run.arrays("explorer"))
    if arrays:
        run.write_arrays("decoders", **arrays)
    reconstructions = {}
    if run.has_arrays("trajectory"):
        reconstructions = reconstruct(vae, recorder, run.full_trajectory, run.value_range)
    if reconstructions:
        run.write_arrays("reconstructions_over_time", **reconstructions)


def reconstruct(
    vae: "VAE", recorder: DecoderRecorder, trajectory: Trajectory, limits: tuple[float, float] = UNIT_RANGE
) -> dict[str, np.ndarray]:
    """Computes the arrays of `arrays/reconstructions_over_time.npz`.

    They are empty without a record, for images of more than `MAX_RECONSTRUCTED_PIXELS`, and where not all units were
    recorded.

    Args:
        vae: the trained model.
        recorder: the recorded weights.
        trajectory: the recorded means.
        limits: the values that become 0 and 255.
    """
    image_shape = vae.image_shape
    n = min(trajectory.mean.shape[1], MAX_RECONSTRUCTED_PIXELS // ((len(recorder) + 1) * math.prod(image_shape)))
    if not recorder.steps or not n or trajectory.units is not None:
        return {}
    nearest = [int(np.abs(trajectory.steps - step).argmin()) for step in recorder.steps]
    means = iter(trajectory.mean[nearest, :n])

    def decoded(z: np.ndarray) -> np.ndarray:
        return explorer_arrays.decoded(vae, z, image_shape, limits)

    images = _at_each(vae, recorder, lambda: {"images": decoded(next(means))})["images"]
    epochs, last = np.array(recorder.epochs), float(trajectory.epochs[-1])
    if last > epochs[-1]:
        trained = decoded(trajectory.mean[-1, :n])
        epochs, images = np.append(epochs, last), np.concatenate([images, trained[None]])
    return {"epochs": epochs, "images": images}


def gather(vae: "VAE", recorder: DecoderRecorder, explorer: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Computes the arrays of `arrays/decoders.npz`; empty for a decoder that is too large, or whose images are.

    The recorded weights are assigned to the model's decoder one after the other, and its own restored at the end.

    Args:
        vae: the trained model.
        recorder: the recorded weights.
        explorer: the arrays of `arrays/explorer.npz`.

    Returns:
        The arrays by name, as listed in the module's description.
    """
    if not recorder.steps:
        return {}
    description = json.loads(str(explorer["description"]))
    exported, limits = "obstacle" not in description, tuple(description.get("value_range", UNIT_RANGE))
    n_weights = len(recorder) * vae.decoder.count_params()
    if exported and n_weights <= MAX_KEPT_WEIGHTS:
        records = _at_each(vae, recorder, lambda: _exported(vae, limits))
    else:
        image_shape = explorer["images"].shape[1:]
        side = _grid_side(len(recorder), math.prod(image_shape), min(2, len(description["units"])))
        if side < MIN_GRID_SIDE:
            return {}
        limit, z = _grid(explorer, description["units"][:2], side)
        records = _at_each(vae, recorder, lambda: {"grid_images": explorer_arrays.decoded(vae, z, image_shape, limits)})
        records["grid_limit"] = np.array(limit)
    return {"epochs": np.array(recorder.epochs), **records}


def _grid(explorer: dict[str, np.ndarray], plane: list[int], side: int) -> tuple[float, np.ndarray]:
    """Half the side of a grid over one or two units, and its points, the other units at 0: `(side², all units)`."""
    means = explorer["mean"].astype("float32")
    reach = [MIN_GRID_LIMIT, 1.08 * float(np.quantile(np.abs(means[:, plane]), 0.998))]
    recorded = explorer["trajectory_units"].tolist() if "epochs" in explorer else []
    if set(plane) <= set(recorded):
        frames = np.abs(explorer["trajectory_mean"][..., [recorded.index(unit) for unit in plane]].astype("float32"))
        reach.append(1.06 * float(np.quantile(frames.max(axis=(1, 2)), 0.85)))  # the view of the recorded training
    limit = max(reach)
    bend = explorer_arrays.GRID_BEND
    axis = limit * np.sinh(bend * np.linspace(-1, 1, side)) / math.sinh(bend)
    columns = [axis] if len(plane) == 1 else [c.ravel() for c in np.meshgrid(axis, axis[::-1])]
    z = np.zeros((side ** len(plane), means.shape[1]), "float32")
    z[:, plane] = np.stack(columns, axis=1)
    return limit, z


def _at_each(vae: "VAE", recorder: DecoderRecorder, compute) -> dict[str, Any]:
    """What `compute` returns for the decoder with each of the recorded weights, stacked by name."""
    trained = vae.decoder.get_weights()
    ends = np.cumsum([array.size for array in trained])[:-1]
    try:
        records = []
        for flat in recorder.weights:
            parts = np.split(flat.astype("float32"), ends)
            vae.decoder.set_weights([part.reshape(array.shape) for part, array in zip(parts, trained, strict=True)])
            records.append(compute())
    finally:
        vae.decoder.set_weights(trained)
    return {name: np.stack([record[name] for record in records]) for name in records[0]}


def _exported(vae: "VAE", limits: tuple[float, float]) -> dict[str, np.ndarray]:
    exported = decoder_export.export(vae.decoder, vae.likelihood, limits)
    return {f"weight_{i}_{j}": array for i, arrays in enumerate(exported.weights) for j, array in enumerate(arrays)}


def _grid_side(checkpoints: int, pixels: int, n_units: int) -> int:
    images = MAX_GRID_PIXELS / (checkpoints * pixels)
    return min(MAX_GRID_SIDE, math.floor(images ** (1 / n_units)))
