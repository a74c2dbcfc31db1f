"""Pages: self-contained, safe, without what a run lacks; and in a browser, whose pixels are the model's."""

import base64
import itertools
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from keras_vae import InputError, Run
from keras_vae._utils import formatting, keras_import
from keras_vae.networks import decoder_export
from keras_vae.plots import run_figures
from keras_vae.report import data_uri, index_page, run_page, study_page
from keras_vae.runs import explorer_arrays
from keras_vae.trajectory import Trajectory

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
# a PNG of one pixel
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed")


class Page(HTMLParser):
    """What a page refers to, its pictures, and its data."""

    def __init__(self, path: Path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.sources, self.pictures, self.without_text, self._inside = [], [], [], ""
        self.data = None
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.sources += [attributes[key] for key in ("src", "href", "poster", "srcset", "action") if key in attributes]
        if tag in ("img", "video", "svg", "canvas"):
            told = attributes.get("alt") or attributes.get("aria-label") or attributes.get("aria-hidden")
            self.pictures.append(tag)
            self.without_text += [] if told else [(tag, attributes)]
        self._inside = attributes.get("id", "") if tag == "script" else ""

    def handle_data(self, data):
        if self._inside == "explorer-data":
            self.data = json.loads(data)


def copy(run: Run, folder: Path) -> Run:
    return Run(shutil.copytree(run.path, folder))


def load(run: Run):
    return keras_import.import_keras().models.load_model(run.model_path)


def trained(npz, folder, architecture="64-16-2", **options) -> Run:
    from keras_vae import Config, train

    return train(Config(architecture, dataset=str(npz), epochs=1, batch_size=40, **options), folder, quiet=True)


# -- pages without a browser ------------------------------------------------------------------------------------


def test_a_page_needs_nothing_else(toy_run, tmp_path):
    from keras_vae.plots import run_figures

    run = copy(toy_run, tmp_path / "run")
    run_figures.draw(run, quiet=True)
    path = run_page.write(run)
    assert path == run.path / "report.html"
    page = Page(path)
    assert page.sources
    assert all(source.startswith("data:") for source in page.sources), page.sources
    addresses = r"\w+://|url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\("
    assert not re.findall(addresses, re.sub(r'"data:[^"]*"', "", page.text))
    assert path.stat().st_size < 5e6
    assert page.pictures.count("video") == 1
    assert page.pictures.count("img") == 4  # latent, manifold, samples, reconstructions
    assert not page.without_text


def test_titles_are_escaped(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    described = run.config
    described["config"]["dataset"] = "<script>alert(1)</script>&.npz"
    described["note"] = "</script><b>"
    run.write_json("config.json", described)
    text = run_page.write(run).read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "</script><b>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_what_a_run_lacks_is_left_out(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    full = run_page.write(run).read_text(encoding="utf-8")
    for heading in ("Training curves", "What the latent units became", "To make it again"):
        assert heading in full
    assert "Pictures" not in full  # nothing was drawn
    assert "How it formed" not in full
    assert "audit" not in full.split("<script>")[0]
    (run.path / "history.csv").unlink()
    for name in ("trajectory", "explorer"):
        (run.path / "arrays" / f"{name}.npz").unlink()
    page = Page(run_page.write(run))
    assert "Training curves" not in page.text
    assert page.data["trajectory"] is None
    assert 'id="play"' not in page.text


def test_an_unfinished_run_is_refused(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "metrics.json").unlink()
    with pytest.raises(InputError, match=r"expected a finished training .* continue with resume=True\."):
        run_page.write(run)
    with pytest.raises(InputError, match="expected a finished training"):
        index_page.find([run.path])
    with pytest.raises(InputError, match="expected a study"):
        study_page.write(tmp_path)
    with pytest.raises(InputError, match="expected a run, a study or a folder of them"):
        index_page.find([tmp_path / "nothing"])


def test_an_evaluated_run(toy_run, data, judge, tmp_path):
    from keras_vae.evaluation import run_evaluation

    run = copy(toy_run, tmp_path / "run")
    run_evaluation.evaluate(run, data, judge, with_audit=True, samples=5)
    text = run_page.write(run).read_text(encoding="utf-8")
    found = run.evaluation["audit"]
    low, high = found["encodings"]["divergence"]["interval"]
    assert f"{formatting.number(low)} … {formatting.number(high)} nats" in text
    assert formatting.number(found["samplers"]["scores"]["aggregate_posterior"]["frechet"]) in text
    assert "lost when replaced, nats" in text


@pytest.mark.parametrize("posterior", ["none", "isotropic", "autoencoder"])
def test_other_posteriors(posterior, npz, tmp_path):
    page = Page(run_page.write(trained(npz, tmp_path / "run", posterior=posterior)))
    has_density = posterior == "isotropic"
    assert (page.data["points"]["logVar"] is not None) is has_density
    assert ("has no density" in page.text) is not has_density


def test_one_unit_and_colours(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8, 3), "uint8")
    np.savez(tmp_path / "colours.npz", x_train=x, x_test=x[:20])
    run = trained(tmp_path / "colours.npz", tmp_path / "run", "192-8-1")
    data = Page(run_page.write(run)).data
    assert data["image"] == {"height": 8, "width": 8, "channels": 3}
    assert data["points"]["labels"] is None
    assert data["shown"] == [0]
    arrays = run.arrays("explorer")
    assert arrays["images"].shape == (20, 8, 8, 3)
    picture = read_picture(data["points"]["sprite"]["src"])
    assert np.array_equal(picture[:, :8], arrays["images"][0])  # lossless
    assert np.array_equal(picture[:, 8:16], arrays["images"][1])


def read_picture(source: str) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGB"))


def test_videos_that_weigh_too_much_lie_beside(toy_run, tmp_path, monkeypatch):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "videos").mkdir(exist_ok=True)
    for name, size in (("a b.mp4", 900), ("c.mp4", 50)):
        (run.path / "videos" / name).write_bytes(bytes(size))
    monkeypatch.setattr(data_uri, "LARGEST_VIDEO", 500)
    sources = Page(run_page.write(run)).sources
    assert "videos/a%20b.mp4" in sources
    assert f"data:video/mp4;base64,{base64.b64encode(bytes(50)).decode()}" in sources


