"""Bad arguments of constructors and builders: an `InputError`, or the ValueError of Keras where Keras checks."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import likelihoods, posteriors
from keras_vae.layers import BetaSchedule
from keras_vae.networks import builders
from keras_vae.networks.architecture import parse, parse_kind, with_decoder

NAN, INF = float("nan"), float("inf")
X = np.zeros((4, 6), "float32")


def part(outputs: int = 2) -> keras.Model:
    image = keras.Input((6,))
    return keras.Model(image, [keras.layers.Dense(2)(image) for _ in range(outputs)])


def decoder(units: int = 2, pixels: int = 6) -> keras.Model:
    z = keras.Input((units,))
    return keras.Model(z, keras.layers.Dense(pixels)(z))


def vae(**kwargs):
    return kv.VAE(part(), decoder(), **kwargs)


BAD_NUMBERS = (-1.0, NAN, INF, True, "1", None, [1.0], 1j)
BAD_SEEDS = (-1, 1.5, True, "1", NAN, [1])
BAD_ARCHITECTURES = ("", "6", "6-0-2", "6--2", "6-2.5", "-6-2", "a-b", None, 5, 6.5, [6], [6, 0], [6, -2], [6, 2.5], {})
BAD_SHAPES = ((), (0, 6), (-6,), (6.0,), (True, 6), "6", 6, None, ("6",), (6, None), (2, 2), NAN)

CALLS = {
    **{f"KLDivergence(beta={b!r})": lambda b=b: kv.KLDivergence(beta=b) for b in BAD_NUMBERS},
    **{f"BetaSchedule(beta={b!r})": lambda b=b: BetaSchedule(beta=b) for b in BAD_NUMBERS},
    **{f"warm_up(steps={b!r})": lambda b=b: BetaSchedule().warm_up(b) for b in BAD_NUMBERS},
    **{f"warm_up(shape={b!r})": lambda b=b: BetaSchedule().warm_up(1, b) for b in ("square", None, 1, "")},
    **{f"GaussianSampling(seed={s!r})": lambda s=s: kv.GaussianSampling(seed=s) for s in (*BAD_SEEDS, 2**40)},
    "GaussianSampling(units=2)": lambda: kv.GaussianSampling(units=2),
    "KLDivergence(dtype='float7')": lambda: kv.KLDivergence(dtype="float7"),
    **{f"Gaussian(std={b!r})": lambda b=b: kv.Gaussian(b) for b in (0, 0.0, *BAD_NUMBERS)},
    **{f"VAE(beta={b!r})": lambda b=b: vae(beta=b) for b in BAD_NUMBERS},
    **{f"VAE(seed={s!r})": lambda s=s: vae(seed=s) for s in (*BAD_SEEDS, 2**40)},
    **{f"VAE(posterior={p!r})": lambda p=p: vae(posterior=p) for p in ("full", 1, None, posteriors.Diagonal, "")},
    **{f"VAE(likelihood={p!r})": lambda p=p: vae(likelihood=p) for p in ("poisson", 1, kv.Gaussian, "", True)},
    **{f"VAE(name={n!r})": lambda n=n: vae(name=n) for n in (1, "a/b")},
    "VAE(dtype='float7')": lambda: vae(dtype="float7"),
    "VAE(latent=2)": lambda: vae(latent=2),
    "VAE of one output": lambda: kv.VAE(part(1), decoder()),
    "VAE of three outputs": lambda: kv.VAE(part(3), decoder()),
    "VAE of another latent shape": lambda: kv.VAE(part(), decoder(3)),
    "VAE of another image shape": lambda: kv.VAE(part(), decoder(2, 5)),
    "VAE of None": lambda: kv.VAE(None, None),
    "VAE of text": lambda: kv.VAE("encoder", "decoder"),
    "VAE of layers": lambda: kv.VAE(keras.layers.Dense(2), keras.layers.Dense(2)),
    "VAE of a list": lambda: kv.VAE([part()], decoder()),
    "VAE of an empty Sequential": lambda: kv.VAE(keras.Sequential(), decoder()),
    **{f"parse({a!r})": lambda a=a: parse(a) for a in BAD_ARCHITECTURES},
    **{f"dense_vae({a!r})": lambda a=a: kv.dense_vae(a) for a in BAD_ARCHITECTURES},
    **{f"dense_vae(image_shape={s!r})": lambda s=s: kv.dense_vae("6-2", s) for s in BAD_SHAPES if s is not None},
    **{f"conv_vae(image_shape={s!r})": lambda s=s: kv.conv_vae("c2-2", s) for s in BAD_SHAPES if s != (2, 2)},
    **{f"dense_vae(seed={s!r})": lambda s=s: kv.dense_vae("6-2", seed=s) for s in BAD_SEEDS},
    **{f"dense_vae(beta={b!r})": lambda b=b: kv.dense_vae("6-2", beta=b) for b in BAD_NUMBERS},
    **{f"dense_vae(decoder={d!r})": lambda d=d: kv.dense_vae("6-2", decoder=d) for d in (5, "", "0", "a", [5], "5-")},
    **{f"dense_vae(activation={a!r})": lambda a=a: kv.dense_vae("6-3-2", activation=a) for a in ("rellu", 5)},
    **{f"conv_vae({a!r})": lambda a=a: kv.conv_vae(a, (8, 8)) for a in ("c0-2", "c2", "2-c2", "6-2", "c2-4x4x2", None)},
    **{f"spatial_vae({a!r})": lambda a=a: kv.spatial_vae(a, (8, 8)) for a in ("c2-2", "c2-0x4x2", "c2-3x3x2", 4)},
    **{f"build({k!r})": lambda k=k: builders.build("6-2", (6,), **{k: "unknown"}) for k in ("posterior", "likelihood")},
    "parse_kind": lambda: parse_kind("6-2", "conv"),
    "with_decoder": lambda: with_decoder(parse("c2-4x4x2"), "5"),
    **{f"likelihoods.get({i!r})": lambda i=i: likelihoods.get(i) for i in ("", "poisson", 1, [], kv.Bernoulli)},
    **{f"posteriors.get({i!r})": lambda i=i: posteriors.get(i) for i in ("", "flow", 1, [], None)},
    **{f"LatentRecorder({x!r})": lambda x=x: kv.LatentRecorder(x) for x in (None, [], 5, "images", {}, [[1], [1, 2]])},
    **{f"LatentRecorder(every={e!r})": lambda e=e: kv.LatentRecorder(X, every=e) for e in (0, -1, 1.5, NAN, "5", True)},
    **{f"LatentRecorder(y={y!r})": lambda y=y: kv.LatentRecorder(X, y) for y in ([1], 3, "labels")},
    **{
        f"LatentRecorder(units={u!r})": lambda u=u: kv.LatentRecorder(X, units=u) for u in ([], [-1], [0.5], ["a"], NAN)
    },
    **{f"LatentRecorder(encoder={e!r})": lambda e=e: kv.LatentRecorder(X, encoder=e) for e in ("encoder", 1, len)},
    **{f"UnitMonitor(every={e!r})": lambda e=e: kv.UnitMonitor(X, every=e) for e in (0, -1, 1.5, NAN, "5", True)},
    **{f"UnitMonitor({x!r})": lambda x=x: kv.UnitMonitor(x) for x in (None, [], 5, {}, [[NAN]], [[INF]], [[]])},
    **{f"BetaWarmup({e!r})": lambda e=e: kv.BetaWarmup(e) for e in (0, *BAD_NUMBERS)},
    **{f"BetaWarmup(steps={e!r})": lambda e=e: kv.BetaWarmup(steps=e) for e in (0, *BAD_NUMBERS)},
    **{f"BetaWarmup(shape={s!r})": lambda s=s: kv.BetaWarmup(1, s) for s in ("square", None, 1)},
    "BetaWarmup of both": lambda: kv.BetaWarmup(1, steps=1),
}


def test_there_are_many():
    assert len(CALLS) >= 100


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_argument_is_refused_with_a_sentence(call):
    with pytest.raises(ValueError) as error:  # noqa: PT011  InputError, or Keras' own ValueError
        CALLS[call]()
    by_keras = ("dtype", "name=", "units=2", "activation")
    assert isinstance(error.value, kv.InputError) or any(word in call for word in by_keras)
    assert str(error.value)
