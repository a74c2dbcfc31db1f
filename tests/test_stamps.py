"""Texts of video frames that are copied from stamps."""

import numpy as np

from keras_vae.plots.stamps import Stamps


def written(text: str, align: str = "left", x: float = 10) -> np.ndarray:
    """Where a text of 20 points has ink on a white canvas, `(60, 300)`."""
    canvas = np.full((60, 300, 4), 255, "uint8")
    Stamps(20, "black", "bold").write(canvas, text, x, 40, align)
    return (canvas[..., :3] < 128).any(axis=2)


def test_a_number_that_changes_moves_nothing_else():
    first, second = written("epoch 0.11"), written("epoch 0.12")
    columns = np.flatnonzero((first != second).any(axis=0))
    assert 0 < len(columns) <= 20  # within the last digit
    assert columns.min() > np.flatnonzero(first.any(axis=0)).max() - 20


def test_texts_begin_or_end_at_their_place_and_stand_on_the_baseline():
    left, right = written("epoch 7"), written("epoch 7", "right", 290)
    assert abs(np.flatnonzero(left.any(axis=0)).min() - 10) <= 2
    assert abs(np.flatnonzero(right.any(axis=0)).max() - 290) <= 3
    assert abs(np.flatnonzero(written("7").any(axis=1)).max() - 39) <= 1


def test_what_lies_outside_the_canvas_is_cut_off():
    assert not written("7", x=400).any()
    assert written("77777777777777777777777777").any()
