"""Forms of the `.npz` files of a run: shapes, types and ranges of their arrays, which are checked when a file is read.

A shape is a list of names of axes. A name stands for the same length in all arrays of a file, `_` for any length;
`*name` stands for any number of axes, and `~name` for axes of the same lengths as `*name` or of length 1. A name of an
array that ends in `*` stands for all names that begin in this way.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from keras_vae._utils.forms import Form, Number, Positive, Whole, first_difference
from keras_vae.errors import DamagedFileError

MAX_LABEL = 2**20  # figures hold a colour for each label up to the largest
IMAGE_AXES = (1, 2, 3)  # columns, or height, width and perhaps channels


class Array(NamedTuple):
    """The form of an array.

    Attributes:
        shape: names of axes, separated by spaces.
        kinds: accepted kinds of `dtype`: f, i, u, b or U.
        required: whether the file must have it.
        low, high: range of the values, both included.
        has_nan: whether NaN is a meaningful value.
    """

    shape: str
    kinds: str = "f"
    required: bool = False
    low: float = -math.inf
    high: float = math.inf
    has_nan: bool = False


class NamedArrays(dict[str, np.ndarray]):
    """The arrays of an `.npz` file or the columns of a table, by name; a missing one is a `DamagedFileError`.

    Args:
        arrays: by name.
        path: the file.
        advice: what to do if an array is missing, as a part of a sentence.
        kind: what a part of the file is called, with its article.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], path: Path, advice: str, kind: str = "an array"):
        super().__init__(arrays)
        self._path, self._advice, self._kind = path, advice, kind

    def __missing__(self, name: str) -> np.ndarray:
        raise DamagedFileError(self._path, f"expected {self._kind} {name!r}; it is missing", self._advice)


LABELS = Array("points", "iu", low=0, high=MAX_LABEL)
IMAGES = Array("points *image")
# Decoded from around the codes of training images, and these; of a small data set there are fewer than other samples.
SAMPLES_OF_SOURCES = ("samples_aggregate_posterior", "samples_neighbourhood", "samples_data")
INDICES = Array("units", "iu", low=0)
GRID = {
    "units": Array("axes", "iu", required=True, low=0),
    "side": Array("", "iu", required=True, low=1),
    "images": Array("cells *image", required=True),
}
FRAMES = {"steps": Array("frames", "iu", required=True, low=0), "epochs": Array("frames", required=True, low=0)}

