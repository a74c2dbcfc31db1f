"""Classifier two-sample test between the aggregate posterior and the prior."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.diagnostics.encodings import flat_encodings, posterior_draws
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture, check_prior
from keras_vae.errors import InputError

FOLDS = 5
DRAWS_PER_POSTERIOR = 2
MIN_IMAGES, MAX_IMAGES = 4 * FOLDS, 4000
MAX_CODE_NUMBERS = 2**19  # images × units that the classifier is trained on
TREES, MIN_LEAF_SAMPLES = 100, 10


class TwoSampleTest(NamedTuple):
    """The area under the receiver operating characteristic (AUC) of a classifier of q(z) against p(z).

    Attributes:
        auc: probability that a sample of q(z) has a higher score than one of the prior: ½ where the classifier finds no
            difference, 1 where it separates the two. An AUC of ½ does not prove that there is no difference.
        error: standard error of `auc` over images, draws from the prior, and training sets of the classifiers.
        images: number of images whose posteriors were sampled.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> far = diagnostics.classifier_two_sample_test(np.full((40, 2), 9.0), np.zeros((40, 2)))
        >>> far.auc, far.images
        (1.0, 40)
    """

    auc: float
    error: float
    images: int


def classifier_two_sample_test(
    mean: np.ndarray,
    log_var: np.ndarray,
    seed: int = 0,
    progress: Callable[[float], None] = lambda share: None,
    prior: GaussianMixture | None = None,
) -> TwoSampleTest:
    """Classifies samples of q(z) against samples of the prior, in five folds, from the units and ‖z‖.

    The classifier is extremely randomised trees (Geurts et al. 2006). All samples of an image are in one fold, so that
    memorising where an image's posterior lies does not improve the score. The error is DeLong et al.'s (1988) with an
    image's samples as one observation, times √(1 + folds · n_test / n_train) (Nadeau & Bengio 2003), since the folds'
    classifiers share training data.

    At most 4,000 images are sampled (fewer for more than 131 units), which takes about ten seconds.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        seed: seed of the subset of images, draws, folds and trees.
        progress: called with the share of the work that is done, in [0, 1].
        prior: a learned prior of as many units; None for N(0, I).

    Raises:
        InputError: unless they are finite encodings of at least 20 images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> mean = np.random.default_rng(1).normal(0, np.sqrt(0.7), (200, 2))
        >>> found = diagnostics.classifier_two_sample_test(mean, np.full((200, 2), np.log(0.3)))  # q(z) is the prior
        >>> abs(found.auc - 0.5) < 3 * found.error
        True
    """
    seed = checks.seed(seed, high=checks.MAX_SKLEARN_SEED)
    checks.function("progress", progress)
    mean, log_var = flat_encodings(mean, log_var)
    check_prior(prior, mean.shape[1])
    rng = stream(seed, Stream.TWO_SAMPLE_TEST)
    images = rng.permutation(len(mean))[: max(MIN_IMAGES, min(MAX_IMAGES, MAX_CODE_NUMBERS // mean.shape[1]))]
    n = len(images)
    if n < MIN_IMAGES:
        raise InputError(f"mean: expected at least {MIN_IMAGES} images to divide into {FOLDS} folds; received {n}.")
    drawn = posterior_draws(mean[images], log_var[images], DRAWS_PER_POSTERIOR, rng)
    of_prior = rng.standard_normal(drawn.shape) if prior is None else prior.sample(len(drawn), rng)
    z = np.concatenate([drawn, of_prior])
    z = np.column_stack([z, np.linalg.norm(z, axis=1)]).astype("float32")
    is_drawn = np.arange(len(z)) < len(drawn)
    folds_of_drawn = np.tile(rng.permutation(n) % FOLDS, DRAWS_PER_POSTERIOR)
    fold = np.concatenate([folds_of_drawn, rng.permutation(len(of_prior)) % FOLDS])
    correct = _correctly_ordered(z, is_drawn, fold, seed, progress)
    by_image = correct[is_drawn].reshape(DRAWS_PER_POSTERIOR, n).mean(axis=0)
    error = math.sqrt(by_image.var(ddof=1) / n + correct[~is_drawn].var(ddof=1) / len(of_prior))
    return TwoSampleTest(float(by_image.mean()), error * math.sqrt(1 + FOLDS / (FOLDS - 1)), n)


def _correctly_ordered(
    z: np.ndarray, is_drawn: np.ndarray, fold: np.ndarray, seed: int, progress: Callable[[float], None]
) -> np.ndarray:
    """For each sample, the share of the other class in its fold that the held-out score orders correctly with it."""
    from sklearn.ensemble import ExtraTreesClassifier

    correct = np.empty(len(z))
    for k in range(FOLDS):
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=MIN_LEAF_SAMPLES, random_state=seed)
        score = trees.fit(z[fold != k], is_drawn[fold != k]).predict_proba(z[fold == k])[:, 1]
        of_drawn, of_prior = score[is_drawn[fold == k]], score[~is_drawn[fold == k]]
        correct[(fold == k) & is_drawn] = _share_below(np.sort(of_prior), of_drawn)
        correct[(fold == k) & ~is_drawn] = 1 - _share_below(np.sort(of_drawn), of_prior)
        progress((k + 1) / FOLDS)
    return correct


def _share_below(ascending: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Share of `ascending` below each value; equal ones count half."""
    low, high = (np.searchsorted(ascending, values, side) for side in ("left", "right"))
    return 0.5 * (low + high) / len(ascending)
