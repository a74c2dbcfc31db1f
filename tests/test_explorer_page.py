"""The explorer in a browser: what is in view, traversal strips, zoom, nearest images, losses, links, touch."""

import re

import numpy as np
import pytest
from pages import (
    IS_DRAWN,
    Page,
    center,
    check_silence,
    copy,
    load,
    needs_browser,
    open_page,
    pixels,
    trained,
    wait_for,
    wait_for_text,
)

from keras_vae.report import run_page

pytestmark = needs_browser
ALL_DRAWN = f"{IS_DRAWN} && explorer.traversals.remaining === 0"


@pytest.fixture(scope="module")
def eight_units(npz, tmp_path_factory):
    """A run of eight units, whose strips need the most room of those that fit without scrolling."""
    run = trained(npz, tmp_path_factory.mktemp("eight") / "run", "64-16-8")
    return run, run_page.write(run)


def show(browser, width: int, height: int, mobile: bool = False) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": mobile})


def box(browser, selector: str) -> dict:
    return browser.execute_script(
        "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector
    )


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1280, 900)])
def test_all_that_answers_is_in_view(width, height, eight_units, browser):
    show(browser, width, height)
    open_page(browser, eight_units[1])
    wait_for(browser, ALL_DRAWN)
    assert browser.execute_script("return scrollY") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    strips = [f".traversal:nth-child({i})" for i in range(1, 9)]
    for selector in (
        "#plane", "#decoded", "#cursor-text", "#near-image", "#near-reconstruction", "#near-text", "#nearest", "#strip",
        "#strip-text", "#legend", "#epoch", "#zero", "#pad-box", "#drawn-image", "#resample", "#drawn-loss", *strips,
    ):  # fmt: skip
        found = box(browser, selector)
        assert found["width"] > 0, selector
        assert 0 <= found["top"] < found["bottom"] <= height, (selector, found)
        assert 0 <= found["left"] < found["right"] <= width, (selector, found)
    strip_list = browser.execute_script("const t = byId('traversals'); return [t.scrollHeight, t.clientHeight]")
    assert strip_list[0] <= strip_list[1] + 1  # no strip is scrolled out of its list
    assert box(browser, "#plane")["width"] >= 440


def test_a_change_of_size_leaves_no_blank_frame(eight_units, browser):
    """A canvas is cleared when its size is set, and drawn again before the browser can show it."""
    open_page(browser, eight_units[1])
    wait_for(browser, IS_DRAWN)
    sizes, drawn = browser.execute_script(
        "const sizes = [explorer.back.width];"
        "explorer.plane.style.width = '300px';"
        "explorer.resize();"
        "sizes.push(explorer.back.width);"
        "return [sizes, [explorer.back, explorer.front].map((canvas) =>"
        "  canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))];"
    )
    assert sizes[0] != sizes[1]
    assert drawn == [True, True]


@pytest.mark.parametrize(
    ("present", "damaged", "error"),
    [
        (r'"src": "data:image/(\w+);base64,', r'"src": "data:image/\1;base64,AAAA', "an image of the explorer"),
        ('"latentShape": ', '"latent": ', "Cannot read properties of undefined"),
    ],
)
def test_an_explorer_that_cannot_be_shown_says_why(present, damaged, error, eight_units, tmp_path, browser):
    page = eight_units[1].read_text(encoding="utf-8")
    assert '<noscript><p class="note">The explorer needs JavaScript.' in page
    path = tmp_path / "damaged.html"
    path.write_text(re.sub(present, damaged, page, count=1), encoding="utf-8")
    browser.get(path.as_uri())
    wait_for(browser, "Boolean(document.querySelector('#explorer [role=alert]'))")
    sentence = browser.find_element("css selector", "#explorer [role=alert]")
    assert sentence.is_displayed()
    assert sentence.text.startswith(f"The explorer cannot be shown in this browser: {error}")
    assert browser.find_elements("css selector", "#explorer :is(input, button, canvas)") == []


