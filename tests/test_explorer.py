"""The latent space explorer: its arrays, its colours, and in a browser, where its pixels are those of the model."""

import itertools

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
    trained,
    wait_for,
    wait_for_text,
)

from keras_vae._utils import palette
from keras_vae.networks import decoder_export
from keras_vae.report import run_page
from keras_vae.runs import explorer_arrays
from keras_vae.trajectory import Trajectory

# -- arrays -----------------------------------------------------------------------------------------------------


def test_early_frames_are_kept_more_densely():
    assert explorer_arrays.thinned(7, 150).tolist() == list(range(7))
    kept = explorer_arrays.thinned(10_000, 100)
    assert (kept[0], kept[-1]) == (0, 9999)
    assert 50 < len(kept) <= 100
    assert (np.diff(kept, 2) >= -1).all()  # up to rounding, steps grow


def test_the_trajectory_of_many_units_is_cut():
    n = 40
    means = np.arange(3 * 2 * n, dtype="float32").reshape(3, 2, n)
    arrays = explorer_arrays._recorded(Trajectory(np.arange(3), np.arange(3.0), means), list(range(n))[::-1], (8, 8))
    assert arrays["trajectory_units"].tolist() == list(range(n))[:-17:-1]
    assert np.array_equal(arrays["trajectory_mean"][1, 1], means[1, 1, ::-1][:16])
    assert "trajectory_log_var" not in arrays
    others = Trajectory(np.arange(3), np.arange(3.0), means, units=np.arange(100, 100 + n))
    assert explorer_arrays._recorded(others, [0, 1], (8, 8)) == {}


