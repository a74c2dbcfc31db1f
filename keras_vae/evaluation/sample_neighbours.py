"""Training images nearest to samples, in pixels and in the latent space: whether a model repeats images.

The arrays of `arrays/neighbours.npz`:

```
samples                             (n, …), images decoded from draws of the prior
pixel_images, latent_images         (n, k, …), the training images nearest to each by ‖x − x′‖, and by ‖z − μ(x′)‖
pixel_distances, latent_distances   (n, k), ascending
sample_distances, test_distances    (m,), ‖x − x′‖ to the nearest training image: of samples, and of reconstructed test
                                    images, which are expected images as samples are
```

Distances of pixels are Euclidean, over all pixels of an image. The draw of a collapsed unit is at nearly the same
distance from the codes of all images, so that it does not change which are nearest.
"""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_vae._utils import memory
from keras_vae.data import Dataset

if TYPE_CHECKING:
    from keras_vae.models import VAE

N_SHOWN, N_NEAREST = 8, 4  # samples with their nearest images; fewer where the images are large
N_COMPARED = 100  # samples and test images whose distance to the nearest training image is measured
MAX_CHUNK_BYTES = 64e6  # training images or codes that are compared at a time


def arrays(vae: "VAE", data: Dataset, seed: int) -> dict[str, np.ndarray]:
    """The arrays of `arrays/neighbours.npz`, of a trained model and its data; `seed` is that of the run's samples."""
    pixels = math.prod(data.image_shape)
    n = min(memory.kept_images(pixels, N_COMPARED), len(data.x_test))
    z = vae.sample_prior(n, seed)  # those of the run's samples
    samples = vae.decode(z)
    x = data.x_train
    k = min(N_NEAREST, len(x))
    n_shown = min(n, memory.kept_images(pixels * k, N_SHOWN))
    in_pixels = nearest(samples, chunks(x, pixels), k)
    of_test = nearest(vae.reconstruct(data.x_test[:n]), chunks(x, pixels), 1)
    n_units = math.prod(vae.latent_shape)
    codes = (vae.encode(part).mean.astype("float64") for part in chunks(x, max(n_units, pixels)))
    in_latent = nearest(z[:n_shown].astype("float64"), codes, k)
    return {
        "samples": samples[:n_shown],
        "pixel_images": x[in_pixels.indices[:n_shown]],
        "pixel_distances": in_pixels.distances[:n_shown],
        "latent_images": x[in_latent.indices],
        "latent_distances": in_latent.distances,
        "sample_distances": in_pixels.distances[:, 0],
        "test_distances": of_test.distances[:, 0],
    }


class Nearest(NamedTuple):
    """The nearest references of some points, each array `(n, k)`, the nearest first."""

    indices: np.ndarray
    distances: np.ndarray


def chunks(x: np.ndarray, numbers: int) -> Iterator[np.ndarray]:
    """The rows of an array in chunks; `numbers` is how many numbers each of them stands for."""
    size = memory.images_that_fit(numbers, len(x), MAX_CHUNK_BYTES)
    return (x[i : i + size] for i in range(0, len(x), size))


def nearest(points: np.ndarray, references: Iterable[np.ndarray], k: int) -> Nearest:
    """The k nearest references of every point, by Euclidean distance.

    Args:
        points: `(n, …)`.
        references: chunks `(m, …)` of one numbering.
        k: number of references, at most as many as there are.
    """
    points = points.reshape(len(points), -1)
    # Measured from a point among them: squares of numbers far from 0 leave no digits for their differences.
    center = points.mean(axis=0, dtype="float64").astype(points.dtype)
    points = points - center
    indices, squares, done = np.empty((len(points), 0), int), np.empty((len(points), 0)), 0
    for chunk in references:
        flat = chunk.reshape(len(chunk), -1) - center
        # ½‖a − b‖² less ½‖a‖², which is the same for all references of a point.
        found = 0.5 * np.einsum("ij,ij->i", flat, flat) - points @ flat.T
        squares = np.concatenate([squares, found], axis=1)
        indices = np.concatenate([indices, np.broadcast_to(done + np.arange(len(flat)), found.shape)], axis=1)
        best = np.argsort(squares, axis=1, kind="stable")[:, :k]
        squares, indices = (np.take_along_axis(array, best, axis=1) for array in (squares, indices))
        done += len(flat)
    norms = np.einsum("ij,ij->i", points, points, dtype="float64")[:, None]
    return Nearest(indices, np.sqrt(np.maximum(2 * squares + norms, 0.0)).astype("float32"))
