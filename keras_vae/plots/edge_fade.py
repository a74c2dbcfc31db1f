"""Fading of what is drawn in a part of a canvas towards the edges of that part."""

import numpy as np


class EdgeFade:
    """Mixes what was drawn near the edges of a box with what was below it: at the edge itself, nothing is left of it.

    Args:
        left, top, right, bottom: the box, in pixels from the top left of the canvas.
        width: of the band along the edges, in pixels; at most half the smaller side.

    Example:
        >>> fade, canvas = EdgeFade(0, 0, 8, 8, width=2), np.zeros((8, 8, 4), "uint8")
        >>> below = fade.copy(canvas)
        >>> canvas[:] = 200
        >>> fade.apply(canvas, below)
        >>> canvas[4, :, 0].tolist()
        [50, 150, 200, 200, 200, 200, 150, 50]
    """

    def __init__(self, left: int, top: int, right: int, bottom: int, width: int):
        self.width = min(width, (right - left) // 2, (bottom - top) // 2)
        rows, columns = np.mgrid[top:bottom, left:right]
        distance = np.minimum(
            np.minimum(rows - top, bottom - 1 - rows), np.minimum(columns - left, right - 1 - columns)
        )
        weight = np.minimum((distance + 0.5) / max(self.width, 1), 1.0).astype("float32")[..., None]
        inner = top + self.width, bottom - self.width
        self.bands = [
            np.s_[top : inner[0], left:right],
            np.s_[inner[1] : bottom, left:right],
            np.s_[inner[0] : inner[1], left : left + self.width],
            np.s_[inner[0] : inner[1], right - self.width : right],
        ]
        self.weights = [weight[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
                        for rows, columns in self.bands]  # fmt: skip

    def copy(self, canvas: np.ndarray) -> list[np.ndarray]:
        """What a canvas `(height, width, 4)` uint8 shows in the bands, before something is drawn."""
        return [canvas[band].copy() for band in self.bands]

    def apply(self, canvas: np.ndarray, below: list[np.ndarray]) -> None:
        """Fades what was drawn on a canvas since `copy`, in place."""
        for band, weight, known in zip(self.bands, self.weights, below, strict=True):
            mixed = (canvas[band] - known.astype("float32")) * weight
            mixed += known
            mixed += 0.5  # conversion to uint8 truncates
            canvas[band] = mixed
