"""Studies at toy size: training, resuming, results, verdicts, report and page."""

import contextlib
import copy
import io
import json
import math
import re
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from keras_vae import Config, Dataset, InputError, Run
from keras_vae._utils import formatting
from keras_vae._utils.verdicts import HOLDS, NOT_JUDGED, UNDECIDED
from keras_vae.data import DataOptions, registry
from keras_vae.evaluation import judge, run_evaluation
from keras_vae.measures import Measure
from keras_vae.report import study_page
from keras_vae.studies import (
    Mean,
    Quick,
    Study,
    Table,
    executors,
    main,
    presentation,
    run_study,
    study_files,
    study_text,
)
from keras_vae.studies.run_study import folder_name

WIDE, NARROW = "64-16-2", "64-4-2"


@pytest.fixture(scope="module", autouse=True)
def classifier_cache(tmp_path_factory):
    """All tests use one classifier."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "cache_folder", lambda: folder)
        yield


@pytest.fixture(scope="module")
def toy():
    """A study of two nets that draws one figure and has a measure of its own."""

    def draw(results):
        path = results.folder / "figures" / "a.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(path)
        return {path: "One black image."}

    return Study(
        name="toy",
        title="Toy nets",
        configs={net: {"architecture": net, "batch_size": 40, "record_per_label": 2} for net in (WIDE, NARROW)},
        measures=["loss", "kl", "penalty", "pixels"],
        claims=[
            Mean("losses are finite", "loss", (-math.inf, 1e6), {WIDE: 1}, published=50.0),
            Mean("a measure without values", "beauty", (0, math.inf), {WIDE: 1}),
        ],
        draw=draw,
        quick=Quick(epochs=1, configs=(NARROW,)),
        measure_run=lambda run, data, judge: {"pixels": float(data.x_test[0].size)},
        own_measures=[Measure("pixels", "pixels per image"), Measure("beauty", "beauty")],
        tables=lambda results: [Table("Seeds", ["seed"], [[str(seed)] for seed in range(results.seeds)])],
        source="A. Author, [On nets](https://example.org/nets?a=1&b=2), 2020 & later",
    )


def run(toy, npz, out, epochs=1, seeds=2, quick=True):
    return run_study(toy, str(npz), epochs, seeds, out, quick)


@pytest.fixture(scope="module")
def trained(toy, npz, tmp_path_factory):
    """The results of a quick study of two seeds and what it printed, read-only for tests."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        results = run(toy, npz, tmp_path_factory.mktemp("study") / "out")
    return results, printed.getvalue()


@pytest.fixture(scope="module")
def full_study(trained, toy, npz, tmp_path_factory):
    """The results of a study that is not quick, whose runs were trained before."""
    out = tmp_path_factory.mktemp("full") / "out"
    shutil.copytree(trained[0].folder.parent / "runs", out / "runs")
    return run(toy, npz, out, quick=False)


@pytest.fixture
def finished(full_study, tmp_path):
    """A copy of those results that a test may change."""
    out = shutil.copytree(full_study.folder.parent, tmp_path / "out")
    runs = {key: Run(out / "runs" / run.path.name) for key, run in full_study.runs.items()}
    return replace(full_study, folder=out / full_study.folder.name, runs=runs, rows=copy.deepcopy(full_study.rows))


def test_the_description_names_all_settings_of_training(finished):
    assert "Adam 0.001, batches of 40; test" in study_text.description(finished)
    run = finished.run(NARROW)
    config = run.config
    config["config"] |= {"learning_rate": 1e-4, "batch_size": 20}
    run.write_json("config.json", config)
    assert "Adam 0.0001 or 0.001, batches of 20 or 40; test" in study_text.description(finished)


def test_run_study_writes_runs_measures_and_verdicts(trained):
    results, printed = trained
    assert printed.startswith("Toy nets: 4 trainings of 1 epoch on ")
    names = {path.name for path in (results.folder.parent / "runs").iterdir()}
    assert names == {
        f"{net}_diagonal_blobs_1-epochs_batch_size-40_record_per_label-2_seed-{s}"
        for net in (WIDE, NARROW)
        for s in (0, 1)
    }
    losses = [results.run(WIDE, seed).metrics["test"]["loss"] for seed in (0, 1)]
    assert results.values(WIDE, "loss").tolist() == losses
    assert losses[0] != losses[1]
    assert results.folder.name == "toy_blobs_1-epochs_2-seeds_quick"
    content = json.loads((results.folder / "study.json").read_text())
    assert content["configs"][NARROW]["architecture"] == NARROW
    assert [row["measures"]["loss"] for row in content["runs"] if row["config"] == WIDE] == losses
    assert [claim["verdict"] for claim in content["claims"]] == [NOT_JUDGED, NOT_JUDGED]  # since the study is quick
    assert content["claims"][1]["estimate"] is None
    assert content["tables"][0]["rows"] == [["0"], ["1"]]
    assert len(content["dataset"]["digest"]) == 64


