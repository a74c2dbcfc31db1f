"""Gaussian mixtures fitted to points: what stands between one Gaussian and the mixture of all posteriors."""

import warnings

import numpy as np

MOST_FULL = 64  # units, above which covariances are diagonal
POINTS_A_UNIT = 4  # of each component, below which its covariance can't be told


def fit_mixture(points: np.ndarray, components: int, seed: int):
    """A `sklearn.mixture.GaussianMixture` of the points `(n, units)`, of full covariances where they can be told.

    Args:
        points: `(n, units)`, at least two.
        components: how many at most; fewer for few points.
        seed: of the start.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    n, units = points.shape
    full = units <= MOST_FULL and n >= POINTS_A_UNIT * units
    components = max(1, min(components, n // (POINTS_A_UNIT * (units if full else 1)), n // 10))
    mixture = GaussianMixture(components, covariance_type="full" if full else "diag", random_state=seed, max_iter=50)
    # Nothing here rests on the last digit of a fit; its many small products are slower on several threads.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)
