"""The page of a run: self-contained, escaped, without the sections whose data the run lacks."""

import base64
import html
import io
import json
import re
import shutil
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from pages import Page, copy, mp4, needs_browser, read_picture, trained, wait_for
from PIL import Image

from keras_vae import InputError
from keras_vae._utils import formatting, palette, readers
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation import findings
from keras_vae.plots import run_figures, video
from keras_vae.plots.figure_registry import RunFigure
from keras_vae.report import (
    audit_text,
    captions,
    data_uri,
    index_page,
    run_page,
    study_page,
    svg,
    train_command,
    training_charts,
)

# a PNG of one pixel
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def dot(grey: int) -> bytes:
    """A PNG of one pixel."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1), grey).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_page_is_self_contained(toy_run, tmp_path):
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
    # The page itself draws the plane, the grid of decoded images and the curves.
    stems = {path.stem for path in (run.path / "figures").glob("*.png")} - {"latent", "manifold", "loss"}
    assert page.pictures.count("img") == len(stems) >= 2
    assert not page.without_text


def test_text_is_escaped(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    described = run.config
    described["config"]["dataset"] = "<script>alert(1)</script>&.npz"
    described["note"] = "</script><b>"
    run.write_json("config.json", described)
    text = run_page.write(run).read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "</script><b>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_sections_without_data_are_left_out(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    full = run_page.write(run).read_text(encoding="utf-8")
    for heading in ("Training curves", "Latent units", "Reproduce this run"):
        assert heading in full
    assert "<h2>Figures" not in full  # nothing was drawn
    assert "Latent space during training" not in full
    assert "Audit" not in full.split("<script>")[0]
    (run.path / "history.csv").unlink()
    for name in ("trajectory", "explorer"):
        (run.path / "arrays" / f"{name}.npz").unlink()
    page = Page(run_page.write(run))
    assert "Training curves" not in page.text
    assert page.data["trajectory"] is None
    assert 'id="play"' not in page.text


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ({}, "trained for 3 epochs on 96 images of 8 × 8 pixels from"),
        ({"adopted": "0" * 64}, "trained elsewhere and evaluated on 40 test images of 8 × 8 pixels from"),
    ],
)
def test_the_lead_counts_the_images_of_which_the_losses_are(toy_run, tmp_path, origin, said):
    run = copy(toy_run, tmp_path / "run")
    run.write_json("config.json", run.config | origin)
    assert said in run_page.write(run).read_text(encoding="utf-8")


def test_an_unfinished_run_is_refused(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "metrics.json").unlink()
    with pytest.raises(InputError, match="expected a finished training"):
        run_page.write(run)
    with pytest.raises(InputError, match="expected a finished training"):
        index_page.find([run.path])
    with pytest.raises(InputError, match="expected a study"):
        study_page.write(tmp_path)
    with pytest.raises(InputError, match="expected a run, a study or a folder of them"):
        index_page.find([tmp_path / "nothing"])


def test_the_page_of_an_audited_run(audited_run, tmp_path):
    run = copy(audited_run, tmp_path / "run")
    text = run_page.write(run).read_text(encoding="utf-8")
    found = run.evaluation["audit"]
    low, _ = found["encodings"]["divergence"]["interval"]
    assert re.search(rf"KL\(q\(z\) ‖ N\(0, I\)\) is (between|at least) {formatting.number(low)} ", text)
    assert "2 latent units are active" in text
    assert formatting.number(found["samplers"]["scores"]["aggregate_posterior"]["frechet"]) in text
    assert "loss when replaced, nats" in text


@pytest.mark.parametrize("posterior", ["none", "isotropic", "autoencoder"])
def test_posteriors_with_and_without_a_density(posterior, npz, tmp_path):
    page = Page(run_page.write(trained(npz, tmp_path / "run", posterior=posterior)))
    has_density = posterior == "isotropic"
    assert (page.data["points"]["logVar"] is not None) is has_density
    assert ("has no density" in page.text) is not has_density


def test_one_unit_and_colour_images(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8, 3), "uint8")
    np.savez(tmp_path / "colours.npz", x_train=x, x_test=x[:20])
    run = trained(tmp_path / "colours.npz", tmp_path / "run", "192-8-1")
    data = Page(run_page.write(run)).data
    assert data["image"] == {"height": 8, "width": 8, "channels": 3, "chart": None}
    assert data["points"]["labels"] is None
    assert data["units"] == [0]
    arrays = run.arrays("explorer")
    assert arrays["images"].shape == (20, 8, 8, 3)
    picture = read_picture(data["points"]["sprite"]["src"])
    assert np.array_equal(picture[:, :8], arrays["images"][0])  # lossless
    assert np.array_equal(picture[:, 8:16], arrays["images"][1])


def test_large_videos_stay_files(toy_run, tmp_path, monkeypatch):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "videos").mkdir(exist_ok=True)
    for name, size in (("a b.mp4", 900), ("c.mp4", 50)):
        (run.path / "videos" / name).write_bytes(mp4(size))
    monkeypatch.setattr(data_uri, "MAX_EMBEDDED_VIDEO_BYTES", 500)
    sources = Page(run_page.write(run)).sources
    assert "videos/a%20b.mp4" in sources
    assert f"data:video/mp4;base64,{base64.b64encode(mp4(50)).decode()}" in sources


def test_an_incomplete_video_is_not_embedded(toy_run, tmp_path):
    """A file that was cut anywhere, of either order of the boxes, or that is not an MP4."""
    run = copy(toy_run, tmp_path / "run")
    whole, folder = mp4(64), run.path / "videos"
    late = whole[:16] + whole[32:] + whole[16:32]  # the description after the frames
    long = whole[:32] + struct.pack(">I4sQ", 1, b"mdat", 32) + bytes(16)  # a size of 64 bits
    folder.mkdir(exist_ok=True)
    path = folder / "cut.mp4"
    for complete in (whole, late, long, whole[:32] + struct.pack(">I4s", 0, b"mdat") + bytes(9)):
        path.write_bytes(complete)
        assert readers.read_mp4(path, "draw it again") == complete
    for content in (whole[:-1], whole[:40], whole[:32], whole[:16], late[:-1], late[:48], long[:-1], b"", bytes(64)):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match="complete MP4"):
            readers.read_mp4(path, "draw it again")
    page = Page(run_page.write(run))
    assert "videos/cut.mp4 is damaged and not shown; delete it and draw the video again." in page.text
    assert not any("video/mp4" in source or source.endswith("cut.mp4") for source in page.sources)


def test_a_damaged_file_of_a_finding_is_reported(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "figures").mkdir(exist_ok=True)
    (run.path / "figures" / "posteriors.png").write_bytes(dot(0))
    damaged: list[DamagedFileError] = []
    run_page.write(run, damaged)
    assert damaged == []
    assert "The median posterior has a radius" in run_page.write(run).read_text()
    run.write_arrays("manifold", side=np.zeros(0, "int64"))
    text = run_page.write(run, damaged).read_text()
    assert [error.path.name for error in damaged] == ["manifold.npz"]
    assert "The median posterior has a radius" not in text


def test_an_odd_figure_has_its_caption_beside_it(toy_run, tmp_path):
    """In two columns it would leave half a page empty."""
    run = copy(toy_run, tmp_path / "run")
    shutil.rmtree(run.path / "figures", ignore_errors=True)
    (run.path / "figures").mkdir()
    counts = []
    for name in "abc":
        Image.new("RGB", (40, 40), (ord(name), 0, 0)).save(run.path / "figures" / f"{name}.png")
        text = Page(run_page.write(run)).text
        pair, _, beside = text[text.index('<div class="pair">') :].partition('<div class="beside">')
        counts.append((pair.count("<figcaption"), beside.count("<figcaption")))
    assert counts == [(0, 1), (2, 0), (2, 1)]


def test_figures_are_compressed_to_fit(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (900, 1800, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (fine,) = data_uri.pictures([captions.Figure(tmp_path / "noise.png", "noise")], 1e9).shown
    (coarse,) = data_uri.pictures([captions.Figure(tmp_path / "noise.png", "noise")], 0.5e6).shown
    assert (fine.width, fine.height, fine.is_wide) == (1600, 800, True)
    assert len(coarse.src) < 0.5e6 < len(fine.src)


def test_the_command_repeats_the_run(toy_run, npz, tmp_path):
    import shlex

    import typer

    from keras_vae import Config, cli

    run = trained(npz, tmp_path / "run", beta=0.5, likelihood="gaussian", jit_compile=False, seed=3)
    program, command, *options = shlex.split(train_command.command(run))
    assert (program, command) == ("keras-vae", "train")
    given = dict(zip(options[::2], options[1::2], strict=True))
    known = typer.main.get_command(cli.app).commands["train"].params
    assert set(given) <= {name for parameter in known for name in parameter.opts}
    assert given == {
        "--architecture": "64-16-2", "--dataset": str(npz), "--epochs": "1", "--beta": "0.5", "--batch-size": "40",
        "--likelihood": "gaussian", "--jit-compile": "off", "--seed": "3", "--out": "runs/again",
    }  # fmt: skip
    python = train_command.command(toy_run)  # record_per_label is not an option of the command
    inside = python.split("kv.train(")[1].removesuffix(', "runs/again")').replace("kv.", "")
    repeated = eval(inside, {"Config": Config}).model_dump() | {"likelihood": "bernoulli"}  # the default for the data
    assert repeated == toy_run.config["config"]


def test_the_command_of_an_adopted_model_has_the_options_of_its_data(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    content = run.config | {"adopted": "0" * 64}
    content["config"] |= {"dataset": "my photos", "data_options": {"size": 32, "gray": True}}
    run.write_json("config.json", content)
    assert train_command.command(run) == (
        "keras-vae evaluate model.keras --dataset 'my photos' --image-size 32 --gray --out runs/again"
    )


def test_only_missing_figures_are_drawn_and_partial_files_are_ignored(toy_run, tmp_path, monkeypatch):
    run, drawn = copy(toy_run, tmp_path / "run"), []

    def draw(run):
        drawn.append("figure")
        return Figure((1, 1))

    own = RunFigure("own", "A figure.", draw, lambda run: True, "training")
    monkeypatch.setattr(run_figures, "FIGURES", {"own": own})
    monkeypatch.setattr(run_figures, "trajectory_video", lambda run: drawn.append("video"))
    for folder in ("figures", "videos"):
        shutil.rmtree(run.path / folder, ignore_errors=True)
        (run.path / folder).mkdir()
    (run.path / "figures" / "mine.png").write_bytes(DOT)
    (run.path / "figures" / ".partial-latent.png").write_bytes(DOT[:20])
    (run.path / "videos" / ".partial-trajectory.mp4").write_bytes(b"half")
    run_figures.draw_what_is_missing(run)
    assert drawn == ["figure", "video"]
    page = Page(run_page.write(run))
    assert (page.pictures.count("img"), page.pictures.count("video")) == (2, 0)
    run_figures.draw_what_is_missing(run, video=False)
    (run.path / "videos" / "mine.mp4").write_bytes(b"a video")
    run_figures.draw_what_is_missing(run)
    assert drawn == ["figure", "video"]


def test_a_sprite_of_wide_images_has_fewer_columns():
    sprite = data_uri.sprite(np.zeros((60, 3, 700), "uint8"))
    assert sprite["columns"] == 16383 // 700
    assert read_picture(sprite["src"]).shape[:2] == (3 * 3, 23 * 700)


def test_no_figure_is_named_by_its_file():
    assert set(run_figures.FIGURES) <= set(captions.RUN_CAPTIONS)


def test_captions_of_the_folder_replace_the_defaults(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "figures").mkdir(exist_ok=True)
    for i, name in enumerate(("units", "samples", "aggregate", "own-figure")):
        (run.path / "figures" / f"{name}.png").write_bytes(dot(i))
    page = run_page.write(run).read_text(encoding="utf-8")
    assert captions.RUN_CAPTIONS["units"] in page
    assert "Own figure." in page
    (run.path / "figures" / "captions.json").write_text(json.dumps({"samples": "First.", "units": "Second."}))
    page = run_page.write(run).read_text(encoding="utf-8")
    finding = findings.active_units(run)
    assert page.index('alt="First."') < page.index(f'alt="{finding}. Second."') < page.index('alt="Own figure."')
    assert captions.RUN_CAPTIONS["units"] not in page
    (run.path / "figures" / "captions.json").write_text("{")
    with pytest.raises(InputError, match=r"captions\.json: expected JSON; .* draw the figures again"):
        run_page.write(run)


def test_the_caption_of_a_video_names_the_marks_that_it_has(toy_run, tmp_path, monkeypatch):
    run = copy(toy_run, tmp_path / "run")
    shutil.rmtree(run.path / "videos", ignore_errors=True)
    (run.path / "videos").mkdir()
    monkeypatch.setattr(video, "encode_mp4", lambda frames, n, path, *options: path.write_bytes(mp4(64)) and path)
    marks = {False: "circles: r² = σₓ σᵧ of each posterior", True: "ellipses: the posterior's σ along each axis"}
    for ellipses, mark in marks.items():
        run_figures.trajectory_video(run, ellipses=ellipses)
        text = html.unescape(run_page.write(run).read_text(encoding="utf-8"))
        assert f"Test images in the latent plane during training; {mark}." in text
    run_figures.trajectory_video(run, "early", epochs=(0, 1), one_per_label=True)
    assert captions.of_videos(run.path)["early"].startswith(
        "One test image of each label in the latent plane from epoch"
    )
    (run.path / "videos" / "trajectory.mp4").unlink()
    run_figures.trajectory_video(run, "early")
    assert list(captions.of_videos(run.path)) == ["early"]  # of the video that exists
    (run.path / "videos" / "captions.json").write_text("{")
    with pytest.raises(DamagedFileError, match=r"captions\.json: expected JSON; .* make the video again"):
        run_page.write(run)
    run_figures.trajectory_video(run)
    assert list(captions.of_videos(run.path)) == ["trajectory"]


def test_a_video_without_a_caption_is_not_described_by_marks_that_it_may_lack(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    shutil.rmtree(run.path / "videos", ignore_errors=True)
    (run.path / "videos").mkdir()
    (run.path / "videos" / "trajectory.mp4").write_bytes(mp4(64))
    assert "Posterior means of test images during training.<" in run_page.write(run).read_text(encoding="utf-8")


@pytest.mark.parametrize(("low", "high", "is_explained"), [(0.0, -0.01, True), (0.0, 0.0, False), (1.0, 2.0, False)])
def test_a_lower_end_above_the_upper_end_is_explained(low, high, is_explained):
    divergence = {"interval": [low, high], "saturated": False}
    encodings = {"divergence": divergence, "total_correlation": [None, None], "latent_units": 2, "n_active": 1}
    text = " ".join(audit_text.sentences({"audit": {"encodings": encodings}}))
    assert ("KL(q(z) ‖ N(0, I)), 0 nats, exceeds its upper end, −0.01" in text) is is_explained
    assert ("Monte-Carlo error" in text) is is_explained
    encodings["total_correlation"] = [low, high]
    text = " ".join(audit_text.sentences({"audit": {"encodings": encodings}}))
    assert ("the total correlation, 0 nats, exceeds" in text) is is_explained


def test_the_first_epoch_is_cut_from_long_curves():
    values = np.array([500.0, 100, 99, 98, 97, 96, 95, 94])
    drawn = svg.curves(np.arange(1.0, 9), [svg.Curve("loss", "loss", False, values)], "loss")
    assert ">500<" not in drawn
    short = svg.curves(np.arange(1.0, 4), [svg.Curve("loss", "loss", False, values[:3])], "loss")
    assert ">500<" in short
    assert 'class="series-loss"' in drawn


def luminance(color: str) -> float:
    """Relative luminance of a colour (WCAG 2.1)."""
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_every_series_of_the_charts_has_a_colour(toy_run, tmp_path):
    columns = ["epoch", *dict.fromkeys(column for panel in training_charts.PANELS.values() for column in panel)]
    values = np.arange(1.0, 4)
    history = dict.fromkeys([*columns, *(f"val_{column}" for column in columns)], values)
    charts = training_charts.charts(SimpleNamespace(has_history=True, history=history, image_shape=(8, 8)))
    assert [chart["title"] for chart in charts] == list(training_charts.PANELS)
    page = run_page.write(copy(toy_run, tmp_path / "run")).read_text(encoding="utf-8")
    series = {name for chart in charts for name in re.findall(r'class="series-([\w-]+)', chart["svg"])}
    assert series == {curve.series for chart in charts for curve in chart["curves"]}  # of the legend
    for name in series:
        (variable,) = re.findall(rf"\.series-{name}\b(?!-)[^{{]*{{ color: var\((--[\w-]+)\)", page)
        assert len(re.findall(rf"{variable}: #[0-9a-f]{{6}};", page)) == 3  # light, dark by the system, dark
    (parts,) = (chart for chart in charts if chart["title"] == "Parts of the objective")
    n_parts = len(training_charts.PANELS["Parts of the objective"])
    assert len({curve.series for curve in parts["curves"]}) == n_parts
    assert n_parts <= len(palette.PARTS) == len(palette.DARK_PARTS) == len(set(palette.PARTS))
    papers = re.findall("--paper: (#[0-9a-f]{6});", page)
    assert len(set(papers)) == 2
    for colors, paper in ((palette.PARTS, papers[0]), (palette.DARK_PARTS, papers[1])):
        for color in colors:
            low, high = sorted([luminance(color), luminance(paper)])
            assert (high + 0.05) / (low + 0.05) > 3, (color, paper)


def test_what_does_not_change_in_its_digits_stayed():
    kl = svg.Curve("test KL", "kl", True, np.array([1e-6, 2e-6]))
    assert training_charts._finding(np.arange(2), [kl]) == "Test KL stayed at 0 in 2 epochs."
    losses = np.array([190.01, 190.02])
    assert findings.of_losses(np.arange(2), losses) == "The test loss stayed at 190.0 nats per image"


def test_a_posterior_that_is_not_registered_here_is_described_as_a_vae():
    from keras_vae.report import posterior_text

    assert posterior_text.model_name("autoencoder") == "An autoencoder"
    assert posterior_text.model_name("free-bits") == "A variational autoencoder"


def test_captions_begin_with_the_finding_and_no_picture_is_shown_twice(toy_run, tmp_path):
    run = copy(toy_run, tmp_path / "run")
    (run.path / "figures").mkdir(exist_ok=True)
    for i, name in enumerate(("reconstructions", "latent", "manifold", "copy-a", "copy-b")):
        (run.path / "figures" / f"{name}.png").write_bytes(dot(min(i, 3)))
    page = Page(run_page.write(run))
    loss = formatting.number(run.metrics["test"]["reconstruction"])
    assert f'alt="The reconstruction loss of test images is {loss} nats per image. Test images' in page.text
    assert page.pictures.count("img") == 2  # of the equal pictures one; neither of those that the explorer draws
    first, last = run.history["val_loss"][[0, -1]]
    verb = "fell" if last < first else "rose"
    assert f"Test loss {verb} from {formatting.number(first)} to {formatting.number(last)} in" in page.text


def test_findings_of_an_evaluation(toy_run, monkeypatch):
    evaluation: dict = {}
    monkeypatch.setattr(type(toy_run), "has_evaluation", True)
    monkeypatch.setattr(type(toy_run), "evaluation", evaluation)
    of_evaluation = ("samples", "interpolation", "aggregate", "samplers")
    assert not any(findings.finding(toy_run, stem) for stem in of_evaluation)
    evaluation |= {
        "samples": {"prior": {"confidence": 0.75}},
        "interpolation": {"linear": {"largest_step": 2.0}, "cross_fade": {"largest_step": 1.0}},
        "audit": {
            "encodings": {"divergence": {"interval": [0.5, 1.5]}},
            "samplers": {"scores": {"prior": {"frechet": 3.0}, "gaussian_mixture": {"frechet": 2.0}}},
        },
    }
    found = {stem: findings.finding(toy_run, stem) for stem in of_evaluation}
    assert found["samples"].endswith("a mean probability of 0.75")
    assert "2.00 times the mean step on a linear path, 1.00 times" in found["interpolation"]
    assert found["aggregate"] == "KL(q(z) ‖ N(0, I)) is within 0.50 … 1.50 nats"
    assert found["samplers"] == "Samples with z from a fitted Gaussian mixture have the smallest Fréchet distance, 2.00"
    assert not findings.finding(toy_run, "principal")  # two units have no other plane
    assert findings.caption(toy_run, "aggregate", "A figure.") == f"{found['aggregate']}. A figure."
    assert findings.caption(toy_run, "own", "Mine.") == "Mine."


@needs_browser
def test_what_is_wider_than_the_page_fades_out_where_it_goes_on(audited_run, tmp_path, browser):
    run = copy(audited_run, tmp_path / "run")
    (run.path / "figures").mkdir(exist_ok=True)
    Image.new("L", (2400, 800), 255).save(run.path / "figures" / "units.png")
    path = run_page.write(run)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    wide = [".card:has(img.wide)", ".scroll:has(.bar)"]  # a figure, and the table of units
    for selector in wide:
        wait_for(browser, "document.querySelector(arguments[0]).className.endsWith(' more-right')", selector)
        browser.execute_script("document.querySelector(arguments[0]).scrollLeft = 20", selector)
        wait_for(browser, "document.querySelectorAll(arguments[0] + '.more-left.more-right').length", selector)
        fade = browser.execute_script(
            "return getComputedStyle(document.querySelector(arguments[0])).maskImage", selector
        )
        assert fade.startswith("linear-gradient(to right, rgba(0, 0, 0, 0), rgb(0, 0, 0) 48px")
        browser.execute_script("document.querySelector(arguments[0]).scrollLeft = 9999", selector)
        wait_for(browser, "document.querySelector(arguments[0]).className.endsWith(' more-left')", selector)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"width": 1280, "mobile": False})
    for selector in wide:
        wait_for(browser, "!document.querySelector(arguments[0]).className.includes('more-')", selector)
