"""What the model in training makes of images and latent points: the arrays of which a tracker sends pictures."""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae import samplers
from keras_vae.diagnostics import GaussianMixture
from keras_vae.fast_fit.keras_internals import synchronize_weights
from keras_vae.models import VAE

N_RECONSTRUCTIONS, N_SAMPLES = 16, 64
SAMPLE_SEED = 0  # the same latent points at all times


class Decoded(NamedTuple):
    """Images that the model decodes, in the values that it was trained on; None where it lacks the part.

    Attributes:
        originals, reconstructions: `(N_RECONSTRUCTIONS, …)` or fewer.
        samples: `(N_SAMPLES, …)`, decoded from draws of the prior.
        prior: the prior of a `VAE` that has learned one; None for N(0, I).
    """

    originals: np.ndarray | None
    reconstructions: np.ndarray | None
    samples: np.ndarray | None
    prior: GaussianMixture | None = None


def decoded(
    model: keras.Model, decoder: keras.Model | None, x: Any, images: np.ndarray | None, mean: np.ndarray
) -> Decoded:
    """Reconstructions of images and samples of the prior.

    Args:
        model: a `VAE`, or any model; without a decoder its output is the reconstruction where it has the images' shape.
        decoder: maps latent points to images; default `model.decoder`.
        x: the inputs of the model: an array, or a list or dictionary of arrays.
        images: those among the inputs, `(n, …)`, or None.
        mean: their means, `(n, units)`.
    """
    synchronize_weights(model)
    if decoder is None and not isinstance(model, VAE):
        decoder = getattr(model, "decoder", None)
    prior = prior_of(model)
    samples = _decode(model, decoder, samplers.prior(N_SAMPLES, (mean.shape[1],), SAMPLE_SEED, prior))
    if images is None:
        return Decoded(None, None, samples, prior)
    originals = images[:N_RECONSTRUCTIONS]
    reconstructions = _decode(model, decoder, mean[: len(originals)])
    if reconstructions is None:
        output = model.predict_on_batch(keras.tree.map_structure(lambda array: array[:N_RECONSTRUCTIONS], x))
        is_image = isinstance(output, np.ndarray) and output.shape == originals.shape
        reconstructions = output if is_image else None
    return Decoded(originals, reconstructions, samples, prior)


def prior_of(model: keras.Model) -> GaussianMixture | None:
    """The prior that a `VAE` has learned, as it is now; None for N(0, I), and for other models."""
    return model.prior.density() if isinstance(model, VAE) else None


def _decode(model: keras.Model, decoder: keras.Model | None, z: np.ndarray) -> np.ndarray | None:
    """Images of latent points `(n, units)`; None without a decoder of one input and one output."""
    if decoder is None and isinstance(model, VAE):
        return model.decode(z.reshape(-1, *model.latent_shape))
    if decoder is None or len(decoder.inputs) != 1:
        return None
    output = decoder.predict_on_batch(z.reshape(-1, *decoder.inputs[0].shape[1:]))
    return output if isinstance(output, np.ndarray) else None
