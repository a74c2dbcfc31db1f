"""Export of a decoder as plain data: descriptions of its layers and their weights, to be run outside Python."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae import likelihoods

MAX_WEIGHTS = 900_000  # 2.4 MB of a page, as float16 in base 64
ACTIVATIONS = (
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "sigmoid",
    "tanh",
)  # fmt: skip
MAX_FLOAT16 = float(np.finfo("float16").max)


class NotExportable(Exception):
    """Raised if a decoder can't be exported; the message names the reason."""


class ExportedDecoder(NamedTuple):
    """A decoder as plain data.

    Attributes:
        layers: descriptions in order, each with its `kind` and its options; axes are in the order height, width,
            channels.
        weights: arrays of each layer, float16, in Keras' layout.
        output: function from the last layer's output to pixels from 0 to 1: `sigmoid`, `linear` or
            `continuous-bernoulli`.
    """

    layers: list[dict[str, Any]]
    weights: list[list[np.ndarray]]
    output: str


def export(
    decoder: keras.Model, likelihood: likelihoods.Likelihood, value_range: tuple[float, float] = (0.0, 1.0)
) -> ExportedDecoder:
    """Exports a decoder that is a chain of known layers.

    Args:
        decoder: a Keras model.
        likelihood: determines the output function.
        value_range: the limits of the images' values; for others than 0 and 1, a last layer scales them to 0 and 1.

    Raises:
        NotExportable: if the likelihood, a layer or an activation is not supported, the decoder branches or has more
            than `MAX_WEIGHTS` weights, or float16 can't represent one of them.
    """
    if likelihood.browser_output is None:
        raise NotExportable(f"the likelihood {type(likelihood).__name__}")
    if decoder.count_params() > MAX_WEIGHTS:
        raise NotExportable(f"{decoder.count_params():,} weights")
    layers, weights = [], []
    for layer in _chain(decoder):
        for described, arrays in described_layer(layer):
            layers.append(described)
            weights.append(arrays)
    if tuple(value_range) != (0.0, 1.0):
        if likelihood.browser_output != "linear":
            raise NotExportable("values outside 0 to 1")
        low, high = value_range
        layers.append({"kind": "affine"})
        weights.append([_half(np.array([number])) for number in (1 / (high - low), -low / (high - low))])
    return ExportedDecoder(layers, weights, likelihood.browser_output)


