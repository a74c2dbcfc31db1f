"""Images in the layouts and ranges of other libraries, as pictures that figures and videos draw."""

import numpy as np

from keras_vae._utils import checks

CHANNELS = (1, 3, 4)  # of images that are drawn


def drawable(name: str, images: np.ndarray) -> np.ndarray | None:
    """Images or flat images as float32 in [0, 1] with the channels last; None for arrays of another shape.

    Values outside [0, 1] are scaled by their limits, bytes are divided by 255.

    Args:
        name: of the argument, for the message.
        images: `(n, height, width[, channels])`, `(n, channels, height, width)` or `(n, pixels)`.

    Raises:
        InputError: if a value is not finite.

    Example:
        >>> drawable("x", np.zeros((5, 3, 8, 8))).shape, drawable("x", np.zeros((5, 8, 8, 2)))
        ((5, 8, 8, 3), None)
    """
    is_flat = images.ndim == 2 and images.dtype.kind != "i"  # whole numbers are tokens
    if images.ndim == 4 and images.shape[1] in CHANNELS and images.shape[3] not in CHANNELS:
        images = np.moveaxis(images, 1, -1)
    if not images.size or not (is_flat or images.ndim == 3 or (images.ndim == 4 and images.shape[3] in CHANNELS)):
        return None
    if images.dtype == "uint8":
        return images.astype("float32") / 255
    images = checks.array(name, images, None, dtype="float32")
    low, high = float(images.min()), float(images.max())
    return images if low >= 0 and high <= 1 else (images - low) / ((high - low) or 1.0)
