"""A VAE in plain JAX on scikit-learn's digits, whose recorded trajectory becomes a video.

pip install jax scikit-learn
python examples/jax_vae.py --epochs 60 --out digits-jax
"""

import argparse
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import keras_vae as kv

RATE = 0.002  # of the gradient steps, with the gradient's norm limited to 20


def network(key, *sizes):
    """Weights and biases of dense layers."""
    shapes = list(itertools.pairwise(sizes))
    keys = jax.random.split(key, len(shapes))
    return [(jax.random.normal(k, (a, b)) / a**0.5, jnp.zeros(b)) for k, (a, b) in zip(keys, shapes, strict=True)]


def apply(layers, x):
    for weights, bias in layers[:-1]:
        x = jax.nn.relu(x @ weights + bias)
    return x @ layers[-1][0] + layers[-1][1]


@jax.jit
def encode(parameters, x):
    return jnp.split(apply(parameters["encoder"], x), 2, axis=1)  # mean, log_var


def loss(parameters, x, key):
    mean, log_var = encode(parameters, x)
    logits = apply(parameters["decoder"], mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape))
    reconstruction = jnp.logaddexp(0, logits) - x * logits
    kl = 0.5 * (mean**2 + jnp.exp(log_var) - 1 - log_var)
    return (reconstruction.sum() + kl.sum()) / len(x)  # nats per image


@jax.jit
def train_step(parameters, x, key):
    gradient = jax.grad(loss)(parameters, x, key)
    norm = sum(jnp.square(g).sum() for g in jax.tree.leaves(gradient)) ** 0.5
    return jax.tree.map(lambda p, g: p - RATE * g * jnp.minimum(1, 20 / norm), parameters, gradient)


def main(epochs: int, out: Path) -> None:
    digits, rng = load_digits(), np.random.default_rng(0)
    x = jnp.array(digits.data / 16, "float32")
    key, first, second = jax.random.split(jax.random.key(0), 3)
    parameters = {"encoder": network(first, 64, 128, 4), "decoder": network(second, 2, 128, 64)}

    recorder = kv.Recorder(lambda x: encode(parameters, x), x[:60], digits.target[:60])
    recorder.record(0, 0)
    n_batches = len(x) // 128
    for step in range(1, epochs * n_batches + 1):
        batch = x[rng.choice(len(x), 128, replace=False)]
        parameters = train_step(parameters, batch, jax.random.fold_in(key, step))
        recorder.record(step, step / n_batches)

    out.mkdir(parents=True, exist_ok=True)
    print(kv.video.write(recorder.trajectory, out / "latent.mp4", title="A VAE in JAX"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("digits-jax"))
    main(**vars(parser.parse_args()))
