"""What lies behind the points of a trajectory video at the scale of a frame: the prior, a scale bar, class names."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from keras_vae._utils import palette
from keras_vae.plots import camera
from keras_vae.plots.stamps import Box, Stamps

DENSITY_OPACITY = 0.2  # of the prior at the origin
DENSITY_SIDE, DENSITY_EXTENT = 1_024, 3.5  # pixels and σ to either side, of the prior's density as it is stored
MIN_RING_GAP_PIXELS = 26  # between two rings that both have a name
BAR_HEIGHT_PIXELS, BAR_END_PIXELS = 3, 9
BAR_MARGIN_PIXELS = 12  # to the corner of the plane
KEY_LINE_PIXELS = 19  # from one class name to the next


class PlaneBackground:
    """The prior's density and its rings of 1σ, 2σ and 3σ, a scale bar and class names, drawn at the scale of a frame.

    Args:
        ax: a square axes without frame, in a canvas of pixels.
        scale: size of text and lines, 1 for a video of 720 pixels.
        keys: of the classes; their names stand at the upper left, in their colours.
        standard_normal: whether the prior is N(0, I); another is not drawn.
    """

    def __init__(self, ax: Axes, scale: float, keys: Sequence[Line2D] = (), standard_normal: bool = True):
        self.ax, self.scale, self.standard_normal = ax, scale, standard_normal
        line = {"edgecolor": palette.PRIOR, "linewidth": 1.1 * scale, "linestyle": (0, (4, 4)), "alpha": 0.85}
        self.rings = [ax.add_patch(Circle((0, 0), sigma, fill=False, animated=True, **line)) for sigma in (1, 2, 3)]
        self.names, self.bar_names = Stamps(8.5 * scale, palette.PRIOR), Stamps(9 * scale, palette.INK)
        self.keys = [(str(key.get_label()), Stamps(9 * scale, to_hex(key.get_color()), "bold")) for key in keys]
        self.density = _density()
        self.length = 0.0  # of the scale bar, in latent units

    def paint(self, pixels: np.ndarray, limit: float) -> None:
        """Draws on a canvas `(height, width, 4)` uint8 whose plane is empty.

        Args:
            pixels: the pixels of the canvas of the axes, in place.
            limit: half the side of the view, which the axes show.
        """
        corners = self.ax.bbox.extents
        left, right = round(corners[0]), round(corners[2])
        top, bottom = round(len(pixels) - corners[3]), round(len(pixels) - corners[1])
        box = Box(left, right, top, bottom)
        unit = 0.5 * self.ax.bbox.width / limit
        if self.standard_normal:
            self._paint_prior(pixels, limit, box, unit)
        self._paint_bar(pixels, limit, box, unit)
        for line, (name, stamps) in enumerate(self.keys, 1):
            stamps.stamp(pixels, name, box.left, box.top + line * KEY_LINE_PIXELS * self.scale, box)

    def _paint_prior(self, pixels: np.ndarray, limit: float, box: Box, unit: float) -> None:
        """Draws the density and the rings of N(0, I); `unit` is the length of 1 in pixels."""
        corners = self.ax.bbox.extents
        self._paint_density(pixels[box.top : box.bottom, box.left : box.right], limit)
        center = 0.5 * (corners[0] + corners[2]), len(pixels) - 0.5 * (corners[1] + corners[3])
        for sigma, ring in zip((1, 2, 3), self.rings, strict=True):
            if sigma <= 1.42 * limit:
                self.ax.draw_artist(ring)
            if sigma == 3 or unit >= MIN_RING_GAP_PIXELS * self.scale:
                corner, gap = sigma * unit / np.sqrt(2), 4 * self.scale
                self.names.stamp(pixels, f"{sigma}σ", center[0] + corner + gap, center[1] - corner + gap, box)

    def _paint_density(self, plane: np.ndarray, limit: float) -> None:
        """Draws the density of the prior by nearest pixels, which is exact enough for so smooth a picture."""
        height, width = plane.shape[:2]
        rows, columns = (
            np.floor((np.linspace(-limit, limit, n) / DENSITY_EXTENT + 1) * 0.5 * DENSITY_SIDE).astype(int)
            for n in (height, width)
        )
        shown = [np.flatnonzero((where >= 0) & (where < DENSITY_SIDE)) for where in (rows, columns)]
        if not all(map(len, shown)):
            return  # in so wide a view, no pixel's centre lies within the stored density
        found = self.density.take(rows[shown[0]], axis=0).take(columns[shown[1]], axis=1)
        area = plane[shown[0][0] : shown[0][-1] + 1, shown[1][0] : shown[1][-1] + 1]
        area.view("uint32")[..., 0] = found

    def _paint_bar(self, pixels: np.ndarray, limit: float, box: Box, unit: float) -> None:
        self.length = camera.round_length(limit)
        thickness, end, margin = (
            max(1, round(n * self.scale)) for n in (BAR_HEIGHT_PIXELS, BAR_END_PIXELS, BAR_MARGIN_PIXELS)
        )
        left, bottom = box.left + margin, box.bottom - margin
        right = left + round(self.length * unit)
        color = [round(255 * value) for value in to_rgb(palette.INK)]
        pixels[bottom - thickness : bottom, left:right, :3] = color
        for x in (left, right - thickness):
            pixels[bottom - end : bottom, x : x + thickness, :3] = color
        self.bar_names.stamp(pixels, f"{self.length:g} in latent space", left, bottom - end, box)


def _density() -> np.ndarray:
    """The prior's density on white, `(side, side)` uint32, each number an opaque RGBA pixel."""
    x = np.exp(-0.5 * np.linspace(-DENSITY_EXTENT, DENSITY_EXTENT, DENSITY_SIDE) ** 2)
    opacity = DENSITY_OPACITY * np.multiply.outer(x, x)[..., None]
    colors = np.full((DENSITY_SIDE, DENSITY_SIDE, 4), 255, "uint8")
    colors[..., :3] = np.rint(255 * (1 - opacity * (1 - np.array(to_rgb(palette.PRIOR)))))
    return colors.view("uint32")[..., 0]
