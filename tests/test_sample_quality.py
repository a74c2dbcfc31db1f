"""Scores of samples, against closed forms and slow versions, and the classifier that they use."""

from dataclasses import replace

import numpy as np
import pytest

from keras_vae import InputError, diagnostics
from keras_vae import data as datasets
from keras_vae._utils.readers import read_npz
from keras_vae.evaluation import judge as judge_module
from keras_vae.evaluation.judge import Judge


def test_frechet_distance_of_gaussians_with_known_moments():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((200_000, 3))
    b = rng.standard_normal((200_000, 3)) * [1, 2, 3] + [0, 0, 5]
    # diagonal covariances: Σ (σ_a − σ_b)² + ‖μ_a − μ_b‖² = 0 + 1 + 4 + 25
    assert diagnostics.frechet_distance(a, b) == pytest.approx(30, rel=0.02)
    assert diagnostics.frechet_distance(b, a) == pytest.approx(diagnostics.frechet_distance(a, b))
    assert diagnostics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_against_a_matrix_square_root():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((300, 5)) @ rng.standard_normal((5, 5)) for _ in range(2))
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    slow = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert diagnostics.frechet_distance(a, b) == pytest.approx(slow, rel=1e-6)


def slow_precision_recall(real, generated, k):
    def fraction_inside(points, centers):
        radius = [sorted(np.linalg.norm(center - other) for other in centers)[k] for center in centers]
        inside = [any(np.linalg.norm(p - c) <= r for c, r in zip(centers, radius, strict=True)) for p in points]
        return np.mean(inside)

    return fraction_inside(generated, real), fraction_inside(real, generated)


def test_precision_and_recall_against_a_slow_version():
    rng = np.random.default_rng(2)
    real, generated = rng.standard_normal((60, 3)), rng.normal([2, 0, 0], 1, (60, 3))
    fast = diagnostics.precision_recall(real, generated, k=3)
    assert fast == pytest.approx(slow_precision_recall(real, generated, 3))
    assert 0 < fast.recall < 1
    assert 0 < fast.precision < 1


@pytest.mark.parametrize(("bound", "value"), [("MAX_ROWS", 7), ("MAX_DISTANCES", 7 * 50)])
def test_precision_and_recall_in_the_extreme_cases(monkeypatch, bound, value):
    from keras_vae.diagnostics import sample_quality

    monkeypatch.setattr(sample_quality, bound, value)  # several chunks, the last one smaller
    assert [len(rows) for rows in sample_quality._squared_distances(np.zeros((50, 2)), np.zeros((50, 2)))] == [
        *[7] * 7,
        1,
    ]
    rng = np.random.default_rng(3)
    real = rng.standard_normal((50, 4))
    assert diagnostics.precision_recall(real, real) == (1, 1)
    assert diagnostics.precision_recall(real, real + 100) == (0, 0)
    one = np.repeat(real[:1], 50, axis=0) + 1e-9 * rng.standard_normal((50, 4))  # a single mode, repeated
    assert diagnostics.precision_recall(real, one) == pytest.approx((1, 0), abs=0.021)
    with pytest.raises(InputError, match="equal numbers"):
        diagnostics.precision_recall(real, real[:-1])


def test_confidence_and_class_balance():
    certain = np.eye(4)[[0, 1, 2, 3]]
    assert diagnostics.confidence(certain) == 1
    assert diagnostics.confidence(np.full((5, 4), 0.25)) == 0.25
    assert diagnostics.class_balance(certain, np.array([0, 1, 2, 3])) == 1
    assert diagnostics.class_balance(certain[:1], np.array([0, 1, 2, 3])) == pytest.approx(0.25)
    assert diagnostics.class_balance(certain[:1], np.array([3])) == 0


def test_noise_and_a_single_class_score_worse_than_training_images(npz, tmp_path):
    data = datasets.load(npz)
    judge = Judge(data, images=30, epochs=30, cache=tmp_path)
    assert judge.n == 30
    assert judge.accuracy > 0.9
    noise = np.random.default_rng(0).uniform(size=(30, 8, 8)).astype("float32")
    bad = judge.score(noise)
    assert bad.frechet > 5 * judge.floor.frechet
    assert bad.precision < judge.floor.precision
    one_class = data.x_test[data.y_test == 0]
    assert judge.score(np.resize(one_class, (30, 8, 8))).class_balance < 0.6 < judge.floor.class_balance
    with pytest.raises(InputError, match="expected 30, as many as the test images"):
        judge.score(noise[:3])
    with pytest.raises(InputError, match="expected finite numbers"):
        judge.classify(np.full((2, 8, 8), np.nan))
    with pytest.raises(InputError, match=r"expected shape \(n, 8, 8, 1\)"):
        judge.classify(noise[:, :5])


@pytest.mark.slow
def test_a_classifier_is_cached_and_trained_again_if_its_file_is_damaged(npz, tmp_path, monkeypatch):
    data = datasets.load(npz)
    first = Judge(data, images=30, epochs=2, cache=tmp_path)
    assert not list(tmp_path.iterdir())  # it is trained at the first score
    assert first.accuracy > 0.1
    (file,) = tmp_path.iterdir()
    assert first.accuracy == Judge(data, images=30, epochs=2, cache=tmp_path).accuracy
    whole = read_npz(file, "")
    for damage in (
        lambda: file.write_bytes(b"nothing"),
        lambda: np.savez(file, **{**whole, "weight_0": whole["weight_0"][:1]}),
        lambda: np.savez(file, **{**whole, "weight_6": -whole["weight_6"]}),  # of the right shape
        lambda: np.savez(file, **{**whole, "accuracy": np.array(np.nan)}),
    ):
        damage()
        assert Judge(data, images=30, epochs=2, cache=tmp_path).accuracy == first.accuracy
        assert all((whole[name] == array).all() for name, array in read_npz(file, "").items())
    monkeypatch.setattr(judge_module.os, "getuid", lambda: file.stat().st_uid + 1)
    monkeypatch.setattr(judge_module, "read_npz", lambda *args: pytest.fail("a file of another user was read"))
    assert Judge(data, images=30, epochs=2, cache=tmp_path).accuracy == first.accuracy
    monkeypatch.undo()
    monkeypatch.setattr(judge_module, "_train", lambda *args: pytest.fail("trained again"))
    assert Judge(data, images=30, epochs=2, cache=tmp_path).accuracy == first.accuracy
    monkeypatch.undo()
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert Judge(data, images=30, epochs=2, cache=blocked).accuracy == first.accuracy


def test_too_few_images_for_their_neighbours_are_refused(npz):
    data = datasets.load(npz)
    few = replace(data, x_test=data.x_test[:3], y_test=data.y_test[:3])
    with pytest.raises(InputError, match="judge: expected at least 4 training and 4 test images"):
        Judge(few)


def test_unlabelled_data_is_refused_by_the_judge():
    with pytest.raises(InputError, match="expected labels"):
        Judge(datasets.load("tiles-2k"))


@pytest.mark.parametrize("arguments", [{"images": 3}, {"images": -1}, {"images": 2.5}, {"epochs": 0}])
def test_the_judge_refuses_numbers_out_of_range(npz, arguments):
    with pytest.raises(InputError, match=r"expected a whole number of at least"):
        Judge(datasets.load(npz), **arguments)


def test_the_judge_refuses_data_with_too_few_images_to_have_neighbours(npz):
    data = datasets.load(npz)
    few = replace(data, x_test=data.x_test[:3], y_test=data.y_test[:3])
    with pytest.raises(InputError, match="at least 4 training and 4 test images"):
        Judge(few)
