"""The index page of a folder of runs, and the command that writes all pages."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from pages import Page, copy, needs_browser, trained, wait_for

from keras_vae import InputError
from keras_vae.report import index_page, pages, rate_distortion, run_page
from keras_vae.runs import adoption, comparison


def test_the_index_of_a_folder(toy_run, tmp_path):
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
    assert "2 finished runs and 1 unfinished" in page.text
    one = index_page.find([tmp_path / "a"])
    assert (len(one.runs), one.folder) == (1, None)  # a single run has no index
    assert index_page.find([tmp_path / "a", tmp_path / "b"]).folder == tmp_path


def test_the_index_of_studies_and_runs_in_several_folders(toy_run, tmp_path):
    runs, study, foreign = tmp_path / "runs", tmp_path / "study", tmp_path / "model"
    for folder in (study, foreign):
        folder.mkdir()
    content = {
        "title": "A study", "command": "python recipes/a.py", "dataset": {"name": "mnist", "train": 1, "test": 1},
        "epochs": 1, "seeds": 1, "minutes": 1.0, "versions": {}, "threads": 2, "configs": {}, "runs": [], "tables": [],
        "claims": [],
    }  # fmt: skip
    (study / "study.json").write_text(json.dumps(content))
    (study / "report.html").write_text("its page")
    (foreign / "config.json").write_text('{"architectures": ["Model"]}')
    run_page.write(copy(toy_run, runs / "a"))
    copy(toy_run, tmp_path / "disk" / "b")
    (runs / "b").symlink_to(tmp_path / "disk" / "b")
    run_page.write(runs / "b")
    found = index_page.find([runs, study])
    assert found.folder == tmp_path
    page = Page(index_page.write(found.folder, found.runs, found.studies))
    addresses = {"runs/a/report.html", "runs/b/report.html", "study/report.html"}
    assert {source for source in page.sources if not source.startswith("data:")} == addresses
    assert [run.path.name for run in index_page.find([tmp_path, runs]).runs] == ["a", "b", "a", "b"]
    with pytest.raises(InputError, match="expected a run, a study or a folder of them"):
        index_page.find([foreign])


def test_the_report_command(toy_run, tmp_path, monkeypatch, capsys):
    import sys

    from keras_vae import cli

    for name in ("a", "b"):
        copy(toy_run, tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["keras-vae", "report", "--no-draw", str(tmp_path)])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert not exit.value.code
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "Writing pages"
    paths = [Path(line) for line in lines]
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


def with_losses(run, **losses):
    metrics = run.metrics
    metrics["test"] |= losses
    run.write_json("metrics.json", metrics)
    return run


def test_runs_are_marked_by_rate_and_distortion(toy_run, tmp_path):
    places = [(4.0, 20.0), (8.0, 18.0), (6.0, 26.0), (5.0, 22.0), (900.0, 21.0)]
    runs = [
        with_losses(copy(toy_run, tmp_path / str(i)), kl=rate, reconstruction=distortion)
        for i, (rate, distortion) in enumerate(places)
    ]
    without_kl = copy(toy_run, tmp_path / "without")
    metrics = without_kl.metrics
    del metrics["test"]["kl"]
    without_kl.write_json("metrics.json", metrics)
    (plane,) = rate_distortion.planes([*runs, without_kl], lambda run: f"{run.path.name}/report.html")
    assert plane["marks"] == 5
    assert "has the largest ELBO of 5 runs, −24" in plane["text"]
    assert "1 run outside the view" in plane["text"]
    x, y = rate_distortion._axes([rate_distortion.Mark("", *place, "", "", "", True) for place in places])
    for i, (rate, distortion) in enumerate(places[:4]):
        assert f'<a href="{i}/report.html" class="run"' in plane["svg"]
        assert f'cx="{x.at(rate):.1f}" cy="{y.at(distortion):.1f}"' in plane["svg"]
    # Along a diagonal, rate + distortion is constant.
    for line in rate_distortion._diagonals(x, y):
        ends = [
            x.low + (px - x.first) / (x.last - x.first) * (x.high - x.low)
            + y.low + (py - y.first) / (y.last - y.first) * (y.high - y.low)
            for px, py in ((line.x1, line.y1), (line.x2, line.y2))
        ]  # fmt: skip
        assert ends == pytest.approx([-float(line.label.split()[1].replace("−", "-"))] * 2)


def with_settings(run, **settings):
    described = run.config
    described["config"] |= settings
    run.write_json("config.json", described)
    return run


def test_runs_of_a_sweep_have_different_names(toy_run, tmp_path):
    """Settings that differ name runs; runs of equal settings have the names of their folders as well."""
    settings = {
        "a": {"learning_rate": 0.001, "beta": 0.5},
        "b": {"learning_rate": 0.003, "beta": 0.5},
        "c": {"learning_rate": 0.003, "beta": 0.5},
    }
    runs = [with_settings(copy(toy_run, tmp_path / name), **given) for name, given in settings.items()]
    assert comparison.names(runs) == ["learning rate 0.001", "learning rate 0.003, b", "learning rate 0.003, c"]
    assert comparison.names(runs[1:]) == ["b", "c"]
    again = copy(toy_run, tmp_path / "again" / "c")
    assert comparison.folder_names([*runs, again]) == ["a", "b", "c", "again/c"]
    for i, (normalization, shape) in enumerate(((None, "linear"), ("batch", "cosine"), ("layer", "linear"))):
        with_settings(runs[i], normalization=normalization, warmup_shape=shape, batch_size=i + 1, learning_rate=0.1)
    assert comparison.names(runs)[:2] == [
        "batch size 1, normalization none, warm-up shape linear",
        "batch size 2, normalization batch, warm-up shape cosine",
    ]


def test_settings_that_a_foreign_model_lacks_name_no_run(toy_run, tmp_path):
    trained_here, foreign = (copy(toy_run, tmp_path / name) for name in ("here", "there"))
    kept = {key: foreign.config["config"][key] for key in ("dataset", "posterior", "likelihood", "seed")}
    foreign.write_json("config.json", foreign.config | {"config": {"architecture": "vae", **kept}, "adopted": "a"})
    assert comparison.names([trained_here, foreign]) == [trained_here.config["config"]["architecture"], "vae"]


def test_the_table_of_an_index_shows_what_distinguishes_runs(toy_run, tmp_path):
    long = f"long_{'name_' * 9}"
    for name, rate in (("a", 0.001), ("b", 0.003), (long, 0.003)):
        with_settings(copy(toy_run, tmp_path / name), learning_rate=rate)
    (tmp_path / "b" / "metrics.json").unlink()
    found = index_page.find([tmp_path])
    text = index_page.write(tmp_path, [*found.runs, *found.unfinished]).read_text(encoding="utf-8")
    head = re.findall(r'<th scope="col"[^>]*><button type="button">([^<]*)', text)
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in re.findall("<tr><td.*?</tr>", text)]
    assert head[:2] == ["run", "architecture"]
    assert "batch size" not in head
    shown = [(row[0], row[head.index("learning rate")]) for row in rows]
    assert shown == [("a", "0.001"), (long, "0.003"), ("b (unfinished)", "0.003")]
    assert 'class="text long"' in text
    assert text.count('class="text long"') == 1


def test_marks_of_runs_without_a_page_are_reached_by_the_keyboard(toy_run, tmp_path):
    runs = [copy(toy_run, tmp_path / name) for name in ("a", "b")]
    for addresses, advice in (
        ({"a": "a.html", "b": "b.html"}, " A click opens the run."),
        ({"a": "a.html"}, " A click opens a run that has a page."),
        ({}, ""),
    ):
        (plane,) = rate_distortion.planes(runs, lambda run, known=addresses: known.get(run.path.name, ""))
        assert plane["text"].endswith(f"samples of the prior.{advice}")
        marks = re.findall(r'<(a|g) ([^>]*class="run"[^>]*)>', plane["svg"])
        assert len(marks) == 2
        for (tag, attributes), name in zip(marks, "ab", strict=True):
            assert f'aria-label="{name}, KL ' in attributes
            assert (tag == "a") == (name in addresses)
            assert ('role="img" tabindex="0"' in attributes) == (tag == "g")


def test_a_long_name_below_a_picture_has_a_line_for_each_setting():
    names = [f"β = {beta}, learning rate 0.0004123, batch size 113" for beta in (0.5, 2)]
    lines = [rate_distortion._lines(name) for name in names]
    assert lines[0] == ["β = 0.5", "learning rate 0.0004123", "batch size 113"]
    assert lines[0] != lines[1]
    marks = [rate_distortion.Mark(name, 5.0 + i, 100.0, "", "", "data:,", True) for i, name in enumerate(names)]
    drawn = rate_distortion.plane(marks, "MNIST")
    assert drawn.count(">learning rate 0.0004123</text>") == drawn.count("<image")


def test_damaged_samples_of_a_run_are_named_in_the_index(toy_run, tmp_path):
    for name in ("a", "b"):
        copy(toy_run, tmp_path / name)
    samples = tmp_path / "b" / "arrays" / "samples.npz"
    samples.write_bytes(b"")
    errors = pages.write([tmp_path], draw=False)
    assert list(errors) == [samples]
    text = (tmp_path / "index.html").read_text()
    assert text.count(f"{samples}: expected a readable .npz; it is damaged") == 1
    assert text.count('class="run"') == 2


@pytest.mark.parametrize(("rates", "low", "high"), [((9.0, 11.0, 13.0), 8.44, 13.56), ((1.0, 10.0), 0.0, 11.2)])
def test_the_rate_begins_at_0_only_where_it_is_small(rates, low, high):
    x, _ = rate_distortion._axes([rate_distortion.Mark("", rate, 150.0, "", "", "", True) for rate in rates])
    assert (x.low, x.high) == pytest.approx((low, high))


def test_runs_that_hardly_differ_are_close_together():
    marks = [rate_distortion.Mark("", *place, "", "", "", True) for place in ((4.85, 167.85), (4.91, 167.86))]
    for axis in rate_distortion._axes(marks):
        assert axis.high - axis.low > 3  # nats
    one, other = (rate_distortion._clipped(mark, *rate_distortion._axes(marks)) for mark in marks)
    assert np.hypot(*np.subtract(one, other)) < 30  # pixels


def test_a_mark_with_a_much_smaller_rate_lies_outside_to_the_left():
    rates = [9.0, 9.2, 9.4, 9.6, 9.8, 0.1]
    marks = [rate_distortion.Mark("", rate, 150.0 + rate, "", "", "", True) for rate in rates]
    directions = [rate_distortion._direction(mark, *rate_distortion._axes(marks)) for mark in marks]
    assert directions[:5] == [None] * 5
    assert directions[5] == 180


def test_pictures_overlap_neither_marks_nor_each_other():
    rng = np.random.default_rng(0)
    marks = [
        rate_distortion.Mark("784-256-2", rate, distortion, "", "", "data:,", True)
        for rate, distortion in rng.uniform((2, 90), (30, 140), (30, 2))
    ]
    x, y = rate_distortion._axes(marks)
    places = [(x.at(mark.rate), y.at(mark.distortion)) for mark in marks]
    boxes = rate_distortion._place(marks, places, [])
    assert len(boxes) > 5
    for i, box in boxes.items():
        assert not any(box.overlaps(other) for j, other in boxes.items() if j != i)
        assert not any(box.x < px < box.x + box.width and box.y < py < box.y + box.height for px, py in places)


@needs_browser
def test_a_click_on_a_mark_opens_the_run(toy_run, tmp_path, browser):
    runs = [
        with_losses(copy(toy_run, tmp_path / name), kl=kl, reconstruction=20.0 + kl)
        for name, kl in (("a", 3.0), ("b", 6.0))
    ]
    pages = [run_page.write(run) for run in runs]
    browser.get(index_page.write(tmp_path, runs).as_uri())
    mark = browser.find_elements("css selector", ".rate-distortion .run")[1]
    browser.execute_script("arguments[0].focus()", mark)
    wait_for(browser, "!document.getElementById('run-card').hidden")
    card = browser.execute_script(
        "const card = document.getElementById('run-card'); return [card.textContent, card.querySelector('img').src]"
    )
    assert "KL 6.00, reconstruction 26.00, ELBO −32.00 nats" in card[0]
    assert card[1].startswith("data:image/webp")
    mark.find_element("css selector", ".mark").click()
    wait_for(browser, "location.href.split('#')[0] === arguments[0]", pages[1].as_uri())


@needs_browser
def test_the_index_can_be_sorted(toy_run, tmp_path, browser):
    runs = [copy(toy_run, tmp_path / name) for name in ("a", "b", "c")]
    for run, loss in zip(runs, (30.0, 4.0, 200.0), strict=True):
        metrics = run.metrics
        metrics["test"]["loss"] = loss
        run.write_json("metrics.json", metrics)
    browser.get(index_page.write(tmp_path, runs).as_uri())
    read = "return [...document.querySelectorAll('tbody tr')].map((row) => Number(row.cells[6].dataset.value))"
    assert browser.execute_script(read) == [30, 4, 200]
    browser.execute_script("document.querySelectorAll('th button')[6].click()")
    assert browser.execute_script(read) == [4, 30, 200]
    browser.execute_script("document.querySelectorAll('th button')[6].click()")
    assert browser.execute_script(read) == [200, 30, 4]
    assert browser.get_log("browser") == []


def test_a_run_that_is_compared_with_none_has_no_plane(toy_run, tmp_path):
    copy(toy_run, tmp_path / "a")
    runs = index_page.find([tmp_path]).runs
    assert rate_distortion.planes(runs, lambda run: "") == []
    text = index_page.write(tmp_path, runs).read_text(encoding="utf-8")
    assert "1 finished run. Losses are measured on test images, in nats per image.</p>" in text
    assert '<svg class="rate-distortion"' not in text
    other = copy(toy_run, tmp_path / "b")
    other.write_json("config.json", other.config | {"config": other.config["config"] | {"likelihood": "gaussian"}})
    text = index_page.write(tmp_path, index_page.find([tmp_path]).runs).read_text(encoding="utf-8")
    assert "No two of them have a KL and the same data and likelihood" in text
    assert '<svg class="rate-distortion"' not in text


def test_a_model_trained_elsewhere_is_compared_with_runs_of_its_data(toy_run, data, tmp_path):
    shutil.copy(toy_run.model_path, tmp_path / "vae.keras")
    one = copy(toy_run, tmp_path / "runs" / "trained")
    adopted = adoption.adopt(tmp_path / "vae.keras", data, tmp_path / "runs" / "adopted")
    assert adopted.config["config"]["likelihood"] == one.config["config"]["likelihood"] == "bernoulli"
    earlier = copy(adopted, tmp_path / "runs" / "earlier")  # which has the name of the class
    earlier.write_json(
        "config.json", earlier.config | {"config": earlier.config["config"] | {"likelihood": "Bernoulli"}}
    )
    (plane,) = rate_distortion.planes([one, adopted, earlier], lambda run: "")
    assert plane["marks"] == 3
    assert "bernoulli likelihood" in plane["title"]


@pytest.fixture
def rows(tmp_path):
    """Two runs of a table."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    np.savez(tmp_path / "table.npz", x_train=x, x_test=x[:20])
    return [trained(tmp_path / "table.npz", tmp_path / "tables" / name, "3-4-1", seed=i) for i, name in enumerate("ab")]


def test_losses_of_tables_are_per_row(toy_run, rows, tmp_path):
    text = index_page.write(tmp_path, rows).read_text(encoding="utf-8").split("<script>")[0]
    assert "Losses are measured on test rows, in nats per row." in text
    assert "rate: KL, nats per row" in text
    assert "per image" not in text
    text = index_page.write(tmp_path, [*rows, toy_run]).read_text(encoding="utf-8")
    assert "Losses are measured on test images or rows, in nats per image or row." in text