def test_the_trajectory_of_many_points_is_cut_and_keeps_its_frames():
    n = 2 * explorer_arrays.MAX_TRAJECTORY_POINTS
    means, labels = np.random.default_rng(0).normal(size=(30, n, 2)).astype("float32"), np.arange(n) % 10
    trajectory = Trajectory(np.arange(30), np.arange(30.0), means, means, labels=labels)
    arrays = explorer_arrays._recorded(trajectory, [0, 1], (8, 8))
    assert arrays["trajectory_mean"].shape == arrays["trajectory_log_var"].shape == (30, n // 2, 2)
    assert np.array_equal(arrays["trajectory_labels"], labels[: n // 2])


def test_decoders_that_cannot_be_exported(data):
    import keras

    import keras_vae as kv

    z = keras.Input((2,))
    h = keras.layers.Dense(64)(z)
    branched = keras.Model(z, keras.layers.Add()([h, keras.layers.Dense(64)(z)]))
    with pytest.raises(decoder_export.NotExportable, match="branch at the layer dense"):
        decoder_export.export(branched, kv.Bernoulli())
    unknown = keras.Model(z, keras.layers.UnitNormalization()(h))
    with pytest.raises(decoder_export.NotExportable, match="the layer UnitNormalization"):
        decoder_export.export(unknown, kv.Bernoulli())
    odd = keras.Model(z, keras.layers.Dense(64, activation=lambda x: x)(z))
    with pytest.raises(decoder_export.NotExportable, match="the activation <lambda>"):
        decoder_export.export(odd, kv.Bernoulli())
    huge = keras.Model(z, keras.layers.Dense(64, kernel_initializer=keras.initializers.Constant(1e6))(z))
    with pytest.raises(decoder_export.NotExportable, match="float16"):
        decoder_export.export(huge, kv.Bernoulli())


def test_a_grid_replaces_a_decoder_that_cannot_be_exported(toy_run, tmp_path, monkeypatch):
    monkeypatch.setattr(decoder_export, "MAX_WEIGHTS", 10)
    run = copy(toy_run, tmp_path / "run")
    (run.path / "arrays" / "explorer.npz").unlink()
    page = Page(run_page.write(run))
    assert page.data["decoder"] is None
    assert "could not be exported to the page (1,136 weights)" in page.text
    arrays, side = run.arrays("explorer"), page.data["grid"]["side"]
    limit = float(arrays["grid_limit"])
    corner = load(run).decode(np.array([[0.0, 0.0]], "float32"))
    first, second = page.data["grid"]["units"]
    corner = np.zeros((1, 2), "float32")
    corner[0, first], corner[0, second] = limit, -limit  # the last image: right, bottom
    assert np.array_equal(arrays["grid_images"][-1], explorer_arrays.as_bytes(load(run).decode(corner))[0])
    assert len(arrays["grid_images"]) == side * side


# -- colours ----------------------------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes 2009: dichromatic vision as a transform of linear RGB.
DICHROMACY = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab_color(color: str, vision: np.ndarray) -> np.ndarray:
    """CIE L*a*b* under D65 of a colour under a kind of vision."""
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(vision) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    t = np.array(to_xyz) @ linear / [0.95047, 1.0, 1.08883]
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_labels_differ_in_shape_or_colour_under_dichromacy():
    """ΔE*ab exceeds 40 between labels of one shape under any dichromacy; between all labels the minimum is 2."""
    minimum = {"same": np.inf, "any": np.inf}
    for vision in DICHROMACY.values():
        lab = [lab_color(color, vision) for color in palette.LABELS]
        for i, j in itertools.combinations(range(len(lab)), 2):
            distance = float(np.linalg.norm(lab[i] - lab[j]))
            minimum["any"] = min(minimum["any"], distance)
            if palette.LABEL_SHAPES[i] == palette.LABEL_SHAPES[j]:
                minimum["same"] = min(minimum["same"], distance)
    assert minimum["same"] > 40
    assert minimum["any"] < 10  # the reason for the shapes


@pytest.mark.parametrize("colors", [palette.PARTS, palette.DARK_PARTS])
def test_the_first_parts_of_an_objective_differ_in_colour_under_dichromacy(colors):
    for vision in DICHROMACY.values():
        for one, other in itertools.combinations(colors[:3], 2):
            assert np.linalg.norm(lab_color(one, vision) - lab_color(other, vision)) > 30


def test_labels_of_one_colour_differ_in_shape_in_figures_and_in_the_explorer(toy_run, tmp_path):
    from keras_vae.plots import labels as drawn

    numbers = np.arange(70)
    markers = drawn.label_markers(numbers, 70)
    pairs = list(zip(map(tuple, drawn.label_colors(numbers, 70).tolist()), markers, strict=True))
    assert len(set(pairs)) == 70
    styles = drawn.series_styles(map(str, numbers))
    assert [(style.color, style.marker) for style in styles.values()] == pairs
    keys = drawn.label_keys(np.arange(24))
    assert len({(tuple(key.get_color()), key.get_marker()) for key in keys}) == 24
    assert {len(path) for path in drawn.marker_paths(np.array([0, 10]), 2)} == {26, 4}  # a circle and a triangle
    data = Page(run_page.write(copy(toy_run, tmp_path / "run"))).data
    assert [drawn.MARKERS[shape] for shape in data["shapes"]] == markers


@pytest.mark.parametrize(
    ("highest", "said"),
    [
        (9, "coloured by label; labels of similar colours differ in shape."),
        (25, "coloured by label; labels of the same colour differ in shape."),
        (70, "coloured by label."),
    ],
)
def test_a_page_states_how_labels_differ(toy_run, tmp_path, highest, said):
    run = copy(toy_run, tmp_path / "run")
    arrays = run.arrays("explorer")
    arrays["labels"][0], arrays["labels"][1] = 0, highest
    run.write_arrays("explorer", **arrays)
    assert f"test images, {said}" in run_page.write(run).read_text(encoding="utf-8")


@needs_browser
def test_the_explorer_has_the_shapes_of_figures(toy_run, tmp_path, browser):
    from keras_vae.plots import labels as drawn

    numbers = [*range(80), -1, -11]
    open_page(browser, run_page.write(copy(toy_run, tmp_path / "run")))
    shapes = browser.execute_script("return arguments[0].map((label) => explorer.labels.shape(label))", numbers)
    assert [drawn.MARKERS[shape] for shape in shapes] == drawn.label_markers(np.array(numbers), len(numbers))
    pictures = browser.execute_script("return [0, 10, 70].map((label) => explorer.labels.marker(label).toDataURL())")
    assert pictures[0] == pictures[2] != pictures[1]


def test_figures_use_the_same_label_colours():
    from matplotlib.colors import to_hex

    from keras_vae.plots import visuals

    assert [to_hex(color) for color in visuals.label_colors(np.arange(10), 10)] == list(palette.LABELS)


def canvas_pixels(browser, canvas: str, height: int, width: int) -> np.ndarray:
    """The pixels of a canvas, `(height, width, 3)`, after the pending drawing."""
    wait_for(browser, IS_DRAWN)
    pixels = browser.execute_script(
        "const canvas = document.getElementById(arguments[0]);"
        "const copy = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height});"
        "const context = copy.getContext('2d', {willReadFrequently: true});"  # avoids a warning of Chromium
        "context.drawImage(canvas, 0, 0);"
        "return [...context.getImageData(0, 0, copy.width, copy.height).data];",
        canvas,
    )
    return np.array(pixels).reshape(height, width, 4)[..., :3]


def move(browser, x: float, y: float, *more) -> None:
    """Moves the mouse to a point of the plane, in pixels from its centre; with `more` points, drags on to those.

    Returns when the page has received the last event and drawn what it changes.
    """
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    plane = browser.find_element(By.CSS_SELECTOR, "#plane .front")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plane)
    chain = ActionChains(browser, duration=50).move_to_element_with_offset(plane, x, y)
    if more:
        chain.click_and_hold()
        for place in more:
            chain.move_to_element_with_offset(plane, *place)
        chain.release()
        browser.execute_script("window.lastPointer = null")
    chain.perform()
    last = (more or [(x, y)])[-1]
    wait_for(
        browser,
        "((box) => window.lastPointer?.type === arguments[0]"
        " && Math.abs(lastPointer.x - box.left - box.width / 2 - arguments[1]) < 2"
        " && Math.abs(lastPointer.y - box.top - box.height / 2 - arguments[2]) < 2)"
        "(explorer.front.getBoundingClientRect())",
        "pointerup" if more else "pointermove",
        *last,
    )
    wait_for(browser, IS_DRAWN)


@needs_browser
@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("64-16-2", {}),
        ("64-16-3", {"likelihood": "continuous-bernoulli"}),
        ("c4-c6-16-2", {"likelihood": "gaussian"}),
        ("c3-c4-2x2x2", {}),
    ],
)
def test_the_browser_decodes_as_the_model_does(architecture, options, npz, tmp_path, browser):
    run = trained(npz, tmp_path / "run", architecture, **options)
    path = run_page.write(run)
    open_page(browser, path)
    vae, pictures = load(run), []
    for place in ((-150, 80), (200, -40), (10, 230)):
        move(browser, *place)
        pixels = canvas_pixels(browser, "decoded", 8, 8)
        z = np.array(browser.execute_script("return [...explorer.z]"), "float32")
        limit, size = browser.execute_script("return [explorer.limit, explorer.size]")
        first, second = browser.execute_script("return explorer.axes")
        expected = np.array(place) * [1, -1] * 2 * limit / size
        assert z[[first, second]] == pytest.approx(expected, abs=2.1 * limit / size)  # a pixel
        model = 255 * np.clip(vae.decode(z.reshape(1, *vae.latent_shape))[0], 0, 1)
        assert np.abs(pixels - model[..., None]).max() <= 2
        pictures.append(pixels)
    assert np.abs(pictures[0] - pictures[1]).max() > 2
    assert "at most" in browser.execute_script("return document.getElementById('check').textContent")
    check_silence(browser, path)


