"""Page data of the latent space explorer: `arrays/explorer.npz` and the networks beside it in the run folder."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_vae._utils import palette
from keras_vae._utils.formatting import amount
from keras_vae.data.value_range import UNIT_RANGE
from keras_vae.report.data_uri import array_base64, sprite
from keras_vae.runs.explorer_arrays import GRID_BEND, as_bytes
from keras_vae.runs.pictures import HALF_HEIGHT, LINE, MARGIN, BarChart, bar_chart

MAX_WEIGHTS_PER_LAYER = 2  # kernel and bias
MAX_BYTES = 4.3e6  # of the explorer's data; a page has 4.8 MB, of which its figures get the rest
MAX_PRIOR_NUMBERS = 10_000  # means of components of a learned prior
GRID_QUALITY = 75  # of WebP, for the grids of earlier epochs and stored strips
MAX_STRIP_SIDE = 64  # pixels of an image of a stored strip; larger ones are reduced to about the size that is shown
MIN_CHECKPOINTS = 2  # of the decoder, besides the trained one
MNIST_SIDE = 28  # pixels of an image of MNIST, whose digits are 20 pixels high or wide
MNIST_DIGIT = 20
MAX_MNIST_OFFSET = 0.6  # pixels, of the centre of mass from the centre


def page_data(
    arrays: dict[str, np.ndarray],
    class_names: Sequence[str] | None = None,
    prior: dict[str, np.ndarray] | None = None,
    traversals: dict[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """The content of `arrays/explorer.npz` as JSON: numbers in base 64, images as data URIs.

    Args:
        arrays: see `runs.explorer_arrays`.
        class_names: names of the labels 0, 1, …; default the labels themselves.
        prior: `weight`, `mean` and `log_var` of a learned prior over all units, empty if they are not known; None for
            N(0, I).
        traversals: see `runs.decoded_arrays`; None where the run has none.

    Returns:
        What the scripts of `templates/explorer/` read, without the entries of `networks` and `explorer_details`. One of
        `decoder` (the exported layers) and `grid` (images decoded in advance, where the decoder could not be exported)
        is None. `strips` has the traversals of units that the grid lacks, or is None.
    """
    data = _explorer(arrays, class_names) | {"prior": learned_prior(prior, arrays)}
    return data | {"strips": _strips(traversals, arrays, data)}


def networks(
    data: dict[str, Any],
    images: np.ndarray,
    encoder: dict[str, np.ndarray] | None = None,
    decoders: dict[str, np.ndarray] | None = None,
    reconstructions: dict[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """The networks of the explorer's data, as far as they fit beside its other entries.

    Args:
        data: the other entries.
        images: `(n, height, width[, channels])` uint8, the explorer's test images.
        encoder: see `runs.encoder_arrays`; None where the run has none.
        decoders, reconstructions: see `runs.decoder_history`; None where the run has none.

    Returns:
        `drawing` has the encoder, or the `obstacle` to drawing images; `history` the decoder at earlier epochs, or
        None; `reconstructions` those of recorded images, where the page can't compute them from `history`, or None.
    """
    drawing = _drawing(encoder, images, MAX_BYTES - len(json.dumps(data)))
    recorded = decoders if data["trajectory"] else None  # without a trajectory there is no slider of epochs
    history = _history(recorded, data, MAX_BYTES - len(json.dumps(data)) - len(json.dumps(drawing)))
    remaining = MAX_BYTES - sum(len(json.dumps(part)) for part in (data, drawing, history))
    wants_pictures = data["trajectory"] and not _reconstructs(history, data)
    decoded = _reconstructions(reconstructions, remaining, _chart(data)) if wants_pictures else None
    return {"drawing": drawing, "history": history, "reconstructions": decoded}


def _reconstructs(history: dict[str, Any] | None, data: dict[str, Any]) -> bool:
    """Whether the decoder at earlier epochs decodes all units of the recorded means."""
    if history is None or len(data["trajectory"]["units"]) < data["total"]:
        return False
    return history["weights"] is not None or len(history["units"]) == data["total"]


def _reconstructions(
    arrays: dict[str, np.ndarray] | None, max_bytes: float, chart: BarChart | None
) -> dict[str, Any] | None:
    """Reconstructions of recorded images at some epochs as one picture; None where they do not fit."""
    if arrays is None:
        return None
    images = arrays["images"]
    described = {
        "epochs": np.round(arrays["epochs"], 4).tolist(),
        "count": images.shape[1],
        "sprite": sprite(drawn(images.reshape(-1, *images.shape[2:]), chart), GRID_QUALITY),
    }
    return described if len(json.dumps(described)) <= max_bytes else None


def _explorer(arrays: dict[str, np.ndarray], class_names: Sequence[str] | None) -> dict[str, Any]:
    description = json.loads(str(arrays["description"]))
    images, mean = arrays["images"], arrays["mean"]
    chart = bar_chart(images.shape[1:], description.get("value_range", UNIT_RANGE))
    exported = "obstacle" not in description
    return {
        "image": _image(images.shape[1:], chart),
        "total": mean.shape[1],
        "units": description["units"],
        "latentShape": description["latent_shape"],
        "points": {
            "count": len(images),
            "mean": array_base64(mean),
            "logVar": array_base64(arrays.get("log_var")),
            "labels": _as_list(arrays.get("labels")),
            "sprite": sprite(drawn(images, chart)),
            "reconstructions": sprite(drawn(arrays.get("reconstructions"), chart)),
        },
        "classNames": None if class_names is None else list(class_names),
        "trajectory": _trajectory(arrays, chart),
        "colors": palette.LABELS,
        "shapes": palette.LABEL_SHAPES,
        "obstacle": description.get("obstacle"),
        "decoder": _decoder(arrays, description) if exported else None,
        "check": _check(arrays) if exported else None,
        "grid": None if exported else _grid(arrays, description["units"][:2], chart),
    }


def learned_prior(prior: dict[str, np.ndarray] | None, arrays: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """The heaviest components of a learned prior over the offered units; None for N(0, I).

    Args:
        prior: see `page_data`.
        arrays: those of the explorer.
    """
    if prior is None:
        return None
    units = json.loads(str(arrays["description"]))["units"]
    if not prior:
        return {"weight": [], "mean": [], "std": []}
    shown = np.argsort(-prior["weight"], kind="stable")[: MAX_PRIOR_NUMBERS // len(units)]
    return {
        "weight": prior["weight"][shown].round(6).tolist(),
        "mean": prior["mean"][shown][:, units].round(4).tolist(),
        "std": np.exp(0.5 * prior["log_var"][shown][:, units]).round(4).tolist(),
    }


def _image(shape: tuple[int, ...], chart: BarChart | None) -> dict[str, Any]:
    """The size of a picture; `chart` is None, or how the page draws a vector that it decodes."""
    if chart is not None:
        described = {**chart._asdict(), "half": HALF_HEIGHT, "line": LINE, "margin": MARGIN}
        return {"height": chart.height, "width": chart.width, "channels": 1, "chart": described}
    return {"height": shape[0], "width": shape[1], "channels": 1 if len(shape) == 2 else shape[2], "chart": None}


def drawn(images: np.ndarray | None, chart: BarChart | None) -> np.ndarray | None:
    """Images as they are, vectors `(n, columns)` uint8 as charts `(n, height, width)` uint8."""
    return images if images is None or chart is None else _charts(images, chart)


def _charts(vectors: np.ndarray, chart: BarChart) -> np.ndarray:
    return np.rint(255 * chart.draw(vectors / np.float32(255))).astype("uint8")


def _decoder(arrays: dict[str, np.ndarray], description: dict) -> dict[str, Any]:
    """The layers of the exported decoder, each with its weights."""
    return {"layers": _layers(arrays, description["layers"]), "output": description["output"]}


def _layers(arrays: dict[str, np.ndarray], layers: list[dict]) -> list[dict]:
    """Described layers with their weights."""
    described = []
    for i, layer in enumerate(layers):
        names = [f"weight_{i}_{j}" for j in range(MAX_WEIGHTS_PER_LAYER)]
        described.append(layer | {"weights": [array_base64(arrays[name]) for name in names if name in arrays]})
    return described


def _drawing(arrays: dict[str, np.ndarray] | None, images: np.ndarray, max_bytes: float) -> dict[str, Any]:
    """The encoder of the drawing pad with encodings to check it, or the `obstacle`: why there is no pad."""
    if arrays is None:
        return {"obstacle": "the run was made by an earlier version, and its model can't be loaded"}
    description = json.loads(str(arrays["description"]))
    if "obstacle" in description:
        return {"obstacle": description["obstacle"]}
    drawing = {
        **description,
        "layers": _layers(arrays, description["layers"]),
        "check": {"mean": array_base64(arrays["check_mean"]), "logVar": array_base64(arrays.get("check_log_var"))},
        "obstacle": None,
        "isCentred": is_centred_as_mnist(images),
        "color": palette.POSTERIOR,
    }
    if len(json.dumps(drawing)) > max_bytes:
        n = sum(array.size for name, array in arrays.items() if name.startswith("weight_"))
        return {"obstacle": f"{amount(n)} weights, which exceed what the page has room for beside the decoder"}
    return drawing


def _history(arrays: dict[str, np.ndarray] | None, data: dict[str, Any], max_bytes: float) -> dict[str, Any] | None:
    """The decoder at some epochs: weights of its layers, or images on a grid; None where they do not fit."""
    if arrays is None or ("grid_images" not in arrays and data["decoder"] is None):
        return None
    chosen = np.arange(len(arrays["epochs"]))
    while len(chosen) > MIN_CHECKPOINTS:
        history = _checkpoints(arrays, chosen, data)
        if len(json.dumps(history)) <= max_bytes:
            return history
        chosen = chosen[::2]
    return None


def _checkpoints(arrays: dict[str, np.ndarray], chosen: np.ndarray, data: dict[str, Any]) -> dict[str, Any]:
    """The chosen records of the decoder: `sprites` of a grid, or `weights` of each layer; the other is None."""
    epochs = np.round(arrays["epochs"][chosen], 4).tolist()
    if "grid_images" in arrays:
        return {
            "epochs": epochs,
            "limit": float(arrays["grid_limit"]),
            "bend": GRID_BEND,
            "units": data["units"][:2],
            "side": _side(arrays["grid_images"][0], data["units"]),
            "weights": None,
            "sprites": [sprite(drawn(arrays["grid_images"][k], _chart(data)), GRID_QUALITY) for k in chosen],
        }
    layers = range(len(data["decoder"]["layers"]))
    names = [[f"weight_{i}_{j}" for j in range(MAX_WEIGHTS_PER_LAYER)] for i in layers]
    weights = [
        [[array_base64(arrays[name][k]) for name in of_layer if name in arrays] for of_layer in names] for k in chosen
    ]
    return {"epochs": epochs, "weights": weights, "sprites": None}


def _chart(data: dict[str, Any]) -> BarChart | None:
    chart = data["image"]["chart"]
    return None if chart is None else BarChart(*(chart[name] for name in BarChart._fields))


def _side(images: np.ndarray, units: list[int]) -> int:
    """The number of images along each unit of a grid over one or two units."""
    return len(images) if len(units) == 1 else math.isqrt(len(images))


def is_centred_as_mnist(images: np.ndarray) -> bool:
    """Whether images are digits as MNIST has them: 20 pixels high or wide, their centre of mass in the centre.

    Args:
        images: `(n, height, width[, channels])` uint8.
    """
    if images.ndim != 3 or images.shape[1:] != (MNIST_SIDE, MNIST_SIDE):
        return False
    ink = images[images.any((1, 2))] > 0
    weight = images[images.any((1, 2))].astype(float)
    position = np.arange(MNIST_SIDE)
    total = weight.sum((1, 2))
    centers = [(weight.sum(axis) @ position) / total for axis in (1, 2)]
    sides = np.maximum(ink.any(1).sum(1), ink.any(2).sum(1))
    if not len(sides):
        return False
    is_centered = all(np.median(np.abs(center - MNIST_SIDE / 2)) < MAX_MNIST_OFFSET for center in centers)
    return is_centered and bool(np.median(sides) == MNIST_DIGIT)


def _check(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Latent points and the pixels that the model decodes there, which the page compares with its own."""
    return {"z": array_base64(arrays["check_z"]), "images": array_base64(arrays["check_images"])}


