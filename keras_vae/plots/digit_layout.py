"""Positions of images beside their circles: none hides a circle or another image, all lie within the picture."""

import numpy as np

ITERATIONS, FIRST_ITERATIONS = 3, 300  # per video frame, and of the first one
INSIDE_SHARE = 0.9  # of the side: an image is drawn inside circles of a larger radius
SPRING, PUSH = 0.25, 0.5  # shares of a deviation that one iteration removes
MAX_LEADER_SIDES = 2.2  # length of a leader, in sides of an image
SMOOTHING_FRAMES = 4  # before and after, over which positions relative to the circles are averaged


def place(centers: np.ndarray, radii: np.ndarray, side: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Positions of square images beside their circles for all frames.

    An image stands at the centre of a circle that is large enough to hold it, otherwise beside the circle, on the
    side with fewer neighbours. Images repel each other and small circles. The positions of a frame start from those
    of the frame before, and are averaged over a few frames, so that images move as smoothly as their circles.

    Args:
        centers: `(frames, points, 2)`, in pixels.
        radii: `(frames, points)`, in pixels.
        side: of an image, in pixels.
        low, high: `(2,)`, the corners of the area that must contain all images.

    Returns:
        `(frames, points, 2)`, centres of the images in pixels.

    Example:
        >>> centers = np.array([[[100.0, 100.0], [104.0, 100.0]]])
        >>> placed = place(centers, np.full((1, 2), 5.0), 20.0, np.zeros(2), np.full(2, 200.0))
        >>> bool(np.abs(placed[0, 0] - placed[0, 1]).max() > 15), bool(placed[0, 0, 0] < placed[0, 1, 0])
        (True, True)
    """
    frames, points, _ = centers.shape
    angle = np.arange(points) * np.pi * (3 - np.sqrt(5))  # directions that differ, where nothing else decides
    outward = (centers[0] - centers[0].mean(axis=0)).T
    outward = outward / max(float(np.abs(outward).max()), 1e-6)
    offset = (outward + 0.1 * np.stack([np.cos(angle), np.sin(angle)])).astype("float32")
    offsets = np.empty((frames, points, 2), "float32")
    margin = 0.5 * side
    lowest, highest = (low + margin)[:, None], (high - margin)[:, None]
    for i in range(frames):
        center, radius = centers[i].T.astype("float32"), radii[i].astype("float32")
        for _ in range(ITERATIONS if i else FIRST_ITERATIONS):
            offset = _relaxed(center, radius, offset, side)
            offset = np.clip(center + offset, lowest, highest) - center
        offsets[i] = offset.T
    averaged = _averaged(offsets, SMOOTHING_FRAMES)
    return np.clip(centers + averaged, low + margin, high - margin)


def _relaxed(centers: np.ndarray, radii: np.ndarray, offset: np.ndarray, side: float) -> np.ndarray:
    """The offsets of all images after one iteration; `(2, points)` arrays."""
    distance = np.sqrt(offset[0] ** 2 + offset[1] ** 2) + 1e-6
    fits = np.clip(radii / (INSIDE_SHARE * side) - 0.7, 0, 0.3) / 0.3  # 1: the circle holds the image
    wanted = (1 - fits) * (radii + 0.68 * side)
    moved = offset * (1 + SPRING * (wanted - distance) / distance)
    position = centers + moved
    # Other images: squares of this side, treated as discs; then small circles, their own included.
    push = _push(position, position, 1.02 * side) * (0.5 * PUSH)
    reach = np.where(radii < INSIDE_SHARE * side, radii + 0.62 * side, 0)
    push += _push(position, centers, reach) * (0.35 * PUSH)
    moved += np.clip(push, -0.4 * side, 0.4 * side)
    distance = np.sqrt(moved[0] ** 2 + moved[1] ** 2) + 1e-6
    longest = np.where(fits > 0, np.maximum(0.6 * radii, MAX_LEADER_SIDES * side), radii + MAX_LEADER_SIDES * side)
    return moved * np.minimum(1, longest / distance)


def _push(position: np.ndarray, obstacles: np.ndarray, reach: np.ndarray | float) -> np.ndarray:
    """The sum of the vectors `(2, points)` by which positions lie too close to obstacles that have a reach."""
    x, y = position[0][:, None] - obstacles[0], position[1][:, None] - obstacles[1]
    gaps = np.sqrt(x * x + y * y) + 1e-6
    overlap = np.maximum(reach - gaps, 0)
    overlap /= gaps
    x *= overlap
    y *= overlap
    return np.stack([x.sum(axis=1), y.sum(axis=1)])


def _averaged(offsets: np.ndarray, reach: int) -> np.ndarray:
    """Averages over `reach` frames before and after."""
    padded = np.pad(offsets, ((reach, reach), (0, 0), (0, 0)), mode="edge").astype("float64")
    sums = np.concatenate([np.zeros_like(padded[:1]), np.cumsum(padded, axis=0)])
    width = 2 * reach + 1
    return (sums[width:] - sums[:-width]) / width
