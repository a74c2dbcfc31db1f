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

    def blend_into(self, canvas: np.ndarray, centers: np.ndarray, order: np.ndarray | None = None) -> None:
        """Blends all thumbnails into a canvas, in place; parts outside it are cut off.

        Args:
            canvas: `(height, width, 4)` uint8.
            centers: `(points, 2)`, x and y in pixels from the top left.
            order: indices of the points, later ones on top; default their own order.
        """
        side = self.sprites.shape[1]
        corners = centers - side / 2
        whole = np.floor(corners).astype(int)
        shifted = _shift(self.sprites, corners - whole)
        transparency = 1.0 - shifted[..., 3:]
        shifted *= 1.0, 1.0, 1.0, 255.0  # an opaque canvas stays opaque
        shifted += 0.5  # conversion to uint8 truncates
        height, width = canvas.shape[:2]
        for i in range(len(whole)) if order is None else order:
            left, top = whole[i].tolist()
            rows = slice(max(top, 0), min(top + side, height))
            columns = slice(max(left, 0), min(left + side, width))
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            visible = i, slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            blended = canvas[rows, columns] * transparency[visible]
            blended += shifted[visible]
            canvas[rows, columns] = blended


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


def _shift(sprites: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Shifts sprites right and down by fractions of a pixel `(points, 2)`, with bilinear weights."""
    x, y = fraction.astype("float32").T[:, :, None, None, None]
    right = np.roll(sprites, 1, axis=2)
    moved = sprites + x * (right - sprites)
    down = np.roll(moved, 1, axis=1)
    return moved + y * (down - moved)
