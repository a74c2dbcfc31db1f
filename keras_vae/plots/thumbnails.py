"""Thumbnails: small images blended into an RGBA canvas at subpixel positions."""

import math

import numpy as np
from PIL import Image, ImageFilter

from keras_vae._utils import checks
from keras_vae.plots import visuals

MAX_SIDE_PIXELS = 4_096
MARGIN_PIXELS = 3  # around a thumbnail, for its halo and the subpixel shift
HALO_RADIUS_PIXELS = 1.4


class Thumbnails:
    """Small images that are blended into a canvas at subpixel positions.

    Args:
        images: `(points, height, width[, channels])`, values in [0, 1]; grey images are drawn in the point's colour,
            with values as opacity, on a white halo; images of several channels as they are.
        colors: `(points, 3)` in [0, 1].
        side: length of the longer side in pixels.
    """

    def __init__(self, images: np.ndarray, colors: np.ndarray, side: int):
        images = visuals.checked_images("images", images)
        colors = checks.array("colors", colors, (len(images), 3), low=0, high=1)
        side = checks.whole("side", side, high=MAX_SIDE_PIXELS)
        self.sprites = np.stack([_sprite(image, color, side) for image, color in zip(images, colors, strict=True)])
        self._to_the_right = np.roll(self.sprites, 1, axis=2) - self.sprites

    def blend_into(self, canvas: np.ndarray, centers: np.ndarray, order: np.ndarray | None = None) -> None:
        """Blends all thumbnails into a canvas, in place; parts outside it are cut off.

        Args:
            canvas: `(height, width, 4)` uint8.
            centers: `(points, 2)`, x and y in pixels from the top left.
            order: indices of the points, later ones on top; default their own order.
        """
        side, (height, width) = self.sprites.shape[1], canvas.shape[:2]
        corners = centers - side / 2
        whole = np.floor(corners).astype(int)
        shifted = self._shifted(corners - whole)
        transparency = np.repeat(1.0 - shifted[..., 3:], 4, axis=3)
        shifted[..., 3] *= 255.0  # an opaque canvas stays opaque
        shifted += 0.5  # conversion to uint8 truncates
        # Rows of numbers instead of pixels: numpy is several times faster with long inner loops.
        lines, added, factors = (array.reshape(*array.shape[:-2], -1) for array in (canvas, shifted, transparency))
        for i in range(len(whole)) if order is None else order:
            left, top = whole[i].tolist()
            rows = slice(max(top, 0), min(top + side, height))
            columns = slice(4 * max(left, 0), 4 * min(left + side, width))
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            visible = (
                slice(rows.start - top, rows.stop - top),
                slice(columns.start - 4 * left, columns.stop - 4 * left),
            )
            blended = lines[rows, columns] * factors[i][visible]
            blended += added[i][visible]
            lines[rows, columns] = blended
        if not np.may_share_memory(lines, canvas):  # of a canvas whose rows are not contiguous
            canvas[:] = lines.reshape(canvas.shape)

    def _shifted(self, fraction: np.ndarray) -> np.ndarray:
        """The sprites, shifted right and down by fractions of a pixel `(points, 2)` with bilinear weights."""
        x, y = fraction.astype("float32").T[:, :, None, None, None]
        moved = x * self._to_the_right
        moved += self.sprites
        down = np.roll(moved, 1, axis=1)
        down -= moved
        down *= y
        moved += down
        return moved


def with_height_and_width(images: np.ndarray | None) -> np.ndarray | None:
    """Reshapes flat images of a square number of pixels to squares; None if there is no shape to draw them in."""
    if images is None:
        return None
    images = checks.array("images", images, ("points", "pixels", "…"), dtype=None)
    if images.ndim > 2:
        return images
    side = math.isqrt(images.shape[1])
    return images.reshape(-1, side, side) if side**2 == images.shape[1] else None


def _sprite(image: np.ndarray, color: np.ndarray, side: int) -> np.ndarray:
    """Scales an image and adds a margin, float32 RGBA: colours 0…255 premultiplied by the opacity in [0, 1]."""
    image = np.clip(np.asarray(image, "float32"), 0, 1)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    height, width = image.shape[:2]
    factor = side / max(height, width)
    width, height = max(1, round(width * factor)), max(1, round(height * factor))
    scaled = Image.fromarray((255 * image).astype("uint8")).resize((width, height), Image.Resampling.LANCZOS)
    small = np.asarray(scaled) / 255
    outer = side + 2 * MARGIN_PIXELS
    sprite = np.zeros((outer, outer, 4), "float32")
    top, left = (outer - height) // 2, (outer - width) // 2
    inside = np.s_[top : top + height, left : left + width]
    if small.ndim == 3:
        sprite[inside] = np.dstack([255 * small[..., :3], np.ones(small.shape[:2])])
        return sprite
    ink = np.zeros((outer, outer), "float32")
    ink[inside] = small
    blurred = Image.fromarray((255 * ink).astype("uint8")).filter(ImageFilter.GaussianBlur(HALO_RADIUS_PIXELS))
    halo = np.clip(2.2 * np.asarray(blurred) / 255, 0, 0.85) * (1 - ink)
    sprite[..., :3] = 255 * (ink[..., None] * color + halo[..., None])
    sprite[..., 3] = ink + halo
    return sprite
