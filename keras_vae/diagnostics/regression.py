"""What can be read from codes: known factors of the images, regressed on them and checked on others."""

import numpy as np

from keras_vae.errors import InputError

NEIGHBOURS = 10


def held_out_r2(inputs: np.ndarray, factors: np.ndarray, seed: int = 0) -> np.ndarray:
    """R² of each factor as told by the nearest neighbours, on a half of the images that was held out.

    The ten nearest codes of the other half, weighted by 1 / distance: a regression without a shape of its own, so
    that a code counts that bends. 1 is a perfect prediction, 0 that of the mean; codes that say nothing score a
    little below 0.

    Args:
        inputs: codes, or anything else to read from, `(n, …)`.
        factors: `(n, factors)`.
        seed: of the halves.

    Returns:
        `(factors,)`.
    """
    from sklearn.neighbors import KNeighborsRegressor

    return _r2(KNeighborsRegressor(NEIGHBOURS, weights="distance"), inputs, factors, seed)


def held_out_linear_r2(inputs: np.ndarray, factors: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same of a linear regression: what is laid out along straight lines."""
    from sklearn.linear_model import LinearRegression

    return _r2(LinearRegression(), inputs, factors, seed)


def _r2(regressor, inputs: np.ndarray, factors: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.metrics import r2_score

    if len(inputs) != len(factors) or len(inputs) < 2 * NEIGHBOURS:
        raise InputError(
            f"factors: expected as many as there are inputs, at least {2 * NEIGHBOURS}; received {len(factors)} and "
            f"{len(inputs)} inputs."
        )
    inputs = np.reshape(inputs, (len(inputs), -1))
    order = np.random.default_rng(seed).permutation(len(inputs))
    learned, held_out = np.array_split(order, 2)
    regressor.fit(inputs[learned], factors[learned])
    return r2_score(factors[held_out], regressor.predict(inputs[held_out]), multioutput="raw_values")
