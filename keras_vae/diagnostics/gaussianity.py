"""Deviation of codes from a Gaussian, independent of their location and scale."""

from statistics import NormalDist

import numpy as np

from keras_vae._utils import checks
from keras_vae.errors import InputError

CODES_PER_CELL = 25
MIN_RELATIVE_VARIANCE = 1e-12  # share of the largest variance, below which a direction counts as constant


def whiten(codes: np.ndarray) -> np.ndarray:
    """Centres codes, rotates them to their principal axes and scales them to unit variance.

    Args:
        codes: `(n, units)` with n above the number of units.

    Returns:
        `(n, directions)`; directions without variance are omitted.

    Raises:
        InputError: if there are not more codes than units, or a code is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> codes = np.random.default_rng(0).normal(7.0, [3.0, 0.1], (500, 2))
        >>> np.cov(diagnostics.whiten(codes), rowvar=False).round(6) + 0.0
        array([[1., 0.],
               [0., 1.]])
    """
    codes = checks.array("codes", codes)
    if len(codes) <= codes.shape[1]:
        raise InputError(f"codes: expected (n, units) with n above the units; received {codes.shape}.")
    centered = codes - codes.mean(axis=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(centered, rowvar=False)))
    kept = values > MIN_RELATIVE_VARIANCE * max(values.max(), np.finfo(float).tiny)
    return centered @ (vectors[:, kept] / np.sqrt(values[kept]))


def gaussian_divergence(codes: np.ndarray) -> float:
    """KL(codes ‖ N(0, I)) in nats, from the counts of codes in cells of equal mass under N(0, I).

    Σ p̂ ln(p̂ K) over the K = k^units cells between the quantiles of each unit, less (K − 1) / 2n, its expectation
    where the codes are Gaussian (Miller 1955). 0 for codes that fill the cells evenly, up to noise, ln K for codes
    in a single cell. k is chosen for about 25 codes per cell (20 for 10,000 codes of two units), at least 2; with so
    few cells in many units only coarse deviations are detected.

    Args:
        codes: `(n, units)`; where their scale is arbitrary, apply `whiten` first.

    Raises:
        InputError: for more units than can be divided into two cells each, or if a code is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> codes = np.random.default_rng(0).standard_normal((10_000, 2))
        >>> round(abs(diagnostics.gaussian_divergence(codes)), 2)
        0.0
        >>> round(diagnostics.gaussian_divergence(np.abs(codes)), 1)  # a quarter of the cells: ln 4
        1.4
    """
    codes = checks.array("codes", codes)
    n, units = codes.shape
    side = max(2, int((n / CODES_PER_CELL) ** (1 / units) + 1e-9))
    if side**units > n:
        raise InputError(
            f"codes: expected at most {int(np.log2(n))} units to divide {n} codes into cells; received {units}."
        )
    borders = [NormalDist().inv_cdf(i / side) for i in range(1, side)]
    cells = np.ravel_multi_index(np.searchsorted(borders, codes).T, (side,) * units)
    share = np.bincount(cells, minlength=side**units) / n
    share = share[share > 0]
    return float((share * np.log(share * side**units)).sum() - (side**units - 1) / (2 * n))
