"""How even the way between two latent points looks once it is decoded."""

import numpy as np

from keras_vae.errors import InputError


def largest_step(images: np.ndarray) -> np.ndarray:
    """The largest step along a path of images over its mean step: 1 where all are equal, `points − 1` for one jump.

    A step is the Euclidean distance in pixels between neighbours. Even steps alone are no sign of a good path: a
    cross-fade of two images has them as well.

    Args:
        images: `(points, paths, …)`, three points or more.

    Returns:
        `(paths,)`; 1 for a path that stands still.
    """
    images = np.asarray(images, "float64")
    if images.ndim < 3 or len(images) < 3:
        raise InputError(
            f"images: expected paths of three points or more, (points, paths, …); received {images.shape}."
        )
    steps = np.linalg.norm(np.diff(images, axis=0).reshape(len(images) - 1, images.shape[1], -1), axis=2)
    mean = steps.mean(axis=0)
    return np.where(mean > 0, steps.max(axis=0) / np.where(mean > 0, mean, 1), 1.0)
