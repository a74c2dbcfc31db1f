"""VAEs built from an architecture's text: of dense layers, with convolutions, with a map as latent space."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from keras_vae import likelihoods
from keras_vae.models import POSTERIORS, VAE, check_choice
from keras_vae.networks.architecture import KERNEL, STRIDE, Architecture, parse, parse_kind, with_decoder

MOST_LAYERS = 10_000
BUILT = (*POSTERIORS, "iid")


def dense_vae(
    architecture: str | Sequence[int],
    image_shape: tuple | None = None,
    posterior: str = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    decoder: str | None = None,
    name: str = "dense_vae",
) -> VAE:
    """A VAE of dense layers, written as the literature writes it.

    Args:
        architecture: `"784-256-32-8-2"`: the pixels, the hidden layers, the latent units last; the decoder
            mirrors the encoder.
        image_shape: shape of one image; its size must be the first number. Default: flat vectors.
        posterior, likelihood, beta: see `VAE`; beside its posteriors `iid`, an `isotropic` one with one mean, too, for
            all units of an image.
        seed: integer behind initial weights, sampling noise and the order of the images; `None` chooses at random.
        activation: of the hidden layers.
        decoder: hidden layers of a decoder that doesn't mirror the encoder, from the latent units on: `"500-500"`.

    Raises:
        InputError: if the architecture can't be read, doesn't fit the image or the memory.
    """
    architecture = parse_kind(architecture, "dense")
    image_shape = (architecture.pixels,) if image_shape is None else image_shape
    return build(with_decoder(architecture, decoder), image_shape, posterior, likelihood, beta, seed, activation, name)


def conv_vae(
    architecture: str,
    image_shape: tuple[int, ...],
    posterior: str = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    decoder: str | None = None,
    name: str = "conv_vae",
) -> VAE:
    """A VAE with convolutions, dense layers, and a vector as latent space.

    Each convolution halves the image's height and width by a stride of 2; what doesn't halve evenly is padded with
    zeros inside, and the logits are cropped. The decoder mirrors it by transposed convolutions. With the posterior
    `autoencoder` it is the deterministic twin, which lacks nothing but the head of the variances.

    Args:
        architecture: `"c32-c64-256-16"`: the convolutions' filters, dense layers, the latent units last.
        image_shape: `(height, width)` or `(height, width, channels)`.
        posterior, likelihood, beta, seed, activation, decoder: see `dense_vae`.

    Raises:
        InputError: if the architecture can't be read, doesn't fit the image or the memory.
    """
    parsed = with_decoder(parse_kind(architecture, "conv"), decoder)
    return build(parsed, image_shape, posterior, likelihood, beta, seed, activation, name)


def spatial_vae(
    architecture: str,
    image_shape: tuple[int, ...],
    posterior: str = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    name: str = "spatial_vae",
) -> VAE:
    """A VAE of convolutions alone, whose latent space is a map of height × width × channels.

    The image is padded with zeros to the size that the convolutions bring down to the map: 28 × 28 to 32 × 32 for
    two of them and a map of 8 × 8. The logits are cropped.

    Args:
        architecture: `"c64-c128-8x8x1024"`: the convolutions' filters, the map last.
        image_shape: `(height, width)` or `(height, width, channels)`.
        posterior, likelihood, beta, seed, activation: see `dense_vae`.

    Raises:
        InputError: if the architecture can't be read, doesn't fit the image or the memory.
    """
    return build(parse_kind(architecture, "spatial"), image_shape, posterior, likelihood, beta, seed, activation, name)


def build(
    architecture: str | Architecture,
    image_shape: Sequence[int],
    posterior: str = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    name: str | None = None,
) -> VAE:
    """The VAE of any architecture: see `dense_vae`, `conv_vae` and `spatial_vae`.

    Raises:
        InputError: if the architecture can't be read, doesn't fit the image or the memory.
    """
    architecture, image_shape = parse(architecture), tuple(image_shape)
    architecture.check(image_shape)
    check_choice("posterior", posterior, BUILT)
    layers = _Layers(seed, activation, he=architecture.kind != "dense")
    image = keras.Input(image_shape, name="image")
    features = _features(architecture, image, layers)
    outputs = [(_one_mean if posterior == "iid" else _head)(architecture, features, layers, "mean")]
    if posterior == "diagonal":
        outputs.append(_head(architecture, features, layers, "log_var"))
    elif posterior in ("isotropic", "iid"):
        outputs.append(_one_for_all(architecture, features, layers, "log_var"))
    encoder = keras.Model(image, outputs, name="encoder")
    z = keras.Input(architecture.latent_shape, name="z")
    decoder = keras.Model(z, _logits(architecture, z, image_shape, layers), name="decoder")
    noise_seed = None if seed is None else layers.next_seed()
    posterior = "isotropic" if posterior == "iid" else posterior
    return VAE(encoder, decoder, posterior, likelihood, beta, seed=noise_seed, name=name or f"{architecture.kind}_vae")


class _Layers:
    """Makes layers, each with a seed of its own: equal layers must not start equal.

    With `he`, those with an activation begin with the variances of He et al. 2015, made for ReLU. Under Keras' own
    (Glorot & Bengio 2010) the signal fades in deeper nets, and latent units that say little early on are lost for
    good: c32-c64-256-256-16 on MNIST ended with 8 of its 16.
    """

    def __init__(self, seed: int | None, activation: str, he: bool):
        self._spawned = iter(np.random.SeedSequence(seed).generate_state(MOST_LAYERS))
        self.activation, self._he = activation, he

    def next_seed(self) -> int:
        return int(next(self._spawned)) % 2**31

    def _make(self, kind: type, *args, **kwargs) -> keras.layers.Layer:
        he = self._he and "activation" in kwargs
        initializer = (keras.initializers.HeUniform if he else keras.initializers.GlorotUniform)(seed=self.next_seed())
        return kind(*args, kernel_initializer=initializer, **kwargs)

    def dense(self, size: int, **kwargs) -> keras.layers.Layer:
        return self._make(keras.layers.Dense, size, **kwargs)

    def pointwise(self, filters: int, **kwargs) -> keras.layers.Layer:
        return self._make(keras.layers.Conv2D, filters, 1, **kwargs)

    def halving(self, filters: int, **kwargs) -> keras.layers.Layer:
        return self._make(keras.layers.Conv2D, filters, KERNEL, STRIDE, "same", **kwargs)

    def doubling(self, filters: int, **kwargs) -> keras.layers.Layer:
        return self._make(keras.layers.Conv2DTranspose, filters, KERNEL, STRIDE, "same", **kwargs)


# Means, log variances and logits are kept in float32 under mixed precision.


def _features(architecture: Architecture, image, layers: _Layers):
    """From the image to what the heads see."""
    if architecture.kind == "dense":
        h = keras.layers.Flatten(name="flatten")(image)
    else:
        h = _padded(architecture, image)
        for i, filters in enumerate(architecture.filters, 1):
            h = layers.halving(filters, name=f"convolution_{i}", activation=layers.activation)(h)
        if architecture.kind == "conv":
            h = keras.layers.Flatten(name="flatten")(h)
    for i, size in enumerate(architecture.hidden, 1):
        h = layers.dense(size, name=f"hidden_{i}", activation=layers.activation)(h)
    return h


def _head(architecture: Architecture, features, layers: _Layers, name: str):
    make = layers.pointwise if architecture.kind == "spatial" else layers.dense
    return make(architecture.latent_shape[-1], name=name, dtype="float32")(features)


def _one_for_all(architecture: Architecture, features, layers: _Layers, name: str):
    """One number for all units of an image."""
    if architecture.kind != "spatial":
        return layers.dense(1, name=name, dtype="float32")(features)
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"pooled_for_{name}")(features)
    return layers.pointwise(1, name=name, dtype="float32")(pooled)


def _one_mean(architecture: Architecture, features, layers: _Layers, name: str):
    """The same mean for every unit."""
    one = keras.layers.Flatten(name="flat_mean")(_one_for_all(architecture, features, layers, "one_mean"))
    repeated = keras.layers.RepeatVector(architecture.n_units, dtype="float32", name="repeated")(one)
    return keras.layers.Reshape(architecture.latent_shape, dtype="float32", name=name)(repeated)


def _logits(architecture: Architecture, z, image_shape: tuple[int, ...], layers: _Layers):
    """From the latent space to logits of the image's shape: the mirrored encoder."""
    h = z
    for i, size in enumerate(architecture.hidden_back, 1):
        h = layers.dense(size, name=f"hidden_{i}", activation=layers.activation)(h)
    if architecture.kind == "dense":
        h = layers.dense(architecture.pixels, name="logits", dtype="float32")(h)
        return keras.layers.Reshape(image_shape, dtype="float32", name="image")(h)
    *earlier, last = architecture.filters
    if architecture.kind == "spatial":
        h = layers.pointwise(last, name="pointwise", activation=layers.activation)(h)
    else:
        map_shape = (*architecture.smallest_map(image_shape), last)
        h = layers.dense(math.prod(map_shape), name="map", activation=layers.activation)(h)
        h = keras.layers.Reshape(map_shape, name="reshape")(h)
    for i, filters in enumerate(reversed(earlier), 1):
        h = layers.doubling(filters, name=f"convolution_{i}", activation=layers.activation)(h)
    channels = image_shape[2] if len(image_shape) == 3 else 1
    h = layers.doubling(channels, name="logits", dtype="float32")(h)
    margins = _margins(architecture, image_shape)
    if np.any(margins):
        h = keras.layers.Cropping2D(margins, dtype="float32", name="crop")(h)
    return keras.layers.Reshape(image_shape, dtype="float32", name="image")(h)


def _padded(architecture: Architecture, image):
    """The image with a channel axis and the margins that the convolutions need."""
    image_shape = tuple(image.shape[1:])
    if len(image_shape) == 2:
        image = keras.layers.Reshape((*image_shape, 1), name="channel")(image)
    margins = _margins(architecture, image_shape)
    return keras.layers.ZeroPadding2D(margins, name="pad")(image) if np.any(margins) else image


def _margins(architecture: Architecture, image_shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Rows above and below, columns on the left and on the right."""
    missing = (p - side for p, side in zip(architecture.padded(image_shape), image_shape, strict=False))
    return tuple((m // 2, m - m // 2) for m in missing)
