"""Times of likelihoods, of the aggregate posterior and of decoded grids, relative to their matrix products.

As a script it prints the seconds of the parts of the likelihood: `python benchmarks/evaluation.py`.
"""

import json
import math
from collections.abc import Callable

import numpy as np
import products
from products import timed
from timing import Row, alternate, row

import keras_vae as kv
from keras_vae import diagnostics, geometry
from keras_vae.diagnostics import aggregate_posterior
from keras_vae.diagnostics.encodings import posterior_draws
from keras_vae.evaluation.likelihood import DECODED_CHUNK, log_likelihood

SIZES = N_UNITS, N_HIDDEN = 32, 256
N_IMAGES, N_SAMPLES = 200, 1000
N_ENCODINGS = 10_000
GRID_SIDE = 100  # points along each axis of a decoded grid
DRAWS_CHUNK = 400  # draws whose densities are computed at a time
GRID_CHUNK = 1000  # grid points that are decoded at a time


def mixture_products(n_draws: int) -> Callable[[], float]:
    """A function that returns the seconds of the matrix products in the densities of draws under all posteriors.

    There are two products per chunk of draws: of z and of z², with one matrix each.
    """
    z = np.random.default_rng(0).standard_normal((n_draws, N_UNITS))
    means = np.random.default_rng(1).standard_normal((N_UNITS, N_ENCODINGS))
    out = np.empty((DRAWS_CHUNK, N_ENCODINGS))

    def run() -> None:
        for i in range(0, n_draws, DRAWS_CHUNK):
            np.matmul(z[i : i + DRAWS_CHUNK], means, out=out)
            np.matmul(z[i : i + DRAWS_CHUNK], means, out=out)

    return timed(run)


def likelihood_parts() -> dict[str, float]:
    """Seconds of the parts of the likelihood, each computed alone: medians of five."""
    from keras_vae.fast_fit.functions import compiled

    ops, rng = products.ops, np.random.default_rng(0)
    vae = kv.dense_vae(f"784-{N_HIDDEN}-{N_UNITS}", (28, 28), seed=0)
    x = ops.convert_to_tensor((rng.uniform(size=(DECODED_CHUNK, 28, 28)) < 0.2).astype("float32"))
    z = ops.convert_to_tensor(rng.standard_normal((DECODED_CHUNK, N_UNITS)).astype("float32"))
    logits = vae.decoder(z, training=False)
    n_chunks = N_IMAGES * N_SAMPLES // DECODED_CHUNK
    # The sums are read, and not the images, so that no part copies what the likelihood does not.
    decoded = compiled(lambda z: ops.sum(vae.decoder(z, training=False), axis=1), vae)
    entropy = compiled(vae.likelihood, vae)

    def draws() -> None:
        noise = rng.standard_normal((DECODED_CHUNK // N_SAMPLES, N_SAMPLES, N_UNITS))
        (np.square(noise) - np.square(0.5 * noise + 1)).sum(axis=2)

    parts = {
        "draws": draws,
        "decoder": lambda: ops.convert_to_numpy(decoded(z)),
        "cross-entropy": lambda: ops.convert_to_numpy(entropy(x, logits)),
    }

    def repeated(part: Callable[[], None]) -> Callable[[], float]:
        return timed(lambda: [part() for _ in range(n_chunks)])

    def compilation() -> None:  # once in each evaluation, with its first chunk
        log_likelihood(vae, np.zeros((2, 28, 28), "float32"))(np.zeros(DECODED_CHUNK, int), np.asarray(z))

    sides = {name: repeated(part) for name, part in parts.items()} | {"compilation": timed(compilation)}
    sides["matrix products"] = products.of_decoding(*SIZES, N_IMAGES * N_SAMPLES, DECODED_CHUNK)
    return {name: round(float(np.median(values)), 3) for name, values in alternate(sides, 5).items()}


def rows() -> list[Row]:
    rng = np.random.default_rng(0)
    vae = kv.dense_vae(f"784-{N_HIDDEN}-{N_UNITS}", (28, 28), seed=0)
    x = (rng.uniform(size=(N_IMAGES, 28, 28)) < 0.2).astype("float32")
    mean, log_var = vae.encode(x)

    def likelihood():
        diagnostics.importance_log_weights(log_likelihood(vae, x), mean, log_var, N_SAMPLES, batch_size=DECODED_CHUNK)

    codes = rng.normal(0, math.sqrt(0.75), (N_ENCODINGS, N_UNITS))
    log_vars = np.full(codes.shape, math.log(0.25))
    grid = geometry.latent_grid(GRID_SIDE, (0, 1), np.zeros(N_UNITS)).astype("float32")
    z = posterior_draws(codes, log_vars, 2, rng)
    n_draws = len(z)
    sides = {
        f"likelihood: {N_IMAGES} images × {N_SAMPLES:,} samples, {N_UNITS} units": {
            "ours": timed(likelihood),
            "floor": products.of_decoding(*SIZES, N_IMAGES * N_SAMPLES, DECODED_CHUNK),
        },
        f"aggregate posterior: {n_draws:,} draws × {N_ENCODINGS:,} encodings, {N_UNITS} units": {
            "ours": timed(lambda: aggregate_posterior.log_ratios(codes, log_vars, z)),
            "floor": mixture_products(n_draws),
        },
        f"a grid of {GRID_SIDE} × {GRID_SIDE} decoded": {
            "ours": timed(lambda: vae.decode(grid)),
            "floor": products.of_decoding(*SIZES, GRID_SIDE**2, GRID_CHUNK),
        },
    }
    return [row(item, "s", alternate(found, 3), "matrix products", over_floor=2) for item, found in sides.items()]


if __name__ == "__main__":
    print(json.dumps(likelihood_parts()))
