"""Sweeps: the search space, the ranked runs, and their results."""

import json
from pathlib import Path

import numpy as np
import programs
import pytest
import yaml

from keras_vae import InputError, load
from keras_vae.report import index_page
from keras_vae.studies import search_space, sweeps, tune_search
from keras_vae.studies.execution import Execution

EXAMPLE = Path(__file__).parents[1] / "recipes" / "spaces" / "beta_and_units.yaml"
SPACE = {"beta": [1.0, 4.0], "architecture": ["64-8-2"]}


def write(folder: Path, **content) -> Path:
    path = folder / "space.yaml"
    path.write_text(yaml.safe_dump({"space": SPACE, **content}))
    return path


def test_a_grid_has_all_combinations():
    space = search_space.read(EXAMPLE)
    pairs = {(config.beta, config.architecture) for config in space.configs}
    assert len(space.configs) == len(pairs) == 12
    assert {config.dataset for config in space.configs} == {"mnist-5k"}
    assert not space.needs_tune


def test_a_random_search_is_reproducible_and_within_its_ranges(tmp_path):
    ranges = {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": {"low": 10, "high": 20, "whole": True},
        "beta": [1.0, 2.0],
    }
    path = write(tmp_path, search="random", trials=50, seed=3, space=ranges, config={"architecture": "64-8-2"})
    configs = search_space.read(path).configs
    assert configs == search_space.read(path).configs
    rates = np.array([config.learning_rate for config in configs])
    assert ((rates >= 1e-4) & (rates <= 1e-2)).all()
    assert 0.2 < (rates < 1e-3).mean() < 0.8
    assert {config.batch_size for config in configs} <= set(range(10, 21))
    assert {config.beta for config in configs} == {1.0, 2.0}


