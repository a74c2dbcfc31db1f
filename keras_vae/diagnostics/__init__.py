"""Measures of a latent space: pure functions of arrays, for the encodings of any library's model."""

from keras_vae.diagnostics.interpolation import largest_step
from keras_vae.diagnostics.mixture import Gaussians, MixtureRatio
from keras_vae.diagnostics.neighbours import label_accuracy
from keras_vae.diagnostics.overlap import Estimate, gaussian_overlap, overlap, overlap_bound
from keras_vae.diagnostics.regression import held_out_linear_r2, held_out_r2
from keras_vae.diagnostics.sample_quality import (
    PrecisionRecall,
    class_balance,
    confidence,
    entropy,
    frechet_distance,
    precision_recall,
)
from keras_vae.diagnostics.shape import gaussian_divergence, whiten
from keras_vae.diagnostics.unit_history import Lifetimes, UnitHistory
from keras_vae.diagnostics.unit_replacement import replacement_loss
from keras_vae.diagnostics.unit_statistics import UnitStatistics, units, units_of_parts

__all__ = [
    "Estimate",
    "Gaussians",
    "Lifetimes",
    "MixtureRatio",
    "PrecisionRecall",
    "UnitHistory",
    "UnitStatistics",
    "class_balance",
    "confidence",
    "entropy",
    "frechet_distance",
    "gaussian_divergence",
    "gaussian_overlap",
    "held_out_linear_r2",
    "held_out_r2",
    "label_accuracy",
    "largest_step",
    "overlap",
    "overlap_bound",
    "precision_recall",
    "replacement_loss",
    "units",
    "units_of_parts",
    "whiten",
]
