"""Samples beside the training images that are nearest to them, in pixels and in the latent space."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_vae._utils import checks
from keras_vae._utils.formatting import amount
from keras_vae.plots import layout, visuals

IMAGE_INCHES = 0.72


def distances(arrays: Mapping[str, np.ndarray]) -> str:
    """The median distances of samples and of reconstructed test images, as text.

    Example:
        >>> distances({"sample_distances": np.ones(3), "test_distances": np.full(3, 2.0)})
        'median distance to the nearest training image: 1.00 of 3 samples, 2.00 of 3 reconstructed test images'
    """
    samples, test = arrays["sample_distances"], arrays["test_distances"]
    return (
        f"median distance to the nearest training image: {np.median(samples):.2f} of {amount(len(samples))} samples, "
        f"{np.median(test):.2f} of {amount(len(test))} reconstructed test images"
    )


@visuals.style()
def neighbours(arrays: Mapping[str, np.ndarray], title: str, note: str, worded: Callable[[str], str] = str) -> Figure:
    """A row for each sample: the sample, its nearest training images in pixels, and those in the latent space.

    Args:
        arrays: as in `arrays/neighbours.npz`.
        title: heading of the figure.
        note: text below it.
        worded: returns a text on images in the words of the data.

    Example:
        >>> images, distances = np.zeros((3, 4, 8, 8)), np.ones((3, 4))
        >>> arrays = {"samples": images[:, 0], "pixel_images": images, "latent_images": images}
        >>> arrays |= {"sample_distances": distances[:, 0], "test_distances": distances[:, 0]}
        >>> [ax.images[0].get_array().shape for ax in neighbours(arrays, "a run", "").get_axes()]
        [(26, 8), (26, 35), (26, 35)]
    """
    keys = ("samples", "pixel_images", "latent_images", "sample_distances", "test_distances")
    checks.mapping("arrays", arrays, keys)
    samples, k = arrays["samples"], arrays["pixel_images"].shape[1]
    height, width = samples.shape[1:3]
    rows = len(samples) * min(IMAGE_INCHES * height / width, 3.0)
    figure = Figure(figsize=(IMAGE_INCHES * (2 * k + 1) + 0.9, rows + 0.8), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(1, k, k))
    parts = {
        "sample": samples[:, None],
        "nearest training images in pixels": arrays["pixel_images"],
        "nearest in the latent space": arrays["latent_images"],
    }
    for ax, (name, images) in zip(axes, parts.items(), strict=True):
        visuals.image_grid(ax, images.reshape(-1, *images.shape[2:]), images.shape[1], gap=1)
        layout.subtitle(ax, worded(name))
    layout.heading(figure, title, note)
    return figure
