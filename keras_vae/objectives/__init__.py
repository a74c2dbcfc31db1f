"""Training objectives: what is minimised beside the reconstruction. One class each, registered by its name."""

from keras_vae.objectives.constrained_kl import Capacity, FreeBits
from keras_vae.objectives.discrepancy import InfoVAE
from keras_vae.objectives.importance_weighted import ImportanceWeighted
from keras_vae.objectives.kl_decomposition import DecomposedKL
from keras_vae.objectives.objective import ELBO, Batch, Loss, Objective, descriptions, get, names, part_names, register
from keras_vae.objectives.settings_text import as_text, parse

BUILT_IN = (ELBO, DecomposedKL, FreeBits, Capacity, InfoVAE, ImportanceWeighted)

__all__ = [
    "ELBO",
    "Batch",
    "Capacity",
    "DecomposedKL",
    "FreeBits",
    "ImportanceWeighted",
    "InfoVAE",
    "Loss",
    "Objective",
    "as_text",
    "descriptions",
    "get",
    "names",
    "parse",
    "part_names",
    "register",
]
