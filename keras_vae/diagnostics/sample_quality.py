"""Quality of generated images, from the features and class probabilities of a classifier.

The Fréchet distance here is *not* an FID: that name is reserved for the features of one Inception network. Distances
are comparable only within one set of features.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks
from keras_vae.errors import InputError

MAX_ROWS = 1000  # rows of a matrix of distances that are computed at once
MAX_DISTANCES = 2**25  # distances that are computed at once: 256 MB
ROUNDING_TOLERANCE = 1e-6  # relative tolerance of squared distances
PROBABILITY_TOLERANCE = 1e-2  # of sums of probabilities in half precision


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features (Dowson & Landau 1982; Heusel et al. 2017).

    ‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½). It is biased upwards for few images, so compare equal numbers.

    Args:
        a, b: features `(n, features)` and `(m, features)`, at least two rows each.

    Raises:
        InputError: unless they are equally many finite features of at least two images each.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> features = np.random.default_rng(0).standard_normal((500, 3))
        >>> round(diagnostics.frechet_distance(features, features + 2.0), 6)  # 3 · 2²
        12.0
    """
    a = _features("a", a)
    b = _features("b", b, a.shape[1])
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # tr (Σ_a Σ_b)^½ by the symmetric Σ_a^½ Σ_b Σ_a^½, which has the same eigenvalues and no imaginary parts.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    root_trace = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_b @ root), 0, None)).sum()
    return float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * root_trace)


class PrecisionRecall(NamedTuple):
    """Precision and recall of generated images.

    Attributes:
        precision: share of generated images within the set of real ones, in [0, 1].
        recall: share of real images within the set of generated ones, in [0, 1].

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> real = np.random.default_rng(0).standard_normal((100, 2))
        >>> diagnostics.precision_recall(real, real + 100.0)
        PrecisionRecall(precision=0.0, recall=0.0)
    """

    precision: float
    recall: float


def precision_recall(
    real: np.ndarray, generated: np.ndarray, k: int = 3, real_radii: np.ndarray | None = None
) -> PrecisionRecall:
    """Precision and recall by the sets' k-nearest-neighbour balls (Kynkäänniemi et al. 2019, equation 2).

    An image is within a set if it is no farther from one of its members than that member's k-th nearest neighbour in
    the set.

    It computes 3 n² distances (2 n² where `real_radii` is given), which take about a gigabyte of memory at a time.

    Args:
        real, generated: features `(n, features)`, equal numbers.
        k: which nearest neighbour, not counting the image itself; from 1 to n − 1.
        real_radii: `neighbour_distances(real, k)`, if already computed.

    Raises:
        InputError: for unequal numbers, fewer than k + 1 images, or features that are not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> real = np.random.default_rng(0).standard_normal((100, 2))
        >>> diagnostics.precision_recall(real, real)
        PrecisionRecall(precision=1.0, recall=1.0)
    """
    real = _features("real", real)
    generated = _features("generated", generated, real.shape[1])
    if len(real) != len(generated):
        raise InputError(
            f"generated: expected as many images as real ones, equal numbers; received {len(generated)} generated and "
            f"{len(real)} real."
        )
    k = checks.whole("k", k, high=len(real) - 1)
    if real_radii is None:
        around_real = _neighbour_distances(real, k)
    else:
        around_real = checks.array("real_radii", real_radii, (len(real),), low=0)
    around_generated = _neighbour_distances(generated, k)
    among_real, among_generated = [], np.zeros(len(real), bool)
    start = 0
    for squared in _squared_distances(generated, real):
        among_real.append((squared <= _squared_with_tolerance(around_real)).any(axis=1))
        own = around_generated[start : start + len(squared), None]
        among_generated |= (squared <= _squared_with_tolerance(own)).any(axis=0)
        start += len(squared)
    return PrecisionRecall(float(np.concatenate(among_real).mean()), float(among_generated.mean()))


