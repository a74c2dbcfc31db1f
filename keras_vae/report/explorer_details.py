"""What the explorer shows beside its points: further codes, the KL of units, and the losses of single images."""

from typing import Any

import numpy as np

from keras_vae import geometry
from keras_vae.report.data_uri import array_base64
from keras_vae.runs.folder import Run

MAX_CODES = 10_000  # test images whose codes the page draws
MAX_CODE_NUMBERS = 180_000  # means of all these codes together: with log variances and in base 64, 1 MB
GAUSSIAN_STD = 0.1  # of the likelihood that a configuration names "gaussian"


def details(run: Run, data: dict[str, Any]) -> dict[str, Any]:
    """Further entries of the explorer's data.

    Args:
        run: a finished run.
        data: what `explorer.page_data` returns.

    Returns:
        `codes`, the encodings of more test images than those whose images the page holds, or None; `unitKl`, the KL
        of each offered unit in nats per image, or None; `likelihood`, name and standard deviation, or None for one
        that is not built in; `beta`, or None where the loss is not reconstruction + β KL.
    """
    config = run.config["config"]
    units = run.arrays("units")
    return {
        "codes": _codes(run, data),
        "unitKl": np.round(units["kl"].ravel()[data["units"]], 4).tolist() if "kl" in units else None,
        "likelihood": _likelihood(run),
        "beta": config.get("beta") if "kl" in run.metrics["test"] else None,
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


def _likelihood(run: Run) -> dict[str, Any] | None:
    """The likelihood as `templates/explorer/losses.js` computes it; an adopted model may have one of another width."""
    name = run.config["config"]["likelihood"]
    if name == "gaussian":
        return None if "adopted" in run.config else {"name": name, "std": GAUSSIAN_STD}
    return {"name": name, "std": None} if name in ("bernoulli", "continuous-bernoulli") else None
