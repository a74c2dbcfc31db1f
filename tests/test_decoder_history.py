"""The decoder through time: records of a training, and in a browser the images decoded at an earlier epoch."""

import itertools

import numpy as np
import pytest
from pages import IS_DRAWN, Page, check_silence, copy, load, needs_browser, open_page, wait_for, wait_for_text

from keras_vae import Run
from keras_vae.report import explorer, run_page
from keras_vae.runs import decoder_history, explorer_arrays
from keras_vae.runs.decoder_history import DecoderRecorder

POINT = [0.5, -0.7]


@pytest.fixture(scope="module")
def recorded(toy_config, tmp_path_factory) -> tuple[Run, DecoderRecorder, list[list[np.ndarray]]]:
    """A training, its recorder, and the decoder's weights in float32 at each record."""
    from keras_vae import Config, train

    config = Config(**(toy_config.model_dump() | {"learning_rate": 0.03}))  # decoders that differ after one step
    recorders, weights, record = [], [], DecoderRecorder._record

    def kept(self, step):
        record(self, step)
        recorders.append(self)
        weights.append(self.model.decoder.get_weights())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DecoderRecorder, "_record", kept)
        run = train(config, tmp_path_factory.mktemp("recorded") / "run", quiet=True)
    return run, recorders[-1], weights


def test_the_recorded_steps_double():
    steps, step = [], 0
    while step < 4690:
        steps.append(step)
        step = decoder_history.next_step(step, 469)
    assert steps == [0, 30, 59, 118, 235, 469, 938, 1876, 3752]


def test_weights_are_recorded_without_changing_the_training(recorded, tmp_path, monkeypatch):
    from keras_vae import Config, train

    run, _, weights = recorded
    arrays = run.arrays("decoders")
    assert arrays["epochs"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 2])
    names = sorted(name for name in arrays if name != "epochs")
    assert len(names) == len(weights[0])
    for k, at_record in enumerate(weights):
        for name, array in zip(names, at_record, strict=True):  # kernel and bias of each layer
            assert np.array_equal(arrays[name][k], array.astype("float16"))
    monkeypatch.setattr(decoder_history, "MAX_RECORDED_WEIGHTS", 10)
    without = train(Config(**run.config["config"]), tmp_path / "run", quiet=True)
    assert not without.has_arrays("decoders")
    assert without.metrics["weights_digest"] == run.metrics["weights_digest"]
    assert "not of" not in run_page.write(without).read_text(encoding="utf-8").split("<script")[0]


def test_a_large_decoder_becomes_grids_of_images(recorded, monkeypatch):
    run, recorder, weights = recorded
    monkeypatch.setattr(decoder_history, "MAX_KEPT_WEIGHTS", 10)
    vae, arrays = load(run), run.arrays("explorer")
    trained = vae.get_weights()
    grids = decoder_history.gather(vae, recorder, arrays)
    assert all(np.array_equal(a, b) for a, b in zip(trained, vae.get_weights(), strict=True))
    side, limit = decoder_history.MAX_GRID_SIDE, float(grids["grid_limit"])
    assert grids["grid_images"].shape == (5, side**2, 8, 8)
    corner = np.zeros((1, 2), "float32")
    units = Page(run_page.write(run)).data["units"]
    corner[0, units[0]], corner[0, units[1]] = limit, -limit  # the last image: right, bottom
    vae.decoder.set_weights([array.astype("float16") for array in weights[1]])
    assert np.abs(grids["grid_images"][1, -1] - explorer_arrays.as_bytes(vae.decode(corner))[0].astype(int)).max() <= 1
    monkeypatch.setattr(decoder_history, "MAX_GRID_PIXELS", 1000)
    assert decoder_history.gather(vae, recorder, arrays) == {}


def test_checkpoints_that_do_not_fit_are_left_out(recorded, monkeypatch):
    run = recorded[0]
    arrays, encoder, decoders = (run.arrays(name) for name in ("explorer", "encoder", "decoders"))

    def networks() -> dict:
        return explorer.networks(explorer.page_data(arrays), arrays["images"], encoder, decoders)

    data = explorer.page_data(arrays) | networks()
    assert data["history"]["epochs"] == pytest.approx([0, 0.3333, 0.6667, 1, 2])
    size = len(explorer.json.dumps(data["history"]))
    rest = len(explorer.json.dumps({key: data[key] for key in data if key != "history"}))
    monkeypatch.setattr(explorer, "MAX_BYTES", rest + 0.7 * size)
    data = networks()
    assert data["drawing"]["obstacle"] is None
    assert data["history"]["epochs"] == pytest.approx([0, 0.6667, 2])
    monkeypatch.setattr(explorer, "MAX_BYTES", rest + 0.1 * size)
    assert networks()["history"] is None


def frame_at(run: Run, epoch: float) -> int:
    """The frame of the page's slider at an epoch."""
    return int(np.argmin(np.abs(run.arrays("explorer")["epochs"] - epoch)))


