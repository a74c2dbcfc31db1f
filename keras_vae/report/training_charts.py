"""Training curves of a run as charts of its page."""

from typing import Any

import numpy as np

from keras_vae import measures, objectives
from keras_vae._utils import formatting, palette
from keras_vae._utils.data_words import worded
from keras_vae.report import svg
from keras_vae.runs.folder import Run

PANELS = {  # heading → columns of history.csv
    "Loss and reconstruction": ("loss", "reconstruction"),
    "KL": ("kl",),
    "Penalty": ("penalty",),
    "Parts of the objective": objectives.part_names(),
    "β": ("beta",),
}
LABELS = {"kl": "KL", "beta": "β"}
WITHOUT_UNIT = {"beta"}


def charts(run: Run) -> list[dict[str, Any]]:
    """A chart per panel with data, each with `title`, `unit`, `finding`, `curves` (for the legend) and `svg`.

    A constant β has no chart.
    """
    if not run.has_history:
        return []
    history = run.history
    drawn = []
    for heading, columns in PANELS.items():
        logged = [column for column in columns if column in history]
        lines = [line for i, column in enumerate(logged) for line in _curves(history, column, i)]
        if not lines or (columns == ("beta",) and constant_beta(run) is not None):
            continue
        last = "; ".join(f"final {line.name} {formatting.number(line.values[-1])}" for line in lines)
        drawn.append(
            {
                "title": heading,
                "unit": "" if columns[0] in WITHOUT_UNIT else worded("nats per image", run.image_shape),
                "finding": _finding(history["epoch"], lines),
                "curves": lines,
                "svg": svg.curves(history["epoch"], lines, f"{heading} over epochs: {last}."),
            }
        )
    return drawn


def _finding(epochs: np.ndarray, lines: list[svg.Curve]) -> str:
    """How the first quantity of a chart changed, on test images where it was measured on them."""
    line = next((line for line in lines if line.is_test), lines[0])
    name = f"{line.name[0].upper()}{line.name[1:]}"
    first, last = line.values[0], line.values[-1]
    if len(epochs) == 1 or not np.isfinite([first, last]).all():
        return f"{name} is {formatting.number(last)} after {formatting.count(len(epochs), 'epoch')}."
    return f"{name} {formatting.change(first, last)} in {formatting.count(len(epochs), 'epoch')}."


def constant_beta(run: Run) -> float | None:
    """The value of β if the run has one that never changed."""
    beta = run.history.get("beta") if run.has_history else None
    return float(beta[0]) if beta is not None and len(np.unique(beta)) == 1 else None


def _curves(history: dict[str, np.ndarray], column: str, place: int) -> list[svg.Curve]:
    """The curve of a quantity on training images and, where it was measured, on test images.

    Args:
        history: columns of history.csv.
        column: one of them.
        place: of the quantity in its chart, which selects the colour of a part of the objective.
    """
    is_part = column in objectives.part_names()
    name = measures.find(column).label if is_part else LABELS.get(column, column)
    series = f"part-{place % len(palette.PARTS) + 1}" if is_part else column
    lines = [svg.Curve(name, series, False, history[column])]
    if f"val_{column}" in history and column != "beta":
        lines.append(svg.Curve(f"test {name}", series, True, history[f"val_{column}"]))
    return lines