@needs_browser
def test_every_kind_of_layer_in_the_browser(data, tmp_path, browser):
    """A decoder with every layer that can be exported."""
    import keras
    from keras import layers

    import keras_vae as kv
    from keras_vae.runs import adoption

    keras.utils.set_random_seed(0)
    image, z = keras.Input((8, 8)), keras.Input((2,))
    h = layers.Flatten()(image)
    encoder = keras.Model(image, [layers.Dense(2)(h), layers.Dense(2)(h)])
    chain = [
        layers.Dense(18, activation="elu"), layers.Dropout(0.3), layers.Reshape((3, 3, 2)),
        layers.Conv2D(3, 3, padding="same", activation="tanh"), layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.ReLU(), layers.Conv2DTranspose(5, 4, strides=3, padding="valid", activation="silu", use_bias=False),
        layers.ZeroPadding2D(((1, 0), (2, 1))), layers.Conv2D(3, (2, 3), padding="valid", activation="softplus"),
        layers.Conv2DTranspose(2, (3, 5), strides=(1, 2), padding="same"), layers.Cropping2D(((1, 0), (2, 3))),
        layers.Activation("sigmoid"), layers.Dense(3), layers.Flatten(), layers.Dense(64), layers.Reshape((8, 8)),
    ]  # fmt: skip
    h = z
    for layer in chain:
        h = layer(h)
    vae = kv.VAE(encoder, keras.Model(z, h))
    for variable in vae.decoder.weights:  # larger than initially, so that decoded images differ
        variable.assign(1.5 * variable)
    vae.save(tmp_path / "own.keras")
    path = run_page.write(adoption.adopt(tmp_path / "own.keras", data, tmp_path / "run"))
    assert {layer["kind"] for layer in Page(path).data["decoder"]["layers"]} == {
        "dense", "reshape", "convolution", "transposed", "activation", "crop", "pad",
    }  # fmt: skip
    open_page(browser, path)
    for place in ((-150, 80), (200, -40)):
        move(browser, *place)
        pixels = canvas_pixels(browser, "decoded", 8, 8)[..., 0]
        model = 255 * vae.decode(np.array([browser.execute_script("return [...explorer.z]")], "float32"))[0]
        assert np.ptp(model) > 20
        assert np.abs(pixels - model).max() <= 2
    check_silence(browser, path)