FORMS: dict[str, dict[str, Array]] = {
    "units": {
        "var_mean": Array("*latent", required=True),
        "active": Array("*latent", "b", required=True),
        "collapsed": Array("*latent", "b", required=True),
        "kl": Array("*latent"),
        "mean_var": Array("*latent"),
    },
    "encodings": {
        "mean": Array("points *latent", required=True),
        "log_var": Array("points ~latent"),
        "labels": LABELS,
        "n_test": Array("", "iu", low=1),
    },
    "prior": {  # a learned one
        "weight": Array("components", required=True, low=0),
        "mean": Array("components latent", required=True),
        "log_var": Array("components latent", required=True),
        "pseudo_inputs": Array("shown *image"),
    },
    "manifold": GRID,
    "grid_3d": GRID,
    "grid_4d": GRID,
    "samples": {"images": IMAGES._replace(required=True), "moment_matched": IMAGES},
    "reconstructions": {"originals": IMAGES._replace(required=True), "images": IMAGES._replace(required=True)},
    "interpolation": dict.fromkeys(("linear", "spherical", "cross_fade"), Array("steps paths *image", required=True)),
    "traversals": {
        "units": INDICES._replace(required=True),
        "z": Array("values", required=True),
        "images": Array("units values *image", required=True),
    },
    "magnification": {
        "factor": Array("side side", required=True, low=0),
        "limit": Array("", required=True, low=0),
        "step": Array("", required=True, low=0),
    },
    "trajectory": {
        **FRAMES,
        "mean": Array("frames points units", required=True),
        "log_var": Array("frames points units"),
        "labels": LABELS,
        "class_names": Array("classes", "U"),
        "images": Array("points *thumbnail"),  # smaller than the run's images where those are large
        "units": INDICES,
    },
    "first_steps": {  # frames between those of the trajectory, of the same points and units
        **FRAMES,
        "mean": Array("frames points units", required=True),
        "log_var": Array("frames points units"),
    },
    "reconstructions_over_time": {  # of the first recorded points, by the decoder at each epoch
        "epochs": Array("checkpoints", required=True, low=0),
        "images": Array("checkpoints points *image", "u", required=True),
    },
    "unit_history": {
        **FRAMES,
        "var_mean": Array("frames units", required=True),
        "kl": Array("frames units"),
        "mean_var": Array("frames units"),
    },
    "explorer": {
        "description": Array("", "U", required=True),
        "images": Array("points *image", "u", required=True),
        "mean": Array("points latent", required=True),
        "log_var": Array("points offered"),
        "labels": LABELS,
        "check_z": Array("checked latent"),
        "check_images": Array("checked *image", "u"),
        "grid_images": Array("cells *image", "u"),
        "grid_limit": Array("", low=0),
        "reconstructions": Array("points *image", "u"),
        "epochs": Array("frames", low=0),
        "trajectory_mean": Array("frames recorded units"),
        "trajectory_log_var": Array("frames recorded units"),
        "trajectory_units": INDICES,
        "trajectory_labels": LABELS._replace(shape="recorded"),
        "trajectory_images": Array("recorded *image", "u"),
        "weight_*": Array("*_"),
    },
    "encoder": {
        "description": Array("", "U", required=True),
        "check_mean": Array("checked latent"),
        "check_log_var": Array("checked latent"),
        "weight_*": Array("*_"),
    },
    "decoders": {
        "epochs": Array("checkpoints", required=True, low=0),
        "grid_images": Array("checkpoints cells *image", "u"),
        "grid_limit": Array("", low=0),
        "weight_*": Array("checkpoints *_"),
    },
    "audit": {
        "marginal_units": INDICES,
        "marginal_grid": Array("grid"),
        "marginals": Array("units grid", has_nan=True),  # NaN for a unit with too narrow posteriors
        "radii": Array("draws", low=0),
        "density": Array("side side"),
        "density_limit": Array("", low=0),
        **dict.fromkeys(SAMPLES_OF_SOURCES, IMAGES._replace(shape="sources *image")),
        "samples_*": IMAGES._replace(shape="samples *image"),
    },
    "neighbours": {
        "samples": Array("samples *image", required=True),
        **dict.fromkeys(("pixel_images", "latent_images"), Array("samples nearest *image", required=True)),
        **dict.fromkeys(("pixel_distances", "latent_distances"), Array("samples nearest", required=True, low=0)),
        **dict.fromkeys(("sample_distances", "test_distances"), Array("compared", required=True, low=0)),
    },
    "bubbles": {
        "mean_counts": Array("bins", "iu", low=0),
        "std_counts": Array("bins", "iu", low=0),
        "mean_edges": Array("edges"),
        "std_edges": Array("edges"),
        "norms": Array("described", low=0),
        "kl": Array("described"),
        "radius_prior": Array("draws", low=0),
        "radius_posterior": Array("draws_posterior", low=0),
        "radius_aggregate": Array("described", low=0),
        "sizes": Array("sizes", "iu", low=1),
        "mixture_identity": Array("sizes ends"),
        "mixture_posterior": Array("sizes ends"),
        "images_prior": IMAGES._replace(shape="_ *image"),
        "images_*": IMAGES,  # of the same test images
    },
}
WITHOUT_SINGLE_CHANNEL = ("explorer", "decoders", "reconstructions_over_time")  # no axis for a single channel
CLOSED = ("trajectory", "first_steps", "unit_history")  # their arrays are the arguments of a class


def check(
    name: str, arrays: Mapping[str, np.ndarray], path: Path, advice: str, image_shape: tuple[int, ...] | None = None
) -> None:
    """Checks the arrays of `arrays/NAME.npz`; files of other names are not checked.

    Args:
        name: of the file, without its ending.
        arrays: its arrays.
        path: the file.
        advice: what to do if it is damaged, as a part of a sentence.
        image_shape: shape of the run's images, if it is known.

    Raises:
        DamagedFileError: at the first array that doesn't have its form.
    """
    if name not in FORMS:
        return
    try:
        _check_all(name, arrays, image_shape)
        if name in RELATIONS:
            RELATIONS[name](arrays)
    except _Difference as error:
        raise DamagedFileError(path, str(error), advice) from error


class _Difference(Exception):
    """An array differs from its form; the message is a part of a sentence."""


def _check_all(name: str, arrays: Mapping[str, np.ndarray], image_shape: tuple[int, ...] | None) -> None:
    form = FORMS[name]
    for key in form:
        if form[key].required and key not in arrays:
            raise _Difference(f"expected an array {key!r}; it is missing")
    known: dict[str, tuple[int, ...]] = {}
    if image_shape is not None:
        is_single = name in WITHOUT_SINGLE_CHANNEL and image_shape[2:] == (1,)  # which have no axis for it
        known["*image"] = image_shape[:2] if is_single else image_shape
    for key, array in arrays.items():
        found = form.get(key) or next((form[f] for f in form if f.endswith("*") and key.startswith(f[:-1])), None)
        if found is not None:
            _check_array(key, array, found, known)
        elif name in CLOSED:
            raise _Difference(f"expected the arrays {', '.join(form)}; received {key!r} as well")


