"""Line charts as SVG in the colours of the page's theme."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 34  # margins
HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT, HISTOGRAM_BINS = 720, 130, 60
MAX_POINTS_PER_CURVE = 400
MIN_EPOCHS_TO_CUT = 8  # of a training whose first epoch is left out of the view if far above the others


class Curve(NamedTuple):
    """A curve over epochs.

    Attributes:
        name: as the legend shows it.
        series: `loss`, `reconstruction`, `kl`, `penalty`, `beta`, or `part-1`, … for parts of an objective; its colour
            is that of the CSS class `series-SERIES`.
        is_test: measured on test images, and drawn dashed.
        values: `(n,)`; NaN leaves a gap.
    """

    name: str
    series: str
    is_test: bool
    values: np.ndarray


def curves(epochs: np.ndarray, lines: Sequence[Curve], alt: str) -> Markup:
    """Draws curves over epochs.

    If the first epoch of a long training lies far above the others, the vertical axis ends below it.

    Args:
        epochs: `(n,)`, increasing.
        lines: at least one.
        alt: alternative text of the chart.
    """
    low, high = _value_range([line.values for line in lines])
    first, last = float(epochs[0]), float(max(epochs[-1], epochs[0] + 1))

    def x(value: float) -> float:
        return LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}">']
    for tick in ticks(low, high):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{_tick(tick)}</text>'
        )
    for tick in ticks(first, last, integer=True):
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">')
        parts.append(f"{_tick(tick)}</text>")
    parts.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">epoch</text>')
    margin = 2 * (high - low)  # beyond the view, so that a curve leaves it with the correct slope
    for line in lines:
        style = f"series-{line.series} dashed" if line.is_test else f"series-{line.series}"
        for piece in _pieces(epochs, np.clip(line.values, low - margin, high + margin)):
            points = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in piece)
            parts.append(f'<polyline class="{style}" points="{points}"/>')
            if len(piece) == 1:
                epoch, value = piece[0]
                parts.append(f'<circle class="dot {style}" cx="{x(epoch):.1f}" cy="{y(value):.1f}" r="3"/>')
    return Markup("".join(parts) + "</svg>")


def histogram(values: np.ndarray, unit: str, alt: str) -> Markup:
    """Draws how many of many numbers lie in each of `HISTOGRAM_BINS` equal intervals.

    Args:
        values: `(n,)`, finite, not all equal.
        unit: written at the end of the axis.
        alt: alternative text of the chart.
    """
    counts, edges = np.histogram(values, HISTOGRAM_BINS)
    low, high, bottom = float(edges[0]), float(edges[-1]), HISTOGRAM_HEIGHT - BOTTOM

    def x(value: float) -> float:
        return RIGHT + (value - low) / (high - low) * (HISTOGRAM_WIDTH - 2 * RIGHT)

    size = f"0 0 {HISTOGRAM_WIDTH} {HISTOGRAM_HEIGHT}"
    parts = [f'<svg class="chart histogram" viewBox="{size}" role="img" aria-label="{escape(alt)}">']
    width = x(edges[1]) - x(edges[0])
    for count, edge in zip(counts, edges[:-1], strict=True):
        # A single item is a bar that is seen: items far from the others are those that are looked for.
        height = max(3.0, count / counts.max() * (bottom - TOP)) if count else 0.0
        parts.append(f'<rect x="{x(edge):.1f}" y="{bottom - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    for tick in ticks(low, high, 8):
        parts.append(
            f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{_tick(tick)}</text>'
        )
    parts.append(f'<text class="tick" x="{HISTOGRAM_WIDTH - RIGHT}" y="{HISTOGRAM_HEIGHT - 4}" text-anchor="end">')
    return Markup("".join(parts) + f"{escape(unit)}</text></svg>")


def _value_range(lines: list[np.ndarray]) -> tuple[float, float]:
    """The lowest and the highest value of the vertical axis, with a margin."""
    first = [line[0] for line in lines if np.isfinite(line[0])]
    rest = np.concatenate([line[1:] for line in lines])
    rest = rest[np.isfinite(rest)]
    shown = np.concatenate([rest, first])
    if not len(shown):
        return 0.0, 1.0
    is_long = len(rest) and len(lines[0]) >= MIN_EPOCHS_TO_CUT
    if is_long and max(first, default=-np.inf) > rest.max() + 0.5 * np.ptp(rest):
        shown = rest
    low, high = float(shown.min()), float(shown.max())
    margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return low - margin, high + margin


def _tick(value: float) -> str:
    """The label of a tick, with commas between thousands and a minus sign."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    return text.replace("-", "\N{MINUS SIGN}")


def ticks(low: float, high: float, max_intervals: int = 5, integer: bool = False) -> list[float]:
    """Round numbers within a range, at most `max_intervals` + 1: multiples of 1, 2 or 5 times a power of ten.

    Example:
        >>> ticks(0.0, 1.1), ticks(1.0, 3.0, integer=True)
        ([0.0, 0.5, 1.0], [1.0, 2.0, 3.0])
    """
    rough = (high - low) / max_intervals
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    step = max(step, 1.0) if integer else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _pieces(epochs: np.ndarray, values: np.ndarray) -> list[list[tuple[float, float]]]:
    """The points of a curve between its gaps, thinned to `MAX_POINTS_PER_CURVE` in all."""
    kept = np.arange(len(epochs))
    if len(kept) > MAX_POINTS_PER_CURVE:
        kept = np.unique(np.rint(np.linspace(0, len(kept) - 1, MAX_POINTS_PER_CURVE)).astype(int))
    pieces: list[list[tuple[float, float]]] = [[]]
    for epoch, value in zip(epochs[kept], values[kept], strict=True):
        if math.isfinite(value):
            pieces[-1].append((float(epoch), float(value)))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]
