"""Figures of what several seeds measured: published values beside measured ones, and the KL of units."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_vae._utils import checks, palette
from keras_vae.plots import labels, layout, visuals
from keras_vae.runs.folder import Run


@visuals.style()
def published(measured: Mapping[str, np.ndarray], values: Mapping[str, float], title: str) -> Figure:
    """Measured values beside the published ones, one row per configuration, one dot per seed.

    Args:
        measured: the values of the seeds by configuration, in the order of the rows.
        values: the published ones; a configuration without one has no mark.
        title: of the axis, with the unit.

    Example:
        >>> import numpy as np
        >>> measured = {"784-400-20": np.array([105.1, 105.4])}
        >>> figure = published(measured, {"784-400-20": 105.56}, "−ELBO, nats per image")
        >>> [text.get_text() for text in figure.get_axes()[0].get_yticklabels()]
        ['784-400-20']
    """
    checks.mapping("measured", measured)
    names = list(measured)
    figure = Figure(figsize=(layout.WIDTH, 1.2 + 0.45 * len(names)), layout="constrained")
    ax = figure.subplots()
    for row, name in enumerate(names):
        found = checks.array(f"measured[{name!r}]", measured[name], ("seeds",), finite=False)
        ax.axhline(row, color=palette.HAIRLINE, linewidth=1, zorder=0)
        ax.plot(found, np.full(len(found), row), "o", color=palette.LOSS, markersize=5, alpha=0.7)
        if name in values:
            ax.plot(values[name], row, "|", color=palette.POSTERIOR, markersize=18, markeredgewidth=2.5)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(title)
    handles = [
        Line2D(
            [],
            [],
            marker="|",
            color=palette.POSTERIOR,
            markersize=12,
            markeredgewidth=2.5,
            linestyle="",
            label="published",
        ),
        Line2D([], [], marker="o", color=palette.LOSS, markersize=5, linestyle="", label="measured"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


@visuals.style()
def unit_kl(runs: Mapping[str, Sequence[Run]]) -> Figure:
    """The KL of every unit on test images, in decreasing order: one colour per configuration, one line per seed.

    Args:
        runs: the runs of all seeds by configuration.

    Example:
        >>> unit_kl({"β = 1": [run]}).get_axes()[0].get_ylabel()  # doctest: +SKIP
        'KL, nats'
    """
    checks.mapping("runs", runs)
    figure = Figure(figsize=(0.7 * layout.WIDTH, 3.6), layout="constrained")
    ax = figure.subplots()
    colors = labels.label_colors(np.arange(len(runs)), len(runs))
    for (name, of_seeds), color in zip(runs.items(), colors, strict=True):
        for i, run in enumerate(of_seeds):
            kl = np.sort(run.arrays("units")["kl"].ravel())[::-1]
            ax.plot(
                np.arange(1, len(kl) + 1), kl, color=color, linewidth=1.3, alpha=0.8, label=name if i == 0 else None
            )
    ax.set(xlabel="unit", ylabel="KL, nats")
    ax.grid(axis="y")
    ax.legend()
    return figure