def _grid(arrays: dict[str, np.ndarray], units: list[int], chart: BarChart | None) -> dict[str, Any]:
    """Images decoded in advance on a grid over one or two units."""
    return {
        "limit": float(arrays["grid_limit"]),
        "side": _side(arrays["grid_images"], units),
        "units": units,
        "sprite": sprite(drawn(arrays["grid_images"], chart)),
    }


def _strips(
    traversals: dict[str, np.ndarray] | None, arrays: dict[str, np.ndarray], data: dict[str, Any]
) -> dict[str, Any] | None:
    """Traversals that were decoded with the trained model, where the grid in place of the decoder lacks units.

    Strips that are looked up in a grid over two units would be equal pictures for every other unit.

    Returns:
        `units`, those with a strip; `count` images of `height` × `width` each, with the unit at the middles of as many
        equal parts of ± `limit`; `sprite`. None without traversals, and where every unit can be decoded.
    """
    if data["grid"] is None or data["total"] <= len(data["grid"]["units"]) or traversals is None:
        return None
    offered = [i for i, unit in enumerate(traversals["units"].tolist()) if unit in data["units"]]
    # Every second value, where both ends remain: seven pictures side by side are large enough to be recognised.
    values = slice(None, None, 2 if len(traversals["z"]) % 2 else 1)
    z = traversals["z"][values]
    if not offered or len(z) < 2:
        return None
    limits = json.loads(str(arrays["description"])).get("value_range", UNIT_RANGE)
    images = traversals["images"][offered][:, values]
    images, chart = as_bytes(images.reshape(-1, *images.shape[2:]), limits), _chart(data)
    images = _reduced(images) if chart is None else _charts(images, chart)
    return {
        "units": traversals["units"][offered].tolist(),
        "count": len(z),
        "limit": float(z[-1]) * len(z) / (len(z) - 1),
        "height": images.shape[1],
        "width": images.shape[2],
        "sprite": sprite(images, GRID_QUALITY),
    }


