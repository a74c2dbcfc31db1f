"""Names of data sets and classes from outside of the package, in figures, videos, pages and on the terminal."""

import html
import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import blobs
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from pages import check_silence, needs_browser, open_page
from programs import run as command

from keras_vae import Config, Dataset, InputError, Run, load, report, train, video
from keras_vae._utils import foreign_text
from keras_vae.evaluation import judge
from keras_vae.plots import run_figures, visuals
from keras_vae.runs import run_data

pytestmark = pytest.mark.usefixtures("few_pixels")

NAME = r"a$\frac{$ [bold]<b>&'" + '"%s_{0}.npz'
CLASSES = ("$x^{", "[red]", "</script><b>", "_hidden")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a data set of hostile names in `data/` and a run on it in `runs/a`."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "data").mkdir()
    (x_train, y_train), (x_test, y_test) = blobs(96), blobs(40, seed=1)
    names = np.array(CLASSES)
    np.savez(folder / "data" / NAME, x_train=x_train, y_train=names[y_train], x_test=x_test, y_test=names[y_test])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = Config("64-16-3", dataset=f"data/{NAME}", epochs=1, batch_size=40, record_every=1, record_per_label=2)
        train(config, "runs/a", quiet=True)
    return folder


@pytest.fixture
def run(folder) -> Run:
    return Run.open(folder / "runs" / "a")


def test_class_names_are_kept_in_the_run_folder_and_arrays_hold_numbers(run):
    assert run.class_names == tuple(sorted(CLASSES))
    for name, key in (("encodings", "labels"), ("trajectory", "labels"), ("explorer", "labels")):
        labels = run.arrays(name)[key]
        assert labels.dtype.kind in "ui"
        assert set(labels.tolist()) == {0, 1, 2, 3}


def test_runs_on_numbered_classes_have_no_class_names(toy_run):
    assert "class_names" not in toy_run.config["dataset"]
    assert toy_run.class_names is None


def test_figures_show_the_names_as_they_are(run):
    for figure in run_figures.FIGURES.values():
        if not figure.applies(run) or figure.section == "audit":
            continue
        drawn = figure.draw(run)
        texts = [artist.get_text() for artist in drawn.findobj(Text)]
        assert any(NAME.removesuffix(".npz") in text.replace(r"\$", "$") for text in texts), figure.name
        with visuals.style():
            FigureCanvasAgg(drawn).draw()  # raises for a formula that can't be parsed
    for figure in ("posteriors", "principal"):
        legend = run_figures.FIGURES[figure].draw(run).get_axes()[0].get_legend()
        assert [text.get_text().replace(r"\$", "$").strip() for text in legend.get_texts()] == sorted(CLASSES)


def test_a_legend_has_an_entry_for_every_class():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = run_figures.layout.panels(1, 1, (4.0, 4.0))[0]
        ax = figure.get_axes()[0]
        visuals.latent_scatter(ax, np.zeros((4, 2)), np.arange(4), 3.0, (0, 1), ("_a", "$", "b", r"\$"))
        FigureCanvasAgg(figure).draw()
    assert len(ax.get_legend().get_texts()) == 4


def test_videos_of_hostile_titles_and_text_labels(run, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "path", Path(shutil.copytree(run.path, tmp_path / "run")))
    path = run_figures.trajectory_video(run, quiet=True)
    assert path.stat().st_size > 1000
    codes = run.arrays("encodings")
    small = {"seconds": 0.1, "size": 64, "quiet": True}
    for labels, names in ((codes["labels"], run.class_names), (np.array(CLASSES)[codes["labels"]], None)):
        assert video.write_turn(codes["mean"], labels, tmp_path / "turn.mp4", class_names=names, **small).is_file()


def test_text_labels_have_the_colours_of_their_numbers():
    numbers = np.array([2, 0, 1, 2])
    text = np.array(["a", "b", "c"])[numbers]
    np.testing.assert_array_equal(visuals.label_colors(text, 4), visuals.label_colors(numbers, 4))
    assert [key.get_label() for key in visuals.label_keys(text)] == ["a", "b", "c"]


def test_the_page_holds_numbers_and_names(run, tmp_path):
    copy = Run(shutil.copytree(run.path, tmp_path / "run"))
    page = report.write(copy).read_text(encoding="utf-8")
    title = re.search(r"<title>(.*?)</title>", page)[1]
    assert html.unescape(title).startswith(f"64-16-3 on {NAME.removesuffix('.npz')}")
    assert "<b>&" not in page
    assert "</script><b>" not in page
    data = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.S)[1])
    assert data["classNames"] == sorted(CLASSES)
    assert set(data["points"]["labels"]) == set(data["trajectory"]["labels"]) == {0, 1, 2, 3}