@needs_browser
def test_the_clock_selects_the_decoder_of_its_epoch(recorded, tmp_path, browser):
    run = copy(recorded[0], tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    vae, z = load(run), np.array([POINT], "float32")
    trained = vae.decoder.get_weights()
    images = []
    for epoch, text, weights in (
        (0, "decoder: epoch 0", recorded[2][0]),
        (2 / 3, "decoder: epoch 0.67", recorded[2][2]),
        (5 / 3, "decoder: epoch 1", recorded[2][3]),
        (3, "decoder: trained", trained),
    ):
        browser.execute_script("explorer.setFrame(arguments[0])", frame_at(run, epoch))
        assert wait_for_text(browser, "decoder-text", text) == text
        vae.decoder.set_weights(weights)
        pixels = np.array(browser.execute_script("return [...explorer.decode(arguments[0])]", POINT))
        assert np.abs(pixels - 255 * vae.decode(z).ravel()).max() <= 2
        images.append(pixels)
    assert all(np.abs(a - b).max() > 2 for a, b in itertools.pairwise(images))
    browser.execute_script("explorer.setFrame(null)")
    assert browser.execute_script("return explorer.decoder === explorer.trainedDecoder")
    check_silence(browser, path)


@needs_browser
def test_grids_are_blended_and_the_page_states_the_epoch(recorded, tmp_path, browser, monkeypatch):
    run = copy(recorded[0], tmp_path / "run")
    monkeypatch.setattr(decoder_history, "MAX_KEPT_WEIGHTS", 10)
    vae = load(run)
    grids = decoder_history.gather(vae, recorded[1], run.arrays("explorer"))
    run.write_arrays("decoders", **grids)
    path = run_page.write(run)
    open_page(browser, path)
    browser.execute_script("document.querySelector('[value=manifold]').click()")
    for epoch, record in ((0, 0), (2, 4)):
        browser.execute_script("explorer.setFrame(arguments[0])", frame_at(run, epoch))
        wait_for_text(browser, "decoder-text", f"decoder: epoch {epoch}")
        pixels = np.array(browser.execute_script("return [...explorer.decode(arguments[0])]", POINT))
        vae.decoder.set_weights(recorded[2][record])
        assert np.abs(pixels - 255 * vae.decode(np.array([POINT], "float32")).ravel()).mean() < 6  # WebP, blending
    check_silence(browser, path)


@needs_browser
def test_a_run_of_an_earlier_version_shows_the_trained_decoder(toy_run, tmp_path, browser):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "arrays" / "decoders.npz").unlink()
    path = run_page.write(run)
    open_page(browser, path)
    browser.execute_script("explorer.setFrame(0)")
    assert wait_for_text(browser, "decoder-text", "decoder") == "decoder: trained, not of this epoch"
    assert browser.execute_script("return explorer.decoder === explorer.trainedDecoder")
    check_silence(browser, path)


def test_reconstructions_over_time_are_those_of_the_recorded_decoders(recorded):
    run, _, weights = recorded
    arrays, trajectory = run.arrays("reconstructions_over_time"), run.full_trajectory
    assert arrays["epochs"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 2, 3])
    vae = load(run)
    trained = vae.decoder.get_weights()
    for k in (1, 4, 5):
        half = [array.astype("float16").astype("float32") for array in weights[k]] if k < 5 else trained
        vae.decoder.set_weights(half)
        frame = np.abs(trajectory.epochs - arrays["epochs"][k]).argmin()
        expected = explorer_arrays.as_bytes(vae.decode(trajectory.mean[frame]))
        assert np.array_equal(arrays["images"][k], expected.reshape(arrays["images"][k].shape))
    assert arrays["images"].shape[1] == trajectory.mean.shape[1]


SHOWN_RECONSTRUCTION = """
const canvas = document.getElementById("near-reconstruction"), { width, height } = canvas;
const context = element("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
context.drawImage(canvas, 0, 0);
const { data } = context.getImageData(0, 0, width, height);
return Array.from({ length: width * height }, (_, i) => data[4 * i]);
"""


@needs_browser
@pytest.mark.parametrize("without", ["", "decoders"])
def test_a_recorded_image_is_shown_with_its_reconstruction_at_the_epoch(without, recorded, tmp_path, browser):
    """By the page's own decoder of the epoch, or, where it has none, from the pictures that the run holds."""
    run = copy(recorded[0], tmp_path / "run")
    if without:
        (run.path / "arrays" / f"{without}.npz").unlink()
    path = run_page.write(run)
    open_page(browser, path)
    assert bool(Page(path).data["reconstructions"]) is bool(without)
    expected = run.arrays("reconstructions_over_time")["images"]
    for epoch, record in ((0, 0), (1, 3)):
        browser.execute_script("explorer.setFrame(arguments[0]); explorer.select(2)", frame_at(run, epoch))
        wait_for_text(browser, "near-epoch", f" of epoch {epoch}" if without else "")
        wait_for(browser, IS_DRAWN)
        shown = np.array(browser.execute_script(SHOWN_RECONSTRUCTION))
        assert np.abs(shown - expected[record, 2].ravel()).mean() < (6 if without else 1)  # WebP
        assert browser.execute_script("return document.getElementById('near-reconstruction').getClientRects().length")
    check_silence(browser, path)
