"""Export of an encoder as plain data: descriptions of its layers and their weights, to be run outside Python."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae import posteriors
from keras_vae.networks.decoder_export import NotExportable, described_layer

MAX_WEIGHTS = 900_000  # 2.4 MB of a page, as float16 in base 64
IMAGE = -1  # in place of the index of a layer


class ExportedEncoder(NamedTuple):
    """An encoder as plain data.

    Attributes:
        layers: descriptions as of a decoder, each with `input`, the index of the layer before it; -1 for the image.
        weights: arrays of each layer, float16, in Keras' layout.
        mean: index of the layer that outputs the means.
        log_var: index of the layer that outputs one log variance or one for each unit; None without a density.
    """

    layers: list[dict[str, Any]]
    weights: list[list[np.ndarray]]
    mean: int
    log_var: int | None


def export(encoder: keras.Model, posterior: posteriors.Posterior) -> ExportedEncoder:
    """Exports an encoder whose layers are known and have one input each; it may branch, as at its heads.

    Args:
        encoder: a Keras model that outputs mean and log_var, or the mean.
        posterior: the family, which determines the outputs.

    Raises:
        NotExportable: if a layer or an activation is not supported, branches are joined, the encoder has more than
            `MAX_WEIGHTS` weights, or float16 can't represent one of them.
    """
    if encoder.count_params() > MAX_WEIGHTS:
        raise NotExportable(f"{encoder.count_params():,} weights")
    layers: list[dict[str, Any]] = []
    weights: list[list[np.ndarray]] = []
    index_of: dict[int | None, int] = {id(encoder.inputs[0]): IMAGE}  # of the layer that outputs a tensor
    for layer in encoder.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        index = index_of.get(_input_of(layer))
        if index is None:
            raise NotExportable(f"several inputs of the layer {layer.name}")
        for described, arrays in described_layer(layer):
            layers.append(described | {"input": index})
            weights.append(arrays)
            index = len(layers) - 1
        index_of[id(layer.output)] = index
    mean, log_var = symbolic_outputs(encoder, posterior)
    if log_var is not None and math.prod(log_var.shape[1:]) not in (1, math.prod(mean.shape[1:])):
        raise NotExportable(f"log variances of shape {tuple(log_var.shape[1:])}")
    if id(mean) not in index_of or (log_var is not None and id(log_var) not in index_of):
        raise NotExportable("an output of a nested model")
    return ExportedEncoder(layers, weights, index_of[id(mean)], None if log_var is None else index_of[id(log_var)])


def _input_of(layer: keras.layers.Layer) -> int | None:
    """The identity of a layer's input; None if it has several, or is used twice."""
    try:
        return id(layer.input)
    except (AttributeError, ValueError):
        return None


def symbolic_outputs(encoder: keras.Model, posterior: posteriors.Posterior) -> posteriors.EncoderOutputs:
    """The encoder's own symbolic outputs, in the structure that a call of it returns."""
    structure = encoder(keras.Input(encoder.inputs[0].shape[1:], dtype=encoder.inputs[0].dtype))
    return posteriors.parse_encoder_outputs(keras.tree.pack_sequence_as(structure, encoder.outputs), posterior)