def _check_array(key: str, array: np.ndarray, form: Array, known: dict[str, tuple[int, ...]]) -> None:
    if array.dtype.kind not in form.kinds:
        raise _Difference(f"expected {key!r} as an array of kind {form.kinds!r}; received {array.dtype}")
    _bind(key, array.shape, form.shape.split(), known)
    if array.dtype.kind not in "fiu" or not array.size:
        return
    low, high = (np.nanmin, np.nanmax) if form.has_nan else (np.min, np.max)
    if form.has_nan and np.isnan(array).all():
        return
    smallest, largest = float(low(array)), float(high(array))
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise _Difference(f"expected finite numbers in {key!r}; received NaN or infinity")
    if smallest < form.low or largest > form.high:
        raise _Difference(
            f"expected values from {form.low:g} to {form.high:g} in {key!r}; received {smallest:g} to {largest:g}"
        )


def _bind(key: str, shape: tuple[int, ...], axes: list[str], known: dict[str, tuple[int, ...]]) -> None:
    """Compares a shape with the lengths that are known, and adds those that are not."""
    n_single = sum(axis[0] not in "*~" for axis in axes)
    n_multiple = len(shape) - n_single
    agrees = n_multiple >= 0 if n_single < len(axes) else n_multiple == 0
    rest = shape
    for axis in axes if agrees else ():
        n_axes = n_multiple if axis[0] in "*~" else 1
        part, rest = rest[:n_axes], rest[n_axes:]
        agrees &= _agrees(axis, part, known)
    if not agrees:
        lengths = [f"{axis} = {'×'.join(map(str, known[axis]))}" for axis in axes if axis in known]
        expected = f"({', '.join(axes)})" + (f" with {', '.join(lengths)}" if lengths else "")
        raise _Difference(f"expected shape {expected} of {key!r}; received {shape}")


def _agrees(axis: str, part: tuple[int, ...], known: dict[str, tuple[int, ...]]) -> bool:
    """Whether a part of a shape has the lengths of an axis, which are added if they are not known."""
    if 0 in part or (axis in ("*image", "*thumbnail") and len(part) not in IMAGE_AXES):
        return False
    if axis.startswith("~"):
        expected = known.get(f"*{axis[1:]}", part)
        return len(part) == len(expected) and all(a in (1, b) for a, b in zip(part, expected, strict=True))
    return axis.endswith("_") or known.setdefault(axis, part) == part


# -- relations between the arrays of a file ------------------------------------------------------------------------


def _check_grid(arrays: Mapping[str, np.ndarray]) -> None:
    cells = int(arrays["side"]) ** len(arrays["units"])
    if len(arrays["images"]) != cells:
        raise _Difference(f"expected {cells} images, side ** units; received {len(arrays['images'])}")


def _check_frames(arrays: Mapping[str, np.ndarray]) -> None:
    if (np.diff(arrays["steps"].astype("int64")) <= 0).any() or (np.diff(arrays["epochs"]) < 0).any():
        raise _Difference("expected increasing 'steps' and 'epochs'; received others")


def _check_edges(arrays: Mapping[str, np.ndarray]) -> None:
    for quantity in ("mean", "std"):
        counts, edges = arrays.get(f"{quantity}_counts"), arrays.get(f"{quantity}_edges")
        if counts is not None and edges is not None and (len(edges) != len(counts) + 1 or (np.diff(edges) <= 0).any()):
            raise _Difference(f"expected increasing '{quantity}_edges' around each of '{quantity}_counts'")


class _Layer(Form):
    kind: str


class _Description(Form):
    """`description` of the arrays of the explorer."""

    units: Annotated[list[Whole], Field(min_length=1)]
    latent_shape: Annotated[list[Positive], Field(min_length=1)]
    layers: list[_Layer] | None = None
    output: str | None = None
    obstacle: str | None = None
    value_range: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None


class _EncoderLayer(_Layer):
    input: Annotated[int, Field(ge=-1)]


class _KnownLikelihood(Form):
    name: Literal["bernoulli", "continuous-bernoulli", "gaussian"]
    std: Annotated[float, Field(gt=0)] | None = None


class _EncoderDescription(Form):
    """`description` of the arrays of the drawing pad."""

    layers: list[_EncoderLayer] | None = None
    mean: Annotated[int, Field(ge=-1)] | None = None
    log_var: Annotated[int, Field(ge=-1)] | None = None
    divergence: Literal["kl", "penalty"] | None = None
    has_penalty: bool | None = None
    beta: Number | None = None
    likelihood: _KnownLikelihood | None = None
    obstacle: str | None = None


