"""Named random streams: separate generators for several purposes, derived from one seed."""

import enum

import numpy as np

_DIAGNOSTICS_KEY = 0xA0D17
_BINARIZATION_KEY = 0xB14A2


class Stream(enum.Enum):
    """The purposes for which random numbers are drawn.

    The value is a domain and a key, which `stream` mixes with the seed. Keys determine the results of finished runs and
    must not change. Two names with one value share their draws.

    The order of epoch e has the key e, which for some e up to 10 is also the key of another purpose. These draws have
    different ranges and are never combined in one result.
    """

    # Purposes within a run.
    EPOCH_ORDER = ("run", 0)  # index: the epoch
    PROBE_IMAGES = ("run", 1)
    RECORDED_UNITS = ("run", 2)
    INTERPOLATION_PAIRS = ("run", 3)
    BUBBLES = ("run", 4)
    EXPLORER_IMAGES = ("run", 4)
    OWN_TYPICALITY = ("run", 5)
    EXPLORER_CHECK = ("run", 5)
    SAMPLER_SOURCES = ("run", 8)
    NEIGHBOURHOOD_NOISE = ("run", 9)
    FITTED_IMAGES = ("run", 10)

    # Binary images that are drawn for an epoch; index: see `data.binarization`.
    BINARY_IMAGES = ("binarization", 0)

    # Estimators of `diagnostics`. Their domain keeps them apart from `default_rng(seed)`: encodings that were simulated
    # with the same seed would otherwise repeat the noise that they are compared with.
    AGGREGATE_POSTERIOR_DRAWS = ("diagnostics", 1)
    RADII_DRAWS = ("diagnostics", 2)
    TWO_SAMPLE_TEST = ("diagnostics", 3)
    MMD_IMAGES = ("diagnostics", 4)
    AGGREGATE_POSTERIOR_IMAGES = ("diagnostics", 5)
    MARGINAL_IMAGES = ("diagnostics", 6)
    LEARNED_PRIOR = ("diagnostics", 7)
    REPLACED_UNITS = ("diagnostics", 8)
    IMPORTANCE_WEIGHTS = ("diagnostics", 100)  # index: the image

    # Draws around given codes and items, which may have been simulated with the same seed as well.
    MOMENT_MATCHED_SAMPLES = ("diagnostics", 9)
    AGGREGATE_POSTERIOR_SAMPLES = ("diagnostics", 10)
    MIXTURE_SAMPLES = ("diagnostics", 11)
    NEIGHBOURHOOD_SAMPLES = ("diagnostics", 12)
    ITEM_SCORES = ("diagnostics", 13)


def stream(seed: int, purpose: Stream, index: int = 0) -> np.random.Generator:
    """The generator of one purpose.

    Args:
        seed: a non-negative integer.
        purpose: the purpose of the draws.
        index: number of the epoch or image, where each has a separate stream; 0 or more.

    Example:
        >>> stream(7, Stream.PROBE_IMAGES).integers(0, 100, 3).tolist()
        [87, 77, 87]
        >>> np.random.default_rng([7, 1]).integers(0, 100, 3).tolist()
        [87, 77, 87]
    """
    domain, key = purpose.value
    if domain == "diagnostics":
        return np.random.default_rng([_DIAGNOSTICS_KEY, key + index, seed])
    if domain == "binarization":
        return np.random.default_rng([_BINARIZATION_KEY, key + index, seed])
    return np.random.default_rng([seed, key + index])
