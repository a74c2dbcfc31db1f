"""Traversals on pages that hold no decoder of all units, of the trained model or of earlier epochs."""

import re
from pathlib import Path

import numpy as np
import pytest
from pages import (
    IS_DRAWN,
    Page,
    check_silence,
    copy,
    load,
    needs_browser,
    open_page,
    pixels,
    read_picture,
    trained,
    wait_for,
    wait_for_text,
)

from keras_vae.networks import decoder_export
from keras_vae.report import explorer, run_page
from keras_vae.runs import decoder_history, explorer_arrays


@pytest.fixture(scope="module")
def five_units(npz, tmp_path_factory):
    """A run of five units whose decoder the page can't hold, and its page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_export, "MAX_WEIGHTS", 10)
        run = trained(npz, tmp_path_factory.mktemp("five") / "run", "64-16-5")
    return run, run_page.write(run)


def test_strips_of_units_outside_the_grid_are_stored(five_units):
    """Looked up in a grid over two units, the strips of all other units would be equal pictures."""
    run, path = five_units
    page, traversals = Page(path), run.arrays("traversals")
    strips = page.data["strips"]
    assert strips["units"] == traversals["units"].tolist()
    assert set(strips["units"]) == set(range(5))
    n = strips["count"]
    assert ((2 * np.arange(n) + 1) / n - 1) * strips["limit"] == pytest.approx(traversals["z"][::2])
    picture = read_picture(strips["sprite"]["src"])[..., 0].astype(int)
    columns = strips["sprite"]["columns"]
    tiles = picture.reshape(-1, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)[: 5 * n].reshape(5, n, 8, 8)
    expected = explorer_arrays.as_bytes(traversals["images"][:, ::2].reshape(-1, 8, 8)).reshape(5, n, 8, 8)
    assert np.abs(tiles - expected).mean() < 4  # WebP
    about = page.text.index('<details class="about">')
    assert page.text.index("could not be exported to the page (1,184 weights)") < about  # not in what is folded
    assert "decoded by the trained model, each with all other units at 0" in page.text[:about]


def test_a_run_without_stored_strips_has_none_and_says_so(five_units, tmp_path):
    run = copy(five_units[0], tmp_path / "run")
    (run.path / "arrays" / "traversals.npz").unlink()
    page = Page(run_page.write(run))
    assert page.data["strips"] is None
    assert 'id="traversals"' not in page.text
    assert "Strips of single units are not shown" in page.text


def test_stored_strips_of_some_units_are_counted_and_named_by_their_kl(five_units, tmp_path):
    run = copy(five_units[0], tmp_path / "run")
    traversals = run.arrays("traversals")
    shown = {name: traversals[name][:3] for name in ("units", "images")}
    run.write_arrays("traversals", **traversals | shown)
    text = Page(run_page.write(run)).text
    assert "Traversals of 3 of 5 units <small>those with the largest KL</small>" in text
    assert "The 2 units without a strip are 0, at the cursor where they are an axis, or those of the image" in text


@pytest.mark.parametrize(("shape", "reduced"), [((2, 100, 200, 3), (2, 32, 64, 3)), ((2, 128, 64), (2, 64, 32))])
def test_large_images_of_strips_are_reduced(shape, reduced):
    images = np.full(shape, 200, "uint8")
    assert explorer._reduced(images).shape == reduced
    assert np.all(explorer._reduced(images) == 200)


@needs_browser
def test_every_strip_of_a_page_without_decoder_varies_its_unit(five_units, browser):
    run, path = five_units
    open_page(browser, path)
    assert browser.find_element("id", "obstacle").is_displayed()
    assert "1,184 weights" in browser.find_element("id", "obstacle").text
    order, grid_units = browser.execute_script("return [explorer.traversals.units, explorer.data.grid.units]")
    traversals = run.arrays("traversals")
    for k, unit in enumerate(order):
        strip = pixels(browser, f".traversal:nth-child({k + 1}) canvas")
        images = traversals["images"][list(traversals["units"]).index(unit), ::2].reshape(-1, 8, 8)
        assert np.abs(strip - 255 * np.concatenate(list(images), axis=1)).mean() < 4  # WebP
        slider = browser.find_element("css selector", f".traversal:nth-child({k + 1}) input")
        assert slider.is_enabled() is (unit in grid_units)
    # A plane of another unit: the page says what decoded images lack, and offers no map of them.
    other = next(unit for unit in order if unit not in grid_units)
    browser.execute_script("explorer.setAxes(arguments[0])", [other, grid_units[0]])
    assert wait_for_text(browser, "cursor-text", f"unit {other}").endswith(f", but shown with unit {other} at 0")
    assert not browser.find_element("css selector", "[value=manifold]").is_enabled()
    browser.execute_script("explorer.setAxes(arguments[0])", grid_units)
    assert browser.find_element("css selector", "[value=manifold]").is_enabled()
    check_silence(browser, path)


@needs_browser
def test_strips_at_an_earlier_epoch_of_which_the_page_holds_a_grid(npz, tmp_path, browser, monkeypatch):
    monkeypatch.setattr(decoder_history, "MAX_KEPT_WEIGHTS", 10)
    run = trained(npz, tmp_path / "run", "64-16-5")
    path = run_page.write(run)
    open_page(browser, path)
    assert not browser.find_element("id", "strips-note").is_displayed()
    browser.execute_script("explorer.setFrame(0)")
    wait_for(browser, f"{IS_DRAWN} && explorer.traversals.remaining === 0")
    grid_units, order = browser.execute_script("return [explorer.decoder.units, explorer.traversals.units]")
    said = " and ".join(map(str, grid_units))
    assert browser.find_element("id", "strips-note").text == (
        f"The strips of units other than {said} are those of the trained decoder."
    )
    unit = next(unit for unit in order if unit not in grid_units)
    limit = browser.execute_script("return explorer.traversals.sliders.get(arguments[0]).limit", unit)
    z = np.zeros((9, 5), "float32")
    z[:, unit] = ((2 * np.arange(9) + 1) / 9 - 1) * limit
    expected = 255 * np.concatenate(list(load(run).decode(z)), axis=1)
    strip = pixels(browser, f".traversal:nth-child({order.index(unit) + 1}) canvas")
    assert np.abs(strip - expected).max() <= 2
    browser.execute_script("explorer.setFrame(null)")
    wait_for(browser, IS_DRAWN)
    assert not browser.find_element("id", "strips-note").is_displayed()
    check_silence(browser, path)


def test_the_documentation_lists_what_can_be_exported():
    text = (Path(__file__).parents[1] / "docs" / "pages.md").read_text(encoding="utf-8")
    listed = text.partition("A decoder is exported if")[2].partition("A decoder of other layers")[0]
    kinds = {layer.__name__ for layer in decoder_export._KINDS}
    assert set(re.findall(r"`(\w+)`", listed)) == kinds | set(decoder_export.ACTIVATIONS)
