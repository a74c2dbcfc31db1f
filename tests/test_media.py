"""The pictures of the documentation: in full colour, with the colours of the style."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image
from test_figures import lightness

from keras_vae._utils import palette

MEDIA = Path(__file__).parent.parent / "media"
PICTURES = sorted(path.name for path in MEDIA.iterdir() if path.suffix in (".png", ".webp"))
MAX_GREY_SATURATION = 45  # of the inks of texts and lines, in 255ths
MIN_COLORED_PIXELS = 15

LEGENDS = {
    "aggregate.png": palette.LABELS,
    "sampling.webp": palette.LABELS,
    "autoencoder.webp": palette.LABELS,
    "units.png": (palette.ACTIVE, palette.COLLAPSED),
    "timelines.png": (palette.COLLAPSED,),
    "bubbles.webp": (palette.PRIOR,),
}
COLOR_BARS = {"aggregate.png": palette.DENSITY_MAP, "timelines.png": palette.UNIT_KL_MAP}


def pixels(name: str) -> np.ndarray:
    """`(height, width, 3)`, 0 to 255."""
    with Image.open(MEDIA / name) as picture:
        return np.asarray(picture.convert("RGB")).astype("int64")


@pytest.mark.parametrize("name", PICTURES)
def test_coloured_pictures_are_not_reduced_to_a_palette(name):
    with Image.open(MEDIA / name) as picture:
        mode = picture.mode
    if mode == "P":
        assert np.ptp(pixels(name), axis=2).max() <= MAX_GREY_SATURATION


@pytest.mark.parametrize("name", LEGENDS)
def test_pictures_have_the_colours_of_the_style(name):
    found = pixels(name).reshape(-1, 3)
    tolerance = 12 if name.endswith(".webp") else 3  # of lossy compression
    for color in LEGENDS[name]:
        distance = np.abs(found - 255 * np.array(to_rgb(color))).max(axis=1)
        assert (distance <= tolerance).sum() >= MIN_COLORED_PIXELS, color


@pytest.mark.parametrize("name", COLOR_BARS)
def test_colour_bars_are_monotone_in_lightness(name):
    """The bar is the column with the most colours of the map."""
    picture = pixels(name)
    picture = picture[:, int(0.8 * picture.shape[1]) :]
    colors = (255 * colormaps[COLOR_BARS[name]](np.linspace(0, 1, 256))[:, :3]).round().astype("int64")
    of_map = np.stack([np.abs(picture - color).max(axis=2) <= 1 for color in colors])
    column = of_map.any(axis=1).sum(axis=0).argmax()
    rows = np.flatnonzero(of_map[3:, :, column].any(axis=0))  # the first colours are nearly the background
    bar = picture[rows.min() + 2 : rows.max() - 1, column] / 255  # without the edges
    values = np.array([lightness(tuple(color)) for color in bar])
    assert len(np.unique(bar, axis=0)) > 100  # steps
    assert (np.diff(values) > -0.5).all() or (np.diff(values) < 0.5).all()