@needs_browser
def test_the_page_shows_the_names_in_the_browser(run, tmp_path, browser):
    from selenium.webdriver.common.by import By

    path = report.write(Run(shutil.copytree(run.path, tmp_path / "run")))
    open_page(browser, path)
    buttons = browser.find_elements(By.CSS_SELECTOR, "#legend button")
    assert [button.text for button in buttons] == sorted(CLASSES)
    buttons[2].click()
    assert browser.execute_script("return explorer.label") == 2
    named = browser.execute_script("return explorer.pointName(5)")
    assert named == f"label {sorted(CLASSES)[run.arrays('explorer')['labels'][5]]}"
    check_silence(browser, path)


@pytest.mark.slow
def test_the_command_line_trains_draws_evaluates_and_reports(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(judge, "EPOCHS", 1)
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "run [bold] $x^{"
    options = ["--architecture", "64-8-2", "--epochs", 1, "--batch-size", 32, "--out", out]
    assert command(monkeypatch, "train", "--dataset", f"data/{NAME}", *options) == 0
    assert f"on data/{NAME}, 1 epoch" in capsys.readouterr().out
    assert command(monkeypatch, "draw", out, "--no-video") == 0
    assert command(monkeypatch, "evaluate", out, "--no-audit") == 0
    assert command(monkeypatch, "report", out, "--no-draw") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "report.html")


# -- where the data of a run are -----------------------------------------------------------------------------------


def test_the_data_are_found_from_any_working_directory(folder, run, tmp_path, monkeypatch):
    assert run.config["config"]["dataset"] == f"data/{NAME}"
    assert run.config["dataset"]["path"] == f"../../data/{NAME}"  # without the folders above, which are of the machine
    monkeypatch.chdir(tmp_path)
    assert run_data.load(run).digest == run.config["dataset"]["digest"]
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert run_data.load(Run.open(moved / "runs" / "a")).name.startswith(str(moved))
    alone = Run.open(shutil.copytree(run.path, tmp_path / "alone"))
    monkeypatch.chdir(folder)
    assert run_data.load(alone).name == f"data/{NAME}"


def test_runs_of_earlier_versions_have_no_path(folder, run, tmp_path, monkeypatch):
    old = Run(shutil.copytree(run.path, tmp_path / "old"))
    config = old.config
    del config["dataset"]["path"]
    old.write_json("config.json", config)
    monkeypatch.chdir(folder)
    assert run_data.load(old).class_names == tuple(sorted(CLASSES))


def test_other_data_at_the_first_place_are_passed_over(folder, run, tmp_path, monkeypatch):
    alone = Run(shutil.copytree(run.path, tmp_path / "x" / "y" / "alone"))
    other = tmp_path / "x" / "data" / NAME
    other.parent.mkdir()
    np.savez(other, x_train=blobs(5)[0], x_test=blobs(5)[0])
    monkeypatch.chdir(folder)
    assert run_data.load(alone).digest == run.config["dataset"]["digest"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="has changed since"):
        run_data.load(alone)


def test_moved_data_are_reported_with_both_ways_out(run, tmp_path, monkeypatch, capsys, folder):
    alone = Run(shutil.copytree(run.path, tmp_path / "alone"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"there is none; move it back, or pass it .*, data=load\('FILE\.npz'\)"):
        run_data.load(alone)
    assert command(monkeypatch, "evaluate", "alone") == 2
    said = capsys.readouterr().err
    assert said.endswith("; there is none; move it back, or pass it from its new place, --dataset FILE.npz.\n")
    assert f"at data/{NAME} or " in said or f" or data/{NAME};" in said
    monkeypatch.setattr(judge, "EPOCHS", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert command(monkeypatch, "evaluate", "alone", "--no-audit", "--dataset", folder / "data" / NAME) == 0
    np.savez(tmp_path / "b.npz", x_train=blobs(5)[0], x_test=blobs(5)[0])
    assert command(monkeypatch, "evaluate", "alone", "--no-audit", "--dataset", "b.npz") == 2
    assert "b.npz holds other arrays than" in capsys.readouterr().err


def test_a_moved_data_set_can_be_passed_when_resuming(folder, run, tmp_path, monkeypatch, capsys):
    copy = shutil.copytree(run.path, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / "data" / NAME, tmp_path / "elsewhere.npz")
    config = Config("64-16-3", dataset="elsewhere.npz", epochs=1, batch_size=40, record_every=1, record_per_label=2)
    assert train(config, copy, resume=True, quiet=True).finished


def test_data_from_arrays_have_to_be_passed_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = blobs(40)
    data = Dataset.from_arrays("pets", {"x_train": x[:30], "y_train": y[:30], "x_test": x[30:]})
    run = train(Config("64-2", dataset="pets", epochs=1, batch_size=10), "run", quiet=True, data=data)
    assert "path" not in run.config["dataset"]
    with pytest.raises(InputError, match="expected the data set of run at pets; there is none"):
        run_data.load(run)


def test_text_is_cleaned():
    assert not foreign_text.is_clean("\x9b31m")
    assert foreign_text.cleaned("a\tb\r\n\udc80") == "a\ufffdb\ufffd\ufffd\ufffd"
    with pytest.raises(InputError, match="rename the file"):
        load("a\nb")