WITH_WEIGHTS = ("dense", "convolution", "transposed", "affine", "normalize")  # kinds of layers of an exported network
EXPORTED = ("check_z", "check_images")
REPLACEMENT = ("grid_images", "grid_limit", "reconstructions")
RECORDED = ("epochs", "trajectory_mean", "trajectory_units")


def _check_encoder(arrays: Mapping[str, np.ndarray]) -> None:
    """The described layers have weights, and refer to layers before them."""
    description = _description(arrays, _EncoderDescription)
    if "obstacle" in description:
        return
    layers, mean, log_var = (description.get(key) for key in ("layers", "mean", "log_var"))
    if layers is None or mean is None or "has_penalty" not in description:
        raise _Difference("expected 'layers', 'mean' and 'has_penalty' in the description; they are missing")
    if max(mean, log_var or 0) >= len(layers) or any(layer["input"] >= i for i, layer in enumerate(layers)):
        raise _Difference("expected a description of layers that follow each other; received another order")
    needed = {"check_mean", *(() if log_var is None else ("check_log_var",)), *_needed_weights(layers)}
    _require(needed, arrays)
    _check_biases(layers, arrays)


def _check_decoders(arrays: Mapping[str, np.ndarray]) -> None:
    """There are weights or grids, of increasing epochs."""
    _check_checkpoints(arrays)
    if "grid_images" in arrays:
        _require({"grid_limit"}, arrays)
    elif not any(name.startswith("weight_") for name in arrays):
        raise _Difference("expected an array 'grid_images' or weights; they are missing")


def _check_checkpoints(arrays: Mapping[str, np.ndarray]) -> None:
    if (np.diff(arrays["epochs"]) <= 0).any():
        raise _Difference("expected increasing 'epochs'; received others")


def _needed_weights(layers: list[dict]) -> set[str]:
    """The names of the arrays that described layers can't be without."""
    return {f"weight_{i}_0" for i, layer in enumerate(layers) if layer["kind"] in WITH_WEIGHTS}


def _check_biases(layers: list[dict], arrays: Mapping[str, np.ndarray]) -> None:
    """A layer has as many biases, or offsets, as outputs."""
    for i, layer in enumerate(layers):
        kernel, bias = arrays.get(f"weight_{i}_0"), arrays.get(f"weight_{i}_1")
        if kernel is None or bias is None or not kernel.ndim:
            continue
        n_outputs = kernel.shape[-2 if layer["kind"] == "transposed" else -1]
        if bias.shape != (n_outputs,):
            raise _Difference(f"expected shape ({n_outputs},) of 'weight_{i}_1'; received {bias.shape}")


def _require(names: set[str], arrays: Mapping[str, np.ndarray]) -> None:
    missing = sorted(names - set(arrays))
    if missing:
        raise _Difference(f"expected an array {missing[0]!r}; it is missing")


def _check_explorer(arrays: Mapping[str, np.ndarray]) -> None:
    """The description agrees with the arrays, and the parts that belong together are complete."""
    description = _description(arrays, _Description)
    n_units, offered = arrays["mean"].shape[1], description["units"]
    log_var = arrays.get("log_var")
    if (
        math.prod(description["latent_shape"]) != n_units
        or max(offered) >= n_units
        or (log_var is not None and log_var.shape[1] != len(offered))
    ):
        raise _Difference("expected a description of the units in 'mean' and 'log_var'; received that of others")
    needed = {*EXPORTED} if "obstacle" not in description else {*REPLACEMENT}
    needed |= {*RECORDED} if set(RECORDED) & set(arrays) else set()
    if "obstacle" not in description:
        layers = description.get("layers")
        if layers is None or "output" not in description:
            raise _Difference("expected 'layers' and 'output' in the description; they are missing")
        needed |= _needed_weights(layers)
        _check_biases(layers, arrays)
    _require(needed, arrays)


def _description(arrays: Mapping[str, np.ndarray], form: type[Form]) -> dict[str, Any]:
    try:
        description = json.loads(str(arrays["description"]))
    except (ValueError, RecursionError) as error:
        raise _Difference("expected JSON in 'description'; it can't be parsed") from error
    difference = first_difference(description, form)
    if difference is not None:
        raise _Difference(f"description: {difference}")
    return description


RELATIONS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "manifold": _check_grid,
    "grid_3d": _check_grid,
    "grid_4d": _check_grid,
    "trajectory": _check_frames,
    "first_steps": _check_frames,
    "unit_history": _check_frames,
    "bubbles": _check_edges,
    "explorer": _check_explorer,
    "encoder": _check_encoder,
    "decoders": _check_decoders,
    "reconstructions_over_time": _check_checkpoints,
}
