"""How good generated images are, judged in the features and by the probabilities of a classifier.

The Fréchet distance here is *not* an FID: that name belongs to the features of one Inception network. Distances in
other features compare only with each other.
"""

from typing import NamedTuple

import numpy as np

from keras_vae.errors import InputError

ROWS_AT_ONCE = 1000


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features (Dowson & Landau 1982; Heusel et al. 2017).

    ‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½). It is biased upwards for few images, so compare equal numbers.

    Args:
        a, b: features `(n, features)`.
    """
    a, b = _features(a, "a"), _features(b, "b")
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # tr (Σ_a Σ_b)^½ by the symmetric Σ_a^½ Σ_b Σ_a^½, which has the same eigenvalues and no imaginary parts.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_b @ root), 0, None)).sum()
    return float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap)


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: of generated images that lie among real ones, and of real ones among generated."""

    precision: float
    recall: float


def precision_recall(
    real: np.ndarray, generated: np.ndarray, k: int = 3, real_radii: np.ndarray | None = None
) -> PrecisionRecall:
    """Precision and recall by the sets' k-nearest-neighbour balls (Kynkäänniemi et al. 2019, equation 2).

    An image lies among the others if it is no farther from one of them than that one's k-th nearest neighbour in
    its own set.

    Args:
        real, generated: features `(n, features)`, equal numbers.
        k: the neighbour, the image itself not counted.
        real_radii: `neighbour_distances(real, k)`, where it is at hand.

    Raises:
        InputError: for unequal numbers, or fewer than k + 1.
    """
    real, generated = _features(real, "real"), _features(generated, "generated")
    if len(real) != len(generated) or len(real) <= k:
        raise InputError(
            f"precision_recall: expected equal numbers of images, more than {k}; received {len(real)} and "
            f"{len(generated)}."
        )
    around_real = neighbour_distances(real, k) if real_radii is None else real_radii
    around_generated = neighbour_distances(generated, k)
    among_real, among_generated = [], np.zeros(len(real), bool)
    start = 0
    for squared in _squared_distances(generated, real):
        among_real.append((squared <= _slightly_more(around_real)).any(axis=1))
        own = around_generated[start : start + len(squared), None]
        among_generated |= (squared <= _slightly_more(own)).any(axis=0)
        start += len(squared)
    return PrecisionRecall(float(np.concatenate(among_real).mean()), float(among_generated.mean()))


def neighbour_distances(features: np.ndarray, k: int = 3) -> np.ndarray:
    """Distance of every image from its k-th nearest neighbour, itself not counted, `(n,)`."""
    features = _features(features, "features")
    nearest = [np.partition(squared, k, axis=1)[:, k] for squared in _squared_distances(features, features)]
    return np.sqrt(np.concatenate(nearest))


def _slightly_more(distances: np.ndarray) -> np.ndarray:
    """Their squares, and what rounding may have added to the squares that they are compared with."""
    return np.square(distances) * (1 + 1e-6)


def _squared_distances(a: np.ndarray, b: np.ndarray):
    """`(rows, len(b))` arrays of squared distances, for some rows of `a` at a time."""
    b_norm = np.square(b).sum(axis=1)
    for start in range(0, len(a), ROWS_AT_ONCE):
        rows = a[start : start + ROWS_AT_ONCE]
        yield np.clip(np.square(rows).sum(axis=1)[:, None] + b_norm - 2 * rows @ b.T, 0, None)


def confidence(probabilities: np.ndarray) -> float:
    """Mean probability of the likeliest class, of `(n, classes)`: 1 for unambiguous images."""
    return float(np.max(probabilities, axis=1).mean())


def entropy(probabilities: np.ndarray) -> float:
    """Mean entropy of the predicted class, nats, of `(n, classes)`: 0 for unambiguous images, ln(classes) at most."""
    p = np.asarray(probabilities, "float64")
    return float(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1).mean())


def class_balance(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """1 − the total variation between the classes of generated images and those of real ones.

    Args:
        probabilities: of generated images, `(n, classes)`; each counts for its likeliest class.
        labels: of real images, integers below the number of classes.

    Returns:
        1 where all classes come up as often as in the data, 0 where none does.
    """
    classes = probabilities.shape[1]
    generated = np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(probabilities)
    real = np.bincount(labels, minlength=classes) / len(labels)
    return float(1 - 0.5 * np.abs(generated - real).sum())


def _features(array: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(array, "float64")
    if array.ndim != 2 or len(array) < 2 or not np.isfinite(array).all():
        raise InputError(f"{name}: expected finite features of shape (n, features), n above 1; received {array.shape}.")
    return array
