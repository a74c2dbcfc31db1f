"""Figures of what several seeds measured: published values beside measured ones, and the KL of units."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_vae._utils import checks, palette
from keras_vae.plots import labels, layout, visuals


@visuals.style()
def published(measured: Mapping[str, np.ndarray], reference: Mapping[str, float], title: str) -> Figure:
    """Measured values beside the published ones, one row per configuration, one dot per seed.

    Args:
        measured: the values of the seeds by configuration, in the order of the rows.
        reference: the published values; a configuration without one has no mark.
        title: of the axis, with the unit.

    Example:
        >>> import numpy as np
        >>> measured = {"784-400-20": np.array([105.1, 105.4])}
        >>> figure = published(measured, {"784-400-20": 105.56}, "−ELBO, nats per image")
        >>> [text.get_text() for text in figure.get_axes()[0].get_yticklabels()]
        ['784-400-20']
    """
    names, reference = list(checks.mapping("measured", measured)), checks.mapping("reference", reference)
    figure = Figure(figsize=(layout.WIDTH, 1.2 + 0.45 * len(names)), layout="constrained")
    ax = figure.subplots()
    for row, name in enumerate(names):
        found = checks.array(f"measured[{name!r}]", measured[name], ("seeds",), finite=False)
        ax.axhline(row, color=palette.HAIRLINE, linewidth=1, zorder=0)
        ax.plot(found, np.full(len(found), row), "o", color=palette.LOSS, markersize=5, alpha=0.7)
        if name in reference:
            value = checks.number(f"reference[{name!r}]", reference[name])
            ax.plot(value, row, "|", color=palette.POSTERIOR, markersize=18, markeredgewidth=2.5)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(checks.text("title", title))
    marks = {"published": ("|", palette.POSTERIOR, 12, 2.5), "measured": ("o", palette.LOSS, 5, 0)}
    handles = [
        Line2D([], [], linestyle="", label=label, marker=marker, color=color, markersize=size, markeredgewidth=edge)
        for label, (marker, color, size, edge) in marks.items()
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


@visuals.style()
def unit_kl(seeds: Mapping[str, np.ndarray]) -> Figure:
    """The KL of every unit, in decreasing order: one colour per configuration, one line per seed.

    Args:
        seeds: the KL of the units by configuration, `(seeds, units)` nats.

    Example:
        >>> import numpy as np
        >>> unit_kl({"β = 1": np.array([[0.1, 2.0]])}).get_axes()[0].lines[0].get_ydata().tolist()
        [2.0, 0.1]
    """
    checks.mapping("seeds", seeds)
    figure = Figure(figsize=(0.7 * layout.WIDTH, 3.6), layout="constrained")
    ax = figure.subplots()
    colors = labels.label_colors(np.arange(len(seeds)), len(seeds))
    for (name, kl), color in zip(seeds.items(), colors, strict=True):
        decreasing = -np.sort(-checks.array(f"seeds[{name!r}]", kl, ("seeds", "units")), axis=1)
        lines = ax.plot(np.arange(1, decreasing.shape[1] + 1), decreasing.T, color=color, linewidth=1.3, alpha=0.8)
        lines[0].set_label(name)
    ax.set(xlabel="unit", ylabel="KL, nats")
    ax.grid(axis="y")
    ax.legend()
    return figure
