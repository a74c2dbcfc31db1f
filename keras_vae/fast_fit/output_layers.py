"""Search for a sigmoid at the end of a Keras model, behind layers that change only shapes and within nested models."""

from typing import Any

import keras

from keras_vae.fast_fit import keras_internals

PROBABILITIES = ("sigmoid", "hard_sigmoid", "softmax", "Sigmoid", "HardSigmoid", "Softmax")
PASS_THROUGH = (
    *("Reshape", "Flatten", "Permute", "RepeatVector", "Identity", "Dropout", "AlphaDropout", "GaussianDropout"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Cropping1D", "Cropping2D", "Cropping3D"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "UpSampling1D", "UpSampling2D", "UpSampling3D"),
    *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "ActivityRegularization", "Concatenate"),
    *("Squeeze", "ExpandDims", "Transpose", "Cast", "GetItem", "Flip", "MoveAxis", "Swapaxes", "Masking"),
)  # layers and operations, by the names of their classes


def ends_with_probabilities(model: keras.Model) -> bool:
    """Whether a model's first output is the result of a sigmoid or softmax, as far as its graph is known."""
    return _is_probability(model.outputs[0])


def _is_probability(tensor: Any, callers: tuple = ()) -> bool:
    """Whether a tensor holds probabilities.

    Args:
        tensor: a symbolic tensor.
        callers: the inputs of the nested models that the tensor is in, the innermost last.
    """
    producer = keras_internals.producer(tensor)
    if producer is None:
        return False
    operation, inputs, index = producer
    if isinstance(operation, keras.layers.InputLayer):  # of a nested model: continue outside
        return bool(callers) and any(_is_probability(one, callers[:-1]) for one in callers[-1])
    if isinstance(operation, keras.Model):
        outputs = getattr(operation, "outputs", None) or []
        return index < len(outputs) and _is_probability(outputs[index], (*callers, inputs))
    if isinstance(operation, keras.layers.TimeDistributed):
        operation = operation.layer
    if _function_name(operation) in PROBABILITIES:
        return True
    passes = type(operation).__name__ in PASS_THROUGH or _is_linear_activation(operation)
    return passes and any(_is_probability(one, callers) for one in inputs)


def _is_linear_activation(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Activation) and operation.activation is keras.activations.linear


def _function_name(operation: Any) -> str:
    """The name of the function that a layer or operation ends with."""
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    function = getattr(operation, "activation", None)
    if isinstance(operation, keras.layers.Lambda):
        function = operation.function
    return type(operation).__name__ if function is None else getattr(function, "__name__", type(function).__name__)