def _reduced(images: np.ndarray) -> np.ndarray:
    """Images `(n, height, width[, channels])` uint8 whose longer side is at most `MAX_STRIP_SIDE`."""
    scale = MAX_STRIP_SIDE / max(images.shape[1:3])
    if scale >= 1:
        return images
    size = [max(1, round(scale * side)) for side in images.shape[2:0:-1]]
    if images.ndim == 4:
        images = images[..., :3] if images.shape[3] > 2 else images[..., 0]
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)) for image in images])


def _trajectory(arrays: dict[str, np.ndarray], chart: BarChart | None) -> dict[str, Any] | None:
    """The recorded training; None if there is none."""
    if "epochs" not in arrays:
        return None
    return {
        "count": arrays["trajectory_mean"].shape[1],
        "epochs": np.round(arrays["epochs"], 3).tolist(),
        "units": arrays["trajectory_units"].tolist(),
        "mean": array_base64(arrays["trajectory_mean"]),
        "logVar": array_base64(arrays.get("trajectory_log_var")),
        "labels": _as_list(arrays.get("trajectory_labels")),
        "sprite": sprite(drawn(arrays.get("trajectory_images"), chart)),
    }


def _as_list(array: np.ndarray | None) -> list | None:
    return None if array is None else array.tolist()
