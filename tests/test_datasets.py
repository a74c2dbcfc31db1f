"""Data sets: what is found, what is refused, and that a cache is never harmed."""

import gzip
import io
import os
import struct
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_vae import InputError
from keras_vae.data import datasets

FULL = Path(os.environ.get("KERAS_HOME", "no-such-folder")) / "datasets"
needs_full_mnist = pytest.mark.skipif(
    not (FULL / "mnist.npz").is_file(), reason="full MNIST is not in $KERAS_HOME/datasets"
)
needs_full_fashion = pytest.mark.skipif(
    not (FULL / "fashion-mnist").is_dir(), reason="Fashion-MNIST is not in $KERAS_HOME/datasets"
)


def arrays(**changes) -> dict:
    rng = np.random.default_rng(0)
    made = {
        "x_train": rng.integers(0, 256, (20, 6, 5), "uint8"),
        "y_train": np.arange(20) % 3,
        "x_test": rng.integers(0, 256, (8, 6, 5), "uint8"),
        "y_test": np.arange(8) % 3,
    }
    return {key: value for key, value in (made | changes).items() if value is not None}


def saved(path, **changes) -> str:
    np.savez(path, **arrays(**changes))
    return str(path)


def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def test_the_embedded_digits():
    data = datasets.load("mnist-5k")
    assert data.x_train.shape == (4000, 28, 28)
    assert data.x_test.shape == (1000, 28, 28)
    assert np.bincount(data.y_train).tolist() == [400] * 10
    assert np.bincount(data.y_test).tolist() == [100] * 10
    assert (data.x_train.dtype, data.x_train.min(), data.x_train.max()) == (np.float32, 0, 1)
    assert len(np.unique(data.y_train[:50])) == 10  # not sorted
    together = np.concatenate([data.x_train, data.x_test]).reshape(5000, -1)
    assert len(np.unique(together, axis=0)) == 5000  # no image on both sides
    assert data.digest == datasets.load("mnist-5k").digest


def test_a_file_of_integers_or_floats(tmp_path):
    data = datasets.load(saved(tmp_path / "a.npz"))
    np.testing.assert_allclose(data.x_train, arrays()["x_train"] / 255, rtol=1e-6)
    assert data.y_test.tolist() == arrays()["y_test"].tolist()
    assert data.image_shape == (6, 5)
    floats = {key: arrays()[key] / 255 for key in ("x_train", "x_test")}
    again = datasets.load(saved(tmp_path / "b.npz", **floats))
    np.testing.assert_allclose(again.x_train, data.x_train, rtol=1e-6)
    assert again.x_train.dtype == np.float32
    assert again.digest != data.digest


def test_labels_are_optional_and_colours_allowed(tmp_path):
    x = np.zeros((4, 6, 5, 3), "uint8")
    data = datasets.load(saved(tmp_path / "a.npz", x_train=x, x_test=x, y_train=None, y_test=None))
    assert data.y_train is None
    assert data.image_shape == (6, 5, 3)


