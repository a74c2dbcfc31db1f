"""VAEs built from an architecture string: dense, convolutional, and with a map as latent space."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae import likelihoods, objectives, posteriors, priors
from keras_vae._utils import checks
from keras_vae.errors import InputError
from keras_vae.models import VAE
from keras_vae.networks.architecture import KERNEL, STRIDE, Architecture, parse, parse_kind, with_decoder

MAX_LAYERS = 10_000
NORMALIZATIONS = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}


def dense_vae(
    architecture: str | Sequence[int],
    image_shape: tuple | None = None,
    posterior: str | posteriors.Posterior = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    decoder: str | None = None,
    name: str = "dense_vae",
    normalization: str | None = None,
    objective: str | objectives.Objective | None = None,
    prior: str | priors.Prior | None = None,
) -> VAE:
    """Builds a VAE of dense layers, for images or for vectors such as the rows of a table.

    Args:
        architecture: layer sizes from the image to the latent units: `"784-256-32-8-2"` has 784 pixels, three hidden
            layers and two latent units. The decoder mirrors the encoder.
        image_shape: shape of one image, with as many pixels as the first number states; by default a vector.
        posterior, likelihood, beta, objective, prior: see `VAE`.
        seed: integer from which initial weights, sampling noise and the order of the images derive; `None` chooses one
            at random.
        activation: activation of the hidden layers.
        decoder: hidden layers of a decoder that does not mirror the encoder, from the latent units on: `"500-500"`.
        name: name of the model.
        normalization: `"batch"` (Ioffe & Szegedy 2015) or `"layer"` (Ba et al. 2016; after a convolution over the
            channels of each position), before the activation of every hidden layer; None for none.

    Returns:
        A `VAE`, not yet compiled.

    Raises:
        InputError: if the architecture cannot be read, or does not fit the image or the memory.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.dense_vae("64-16-2", image_shape=(8, 8), seed=0)
    >>> vae.latent_shape
    (2,)
    >>> vae.encoder.count_params()  # 64 · 16 + 16, and two heads of 16 · 2 + 2
    1108
    """
    parsed = with_decoder(parse_kind(architecture, "dense"), decoder)
    image_shape = (parsed.pixels,) if image_shape is None else image_shape
    return build(
        parsed, image_shape, posterior, likelihood, beta, seed, activation, name, normalization, objective, prior
    )


def conv_vae(
    architecture: str,
    image_shape: tuple[int, ...],
    posterior: str | posteriors.Posterior = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    decoder: str | None = None,
    name: str = "conv_vae",
    normalization: str | None = None,
    objective: str | objectives.Objective | None = None,
    prior: str | priors.Prior | None = None,
) -> VAE:
    """Builds a VAE with convolutions, dense layers, and a vector as latent space.

    Each convolution halves the image's height and width by a stride of 2; sizes that do not halve evenly are padded
    with zeros inside, and the logits are cropped. The decoder mirrors the encoder by transposed convolutions. With
    `posterior="autoencoder"` the model is deterministic and lacks only the output layer of the variances.

    Args:
        architecture: `"c32-c64-256-16"`: filters of the convolutions, sizes of the dense layers, number of latent
            units. `"r64"` in place of `"c64"` adds a residual block (He et al. 2016, with activations before the
            convolutions), in the decoder before the mirrored convolution; the block is the identity at first.
        image_shape: `(height, width)` or `(height, width, channels)`.
        posterior, likelihood, beta, seed, activation, decoder, name, normalization, objective, prior: see `dense_vae`.

    Returns:
        A `VAE`, not yet compiled.

    Raises:
        InputError: if the architecture cannot be read, or does not fit the image or the memory.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.conv_vae("c4-8-2", image_shape=(8, 8), posterior="isotropic", seed=0)
    >>> vae.latent_shape
    (2,)
    >>> vae.generate(3, seed=1).shape
    (3, 8, 8)
    >>> colour = kv.conv_vae("c8-r16-32-4", image_shape=(16, 16, 3), normalization="layer", seed=0)
    >>> colour.generate(3, seed=1).shape
    (3, 16, 16, 3)
    """
    parsed = with_decoder(parse_kind(architecture, "conv"), decoder)
    return build(
        parsed, image_shape, posterior, likelihood, beta, seed, activation, name, normalization, objective, prior
    )


def spatial_vae(
    architecture: str,
    image_shape: tuple[int, ...],
    posterior: str | posteriors.Posterior = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    name: str = "spatial_vae",
    normalization: str | None = None,
    objective: str | objectives.Objective | None = None,
    prior: str | priors.Prior | None = None,
) -> VAE:
    """Builds a fully convolutional VAE, whose latent space is a map of height × width × channels.

    The image is padded with zeros to the size that the convolutions reduce to the map: 28 × 28 to 32 × 32 for
    two of them and a map of 8 × 8. The logits are cropped.

    Args:
        architecture: `"c64-c128-8x8x1024"`: filters of the convolutions, shape of the latent map.
        image_shape: `(height, width)` or `(height, width, channels)`.
        posterior, likelihood, beta, seed, activation, name, normalization, objective, prior: see `dense_vae` and
            `conv_vae`.

    Returns:
        A `VAE`, not yet compiled.

    Raises:
        InputError: if the architecture cannot be read, or does not fit the image or the memory.

    Example:

    >>> import keras_vae as kv
    >>> kv.spatial_vae("c4-4x4x2", image_shape=(8, 8), seed=0).latent_shape
    (4, 4, 2)
    """
    parsed = parse_kind(architecture, "spatial")
    return build(
        parsed, image_shape, posterior, likelihood, beta, seed, activation, name, normalization, objective, prior
    )


def build(
    architecture: str | Architecture,
    image_shape: Sequence[int],
    posterior: str | posteriors.Posterior = "diagonal",
    likelihood: str | likelihoods.Likelihood | None = None,
    beta: float = 1.0,
    seed: int | None = None,
    activation: str = "relu",
    name: str | None = None,
    normalization: str | None = None,
    objective: str | objectives.Objective | None = None,
    prior: str | priors.Prior | None = None,
) -> VAE:
    """Builds a VAE of any kind of architecture.

    Args:
        architecture, image_shape, posterior, likelihood, beta, seed, activation, name, normalization, objective, prior:
            see `dense_vae`, `conv_vae` and `spatial_vae`.

    Returns:
        A `VAE`, not yet compiled.

    Raises:
        InputError: if the architecture cannot be read, or does not fit the image or the memory.

    Example:

    >>> from keras_vae.networks.builders import build
    >>> build("c4-4x4x2", image_shape=(8, 8), seed=0).name
    'spatial_vae'
    """
    architecture, image_shape = parse(architecture), _image_shape(image_shape)
    architecture.check(image_shape)
    posterior, seed = posteriors.get(posterior), checks.seed(seed, none=True)
    layers = _Layers(seed, activation, architecture.kind != "dense", _normalization(normalization))
    image = keras.Input(image_shape, name="image")
    features = _features(architecture, image, layers)
    outputs = posterior.make_outputs(_Heads(architecture, features, layers))
    encoder = keras.Model(image, outputs, name="encoder")
    z = keras.Input(architecture.latent_shape, name="z")
    decoder = keras.Model(z, _logits(architecture, z, image_shape, layers), name="decoder")
    noise_seed = None if seed is None else layers.next_seed()
    name = name or f"{architecture.kind}_vae"
    return VAE(
        encoder, decoder, posterior, likelihood, beta, seed=noise_seed, name=name, objective=objective, prior=prior
    )


def _image_shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"image_shape: expected a tuple of sizes, such as (28, 28); received {value!r}.")
    return tuple(checks.whole("image_shape", size) for size in value)


def _normalization(name: Any) -> type[keras.layers.Layer] | None:
    if name is not None and name not in NORMALIZATIONS:
        raise InputError(f"normalization: expected {' or '.join(map(repr, NORMALIZATIONS))}; received {name!r}.")
    return None if name is None else NORMALIZATIONS[name]


class _Layers:
    """Creates layers, each with a seed of its own: layers of equal shape must not have equal initial weights.

    With `he`, layers with an activation are initialised with the variances of He et al. 2015, derived for ReLU. Under
    Keras' default (Glorot & Bengio 2010) the signal decreases with depth, and latent units with a small KL early in
    training collapse permanently: c32-c64-256-256-16 on MNIST ended with 8 of its 16 active.
    """

    def __init__(self, seed: int | None, activation: str, he: bool, normalization: type[keras.layers.Layer] | None):
        self._spawned = iter(np.random.SeedSequence(seed).generate_state(MAX_LAYERS))
        self._activation, self._he, self._normalization = activation, he, normalization

    def next_seed(self) -> int:
        return int(next(self._spawned)) % 2**31

    def _make(self, kind: type, *args, **kwargs) -> keras.layers.Layer:
        he = self._he and "activation" in kwargs
        initializer = (keras.initializers.HeUniform if he else keras.initializers.GlorotUniform)(seed=self.next_seed())
        return kind(*args, kernel_initializer=initializer, **kwargs)

    def hidden(self, make: Callable[..., keras.layers.Layer], size: int, name: str, h):
        """A hidden layer: what `make` makes, then the normalization, if there is one, and the activation."""
        if self._normalization is None:
            return make(size, name=name, activation=self._activation)(h)
        h = make(size, name=name, activation="linear")(h)
        return self._activated(h, name)

    def _activated(self, h, name: str):
        if self._normalization is not None:
            h = self._normalization(name=f"normalize_{name}")(h)
        return keras.layers.Activation(self._activation, name=f"activate_{name}")(h)

    def residual(self, h, name: str):
        """A residual block: its input plus two convolutions of it, each after normalization and activation."""
        filters = h.shape[-1]
        first = self._make(keras.layers.Conv2D, filters, KERNEL, padding="same", activation="linear", name=f"{name}_1")
        # The second begins at 0 and the block as the identity, so that the signal does not grow with depth.
        second = keras.layers.Conv2D(filters, KERNEL, padding="same", kernel_initializer="zeros", name=f"{name}_2")
        branch = second(self._activated(first(self._activated(h, f"{name}_1")), f"{name}_2"))
        return keras.layers.Add(name=f"add_{name}")([h, branch])

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
    """The encoder from the image to the input of its heads."""
    if architecture.kind == "dense":
        h = keras.layers.Flatten(name="flatten")(image)
    else:
        h = _padded(architecture, image)
        for i, (filters, residual) in enumerate(zip(architecture.filters, architecture.residual, strict=True), 1):
            h = layers.hidden(layers.halving, filters, f"convolution_{i}", h)
            if residual:
                h = layers.residual(h, f"residual_{i}")
        if architecture.kind == "conv":
            h = keras.layers.Flatten(name="flatten")(h)
    for i, size in enumerate(architecture.hidden, 1):
        h = layers.hidden(layers.dense, size, f"hidden_{i}", h)
    return h


class _Heads:
    """Output layers of an encoder, from which a posterior chooses: `posteriors.EncoderHeads`."""

    def __init__(self, architecture: Architecture, features, layers: _Layers):
        self._architecture, self._features, self._layers = architecture, features, layers
        self._is_spatial = architecture.kind == "spatial"

    def per_unit(self, name: str):
        make = self._layers.pointwise if self._is_spatial else self._layers.dense
        return make(self._architecture.latent_shape[-1], name=name, dtype="float32")(self._features)

    def shared(self, name: str):
        if not self._is_spatial:
            return self._layers.dense(1, name=name, dtype="float32")(self._features)
        pooled = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"pooled_for_{name}")(self._features)
        return self._layers.pointwise(1, name=name, dtype="float32")(pooled)

    def repeated(self, name: str):
        one = keras.layers.Flatten(name=f"flat_{name}")(self.shared(f"one_{name}"))
        repeated = keras.layers.RepeatVector(self._architecture.n_units, dtype="float32", name="repeated")(one)
        return keras.layers.Reshape(self._architecture.latent_shape, dtype="float32", name=name)(repeated)


def _logits(architecture: Architecture, z, image_shape: tuple[int, ...], layers: _Layers):
    """The decoder from z to logits of the image's shape: the mirrored encoder."""
    h = z
    for i, size in enumerate(architecture.hidden_back, 1):
        h = layers.hidden(layers.dense, size, f"hidden_{i}", h)
    if architecture.pixels is not None:
        h = layers.dense(architecture.pixels, name="logits", dtype="float32")(h)
        return keras.layers.Reshape(image_shape, dtype="float32", name="image")(h)
    *earlier, last = architecture.filters
    if architecture.kind == "spatial":
        h = layers.hidden(layers.pointwise, last, "pointwise", h)
    else:
        map_shape = (*architecture.smallest_map(image_shape), last)
        h = layers.hidden(layers.dense, math.prod(map_shape), "map", h)
        h = keras.layers.Reshape(map_shape, name="reshape")(h)
    *blocks_back, first_block = architecture.residual
    if first_block:
        h = layers.residual(h, "residual_0")
    for i, (filters, residual) in enumerate(zip(reversed(earlier), reversed(blocks_back), strict=True), 1):
        h = layers.hidden(layers.doubling, filters, f"convolution_{i}", h)
        if residual:
            h = layers.residual(h, f"residual_{i}")
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
