"""Images and vectors of a run as pictures: scaling of values, charts of bars, parallel coordinates."""

import numpy as np
import pytest

from keras_vae.data.value_range import value_range
from keras_vae.plots.vector_figures import parallel_coordinates
from keras_vae.report import explorer
from keras_vae.runs.pictures import HALF_HEIGHT, LINE, MARGIN, bar_chart, scaled


def test_images_in_0_to_1_stay_as_they_are():
    images = np.random.default_rng(0).random((3, 4, 4)).astype("float32")
    assert value_range(images) == (0.0, 1.0)
    assert value_range((255 * images).astype("uint8")) == (0.0, 1.0)
    assert scaled(images, (0.0, 1.0)) is images


def test_other_values_are_scaled_from_their_quantiles():
    spectra = np.random.default_rng(0).uniform(-80, 0, (500, 20, 48))
    low, high = value_range(spectra)
    assert (low, high) == (pytest.approx(-80, abs=0.5), pytest.approx(0, abs=0.5))
    assert value_range(np.array([[-1.0, 0.5], [3.0, 0.2]])) == (-3.0, 3.0)
    positive = np.random.default_rng(0).uniform(2, 9, (500, 20, 48))
    low, high = value_range(positive)
    assert (low, high) == (pytest.approx(2, abs=0.05), pytest.approx(9, abs=0.05))
    assert value_range(np.full((3, 2), 5.0)) == (5.0, 6.0)


def test_bars_begin_at_the_line_in_the_middle_and_have_the_length_of_the_value():
    chart = bar_chart((3,), (-2.0, 2.0))
    assert chart is not None
    assert (chart.bars, chart.width, chart.height, chart.is_signed) == (3, 39 + 2 * MARGIN, 2 * HALF_HEIGHT + 1, True)
    picture = chart.draw(scaled(np.array([2.0, 0.0, -1.0], "float32"), (-2.0, 2.0)))
    picture = picture[:, MARGIN:-MARGIN]
    above, below = picture[:HALF_HEIGHT].sum(0), picture[HALF_HEIGHT + 1 :].sum(0)
    assert above.reshape(3, 13)[:, 0].tolist() == [HALF_HEIGHT, 0, 0]
    assert below.reshape(3, 13)[:, 0].tolist() == [0, 0, HALF_HEIGHT / 2]
    assert picture[HALF_HEIGHT] == pytest.approx(LINE)
    assert not picture[:HALF_HEIGHT, 12::13].any()  # gaps between bars


def test_bars_of_positive_values_stand_on_the_lower_edge():
    chart = bar_chart((2,), (0.0, 1.0))
    assert chart is not None
    picture = chart.draw(np.array([1.0, 0.5]))[:, MARGIN:-MARGIN]
    assert picture.sum(0)[[0, -2]] == pytest.approx([chart.height, chart.height / 2])
    assert picture[-1, [0, -2]].tolist() == [1.0, 1.0]


def test_many_columns_are_averaged_in_groups():
    chart = bar_chart((1000,), (0.0, 1.0))
    assert chart is not None
    assert chart.width - 2 * MARGIN == chart.bars == 96
    assert chart.draw(np.full((2, 1000), 0.5))[..., MARGIN:-MARGIN].mean() == pytest.approx(0.5)
    assert bar_chart((28, 28), (0.0, 1.0)) is None


def test_a_page_receives_charts_of_test_rows():
    chart = bar_chart((5,), (-1.0, 1.0))
    drawn = explorer.drawn(np.full((2, 5), 255, "uint8"), chart)
    assert drawn is not None
    assert (drawn.shape, drawn.max()) == ((2, 25, 40 + 2 * MARGIN), 255)
    described = explorer._image((5,), chart)
    assert (described["height"], described["width"], described["chart"]["columns"]) == (25, 40 + 2 * MARGIN, 5)
    assert explorer._chart({"image": described}) == chart


def test_parallel_coordinates_show_rows_and_reconstructions():
    rows, decoded = np.arange(12.0).reshape(3, 4), np.zeros((3, 4))
    figure = parallel_coordinates(rows, decoded, "a run", columns=["a", "b", "c", "d"])
    axes = figure.get_axes()
    assert [line.get_ydata().tolist() for line in axes[1].lines] == [rows[1].tolist(), decoded[1].tolist()]
    assert [label.get_text() for label in axes[2].get_xticklabels()] == ["a", "b", "c", "d"]