def test_a_page_that_is_hidden_at_first_is_drawn_when_it_is_shown(eight_units, tmp_path, browser):
    path = tmp_path / "hidden.html"
    page = eight_units[1].read_text(encoding="utf-8")
    path.write_text(page.replace("<main>", '<main style="display: none">', 1), encoding="utf-8")
    browser.get(path.as_uri())
    wait_for(browser, "Boolean(window.explorer)")
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert browser.execute_script("return explorer.size") == 0
    browser.execute_script("document.querySelector('main').style.display = ''")
    wait_for(browser, f"explorer.size > 0 && {ALL_DRAWN}")
    for canvas in ("#plane .back", "#plane .front", "#decoded", ".traversal:nth-child(8) canvas"):
        assert browser.execute_script(
            "const canvas = document.querySelector(arguments[0]), { width, height } = canvas;"
            "return canvas.getContext('2d').getImageData(0, 0, width, height).data.some((value) => value)",
            canvas,
        ), canvas


def test_the_decoded_background_of_large_images_is_small_and_drawn_on_two_canvases(eight_units, browser):
    open_page(browser, eight_units[1])
    wait_for(browser, ALL_DRAWN)
    # Columns that are bright in every second pixel, in an image of 256 × 128: the mean of neighbours is grey.
    browser.execute_script(
        "Object.assign(explorer.data.image, {width: 256, height: 128});"
        "const image = Uint8ClampedArray.from({length: 256 * 128}, (_, i) => 255 * (i % 2));"
        "window.canvases = new Set();"
        "const start = explorer.backgrounds.startManifold;"
        "explorer.backgrounds.startManifold = function (...given) {"
        "  start.apply(this, given);"
        "  canvases.add(this.manifold.canvas);"
        "};"
        "explorer.setDecoder({decode: () => image});"
        "explorer.setBackground('manifold');"
    )
    is_complete = f"{IS_DRAWN} && explorer.backgrounds.manifold?.done === MANIFOLD_CELLS ** 2"
    wait_for(browser, is_complete)
    for k in range(3):
        browser.execute_script("explorer.changeView((view) => view.panBy(arguments[0], 0))", 20 + k)
        wait_for(browser, is_complete)
    assert browser.execute_script("return canvases.size") == 2
    size, values = browser.execute_script(
        "const { canvas } = explorer.backgrounds.manifold;"
        "return [[canvas.width, canvas.height], [...canvas.getContext('2d').getImageData(0, 0, 64, 64).data]]"
    )
    assert size == [18 * 64, 18 * 64]
    cell = np.array(values).reshape(64, 64, 4)[..., 0]
    assert (cell[:16].max(), cell[48:].max()) == (0, 0)  # margins
    assert np.abs(cell[18:46, 2:62] - 128).max() < 40


def test_strips_are_sorted_by_kl_and_set_their_unit(eight_units, browser):
    run, path = eight_units
    show(browser, 1366, 768)
    open_page(browser, path)
    wait_for(browser, ALL_DRAWN)
    order = browser.execute_script("return explorer.traversals.units")
    kl = run.arrays("units")["kl"]
    assert order == sorted(order, key=lambda unit: -kl[unit])
    assert set(order) == set(range(8))
    browser.execute_script("explorer.setAll(Float32Array.from([0.5, -1, 0, 0, 1, 0, 0, 0]))")
    wait_for(browser, ALL_DRAWN)
    limit = browser.execute_script("return explorer.traversals.sliders.get(arguments[0]).limit", order[2])
    z = np.tile(np.array([0.5, -1, 0, 0, 1, 0, 0, 0], "float32"), (9, 1))
    z[:, order[2]] = (2 * np.arange(9) + 1 - 9) / 9 * limit
    expected = 255 * np.concatenate(list(load(run).decode(z)), axis=1)
    assert np.abs(pixels(browser, ".traversal:nth-child(3) canvas") - expected).max() <= 2

    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    slider = browser.find_element("css selector", ".traversal:nth-child(3) input")
    width = slider.rect["width"]
    ActionChains(browser).move_to_element_with_offset(slider, 0.25 * width, 0).click().perform()
    wait_for(browser, "Math.abs(explorer.z[arguments[0]] - arguments[1]) < 0.25", order[2], 0.5 * limit)
    before = browser.execute_script("return explorer.z[arguments[0]]", order[2])
    slider.send_keys(Keys.ARROW_RIGHT)
    wait_for(browser, "explorer.z[arguments[0]] > arguments[1]", order[2], before)
    check_silence(browser, path)