@needs_browser
def test_every_activation_in_the_browser(toy_run, tmp_path, browser):
    import keras

    path = run_page.write(copy(toy_run, tmp_path / "run"))
    open_page(browser, path)
    x = np.linspace(-9, 9, 181)
    for name in decoder_export.ACTIVATIONS:
        found = browser.execute_script("return [...activated(arguments[0], arguments[1])]", x.tolist(), name)
        expected = keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(x, "float32")))
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


@needs_browser
def test_the_pointer_shows_images_and_interpolates(toy_run, tmp_path, browser):
    run = copy(toy_run, tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    vae, arrays = load(run), run.arrays("explorer")
    ends = [browser.execute_script(f"return explorer.toScreen(explorer.pointXY({i}))") for i in (0, 7)]
    size = browser.execute_script("return explorer.size")
    first, last = ([x - size / 2, y - size / 2] for x, y in ends)
    move(browser, *first)
    hovered = browser.execute_script("return explorer.hovered")
    assert hovered is not None
    image, decoded = (canvas_pixels(browser, f"near-{name}", 8, 8)[..., 0] for name in ("image", "reconstruction"))
    assert np.array_equal(image, arrays["images"][hovered])
    expected = 255 * vae.decode(arrays["mean"][hovered][None].astype("float32"))[0]
    assert np.abs(decoded - expected).max() <= 2

    move(browser, *first, [0, 0], last)
    strip = canvas_pixels(browser, "strip", 8, 72)[..., 0]
    start, end = browser.execute_script("return [explorer.path.from.point, explorer.path.to.point]")
    z = np.linspace(*arrays["mean"][[start, end]].astype("float32"), 9)
    assert np.abs(strip - 255 * np.concatenate(list(vae.decode(z)), axis=1)).max() <= 2
    check_silence(browser, path)


@needs_browser
def test_the_keyboard_moves_selects_and_interpolates(toy_run, tmp_path, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    path = run_page.write(copy(toy_run, tmp_path / "run"))
    open_page(browser, path)
    front = browser.find_element(By.CSS_SELECTOR, "#plane .front")
    before = browser.execute_script("return [...explorer.z]")
    front.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    wait_for(browser, "explorer.z[1] !== arguments[0]", before[1])  # the last of the three keys
    after = browser.execute_script("return [...explorer.z]")
    step = browser.execute_script("return explorer.limit") / 40
    assert np.subtract(after, before) == pytest.approx([2 * step, step], rel=1e-3)
    front.send_keys(Keys.HOME)
    wait_for(browser, "explorer.z.every((value) => value === 0)")

    front.send_keys("i", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "i")
    text = wait_for_text(browser, "strip-text", "Linear interpolation from ")
    wait_for_text(browser, "announcement", text)
    browser.execute_script("explorer.moveTo(explorer.pointXY(7))")
    front.send_keys(Keys.ENTER)
    wait_for(browser, "explorer.selected !== null")
    cursor, selected = browser.execute_script("return [explorer.cursorXY(), explorer.pointXY(explorer.selected)]")
    assert cursor == pytest.approx(selected, abs=0.05)
    front.send_keys(Keys.ESCAPE)
    wait_for_text(browser, "strip-text", "Drag from one point")
    assert browser.execute_script("return [explorer.selected, explorer.path]") == [None, None]
    assert browser.execute_script("return explorer.labels.marker(-1).width") == 32  # labels may be negative
    check_silence(browser, path)


@needs_browser
def test_backgrounds_and_recorded_epochs(toy_run, tmp_path, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    run = copy(toy_run, tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    for background in ("aggregate", "manifold", "none", "prior"):
        browser.execute_script(f"document.querySelector('[value={background}]').click()")
        wait_for(browser, f"explorer.background === arguments[0] && {IS_DRAWN}", background)
    epoch = browser.find_element(By.ID, "epoch")
    browser.execute_script("arguments[0].value = 0; arguments[0].dispatchEvent(new Event('input'))", epoch)
    wait_for_text(browser, "epoch-text", "epoch 0")
    epochs = [0, 0.001, 0.25, 1, 9.5, 10, 10.5, 11.4, 11.45, 20]
    texts = browser.execute_script(
        "return arguments[0].map((_, frame) => Training.prototype.epochOf.call({epochs: arguments[0]}, frame))", epochs
    )
    assert texts == ["0", "0.001", "0.25", "1.00", "9.50", "10", "10.5", "11.40", "11.45", "20"]
    point = browser.execute_script("return explorer.pointXY(2)")
    assert point == pytest.approx(run.trajectory.mean[0, 2].tolist(), rel=2e-3, abs=1e-4)
    epoch.send_keys(Keys.END)
    wait_for_text(browser, "epoch-text", "trained model")
    browser.find_element(By.ID, "theme").click()
    wait_for(browser, f"'theme' in document.documentElement.dataset && {IS_DRAWN}")
    check_silence(browser, path)


@needs_browser
def test_a_tap_selects_a_point(toy_run, tmp_path, browser):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    path = run_page.write(copy(toy_run, tmp_path / "run"))
    open_page(browser, path)
    center(browser, "#plane")
    x, y = browser.execute_script(
        "const box = explorer.front.getBoundingClientRect(), at = explorer.toScreen(explorer.pointXY(3));"
        "return [Math.round(box.left + at[0]), Math.round(box.top + at[1])]"
    )
    actions = ActionBuilder(browser, mouse=PointerInput(POINTER_TOUCH, "finger"))
    actions.pointer_action.move_to_location(x, y).pointer_down().pointer_up()
    actions.perform()
    wait_for(browser, "explorer.selected !== null")
    chosen = browser.execute_script("return explorer.selected")
    places = [browser.execute_script(f"return explorer.pointXY({i})") for i in (3, chosen)]
    assert places[0] == pytest.approx(places[1], abs=0.05)  # the point, or one at the same place
    check_silence(browser, path)


@needs_browser
def test_sliders_and_axes(npz, tmp_path, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    run = trained(npz, tmp_path / "run", "64-16-5")
    path = run_page.write(run)
    open_page(browser, path)
    mean, vae = run.arrays("explorer")["mean"].astype("float32"), load(run)
    use_selected = browser.find_element(By.ID, "use-selected")
    assert not use_selected.is_enabled()
    browser.execute_script("explorer.select(4)")
    wait_for(browser, IS_DRAWN)
    assert use_selected.is_enabled()
    use_selected.click()
    wait_for(browser, "[...explorer.z].every((value, i) => value === arguments[0][i])", mean[4].tolist())
    other = next(unit for unit in range(5) if unit not in browser.execute_script("return explorer.axes"))
    browser.execute_script(
        "const {input} = explorer.traversals.sliders.get(arguments[0]);"
        "input.value = 2.5; input.dispatchEvent(new Event('input'))",
        other,
    )
    z = mean[4].copy()
    z[other] = 2.5
    assert np.abs(canvas_pixels(browser, "decoded", 8, 8)[..., 0] - 255 * vae.decode(z[None])[0]).max() <= 2
    first, second = browser.execute_script("return explorer.axes")
    Select(browser.find_element(By.ID, "axis-x")).select_by_value(str(second))
    wait_for(browser, "explorer.axes.join() === arguments[0]", f"{second},{first}")  # the axes are swapped
    Select(browser.find_element(By.ID, "axis-y")).select_by_value(str(other))
    wait_for(browser, "explorer.axes.join() === arguments[0]", f"{second},{other}")
    browser.find_element(By.ID, "zero").click()
    wait_for(browser, "explorer.z.every((value) => value === 0)")
    check_silence(browser, path)


@needs_browser
def test_the_browser_shows_the_nearest_image_of_a_grid(toy_run, tmp_path, browser, monkeypatch):
    monkeypatch.setattr(decoder_export, "MAX_WEIGHTS", 10)
    run = copy(toy_run, tmp_path / "run")
    (run.path / "arrays" / "explorer.npz").unlink()
    path = run_page.write(run)
    open_page(browser, path)
    move(browser, 100, -50)
    pixels = canvas_pixels(browser, "decoded", 8, 8)[..., 0]
    z = np.array(browser.execute_script("return [...explorer.z]"))
    arrays, units = run.arrays("explorer"), Page(path).data["grid"]["units"]
    side, limit = Page(path).data["grid"]["side"], float(arrays["grid_limit"])
    column, row = np.rint((z[units] + limit) / (2 * limit) * (side - 1)).astype(int)
    assert np.array_equal(pixels, arrays["grid_images"][(side - 1 - row) * side + column])
    check_silence(browser, path)


@needs_browser
@pytest.mark.parametrize("architecture", ["64-16-1", "64-16-2", "64-16-5"])
def test_the_page_fits_a_phone(architecture, npz, tmp_path, browser):
    path = run_page.write(trained(npz, tmp_path / "run", architecture))
    narrow = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    open_page(browser, path)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    check_silence(browser, path)


NAMES = ["</script><b>bold", "$x^{", "quotes \"'`", "ünïcode 界", "_hidden", "a very long name " * 4]


@needs_browser
@pytest.mark.parametrize(("classes", "names"), [(0, None), (1, NAMES), (6, NAMES), (1000, None), (1000, NAMES)])
def test_labels_and_their_names_on_a_phone(classes, names, toy_run, tmp_path, browser):
    run = copy(toy_run, tmp_path / "run")
    arrays = run.arrays("explorer")
    n = len(arrays["images"])
    labels = np.linspace(0, classes - 1, n).astype(int)
    if classes:
        run.write_arrays("explorer", **{**arrays, "labels": labels, "trajectory_labels": labels[:12]})
    else:
        run.write_arrays("explorer", **{name: array for name, array in arrays.items() if "labels" not in name})
    if names is not None:
        names = [names[i] if i < len(names) else f"{names[-1]}{i}" for i in range(classes)]
        config = run.config
        config["dataset"]["class_names"] = names
        run.write_json("config.json", config)
    path = run_page.write(run)
    narrow = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    open_page(browser, path)
    present = np.unique(labels).tolist() if classes else []
    texts = browser.execute_script("return [...document.querySelectorAll('#legend button')].map((b) => b.textContent)")
    assert texts == [str(label) if names is None else names[label] for label in present]
    browser.execute_script("explorer.select(arguments[0])", n - 1)
    wait_for(browser, IS_DRAWN)
    shown = browser.execute_script("return document.getElementById('near-text').textContent")
    assert shown.startswith(f"label {texts[-1]}" if texts else f"image {n - 1}")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    if texts:
        assert browser.execute_script("return document.getElementById('legend').clientHeight") <= 240
        browser.execute_script("document.querySelectorAll('#legend button')[arguments[0]].click()", len(texts) - 1)
        assert browser.execute_script("return explorer.label") == present[-1]
        browser.execute_script("explorer.setFrame(0)")
        wait_for(browser, IS_DRAWN)
    check_silence(browser, path)
