"""Overlap of the prior with mixtures of bubbles, and bounds on the overlap with the population of images."""

from collections.abc import Iterator, Sequence

import numpy as np

from keras_vae import data as datasets
from keras_vae import diagnostics, samplers
from keras_vae.evaluation.bubble_codes import encoded, n_points
from keras_vae.measures import BUBBLE_KINDS

MIXTURE_SIZES = (1, 10, 100, 1000, 10_000, 100_000)  # numbers of training images at which the overlap is measured


def overlaps_with_prior(vae, data: datasets.Dataset, rng: np.random.Generator) -> tuple[dict, dict[str, np.ndarray]]:
    """Overlap of N(0, I) with mixtures of bubbles, for either kind of bubble.

    It computes the densities of at most 2,048 points under up to 100,000 components for each of at most nine sets of
    points and either kind, batch by batch.

    Args:
        vae: a `VAE` whose posterior has a density.
        data: training images, which are the components of the mixtures, and at least two test images.
        rng: source of all draws.

    Returns:
        Numbers and arrays. The numbers, by kind: `mixture`, the overlap with the mixture over training images, by
        their number, and bounds on the overlap with the population. `low` is the overlap with the mixture over half of
        the test images: since the overlap is concave in q, the mixture over random images overlaps on average no more
        than the population does. `high` is the bound from a test whose statistic is the density ratio of the training
        mixture to the prior, evaluated on draws from the prior and from bubbles of the other half. The arrays: the
        overlaps by size.
    """
    points = n_points(vae)
    x = data.x_train[rng.permutation(len(data.x_train))]
    sizes = sorted({min(n, len(x)) for n in MIXTURE_SIZES})
    known, held_out = np.array_split(data.x_test[rng.permutation(len(data.x_test))], 2)
    prior = samplers.prior(points, vae.latent_shape, rng)
    under_prior = {kind: diagnostics.MixtureRatio(prior) for kind in BUBBLE_KINDS}
    under_held_out = {
        kind: diagnostics.MixtureRatio(_draws(vae, held_out[:points], kind, rng)) for kind in BUBBLE_KINDS
    }
    from_known = rng.integers(0, len(known), points)
    known_pairs = {
        kind: [diagnostics.MixtureRatio(z) for z in (prior, _draws(vae, known[from_known], kind, rng))]
        for kind in BUBBLE_KINDS
    }
    # Points of each mixture need the densities of its own components only.
    under_mixture = {
        (kind, n): diagnostics.MixtureRatio(_draws(vae, x[rng.integers(0, n, points)], kind, rng))
        for kind in BUBBLE_KINDS
        for n in sizes
    }
    values: dict[str, list[diagnostics.Estimate]] = {kind: [] for kind in BUBBLE_KINDS}
    for n, mean, log_var in _encoded_up_to(sizes, vae, x):
        for kind in BUBBLE_KINDS:
            components = _components(kind, mean, log_var)
            incomplete = [ratio for (k, size), ratio in under_mixture.items() if k == kind and size >= n]
            for ratio in (under_prior[kind], under_held_out[kind], *incomplete):
                ratio.add(components)
            if n in sizes:
                pair = under_prior[kind].log_ratio, under_mixture[kind, n].log_ratio
                values[kind].append(diagnostics.overlap(*pair))
    _add_components(known_pairs, vae, known)
    result = {}
    for kind in BUBBLE_KINDS:
        low = diagnostics.overlap(*(ratio.log_ratio for ratio in known_pairs[kind]))
        high = diagnostics.overlap_bound(under_prior[kind].log_ratio, under_held_out[kind].log_ratio)
        mixture = {str(n): estimate._asdict() for n, estimate in zip(sizes, values[kind], strict=True)}
        result[kind] = {"mixture": mixture, "low": low._asdict(), "high": high._asdict()}
    return result, {"sizes": np.array(sizes)} | {f"mixture_{kind}": np.array(v) for kind, v in values.items()}


def _add_components(pairs: dict[str, list[diagnostics.MixtureRatio]], vae, x: np.ndarray) -> None:
    """Adds the bubbles of images to the mixtures of each kind."""
    for mean, log_var in encoded(vae, x):
        for kind, ratios in pairs.items():
            components = _components(kind, mean, log_var)
            for ratio in ratios:
                ratio.add(components)


def _components(kind: str, mean: np.ndarray, log_var: np.ndarray) -> diagnostics.Gaussians:
    return diagnostics.Gaussians(mean, log_var if kind == "posterior" else None)


def _draws(vae, x: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """One point of each image's bubble, `(n, units)`."""
    return np.concatenate(
        [
            samplers.neighbourhood(mean, 1.0 if kind == "identity" else np.exp(0.5 * log_var), rng)
            for mean, log_var in encoded(vae, x)
        ]
    )


def _encoded_up_to(sizes: Sequence[int], vae, x: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Encodings in chunks that end at each of the sizes, each with the number of images so far."""
    done = 0
    for size in sizes:
        for mean, log_var in encoded(vae, x[done:size]):
            done += len(mean)
            yield done, mean, log_var
