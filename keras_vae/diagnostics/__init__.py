"""Measures of a latent space: pure functions of arrays, for the encodings of any library's model."""

from keras_vae.diagnostics.aggregate import AggregateDivergence, aggregate_divergence
from keras_vae.diagnostics.audit import Audit, audit, describe
from keras_vae.diagnostics.discrepancy import Discrepancy, mmd
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.diagnostics.evidence import Evidence, importance_log_weights, importance_weighted, pareto_k
from keras_vae.diagnostics.fitted import fit_mixture
from keras_vae.diagnostics.interpolation import largest_step
from keras_vae.diagnostics.marginals import Marginals, marginal_density, marginals
from keras_vae.diagnostics.mixture import Gaussians, MixtureRatio
from keras_vae.diagnostics.neighbours import label_accuracy, nearest
from keras_vae.diagnostics.overlap import Estimate, gaussian_overlap, overlap, overlap_bound
from keras_vae.diagnostics.radii import Radii, radii, radius_density
from keras_vae.diagnostics.rate import Rate, pixel_entropy, rate
from keras_vae.diagnostics.regression import held_out_linear_r2, held_out_r2
from keras_vae.diagnostics.sample_quality import (
    PrecisionRecall,
    class_balance,
    confidence,
    entropy,
    frechet_distance,
    neighbour_distances,
    precision_recall,
)
from keras_vae.diagnostics.shape import gaussian_divergence, whiten
from keras_vae.diagnostics.two_samples import Separation, classifier_auc
from keras_vae.diagnostics.typicality import (
    Typicality,
    expected_deviation,
    first_typical,
    gaussian_entropy,
    typical_probability,
    typicality,
)
from keras_vae.diagnostics.unit_history import ActivePeriods, UnitHistory
from keras_vae.diagnostics.unit_replacement import replacement_loss
from keras_vae.diagnostics.unit_statistics import UnitStatistics, units, units_of_parts

__all__ = [
    "ActivePeriods",
    "AggregateDivergence",
    "Audit",
    "Discrepancy",
    "Estimate",
    "Evidence",
    "Gaussians",
    "Marginals",
    "MixtureRatio",
    "PrecisionRecall",
    "Radii",
    "Rate",
    "Separation",
    "Typicality",
    "UnitHistory",
    "UnitStatistics",
    "aggregate_divergence",
    "audit",
    "class_balance",
    "classifier_auc",
    "confidence",
    "describe",
    "entropy",
    "expected_deviation",
    "first_typical",
    "fit_mixture",
    "flat_encodings",
    "frechet_distance",
    "gaussian_divergence",
    "gaussian_entropy",
    "gaussian_overlap",
    "held_out_linear_r2",
    "held_out_r2",
    "importance_log_weights",
    "importance_weighted",
    "label_accuracy",
    "largest_step",
    "marginal_density",
    "marginals",
    "mmd",
    "nearest",
    "neighbour_distances",
    "overlap",
    "overlap_bound",
    "pareto_k",
    "pixel_entropy",
    "precision_recall",
    "radii",
    "radius_density",
    "rate",
    "replacement_loss",
    "typical_probability",
    "typicality",
    "units",
    "units_of_parts",
    "whiten",
]
