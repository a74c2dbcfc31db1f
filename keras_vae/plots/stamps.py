"""Texts of video frames: rendered once, then copied to a canvas at whole pixels."""

import functools
import re
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from keras_vae.plots import visuals

BASELINE = 0.25  # of the height of a stamp, above its lower edge
PARTS = re.compile(r"\d|[^\d]+")  # a text with a number is composed of these


class Box(NamedTuple):
    """An area of a canvas, in pixels from its top left."""

    left: int
    right: int
    top: int
    bottom: int


class Stamps:
    """Texts of one font on a light background.

    Args:
        fontsize: in typographic points at 100 dpi.
        color: of the text.
        fontweight: as in matplotlib.
    """

    def __init__(self, fontsize: float, color: str, fontweight: str = "normal"):
        self.fontsize, self.color, self.fontweight = fontsize, color, fontweight
        self._height = round(2.4 * fontsize)  # of a stamp, in pixels
        self._stamps: dict[str, np.ndarray] = {}
        self._advances: dict[str, float] = {}

    def stamp(self, pixels: np.ndarray, text: str, left: float, bottom: float, box: Box) -> None:
        """Draws a text within a box; the lower left corner of its stamp in pixels from the top left of `pixels`."""
        if text not in self._stamps:
            self._stamps[text] = self._rendered(text)
        stamp = self._stamps[text]
        x, y = round(left), round(bottom) - len(stamp)
        columns = slice(max(x, box.left), min(x + stamp.shape[1], box.right))
        rows = slice(max(y, box.top), min(y + len(stamp), box.bottom))
        if columns.start < columns.stop and rows.start < rows.stop:
            area = pixels[rows, columns]
            part = stamp[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
            np.minimum(area, part, out=area)

    def write(self, pixels: np.ndarray, text: str, x: float, baseline: float, align: str = "left") -> None:
        """Draws a text of which each digit is a stamp, so that a number that changes is not rendered again.

        Args:
            pixels: the canvas `(height, width, 4)` uint8, in place.
            text: of one line.
            x, baseline: of its left or right end, in pixels from the top left.
            align: "left" or "right".
        """
        box = Box(0, pixels.shape[1], 0, len(pixels))
        bottom = baseline + BASELINE * self._height
        parts = PARTS.findall(text)
        left = x - self.length(text) if align == "right" else x
        for part in parts:
            self.stamp(pixels, part, left, bottom, box)
            left += self._advance(part)

    def length(self, text: str) -> float:
        """The width in pixels of a text that `write` draws."""
        return sum(map(self._advance, PARTS.findall(text)))

    def _advance(self, text: str) -> float:
        """The width of a text in pixels, its spaces included."""
        if text not in self._advances:
            self._advances[text] = self._width(f"0{text}0") - self._width("00")
        return self._advances[text]

    def _width(self, text: str) -> float:
        with visuals.style():
            font = FontProperties(size=self.fontsize, weight=self.fontweight)
            return _renderer().get_text_width_height_descent(text, font, False)[0]

    def _rendered(self, text: str) -> np.ndarray:
        height, width = self._height, round(1.2 * self.fontsize * (len(text) + 1))
        with visuals.style():
            figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
            canvas = FigureCanvasAgg(figure)
            font: dict[str, Any] = {"fontsize": self.fontsize, "fontweight": self.fontweight, "color": self.color}
            figure.text(0, BASELINE, text, va="baseline", **font)
            canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba()).copy()
        return pixels[:, : np.flatnonzero((pixels[..., :3] < 255).any(axis=(0, 2))).max(initial=0) + 1]


@functools.cache
def _renderer():
    return FigureCanvasAgg(Figure(dpi=100)).get_renderer()
