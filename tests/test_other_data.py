"""Runs of colour images, vectors and images of any range: from the training to the page."""

import json
import re

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.report import index_page, reconstruction_table
from keras_vae.runs import pictures

CLASSES = ("red", "green")


def colours(n: int, rng: np.random.Generator) -> np.ndarray:
    """Squares of two colours at any place, `(n, 16, 12, 3)`."""
    images = np.full((n, 16, 12, 3), 0.8, "float32")
    for i, (top, left) in enumerate(rng.integers(0, 7, (n, 2))):
        images[i, top : top + 5, left : left + 5] = (0.9, 0.2, 0.1) if i % 2 else (0.1, 0.7, 0.2)
    return images + rng.uniform(0, 0.1, images.shape).astype("float32")


def rows(n: int, rng: np.random.Generator) -> np.ndarray:
    """Standardized rows of 12 columns that follow from two numbers, `(n, 12)`."""
    x = rng.normal(size=(n, 2)) @ np.random.default_rng(9).normal(size=(2, 12)) + 0.3 * rng.normal(size=(n, 12))
    return ((x - x.mean(0)) / x.std(0)).astype("float32")


def spectra(n: int, rng: np.random.Generator) -> np.ndarray:
    """A bright line on a dark ground in decibels, standardised, `(n, 6, 20)`."""
    distance = np.abs(np.arange(6)[:, None] - rng.uniform(1, 5, (n, 1, 20)))
    x = -60 + 50 * np.exp(-(distance**2))
    return ((x - x.mean()) / x.std()).astype("float32")


KINDS = {
    "colours": (colours, "c4-r6-8-2", {"normalization": "layer"}, "gaussian-optimal"),
    "rows": (rows, "12-16-2", {}, "gaussian-per-pixel"),
    "spectra": (spectra, "c4-8-2", {}, "gaussian-optimal"),
}


@pytest.fixture(
    scope="module", params=["colours", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("rows", "spectra"))]
)
def made(request, tmp_path_factory) -> tuple[str, kv.Run, Dataset]:
    """The kind of data, and an evaluated run."""
    make, architecture, options, _ = KINDS[request.param]
    rng = np.random.default_rng(0)
    x, y = make(120, rng), np.arange(120) % 2
    data = Dataset(request.param, x[:80], y[:80], x[80:], y[80:], "0" * 64, class_names=CLASSES)
    config = kv.Config(architecture, dataset=request.param, epochs=2, batch_size=20, record_per_label=3, **options)
    folder = tmp_path_factory.mktemp(request.param)
    run = kv.train(config, folder / "run", data=data, quiet=True)
    kv.evaluate(run, data, Judge(data, images=20, epochs=1, cache=folder), with_audit=True, samples=10)
    return request.param, run, data


def test_the_likelihood_is_chosen_by_the_data(made):
    kind, run, data = made
    assert run.config["config"]["likelihood"] == KINDS[kind][3]
    assert run.value_range == ((0.0, 1.0) if kind == "colours" else run.value_range)
    assert run.image_shape == data.image_shape
    assert np.shape(run.metrics["noise_std"]) == ((12,) if kind == "rows" else ())
    again = kv.train(
        kv.Config(**run.config["config"]), run.path, data=data, resume=True, quiet=True
    )  # the same configuration
    assert again.metrics == run.metrics


def test_the_elbo_of_evaluation_is_that_of_the_training(made):
    _, run, _ = made
    terms = run.evaluation["audit"]["elbo_terms"]
    assert terms["bits_per_pixel"] is None
    # Both are estimates over the same test images, of one and of ten draws.
    total = -run.evaluation["audit"]["likelihood"]["elbo"]
    assert total == pytest.approx(run.metrics["test"]["loss"], rel=0.1, abs=3)


def test_every_figure_and_the_page_are_made(made):
    kind, run, _ = made
    drawn = {path.stem for path in kv.plots.draw(run, video=False, quiet=True)}
    expected = {"manifold", "samples", "traversals", "interpolation", "neighbours", "samplers", "loss"}
    assert expected <= drawn
    assert ("coordinates" in drawn, "reconstructions" in drawn) == (kind == "rows", kind != "rows")
    page = kv.report.write(run).read_text(encoding="utf-8")
    data = json.loads(page.split('id="explorer-data">')[1].split("</script>")[0])
    assert (data["image"]["chart"] is not None) == (kind == "rows")
    assert ("drawing-title" in page) == (kind != "rows")
    assert (data["drawing"]["obstacle"] is None) == (kind == "colours" and data["decoder"] is not None)
    assert "<h2>Reconstructions</h2>" in page if kind == "rows" else "<h2>Reconstructions</h2>" not in page
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<pre.*?</pre>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert ("test rows" in text, "test images" in text) == (kind == "rows", kind != "rows")
    assert kind != "rows" or re.findall(r".{20}(?<!-)\b(?:images?|pixels?)\b.{20}", text) == []


def test_pages_decode_what_the_model_decodes(made):
    """An exported decoder ends with the scale of its pictures."""
    kind, run, _ = made
    arrays = run.arrays("explorer")
    description = json.loads(str(arrays["description"]))
    assert arrays["images"].dtype == np.uint8
    assert arrays["images"].max() > 200
    if "obstacle" in description:
        assert kind == "colours"  # residual blocks
        return
    last = description["layers"][-1]
    assert last == {"kind": "affine"}
    i = len(description["layers"]) - 1
    scale, shift = (float(arrays[f"weight_{i}_{j}"][0]) for j in (0, 1))
    low, high = run.value_range
    assert low * scale + shift == pytest.approx(0, abs=0.01)
    assert high * scale + shift == pytest.approx(1, abs=0.01)
    assert list(run.value_range) == description["value_range"]


def test_pictures_of_a_run_are_in_0_to_1(made):
    kind, run, _ = made
    images = run.arrays("reconstructions")["originals"]
    drawn = pictures.pictures(run, images)
    assert drawn.shape[1:] == ((25, 40) if kind == "rows" else images.shape[1:])
    assert np.quantile(drawn, (0.01, 0.99)) == pytest.approx([0, 1], abs=0.35)


def test_the_index_is_in_the_words_of_the_data(made, tmp_path):
    kind, run, _ = made
    text = index_page.write(tmp_path, [run]).read_text()
    assert ("measured on test rows, in nats per row" in text) == (kind == "rows")
    assert ("measured on test images, in nats per image" in text) == (kind != "rows")


def test_the_table_of_rows_is_in_the_units_of_the_user(made):
    kind, run, _ = made
    table = reconstruction_table.reconstruction_table(run)
    assert (table is not None) == (kind == "rows")
    if table is None:
        return
    config = run.config
    config["dataset"]["preparation"] = {"columns": [f"c{i}" for i in range(12)], "mean": [10.0] * 12, "std": [2.0] * 12}
    run.write_json("config.json", config)
    table = reconstruction_table.reconstruction_table(run)
    assert table is not None
    assert table["head"][1] == "c0"
    value = float(run.arrays("reconstructions")["originals"][0, 0])
    assert float(table["rows"][0][1].replace("−", "-")) == pytest.approx(10 + 2 * value, abs=0.01)
    name, *noise = table["rows"][-1]
    assert name == "estimated noise σ"
    assert float(noise[0]) == pytest.approx(2 * run.metrics["noise_std"][0], abs=0.01)