def neighbour_distances(features: np.ndarray, k: int = 3) -> np.ndarray:
    """Distance of every image from its k-th nearest neighbour, the image itself not counted.

    It computes n² distances, which take about a gigabyte of memory at a time.

    Args:
        features: `(n, features)` with n above k.
        k: which nearest neighbour, from 1 to n − 1.

    Returns:
        `(n,)` float64.

    Raises:
        InputError: for fewer than k + 1 images, or features that are not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> diagnostics.neighbour_distances(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
        [1.0, 1.0, 2.0]
    """
    features = _features("features", features)
    return _neighbour_distances(features, checks.whole("k", k, high=len(features) - 1))


def _neighbour_distances(features: np.ndarray, k: int) -> np.ndarray:
    nearest = [np.partition(squared, k, axis=1)[:, k] for squared in _squared_distances(features, features)]
    return np.sqrt(np.concatenate(nearest))


def _squared_with_tolerance(distances: np.ndarray) -> np.ndarray:
    """Squared distances, increased by the rounding error of the squares that they are compared with."""
    return np.square(distances) * (1 + ROUNDING_TOLERANCE)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """`(rows, len(b))` arrays of squared distances, for a bounded number of rows of `a` at a time."""
    b_norm = np.square(b).sum(axis=1)
    n_rows = max(1, min(MAX_ROWS, MAX_DISTANCES // len(b)))
    for start in range(0, len(a), n_rows):
        rows = a[start : start + n_rows]
        yield np.clip(np.square(rows).sum(axis=1)[:, None] + b_norm - 2 * rows @ b.T, 0, None)


def confidence(probabilities: np.ndarray) -> float:
    """Mean probability of the most probable class: 1 for unambiguous images.

    Args:
        probabilities: predicted class probabilities, `(n, classes)`.

    Raises:
        InputError: unless they are class probabilities, which sum to 1.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> diagnostics.confidence(np.array([[1.0, 0.0], [0.5, 0.5]]))
        0.75
    """
    return float(_probabilities(probabilities).max(axis=1).mean())


def entropy(probabilities: np.ndarray) -> float:
    """Mean entropy of the predicted class, nats: 0 for unambiguous images, ln(classes) at most.

    Args:
        probabilities: predicted class probabilities, `(n, classes)`.

    Raises:
        InputError: unless they are class probabilities, which sum to 1.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> round(diagnostics.entropy(np.array([[1.0, 0.0], [0.5, 0.5]])), 4)  # ½ ln 2
        0.3466
    """
    return float(scipy.special.entr(_probabilities(probabilities).astype("float64")).sum(axis=1).mean())


def class_balance(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """1 − the total variation between the classes of generated images and those of real ones.

    Args:
        probabilities: class probabilities of generated images, `(n, classes)`; each image counts as its most probable
            class.
        labels: labels of real images, `(m,)` integers below the number of classes.

    Returns:
        1 where all classes are as frequent as in the data, 0 where no class of the data occurs.

    Raises:
        InputError: unless they are class probabilities, and labels of these classes.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> one_class_only = np.array([[0.9, 0.1], [0.8, 0.2]])
        >>> diagnostics.class_balance(one_class_only, labels=np.array([0, 1]))
        0.5
    """
    probabilities = _probabilities(probabilities)
    classes = probabilities.shape[1]
    labels = checks.array("labels", labels, ("m",), dtype="int64", low=0, high=classes - 1)
    generated = np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(probabilities)
    real = np.bincount(labels, minlength=classes) / len(labels)
    return float(1 - 0.5 * np.abs(generated - real).sum())


def _features(name: str, value: np.ndarray, features: int | str = "features") -> np.ndarray:
    return checks.array(name, value, ("n ≥ 2", features))


def _probabilities(value: np.ndarray) -> np.ndarray:
    """Class probabilities in their precision: rows that sum to 1."""
    found = checks.array("probabilities", value, ("n", "classes"), dtype=None, low=0, high=1 + PROBABILITY_TOLERANCE)
    sums = found.sum(axis=1, dtype="float64")
    worst = sums[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > PROBABILITY_TOLERANCE:
        raise InputError(f"probabilities: expected rows that sum to 1; received one that sums to {worst:g}.")
    return found
