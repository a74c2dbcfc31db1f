"""Curves as SVG for a page: they follow its colours, light and dark, and weigh a few kilobytes."""

import math
from collections.abc import Mapping

import numpy as np
from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 34  # margins
MOST_POINTS = 400  # of a curve


def curves(epochs: np.ndarray, lines: Mapping[str, np.ndarray], alternative: str) -> Markup:
    """Curves over epochs, the nth in the page's colour `--series-n`; names starting with `test` are dashed in their
    partner's colour.

    Where a long training's first epoch dwarfs the rest, the view begins below it.

    Args:
        epochs: `(n,)`, rising.
        lines: `(n,)` values by name; NaN leaves a gap.
        alternative: what it shows, for those who don't see it.
    """
    low, high = _view(list(lines.values()))
    x_low, x_high = float(epochs[0]), float(max(epochs[-1], epochs[0] + 1))

    def x(value: float) -> float:
        return LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alternative)}">']
    for tick in ticks(low, high):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in ticks(x_low, x_high, whole=True):
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">')
        parts.append(f"{tick:g}</text>")
    parts.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">epoch</text>')
    colors: dict[str, int] = {}
    for name, values in lines.items():
        partner = name.removeprefix("test ")
        color = colors.setdefault(partner, len(colors) + 1)
        dashed = " dashed" if partner != name else ""
        for piece in _pieces(epochs, np.clip(values, low - 2 * (high - low), high + 2 * (high - low))):
            points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in piece)
            parts.append(f'<polyline class="series-{color}{dashed}" points="{points}"/>')
            if len(piece) == 1:
                parts.append(f'<circle class="dot-{color}" cx="{x(piece[0][0]):.1f}" cy="{y(piece[0][1]):.1f}" r="3"/>')
    return Markup("".join(parts) + "</svg>")


def _view(lines: list[np.ndarray]) -> tuple[float, float]:
    """The lowest and highest value to show, with some room."""
    first = [line[0] for line in lines if np.isfinite(line[0])]
    rest = np.concatenate([line[1:] for line in lines])
    rest = rest[np.isfinite(rest)]
    every = np.concatenate([rest, first])
    if not len(every):
        return 0.0, 1.0
    if len(rest) and len(lines[0]) >= 8 and max(first, default=-np.inf) > rest.max() + 0.5 * np.ptp(rest):
        every = rest
    low, high = float(every.min()), float(every.max())
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return low - room, high + room


def ticks(low: float, high: float, most: int = 5, whole: bool = False) -> list[float]:
    """Round numbers within a range, at most `most` + 1: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _pieces(epochs: np.ndarray, values: np.ndarray) -> list[list[tuple[float, float]]]:
    """Stretches of a curve without gaps, thinned."""
    kept = np.arange(len(epochs))
    if len(kept) > MOST_POINTS:
        kept = np.unique(np.rint(np.linspace(0, len(kept) - 1, MOST_POINTS)).astype(int))
    pieces: list[list[tuple[float, float]]] = [[]]
    for epoch, value in zip(epochs[kept], values[kept], strict=True):
        if math.isfinite(value):
            pieces[-1].append((float(epoch), float(value)))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]
