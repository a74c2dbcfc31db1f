"""The table of a run's latent units."""

from typing import Any

import numpy as np

from keras_vae._utils import formatting
from keras_vae._utils.data_words import worded
from keras_vae._utils.formatting import amount, count
from keras_vae.evaluation import tables
from keras_vae.report import posterior_text
from keras_vae.runs.folder import Run

MAX_ROWS = 40


def unit_table(run: Run, evaluated: list[dict] | None) -> dict[str, Any]:
    """A row per latent unit, by decreasing KL; without a KL, by decreasing variance of their means.

    Args:
        run: a finished run.
        evaluated: `units` of its `evaluation.json`, if there is one; else the statistics of its arrays are shown.
    """
    rows = evaluated or _rows(run.arrays("units"))
    collapsed = posterior_text.collapsed_units(run.config["config"]["posterior"])
    table = of_rows(rows, run.metrics["n_active"], collapsed, learned_prior=run.has_learned_prior)
    return table | {"sentence": worded(table["sentence"], run.image_shape)}


def of_rows(
    rows: list[dict], n_active: int, collapsed: str, images: str = "test images", learned_prior: bool = False
) -> dict[str, Any]:
    """The table of some units, as `unit_table`.

    Args:
        rows: a dictionary per unit, as `units` of `evaluation.json`.
        n_active: number of active units.
        collapsed: a sentence on the others.
        images: over which the statistics were computed.
        learned_prior: whether the model's prior is another than N(0, I), to which the KL of a unit refers.
    """
    key = "kl" if rows[0].get("kl") is not None else "var_mean"
    columns = {k: name for k, name in tables.UNIT_COLUMNS.items() if k in rows[0] and k != key}
    ordered = sorted(tables.by_decreasing_variance(rows), key=lambda unit: -unit[1][key])
    largest = max(unit[key] for unit in rows) or 1.0
    n_omitted = max(len(rows) - MAX_ROWS, 0)
    return {
        "sentence": _sentence(len(rows), n_active, collapsed, images),
        "head": ["unit", tables.unit_column(key, learned_prior), *columns.values()],
        "rows": [
            {
                "unit": i,
                "percent": round(100 * unit[key] / largest, 1),
                "measure": formatting.number(unit[key]),
                "cells": [formatting.cell(unit[k]) for k in columns],
                "collapsed": not unit["active"],
            }
            for i, unit in ordered[:MAX_ROWS]
        ],
        "omitted": f"{amount(n_omitted)} more units with smaller values are not listed." if n_omitted else "",
    }


def _sentence(n_units: int, n_active: int, collapsed: str, images: str) -> str:
    verb = "is" if n_active == 1 else "are"
    active = (
        f"{amount(n_active)} of {count(n_units, 'latent unit')} {verb} active: the variance of the "
        f"posterior mean over {images}, Var[μ], exceeds 0.01."
    )
    return active if n_active == n_units else f"{active} {collapsed}"


def _rows(columns: dict[str, np.ndarray]) -> list[dict]:
    """A dictionary per unit, from arrays of the latent space's shape."""
    listed = {name: column.ravel().tolist() for name, column in columns.items() if name != "collapsed"}
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]
