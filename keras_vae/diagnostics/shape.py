"""The shape of a cloud of codes, apart from its place and scale."""

from statistics import NormalDist

import numpy as np

from keras_vae.errors import InputError

CODES_A_CELL = 25


def whiten(codes: np.ndarray) -> np.ndarray:
    """The codes `(n, units)` shifted, rotated to their principal axes and scaled to unit variance.

    Directions without any variance are left out.

    Raises:
        InputError: if there are not more codes than units.
    """
    codes = np.asarray(codes, "float64")
    if codes.ndim != 2 or len(codes) <= codes.shape[1]:
        raise InputError(f"codes: expected (n, units) with n above the units; received {codes.shape}.")
    centered = codes - codes.mean(axis=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(centered, rowvar=False)))
    kept = values > 1e-12 * max(values.max(), np.finfo(float).tiny)
    return centered @ (vectors[:, kept] / np.sqrt(values[kept]))


def gaussian_divergence(codes: np.ndarray) -> float:
    """KL(codes ‖ N(0, I)) in nats, over cells that hold equal masses of N(0, I).

    Σ p̂ ln(p̂ K) over the K = k^units cells between the quantiles of each unit, less (K − 1) / 2n, its expectation
    where the codes are Gaussian (Miller 1955). 0 for codes that fill the cells evenly, up to noise, ln K for codes
    in a single one. k is what leaves about 25 codes a cell (20 for 10,000 codes of two units), at least 2; with so
    few cells in many units only coarse departures show.

    Args:
        codes: `(n, units)`, of which a scale of their own has been taken away (see `whiten`) where it means nothing.

    Raises:
        InputError: for more units than two cells each can resolve.
    """
    codes = np.asarray(codes, "float64")
    n, units = codes.shape
    side = max(2, int((n / CODES_A_CELL) ** (1 / units) + 1e-9))
    if side**units > n:
        raise InputError(
            f"codes: expected at most {int(np.log2(n))} units to divide {n} codes into cells; received {units}."
        )
    borders = [NormalDist().inv_cdf(i / side) for i in range(1, side)]
    cells = np.ravel_multi_index(np.searchsorted(borders, codes).T, (side,) * units)
    share = np.bincount(cells, minlength=side**units) / n
    share = share[share > 0]
    return float((share * np.log(share * side**units)).sum() - (side**units - 1) / (2 * n))
