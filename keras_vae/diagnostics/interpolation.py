"""Evenness of decoded interpolation paths."""

import numpy as np

from keras_vae._utils import checks


def largest_step(images: np.ndarray) -> np.ndarray:
    """The largest step along a path of images, relative to its mean step.

    A step is the Euclidean distance in pixels between neighbours on the path: 1 if all steps are equal, `points − 1`
    for a single jump. Even steps do not prove a good interpolation: a cross-fade of two images has them as well.

    Args:
        images: `(points, paths, …)`, at least three points.

    Returns:
        `(paths,)` float64; 1 for a path of equal images.

    Raises:
        InputError: for fewer than three points, or if a pixel is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> even, jump = [0.0, 0.5, 1.0], [0.0, 0.0, 1.0]
        >>> diagnostics.largest_step(np.stack([even, jump], axis=1)[:, :, None]).tolist()
        [1.0, 2.0]
    """
    images = checks.array("images", images, ("points ≥ 3", "paths", "pixels…"))
    steps = np.linalg.norm(np.diff(images, axis=0).reshape(len(images) - 1, images.shape[1], -1), axis=2)
    mean = steps.mean(axis=0)
    return np.where(mean > 0, steps.max(axis=0) / np.where(mean > 0, mean, 1), 1.0)