def test_the_report_prints_summary_verdicts_and_paths(finished, npz, tmp_path, capsys):
    results = finished
    assert [claim["verdict"] for claim in results.verdicts] == [HOLDS, UNDECIDED]
    assert [claim["simultaneous"] for claim in results.verdicts] == [HOLDS, UNDECIDED]
    capsys.readouterr()
    presentation.report(results)
    printed = capsys.readouterr().out
    markdown = (results.folder / "study.md").read_text()
    mean, spread = np.mean(results.values(WIDE, "loss")), np.std(results.values(WIDE, "loss"), ddof=1)
    for text in (printed, markdown):
        assert f"{mean:.2f} ± {spread:.2f}" in text or f"{mean:.1f} ± {spread:.2f}" in text
        assert "losses are finite" in text
        assert "beauty: 64-16-2 was not measured" in text
        assert "64.00 ± 0 " in text
        assert "penalty" not in text  # a measure without values is left out
    assert f"python recipes/toy.py --dataset {npz} --epochs 1 --seeds 2" in markdown
    paths = [line for line in printed.splitlines() if line.startswith(str(tmp_path))]
    assert [path.rsplit("/", 1)[1] for path in paths] == ["a.png", "study.json", "study.md", "report.html"]


def test_finished_runs_are_not_trained_again(trained, toy, npz, tmp_path, capsys):
    first, printed = trained
    assert "1/4 64-16-2, seed 0: " in printed
    runs = shutil.copytree(first.folder.parent / "runs", tmp_path / "out" / "runs")
    shutil.rmtree(runs / first.run(WIDE, 1).path.name)
    stamps = {path: path.stat().st_mtime_ns for path in runs.rglob("model.keras")}
    assert len(stamps) == 3
    again = run(toy, npz, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert again.rows[WIDE, 0] == first.rows[WIDE, 0]
    assert len(again.rows) == 4
    printed = capsys.readouterr().out
    lines = printed[printed.index("1/4") :].splitlines()
    assert [re.sub(r"\d+ s;.*", "", line) for line in lines] == [
        "1/4 to 2/4: trained before",
        "3/4 64-16-2, seed 1: ",
        "4/4 64-4-2, seed 1: trained before",
    ]


@pytest.mark.slow
def test_an_interrupted_study_resumes(toy, npz, tmp_path, monkeypatch, capsys):
    calls = []

    def interrupt(*args, **options):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    real = run_evaluation.evaluate
    monkeypatch.setattr(run_evaluation, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(toy, npz, tmp_path / "out", seeds=1)
    assert "Interrupted during 2/2 64-4-2, seed 0; finished work is kept" in capsys.readouterr().out
    assert not list((tmp_path / "out").glob("toy*"))
    assert len(run(toy, npz, tmp_path / "out", seeds=1).rows) == 2


@pytest.mark.slow
def test_unlabelled_data_is_studied_without_a_judge(toy, tmp_path):
    images = np.random.default_rng(0).uniform(size=(90, 8, 8)).astype("float32")
    np.savez(tmp_path / "plain.npz", x_train=images, x_test=images[:40])
    results = run(toy, tmp_path / "plain.npz", tmp_path / "out", seeds=1)
    assert np.isnan(results.values(WIDE, "frechet.prior")).all()
    assert np.isfinite(results.values(WIDE, "principal_variance_ratio")).all()


def test_invalid_arguments_are_refused_before_training(toy, npz, tmp_path):
    with pytest.raises(InputError, match="seeds: expected at least 1"):
        run(toy, npz, tmp_path / "out", seeds=0)
    with pytest.raises(InputError, match="epochs"):
        run(toy, npz, tmp_path / "out", epochs=0)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="expected a folder that can be written"):
        run(toy, npz, blocked)
    wide = replace(toy, configs={**toy.configs, "wide": {"architecture": "784-2"}})
    with pytest.raises(InputError, match="expected 64 as its first number"):
        run(wide, npz, tmp_path / "out")
    with pytest.raises(InputError, match=r"with 3 known factors \(x, y, size\); .* has none"):
        run(replace(toy, factors=("x", "y", "size")), npz, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    results = tmp_path / "out" / "toy_blobs_1-epochs_2-seeds_quick"
    results.mkdir(parents=True)
    (results / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds something else \(thesis.tex\)"):
        run(toy, npz, tmp_path / "out")
    assert not (tmp_path / "out" / "runs").exists()


def test_the_data_of_a_study_is_read_with_the_options_of_its_configurations(toy, tmp_path, monkeypatch):
    class Executor:
        def run(self, tasks, data, judge):
            given.append(data)
            raise InterruptedError

    given: list[Dataset] = []
    monkeypatch.setattr(executors, "executor", lambda execution: Executor())
    table = tmp_path / "a.csv"
    table.write_text("\n".join(["a,b,c", *(f"{i},{i * i},{i % 7}" for i in range(40))]))
    configs = {name: {"architecture": f"2-{name}", "data_options": {"drop": ["b"]}} for name in "34"}
    study = replace(toy, configs=configs, measures=[], claims=[], quick=Quick())
    with pytest.raises(InterruptedError):
        run(study, table, tmp_path / "out")
    assert given[0].options == DataOptions(drop=("b",))
    assert given[0].image_shape == (2,)
    for other, problem in (
        ({"data_options": {"drop": ["a"]}}, r"the same data_options in all; received {'drop': \['b'\]} and {'drop': "),
        ({"dataset": "mnist"}, "expected the data set of the study, .*; '4' has 'mnist'; remove it"),
    ):
        changed = {**configs, "4": {**configs["4"], **other}}
        with pytest.raises(InputError, match=problem):
            run(replace(study, configs=changed), table, tmp_path / "out")


def test_the_folder_of_a_run_is_one_folder():
    config = Config("64-2", dataset="a/x.npy", data_options={"labels": "a/y.npy"})
    assert folder_name(config) == "64-2_diagonal_x_50-epochs_labels-a-y.npy_seed-0"


def test_the_command_line_checks_options_and_runs_the_study(toy, npz, tmp_path, monkeypatch, capsys):
    def exit_code(*options) -> int:
        monkeypatch.setattr(sys, "argv", ["toy", "--out", str(tmp_path / "out"), *map(str, options)])
        with pytest.raises(SystemExit) as exit_:
            main(toy)
        return exit_.value.code

    assert exit_code("--epochs", 0, "--dataset", npz) == 2
    assert exit_code("--seeds", 0, "--dataset", npz) == 2
    assert "seeds: expected at least 1; received 0" in capsys.readouterr().err
    assert exit_code("--help") == 0
    assert f"{registry.choices()}." in " ".join(capsys.readouterr().out.split())  # the help is wrapped
    assert exit_code("--dataset", npz, "--quick") == 0
    printed = capsys.readouterr().out
    assert "1 training of 1 epoch on" in printed
    assert "Toy size: no claim is judged." in printed
    content = json.loads((tmp_path / "out" / "toy_blobs_1-epochs_1-seeds_quick" / "study.json").read_text())
    assert list(content["configs"]) == [NARROW]
    assert content["configs"][NARROW]["batch_size"] == 32
    assert content["claims"] == []  # the claims are about the other configuration


def test_claims_of_a_study_of_toy_size_are_not_judged(trained, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    results = trained[0]
    presentation.report(results)
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert f"{NOT_JUDGED}   losses are finite" in lines
    assert UNDECIDED not in printed
    assert HOLDS not in " ".join(printed.split()).replace("holds if", "")
    assert all(len(line) <= 80 for line in lines if not line.startswith("/"))
    page = study_page.write(results.folder).read_text(encoding="utf-8")
    assert page.count(f"– {NOT_JUDGED}") == len(results.verdicts)
    assert "no claim is judged" in page


def test_a_loss_that_is_no_sum_is_named_beside_the_table(finished, capsys):
    results = finished
    assert study_text.loss_note(results) == ""
    assert "not reconstruction" not in study_text.markdown(results)
    run = results.run(NARROW)
    run.write_json("config.json", run.config | {"config": run.config["config"] | {"objective": "importance-weighted"}})
    note = study_text.loss_note(results)
    assert note.startswith(
        f"{NARROW}: the loss is that of the objective (the importance-weighted bound of k samples), "
    )
    study_files.write_results(results)
    presentation.report(results)
    assert note in " ".join(capsys.readouterr().out.split())
    assert f"|\n\n{note}\n\n## Seeds" in (results.folder / "study.md").read_text()
    page = (results.folder / "report.html").read_text(encoding="utf-8")
    assert f'</table></div>\n<p class="soft">{note}</p></section><section><h2>Seeds</h2>' in page


def test_losses_of_rows_are_in_nats_per_row_everywhere(finished):
    results = replace(finished, data=SimpleNamespace(image_shape=(64,)))
    assert [row[0] for row in study_text.summary(results).rows[:2]] == ["loss, nats per row", "KL, nats per row"]
    content = json.loads((results.folder / "study.json").read_text())
    content["dataset"]["image_shape"] = [64]
    content["summary"]["rows"] = study_text.summary(results).rows
    (results.folder / "study.json").write_text(json.dumps(content))
    page = study_page.write(results.folder).read_text(encoding="utf-8")
    assert "per image" not in page.replace("pixels per image", "")  # a configuration's name for its measure
    assert page.count("nats per row") == 1 + 2 + 3  # the lead, the summary, the training runs


def test_the_source_is_written_and_stands_below_the_title(finished):
    results = finished
    content = json.loads((results.folder / "study.json").read_text())
    assert content["source"] == results.study.source
    markdown = study_text.markdown(results)
    assert markdown.startswith(f"# Toy nets\n\nSource: {results.study.source}\n\n")
    page = study_page.write(results.folder).read_text(encoding="utf-8")
    link = '<a href="https://example.org/nets?a=1&amp;b=2">On nets</a>'
    assert f'<h1>Toy nets</h1>\n<p class="soft">Source: A. Author, {link}, 2020 &amp; later</p>' in page
    del content["source"]  # earlier versions wrote none
    (results.folder / "study.json").write_text(json.dumps(content))
    assert "Source:" not in study_page.write(results.folder).read_text(encoding="utf-8")
    without = replace(results, study=replace(results.study, source=""))
    assert study_text.markdown(without).startswith(f"# Toy nets\n\n{results.dataset}")


def test_a_source_that_is_no_text_is_refused(toy):
    with pytest.raises(InputError, match="source: expected text; received"):
        replace(toy, source=["A. Author"]).check()


def test_a_configuration_without_architecture_is_refused(toy):
    with pytest.raises(InputError, match="configs: expected architecture in every configuration; 'deep' has none"):
        replace(toy, configs={**toy.configs, "deep": {"beta": 2.0}}).check()


def test_unknown_configurations_of_a_toy_size_are_refused(toy):
    with pytest.raises(InputError, match="quick: expected configurations of the study; received '784'"):
        replace(toy, quick=Quick(configs=("784",))).toy_size()


def test_a_seed_with_a_missing_value_is_left_out_of_a_difference(finished):
    results = finished
    del results.rows[WIDE, 1]["loss"]
    difference = Mean("", "loss", (-math.inf, 0), {NARROW: 1, WIDE: -1}).interval(results.values)
    assert difference.estimate == results.rows[NARROW, 0]["loss"] - results.rows[WIDE, 0]["loss"]
    assert math.isnan(difference.low)
    assert "(1 seed)" in study_text.markdown(results)


def test_numbers_are_formatted_with_about_three_digits():
    formatted = [formatting.number(value) for value in (None, 0.0, -1.234, 151.04, 12345.6, 0.0654, 0.00123, -1e-9)]
    assert formatted == ["–", "0", "−1.23", "151.0", "12,346", "0.065", "0.0012", "0"]


def test_the_study_page_shows_claims_measures_and_links(finished):
    results = finished
    presentation.report(results)
    page = (results.folder / "report.html").read_text(encoding="utf-8")
    for text in (
        "Toy nets",
        "losses are finite",
        "✓ holds",
        "? undecided",
        "below 1,000,000",
        '<th scope="col">64-16-2</th>',
    ):
        assert text in page, text
    mean, spread = np.mean(results.values(WIDE, "loss")), np.std(results.values(WIDE, "loss"), ddof=1)
    assert f"<td>{formatting.number(mean)} ± {formatting.number(spread)}</td>" in page
    assert 'alt="One black image."' in page
    assert page.count('<circle class="seed"') == 2  # two seeds of the claim that has values
    assert page.count('<path class="published"') == 1
    assert '<td data-name="published">50.00</td>' in page
    links = re.findall(r'href="(\.\./runs/[^"]*)"', page)
    assert len(links) == 2  # the first training of each configuration has a page
    assert all((results.folder / unquote(link)).is_file() for link in links)
    content = json.loads((results.folder / "study.json").read_text())
    del content["summary"]  # earlier versions wrote none
    (results.folder / "captions.json").unlink()
    (results.folder / "study.json").write_text(json.dumps(content))
    assert "losses are finite" in study_page.write(results.folder).read_text(encoding="utf-8")
