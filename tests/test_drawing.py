"""The drawing pad of a run's page: the exported encoder, and in a browser the posteriors of drawn and opened images."""

import json

import numpy as np
import pytest
from pages import Page, check_silence, copy, load, needs_browser, open_page, trained, wait_for
from PIL import Image

from keras_vae.networks import encoder_export
from keras_vae.networks.decoder_export import NotExportable
from keras_vae.report import explorer, run_page

TOLERANCE = 0.01  # of means and standard deviations: weights in float16

# -- export ----------------------------------------------------------------------------------------------------


def test_encoders_that_cannot_be_exported(monkeypatch):
    import keras
    from keras import layers

    from keras_vae import posteriors

    image, diagonal = keras.Input((8, 8)), posteriors.get("diagonal")
    h = layers.Flatten()(image)
    joined = layers.Add(name="sum")([layers.Dense(4)(h), layers.Dense(4)(h)])
    with pytest.raises(NotExportable, match="several inputs of the layer sum"):
        encoder_export.export(keras.Model(image, [layers.Dense(2)(joined), layers.Dense(2)(joined)]), diagonal)
    unknown = layers.UnitNormalization()(h)
    with pytest.raises(NotExportable, match="the layer UnitNormalization"):
        encoder_export.export(keras.Model(image, [layers.Dense(2)(unknown), layers.Dense(2)(unknown)]), diagonal)
    log_var, mean = layers.Dense(2), layers.Dense(2)
    plain = keras.Model(image, {"log_var": log_var(h), "mean": mean(h)})
    exported = encoder_export.export(plain, diagonal)
    assert {exported.layers[i]["input"] for i in (exported.mean, exported.log_var)} == {0}
    for index, layer in ((exported.mean, mean), (exported.log_var, log_var)):
        assert np.array_equal(exported.weights[index][0], layer.kernel.numpy().astype("float16"))
    monkeypatch.setattr(encoder_export, "MAX_WEIGHTS", 10)
    with pytest.raises(NotExportable, match="260 weights"):
        encoder_export.export(plain, diagonal)


def test_a_page_without_a_pad_states_the_reason(toy_run, tmp_path, monkeypatch):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "arrays" / "encoder.npz").unlink()
    monkeypatch.setattr(encoder_export, "MAX_WEIGHTS", 10)
    page = Page(run_page.write(run))
    assert "the encoder was not exported to the page (1,108 weights)" in page.text
    assert page.data["drawing"] == {"obstacle": "1,108 weights"}
    monkeypatch.setattr(explorer, "MAX_BYTES", 1000)
    arrays = toy_run.arrays("explorer")
    drawing = explorer.networks(explorer.page_data(arrays), arrays["images"], toy_run.arrays("encoder"))["drawing"]
    assert drawing == {"obstacle": "1,108 weights, which exceed what the page has room for beside the decoder"}