def test_keras_column_labels_are_flattened(tmp_path):
    assert datasets.load(saved(tmp_path / "a.npz", y_train=np.zeros((20, 1), int))).y_train.shape == (20,)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x_test": None}, "x_test is missing"),
        ({"x_train": np.zeros((20, 6), "uint8")}, r"shape \(n, height, width\).*received \(20, 6\)"),
        ({"x_train": np.zeros((0, 6, 5), "uint8")}, r"received \(0, 6, 5\)"),
        ({"x_train": np.array([[["a"]]])}, "expected numbers in x_train"),
        ({"x_train": np.zeros((2, 2, 2), bool)}, "expected numbers in x_train"),
        ({"x_train": np.full((2, 6, 5), 1.5)}, "values from 0.0 to 1.0"),
        ({"x_train": np.full((2, 6, 5), -0.1)}, "values from 0.0 to 1.0"),
        ({"x_train": np.full((2, 6, 5), np.nan)}, "received nan to nan"),
        ({"x_train": np.full((2, 6, 5), 256)}, "values from 0 to 255"),
        ({"x_test": np.zeros((8, 5, 5), "uint8")}, "images of one shape"),
        ({"x_test": np.zeros((8, 6, 5))}, "one type of numbers"),
        ({"y_train": np.zeros(19, int)}, "expected 20 labels"),
        ({"y_train": np.full(20, 0.5)}, "whole numbers in y_train"),
        ({"x_train": np.array([{}, None], dtype=object)}, "received Python objects"),
    ],
)
def test_refuses_arrays_that_are_no_images(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        datasets.load(saved(tmp_path / "a.npz", **changes))


def test_refuses_files_that_are_not_there_or_damaged(tmp_path):
    with pytest.raises(InputError, match=r"expected an \.npz file at .*; there is none"):
        datasets.load(tmp_path / "none.npz")
    whole = Path(saved(tmp_path / "whole.npz")).read_bytes()
    contents = {"empty": b"", "text": b"hello", "truncated": whole[: len(whole) // 2], "short": whole[:-30]}
    middle = bytearray(whole)
    middle[len(whole) // 3] ^= 255
    contents["flipped"] = bytes(middle)
    for name, content in contents.items():
        (tmp_path / f"{name}.npz").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            datasets.load(tmp_path / f"{name}.npz")
    with zipfile.ZipFile(tmp_path / "foreign.npz", "w") as archive:
        archive.writestr("x_train.npy", b"not an array")
    with pytest.raises(InputError, match="damaged or something else"):
        datasets.load(tmp_path / "foreign.npz")


def test_refuses_an_unknown_name():
    with pytest.raises(
        InputError, match=r"expected mnist, fashion-mnist, mnist-5k, tiles, tiles-2k or a FILE\.npz; received 'cifar'"
    ):
        datasets.load("cifar")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_without_network_and_cache_it_names_what_works(tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    no_network(monkeypatch)
    with pytest.raises(InputError, match=r"use mnist-5k, which needs no download, or --dataset FILE\.npz"):
        datasets.load(name)


def test_a_foreign_file_in_the_cache_is_neither_used_nor_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    no_network(monkeypatch)
    (tmp_path / "datasets").mkdir()
    foreign = Path(saved(tmp_path / "datasets" / "mnist.npz"))
    before = foreign.read_bytes()
    with pytest.raises(InputError, match="expected mnist in"):
        datasets.load("mnist")
    assert foreign.read_bytes() == before


@pytest.fixture
def small_mnist(monkeypatch) -> dict:
    """Lets a few images pass for the published MNIST."""
    made = arrays(y_train=np.zeros(20, "uint8"), y_test=np.zeros(8, "uint8"))
    digests = {key: datasets._idx_md5(array) for key, array in made.items()}
    monkeypatch.setitem(datasets.IDX_MD5, "mnist", digests)
    monkeypatch.setitem(datasets.IDX_MD5, "fashion-mnist", digests)
    return made


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_cache_is_known_by_its_arrays_however_zipped(tmp_path, monkeypatch, small_mnist, save):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    save(tmp_path / "datasets" / "mnist.npz", **small_mnist)
    assert len(datasets.load("mnist").x_train) == 20
    small_mnist["y_test"][0] = 9  # one wrong label
    save(tmp_path / "datasets" / "mnist.npz", **small_mnist)
    no_network(monkeypatch)
    with pytest.raises(InputError, match="expected mnist in"):
        datasets.load("mnist")


def test_a_download_lands_beside_what_is_there(tmp_path, monkeypatch, small_mnist):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").write_bytes(b"somebody's")

    def serve(url, *args, **kwargs):
        buffer = io.BytesIO()
        np.savez(buffer, **small_mnist)
        response = io.BytesIO(buffer.getvalue())
        response.info = lambda: {"Content-Length": str(len(buffer.getvalue()))}
        response.headers = response.info()
        return response

    monkeypatch.setattr(
        "keras.src.utils.file_utils.urlretrieve", lambda url, path, hook: Path(path).write_bytes(serve(url).read())
    )
    assert len(datasets.load("mnist").x_train) == 20
    assert (tmp_path / "datasets" / "mnist.npz").read_bytes() == b"somebody's"
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", None)  # the second time needs no network
    assert len(datasets.load("mnist").x_train) == 20


def test_reads_idx_files(tmp_path, monkeypatch, small_mnist):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = tmp_path / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    names = {
        "x_train": "train-images-idx3",
        "y_train": "train-labels-idx1",
        "x_test": "t10k-images-idx3",
        "y_test": "t10k-labels-idx1",
    }
    for key, name in names.items():
        array = small_mnist[key]
        content = struct.pack(f">{1 + array.ndim}i", 0x800 + array.ndim, *array.shape) + array.tobytes()
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
    np.testing.assert_allclose(datasets.load("fashion-mnist").x_test, small_mnist["x_test"] / 255, rtol=1e-6)
    damaged = folder / "t10k-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    no_network(monkeypatch)
    with pytest.raises(InputError, match="expected fashion-mnist in"):
        datasets.load("fashion-mnist")


@needs_full_mnist
def test_full_mnist():
    data = datasets.load("mnist")
    assert (data.x_train.shape, data.x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert data.y_train[:5].tolist() == [5, 0, 4, 1, 9]


@needs_full_fashion
def test_full_fashion_mnist():
    data = datasets.load("fashion-mnist")
    assert (data.x_train.shape, data.x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert np.bincount(data.y_train).tolist() == [6000] * 10
