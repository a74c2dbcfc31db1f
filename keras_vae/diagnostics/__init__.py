"""Measures of a latent space: pure functions of arrays, for the encodings of any library's model."""

from keras_vae.diagnostics.unit_history import Lifetimes, UnitHistory
from keras_vae.diagnostics.unit_statistics import UnitStatistics, units

__all__ = ["Lifetimes", "UnitHistory", "UnitStatistics", "units"]
