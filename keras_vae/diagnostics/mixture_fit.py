"""Gaussian mixtures fitted to latent points."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from keras_vae._utils import checks

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

MAX_FULL_COVARIANCE_UNITS = 64
POINTS_PER_PARAMETER_ROW = 4  # minimum number of points per unit and component for a full covariance
POINTS_PER_COMPONENT = 10


def fit_mixture(points: np.ndarray, components: int, seed: int) -> "GaussianMixture":
    """Fits a `sklearn.mixture.GaussianMixture`, with full covariances where the points suffice.

    Args:
        points: `(n, units)`, at least two points.
        components: maximum number of components; fewer are fitted to few points.
        seed: seed of the initialisation.

    Returns:
        The mixture, with diagonal covariances for more than 64 units or fewer than 4 points per unit.

    Raises:
        InputError: unless they are at least two finite points, and `components` is at least 1.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> points = np.random.default_rng(0).normal(0, 0.1, (200, 1)) + np.repeat([[-3], [3]], 100, axis=0)
        >>> sorted(diagnostics.fit_mixture(points, components=2, seed=0).means_.round().ravel().tolist())
        [-3.0, 3.0]
    """
    points = checks.array("points", points, ("n ≥ 2", "units"), dtype=None)
    components = checks.whole("components", components)
    seed = checks.seed(seed, high=checks.MAX_SKLEARN_SEED)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    n, units = points.shape
    full = units <= MAX_FULL_COVARIANCE_UNITS and n >= POINTS_PER_PARAMETER_ROW * units
    rows = units if full else 1
    components = max(1, min(components, n // (POINTS_PER_PARAMETER_ROW * rows), n // POINTS_PER_COMPONENT))
    mixture = GaussianMixture(components, covariance_type="full" if full else "diag", random_state=seed, max_iter=50)
    # A fit that did not fully converge is precise enough; its many small products are slower on several threads.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)
