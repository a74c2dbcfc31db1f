"""Measures of a latent space and of generated images: pure functions of arrays, for models of any library."""

from keras_vae.diagnostics.aggregate_posterior import AggregateDivergence, aggregate_divergence
from keras_vae.diagnostics.code_length import ElboTerms, elbo_terms, pixel_entropy
from keras_vae.diagnostics.decoder_magnification import magnification
from keras_vae.diagnostics.decoder_orthogonality import Orthogonality, distance_to_orthogonality
from keras_vae.diagnostics.density_overlap import Estimate, gaussian_overlap, overlap, overlap_bound
from keras_vae.diagnostics.encoding_audit import Audit, audit, describe
from keras_vae.diagnostics.encodings import flat_encodings, kl_per_unit
from keras_vae.diagnostics.gaussian_mixture import GaussianMixture
from keras_vae.diagnostics.gaussianity import gaussian_divergence, whiten
from keras_vae.diagnostics.importance_weighting import (
    Evidence,
    importance_log_weights,
    importance_weighted_evidence,
    pareto_k,
)
from keras_vae.diagnostics.interpolation import largest_step
from keras_vae.diagnostics.linear_dependence import gaussian_total_correlation
from keras_vae.diagnostics.mean_discrepancy import Discrepancy, mmd
from keras_vae.diagnostics.mixture_density import Gaussians, MixtureRatio
from keras_vae.diagnostics.mixture_fit import fit_mixture
from keras_vae.diagnostics.nearest_neighbours import knn_accuracy, nearest
from keras_vae.diagnostics.probabilistic_pca import ProbabilisticPCA, linear_elbo, probabilistic_pca
from keras_vae.diagnostics.radial_distribution import Radii, radii, radius_density
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
from keras_vae.diagnostics.two_sample_test import TwoSampleTest, classifier_two_sample_test
from keras_vae.diagnostics.typical_sets import (
    Typicality,
    expected_deviation,
    gaussian_entropy,
    min_typical_units,
    typical_probability,
    typicality,
)
from keras_vae.diagnostics.unit_history import ActivePeriods, UnitHistory
from keras_vae.diagnostics.unit_marginals import Marginals, marginal_density, marginals
from keras_vae.diagnostics.unit_replacement import replacement_loss
from keras_vae.diagnostics.unit_statistics import UnitStatistics, units, units_from_batches

__all__ = [
    "ActivePeriods",
    "AggregateDivergence",
    "Audit",
    "Discrepancy",
    "ElboTerms",
    "Estimate",
    "Evidence",
    "GaussianMixture",
    "Gaussians",
    "Marginals",
    "MixtureRatio",
    "Orthogonality",
    "PrecisionRecall",
    "ProbabilisticPCA",
    "Radii",
    "TwoSampleTest",
    "Typicality",
    "UnitHistory",
    "UnitStatistics",
    "aggregate_divergence",
    "audit",
    "class_balance",
    "classifier_two_sample_test",
    "confidence",
    "describe",
    "distance_to_orthogonality",
    "elbo_terms",
    "entropy",
    "expected_deviation",
    "fit_mixture",
    "flat_encodings",
    "frechet_distance",
    "gaussian_divergence",
    "gaussian_entropy",
    "gaussian_overlap",
    "gaussian_total_correlation",
    "held_out_linear_r2",
    "held_out_r2",
    "importance_log_weights",
    "importance_weighted_evidence",
    "kl_per_unit",
    "knn_accuracy",
    "largest_step",
    "linear_elbo",
    "magnification",
    "marginal_density",
    "marginals",
    "min_typical_units",
    "mmd",
    "nearest",
    "neighbour_distances",
    "overlap",
    "overlap_bound",
    "pareto_k",
    "pixel_entropy",
    "precision_recall",
    "probabilistic_pca",
    "radii",
    "radius_density",
    "replacement_loss",
    "typical_probability",
    "typicality",
    "units",
    "units_from_batches",
    "whiten",
]
