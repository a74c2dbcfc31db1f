"""Nearest neighbours: classification accuracy of codes, and the reference most similar to an image."""

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError

HELD_OUT_SHARE = 0.5
MAX_PRODUCT_BYTES = 2**28  # scalar products of a batch of images with all references
MAX_CENTERED_REFERENCES = 100  # whose mean and spread stand for those of all
MAX_SQUARED_RATIO = 100.0  # of the norm of that mean to the spread, up to which float32 has digits enough


def knn_accuracy(codes: np.ndarray, labels: np.ndarray, k: int = 10, seed: int | None = 0) -> float:
    """k-nearest-neighbour accuracy: share of held-out codes that a majority vote of neighbours classifies correctly.

    It measures how well the codes separate labels that were not used in training: 1 if every label has a separate
    region, about the share of the most frequent label if codes carry no information about labels. Unlike the
    silhouette score it assumes no shape of the regions.

    Its cost grows with the square of the number of codes for more than 15 units, and with n log n for few units; its
    memory is bounded.

    Args:
        codes: `(n, units…)`.
        labels: `(n,)` whole numbers or strings.
        k: number of neighbours that vote.
        seed: seed of the split into halves.

    Returns:
        A share in [0, 1].

    Raises:
        InputError: for fewer than 2 (k + 1) codes, a different number of labels, or codes that are not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> labels = np.repeat([0, 1], 50)
        >>> codes = np.random.default_rng(0).normal(size=(100, 2)) + 20 * labels[:, None]
        >>> diagnostics.knn_accuracy(codes, labels)
        1.0
    """
    codes, labels = checks.array("codes", codes, ("n", "units…"), dtype=None), checks.labels("labels", labels)
    k, seed = checks.whole("k", k), checks.seed(seed, none=True, generator=True)
    codes = codes.reshape(len(codes), -1)
    if len(codes) != len(labels) or len(codes) < 2 * (k + 1):
        raise InputError(
            f"labels: expected one for each of at least {2 * (k + 1)} codes; received {len(codes)} codes and "
            f"{len(labels)} labels."
        )
    from sklearn.neighbors import KNeighborsClassifier

    order = np.random.default_rng(seed).permutation(len(codes))
    half = round(HELD_OUT_SHARE * len(codes))
    held_out, train = order[:half], order[half:]
    return float(KNeighborsClassifier(k).fit(codes[train], labels[train]).score(codes[held_out], labels[held_out]))


def nearest(images: np.ndarray, references: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Index of the reference nearest to each image, by the sum of squared differences.

    Its cost is n · m products of images; a batch takes at most 256 MB in addition to float32 copies of the images and
    references. Squared distances whose difference is below about 10⁻⁵ of the references' variance, summed over all
    numbers of one, are not distinguished.

    Args:
        images: `(n, …)`.
        references: `(m, …)`.
        batch_size: number of images that are compared with all references at once; fewer for more than 134,000
            references.

    Returns:
        `(n,)` integers.

    Raises:
        InputError: if images and references differ in size, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> diagnostics.nearest(np.array([[0.9], [0.2]]), np.array([[0.0], [1.0]])).tolist()
        [1, 0]
    """
    batch_size = checks.whole("batch_size", batch_size)
    images = checks.array("images", images, ("n", "…"), dtype="float32")
    references = checks.array("references", references, ("m", "…"), dtype="float32")
    images, references = images.reshape(len(images), -1), references.reshape(len(references), -1)
    if images.shape[1] != references.shape[1]:
        raise InputError(
            f"references: expected {images.shape[1]} numbers each, as the images have; received {references.shape[1]}."
        )
    center = _distant_center(references)
    if center is not None:
        images, references = images - center, references - center
    squares = 0.5 * np.einsum("ij,ij->i", references, references)
    # ½‖a − b‖² less ½‖a‖², which is the same for all references of an image.
    batch_size = max(1, min(batch_size, MAX_PRODUCT_BYTES // (4 * max(1, len(references)))))
    batches = (images[i : i + batch_size] for i in range(0, len(images), batch_size))
    return np.concatenate([(squares - batch @ references.T).argmin(axis=1) for batch in batches])


def _distant_center(references: np.ndarray) -> np.ndarray | None:
    """The mean of references that are far from 0 beside their spread: their squares leave no digits for differences.

    None for others, such as images in [0, 1], which need no copy.
    """
    some = references[:MAX_CENTERED_REFERENCES].astype("float64")
    center = some.mean(axis=0)
    if np.square(center).sum() <= MAX_SQUARED_RATIO * some.var(axis=0).sum():
        return None
    return center.astype("float32")
