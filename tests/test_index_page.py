"""The index page of a folder of runs, and the command that writes all pages."""

import json
from pathlib import Path

import pytest
from pages import Page, copy, needs_browser

from keras_vae import InputError
from keras_vae.report import index_page, run_page


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


@needs_browser
def test_the_index_can_be_sorted(toy_run, tmp_path, browser):
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