def test_pictures_become_coarser_where_they_would_weigh_too_much(tmp_path):
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (900, 1800, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (fine,) = data_uri.pictures([(tmp_path / "noise.png", "noise")], 1e9)
    (coarse,) = data_uri.pictures([(tmp_path / "noise.png", "noise")], 0.5e6)
    assert (fine.width, fine.height, fine.wide) == (1600, 800, True)
    assert len(coarse.src) < 0.5e6 < len(fine.src)


def test_the_command_makes_the_run_again(toy_run, npz, tmp_path):
    import shlex

    import typer

    from keras_vae import Config, cli

    run = trained(npz, tmp_path / "run", beta=0.5, likelihood="gaussian", jit_compile=False, seed=3)
    program, command, *options = shlex.split(run_page.command(run))
    assert (program, command) == ("keras-vae", "train")
    given = dict(zip(options[::2], options[1::2], strict=True))
    known = typer.main.get_command(cli.app).commands["train"].params
    assert set(given) <= {name for parameter in known for name in parameter.opts}
    assert given == {
        "--architecture": "64-16-2", "--dataset": str(npz), "--epochs": "1", "--beta": "0.5", "--batch-size": "40",
        "--likelihood": "gaussian", "--jit-compile": "off", "--seed": "3", "--out": "runs/again",
    }  # fmt: skip
    python = run_page.command(toy_run)  # how many points it recorded is no option of the command
    inside = python.split("kv.train(")[1].removesuffix(', "runs/again")').replace("kv.", "")
    assert eval(inside, {"Config": Config}).model_dump() == toy_run.config["config"]


def test_a_folder_of_runs(toy_run, tmp_path):
    for name in ("a", "b", "unfinished"):
        copy(toy_run, tmp_path / name)
    (tmp_path / "unfinished" / "metrics.json").unlink()
    found = index_page.find([tmp_path])
    assert [run.path.name for run in found.runs] == ["a", "b"]
    assert [run.path.name for run in found.unfinished] == ["unfinished"]
    assert found.folder == tmp_path
    run_page.write(found.runs[0])
    path = index_page.write(found.folder, [*found.runs, *found.unfinished])
    page = Page(path)
    assert {source for source in page.sources if not source.startswith("data:")} == {"a/report.html"}
    assert "2 finished trainings and 1 unfinished" in page.text
    one = index_page.find([tmp_path / "a"])
    assert (len(one.runs), one.folder) == (1, None)  # a single run has no index
    assert index_page.find([tmp_path / "a", tmp_path / "b"]).folder == tmp_path


def test_an_index_over_studies_and_runs_of_many_folders(toy_run, tmp_path):
    runs, study, foreign = tmp_path / "runs", tmp_path / "study", tmp_path / "model"
    for folder in (study, foreign):
        folder.mkdir()
    (study / "study.json").write_text('{"title": "A study"}')
    (study / "report.html").write_text("its page")
    (foreign / "config.json").write_text('{"architectures": ["somebody\'s"]}')
    run_page.write(copy(toy_run, runs / "a"))
    copy(toy_run, tmp_path / "disk" / "b")
    (runs / "b").symlink_to(tmp_path / "disk" / "b")
    run_page.write(runs / "b")
    found = index_page.find([runs, study])
    assert found.folder == tmp_path
    page = Page(index_page.write(found.folder, found.runs, found.studies))
    ways = {"runs/a/report.html", "runs/b/report.html", "study/report.html"}
    assert {source for source in page.sources if not source.startswith("data:")} == ways
    assert [run.path.name for run in index_page.find([tmp_path, runs]).runs] == ["a", "b", "a", "b"]
    with pytest.raises(InputError, match="expected a run, a study or a folder of them"):
        index_page.find([foreign])


def test_only_what_is_missing_is_drawn_and_leftovers_are_passed_over(toy_run, tmp_path, monkeypatch):
    run, drawn = copy(toy_run, tmp_path / "run"), []
    monkeypatch.setattr(run_figures, "draw", lambda run, video: drawn.append("figures"))
    monkeypatch.setattr(run_figures, "trajectory_video", lambda run: drawn.append("video"))
    for folder in ("figures", "videos"):
        shutil.rmtree(run.path / folder, ignore_errors=True)
        (run.path / folder).mkdir()
    (run.path / "figures" / "mine.png").write_bytes(DOT)
    (run.path / "figures" / ".partial-latent.png").write_bytes(DOT[:20])
    (run.path / "videos" / ".partial-trajectory.mp4").write_bytes(b"half")
    run_figures.draw_what_is_missing(run)
    assert drawn == ["figures", "video"]
    page = Page(run_page.write(run))
    assert (page.pictures.count("img"), page.pictures.count("video")) == (1, 0)
    (run.path / "figures" / "samples.png").write_bytes(DOT)
    run_figures.draw_what_is_missing(run, video=False)
    (run.path / "videos" / "mine.mp4").write_bytes(b"a video")
    run_figures.draw_what_is_missing(run)
    assert drawn == ["figures", "video"]


@pytest.mark.parametrize(("ends", "line"), [([0.4, None], (60, 150)), ([None, 0.4], (0, 60)), ([0.1, 0.4], (15, 60))])
def test_an_interval_may_be_open(ends, line):
    judged = {"estimate": None, "low": ends[0], "high": ends[1], "expected": [0.0, 1.0], "published": None, "seeds": []}
    drawn = study_page._interval(judged)
    x = [float(found) for found in re.findall(r'class="range" x1="([0-9.]+)" x2="([0-9.]+)"', drawn)[0]]
    low, high = (150 * (v + 0.18) / 1.36 if v is not None else end for v, end in zip(ends, (0, 150), strict=True))
    assert x == pytest.approx([low, high], abs=0.1)
    assert "circle" not in drawn
    assert study_page._interval(judged | {"low": None, "high": None}) == ""


def test_wide_images_make_a_narrow_sprite():
    told = data_uri.sprite(np.zeros((60, 3, 700), "uint8"))
    assert told["columns"] == 16383 // 700
    assert read_picture(told["src"]).shape[:2] == (3 * 3, 23 * 700)


def test_the_command_line(toy_run, tmp_path, monkeypatch, capsys):
    import sys

    from keras_vae import cli

    for name in ("a", "b"):
        copy(toy_run, tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["keras-vae", "report", "--no-draw", str(tmp_path)])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert not exit.value.code
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert paths == [tmp_path / "a" / "report.html", tmp_path / "b" / "report.html", tmp_path / "index.html"]
    assert {source for source in Page(paths[-1]).sources if source.endswith("report.html")} == {
        "a/report.html",
        "b/report.html",
    }
    monkeypatch.setattr(sys, "argv", ["keras-vae", "report", str(tmp_path / "c")])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert exit.value.code == 2
    assert "expected a run, a study or a folder of them" in capsys.readouterr().err


# -- what the explorer is told ----------------------------------------------------------------------------------


def test_frames_are_the_denser_the_earlier():
    assert explorer_arrays.thinned(7, 150).tolist() == list(range(7))
    kept = explorer_arrays.thinned(10_000, 100)
    assert (kept[0], kept[-1]) == (0, 9999)
    assert 50 < len(kept) <= 100
    assert (np.diff(kept, 2) >= -1).all()  # but for rounding, steps grow


def test_of_many_units_some_are_recorded():
    n = 40
    means = np.arange(3 * 2 * n, dtype="float32").reshape(3, 2, n)
    arrays = explorer_arrays._recorded(Trajectory(np.arange(3), np.arange(3.0), means), list(range(n))[::-1])
    assert arrays["trajectory_units"].tolist() == list(range(n))[:-17:-1]
    assert np.array_equal(arrays["trajectory_mean"][1, 1], means[1, 1, ::-1][:16])
    assert "trajectory_log_var" not in arrays
    others = Trajectory(np.arange(3), np.arange(3.0), means, units=np.arange(100, 100 + n))
    assert explorer_arrays._recorded(others, [0, 1]) == {}


def test_a_decoder_with_a_branch_is_not_exported(data):
    import keras

    import keras_vae as kv

    z = keras.Input((2,))
    h = keras.layers.Dense(64)(z)
    branched = keras.Model(z, keras.layers.Add()([h, keras.layers.Dense(64)(z)]))
    with pytest.raises(decoder_export.NotExportable, match="branch at the layer dense"):
        decoder_export.export(branched, kv.Bernoulli())
    unknown = keras.Model(z, keras.layers.LayerNormalization()(h))
    with pytest.raises(decoder_export.NotExportable, match="the layer LayerNormalization"):
        decoder_export.export(unknown, kv.Bernoulli())
    odd = keras.Model(z, keras.layers.Dense(64, activation=lambda x: x)(z))
    with pytest.raises(decoder_export.NotExportable, match="the activation <lambda>"):
        decoder_export.export(odd, kv.Bernoulli())
    huge = keras.Model(z, keras.layers.Dense(64, kernel_initializer=keras.initializers.Constant(1e6))(z))
    with pytest.raises(decoder_export.NotExportable, match="float16"):
        decoder_export.export(huge, kv.Bernoulli())


def test_where_the_decoder_cannot_be_exported_there_is_a_grid(toy_run, tmp_path, monkeypatch):
    monkeypatch.setattr(decoder_export, "MAX_WEIGHTS", 10)
    run = copy(toy_run, tmp_path / "run")
    (run.path / "arrays" / "explorer.npz").unlink()
    page = Page(run_page.write(run))
    assert page.data["decoder"] is None
    assert "could not be put into the page (1,136 weights)" in page.text
    arrays, side = run.arrays("explorer"), explorer_arrays.GRID_SIDE
    limit = float(arrays["grid_limit"])
    corner = load(run).decode(np.array([[0.0, 0.0]], "float32"))
    first, second = page.data["grid"]["units"]
    corner = np.zeros((1, 2), "float32")
    corner[0, first], corner[0, second] = limit, -limit  # the last image: right, bottom
    assert np.array_equal(arrays["grid_images"][-1], explorer_arrays.as_bytes(load(run).decode(corner))[0])
    assert len(arrays["grid_images"]) == side * side


# -- colours ----------------------------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes 2009: what dichromats see of linear RGB.
DICHROMACY = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lightness_and_hue(color: str, seen: np.ndarray) -> np.ndarray:
    """CIE L*a*b* under D65 of a colour as somebody sees it."""
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(seen) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    t = np.array(to_xyz) @ linear / [0.95047, 1.0, 1.08883]
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_no_two_labels_share_shape_and_colour_for_anybody():
    """ΔE*ab of 40 between labels of one shape, under any dichromacy; by colour alone the least is 2."""
    least = {"same": np.inf, "any": np.inf}
    for seen in DICHROMACY.values():
        lab = [lightness_and_hue(color, seen) for color in run_page.COLORS]
        for i, j in itertools.combinations(range(len(lab)), 2):
            distance = float(np.linalg.norm(lab[i] - lab[j]))
            least["any"] = min(least["any"], distance)
            if run_page.SHAPES[i] == run_page.SHAPES[j]:
                least["same"] = min(least["same"], distance)
    assert least["same"] > 40
    assert least["any"] < 10  # which is why there are shapes


def test_the_colours_are_those_of_the_figures():
    from matplotlib.colors import to_hex

    from keras_vae.plots import visuals

    assert [to_hex(color) for color in visuals.label_colors(np.arange(10), 10)] == list(run_page.COLORS)


# -- in a browser -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Headless Chromium that keeps its console and the addresses it asks for."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--window-size=1280,1000",
        "--disable-dev-shm-usage", f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """Chromium as wide as a desk's screen, with empty logs."""
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.get("about:blank")
    for log in ("browser", "performance"):
        chromium.get_log(log)
    return chromium


def open_page(browser, path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(path.as_uri())
    WebDriverWait(browser, 20).until(lambda b: b.execute_script("return Boolean(window.explorer)"))


def shown(browser, canvas: str, height: int, width: int) -> np.ndarray:
    """The pixels of a canvas, `(height, width, 3)`, once what is due was drawn."""
    pixels = browser.execute_async_script(
        "const [id, done] = arguments; requestAnimationFrame(() => requestAnimationFrame(() => {"
        "const canvas = document.getElementById(id);"
        "const copy = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height});"
        "const context = copy.getContext('2d', {willReadFrequently: true});"  # else Chromium advises so
        "context.drawImage(canvas, 0, 0);"
        "done([...context.getImageData(0, 0, copy.width, copy.height).data]); }));",
        canvas,
    )
    return np.array(pixels).reshape(height, width, 4)[..., :3]


def move(browser, x: float, y: float, *more) -> None:
    """Moves the mouse to a place of the plane in pixels from its centre; `more` places are reached with the button
    held down."""
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
    chain.perform()


def check_silence(browser, path: Path) -> None:
    """No message in the console, and nothing asked for but the page itself."""
    assert browser.get_log("browser") == []
    asked = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        # (The browser's own new tab asks for chrome:// pages.)
        if message["method"] == "Network.requestWillBeSent" and "chrome" not in message["params"]["documentURL"][:6]:
            asked.add(message["params"]["request"]["url"])
    assert path.as_uri() in asked  # so the log does tell
    assert all(url == path.as_uri() or url.startswith(("data:", "blob:")) for url in asked), asked


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
def test_the_browser_decodes_what_the_model_decodes(architecture, options, npz, tmp_path, browser):
    run = trained(npz, tmp_path / "run", architecture, **options)
    path = run_page.write(run)
    open_page(browser, path)
    vae, pictures = load(run), []
    for place in ((-150, 80), (200, -40), (10, 230)):
        move(browser, *place)
        pixels = shown(browser, "decoded", 8, 8)
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
    """A decoder of somebody's own, made of all that can be exported."""
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
    for variable in vae.decoder.weights:  # larger than at first, or every point would decode alike
        variable.assign(1.5 * variable)
    vae.save(tmp_path / "own.keras")
    path = run_page.write(adoption.adopt(tmp_path / "own.keras", data, tmp_path / "run"))
    assert {layer["kind"] for layer in Page(path).data["decoder"]["layers"]} == {
        "dense", "reshape", "convolution", "transposed", "activation", "crop", "pad",
    }  # fmt: skip
    open_page(browser, path)
    for place in ((-150, 80), (200, -40)):
        move(browser, *place)
        pixels = shown(browser, "decoded", 8, 8)[..., 0]
        model = 255 * vae.decode(np.array([browser.execute_script("return [...explorer.z]")], "float32"))[0]
        assert np.ptp(model) > 20
        assert np.abs(pixels - model).max() <= 2
    check_silence(browser, path)


@needs_browser
def test_the_explorer_under_hand_and_keys(toy_run, tmp_path, browser):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    run = copy(toy_run, tmp_path / "run")
    path = run_page.write(run)
    open_page(browser, path)
    vae, arrays = load(run), run.arrays("explorer")
    ends = [browser.execute_script(f"return explorer.toScreen(explorer.place({i}))") for i in (0, 7)]
    size = browser.execute_script("return explorer.size")
    first, last = ([x - size / 2, y - size / 2] for x, y in ends)
    move(browser, *first)
    near = browser.execute_script("return explorer.near")
    image, decoded = (shown(browser, f"near-{name}", 8, 8)[..., 0] for name in ("image", "reconstruction"))
    assert np.array_equal(image, arrays["images"][near])
    expected = 255 * vae.decode(arrays["mean"][near][None].astype("float32"))[0]
    assert np.abs(decoded - expected).max() <= 2

    move(browser, *first, [0, 0], last)
    strip = shown(browser, "strip", 8, 72)[..., 0]
    start, end = browser.execute_script("return [explorer.path.from.point, explorer.path.to.point]")
    z = np.linspace(*arrays["mean"][[start, end]].astype("float32"), 9)
    assert np.abs(strip - 255 * np.concatenate(list(vae.decode(z)), axis=1)).max() <= 2

    front = browser.find_element(By.CSS_SELECTOR, "#plane .front")
    before = browser.execute_script("return [...explorer.z]")
    front.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    after = browser.execute_script("return [...explorer.z]")
    step = browser.execute_script("return explorer.limit") / 40
    assert np.subtract(after, before) == pytest.approx([2 * step, step], rel=1e-3)
    front.send_keys(Keys.HOME)
    assert browser.execute_script("return [...explorer.z]") == [0, 0]

    told, text = (browser.find_element(By.ID, name) for name in ("told", "strip-text"))
    front.send_keys("i", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "i")
    ActionChains(browser).pause(0.3).perform()
    assert text.text.startswith("From ")
    assert told.get_attribute("textContent") == text.text
    browser.execute_script("explorer.moveTo(explorer.place(7))")
    front.send_keys(Keys.ENTER)
    here, chosen = browser.execute_script("return [explorer.here(), explorer.place(explorer.chosen)]")
    assert here == pytest.approx(chosen, abs=0.05)
    front.send_keys(Keys.ESCAPE)
    ActionChains(browser).pause(0.3).perform()
    assert text.text.startswith("Drag from one point")
    assert browser.execute_script("return [explorer.chosen, explorer.path]") == [None, None]
    assert browser.execute_script("return explorer.marker(-1).width") == 32  # labels may be negative

    for background in ("aggregate", "manifold", "none", "prior"):
        browser.execute_script(f"document.querySelector('[value={background}]').click()")
        ActionChains(browser).pause(0.3).perform()
    clock = browser.find_element(By.ID, "clock")
    browser.execute_script("arguments[0].value = 0; arguments[0].dispatchEvent(new Event('input'))", clock)
    assert "epoch 0" in browser.find_element(By.ID, "clock-text").text
    place = browser.execute_script("return explorer.place(2)")
    assert place == pytest.approx(run.trajectory.mean[0, 2].tolist(), rel=2e-3, abs=1e-4)
    clock.send_keys(Keys.END)
    assert "trained" in browser.find_element(By.ID, "clock-text").text
    browser.find_element(By.ID, "theme").click()
    check_silence(browser, path)


@needs_browser
def test_a_tap_keeps_a_point(toy_run, tmp_path, browser):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    path = run_page.write(copy(toy_run, tmp_path / "run"))
    open_page(browser, path)
    browser.execute_script("document.querySelector('#plane').scrollIntoView({block: 'center'})")
    x, y = browser.execute_script(
        "const box = explorer.front.getBoundingClientRect(), at = explorer.toScreen(explorer.place(3));"
        "return [Math.round(box.left + at[0]), Math.round(box.top + at[1])]"
    )
    actions = ActionBuilder(browser, mouse=PointerInput(POINTER_TOUCH, "finger"))
    actions.pointer_action.move_to_location(x, y).pointer_down().pointer_up()
    actions.perform()
    chosen = browser.execute_script("return explorer.chosen")
    places = [browser.execute_script(f"return explorer.place({i})") for i in (3, chosen)]
    assert places[0] == pytest.approx(places[1], abs=0.05)  # it, or one that lies over it
    check_silence(browser, path)


@needs_browser
def test_units_beside_the_plane(npz, tmp_path, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    run = trained(npz, tmp_path / "run", "64-16-5")
    path = run_page.write(run)
    open_page(browser, path)
    mean, vae = run.arrays("explorer")["mean"].astype("float32"), load(run)
    take = browser.find_element(By.ID, "take")
    assert not take.is_enabled()
    browser.execute_script("explorer.choose(4)")
    shown(browser, "near-image", 8, 8)
    take.click()
    assert browser.execute_script("return [...explorer.z]") == mean[4].tolist()
    other = next(unit for unit in range(5) if unit not in browser.execute_script("return explorer.axes"))
    browser.execute_script(
        "const {input} = explorer.sliders.get(arguments[0]);input.value = 2.5; input.dispatchEvent(new Event('input'))",
        other,
    )
    z = mean[4].copy()
    z[other] = 2.5
    assert np.abs(shown(browser, "decoded", 8, 8)[..., 0] - 255 * vae.decode(z[None])[0]).max() <= 2
    first, second = browser.execute_script("return explorer.axes")
    Select(browser.find_element(By.ID, "axis-x")).select_by_value(str(second))
    assert browser.execute_script("return explorer.axes") == [second, first]  # they change places
    Select(browser.find_element(By.ID, "axis-y")).select_by_value(str(other))
    assert browser.execute_script("return explorer.axes") == [second, other]
    browser.find_element(By.ID, "zero").click()
    assert browser.execute_script("return [...explorer.z]") == [0] * 5
    check_silence(browser, path)


@needs_browser
def test_a_grid_in_the_browser(toy_run, tmp_path, browser, monkeypatch):
    monkeypatch.setattr(decoder_export, "MAX_WEIGHTS", 10)
    run = copy(toy_run, tmp_path / "run")
    (run.path / "arrays" / "explorer.npz").unlink()
    path = run_page.write(run)
    open_page(browser, path)
    move(browser, 100, -50)
    pixels = shown(browser, "decoded", 8, 8)[..., 0]
    z = np.array(browser.execute_script("return [...explorer.z]"))
    arrays, units = run.arrays("explorer"), Page(path).data["grid"]["units"]
    side, limit = explorer_arrays.GRID_SIDE, float(arrays["grid_limit"])
    column, row = np.rint((z[units] + limit) / (2 * limit) * (side - 1)).astype(int)
    assert np.array_equal(pixels, arrays["grid_images"][(side - 1 - row) * side + column])
    check_silence(browser, path)


@needs_browser
@pytest.mark.parametrize("architecture", ["64-16-1", "64-16-2", "64-16-5"])
def test_nothing_sticks_out_on_a_phone(architecture, npz, tmp_path, browser):
    path = run_page.write(trained(npz, tmp_path / "run", architecture))
    narrow = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    open_page(browser, path)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    check_silence(browser, path)


@needs_browser
def test_an_index_sorts(toy_run, tmp_path, browser):
    runs = [copy(toy_run, tmp_path / name) for name in ("a", "b", "c")]
    for run, loss in zip(runs, (30.0, 4.0, 200.0), strict=True):
        metrics = run.metrics
        metrics["test"]["loss"] = loss
        run.write_json("metrics.json", metrics)
    browser.get(index_page.write(tmp_path, runs).as_uri())
    read = "return [...document.querySelectorAll('tbody tr')].map((row) => Number(row.cells[5].dataset.value))"
    assert browser.execute_script(read) == [30, 4, 200]
    browser.execute_script("document.querySelectorAll('th button')[5].click()")
    assert browser.execute_script(read) == [4, 30, 200]
    browser.execute_script("document.querySelectorAll('th button')[5].click()")
    assert browser.execute_script(read) == [200, 30, 4]
    assert browser.get_log("browser") == []
