"""Images decoded from bubbles, from posteriors, from codes, and from the prior."""

import math

import numpy as np

from keras_vae import data as datasets
from keras_vae import samplers
from keras_vae._utils import memory
from keras_vae.evaluation.bubble_codes import encoded
from keras_vae.evaluation.judge import Judge

STROKE_THRESHOLD = 0.5  # pixels above it belong to a stroke
N_KEPT_IMAGES = 10
N_IDENTITY_DRAWS = 3  # from N(μ, I), around each kept image


def decode_bubbles(
    vae, data: datasets.Dataset, judge: Judge, rng: np.random.Generator
) -> tuple[dict, dict[str, np.ndarray]]:
    """Scores of images decoded from N(μ, I), from posteriors, from μ, and from the prior.

    Args:
        vae: a `VAE` whose posterior has a density.
        data: the labelled data set.
        judge: the classifier that scores images.
        rng: source of all draws.

    Returns:
        Numbers and arrays. The numbers, by source of z: the judge's scores; `accuracy`, the fraction of decoded images
        that have the class of the encoded image; `distance` to the encoded image (root mean square over images and
        pixels); and `strokes`, the fraction of pixels above ½. The arrays: some images of each source.
    """
    order = rng.permutation(judge.other_indices)
    x, y = data.x_test[order], judge.labels[order]
    images = _decode(vae, x, judge.n, rng)
    result = {"original": {"accuracy": _accuracy(judge, x, y), "strokes": float((x > STROKE_THRESHOLD).mean())}}
    for name, decoded in images.items():
        result[name] = {**judge.score(decoded)._asdict(), "strokes": float((decoded > STROKE_THRESHOLD).mean())}
        if name != "prior":
            result[name]["accuracy"] = _accuracy(judge, decoded, y)
            result[name]["distance"] = float(np.sqrt(np.square(decoded - x).mean()))
    # The first image of each label in the data set, so that figures compare models on the same images.
    first = np.argsort(order, kind="stable")
    kept = np.array([first[y[first] == label][0] for label in np.unique(y)][:N_KEPT_IMAGES])
    arrays = {f"images_{name}": decoded[kept] for name, decoded in images.items() if name != "prior"}
    codes = vae.encode(x[kept]).mean
    for i in range(2, N_IDENTITY_DRAWS + 1):
        arrays[f"images_identity_{i}"] = vae.decode(samplers.neighbourhood(codes, 1.0, rng))
    return result, arrays | {"images_original": x[kept], "images_prior": images["prior"][: 2 * N_KEPT_IMAGES]}


def _decode(vae, x: np.ndarray, n_prior: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Images decoded from draws around the codes of `x`, by source of z, and `n_prior` images from the prior."""
    scales = {"identity": 1.0, "posterior": None, "reconstruction": 0.0}
    chunks: dict[str, list[np.ndarray]] = {name: [] for name in scales}
    for mean, log_var in encoded(vae, x):
        for name, scale in scales.items():
            z = samplers.neighbourhood(mean, np.exp(0.5 * log_var) if scale is None else scale, rng)
            chunks[name].append(vae.decode(z.reshape(-1, *vae.latent_shape)))
    chunks["prior"] = [
        vae.decode(samplers.prior(n, vae.latent_shape, rng))
        for n in memory.chunk_sizes(n_prior, math.prod(vae.latent_shape))
    ]
    return {name: np.concatenate(parts) for name, parts in chunks.items()}


def _accuracy(judge: Judge, images: np.ndarray, labels: np.ndarray) -> float:
    return float((judge.classify(images).argmax(axis=1) == labels).mean())