@pytest.mark.parametrize(
    ("ends", "probabilities"),
    [
        ({"low": 1, "high": 3}, {1: 1 / 3, 2: 1 / 3, 3: 1 / 3}),
        ({"low": 1.4, "high": 3.6}, {2: 1 / 2, 3: 1 / 2}),
        ({"low": 1.4, "high": 2.9}, {2: 1}),
        ({"low": 0.5, "high": 3.9, "log": True}, {1: np.log(2) / np.log(4), 2: np.log(1.5) / np.log(4),
                                                  3: np.log(4 / 3) / np.log(4)}),
    ],
)  # fmt: skip
def test_whole_numbers_are_drawn_evenly_and_within_their_range(ends, probabilities):
    values, rng = search_space.Range(**ends, whole=True), np.random.default_rng(0)
    drawn = [values.draw(rng) for _ in range(3000)]
    assert {k: drawn.count(k) / 3000 for k in sorted(set(drawn))} == pytest.approx(probabilities, abs=0.03)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"sapce": 1}, "sapce: expected one of title, search, trials"),
        ({"space": {}}, "space: "),
        ({"space": {"betta": [1.0]}}, "betta: expected a field of Config ("),
        ({"config": {"epoch": 3}}, "epoch: expected a field of Config"),
        ({"config": {"beta": 2.0}}, "beta: expected in config or in space; it is in both"),
        ({"space": {"beta": [1.0]}}, "architecture: expected in config or in space; it is missing"),
        ({"space": {"beta": [-1.0], "architecture": ["64-2"]}}, "beta: expected a number of at least 0"),
        ({"space": {"beta": {"low": 2.0, "high": 1.0}}}, "expected low < high"),
        ({"space": {"beta": {"low": 2.0, "high": float("inf")}}}, "beta.high: expected a finite number"),
        ({"space": {"epochs": {"low": 1.4, "high": 1.45, "whole": True}}}, "epochs: expected a whole number between"),
        ({"space": {"beta": {"low": 1.0, "high": 2.0}, "architecture": ["64-2"]}}, "beta: expected a list for search"),
        ({"space": {**SPACE, "dataset": ["mnist", "mnist-5k"]}}, "dataset: expected in config"),
        ({"space": {**SPACE, "data_options": [{"size": 8}, {"size": 16}]}}, "data_options: expected in config"),
        ({"space": {**SPACE, "binarize": ["static", None]}}, "binarize: expected null or kinds of binary images"),
        ({"space": {"architecture": ["64-2"], "posterior": ["none"]}}, "posterior: expected a KL"),
        ({"search": "random"}, "expected trials, the number of trainings of search: random"),
        ({"trials": 3}, "trials: expected none for search: grid"),
        ({"scheduler": "hyperband"}, "scheduler: expected 'asha'; received 'hyperband'"),
    ],
)  # fmt: skip
def test_an_invalid_space_is_refused_in_one_sentence(content, problem, tmp_path):
    path = write(tmp_path, **content)
    with pytest.raises(InputError) as error:
        search_space.read(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert problem in message
    assert "\n" not in message


def test_two_kinds_of_binary_training_images_have_the_same_test_images(tmp_path):
    path = write(tmp_path, space={**SPACE, "binarize": ["static", "dynamic"]})
    assert len(search_space.read(path).configs) == 4


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a YAML file at"):
        search_space.read(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_text("space: [")
    with pytest.raises(InputError, match=r"bad\.yaml: expected YAML; "):
        search_space.read(tmp_path / "bad.yaml")


def test_searches_of_ray_tune_need_workers(tmp_path):
    for content in ({"scheduler": "asha"}, {"search": "optuna", "trials": 2}):
        space = search_space.read(write(tmp_path, **content))
        assert space.needs_tune
        with pytest.raises(InputError, match=r"workers: expected workers or ray for (scheduler|search): (asha|optuna)"):
            sweeps.run_sweep(space, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sweep_ranks_runs_and_does_not_repeat_them(npz, tmp_path, monkeypatch, capsys):
    path = write(tmp_path, config={"dataset": str(npz), "epochs": 2, "batch_size": 40, "record_per_label": 2})
    out = tmp_path / "out"
    assert programs.run(monkeypatch, "sweep", path, "--out", out) == 0
    printed = capsys.readouterr().out
    content = json.loads((out / "sweep.json").read_text())
    elbos = [trial["measures"]["elbo"] for trial in content["trials"]]
    assert elbos == sorted(elbos, reverse=True)
    assert content["best"] == content["trials"][0]["run"]
    best = out / "runs" / content["best"]
    assert printed.rstrip().endswith(f"Best run: {best}")
    assert (best / "report.html").exists()
    assert (out / "rate-distortion.png").exists()
    assert "2 finished runs" in (out / "index.html").read_text()
    stamps = [(out / "runs" / trial["run"] / "model.keras").stat().st_mtime_ns for trial in content["trials"]]
    assert programs.run(monkeypatch, "sweep", path, "--out", out) == 0
    assert stamps == [(out / "runs" / trial["run"] / "model.keras").stat().st_mtime_ns for trial in content["trials"]]


def test_a_training_that_diverges_does_not_end_a_sweep(npz, tmp_path):
    space = {"learning_rate": [1e-3, 1e30], "architecture": ["64-8-2"]}
    path = write(tmp_path, space=space, config={"dataset": str(npz), "epochs": 1, "batch_size": 40})
    result = sweeps.run_sweep(search_space.read(path), tmp_path / "out")
    assert [bool(row) for row in result.rows] == [True, False]
    assert result.best.config["config"]["learning_rate"] == 1e-3
    assert result.table.rows[1][2:6] == ["–"] * 4


def test_the_data_of_a_sweep_is_read_with_its_options(tmp_path):
    table = tmp_path / "a.csv"
    rows = [f"{a:.3f},{b:.3f},{i % 2}" for i, (a, b) in enumerate(np.random.default_rng(0).normal(5, 2, (60, 2)))]
    table.write_text("\n".join(["a,b,kind", *rows]))
    config = {"dataset": str(table), "data_options": {"label": "kind"}, "epochs": 1, "batch_size": 20}
    path = write(tmp_path, space={"architecture": ["2-2"]}, config=config)
    run = sweeps.run_sweep(search_space.read(path), tmp_path / "out").best
    assert run.config["dataset"]["digest"] == load(table, label="kind").digest
    assert run.image_shape == (2,)


def test_attempts_are_not_listed_as_runs(toy_run, tmp_path):
    (tmp_path / ".partial-a.0").symlink_to(toy_run.path)
    (tmp_path / "b").symlink_to(toy_run.path)
    assert [run.path.name for run in index_page.find([tmp_path]).runs] == ["b"]


def test_an_unknown_searcher_is_refused(tmp_path):
    pytest.importorskip("ray.tune", reason="Ray is not installed")
    space = search_space.read(write(tmp_path, search="optunna", trials=2))
    with pytest.raises(InputError, match=r"search: expected grid, random or one of Tune's \(.*optuna.*\)"):
        tune_search._searcher(space)


@pytest.mark.parametrize(
    ("search", "config", "space", "expected"),
    [
        ({"search": "optuna", "trials": 2}, {}, {"epochs": [60, 200, 70]}, 200),
        ({"search": "optuna", "trials": 2}, {}, {"epochs": {"low": 60, "high": 200, "whole": True}}, 200),
        ({"search": "optuna", "trials": 2}, {"epochs": 7}, {}, 7),
        ({"search": "optuna", "trials": 2}, {}, {}, 50),
        ({}, {}, {"epochs": [60, 200, 70]}, 200),
    ],
)  # fmt: skip
def test_the_epochs_of_the_longest_training(search, config, space, expected, tmp_path):
    path = write(tmp_path, **search, config=config, space={**SPACE, **space})
    assert search_space.read(path).max_epochs == expected


def test_asha_lets_the_longest_training_end(tmp_path):
    pytest.importorskip("ray.tune", reason="Ray is not installed")
    path = write(tmp_path, search="optuna", trials=2, scheduler="asha", space={**SPACE, "epochs": [60, 200]})
    assert tune_search._scheduler(search_space.read(path))._max_t == 200


@pytest.mark.slow
def test_asha_stops_trainings_and_names_the_best(npz, tmp_path):
    pytest.importorskip("ray.tune", reason="Ray is not installed")
    space = {"learning_rate": [1e-3, 1e-5, 1e-6, 1e-7], "architecture": ["64-8-2"]}
    path = write(tmp_path, space=space, scheduler="asha", config={"dataset": str(npz), "epochs": 8, "batch_size": 40})
    result = sweeps.run_sweep(search_space.read(path), tmp_path / "out", Execution(workers=1))
    assert result.best.config["config"]["learning_rate"] == 1e-3
    assert result.best.finished
    assert not all(run.finished for run in result.runs)
    assert not list((tmp_path / "out" / "runs").glob(".partial-*"))
