"""The likelihood of test images: importance-weighted log p(x), and −ELBO in three terms."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_vae import data as datasets
from keras_vae import diagnostics
from keras_vae._utils import checks, keras_import, memory
from keras_vae._utils.random_streams import Stream, stream

N_IMPORTANCE_SAMPLES = 1000  # per image, by default
MAX_IMAGES = 500
SUBSET_SEED = 0  # of the choice of images: the same ones for every model
MAX_DRAWN_NUMBERS = 2**30  # images × samples × units
BINARISED = "binarised test images (each pixel 1 with its grey value as probability, seed 0)"
N_PRIOR_SAMPLES = 200  # of z per image, by which E log p(z) of a learned prior is estimated
DECODED_CHUNK = 2000  # pairs of image and latent point that are decoded at a time


def log_likelihood(vae, x: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """log p(x | z) in nats, as a function of indices into `x` and latent points: see `importance_log_weights`."""
    keras = keras_import.import_keras()
    from keras_vae.fast_fit.functions import compiled

    images_of_x = keras.ops.convert_to_tensor(x)

    def nll(indices, z):
        return vae.likelihood(keras.ops.take(images_of_x, indices, axis=0), vae.decoder(z, training=False))

    compiled_nll = compiled(nll, vae)

    def log_density(indices, z):
        z = keras.ops.convert_to_tensor(z.reshape(-1, *vae.latent_shape))
        return -keras.ops.convert_to_numpy(compiled_nll(keras.ops.convert_to_tensor(indices), z))

    return log_density


def likelihood_and_elbo_terms(vae, data: datasets.Dataset, seed: int, samples: int) -> tuple[dict, dict]:
    """Importance-weighted log p(x) of some test images, and −ELBO of the same images in three terms.

    Grey images are binarised for a Bernoulli likelihood, which is defined on 0 and 1 only.

    Args:
        vae: a `VAE` whose posterior has a density.
        data: its data set.
        seed: of the importance samples.
        samples: importance samples per image, at least 2.

    Returns:
        `likelihood` and `elbo_terms` of the audit in `evaluation.json`, in nats per image. With a learned prior,
        `elbo_terms` has the Monte Carlo standard error of its terms `prior` and `kl` as `kl_error`.

    Raises:
        InputError: unless `samples` is at least 2.
    """
    samples = checks.whole("samples", samples, low=2)
    n_units = math.prod(vae.latent_shape)
    x, description, is_binary = _images(vae, data, n_units, samples)
    mean, log_var = vae.encode(x, batch_size=memory.images_that_fit(n_units, 1000))
    chunk = memory.images_that_fit(max(n_units, math.prod(data.image_shape)), DECODED_CHUNK)
    prior = vae.prior.density()
    weights = diagnostics.importance_log_weights(log_likelihood(vae, x), mean, log_var, samples, seed, chunk, prior)
    found = diagnostics.importance_weighted_evidence(weights)
    # The mean log weight is the ELBO; its part that isn't KL is the reconstruction.
    elbo, kl = float(weights.mean()), diagnostics.elbo_terms(mean, log_var, 0.0).kl
    of_prior = None if prior is None else _expected_log_ratio(prior, mean, log_var, seed)
    if of_prior is not None:
        kl -= of_prior.value
    terms = diagnostics.elbo_terms(mean, log_var, -elbo - kl)
    if of_prior is not None:
        terms = terms._replace(prior=terms.prior - of_prior.value)
    pareto_k = float(np.median(found.pareto_k))
    likelihood = {
        "of": description,
        "images": len(x),
        **{key: value for key, value in found._asdict().items() if key not in ("pareto_k", "curve")},
        "pareto_k": pareto_k if math.isfinite(pareto_k) else None,
        "curve": {str(k): value for k, value in found.curve.items()},
        "elbo": elbo,
        "gap": found.value - elbo,
    }
    bits = terms.bits_per_pixel(math.prod(data.image_shape)) if is_binary else None
    derived = {"kl": terms.kl, "total": terms.total, "bits_per_pixel": bits}
    if of_prior is not None:
        derived["kl_error"] = of_prior.error
    return likelihood, {"of": description, **terms._asdict(), **derived}


class _Mean(NamedTuple):
    """A mean over images and draws with its Monte Carlo standard error."""

    value: float
    error: float


def _expected_log_ratio(prior: diagnostics.GaussianMixture, mean: np.ndarray, log_var: np.ndarray, seed: int) -> _Mean:
    """The mean over images of E log p(z) − log N(z; 0, I) under each posterior, by draws."""
    mean, log_var = diagnostics.flat_encodings(mean, log_var)
    rng, sums, squares = stream(seed, Stream.LEARNED_PRIOR), np.zeros(len(mean)), np.zeros(len(mean))
    for _ in range(N_PRIOR_SAMPLES):
        ratio = prior.log_ratio(mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape))
        sums, squares = sums + ratio, squares + np.square(ratio)
    means = sums / N_PRIOR_SAMPLES
    variance = np.maximum(squares / N_PRIOR_SAMPLES - np.square(means), 0) / (N_PRIOR_SAMPLES - 1)
    return _Mean(float(means.mean()), float(np.sqrt(variance.sum()) / len(mean)))


def _images(vae, data: datasets.Dataset, n_units: int, samples: int) -> tuple[np.ndarray, str, bool]:
    """Test images, what they are, and whether their pixels are 0 and 1; the same for every model of the data."""
    n = int(np.clip(MAX_DRAWN_NUMBERS // (samples * n_units), 2, min(MAX_IMAGES, len(data.x_test))))
    x = data.x_test[np.sort(np.random.default_rng(SUBSET_SEED).permutation(len(data.x_test))[:n])]
    if not vae.likelihood.needs_binary_data:
        return x, "test images", False
    if bool(((x == 0) | (x == 1)).all()):
        return x, "test images", True
    return datasets.binarize(x), BINARISED, True
