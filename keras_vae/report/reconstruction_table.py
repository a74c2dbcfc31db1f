"""The table of reconstructed rows on the page of a run of vectors, in the units of the user's table."""

from typing import Any

import numpy as np

from keras_vae._utils.data_words import is_row
from keras_vae._utils.formatting import amount, number
from keras_vae.runs.folder import Run

MAX_ROWS = 5
MAX_COLUMNS = 40


def reconstruction_table(run: Run) -> dict[str, Any] | None:
    """Some test rows above their reconstructions, and the estimated noise of each column; None for a run of images.

    Args:
        run: a finished run.

    Returns:
        `head` and `rows` of the table, and `note`, what it leaves out.
    """
    if not is_row(run.image_shape) or not run.has_arrays("reconstructions"):
        return None
    arrays, preparation = run.arrays("reconstructions"), run.preparation
    n = run.image_shape[0]
    names = list(preparation.columns or map(str, range(n)))[:MAX_COLUMNS]
    originals, images = (preparation.undo(arrays[key][:MAX_ROWS]) for key in ("originals", "images"))
    rows = []
    for i, pair in enumerate(zip(originals, images, strict=True), 1):
        for kind, values in zip((f"test row {i}", "reconstruction"), pair, strict=True):
            rows.append([kind, *(number(float(value)) for value in np.asarray(values)[:MAX_COLUMNS])])
    noise = run.metrics.get("noise_std")
    if isinstance(noise, list):
        std = np.array(noise) * (1.0 if preparation.std is None else np.array(preparation.std))
        rows.append(["estimated noise σ", *(number(float(value)) for value in std[:MAX_COLUMNS])])
    omitted = f" The first {MAX_COLUMNS} of {amount(n)} columns." if n > MAX_COLUMNS else ""
    units = (
        "Values in the units of the table that was read." if preparation.mean is not None else "Values as trained on."
    )
    return {"head": ["", *names], "rows": rows, "note": units + omitted}
