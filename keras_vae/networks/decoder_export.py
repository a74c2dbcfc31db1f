"""A decoder as plain data: a list of layers and their weights that a few lines of any language can run."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae import likelihoods

MOST_WEIGHTS = 900_000  # as float16 in base 64 that is 2.4 MB of a page
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "elu", "softplus", "silu")
LARGEST = float(np.finfo("float16").max)


class NotPortable(Exception):
    """Says what of a decoder can't be written down as plain data."""


class Portable(NamedTuple):
    """A decoder as plain data.

    Attributes:
        layers: in order, each with its `kind` and what it takes to run it (all in the order height, width, channels).
        weights: of each layer, float16, in Keras' layout.
        output: from the last layer to pixels: `sigmoid`, `linear` or `continuous-bernoulli`.
    """

    layers: list[dict[str, Any]]
    weights: list[list[np.ndarray]]
    output: str


def export(decoder: keras.Model, likelihood: likelihoods.Likelihood) -> Portable:
    """A decoder that is a chain of layers we know, as plain data.

    Raises:
        NotPortable: naming what stands in the way: another layer or activation, a branch, too many weights or one
            that float16 can't hold.
    """
    if likelihood.browser_output is None:
        raise NotPortable(f"the likelihood {type(likelihood).__name__}")
    if decoder.count_params() > MOST_WEIGHTS:
        raise NotPortable(f"{decoder.count_params():,} weights")
    layers, weights = [], []
    for layer in _chain(decoder):
        if type(layer) not in _KINDS:
            raise NotPortable(f"the layer {type(layer).__name__}")
        for described, arrays in _KINDS[type(layer)](layer):
            layers.append(described)
            weights.append([_half(array) for array in arrays])
    return Portable(layers, weights, likelihood.browser_output)


def _chain(decoder: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a decoder in order.

    Raises:
        NotPortable: if one of them sees anything but what the one before it puts out.
    """
    layers, tensor = [], decoder.inputs[0]
    for layer in decoder.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        # (A layer that is used twice has several inputs, and refuses to name one.)
        try:
            follows = layer.input is tensor
        except (AttributeError, ValueError):
            follows = False
        if not follows:
            raise NotPortable(f"a branch at the layer {layer.name}")
        layers.append(layer)
        tensor = layer.output
    if tensor is not decoder.outputs[0]:
        raise NotPortable("an output inside its chain of layers")
    return layers


def _half(array) -> np.ndarray:
    array = keras.ops.convert_to_numpy(array)
    if not np.all(np.abs(array) <= LARGEST):
        raise NotPortable("a weight that float16 can't hold")
    return array.astype("float16")


# -- one function a kind of layer: what it becomes, as pairs of description and weights ------------------------

Described = list[tuple[dict[str, Any], list]]


def _activation(function: Callable) -> str:
    name = getattr(function, "__name__", str(function))
    if name not in ACTIVATIONS or function is not getattr(keras.activations, name):
        raise NotPortable(f"the activation {name}")
    return name


def _bias(layer) -> list:
    return [layer.bias] if layer.use_bias else []


def _dense(layer) -> Described:
    described = {"kind": "dense", "size": layer.units, "activation": _activation(layer.activation)}
    return [(described, [layer.kernel, *_bias(layer)])]


def _convolution(layer, kind: str = "convolution") -> Described:
    plain = layer.data_format == "channels_last" and set(layer.dilation_rate) == {1} and layer.padding != "causal"
    if not plain or getattr(layer, "groups", 1) != 1 or getattr(layer, "output_padding", None) is not None:
        raise NotPortable(f"an unusual option of the layer {layer.name}")
    described = {
        "kind": kind,
        "filters": layer.filters,
        "kernel": list(layer.kernel_size),
        "strides": list(layer.strides),
        "padding": layer.padding,
        "activation": _activation(layer.activation),
    }
    return [(described, [layer.kernel, *_bias(layer)])]


def _transposed(layer) -> Described:
    return _convolution(layer, "transposed")


def _shape(layer) -> Described:
    return [({"kind": "reshape", "shape": list(layer.output.shape[1:])}, [])]


def _crop(layer) -> Described:
    return [({"kind": "crop", "margins": [list(m) for m in layer.cropping]}, [])]


def _pad(layer) -> Described:
    return [({"kind": "pad", "margins": [list(m) for m in layer.padding]}, [])]


def _alone(layer) -> Described:
    return [({"kind": "activation", "activation": _activation(layer.activation)}, [])]


def _relu(layer) -> Described:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise NotPortable(f"an unusual option of the layer {layer.name}")
    return [({"kind": "activation", "activation": "relu"}, [])]


def _nothing(layer) -> Described:
    return []


_KINDS: dict[type, Callable[..., Described]] = {
    keras.layers.Dense: _dense,
    keras.layers.Conv2D: _convolution,
    keras.layers.Conv2DTranspose: _transposed,
    keras.layers.Reshape: _shape,
    keras.layers.Flatten: _shape,
    keras.layers.Cropping2D: _crop,
    keras.layers.ZeroPadding2D: _pad,
    keras.layers.Activation: _alone,
    keras.layers.ReLU: _relu,
    keras.layers.Dropout: _nothing,
}
