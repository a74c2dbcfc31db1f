"""The ELBO as the length of a code."""

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from keras_vae.diagnostics.encodings import flat_encodings


class Rate(NamedTuple):
    """R₁ = −ELBO, nats an image, as the three terms of equation (2) of "Why Bigger is Not Better".

    Its reading: a z is drawn from q(z | x), costs −log p(z) to send, then x costs −log p(x | z), and what the choice of
    z could carry beside, −log q(z | x), comes back ("bits back", Hinton & van Camp 1993).

    Attributes:
        prior: E −log p(z).
        reconstruction: E −log p(x | z).
        posterior: E log q(z | x): what comes back, with its sign. Densities: either of the two is no length by
            itself, their sum `kl` is.
        total: their sum.
    """

    prior: float
    reconstruction: float
    posterior: float

    @property
    def total(self) -> float:
        return self.prior + self.reconstruction + self.posterior

    @property
    def kl(self) -> float:
        """`prior` + `posterior`: mean KL(q(z | x) ‖ p(z))."""
        return self.prior + self.posterior

    def bits_per_pixel(self, pixels: int) -> float:
        """`total` in bits for each of the pixels: of binary images only, since a grey value has no Bernoulli code."""
        return self.total / (math.log(2) * pixels)


def rate(mean: np.ndarray, log_var: np.ndarray, reconstruction: float) -> Rate:
    """The three terms, those of the latent space in closed form.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        reconstruction: mean negative log-likelihood of the same images decoded from draws, nats.

    Raises:
        InputError: unless they are finite encodings of at least two images.
    """
    mean, log_var = flat_encodings(mean, log_var)
    prior = 0.5 * (np.square(mean) + np.exp(log_var) + math.log(2 * math.pi)).sum(axis=1)
    posterior = -0.5 * (1 + math.log(2 * math.pi) + log_var).sum(axis=1)
    return Rate(float(prior.mean()), float(reconstruction), float(posterior.mean()))


def pixel_entropy(images: np.ndarray) -> float:
    """Mean over images of the entropy of their pixels, nats: the least that a Bernoulli loss can be.

    45.53 for MNIST's test set, 189.86 for Fashion-MNIST's: grey pixels cost even a perfect reconstruction.

    Args:
        images: `(n, …)` in [0, 1].
    """
    grey = np.asarray(images, "float64")
    return float((special.entr(grey) + special.entr(1 - grey)).reshape(len(grey), -1).sum(axis=1).mean())
