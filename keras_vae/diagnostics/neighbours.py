"""What lies near what: codes of one label, images and those they resemble."""

import numpy as np

from keras_vae.errors import InputError

HELD_OUT = 0.5


def label_accuracy(codes: np.ndarray, labels: np.ndarray, k: int = 10, seed: int | None = 0) -> float:
    """Share of held-out codes whose label is that of most of their `k` nearest neighbours.

    A score of how well labels that training never saw are separated: 1 if every label has a region of its own, the
    largest label's share if codes say nothing of it. It asks for no shape of the regions, as a silhouette does.

    Args:
        codes: `(n, units…)`.
        labels: `(n,)`.
        k: neighbours that vote.
        seed: of the split into halves.

    Raises:
        InputError: for fewer than 2 (k + 1) codes, or labels of another number.
    """
    codes, labels = np.asarray(codes).reshape(len(codes), -1), np.asarray(labels)
    if len(codes) != len(labels) or len(codes) < 2 * (k + 1):
        raise InputError(
            f"label_accuracy: expected a label for each of {2 * (k + 1)} codes or more; received {len(codes)} codes "
            f"and {len(labels)} labels."
        )
    from sklearn.neighbors import KNeighborsClassifier

    order = np.random.default_rng(seed).permutation(len(codes))
    half = round(HELD_OUT * len(codes))
    held_out, known = order[:half], order[half:]
    return float(KNeighborsClassifier(k).fit(codes[known], labels[known]).score(codes[held_out], labels[held_out]))


def nearest(images: np.ndarray, references: np.ndarray, at_once: int = 500) -> np.ndarray:
    """Index of the reference nearest to each image, by the sum of squared differences.

    Args:
        images: `(n, …)`.
        references: `(m, …)`.
        at_once: images that are compared with all references at once.

    Returns:
        `(n,)` integers.
    """
    images, references = (np.asarray(a, "float32").reshape(len(a), -1) for a in (images, references))
    if images.shape[1] != references.shape[1]:
        raise InputError(
            f"nearest: expected references of {images.shape[1]} numbers, as the images have; received "
            f"{references.shape[1]}."
        )
    squares = 0.5 * np.einsum("ij,ij->i", references, references)
    # ½‖a − b‖² less what all references of an image share
    return np.concatenate(
        [(squares - images[i : i + at_once] @ references.T).argmin(axis=1) for i in range(0, len(images), at_once)]
    )
