"""Images and vectors of a run as pictures: arrays of pixels in [0, 1] that figures and pages show.

Images are scaled from the run's range of values to [0, 1]. A vector becomes a chart of bars in grey, one for each
column: where values have both signs, from a line in the middle up or down, else from the bottom up.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_vae._utils.foreign_text import shortened
from keras_vae._utils.formatting import amount
from keras_vae.data.value_range import UNIT_RANGE
from keras_vae.runs.folder import Run

HALF_HEIGHT = 12  # pixels, of the bars above or below the middle
WIDTH = 40  # pixels, about, of the bars of few columns
MARGIN = 2  # pixels, on either side of the bars
MAX_BARS = 96  # of a chart; more columns are averaged in groups
LINE = 0.3  # brightness of the line in the middle
MAX_NAMED_BARS = 16  # whose columns a figure names
MAX_NAME_CHARACTERS = 20  # of a column; longer names are shortened


class BarChart(NamedTuple):
    """How vectors are drawn as bars.

    Attributes:
        columns: numbers in a vector.
        bars: number of bars; each is the mean of columns `floor(i · columns / bars)` up to those of the next bar.
        step: pixels from a bar to the next; bars are as wide, without the gap of one pixel where there is room for it.
        is_signed: whether values have both signs, and 0 is the middle of their range.
    """

    columns: int
    bars: int
    step: int
    is_signed: bool

    @property
    def height(self) -> int:
        """Pixels."""
        return 2 * HALF_HEIGHT + 1

    @property
    def width(self) -> int:
        """Pixels."""
        return self.bars * self.step + 2 * MARGIN

    def draw(self, vectors: np.ndarray) -> np.ndarray:
        """Charts `(…, height, width)` in [0, 1] of vectors `(…, columns)`, whose limits are scaled to 0 and 1.

        Example:
            >>> bar_chart((3,), (-1.0, 1.0)).draw(np.array([[0.0, 0.5, 1.0]])).shape
            (1, 25, 43)
        """
        values = np.clip(vectors, 0.0, 1.0)
        starts = np.arange(self.bars) * self.columns // self.bars
        values = np.add.reduceat(values, starts, axis=-1) / np.diff([*starts, self.columns])
        rows = np.arange(self.height)[:, None]
        if self.is_signed:
            above = HALF_HEIGHT - rows  # of each row from the middle
            length = (2 * values[..., None, :] - 1) * HALF_HEIGHT
            ink = np.clip(np.abs(length) - np.abs(above) + 1, 0, 1) * (np.sign(length) == np.sign(above))
            ink[..., HALF_HEIGHT, :] = LINE
        else:
            ink = np.clip(values[..., None, :] * self.height - (self.height - 1 - rows), 0, 1)
        chart = np.repeat(ink, self.step, axis=-1)
        if self.step > 2:
            gaps = chart[..., self.step - 1 :: self.step]
            gaps[:] = 0.0
            if self.is_signed:
                gaps[..., HALF_HEIGHT, :] = LINE
        return np.pad(chart, [*[(0, 0)] * (chart.ndim - 1), (MARGIN, MARGIN)])


def bar_chart(image_shape: Sequence[int], value_range: tuple[float, float]) -> BarChart | None:
    """How vectors of a shape are drawn; None for images.

    Args:
        image_shape: `(columns,)`, or the shape of an image.
        value_range: the limits of the values.
    """
    if len(image_shape) != 1:
        return None
    bars = min(image_shape[0], MAX_BARS)
    return BarChart(image_shape[0], bars, max(1, round(WIDTH / bars)), value_range[0] == -value_range[1])


def scaled(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Values scaled so that the limits of a range become 0 and 1; those of [0, 1] stay as they are.

    Example:
        >>> scaled(np.array([-2.0, 0.0, 2.0]), (-2.0, 2.0)).tolist()
        [0.0, 0.5, 1.0]
    """
    if value_range == UNIT_RANGE:
        return images
    low, high = value_range
    return (images - np.float32(low)) / np.float32(high - low)


def pictures(run: Run, images: np.ndarray) -> np.ndarray:
    """Images `(…, height, width[, channels])`, or vectors `(…, columns)`, of a run as pictures.

    Args:
        run: the run, whose shape and range of images apply.
        images: in the values that the model was trained on.

    Returns:
        `(…, height, width[, channels])`; nearly all values are in [0, 1], and figures clip the others.
    """
    return _drawn(run, scaled(images, run.value_range))


def bar_text(run: Run) -> str:
    """What the bars of a run's pictures are, such as "bars: height, weight"; empty for images.

    Args:
        run: the run, whose columns are named where they have names and are few.
    """
    if len(run.image_shape) > 1:
        return ""
    n, names = run.image_shape[0], run.preparation.columns
    if names is not None and n <= MAX_NAMED_BARS:
        return f"bars: {', '.join(shortened(name, MAX_NAME_CHARACTERS) for name in names)}"
    return f"bars: {amount(n)} columns in order" + (", means of neighbours" if n > MAX_BARS else "")


def pictures_of_bytes(run: Run, images: np.ndarray) -> np.ndarray:
    """Pictures, as of `pictures`, of images or vectors that a run keeps as bytes: 0 to 255 over its range of values."""
    return _drawn(run, images / np.float32(255))


def _drawn(run: Run, values: np.ndarray) -> np.ndarray:
    chart = bar_chart(run.image_shape, run.value_range)
    return values if chart is None else chart.draw(values)
