"""Pages of tables: the columns behind the bars, by name, in the units of the table."""

import base64

import numpy as np
import pytest
from pages import IS_DRAWN, Page, check_silence, copy, load, mp4, needs_browser, open_page, pixels, trained, wait_for

from keras_vae.networks import decoder_export
from keras_vae.plots import audit_figures, layout, rate_distortion, run_figures
from keras_vae.report import explorer_columns, run_page
from keras_vae.runs import pictures

NAMES = ("height", "weight", "</i>$x^{")
READ = (
    "return [...document.querySelectorAll('#column-values tr')].map((row) => [...row.cells].map((c) => c.textContent))"
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A run of a table of three named columns, and its page."""
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    rows = rng.normal((170, 70, 0.5), (10, 12, 0.01), (80, 3))
    lines = [",".join(NAMES), *(",".join(f"{value:.4f}" for value in row) for row in rows)]
    (folder / "people.csv").write_text("\n".join(lines), encoding="utf-8")
    run = trained(folder / "people.csv", folder / "run", "3-8-2")
    return run, run_page.write(run)


def numbers(texts) -> list[float]:
    return [float(text.replace(",", "").replace("−", "-")) for text in texts]


def test_the_explorer_has_names_and_values_of_columns(table):
    run, path = table
    columns = Page(path).data["columns"]
    assert columns["names"] == list(NAMES)
    assert columns["isLabelled"]
    stored = run.arrays("explorer")["images"]
    values = np.frombuffer(base64.b64decode(columns["values"]), "uint8").reshape(-1, 3)
    assert np.array_equal(values, stored)
    low, high = run.value_range
    expected = run.preparation.undo(low + values / 255 * (high - low))
    assert np.array(columns["low"]) + values * np.array(columns["step"]) == pytest.approx(expected)
    assert "the mean of its column, up or down; half the height is" in columns["note"]
    assert "<span>&lt;/i&gt;$x^{</span>" in path.read_text(encoding="utf-8")


def test_images_have_no_columns(toy_run):
    assert explorer_columns.columns(toy_run) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((6, -4.0, 4.0, True), "the mean of its column, up or down; half the height is 4.00 standard deviations."),
        ((6, -4.0, 4.0, False), "from the line in the middle, 0, up or down; half the height is 4.00."),
        ((6, 0.0, 1.0, False), "A bar is a column: from 0 at the bottom to 1.00 at the top."),
        ((41, 0.0, 1.0, False), "The list has the first 40 of 41 columns."),
        ((100, 0.0, 1.0, False), "Neighbouring columns share a bar, which shows their mean."),
    ],
)
def test_the_scale_of_bars_is_written(arguments, said):
    assert said in explorer_columns._note(*arguments)


def test_figures_name_the_columns_of_their_bars(table, toy_run):
    run, _ = table
    for draw in (run_figures.manifold, run_figures.samples, run_figures.traversals):
        lines = draw(run).get_supxlabel().splitlines()
        assert lines[-1] == r"bars: height, weight, </i>\$x^{", draw
    assert run_figures.traversals(run).get_supxlabel().count("\n") > 0  # the note of the figure stays
    assert run_figures.samples(toy_run).get_supxlabel() == ""


def test_the_caption_of_a_video_names_the_columns(table, tmp_path):
    run = copy(table[0], tmp_path / "run")
    (run.path / "videos").mkdir(exist_ok=True)
    (run.path / "videos" / "trajectory.mp4").write_bytes(mp4(64))
    text = run_page.write(run).read_text(encoding="utf-8")
    assert "Bars: height, weight, &lt;/i&gt;$x^{.</figcaption>" in text


def test_losses_of_tables_are_per_row_in_figures(table, toy_run, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(layout, "save", lambda figure, path: saved.append(figure))
    rate_distortion.draw(tmp_path, [table[0], toy_run])
    for ax, item in zip(saved[0].get_axes(), ("row", "image"), strict=True):
        assert ax.get_xlabel() == f"KL, nats per {item}"
        assert ax.get_title("left").split()[-1] == item
    ax = saved[0].get_axes()[0]
    audit_figures.likelihood_curve(ax, {"curve": {"1": -3.0}, "infinite_variance": 0.1, "images": 20}, "row")
    assert ax.get_ylabel() == "nats per row"


def test_many_columns_and_columns_without_names_are_counted(table, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_NAMED_BARS", 2)
    assert pictures.bar_text(table[0]) == "bars: 3 columns in order"
    monkeypatch.setattr(pictures, "MAX_BARS", 2)
    assert pictures.bar_text(table[0]) == "bars: 3 columns in order, means of neighbours"


@needs_browser
def test_the_browser_lists_the_values_of_rows(table, browser):
    run, path = table
    open_page(browser, path)
    browser.execute_script("explorer.setAll(Float32Array.from([0.7, -1.2])); explorer.select(3)")
    wait_for(browser, IS_DRAWN)
    rows = browser.execute_script(READ)
    assert [row[0] for row in rows] == list(NAMES)
    vae, columns, arrays = load(run), Page(path).data["columns"], run.arrays("explorer")
    low, high = run.value_range
    expected = [
        vae.decode(np.array([[0.7, -1.2]], "float32"))[0],
        low + arrays["images"][3] / 255 * (high - low),
        vae.decode(arrays["mean"][3:4].astype("float32"))[0],
    ]
    for place, values in enumerate(expected, 1):
        shown = numbers(row[place] for row in rows)
        assert np.abs(shown - run.preparation.undo(values)) == pytest.approx(0, abs=1.1 * max(columns["step"]))
    # The name of the bar below the pointer.
    point = "const box = byId('decoded').getBoundingClientRect(); const { width, chart } = explorer.data.image;"
    moved = "new MouseEvent('mousemove', {bubbles: true, clientX: box.left + box.width * (chart.margin + x) / width})"
    title = f"{point} const x = arguments[0]; byId('decoded').dispatchEvent({moved}); return byId('decoded').title"
    step = browser.execute_script("return explorer.data.image.chart.step")
    assert browser.execute_script(title, 1.5 * step) == f"weight = {rows[1][1]}"
    assert browser.execute_script(title, -1) == ""
    assert browser.find_element("css selector", ".bar-names span:nth-child(2)").text == "weight"
    browser.execute_script("explorer.setFrame(0)")
    wait_for(browser, IS_DRAWN)
    assert [row[2] for row in browser.execute_script(READ)] == ["–"] * 3
    check_silence(browser, path)


@needs_browser
def test_a_table_whose_decoder_the_page_does_not_hold(table, tmp_path, browser, monkeypatch):
    """Rows of a grid and strips are pictures of bars: the list has no values of them."""
    monkeypatch.setattr(decoder_export, "MAX_WEIGHTS", 10)
    run = trained(table[0].path.parent / "people.csv", tmp_path / "run", "3-8-4")
    path = run_page.write(run)
    assert Page(path).data["strips"]["units"] == run.arrays("traversals")["units"].tolist()
    open_page(browser, path)
    browser.execute_script("explorer.select(3)")
    wait_for(browser, IS_DRAWN)
    rows = browser.execute_script(READ)
    assert [row[1::2] for row in rows] == [["–", "–"]] * 3
    assert all(row[2] != "–" for row in rows)  # the test row
    assert len(np.unique(pixels(browser, ".traversal:nth-child(4) canvas"), axis=1).T) > 1
    check_silence(browser, path)
