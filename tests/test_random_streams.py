"""Random streams: the draws of every purpose are fixed."""

import itertools

import numpy as np
import pytest

from keras_vae._utils.random_streams import Stream, stream

SHARED = {frozenset(("BUBBLES", "EXPLORER_IMAGES")), frozenset(("OWN_TYPICALITY", "EXPLORER_CHECK"))}


def draws(generator: np.random.Generator) -> list[float]:
    return generator.random(4).tolist()


@pytest.mark.parametrize(
    ("purpose", "index", "entropy"),
    [
        (Stream.EPOCH_ORDER, 12, [7, 12]),
        (Stream.PROBE_IMAGES, 0, [7, 1]),
        (Stream.RECORDED_UNITS, 0, [7, 2]),
        (Stream.INTERPOLATION_PAIRS, 0, [7, 3]),
        (Stream.BUBBLES, 0, [7, 4]),
        (Stream.EXPLORER_IMAGES, 0, [7, 4]),
        (Stream.OWN_TYPICALITY, 0, [7, 5]),
        (Stream.EXPLORER_CHECK, 0, [7, 5]),
        (Stream.SAMPLER_SOURCES, 0, [7, 8]),
        (Stream.NEIGHBOURHOOD_NOISE, 0, [7, 9]),
        (Stream.FITTED_IMAGES, 0, [7, 10]),
        (Stream.AGGREGATE_POSTERIOR_DRAWS, 0, [0xA0D17, 1, 7]),
        (Stream.RADII_DRAWS, 0, [0xA0D17, 2, 7]),
        (Stream.TWO_SAMPLE_TEST, 0, [0xA0D17, 3, 7]),
        (Stream.MMD_IMAGES, 0, [0xA0D17, 4, 7]),
        (Stream.AGGREGATE_POSTERIOR_IMAGES, 0, [0xA0D17, 5, 7]),
        (Stream.MARGINAL_IMAGES, 0, [0xA0D17, 6, 7]),
        (Stream.REPLACED_UNITS, 0, [0xA0D17, 8, 7]),
        (Stream.MOMENT_MATCHED_SAMPLES, 0, [0xA0D17, 9, 7]),
        (Stream.AGGREGATE_POSTERIOR_SAMPLES, 0, [0xA0D17, 10, 7]),
        (Stream.MIXTURE_SAMPLES, 0, [0xA0D17, 11, 7]),
        (Stream.NEIGHBOURHOOD_SAMPLES, 0, [0xA0D17, 12, 7]),
        (Stream.ITEM_SCORES, 0, [0xA0D17, 13, 7]),
        (Stream.IMPORTANCE_WEIGHTS, 3, [0xA0D17, 103, 7]),
        (Stream.BINARY_IMAGES, 5, [0xB14A2, 5, 7]),
    ],
)
def test_the_entropy_of_every_stream_is_fixed(purpose, index, entropy):
    assert draws(stream(7, purpose, index)) == draws(np.random.default_rng(entropy))


def test_only_documented_names_share_their_draws():
    values = {name: purpose.value for name, purpose in Stream.__members__.items()}
    shared = {frozenset(pair) for pair in itertools.combinations(values, 2) if values[pair[0]] == values[pair[1]]}
    assert shared == SHARED
