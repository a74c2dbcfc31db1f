"""Objectives in configurations, on the command line, in run folders and on pages."""

import numpy as np
import pytest
from pages import Page, load, trained

from keras_vae import Config, InputError, measures, objectives, train
from keras_vae.report import index_page, rate_distortion, run_page, train_command, training_charts
from keras_vae.runs import comparison
from keras_vae.studies.run_study import folder_name

TEXTS = (
    "elbo",
    "decomposed tc=6",
    "decomposed images=4000 mi=0 estimator=weighted",
    "free-bits nats=0.1 group=all",
    "capacity nats=5 steps=100 gamma=30",
    "info-vae alpha=0.5 scale=10",
    "importance-weighted k=50 doubly_reparameterized=on",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_that_of_its_objective(text):
    objective = objectives.parse(text)
    assert objectives.as_text(objective) == text
    assert Config("4-2", objective=text).objective == text


def test_settings_of_the_training_are_defaults():
    assert objectives.parse("decomposed tc=2", images=7).images == 7
    assert objectives.parse("decomposed images=9", images=7).images == 9
    assert objectives.parse("free-bits", images=7) == objectives.FreeBits()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected one of elbo, "),
        ("beta-tc", "expected one of elbo, .*; received 'beta-tc'"),
        ("decomposed tcc=6", r"received 'tcc=6'; did you mean 'tc'\?"),
        ("decomposed tc", "as name=value; received 'tc'"),
        ("decomposed tc=six", "expected a number as tc; received 'six'"),
        ("decomposed tc=-1", "tc: expected .* at least 0; received -1"),
        ("decomposed images=1.5", "expected a whole number as images; received '1.5'"),
        ("importance-weighted k=2 doubly_reparameterized=1", "expected doubly_reparameterized=on or "),
        ("elbo beta=2", "expected settings none"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(InputError, match=message) as refused:
        Config("4-2", objective=text)
    assert str(refused.value).count("received") <= 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"objective": "free-bits", "posterior": "none"}, "objective: expected 'elbo' for posterior='none'"),
        ({"objective": "importance-weighted", "beta": 2.0}, "beta: expected 1 for the objective"),
        ({"warmup_shape": "cosine"}, "warmup_shape: expected a warmup above 0 for 'cosine'"),
        ({"warmup_shape": "square", "warmup": 1.0}, "warmup_shape: expected "),
    ],
)
def test_options_that_do_not_belong_together_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        Config("4-2", **fields)


def test_a_run_records_the_parts_of_its_objective(npz, tmp_path):
    config = Config(
        "64-16-3", dataset=str(npz), epochs=2, batch_size=40, objective="decomposed tc=4", warmup=1.0,
        warmup_shape="cyclical",
    )  # fmt: skip
    run = train(config, tmp_path / "run", quiet=True)
    history = run.history
    parts = ("mutual_information", "total_correlation", "marginal_kl")
    weighted = history["mutual_information"] + 4 * history["total_correlation"] + history["marginal_kl"]
    np.testing.assert_allclose(history["penalty"], weighted, rtol=1e-4)
    assert {"val_penalty", *(f"val_{part}" for part in parts)} <= set(history)
    assert run.metrics["test"].keys() >= {*parts, "penalty", "kl", "elbo"}
    assert history["beta"][0] < 1 == history["beta"][1]
    assert load(run).objective == objectives.DecomposedKL(images=96, tc=4.0)
    assert all(measures.find(part).label for part in objectives.part_names())
    (chart,) = (chart for chart in training_charts.charts(run) if chart["title"] == "Parts of the objective")
    assert "total correlation" in chart["svg"]
    command = train_command.command(run)
    assert "--objective 'decomposed tc=4'" in command
    assert "--warmup-shape cyclical" in command


def test_runs_of_several_objectives_are_distinguished(npz, tmp_path):
    texts = ("elbo", "free-bits nats=0.1")
    for text in texts:
        config = Config("64-8-2", dataset=str(npz), epochs=1, batch_size=40, objective=text)
        train(config, tmp_path / folder_name(config), quiet=True)
    assert not [path for path in tmp_path.iterdir() if " " in path.name]
    runs = index_page.find([tmp_path]).runs
    assert comparison.differing(runs) == ["objective"]
    (plane,) = rate_distortion.planes(runs, lambda run: "")
    page = index_page.write(tmp_path, runs).read_text(encoding="utf-8")
    for text in texts:
        assert text in plane["svg"]
        assert f">{text}</td>" in page


def test_a_page_computes_no_loss_of_another_objective(npz, tmp_path):
    """The sum of reconstruction and β KL would be another number."""
    pages = {}
    for text in ("elbo", "free-bits nats=0.1"):
        run = trained(npz, tmp_path / text, objective=text)
        pages[text] = Page(run_page.write(run)).data
    assert [data["drawing"]["beta"] for data in pages.values()] == [1.0, None]
    assert [data["beta"] for data in pages.values()] == [1.0, None]


def test_the_activation_of_hidden_layers_is_a_setting_of_a_run(npz, tmp_path):
    runs = []
    for activation in ("relu", "tanh"):
        config = Config("64-16-3", dataset=str(npz), epochs=1, batch_size=40, activation=activation)
        runs.append(train(config, tmp_path / activation, quiet=True))
    layers = [layer for part in (load(runs[1]).encoder, load(runs[1]).decoder) for layer in part.layers]
    used = {layer.activation.__name__ for layer in layers if hasattr(layer, "activation")}
    assert used == {"tanh", "linear"}
    assert "--activation tanh" in train_command.command(runs[1])
    assert "--activation" not in train_command.command(runs[0])
    assert comparison.names(runs) == ["relu", "tanh"]


def test_an_unknown_activation_is_refused():
    with pytest.raises(InputError, match=r"activation: expected .*'relu'.*; received 'Relu'"):
        Config("4-2", activation="Relu")
