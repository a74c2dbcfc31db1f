"""Evaluation: likelihoods, the aggregate posterior and decoded grids, beside the matrix products in them."""

import math
import time

import numpy as np
import tensorflow as tf
from timing import Row, alternate, row

import keras_vae as kv
from keras_vae import diagnostics, geometry
from keras_vae.diagnostics import aggregate_posterior
from keras_vae.diagnostics.encodings import posterior_draws
from keras_vae.evaluation import model_audit

UNITS, HIDDEN = 32, 256
IMAGES, SAMPLES = 200, 1000
ENCODINGS = 10_000
SIDE = 100  # of a decoded grid


def timed(function, *arguments):
    def run() -> float:
        began = time.perf_counter()
        function(*arguments)
        return time.perf_counter() - began

    run()
    return run


def decoder_products(points: int, at_once: int):
    """The matrix products of decoding so many points, so many at a time."""
    first, second = tf.random.normal((UNITS, HIDDEN)), tf.random.normal((HIDDEN, 784))
    z = tf.random.normal((at_once, UNITS))

    @tf.function
    def decode(z):
        return (z @ first) @ second

    def run() -> float:
        began = time.perf_counter()
        for _ in range(points // at_once):
            decode(z).numpy()
        return time.perf_counter() - began

    run()
    return run


def mixture_products(draws: int):
    """The matrix products of all draws' log densities under all posteriors: z and z² with two matrices."""
    z = np.random.default_rng(0).standard_normal((draws, UNITS))
    means = np.random.default_rng(1).standard_normal((UNITS, ENCODINGS))

    out = np.empty((400, ENCODINGS))

    def run() -> float:
        began = time.perf_counter()
        for i in range(0, draws, 400):
            np.matmul(z[i : i + 400], means, out=out)
            np.matmul(z[i : i + 400], means, out=out)
        return time.perf_counter() - began

    run()
    return run


def rows() -> list[Row]:
    rng = np.random.default_rng(0)
    vae = kv.dense_vae(f"784-{HIDDEN}-{UNITS}", (28, 28), seed=0)
    x = (rng.uniform(size=(IMAGES, 28, 28)) < 0.2).astype("float32")
    mean, log_var = vae.encode(x)

    def likelihood():
        given = model_audit.log_likelihood(vae, x)
        diagnostics.importance_log_weights(given, mean, log_var, SAMPLES, batch_size=model_audit.AT_ONCE)

    codes = rng.normal(0, math.sqrt(0.75), (ENCODINGS, UNITS))
    spread = np.full(codes.shape, math.log(0.25))
    grid = geometry.latent_grid(SIDE, (0, 1), np.zeros(UNITS)).astype("float32")
    z = posterior_draws(codes, spread, 2, rng)
    draws = len(z)
    sides = {
        f"likelihood: {IMAGES} images × {SAMPLES:,} samples, {UNITS} units": {
            "ours": timed(likelihood), "floor": decoder_products(IMAGES * SAMPLES, model_audit.AT_ONCE)
        },
        f"aggregate posterior: {draws:,} draws × {ENCODINGS:,} encodings, {UNITS} units": {
            "ours": timed(aggregate_posterior.log_ratios, codes, spread, z), "floor": mixture_products(draws)
        },
        f"a grid of {SIDE} × {SIDE} decoded": {
            "ours": timed(vae.decode, grid), "floor": decoder_products(SIDE**2, 1000)
        },
    }  # fmt: skip
    return [row(item, "s", alternate(found, 3), "matrix products", over_floor=2) for item, found in sides.items()]
