"""Whether a model has convolutions, which XLA makes slower on a CPU."""

import keras

from keras_vae.fast_fit import keras_internals

CONVOLUTIONS = tuple(
    getattr(keras.layers, f"{kind}{d}D{transposed}")
    for kind, dimensions, transposed in (
        ("Conv", (1, 2, 3), ""),
        ("Conv", (1, 2, 3), "Transpose"),
        ("DepthwiseConv", (1, 2), ""),
        ("SeparableConv", (1, 2), ""),
    )
    for d in dimensions
)


def may_have_convolutions(model: keras.Model) -> bool:
    """Whether a layer of a model, nested ones included, is a convolution, or Keras does not list the layers."""
    layers = keras_internals.all_layers(model)
    return layers is None or any(isinstance(layer, CONVOLUTIONS) for layer in layers)
