"""Measures of the codes of a run: a registry of functions, each evaluated for every run and shown under its label."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_vae import diagnostics, geometry, measures
from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import log_variances
from keras_vae.errors import InputError
from keras_vae.measures import Measure

N_NEIGHBOURS = 10  # of the k-nearest-neighbour accuracy
MIN_LABELLED_CODES = 2 * (N_NEIGHBOURS + 1)  # each half of the codes has as many neighbours
MAX_COVARIANCE_UNITS = 128
MAX_BINNED_UNITS = 6  # of the histogram behind the divergence from a Gaussian


class Codes(NamedTuple):
    """Encodings of test images.

    Attributes:
        mean: means, `(n, units)`.
        log_var: log variances, of the mean's shape or one that broadcasts to it; None without a density.
        labels: `(n,)`, or None.
    """

    mean: np.ndarray
    log_var: np.ndarray | None
    labels: np.ndarray | None


_FUNCTIONS: dict[str, Callable[[Codes], float | None]] = {}


def register(measure: Measure) -> Callable:
    """Decorator that registers a function of `Codes` as the given measure of every run.

    The function returns a number, or None where it doesn't apply. The value is stored in `evaluation.json` under the
    measure's key, is shown in the tables of the terminal and the page under its label, and can be used in studies.

    Raises:
        InputError: if the key is taken.

    Example:
        >>> from keras_vae.evaluation.code_measures import register, unregister
        >>> from keras_vae.measures import Measure
        >>> @register(Measure("largest_mean", "largest |μ|"))
        ... def largest_mean(codes):
        ...     return float(abs(codes.mean).max())
        >>> unregister("largest_mean")
    """

    def decorate(function: Callable[[Codes], float | None]) -> Callable[[Codes], float | None]:
        measures.add(measure)
        _FUNCTIONS[measure.key] = function
        return function

    return decorate


def unregister(key: str) -> None:
    """Removes a registered measure.

    Raises:
        InputError: for an unknown key.
    """
    if key not in names():
        raise InputError(f"key: expected one of {', '.join(names())}; received {key!r}.")
    del _FUNCTIONS[key]
    measures.remove(key)


def names() -> tuple[str, ...]:
    """The keys of all registered measures, in the order of tables."""
    return tuple(_FUNCTIONS)


def evaluate_codes(codes: Codes) -> dict[str, float]:
    """The values of all registered measures that apply, by key.

    Raises:
        InputError: unless they are finite codes, with a label for each, if any.
    """
    mean = checks.array("mean", codes.mean, ("n", "units"), dtype=None)
    if codes.log_var is not None:
        log_variances(codes.log_var, mean.shape)
    if codes.labels is not None:
        checks.require_shape("labels", np.asarray(codes.labels), (len(mean),))
    values = {key: function(codes) for key, function in _FUNCTIONS.items()}
    return {key: value for key, value in values.items() if value is not None}


@register(Measure("posterior_radius", "posterior radius, median", bounds=measures.NOT_NEGATIVE))
def posterior_radius(codes: Codes) -> float | None:
    """The median over images of the geometric mean of the posterior's standard deviations; None without a density."""
    if codes.log_var is None:
        return None
    return float(np.median(np.exp(0.5 * codes.log_var.reshape(len(codes.mean), -1).mean(axis=1))))


@register(Measure("mean_code_norm", "distance of the mean code from the origin", bounds=measures.NOT_NEGATIVE))
def mean_code_norm(codes: Codes) -> float:
    """The Euclidean norm of the mean of the codes."""
    return float(np.linalg.norm(codes.mean.mean(axis=0)))


@register(
    Measure("principal_variance_ratio", "smallest over largest principal variance of codes", bounds=measures.FRACTION)
)
def principal_variance_ratio(codes: Codes) -> float | None:
    """The smallest over the largest eigenvalue of the codes' covariance; None for very many units."""
    if codes.mean.shape[1] > MAX_COVARIANCE_UNITS:
        return None
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(codes.mean, rowvar=False, ddof=0)))
    return float(max(variances[0], 0) / variances[-1]) if variances[-1] > 0 else 0.0


@register(
    Measure(
        "gaussian_divergence",
        "divergence of whitened codes from a Gaussian",
        measures.NATS,
        bounds=measures.NOT_NEGATIVE,
    )
)
def gaussian_divergence(codes: Codes) -> float | None:
    """`diagnostics.gaussian_divergence` of the active units' whitened codes; None for more than 6 of them."""
    if codes.mean.shape[1] > MAX_COVARIANCE_UNITS:
        return None
    # Only active units: whitening would magnify the small variance of a collapsed unit's means.
    active = codes.mean[:, diagnostics.units(codes.mean).active]
    if not 0 < active.shape[1] <= MAX_BINNED_UNITS or len(active) < 2 ** (active.shape[1] + 2):
        return None
    return diagnostics.gaussian_divergence(diagnostics.whiten(active))


@register(
    Measure(
        "gaussian_total_correlation",
        "total correlation of a Gaussian with the covariance of q(z)",
        measures.NATS,
        "lower",
        bounds=measures.NOT_NEGATIVE,
    )
)
def gaussian_total_correlation(codes: Codes) -> float | None:
    """`diagnostics.gaussian_total_correlation`; None for very many units, and for units that determine one another."""
    if codes.mean.shape[1] > MAX_COVARIANCE_UNITS or len(codes.mean) < 2:
        return None
    found = diagnostics.gaussian_total_correlation(codes.mean, codes.log_var)
    return found if math.isfinite(found) else None


@register(Measure("knn_accuracy", "k-nearest-neighbour accuracy of codes", better="higher", bounds=measures.FRACTION))
def knn_accuracy(codes: Codes) -> float | None:
    """`diagnostics.knn_accuracy` of the codes; None without labels."""
    return _knn_accuracy(codes.mean, codes.labels)


@register(
    Measure(
        "knn_accuracy_pca",
        "k-nearest-neighbour accuracy on two principal components",
        better="higher",
        bounds=measures.FRACTION,
    )
)
def knn_accuracy_pca(codes: Codes) -> float | None:
    """`diagnostics.knn_accuracy` of the codes on their two principal components; None without labels."""
    if codes.labels is None or codes.mean.shape[1] < 2 or len(codes.mean) < MIN_LABELLED_CODES:
        return None
    return _knn_accuracy(geometry.principal_plane(codes.mean).points, codes.labels)


def _knn_accuracy(points: np.ndarray, labels: np.ndarray | None) -> float | None:
    """The accuracy; None without labels, and for too few points to have `N_NEIGHBOURS` neighbours in each fold."""
    if labels is None or len(points) < MIN_LABELLED_CODES:
        return None
    return diagnostics.knn_accuracy(points, labels, N_NEIGHBOURS)
