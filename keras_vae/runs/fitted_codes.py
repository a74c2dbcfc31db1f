"""Encodings of training images, to which samplers are fitted: their samples are compared with test images."""

import math
from typing import TYPE_CHECKING

from keras_vae._utils import memory
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.data.dataset import Dataset

if TYPE_CHECKING:
    from keras_vae.models import VAE, Encoding

MAX_FITTED_CODES, MAX_FITTED_BYTES = 10_000, 64e6  # training images that samplers are fitted to, and their means


def fitted_codes(vae: "VAE", data: Dataset, seed: int) -> "Encoding":
    """Means and log variances of training images, chosen at random by `seed`, as many as fit into memory.

    Args:
        vae: a `VAE`.
        data: the data set.
        seed: of the choice.
    """
    units = math.prod(vae.latent_shape)
    n = memory.images_that_fit(units, min(len(data.x_train), MAX_FITTED_CODES), MAX_FITTED_BYTES)
    chosen = stream(seed, Stream.FITTED_IMAGES).permutation(len(data.x_train))[:n]
    return vae.encode(data.x_train[chosen], batch_size=memory.images_that_fit(units, 1000))
