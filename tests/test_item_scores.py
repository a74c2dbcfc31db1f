"""Encodings and scores of single items: values, files, ranking and page; refusals of other data."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from pages import copy
from PIL import Image

import keras_vae as kv
from keras_vae import InputError
from keras_vae import data as datasets
from keras_vae._utils import item_files as files
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.evaluation import item_files, item_scores
from keras_vae.report import score_page
from keras_vae.runs import model_file, new_items


@pytest.fixture(scope="module")
def vae(toy_run):
    return model_file.load(toy_run)


@pytest.fixture(scope="module")
def bytes_(data):
    return np.round(255 * data.x_test).astype("uint8")


def test_scores_agree_with_an_obvious_computation(vae, data):
    x = data.x_test[:7]
    found = kv.score(vae, x, samples=3, seed=5)
    mean, log_var = vae.encode(x)
    noise = stream(5, Stream.ITEM_SCORES).standard_normal((7, 3, 2), dtype="float32")

    def nll(z):
        p = vae.decode(z)
        return -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=(1, 2))

    kl = kv.diagnostics.kl_per_unit(mean, log_var).sum(axis=1)
    expected = np.mean([nll(mean + np.exp(0.5 * log_var) * noise[:, k]) for k in range(3)], axis=0)
    np.testing.assert_allclose(found.scores["reconstruction_at_mean"], nll(mean), rtol=1e-4)
    np.testing.assert_allclose(found.scores["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(found.scores["reconstruction_3_samples"], expected, rtol=1e-4)
    np.testing.assert_allclose(found.scores["neg_elbo_3_samples"], expected + kl, rtol=1e-4)
    np.testing.assert_allclose(found.scores["neg_elbo_at_mean"], nll(mean) + kl, rtol=1e-4)
    assert found.ranked_by == "neg_elbo_3_samples"


@pytest.mark.parametrize(
    ("posterior", "expected"),
    [
        ("isotropic", ["kl", "neg_elbo_at_mean", "neg_elbo_1_sample", "reconstruction_1_sample"]),
        ("none", ["penalty"]),
        ("autoencoder", []),
    ],
)
def test_scores_of_other_posteriors(posterior, expected):
    x = np.random.default_rng(0).random((5, 16), "float32")
    found = kv.score(kv.dense_vae("16-2", posterior=posterior, likelihood="gaussian", seed=0), x, samples=1)
    assert sorted(found.scores) == sorted([*expected, "reconstruction_at_mean"])
    assert np.isfinite(found.scores[found.ranked_by]).all()


def test_files_hold_the_items_in_their_order_whatever_the_size_of_the_parts(
    toy_run, vae, bytes_, tmp_path, monkeypatch
):
    np.save(tmp_path / "new.npy", bytes_)
    items = new_items.load(toy_run, tmp_path / "new.npy")
    assert items.x.is_mapped
    item_files.write_scores(toy_run, items, tmp_path / "all.npz", samples=2)
    monkeypatch.setattr(item_scores, "MAX_BATCH", 7)
    item_files.write_scores(toy_run, items, tmp_path / "parts.npz", samples=2)
    item_files.write_encodings(toy_run, items, tmp_path / "parts.csv")
    expected = kv.score(vae, bytes_ / np.float32(255), samples=2).columns()
    for name in ("all", "parts"):
        found = np.load(tmp_path / f"{name}.npz")
        assert set(found) == set(expected)
        for key, array in expected.items():
            np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5)
    with open(tmp_path / "parts.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["item", "mean_0", "mean_1", "log_var_0", "log_var_1"]
    assert [int(row["item"]) for row in rows] == list(range(len(bytes_)))
    np.testing.assert_allclose([float(row["mean_1"]) for row in rows], expected["mean"][:, 1], rtol=1e-4, atol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.npz", "new.npy", "parts.csv", "parts.npz"]


def test_an_interrupted_file_leaves_nothing(toy_run, bytes_, tmp_path):
    np.save(tmp_path / "new.npy", bytes_)

    class Interrupting(item_files.ProgressReporter):
        def track(self, *args):
            yield from [bytes_[:3] / np.float32(255)]
            raise KeyboardInterrupt

    for name in ("a.csv", "a.npz"):
        items = new_items.load(toy_run, tmp_path / "new.npy")
        with pytest.raises(KeyboardInterrupt):
            item_files.write_scores(toy_run, items, tmp_path / name, progress=Interrupting(quiet=True))
    assert [path.name for path in tmp_path.iterdir()] == ["new.npy"]


def test_noise_ranks_above_images_of_the_data_and_the_page_shows_it(toy_run, bytes_, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (2, 8, 8), "uint8")
    x = np.concatenate([bytes_[:5], noise, bytes_[5:]])
    np.savez(tmp_path / "mixed.npz", x=x, y=np.array([*"ababa", "noise", "noise", *"b" * (len(bytes_) - 5)]))
    items = new_items.load(toy_run, tmp_path / "mixed.npz")
    ranking = item_files.write_scores(toy_run, items, tmp_path / "scores.csv")
    assert set(ranking.highest.rows[:2].tolist()) == {5, 6}
    np.testing.assert_array_equal(ranking.lowest.scores[ranking.by], np.sort(ranking.values)[: item_files.N_SHOWN])
    np.testing.assert_array_equal(ranking.highest.x, x[ranking.highest.rows] / np.float32(255))
    page = score_page.write(tmp_path / "scores.html", toy_run, items, ranking).read_text()
    assert "label noise" in page
    assert page.count("<figure><img") == 2 * item_files.N_SHOWN


def test_images_of_a_folder_keep_their_names_and_labels(toy_run, bytes_, tmp_path):
    for i, image in enumerate(bytes_[:4]):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    items = new_items.load(toy_run, tmp_path / "photos")
    item_files.write_encodings(toy_run, items, tmp_path / "e.npz")
    found = np.load(tmp_path / "e.npz")
    assert found["files"].tolist() == ["a/0.png", "a/2.png", "b/1.png", "b/3.png"]
    assert found["labels"].tolist() == list("aabb")


def test_binary_images_are_those_of_the_evaluation(toy_run, bytes_, tmp_path):
    np.save(tmp_path / "new.npy", bytes_)
    items = replace(new_items.load(toy_run, tmp_path / "new.npy"), are_binarized=True)
    found = np.concatenate(list(items.chunks(7)))
    np.testing.assert_array_equal(found, datasets.binarize(bytes_ / np.float32(255), seed=0))


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{2 * a + b:.3f},{b:.3f},{'xy'[i % 2]}" for i, (a, b) in enumerate(rng.normal(50, 9, (80, 2)))]
    (folder / "a.csv").write_text("\n".join(["height,sum,weight,kind", *lines]) + "\n")
    config = kv.Config("3-8-2", dataset=str(folder / "a.csv"), epochs=1, batch_size=20, data_options={"label": "kind"})
    return kv.train(config, folder / "run", quiet=True)


def test_rows_of_a_table_are_standardised_as_in_training_and_deviating_columns_named(table_run, tmp_path):
    (tmp_path / "b.csv").write_text("id,weight,height,sum\nq1,50,50,150\nq2,900,50,150\nq3,51,49,149\n")
    items = new_items.load(table_run, tmp_path / "b.csv")
    np.testing.assert_allclose(table_run.preparation.undo(items.x[:2]), [[50, 150, 50], [50, 150, 900]], rtol=1e-4)
    ranking = item_files.write_scores(table_run, items, tmp_path / "s.npz")
    assert ranking.highest.rows[0] == 1
    assert ranking.values[1] > 1e30  # the log variance is limited: its exponential exceeds the range of float32
    infinite = ranking._replace(values=np.where(np.arange(3) == 1, np.inf, ranking.values))
    page = score_page.write(tmp_path / "s.html", table_run, items, infinite).read_text()
    assert "Of 1 item it is not finite." in page
    first = page[page.index("<td>item 1</td>") :]
    assert first.index("weight 900") < first.index("</tr>")
    (tmp_path / "one.csv").write_text("height,sum,weight\n1,2,3\n")
    assert len(new_items.load(table_run, tmp_path / "one.csv")) == 1


def test_differences_are_in_multiples_of_sigma_where_there_is_one(table_run, tmp_path):
    (tmp_path / "b.csv").write_text("height,sum,weight\n50,150,50\n900,150,50\n")
    items = new_items.load(table_run, tmp_path / "b.csv")
    ranking = item_files.write_scores(table_run, items, tmp_path / "s.npz")
    assert ranking.noise_std is not None
    plain = copy(table_run, tmp_path / "run")
    described = plain.config
    del described["dataset"]["preparation"]["mean"], described["dataset"]["preparation"]["std"]
    plain.write_json("config.json", described)
    binary = ranking._replace(noise_std=None)
    texts = [
        score_page.write(tmp_path / "s.html", run, items, found).read_text()
        for run, found in ((table_run, ranking), (table_run, binary), (plain, binary))
    ]
    assert "in multiples of σ, the noise of the likelihood." in texts[0]
    assert "in multiples of σ, the standard deviation of the training rows." in texts[1]
    assert all("σ)</td>" in text for text in texts[:2])
    assert "and their difference.<" in texts[2]
    assert "σ" not in texts[2]


def test_other_data_and_paths_are_refused_in_a_sentence(toy_run, table_run, bytes_, tmp_path):
    np.save(tmp_path / "wide.npy", np.zeros((3, 8, 9), "uint8"))
    np.save(tmp_path / "nan.npy", np.full((3, 8, 8), np.nan, "float32"))
    np.save(tmp_path / "good.npy", bytes_)
    (tmp_path / "folder").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "folder" / "0.png")
    (tmp_path / "few.csv").write_text("height,weight\n1,2\n")
    (tmp_path / "there.npz").write_text("x")
    cases = {
        r"images of shape \(8, 8\), as .* was trained on; received \(8, 9\) in": (toy_run, "wide.npy"),
        r"received \(16, 16, 3\) in .*; set size=8 and gray=True": (toy_run, "folder"),
        "finite numbers in x of": (toy_run, "nan.npy"),
        "sum is missing": (table_run, "few.csv"),
        "a table with the columns height, sum, weight": (table_run, "good.npy"),
    }
    for message, (run, name) in cases.items():
        with pytest.raises(InputError, match=message):
            new_items.load(run, tmp_path / name)
    for name, message in {"a.txt": "ends in .npz or .csv", "there.npz": "overwrite=True", "folder": "ends in"}.items():
        with pytest.raises(InputError, match=message):
            files.check_path(tmp_path / name)
    items = new_items.load(toy_run, tmp_path / "good.npy")
    with pytest.raises(InputError, match=r"by: expected one of reconstruction_at_mean, kl, .*; received 'elbo'"):
        item_files.write_scores(toy_run, items, tmp_path / "s.npz", by="elbo")
    assert not (tmp_path / "s.npz").exists()


@pytest.mark.parametrize(
    ("vae", "x", "message"),
    [
        ("no model", np.zeros((3, 4)), "vae: expected a keras_vae.VAE; received str"),
        (None, 1.0, r"x: expected shape \(n ≥ 0, …\); received shape \(\)"),
        (None, np.full((2, 4), 1e200), "x: expected finite numbers in float32; received NaN or infinity in 2 of 2"),
    ],
)
def test_what_is_no_model_or_no_items_is_refused(vae, x, message):
    with pytest.raises(InputError, match=message):
        kv.score(kv.dense_vae("4-2", seed=0) if vae is None else vae, x)
