"""Page data of the latent space explorer, from the arrays of `arrays/explorer.npz`."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae._utils import palette
from keras_vae.report.data_uri import array_base64, sprite

MAX_WEIGHTS_PER_LAYER = 2  # kernel and bias


def page_data(arrays: dict[str, np.ndarray], class_names: Sequence[str] | None = None) -> dict[str, Any]:
    """The content of `arrays/explorer.npz` as JSON: numbers in base 64, images as data URIs.

    Args:
        arrays: see `runs.explorer_arrays`.
        class_names: names of the labels 0, 1, …; default the labels themselves.

    Returns:
        What `templates/explorer.js` reads. One of `decoder` (the exported layers) and `grid` (images decoded in
        advance, where the decoder could not be exported) is None.
    """
    description = json.loads(str(arrays["description"]))
    images, mean = arrays["images"], arrays["mean"]
    height, width = images.shape[1:3]
    exported = "obstacle" not in description
    return {
        "image": {"height": height, "width": width, "channels": 1 if images.ndim == 3 else images.shape[3]},
        "total": mean.shape[1],
        "units": description["units"],
        "latentShape": description["latent_shape"],
        "points": {
            "count": len(images),
            "mean": array_base64(mean),
            "logVar": array_base64(arrays.get("log_var")),
            "labels": _as_list(arrays.get("labels")),
            "sprite": sprite(images),
            "reconstructions": sprite(arrays.get("reconstructions")),
        },
        "classNames": None if class_names is None else list(class_names),
        "trajectory": _trajectory(arrays),
        "colors": palette.LABELS,
        "shapes": palette.LABEL_SHAPES,
        "obstacle": description.get("obstacle"),
        "decoder": _decoder(arrays, description) if exported else None,
        "check": _check(arrays) if exported else None,
        "grid": None if exported else _grid(arrays, description["units"][:2]),
    }


def _decoder(arrays: dict[str, np.ndarray], description: dict) -> dict[str, Any]:
    """The layers of the exported decoder, each with its weights."""
    layers = []
    for i, layer in enumerate(description["layers"]):
        names = [f"weight_{i}_{j}" for j in range(MAX_WEIGHTS_PER_LAYER)]
        layers.append(layer | {"weights": [array_base64(arrays[name]) for name in names if name in arrays]})
    return {"layers": layers, "output": description["output"]}


def _check(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Latent points and the pixels that the model decodes there, which the page compares with its own."""
    return {"z": array_base64(arrays["check_z"]), "images": array_base64(arrays["check_images"])}


def _grid(arrays: dict[str, np.ndarray], units: list[int]) -> dict[str, Any]:
    """Images decoded in advance on a grid over one or two units."""
    n = len(arrays["grid_images"])
    return {
        "limit": float(arrays["grid_limit"]),
        "side": n if len(units) == 1 else math.isqrt(n),
        "units": units,
        "sprite": sprite(arrays["grid_images"]),
    }


def _trajectory(arrays: dict[str, np.ndarray]) -> dict[str, Any] | None:
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
        "sprite": sprite(arrays.get("trajectory_images")),
    }


def _as_list(array: np.ndarray | None) -> list | None:
    return None if array is None else array.tolist()
