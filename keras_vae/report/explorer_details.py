"""What the explorer shows beside its points: further codes, the KL of units, losses of images, columns of rows."""

import json
from typing import Any

import numpy as np

from keras_vae import geometry
from keras_vae.report import explorer_columns
from keras_vae.report.data_uri import array_base64
from keras_vae.runs.folder import Run

MAX_CODES = 10_000  # test images whose codes the page draws
MAX_CODE_NUMBERS = 180_000  # means of all these codes together: with log variances and in base 64, 1 MB


def details(run: Run, data: dict[str, Any], encoder: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
    """Further entries of the explorer's data.

    Args:
        run: a finished run.
        data: what `explorer.page_data` returns.
        encoder: see `runs.encoder_arrays`, which describe the loss; None where the run has none.

    Returns:
        `codes`, the encodings of more test images than those whose images the page holds, or None; `unitKl`, the KL
        of each offered unit in nats per image, or None; `likelihood`, name and parameters, or None for one that is
        not built in; `beta`, or None where the loss is not reconstruction + β KL; `columns`, see `explorer_columns`.
    """
    loss = {} if encoder is None else json.loads(str(encoder["description"]))
    units = run.arrays("units")
    return {
        "codes": _codes(run, data),
        "unitKl": np.round(units["kl"].ravel()[data["units"]], 4).tolist()
        if "kl" in units and not run.has_learned_prior
        else None,
        "likelihood": loss.get("likelihood"),
        "beta": loss.get("beta") if loss.get("divergence") == "kl" else None,
        "columns": explorer_columns.columns(run),
    }


def _codes(run: Run, data: dict[str, Any]) -> dict[str, Any] | None:
    """Means and log variances of the offered units; None if there are not more of them than points with an image."""
    if not run.has_arrays("encodings"):
        return None
    encodings, offered = run.arrays("encodings"), data["units"]
    mean = geometry.flat(encodings["mean"])
    n = min(len(mean), MAX_CODES, MAX_CODE_NUMBERS // len(offered))
    if n <= data["points"]["count"]:
        return None
    log_var = encodings.get("log_var")
    if log_var is not None:
        log_var = np.broadcast_to(log_var, encodings["mean"].shape).reshape(len(mean), -1)
    labels = encodings.get("labels")
    return {
        "count": n,
        "mean": _half(mean[:n, offered]),
        "logVar": None if log_var is None else _half(log_var[:n, offered]),
        "labels": None if labels is None else labels[:n].tolist(),
    }


def _half(array: np.ndarray) -> str | None:
    largest = np.finfo("float16").max
    return array_base64(np.clip(array, -largest, largest).astype("float16"))
