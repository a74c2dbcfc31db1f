"""Images in one picture: grids, and interpolation paths between pairs of images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.image import AxesImage

from keras_vae._utils import checks, palette
from keras_vae.errors import InputError

MAX_COLUMNS, MAX_GAP_PIXELS = 1_000, 1_000  # of a grid of images
INTERPOLATION_PATHS = {"linear": "linear in z", "spherical": "spherical in z", "cross_fade": "cross-fade"}
PAIR_GAP = 0.12  # between pairs, relative to the height of one
ENDS = "cross_fade"  # the paths whose ends are the images themselves, not decoded ones


def image_grid(ax: Axes, images: np.ndarray, columns: int, gap: int = 1) -> AxesImage:
    """Images row by row in one picture without axes. Grey images are drawn inverted: 1 is black.

    Args:
        ax: to draw on.
        images: `(n, height, width[, channels])`; values are clipped to [0, 1].
        columns: images in a row.
        gap: pixels between images.

    Example:
        >>> from matplotlib.figure import Figure
        >>> picture = image_grid(Figure().subplots(), np.zeros((6, 8, 8)), columns=3)
        >>> picture.get_array().shape  # two rows of three images
        (17, 26)
    """
    tiled = tile(np.clip(checked_images("images", images), 0.0, 1.0), columns, gap)
    picture = ax.imshow(tiled, vmin=0, vmax=1)
    ax.set_axis_off()
    return picture


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """One array of all images, row by row, with background between them and in empty places at the end.

    Args:
        images: `(n, height, width[, channels])`.
        columns: images in a row.
        gap: pixels between images.

    Returns:
        `(height of the grid, width of the grid[, channels])`; the background is 0 for grey images, which are drawn
        inverted, and 1 for colour images.

    Example:
        >>> tile(np.ones((3, 1, 2)), columns=2, gap=1)
        array([[1., 1., 0., 1., 1.],
               [0., 0., 0., 0., 0.],
               [1., 1., 0., 0., 0.]])
    """
    images, columns = checked_images("images", images), checks.whole("columns", columns, high=MAX_COLUMNS)
    gap = checks.whole("gap", gap, low=0, high=MAX_GAP_PIXELS)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    channels = images.shape[3:]
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *channels), float(bool(channels)))
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def checked_images(name: str, images: np.ndarray) -> np.ndarray:
    """An argument as images `(n, height, width[, channels])` that can be drawn."""
    found = checks.array(name, images, ("n", "height", "width", "…"), dtype=None)
    if found.shape[3:] not in ((), (1,), (3,), (4,)):
        raise InputError(
            f"{name}: expected shape (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels; "
            f"received {found.shape}."
        )
    return found


def interpolations(figure: FigureBase, images: Mapping[str, np.ndarray], pairs: int = 6) -> list[AxesImage]:
    """Interpolation paths between pairs of images: a block for each pair, a row for each kind of path.

    Where the cross-fade of pixels is among them, its ends, which are the two images themselves, stand beside the paths.

    Args:
        figure: a figure or subfigure to draw on.
        images: `(points, pairs, …)` by the kind of path, a key of `INTERPOLATION_PATHS`.
        pairs: maximum number of pairs to draw.

    Example:
        >>> from matplotlib.figure import Figure
        >>> paths = {"linear": np.zeros((11, 4, 8, 8)), "cross_fade": np.zeros((11, 4, 8, 8))}
        >>> pictures = interpolations(Figure(), paths, pairs=3)
        >>> len(pictures), pictures[0].get_array().shape
        (3, (17, 122))
    """
    found = checks.mapping("images", images)
    shape = ("points", "pairs", "height", "…")
    kinds = {
        name: checks.array(f"images[{key!r}]", found[key], shape, dtype=None)
        for key, name in INTERPOLATION_PATHS.items()
        if key in found
    }
    if not kinds or len({paths.shape for paths in kinds.values()}) > 1:
        raise InputError(
            f"images: expected paths of one shape, of some of the kinds {', '.join(INTERPOLATION_PATHS)}; received "
            f"{ ({str(key): np.shape(paths) for key, paths in found.items()}) }."
        )
    pairs = min(checks.whole("pairs", pairs), next(iter(kinds.values())).shape[1])
    drawn = []
    ends = found.get(ENDS)
    for i, ax in enumerate(np.atleast_1d(figure.subplots(pairs, 1, gridspec_kw={"hspace": PAIR_GAP}))):
        rows = [path[:, i] for path in kinds.values()]
        block = tile(np.clip(np.concatenate(rows), 0, 1), len(rows[0]))
        picture = block if ends is None else _between(np.clip(ends[[0, -1], i], 0, 1), block)
        drawn.append(ax.imshow(picture, vmin=0, vmax=1))
        ax.set_axis_off()
        for j, name in enumerate(kinds):
            center = 1 - (j + 0.5) / len(kinds)
            style = {"ha": "right", "va": "center", "fontsize": 9, "color": palette.MUTED}
            ax.text(-0.012, center, name, transform=ax.transAxes, **style)
    return drawn


def _between(ends: np.ndarray, block: np.ndarray) -> np.ndarray:
    """A picture of two images with a block of others between them."""
    sides = [tile(end[None], 1) for end in ends]
    height, width = sides[0].shape[:2]
    gap = width // 2
    canvas = np.full((block.shape[0], block.shape[1] + 2 * (width + gap), *block.shape[2:]), float(block.ndim > 2))
    canvas[:, width + gap : width + gap + block.shape[1]] = block
    top = (block.shape[0] - height) // 2
    canvas[top : top + height, :width] = sides[0]
    canvas[top : top + height, -width:] = sides[1]
    return canvas
