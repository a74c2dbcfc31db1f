"""Audit of encodings without their model: units, codes, and the aggregate posterior against the prior."""

from typing import Any, NamedTuple

import numpy as np

from keras_vae import diagnostics
from keras_vae.diagnostics.encodings import random_images
from keras_vae.evaluation import audit_arrays
from keras_vae.evaluation.code_measures import Codes, evaluate_codes
from keras_vae.evaluation.encodings_file import EncodedImages
from keras_vae.runs.recording import MAX_KEPT_ENCODINGS


class EncodingsAudit(NamedTuple):
    """What was measured of encodings.

    Attributes:
        encodings: `diagnostics.Audit.as_dict`.
        units: a dictionary per latent unit, as in `evaluation.json`.
        codes: measures of the codes by key.
        measured_codes: number of encodings, a random subset of large files, on which `codes` were measured.
        remarks: sentences on what seems wrong with the encodings.
        arrays: those that figures need, as `arrays/audit.npz` of a run.
    """

    encodings: dict[str, Any]
    units: list[dict[str, Any]]
    codes: dict[str, float]
    measured_codes: int
    remarks: list[str]
    arrays: dict[str, np.ndarray]


def audit(found: EncodedImages, seed: int = 0, quiet: bool = False) -> EncodingsAudit:
    """Measures encodings.

    Args:
        found: the encodings.
        seed: of all draws and subsets.
        quiet: show no progress bar.

    Raises:
        InputError: as `diagnostics.audit`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> result = audit(EncodedImages(rng.normal(0, 0.9, (50, 2)), np.full((50, 2), -1.7)), quiet=True)
        >>> len(result.units), result.measured_codes, result.remarks
        (2, 50, [])
    """
    measured = diagnostics.audit(found.mean, found.log_var, seed, quiet)
    part = random_images(len(found.mean), MAX_KEPT_ENCODINGS, np.random.default_rng(seed))
    labels = None if found.labels is None else found.labels[part]
    return EncodingsAudit(
        encodings=measured.as_dict(),
        units=_rows(measured.units),
        codes=evaluate_codes(Codes(found.mean[part], found.log_var[part], labels)),
        measured_codes=len(part),
        remarks=_remarks(found.log_var),
        arrays=audit_arrays.arrays(found.mean, found.log_var, measured, seed),
    )


def _rows(statistics: diagnostics.UnitStatistics) -> list[dict[str, Any]]:
    columns = {name: column for name, column in statistics._asdict().items() if name != "collapsed"}
    columns |= {"total_var": statistics.total_var, "active_by_variance": statistics.active_by_variance}
    return [dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]


def _remarks(log_var: np.ndarray) -> list[str]:
    """A posterior of a trained model is narrower than the prior in some unit; variances are always above 0."""
    if (log_var > 0).all():
        return [
            "Every log variance is above 0: all posteriors are wider than the prior. Check that log_var holds "
            "logarithms of variances, not variances or standard deviations."
        ]
    return []