def test_a_run_of_an_earlier_version_gets_its_encoder_from_the_model(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    path = run.path / "arrays" / "encoder.npz"
    path.unlink()
    run_page.write(run)
    expected, written = toy_run.arrays("encoder"), run.arrays("encoder")
    assert all(np.array_equal(expected[name], written[name]) for name in expected)
    path.unlink()
    run.model_path.unlink()
    assert "its model can&#39;t be loaded" in run_page.write(run).read_text(encoding="utf-8")


def test_images_that_are_centred_as_in_mnist():
    rows, columns = np.mgrid[:28, :28]
    ring = np.abs(np.hypot(rows - 13.5, columns - 13.5) - 8.5) < 1.3
    images = np.repeat(255 * ring[None].astype("uint8"), 5, axis=0)
    assert explorer.is_centred_as_mnist(images)
    assert not explorer.is_centred_as_mnist(np.roll(images, 3, axis=2))
    assert not explorer.is_centred_as_mnist(np.full((5, 28, 28), 200, "uint8"))
    assert not explorer.is_centred_as_mnist(images[:, :8, :8])
    assert not explorer.is_centred_as_mnist(0 * images)


# -- in a browser ----------------------------------------------------------------------------------------------


def draw(browser) -> np.ndarray:
    """Draws a stroke with the mouse and returns the pixels that the encoder receives, `(height · width,)`."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    pad = browser.find_element(By.ID, "pad")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
    chain = ActionChains(browser, duration=50).move_to_element_with_offset(pad, -40, -30).click_and_hold()
    for place in ((30, -40), (-20, 35), (40, 30)):
        chain.move_to_element_with_offset(pad, *place)
    chain.release().perform()
    wait_for(browser, "explorer.pad.posterior && !explorer.pad.isWaiting && !explorer.pad.isDrawing")
    return np.array(browser.execute_script("return [...explorer.pad.pixels]"), "float32")


def check_posterior(browser, vae, image: np.ndarray) -> None:
    """Compares the posterior of the pad, and the parts of its loss, with those of the model."""
    x = image.reshape(1, *vae.image_shape)
    mean, log_var = vae.encode(x)
    shown = browser.execute_script(
        "const {mean, logVar} = explorer.pad.posterior; return [[...mean], logVar && [...logVar]]"
    )
    assert shown[0] == pytest.approx(mean.ravel(), abs=TOLERANCE)
    loss = browser.execute_script("return explorer.pad.loss")
    logits = vae.decoder(mean)
    reconstruction = float(vae.likelihood(x, logits)[0])
    assert loss["reconstruction"] == pytest.approx(reconstruction, rel=0.01, abs=0.05)
    expected = reconstruction
    if log_var is None:
        assert shown[1] is None
    else:
        std = np.exp(0.5 * np.broadcast_to(log_var, mean.shape)).ravel()
        assert np.exp(0.5 * np.array(shown[1])) == pytest.approx(std, abs=TOLERANCE)
    if vae.posterior.has_divergence:
        penalty = float(vae.divergence(mean, log_var)[0])
        assert loss["penalty"] == pytest.approx(penalty, rel=0.01, abs=TOLERANCE)
        expected += float(vae.beta) * penalty
    assert loss["loss"] == pytest.approx(expected, rel=0.01, abs=0.05)


@needs_browser
@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("64-16-2", {}),
        ("c4-c6-16-2", {"likelihood": "gaussian", "posterior": "isotropic", "beta": 2.0}),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("c3-c4-2x2x2", {"likelihood": "continuous-bernoulli", "posterior": "iid"}),
                ("64-16-1", {"posterior": "none"}),
                ("c3-4x4x2", {"posterior": "autoencoder"}),
            )
        ),
    ],
)
def test_the_browser_encodes_as_the_model_does(architecture, options, npz, tmp_path, browser):
    run = trained(npz, tmp_path / "run", architecture, **options)
    path = run_page.write(run)
    open_page(browser, path)
    vae = load(run)
    image = draw(browser)
    assert image.max() > 0.5
    check_posterior(browser, vae, image)
    assert browser.execute_script("return explorer.pad.difference") <= TOLERANCE
    assert "Encoder checked" in browser.execute_script("return document.getElementById('encoder-check').textContent")
    check_silence(browser, path)


@needs_browser
def test_the_drawn_image_lands_on_the_plane_and_is_resampled(toy_run, tmp_path, browser):
    from selenium.webdriver.common.by import By

    run = copy(toy_run, tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    browser.execute_script("explorer.setFrame(0)")
    draw(browser)
    assert browser.execute_script("return explorer.frame") is None  # the encoder is that of the trained model
    wait_for(browser, "explorer.dirty.size === 0")
    color = browser.execute_script(
        "const [x, y] = explorer.toScreen([...explorer.drawn.mean]), ratio = explorer.front.width / explorer.size;"
        "const copy = Object.assign(document.createElement('canvas'), {width: 1, height: 1});"
        "const context = copy.getContext('2d', {willReadFrequently: true});"
        "context.drawImage(explorer.front, -Math.round(x * ratio), -Math.round(y * ratio));"
        "return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);"
    )
    expected = browser.execute_script("return explorer.data.drawing.color")
    assert color == pytest.approx([int(expected[i : i + 2], 16) for i in (1, 3, 5)], abs=3)
    browser.find_element(By.ID, "resample").click()
    z, mean, std = browser.execute_script("const {z, mean, std} = explorer.drawn; return [[...z], [...mean], [...std]]")
    assert z != mean
    assert np.abs((np.array(z) - mean) / std).max() < 7
    decoded = browser.execute_script("return [...explorer.trainedDecoder.decode(explorer.pad.z)]")
    assert np.abs(np.array(decoded) - 255 * load(run).decode(np.array([z], "float32")).ravel()).max() <= 2
    browser.find_element(By.ID, "clear-drawing").click()
    assert browser.execute_script("return [explorer.drawn, explorer.pad.pixels]") == [None, None]
    assert browser.execute_script("return byId('drawing').classList.contains('empty')")  # no black boxes
    check_silence(browser, path)


@needs_browser
def test_an_opened_image_is_encoded(toy_run, tmp_path, browser):
    from selenium.webdriver.common.by import By

    run = copy(toy_run, tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    image = run.arrays("explorer")["images"][3]
    Image.fromarray(image).save(tmp_path / "exact.png")
    Image.fromarray(np.kron(255 - image, np.ones((25, 25), "uint8"))).save(tmp_path / "photograph.png")
    browser.find_element(By.ID, "drawn-file").send_keys(str(tmp_path / "exact.png"))
    wait_for(browser, "Boolean(explorer.pad.posterior)")
    received = np.array(browser.execute_script("return [...explorer.pad.pixels]"))
    assert np.array_equal(np.rint(255 * received), image.ravel())
    check_posterior(browser, load(run), received.astype("float32"))
    browser.execute_script("explorer.pad.clear()")
    browser.find_element(By.ID, "drawn-file").send_keys(str(tmp_path / "photograph.png"))
    wait_for(browser, "Boolean(explorer.pad.posterior)")
    inverted = np.array(browser.execute_script("return [...explorer.pad.pixels]"))
    assert np.corrcoef(inverted, image.ravel())[0, 1] > 0.95  # dark on bright, as the data are not
    (tmp_path / "no.png").write_text("no image")
    browser.find_element(By.ID, "drawn-file").send_keys(str(tmp_path / "no.png"))
    wait_for(browser, "document.getElementById('drawn-loss').textContent.includes('not an image')")
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    check_silence(browser, path)


@needs_browser
def test_drawn_digits_are_centred_as_those_of_mnist(toy_run, tmp_path, browser):
    open_page(browser, run_page.write(copy(toy_run, tmp_path / "run")))
    script = "return [...rasterise(arguments[0], {width: 28, height: 28}, arguments[1])]"
    strokes = [[[0.1, 0.1], [0.3, 0.12], [0.15, 0.5]], [[0.1, 0.3], [0.25, 0.3]]]  # a small seven in a corner
    image = np.array(browser.execute_script(script, strokes, True)).reshape(28, 28)
    ink, position = image > 0.02, np.arange(28)
    assert max(ink.any(0).sum(), ink.any(1).sum()) in (20, 21)
    assert [image.sum(axis) @ position / image.sum() for axis in (0, 1)] == pytest.approx([14, 14], abs=0.2)
    upper_left = np.array(browser.execute_script(script, strokes, False)).reshape(28, 28)
    assert [upper_left.sum(axis) @ position / upper_left.sum() for axis in (0, 1)] < [7, 8]
    line = np.array(browser.execute_script(script, [[[0.5, 0.1], [0.5, 0.9]]], True)).reshape(28, 28)
    assert line[10:18].sum(1) == pytest.approx(np.full(8, 2.6), abs=0.15)  # the median width of MNIST's ones


@needs_browser
def test_every_kind_of_layer_of_an_encoder_in_the_browser(data, tmp_path, browser):
    import keras
    from keras import layers

    import keras_vae as kv
    from keras_vae.runs import adoption

    keras.utils.set_random_seed(0)
    image, z = keras.Input((8, 8)), keras.Input((2,))
    h = layers.Reshape((8, 8, 1))(image)
    for layer in (
        layers.ZeroPadding2D(((1, 0), (0, 1))), layers.Conv2D(4, 3, padding="same", activation="silu"),
        layers.BatchNormalization(), layers.MaxPooling2D(2, padding="same"), layers.Conv2D(6, 2, strides=2),
        layers.AveragePooling2D(2, strides=1, padding="same"), layers.Dropout(0.3),
    ):  # fmt: skip
        h = layer(h)
    pooled, one = layers.GlobalAveragePooling2D()(h), layers.Dense(1)(layers.Flatten()(h))
    encoder = keras.Model(image, [layers.Flatten()(layers.RepeatVector(2)(one)), layers.Dense(2)(pooled)])
    vae = kv.VAE(encoder, keras.Model(z, layers.Reshape((8, 8))(layers.Dense(64)(z))))
    rng = np.random.default_rng(0)
    for variable in encoder.weights:  # moving averages other than 0 and 1, and larger outputs
        variable.assign(1.5 * variable + rng.uniform(0.05, 0.3, variable.shape))
    vae.save(tmp_path / "own.keras")
    path = run_page.write(adoption.adopt(tmp_path / "own.keras", data, tmp_path / "run"))
    drawing = Page(path).data["drawing"]
    assert {layer["kind"] for layer in drawing["layers"]} == {
        "reshape", "pad", "convolution", "affine", "pooling", "average", "repeat", "dense",
    }  # fmt: skip
    open_page(browser, path)
    check_posterior(browser, vae, draw(browser))
    check_silence(browser, path)


def test_a_colour_image_can_be_opened_but_not_drawn(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), "uint8")
    np.savez(tmp_path / "colours.npz", x_train=x, x_test=x[:20])
    page = Page(run_page.write(trained(tmp_path / "colours.npz", tmp_path / "run", "192-8-1")))
    assert "Encode an image" in page.text
    assert "Draw a" not in page.text.split("<script")[0]
    assert json.dumps(page.data["drawing"]["layers"])
