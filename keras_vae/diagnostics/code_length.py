"""The negative ELBO as an expected code length: the terms of the bits-back code, and the entropy of pixels."""

import math
from typing import NamedTuple

import numpy as np
import scipy

from keras_vae._utils import checks
from keras_vae.diagnostics.encodings import flat_encodings


class ElboTerms(NamedTuple):
    """R₁ = −ELBO, nats per image, as the three terms of equation (2) of "Why Bigger is Not Better".

    The rate of the rate–distortion plane is `kl` alone, the distortion `reconstruction`.

    The code: z is drawn from q(z | x) and costs −log p(z), then x costs −log p(x | z), and the choice of z can carry
    −log q(z | x) of other information, which is subtracted ("bits back", Hinton & van Camp 1993).

    Attributes:
        prior: E −log p(z).
        reconstruction: E −log p(x | z).
        posterior: E log q(z | x), the bits back with a negative sign. `prior` and `posterior` are densities, so neither
            is a code length by itself; their sum `kl` is.

    Example:
        >>> from keras_vae import diagnostics
        >>> terms = diagnostics.ElboTerms(prior=20.0, reconstruction=80.0, posterior=-5.0)
        >>> terms.total, terms.kl, round(terms.bits_per_pixel(784), 3)
        (95.0, 15.0, 0.175)
    """

    prior: float
    reconstruction: float
    posterior: float

    @property
    def total(self) -> float:
        """Sum of the three terms, −ELBO."""
        return self.prior + self.reconstruction + self.posterior

    @property
    def kl(self) -> float:
        """The rate, `prior` + `posterior`: mean KL(q(z | x) ‖ p(z))."""
        return self.prior + self.posterior

    def bits_per_pixel(self, pixels: int) -> float:
        """`total` in bits per pixel; only for binary images, since a grey value has no Bernoulli code."""
        return self.total / (math.log(2) * checks.whole("pixels", pixels))


def elbo_terms(mean: np.ndarray, log_var: np.ndarray, reconstruction: float) -> ElboTerms:
    """The three terms of −ELBO, those of the latent space in closed form.

    Args:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it.
        reconstruction: mean negative log-likelihood of the same images decoded from draws, nats.

    Raises:
        InputError: unless they are finite encodings of at least two images, and the reconstruction a finite number.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> round(diagnostics.elbo_terms(np.ones((2, 3)), np.zeros((2, 3)), reconstruction=80.0).kl, 6)  # ½ per unit
        1.5
    """
    mean, log_var = flat_encodings(mean, log_var)
    reconstruction = checks.number("reconstruction", reconstruction)
    prior = 0.5 * (np.square(mean) + np.exp(log_var) + math.log(2 * math.pi)).sum(axis=1)
    posterior = -0.5 * (1 + math.log(2 * math.pi) + log_var).sum(axis=1)
    return ElboTerms(float(prior.mean()), reconstruction, float(posterior.mean()))


def pixel_entropy(images: np.ndarray) -> float:
    """Mean over images of the entropy of their pixels as Bernoulli variables: the minimum of a Bernoulli loss, nats.

    45.53 for MNIST's test set, 189.86 for Fashion-MNIST's: grey pixels have a loss even if perfectly reconstructed.

    Args:
        images: `(n, …)` in [0, 1].

    Raises:
        InputError: for other images.

    Example:
        >>> import numpy as np
        >>> from keras_vae import diagnostics
        >>> round(diagnostics.pixel_entropy(np.array([[0.0, 1.0, 0.5]])), 4)  # ln 2
        0.6931
    """
    grey = checks.array("images", images, ("n", "…"), low=0, high=1)
    return float((scipy.special.entr(grey) + scipy.special.entr(1 - grey)).reshape(len(grey), -1).sum(axis=1).mean())