def test_zoom_and_pan_keep_the_drag_for_interpolation(toy_run, tmp_path, browser):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys

    path = run_page.write(copy(toy_run, tmp_path / "run"))
    show(browser, 1280, 900)
    open_page(browser, path)
    front = browser.find_element("css selector", "#plane .front")
    # Zooming out of the whole plane is left to the page, which scrolls.
    ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(front), 0, 200).perform()
    wait_for(browser, "scrollY > 0")
    assert browser.execute_script("return explorer.view.zoom") == 1
    browser.execute_script("scrollTo(0, 0); explorer.pointer.lastScroll = -Infinity")
    at = browser.execute_script("return explorer.toLatent([explorer.size / 2 + 90, explorer.size / 2 - 60])")
    ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(front, 90, -60), 0, -240).perform()
    wait_for(browser, f"explorer.view.zoom > 1.1 && {IS_DRAWN}")
    still = browser.execute_script("return explorer.toLatent([explorer.size / 2 + 90, explorer.size / 2 - 60])")
    assert still == pytest.approx(at, abs=0.02)
    assert browser.execute_script("return scrollY") == 0

    center = browser.execute_script("return explorer.view.center")
    chain = ActionChains(browser, duration=50).key_down(Keys.SHIFT).move_to_element_with_offset(front, 0, 0)
    chain.click_and_hold().move_to_element_with_offset(front, 50, 20).release().key_up(Keys.SHIFT).perform()
    wait_for(browser, "explorer.view.center[0] !== arguments[0]", center[0])
    moved, scale = browser.execute_script("return [explorer.view.center, explorer.view.scale]")
    assert np.subtract(moved, center) == pytest.approx([-50 / scale, 20 / scale], abs=2 / scale)
    assert browser.execute_script("return explorer.path") is None

    chain = ActionChains(browser, duration=50).move_to_element_with_offset(front, -80, 0).click_and_hold()
    chain.move_to_element_with_offset(front, 80, 40).release().perform()
    wait_for(browser, "explorer.path !== null")
    zoom = browser.execute_script("return explorer.view.zoom")
    front.send_keys("+")
    wait_for(browser, "explorer.view.zoom > arguments[0] * 1.2", zoom)
    front.send_keys("-")
    wait_for(browser, "Math.abs(explorer.view.zoom - arguments[0]) < 1e-6", zoom)
    front.send_keys("0")
    wait_for(browser, "explorer.view.isReset && document.getElementById('reset-view').disabled")
    front.send_keys("?")
    wait_for(browser, "document.getElementById('keys').open")
    browser.switch_to.active_element.send_keys("?")
    wait_for(browser, "!document.getElementById('keys').open")
    check_silence(browser, path)


