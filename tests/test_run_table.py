"""Comfort of the interface: a table of runs, pages that open, and the text of a run and an audit."""

import os

import numpy as np
import pytest
from pages import copy

import keras_vae as kv
from keras_vae.report import browser


@pytest.fixture
def opened(monkeypatch):
    addresses = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def test_runs_are_compared_by_what_differs(toy_run, tmp_path):
    for name in ("a", "b"):
        copy(toy_run, tmp_path / name)
    config = kv.Run(tmp_path / "b").config
    config["config"]["beta"] = 2.0
    kv.Run(tmp_path / "b").write_json("config.json", config)
    table = kv.compare(tmp_path)
    assert table.index.tolist() == ["a", "b"]
    assert table["beta"].tolist() == [1.0, 2.0]
    assert "architecture" not in table
    assert table.loc["a", "loss"] == toy_run.metrics["test"]["loss"]
    assert table.equals(kv.compare([kv.Run(tmp_path / "a"), str(tmp_path / "b")]))


def test_an_evaluated_run_has_its_frechet_distance(audited_run):
    expected = audited_run.evaluation["samples"]["prior"]["frechet"]
    assert kv.compare(audited_run)["frechet.prior"].tolist() == [expected]


@pytest.mark.parametrize("runs", [5, [], [3], None])
def test_other_values_than_runs_are_refused(runs):
    for function in (kv.compare, kv.show):
        with pytest.raises(kv.InputError, match="runs: expected"):
            function(runs)


def test_the_page_of_a_run_is_written_once_and_opened(toy_run, tmp_path, opened):
    run = kv.Run(copy(toy_run, tmp_path / "a").path)
    page = run.path / "report.html"
    page.unlink(missing_ok=True)
    assert kv.show(run, draw=False) == [page]
    written = os.path.getmtime(page)
    kv.show(run.path, draw=False)
    assert os.path.getmtime(page) == written
    assert opened == [page.as_uri()] * 2
    os.utime(page, (0, 0))  # older than the results
    kv.show(run, draw=False)
    assert os.path.getmtime(page) >= written


def test_several_runs_open_an_index_and_no_browser_prints_it(toy_run, tmp_path, monkeypatch, capsys):
    for name in ("a", "b"):
        copy(toy_run, tmp_path / name)
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: False)
    assert kv.show(tmp_path, draw=False) == [tmp_path / "index.html"]
    assert str(tmp_path / "index.html") in capsys.readouterr().out


def test_texts_of_a_run_and_an_audit(toy_run, tmp_path):
    assert "finished" in repr(toy_run)
    assert toy_run.title in repr(toy_run)
    assert repr(kv.Run(tmp_path)).endswith("empty)")
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "history.csv").write_text("")
    assert "damaged" in repr(kv.Run(tmp_path))
    audit = kv.diagnostics.audit(np.zeros((10, 3)), np.zeros((10, 3)), quiet=True)
    assert repr(audit) == "Audit(10 encodings of 3 units, 0 of them active)"
