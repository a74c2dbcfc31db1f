"""The page of a study; its content is tested with the studies."""

import json
import re

import pytest
from markupsafe import escape
from pages import needs_browser
from PIL import Image

from keras_vae.report import rendering, study_page

CLAIM = {
    "claim": "the reconstructions of the deeper network are better", "measured": "reconstruction: 784-2 − 784-256-2",
    "verdict": "undecided", "note": "", "estimate": 1.0, "low": -2.0, "high": 4.0, "expected": [1.0, None],
    "published": 2.0, "seeds": [0.5, 1.5],
}  # fmt: skip
STUDY = {
    "title": "Depth", "command": "python recipes/depth.py", "dataset": {"name": "mnist", "train": 4, "test": 2},
    "epochs": 1, "seeds": 2, "minutes": 1.0, "versions": {"keras_vae": "0.1.0"}, "threads": 2, "configs": {"a": {}},
    "runs": [], "claims": [CLAIM],
    "summary": {
        "head": ["", *(f"784-256-32-{d}" for d in range(6))],
        "rows": [["units that collapsed during training", *["100.0 ± 0.10"] * 6]],
    },
    "tables": [],
}  # fmt: skip


@pytest.mark.parametrize(("ends", "line"), [([0.4, None], (60, 150)), ([None, 0.4], (0, 60)), ([0.1, 0.4], (15, 60))])
def test_intervals_with_open_ends(ends, line):
    judged = {"estimate": None, "low": ends[0], "high": ends[1], "expected": [0.0, 1.0], "published": None, "seeds": []}
    drawn = study_page._interval(judged)
    x = [float(found) for found in re.findall(r'class="range" x1="([0-9.]+)" x2="([0-9.]+)"', drawn)[0]]
    low, high = (150 * (v + 0.18) / 1.36 if v is not None else end for v, end in zip(ends, (0, 150), strict=True))
    assert x == pytest.approx([low, high], abs=0.1)
    assert "circle" not in drawn
    assert study_page._interval(judged | {"low": None, "high": None}) == ""


def test_the_spread_over_seeds_is_named_where_there_is_one():
    content = {"configs": {"a": {}}, "epochs": 1, "command": "", "dataset": {"name": "mnist", "train": 4, "test": 2}}
    for seeds, named in ((1, False), (2, True)):
        assert ("standard deviation over seeds" in study_page._lead({**content, "seeds": seeds})) == named


def test_intervals_are_drawn_and_written_within_the_possible_values():
    judged = {"claim": "", "measured": "radius", "note": "", "verdict": "undecided", "published": None, "seeds": []}
    judged |= {"estimate": 0.4, "low": -0.62, "high": 1.5, "expected": [None, 0.25], "possible": [0.0, None]}
    cells = study_page._claim(judged)
    assert cells["interval"] == "0 … 1.50"
    assert "95 % interval 0 … 1.50" in cells["svg"]
    line = re.findall(r'class="range" x1="([0-9.]+)"', cells["svg"])[0]
    assert float(line) == pytest.approx(150 * 0.18 / 1.36, abs=0.1)  # the smallest value of all


@pytest.mark.parametrize(
    "text",
    ["[a](javascript:alert(1))", '[a](https://b" onclick="c)', "[](https://b)", "[a] (https://b)", "<a href='b'>"],
)
def test_only_links_of_the_web_become_elements(text):
    """A study.json of others is shown as text."""
    assert rendering.with_links(text) == escape(text)


@needs_browser
def test_on_a_phone_claims_take_the_width_and_tables_keep_words_whole(tmp_path, browser):
    (tmp_path / "study.json").write_text(json.dumps(STUDY), encoding="utf-8")
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.get(study_page.write(tmp_path).as_uri())
        width = "return document.querySelector(arguments[0]).getBoundingClientRect().width"
        table, claim, name = (browser.execute_script(width, at) for at in ("table.claims", "td.claim", ".numbers td"))
        page, lines = browser.execute_script(
            "const cell = document.querySelector('td.verdict');"
            "return [document.documentElement.scrollWidth, cell.getBoundingClientRect().height];"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert page == 390
    assert claim == pytest.approx(table, abs=1)
    assert name > 100  # the first column, one of seven
    assert lines < 30  # one line


@needs_browser
def test_a_small_lone_figure_is_seen_as_a_whole_on_a_phone(tmp_path, browser):
    (tmp_path / "study.json").write_text(json.dumps(STUDY), encoding="utf-8")
    (tmp_path / "figures").mkdir()
    for name, size in (("a-small", (740, 660)), ("b-large", (2140, 1400))):
        Image.new("RGB", size).save(tmp_path / "figures" / f"{name}.png")
    (tmp_path / "captions.json").write_text(json.dumps({"a-small": "one panel", "b-large": "six panels"}))
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.get(study_page.write(tmp_path).as_uri())
        widths = browser.execute_script(
            "return [...document.querySelectorAll('.card img')].map(image => image.getBoundingClientRect().width)"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert widths[0] < 350
    assert widths[1] == 780  # the text of six panels keeps a legible size
