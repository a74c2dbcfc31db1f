"""How well a classifier tells samples of the aggregate posterior from samples of the prior."""

import math
from typing import NamedTuple

import numpy as np

from keras_vae.diagnostics.encodings import flat_encodings, posterior_draws, stream
from keras_vae.errors import InputError

FOLDS = 5
DRAWS = 2  # of each image's posterior
FEWEST_IMAGES, MOST_IMAGES = 4 * FOLDS, 4000
TREES, LEAST = 100, 10  # how many, and samples in a leaf at least
MOST_NUMBERS = 2**19  # images × units, more than which the classifier isn't given


class Separation(NamedTuple):
    """The area under the receiver operating characteristic of a classifier of q(z) against p(z).

    Attributes:
        auc: probability that a sample of q(z) has a higher score than one of the prior: ½ where nothing was found, 1
            where they never mix. A classifier that finds nothing doesn't prove that there is nothing.
        error: its standard error over images, draws from the prior, and what the classifiers learned from.
        images: how many were drawn from.
    """

    auc: float
    error: float
    images: int


def classifier_auc(mean: np.ndarray, log_var: np.ndarray, seed: int = 0) -> Separation:
    """Trains trees on samples of q(z) and of N(0, I), with ‖z‖ beside the units, in five folds.

    They are extremely randomised ones (Geurts et al. 2006). All samples of an image are in one fold: a tree that
    remembers where an image's posterior lies gains nothing.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: of draws, folds and trees.

    Raises:
        InputError: unless they are finite encodings of at least 20 images.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    mean, log_var = flat_encodings(mean, log_var)
    rng = stream(seed, 3)
    images = rng.permutation(len(mean))[: max(FEWEST_IMAGES, min(MOST_IMAGES, MOST_NUMBERS // mean.shape[1]))]
    n = len(images)
    if n < FEWEST_IMAGES:
        raise InputError(f"mean: expected at least {FEWEST_IMAGES} images to divide into {FOLDS} folds; received {n}.")
    drawn = posterior_draws(mean[images], log_var[images], DRAWS, rng)
    prior = rng.standard_normal(drawn.shape)
    z = np.concatenate([drawn, prior])
    z = np.column_stack([z, np.linalg.norm(z, axis=1)]).astype("float32")
    is_drawn = np.arange(len(z)) < len(drawn)
    fold = np.concatenate([np.tile(rng.permutation(n) % FOLDS, DRAWS), rng.permutation(len(prior)) % FOLDS])
    # Of each sample, the share of its fold's samples of the other kind that are on the right side of it.
    right = np.empty(len(z))
    for k in range(FOLDS):
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=LEAST, random_state=seed)
        score = trees.fit(z[fold != k], is_drawn[fold != k]).predict_proba(z[fold == k])[:, 1]
        ours, theirs = np.sort(score[is_drawn[fold == k]]), np.sort(score[~is_drawn[fold == k]])
        right[(fold == k) & is_drawn] = _share_below(theirs, score[is_drawn[fold == k]])
        right[(fold == k) & ~is_drawn] = 1 - _share_below(ours, score[~is_drawn[fold == k]])
    by_image = right[is_drawn].reshape(DRAWS, n).mean(axis=0)
    # DeLong et al. 1988, with an image's samples as one observation; the folds' classifiers share what they learned
    # from, for which Nadeau & Bengio (2003) widen the error by √(1 + folds · n_test / n_train).
    error = math.sqrt(by_image.var(ddof=1) / n + right[~is_drawn].var(ddof=1) / len(prior))
    return Separation(float(by_image.mean()), error * math.sqrt(1 + FOLDS / (FOLDS - 1)), n)


def _share_below(ascending: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Share of `ascending` below each value, equal ones counted half."""
    low, high = (np.searchsorted(ascending, values, side) for side in ("left", "right"))
    return 0.5 * (low + high) / len(ascending)
