"""The page of a study; its content is tested with the studies."""

import re

import pytest

from keras_vae.report import study_page


@pytest.mark.parametrize(("ends", "line"), [([0.4, None], (60, 150)), ([None, 0.4], (0, 60)), ([0.1, 0.4], (15, 60))])
def test_intervals_with_open_ends(ends, line):
    judged = {"estimate": None, "low": ends[0], "high": ends[1], "expected": [0.0, 1.0], "published": None, "seeds": []}
    drawn = study_page._interval(judged)
    x = [float(found) for found in re.findall(r'class="range" x1="([0-9.]+)" x2="([0-9.]+)"', drawn)[0]]
    low, high = (150 * (v + 0.18) / 1.36 if v is not None else end for v, end in zip(ends, (0, 150), strict=True))
    assert x == pytest.approx([low, high], abs=0.1)
    assert "circle" not in drawn
    assert study_page._interval(judged | {"low": None, "high": None}) == ""


def test_intervals_are_drawn_and_written_within_the_possible_values():
    judged = {"claim": "", "measured": "radius", "note": "", "verdict": "undecided", "published": None, "seeds": []}
    judged |= {"estimate": 0.4, "low": -0.62, "high": 1.5, "expected": [None, 0.25], "possible": [0.0, None]}
    cells = study_page._claim(judged)
    assert cells["interval"] == "0 … 1.50"
    assert "95 % interval 0 … 1.50" in cells["svg"]
    line = re.findall(r'class="range" x1="([0-9.]+)"', cells["svg"])[0]
    assert float(line) == pytest.approx(150 * 0.18 / 1.36, abs=0.1)  # the smallest value of all