def _chain(decoder: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a decoder in order.

    Raises:
        NotExportable: if the input of one of them is not the output of the previous one.
    """
    layers, tensor = [], decoder.inputs[0]
    for layer in decoder.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        # Keras raises for a layer that is used twice, since it has several inputs.
        try:
            follows = layer.input is tensor
        except (AttributeError, ValueError):
            follows = False
        if not follows:
            raise NotExportable(f"a branch at the layer {layer.name}")
        layers.append(layer)
        tensor = layer.output
    if tensor is not decoder.outputs[0]:
        raise NotExportable("an output inside its chain of layers")
    return layers


def _half(array) -> np.ndarray:
    array = keras.ops.convert_to_numpy(array)
    if not np.all(np.abs(array) <= MAX_FLOAT16):
        raise NotExportable("a weight that float16 can't hold")
    return array.astype("float16")


# -- one function per kind of layer: pairs of description and weights ------------------------------------------

Described = list[tuple[dict[str, Any], list]]


def described_layer(layer: keras.layers.Layer) -> list[tuple[dict[str, Any], list[np.ndarray]]]:
    """A layer as a chain of described ones, each with its weights in float16; none for one without effect.

    Raises:
        NotExportable: if the layer or its activation is not supported, or float16 can't represent a weight.
    """
    if type(layer) not in _KINDS:
        raise NotExportable(f"the layer {type(layer).__name__}")
    return [(described, [_half(array) for array in arrays]) for described, arrays in _KINDS[type(layer)](layer)]


def _activation(function: Callable) -> str:
    name = getattr(function, "__name__", str(function))
    if name not in ACTIVATIONS or function is not getattr(keras.activations, name):
        raise NotExportable(f"the activation {name}")
    return name


def _bias(layer) -> list:
    return [layer.bias] if layer.use_bias else []


def _dense(layer) -> Described:
    described = {"kind": "dense", "size": layer.units, "activation": _activation(layer.activation)}
    return [(described, [layer.kernel, *_bias(layer)])]


def _convolution(layer, kind: str = "convolution") -> Described:
    plain = layer.data_format == "channels_last" and set(layer.dilation_rate) == {1} and layer.padding != "causal"
    if not plain or getattr(layer, "groups", 1) != 1 or getattr(layer, "output_padding", None) is not None:
        raise NotExportable(f"an unusual option of the layer {layer.name}")
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


def _reshape(layer) -> Described:
    return [({"kind": "reshape", "shape": list(layer.output.shape[1:])}, [])]


def _crop(layer) -> Described:
    return [({"kind": "crop", "margins": [list(m) for m in layer.cropping]}, [])]


def _pad(layer) -> Described:
    return [({"kind": "pad", "margins": [list(m) for m in layer.padding]}, [])]


def _activation_layer(layer) -> Described:
    return [({"kind": "activation", "activation": _activation(layer.activation)}, [])]


def _relu(layer) -> Described:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise NotExportable(f"an unusual option of the layer {layer.name}")
    return [({"kind": "activation", "activation": "relu"}, [])]


def _pooling(layer, is_mean: bool) -> Described:
    if layer.data_format != "channels_last":
        raise NotExportable(f"an unusual option of the layer {layer.name}")
    described = {
        "kind": "pooling",
        "mean": is_mean,
        "size": list(layer.pool_size),
        "strides": list(layer.strides),
        "padding": layer.padding,
    }
    return [(described, [])]


def _max_pooling(layer) -> Described:
    return _pooling(layer, False)


def _average_pooling(layer) -> Described:
    return _pooling(layer, True)


def _global_average(layer) -> Described:
    if layer.data_format != "channels_last":
        raise NotExportable(f"an unusual option of the layer {layer.name}")
    return [({"kind": "average", "shape": list(layer.output.shape[1:])}, [])]


def _repeat(layer) -> Described:
    return [({"kind": "repeat", "n": layer.n}, [])]


def _batch_normalization(layer) -> Described:
    """The scale and shift of each channel that inference applies."""
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        raise NotExportable(f"an unusual option of the layer {layer.name}")
    mean, variance = (keras.ops.convert_to_numpy(v) for v in (layer.moving_mean, layer.moving_variance))
    scale = (keras.ops.convert_to_numpy(layer.gamma) if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon)
    shift = (keras.ops.convert_to_numpy(layer.beta) if layer.center else 0.0) - scale * mean
    return [({"kind": "affine"}, [scale, shift])]


def _layer_normalization(layer) -> Described:
    """Each position's values less their mean, over their standard deviation, with a scale and shift of each channel."""
    rank = len(layer.output.shape)
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if axes not in ([-1], [rank - 1]) or getattr(layer, "rms_scaling", False):
        raise NotExportable(f"an unusual option of the layer {layer.name}")
    channels = layer.output.shape[-1]
    scale = layer.gamma if layer.scale else np.ones(channels)
    shift = layer.beta if layer.center else np.zeros(channels)
    return [({"kind": "normalize", "epsilon": layer.epsilon}, [scale, shift])]


def _no_layer(layer) -> Described:
    return []


_KINDS: dict[type, Callable[..., Described]] = {
    keras.layers.Dense: _dense,
    keras.layers.Conv2D: _convolution,
    keras.layers.Conv2DTranspose: _transposed,
    keras.layers.Reshape: _reshape,
    keras.layers.Flatten: _reshape,
    keras.layers.Cropping2D: _crop,
    keras.layers.ZeroPadding2D: _pad,
    keras.layers.MaxPooling2D: _max_pooling,
    keras.layers.AveragePooling2D: _average_pooling,
    keras.layers.GlobalAveragePooling2D: _global_average,
    keras.layers.RepeatVector: _repeat,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.LayerNormalization: _layer_normalization,
    keras.layers.Activation: _activation_layer,
    keras.layers.ReLU: _relu,
    keras.layers.Dropout: _no_layer,
}