def test_nearest_images_and_losses_are_those_of_the_model(toy_run, tmp_path, browser):
    import keras_vae as kv

    run = copy(toy_run, tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    browser.execute_script("explorer.moveTo([0.3, -0.2])")
    wait_for(browser, IS_DRAWN)
    arrays = run.arrays("explorer")
    mean = arrays["mean"].astype("float32")
    distance = np.linalg.norm(mean - np.array([0.3, -0.2], "float32"), axis=1)
    shown = browser.execute_script("return explorer.details.nearest.map((one) => one.point)")
    assert distance[shown] == pytest.approx(np.sort(distance)[:5], rel=1e-4)
    assert np.array_equal(pixels(browser, "#nearest button:nth-child(2) canvas"), arrays["images"][shown[1]])

    browser.execute_script("document.querySelectorAll('#nearest button')[1].click()")
    wait_for(browser, f"explorer.selected === arguments[0] && {IS_DRAWN}", shown[1])
    losses = browser.execute_script("return explorer.lossesOf(explorer.selected)")
    vae, i = load(run), shown[1]
    x = arrays["images"][i][None].astype("float32") / 255
    reconstruction = float(np.asarray(kv.Bernoulli()(x, vae.decoder(mean[i][None])))[0])
    log_var = arrays["log_var"][i].astype("float64")
    kl = float(0.5 * (mean[i] ** 2 + np.exp(log_var) - 1 - log_var).sum())
    assert losses["reconstruction"] == pytest.approx(reconstruction, rel=2e-3)
    assert losses["kl"] == pytest.approx(kl, rel=1e-4)
    assert losses["loss"] == pytest.approx(reconstruction + kl, rel=2e-3)
    wait_for_text(browser, "near-loss", f"reconstruction loss {losses['reconstruction']:.1f}, KL {kl:.2f}, loss ")


@pytest.mark.parametrize("name", ["continuous-bernoulli", "gaussian"])
def test_other_likelihoods_of_single_images(name, toy_run, tmp_path, browser):
    import keras_vae as kv

    open_page(browser, run_page.write(copy(toy_run, tmp_path / "run")))
    image, logits = np.array([0, 51, 128, 255]), np.array([-3.0, 0.05, 0.4, 2.0], "float32")
    found = browser.execute_script(
        "return reconstructionLoss({name: arguments[0], std: 0.1}, arguments[1], arguments[2], 255)",
        name, image.tolist(), logits.tolist(),
    )  # fmt: skip
    likelihood = {"continuous-bernoulli": kv.ContinuousBernoulli(), "gaussian": kv.Gaussian()}[name]
    assert found == pytest.approx(
        float(np.asarray(likelihood(image[None] / np.float32(255), logits[None]))[0]), rel=1e-4
    )


def test_a_link_stores_the_view(eight_units, browser):
    path = eight_units[1]
    open_page(browser, path)
    assert browser.execute_script("return location.hash") == ""
    browser.execute_script(
        "explorer.setAxes([5, 2]); explorer.setBackground('aggregate'); explorer.setLabel(explorer.points.labels[3]);"
        "explorer.setAll(Float32Array.from([0, 1.5, 0, -0.25, 0, 0.5, 0, 0]));"
        "explorer.changeView((view) => { view.zoom = 2.5; view.centerAt([0.4, -0.3]); });"
        "explorer.select(3);"
    )
    read = (
        "return [explorer.axes, explorer.background, explorer.label, [...explorer.z], explorer.view.zoom,"
        " explorer.view.center, explorer.selected, explorer.frame]"
    )
    state = browser.execute_script(read)
    wait_for(browser, "location.hash.includes('point=3')")
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    wait_for(browser, f"Boolean(window.explorer) && {IS_DRAWN}")
    assert browser.execute_script(read) == state
    assert browser.find_element("id", "axis-x").get_attribute("value") == "5"
    browser.execute_script("location.hash = 'frame=1&units=0,1'")
    wait_for(browser, "explorer.frame === 1 && explorer.axes.join() === '0,1' && explorer.view.zoom === 1")
    browser.execute_script("location.hash = 'units=0,99&zoom=x&z=a:b,99:1&point=1e9&frame=-5&background=%22]&center=1'")
    wait_for(browser, "explorer.frame === 0 && explorer.z.every((value) => value === 0)")
    assert browser.execute_script("return [explorer.selected, explorer.axes.join() === explorer.firstAxes.join()]") == [
        None,
        True,
    ]
    assert browser.get_log("browser") == []


def test_codes_without_images_are_drawn(toy_run, tmp_path, browser):
    run = copy(toy_run, tmp_path / "run")
    arrays = run.arrays("explorer")
    cut = {name: arrays[name][:10] for name in ("images", "mean", "log_var", "labels")}
    run.write_arrays("explorer", **{**arrays, **cut})
    path = run_page.write(run)
    codes = Page(path).data["codes"]
    assert codes["count"] == len(run.arrays("encodings")["mean"]) == 40
    open_page(browser, path)
    first = browser.execute_script("return [explorer.codes.count, explorer.codes.at(25, 0), explorer.codes.at(25, 1)]")
    assert first == pytest.approx([40, *run.arrays("encodings")["mean"][25].tolist()], rel=2e-3, abs=1e-4)
    before = pixels(browser, "#plane .back")
    browser.execute_script("explorer.codes = explorer.points; explorer.invalidate('back')")
    wait_for(browser, IS_DRAWN)
    assert (before != pixels(browser, "#plane .back")).any()
    check_silence(browser, path)


def test_the_decoded_image_stays_in_view_on_a_phone(eight_units, browser):
    show(browser, 390, 844, mobile=True)
    open_page(browser, eight_units[1])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    for target in ("#plane", "#epoch", ".traversal:nth-child(1)", ".traversal:nth-child(8)"):
        center(browser, target)
        decoded, slider = box(browser, "#decoded"), box(browser, target)
        assert 0 <= decoded["top"] < decoded["bottom"] <= 844, (target, decoded)
        assert slider["bottom"] <= 844
        assert slider["top"] >= decoded["bottom"] - 1, (target, decoded, slider)
    assert browser.execute_script("return getComputedStyle(explorer.front).touchAction") == "pan-y"


def touch(browser, kind: str, *points) -> None:
    listed = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": listed})


def test_gestures_on_a_phone(toy_run, tmp_path, browser):
    path = run_page.write(copy(toy_run, tmp_path / "run"))
    show(browser, 390, 844, mobile=True)
    open_page(browser, path)
    center(browser, "#plane")
    plane = box(browser, "#plane .front")
    x, y = plane["left"] + 100, plane["top"] + 240
    top = browser.execute_script("return scrollY")
    touch(browser, "touchStart", (x, y))  # a vertical swipe
    for step in range(1, 9):
        touch(browser, "touchMove", (x, y - 20 * step))
    touch(browser, "touchEnd")
    wait_for(browser, "scrollY > arguments[0] + 50", top)
    assert browser.execute_script("return explorer.path") is None

    center(browser, "#plane")
    start = browser.execute_script(
        "const box = explorer.front.getBoundingClientRect(), at = explorer.toScreen(explorer.pointXY(3));"
        "return [Math.round(box.left + at[0]), Math.round(box.top + at[1])]"
    )
    aside = 1 if start[0] < 195 else -1
    touch(browser, "touchStart", start)  # a horizontal drag from a point
    for step in range(1, 6):
        touch(browser, "touchMove", (start[0] + aside * 20 * step, start[1]))
    touch(browser, "touchEnd")
    wait_for(browser, f"explorer.path !== null && explorer.path.from.point !== null && {IS_DRAWN}")

    plane = box(browser, "#plane .front")
    x, y = plane["left"] + 150, plane["top"] + 150
    touch(browser, "touchStart", (x, y), (x + 60, y))  # two fingers apart
    for step in range(1, 6):
        touch(browser, "touchMove", (x - 8 * step, y), (x + 60 + 8 * step, y))
    touch(browser, "touchEnd")
    wait_for(browser, "explorer.view.zoom > 1.5")
    check_silence(browser, path)
