"""Regression of known factors of the images on their codes, scored on held-out images."""

from typing import TYPE_CHECKING

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

NEIGHBOURS = 10


def held_out_r2(inputs: np.ndarray, factors: np.ndarray, seed: int = 0) -> np.ndarray:
    """R² of each factor, predicted by k-nearest-neighbour regression on a held-out half of the images.

    The prediction is the mean over the ten nearest codes of the other half, weighted by 1 / distance. It assumes no
    form of the relation, so codes on a curve score as well as codes on a line. 1 is a perfect prediction, 0 is as good
    as predicting the mean; codes that carry no information score slightly below 0.

    Args:
        inputs: codes or any other features, `(n, …)`.
        factors: `(n, factors)`.
        seed: seed of the split into halves.

    Returns:
        `(factors,)`.

    Raises:
        InputError: for fewer than 20 images, unequal numbers of inputs and factors, or numbers that are not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> angle = np.linspace(0, 3, 500)[:, None]
        >>> diagnostics.held_out_r2(np.hstack([np.sin(angle), np.cos(angle)]), angle).round(2).tolist()
        [1.0]
    """
    from sklearn.neighbors import KNeighborsRegressor

    return _r2(KNeighborsRegressor(NEIGHBOURS, weights="distance"), inputs, factors, seed)


def held_out_linear_r2(inputs: np.ndarray, factors: np.ndarray, seed: int = 0) -> np.ndarray:
    """As `held_out_r2`, by linear regression: high only for factors that vary along straight lines.

    Args:
        inputs: codes or any other features, `(n, …)`.
        factors: `(n, factors)`.
        seed: seed of the split into halves.

    Returns:
        `(factors,)`.

    Raises:
        InputError: for fewer than 20 images, unequal numbers of inputs and factors, or numbers that are not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> x = np.linspace(-1, 1, 500)[:, None]
        >>> np.abs(diagnostics.held_out_linear_r2(x, np.hstack([2 * x + 1, x**2]))).round(1).tolist()
        [1.0, 0.0]
    """
    from sklearn.linear_model import LinearRegression

    return _r2(LinearRegression(), inputs, factors, seed)


def _r2(regressor: "RegressorMixin", inputs: np.ndarray, factors: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.metrics import r2_score

    seed = checks.seed(seed)
    inputs = checks.array("inputs", inputs, ("n", "…"), dtype=None)
    factors = checks.array("factors", factors, ("n", "…"), dtype=None)
    if factors.ndim > 2:
        raise InputError(f"factors: expected shape (n, factors); received shape {factors.shape}.")
    if len(inputs) != len(factors) or len(inputs) < 2 * NEIGHBOURS:
        raise InputError(
            f"factors: expected as many as there are inputs, at least {2 * NEIGHBOURS}; received {len(factors)} and "
            f"{len(inputs)} inputs."
        )
    inputs = np.reshape(inputs, (len(inputs), -1))
    order = np.random.default_rng(seed).permutation(len(inputs))
    train, held_out = np.array_split(order, 2)
    regressor.fit(inputs[train], factors[train])
    return r2_score(factors[held_out], regressor.predict(inputs[held_out]), multioutput="raw_values")
