"""Pruning: a smaller VAE of the active latent units of a trained one."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae import diagnostics
from keras_vae._utils import checks, memory
from keras_vae._utils.items import Items
from keras_vae.diagnostics.unit_statistics import ACTIVE_VAR_MEAN
from keras_vae.errors import InputError
from keras_vae.models import VAE, Encoding
from keras_vae.networks.decoder_export import ACTIVATIONS
from keras_vae.networks.encoder_export import symbolic_outputs

CRITERIA = ("variance", "kl")
ENCODED_BATCH = 1000  # images; fewer where their codes would exceed `memory.MAX_CODES_BYTES`
POINTWISE = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


class Pruned(NamedTuple):
    """A pruned VAE, and which units it has.

    Attributes:
        vae: the smaller model, not compiled.
        kept, removed: indices of units of the original model; of channels, if its latent space is a map.
        values: the criterion of every unit or channel of the original model: variance of the means, or KL in nats.
        constants: the value at which each removed unit was fixed: the mean over the images of its posterior means.
    """

    vae: VAE
    kept: np.ndarray
    removed: np.ndarray
    values: np.ndarray
    constants: np.ndarray


def prune(vae: VAE, x: Any, threshold: float = ACTIVE_VAR_MEAN, by: str = "variance") -> Pruned:
    """Makes a smaller VAE of the active units of a trained one; nothing is trained.

    The output layers of the encoder lose the rows of the removed units, the layers of the decoder that read z lose
    their columns. A removed unit is fixed at the mean of its posterior means, whose contribution Wᵀ·mean is added to
    the bias of these layers. If the mean of a removed unit is the same for all images, as of a collapsed unit, the
    reconstruction from the posterior mean is unchanged.

    Of a latent map, channels are removed. A channel is kept if it is active at any position, and the constant is its
    mean over all positions.

    Args:
        vae: a trained model, which is not changed.
        x: images `(n, …)` on which the units are measured, as the model takes them; n of at least 2.
        threshold: a unit is active if its criterion is above this number, at least 0.
        by: the criterion. `"variance"`: the variance over images of the posterior means (Burda et al. 2016, section
            5.2), as in `diagnostics.units`; `"kl"`: the mean KL of the unit, in nats.

    Returns:
        The pruned model with the indices of the units that it has.

    Raises:
        InputError: if all units are active, or none; if `by="kl"` and the posterior has no KL or the prior is not
            N(0, I); if a layer at the
            latent space is neither dense nor a convolution, or one of the decoder has a window larger than 1.

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> x = np.random.default_rng(0).random((50, 16), "float32")
        >>> vae = kv.dense_vae("16-8-3", seed=0)
        >>> mean = vae.encoder.get_layer("mean")
        >>> kernel, bias = mean.get_weights()
        >>> mean.set_weights([kernel * [1.0, 0.0, 1.0], bias])  # the second unit ignores the image
        >>> pruned = kv.prune(vae, x)
        >>> pruned.vae.latent_shape, pruned.removed.tolist()
        ((2,), [1])
        >>> bool(np.allclose(pruned.vae.reconstruct(x), vae.reconstruct(x), atol=1e-6))
        True
    """
    if not isinstance(vae, VAE):
        raise InputError(f"vae: expected a keras_vae.VAE; received {type(vae).__name__}.")
    threshold = checks.number("threshold", threshold, low=0)
    if by not in CRITERIA:
        raise InputError(f"by: expected {' or '.join(map(repr, CRITERIA))}; received {by!r}.")
    values, means = _measured(vae, x, by)
    active = values > threshold
    kept, removed = np.flatnonzero(active), np.flatnonzero(~active)
    _check_choice(kept, removed, values, threshold, by)
    encoder = _pruned_encoder(vae, kept)
    decoder = _pruned_decoder(vae, kept, removed, means[removed])
    # The likelihood and the posterior are made anew from their configurations, as when the model is loaded.
    smaller = type(vae).from_config(vae.get_config() | {"encoder": encoder, "decoder": decoder})
    for new, old in zip(_own_weights(smaller), _own_weights(vae), strict=True):
        value = keras.ops.convert_to_numpy(old)
        # Those of a learned prior that have a value for each unit: the marginal of a mixture is that of its components.
        new.assign(value if new.shape == old.shape else value[..., kept])
    return Pruned(smaller, kept, removed, values, means[removed])


def _measured(vae: VAE, x: Any, by: str) -> tuple[np.ndarray, np.ndarray]:
    """The criterion and the mean of the posterior means, of each unit or channel."""
    x = x if isinstance(x, Items) else checks.as_array("x", x)
    if not x.ndim or len(x) < 2:
        raise InputError(f"x: expected at least two images; received shape {tuple(x.shape)}.")
    if by == "kl" and not vae.prior.is_standard:
        raise InputError(
            f"by: expected 'variance' for the prior {vae.prior.name!r}, since the KL of a unit refers to N(0, 1); "
            "received 'kl'."
        )
    batch = memory.images_that_fit(math.prod(vae.latent_shape), ENCODED_BATCH)
    total = np.zeros(vae.latent_shape)

    def encodings() -> Iterator[Encoding]:
        for i in range(0, len(x), batch):
            encoding = vae.encode(x[i : i + batch])
            total[...] += encoding.mean.sum(axis=0, dtype="float64")
            yield encoding

    statistics = diagnostics.units_from_batches(encodings())
    found = statistics.var_mean if by == "variance" else statistics.kl
    if found is None:
        raise InputError(
            f"by: expected 'variance' for the posterior {vae.posterior.name!r}, which has no KL; received 'kl'."
        )
    positions = tuple(range(found.ndim - 1))
    return found.max(axis=positions), (total / len(x)).mean(axis=positions)


def _check_choice(kept: np.ndarray, removed: np.ndarray, values: np.ndarray, threshold: float, by: str) -> None:
    measured = f"{'variance of the means' if by == 'variance' else 'KL'} from {values.min():.3g} to {values.max():.3g}"
    if not len(removed):
        raise InputError(
            f"threshold: expected one that some of the {len(values)} units do not exceed; all are above {threshold:g} "
            f"({measured}): nothing is to be pruned."
        )
    if not len(kept):
        raise InputError(
            f"threshold: expected one that some of the {len(values)} units exceed; none is above {threshold:g} "
            f"({measured}): no unit would be left."
        )


def _pruned_encoder(vae: VAE, kept: np.ndarray) -> keras.Model:
    model = _functional(vae.encoder)
    outputs = symbolic_outputs(model, vae.posterior)
    heads = {}
    for name, tensor in outputs._asdict().items():
        if tensor is None or tuple(tensor.shape[1:]) != vae.latent_shape:  # a log_var that all units share
            continue
        producers = [layer for layer in model.layers if _input_or_output(layer, "output") is tensor]
        if len(producers) != 1 or not _is_separable(producers[0]) or _consumers(model, tensor):
            kinds = ", ".join(type(layer).__name__ for layer in producers) or "an operation or a nested model"
            raise InputError(
                f"vae: expected an encoder whose {name} is the output of a Dense layer or a convolution with an "
                f"element-wise activation, and of no other use; {name} is made by {kinds}; prune cannot split it."
            )
        heads[producers[0].name] = producers[0]

    def clone(layer):
        if layer.name not in heads:
            return type(layer).from_config(layer.get_config())
        size = "units" if isinstance(layer, keras.layers.Dense) else "filters"
        return type(layer).from_config({**layer.get_config(), size: len(kept)})

    def weights(layer):
        found = layer.get_weights()
        return [array[..., kept] for array in found] if layer.name in heads else found

    return _cloned(model, clone, weights)


def _pruned_decoder(vae: VAE, kept: np.ndarray, removed: np.ndarray, constants: np.ndarray) -> keras.Model:
    model = _functional(vae.decoder)
    readers = {}
    for layer in _consumers(model, model.inputs[0]):
        if not _is_separable(layer, any_activation=True) or set(getattr(layer, "kernel_size", (1,))) != {1}:
            raise InputError(
                "vae: expected a decoder whose layers that read z are Dense or convolutions of a window of 1, whose "
                f"bias can hold the constant of a removed unit; received {type(layer).__name__} {layer.name!r}."
            )
        readers[layer.name] = layer
    z = keras.Input((*vae.latent_shape[:-1], len(kept)), dtype=model.inputs[0].dtype, name=model.inputs[0].name)

    def clone(layer):
        with_bias = {"use_bias": True} if layer.name in readers else {}
        return type(layer).from_config({**layer.get_config(), **with_bias})

    def weights(layer):
        if layer.name not in readers:
            return layer.get_weights()
        kernel, *bias = layer.get_weights()
        by_unit = kernel.reshape(kernel.shape[-2:]).astype("float64")  # the window is 1
        added = constants @ by_unit[removed]
        return [kernel[..., kept, :], (sum(bias) + added).astype(kernel.dtype)]

    return _cloned(model, clone, weights, z)


def _cloned(model: keras.Model, clone: Callable, weights: Callable, z: Any = None) -> keras.Model:
    """A copy of a model.

    Args:
        model: a functional model.
        clone: makes the new layer of a layer.
        weights: the new weights of a layer.
        z: the new input; None for one like that of the model.
    """
    try:
        inputs = None if z is None else keras.tree.pack_sequence_as(model.input, [z])
        copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=clone)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"vae: expected {model.name} of layers that can be made anew for fewer units; received others "
            f"({' '.join(str(error).split())[:200]})."
        ) from error
    for layer in model.layers:
        if layer.weights:
            copy.get_layer(layer.name).set_weights(weights(layer))
    return copy


def _functional(model: keras.Model) -> keras.Model:
    """The model as one whose graph lists all operations: a Sequential model does not."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _is_separable(layer: Any, any_activation: bool = False) -> bool:
    """Whether a layer is a matrix of units at each position, with or without a bias."""
    if type(layer) not in POINTWISE or len(layer.get_weights()) != 1 + layer.use_bias:
        return False
    if getattr(layer, "groups", 1) != 1 or getattr(layer, "data_format", "channels_last") != "channels_last":
        return False
    return any_activation or getattr(layer.activation, "__name__", "") in ACTIVATIONS


def _consumers(model: keras.Model, tensor: Any) -> list:
    """The layers and operations that take a tensor as input."""
    return [
        operation
        for operation in model.operations
        if not isinstance(operation, keras.layers.InputLayer)
        and any(one is tensor for one in keras.tree.flatten(_input_or_output(operation, "input")))
    ]


def _input_or_output(operation: Any, which: str) -> Any:
    """The symbolic input or output; None for an operation that is used twice."""
    try:
        return getattr(operation, which)
    except (AttributeError, ValueError):
        return None


def _own_weights(vae: VAE) -> list:
    """The weights of the model that belong to neither encoder nor decoder: of likelihood and beta, and the epochs."""
    of_parts = {id(weight) for part in (vae.encoder, vae.decoder) for weight in part.weights}
    return [weight for weight in vae.weights if id(weight) not in of_parts]
