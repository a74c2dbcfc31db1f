"""Data sets: registry, readers, checks, and that files in the cache are never changed."""

import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_vae import Config, Dataset, InputError, load, train
from keras_vae.data import fashion_mnist, keras_cache, labels, mnist, registry
from keras_vae.errors import DamagedFileError

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


def test_mnist_5k_is_split_by_class():
    data = load("mnist-5k")
    assert data.x_train.shape == (4000, 28, 28)
    assert data.x_test.shape == (1000, 28, 28)
    assert np.bincount(data.y_train).tolist() == [400] * 10
    assert np.bincount(data.y_test).tolist() == [100] * 10
    assert (data.x_train.dtype, data.x_train.min(), data.x_train.max()) == (np.float32, 0, 1)
    assert len(np.unique(data.y_train[:50])) == 10  # not sorted
    together = np.concatenate([data.x_train, data.x_test]).reshape(5000, -1)
    assert len(np.unique(together, axis=0)) == 5000  # no image in both parts
    assert data.digest == load("mnist-5k").digest


def test_integers_and_floats_are_scaled_to_the_unit_range(tmp_path):
    data = load(saved(tmp_path / "a.npz"))
    np.testing.assert_allclose(data.x_train, arrays()["x_train"] / 255, rtol=1e-6)
    assert data.y_test.tolist() == arrays()["y_test"].tolist()
    assert data.image_shape == (6, 5)
    floats = {key: arrays()[key] / 255 for key in ("x_train", "x_test")}
    again = load(saved(tmp_path / "b.npz", **floats))
    np.testing.assert_allclose(again.x_train, data.x_train, rtol=1e-6)
    assert again.x_train.dtype == np.float32
    assert again.digest != data.digest


def test_labels_are_optional_and_colour_images_accepted(tmp_path):
    x = np.zeros((4, 6, 5, 3), "uint8")
    data = load(saved(tmp_path / "a.npz", x_train=x, x_test=x, y_train=None, y_test=None))
    assert data.y_train is None
    assert data.image_shape == (6, 5, 3)


def test_keras_column_labels_are_flattened(tmp_path):
    assert load(saved(tmp_path / "a.npz", y_train=np.zeros((20, 1), int))).y_train.shape == (20,)


def both(change) -> dict:
    """The images of both parts, changed."""
    return {key: change(arrays()[key]) for key in ("x_train", "x_test")}


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool"])
def test_binary_images_keep_their_values(caplog, kind):
    data = Dataset.from_arrays("toy", arrays(**both(lambda x: (x > 100).astype(kind))))
    np.testing.assert_array_equal(data.x_train, arrays()["x_train"] > 100)
    assert (data.x_train.dtype, data.x_train.max(), data.x_test.max()) == (np.float32, 1, 1)
    said = ["toy: integers that are all 0 or 1 are taken as binary images, not as values up to 255."]
    assert caplog.messages == (said if kind != "bool" else [])


def test_images_of_zeros_and_of_values_up_to_255_are_not_taken_as_binary(caplog):
    assert Dataset.from_arrays("toy", arrays(**both(np.zeros_like))).x_train.max() == 0
    mixed = arrays(x_train=np.ones((20, 6, 5), "uint8"))  # the test images reach 255
    assert Dataset.from_arrays("toy", mixed).x_train.max() == np.float32(1 / 255)
    assert not caplog.messages


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_floats_outside_of_the_range_by_rounding_are_clipped(kind):
    def rounded(x):
        x = (x / 255).astype(kind)
        x[:, 0, :2] = np.nextafter(np.array(1, kind), np.array(2, kind)), -np.finfo(kind).tiny
        return x

    data = Dataset.from_arrays("toy", arrays(**both(rounded)))
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    inside = arrays()["x_train"].astype("float32") / np.float32(255)
    made = Dataset.from_arrays("toy", {"x_train": inside, "x_test": inside})
    assert np.shares_memory(made.x_train, inside)  # nothing to clip, nothing to copy


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x_test": None}, "x_test is missing; received x_train, y_train, y_test"),
        ({"x_train": np.zeros((20, 6), "uint8")}, r"shape \(n, height, width\).*received \(20, 6\)"),
        ({"x_train": np.zeros((20, 784))}, r"received \(784,\) for .*; reshape them, x\.reshape\(-1, 28, 28\)"),
        ({"x_train": np.zeros((2, 784), "uint8")}, r"reshape\(-1, 28, 28\); for vectors .* x\.astype\('float32'\)"),
        (
            {"x_train": np.zeros((20, 784)), "x_test": np.zeros((8, 784))},
            "one value in 784 columns, the first 0",
        ),
        ({"x_train": np.zeros((2, 3072))}, r"x\.reshape\(-1, 32, 32, 3\) or x\.reshape\(-1, 3, 32, 32\)"),
        ({"x_train": np.zeros((2, 3, 14, 14))}, r"the channels are first; put them last, x\.transpose\(0, 2, 3, 1\)"),
        ({"x_train": np.zeros((2, 1, 28, 28))}, "the channels are first"),
        ({"x_train": np.zeros((2, 14, 14, 4))}, r"drop the alpha channel, x\[\.\.\., :3\]"),
        ({"x_train": np.zeros((2, 14, 14, 2))}, r"drop the alpha channel, x\[\.\.\., :1\]"),
        ({"x_train": np.zeros((2, 14, 14, 7))}, "choose 1 or 3 of the channels"),
        ({"x_train": np.zeros((0, 6, 5), "uint8")}, r"received \(0, 6, 5\)"),
        ({"x_train": np.array([[["a"]]])}, "expected real numbers in x_train"),
        ({"x_train": np.zeros((2, 6, 5), complex)}, "expected real numbers in x_train"),
        ({"x_train": np.full((2, 6, 5), 1.5)}, r"from 0 to 1 in .*received 1\.5 to 1\.5; divide them first, x / 255"),
        ({"x_train": np.full((2, 6, 5), -0.1)}, r"map them from \[-1, 1\] first, \(x \+ 1\) / 2"),
        ({"x_train": np.array([-2.0, 3.0]).reshape(2, 1, 1)}, "undo their standardization, or set standardize=True"),
        ({"x_train": np.full((2, 6, 5), np.nan)}, "received NaN or infinity in 2 of 2 images"),
        ({"x_train": np.full((2, 6, 5), np.inf)}, "received NaN or infinity in 2 of 2 images"),
        ({"x_train": np.full((2, 6, 5), 256)}, "values from 0 to 255 .* divide them first, x / 65535"),
        ({"x_train": np.full((2, 6, 5), -1, "int8")}, "values from 0 to 255 .*; shift and scale"),
        ({"x_test": np.zeros((8, 5, 5), "uint8")}, "images of one shape"),
        ({"x_test": np.zeros((8, 6, 5))}, "one type of numbers"),
        ({"y_train": np.zeros(19, int)}, "expected 20 labels"),
        ({"y_train": np.zeros((20, 2, 2), int)}, "expected 20 labels"),
        ({"y_train": np.full(20, 0.5)}, "whole numbers or text, in y_train"),
        ({"y_train": np.full(20, np.nan)}, "whole numbers or text, in y_train"),
        ({"y_train": np.zeros(20, complex)}, "received complex128"),
        ({"y_train": np.zeros(20, "datetime64[D]")}, "received datetime64"),
        ({"y_train": np.array(["a"] * 20)}, "one kind of labels in toy; received text and numbers"),
        ({"y_train": np.full((20, 3), 0.4)}, r"received \(20, 3\); pass the class .* y\.argmax\(axis=1\)"),
        ({"y_train": np.ones((20, 3), int)}, "several attributes of an image as factors"),
        ({"y_train": [None] * 20}, "all text or all whole numbers in y_train of toy; received NoneType"),
        ({"factors_train": np.zeros(20)}, r"numbers of shape \(20, factors\) in factors_train"),
        ({"factors_train": np.array([[0, np.nan]] * 20)}, "NaN or infinity in 20 of 20 rows of column 1"),
        ({"x_train": [np.zeros((6, 5)), np.zeros((4, 5))]}, "resize the images to one size"),
        ({"x_train": {"image": np.zeros((20, 6, 5))}}, "received a dict; collect its images"),
    ],
)
def test_refuses_arrays_that_are_not_images(changes, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        Dataset.from_arrays("toy", arrays(**changes))
    assert str(error.value).startswith("dataset: expected ")
    assert str(error.value).count("\n") == 0


def test_more_classes_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(labels, "MAX_CLASSES", 5)
    assert Dataset.from_arrays("toy", arrays()).class_names is None
    with pytest.raises(InputError, match="labels of at most 5 classes in toy; received 20; leave them"):
        Dataset.from_arrays("toy", arrays(y_train=np.arange(20)))


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ([7, 3, 5], None),  # numbers from 0 stay as they are
        ([2, 1, 0], None),
        ([-1, 0, 1], ("-1", "0", "1")),
        ([0, 2**40, 5], ("0", "5", "1099511627776")),
        (np.array([2**64 - 1, 0, 1], "uint64"), ("0", "1", "18446744073709551615")),
        ([2.0, 0.0, 1.0], None),
        ([-2.0, 0.0, 1.0], ("-2", "0", "1")),
        ([True, False, True], ("False", "True")),
        (["dog", "cat", "ox"], ("cat", "dog", "ox")),
        (["2", "0", "1"], None),
        ([b"b", b"a", b"\xff"], ("a", "b", "\ufffd")),
        (np.array(["b", "a", "c"], dtype=object), ("a", "b", "c")),
        (np.array([3, -1, 2], dtype=object), ("-1", "2", "3")),
        (["$a$", "two\nlines", "\udcff"], ("$a$", "two\ufffdlines", "\ufffd")),
        (["x" * 100, "y", "z"], ("x" * 30 + "…" + "x" * 29, "y", "z")),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], None),
    ],
)
@pytest.mark.parametrize("labelled", [("y_train", "y_test"), ("y_train",), ("y_test",)])
def test_labels_of_any_kind_become_class_indices(kinds, names, labelled):
    kinds = np.asarray(kinds)
    y = {"y_train": kinds[np.arange(20) % 3], "y_test": kinds[np.arange(8) % 3]}
    data = Dataset.from_arrays("toy", arrays(**{key: y[key] if key in labelled else None for key in y}))
    assert data.class_names == names
    distinct = np.unique(kinds.argmax(axis=1) if kinds.ndim == 2 else kinds, return_inverse=True)
    expected = distinct[1] if names else np.array(distinct[0], "int64")[distinct[1]]
    for key in y:
        found = getattr(data, key)
        if key in labelled:
            np.testing.assert_array_equal(found, expected.ravel()[np.arange(len(found)) % 3])
            assert found.dtype.kind in "ui"
        else:
            assert found is None


def test_one_hot_labels_are_logged(caplog):
    Dataset.from_arrays("toy", arrays(y_train=np.eye(3)[np.arange(20) % 3]))
    assert caplog.messages == ["y_train of toy: rows with a single 1 are taken as one-hot labels, y.argmax(axis=1)."]


def test_labels_of_the_test_images_alone_may_have_other_classes():
    data = Dataset.from_arrays("toy", arrays(y_train=["a", "b"] * 10, y_test=["b", "c"] * 4))
    assert data.class_names == ("a", "b", "c")
    assert data.y_test.tolist() == [1, 2] * 4


def test_lists_and_tensors_are_taken_as_arrays_and_collections_are_not():
    import tensorflow as tf
    from PIL import Image

    pictures = [Image.fromarray(x) for x in arrays()["x_train"]]
    expected = Dataset.from_arrays("toy", arrays())
    for x in (pictures, arrays()["x_train"].tolist(), tf.constant(arrays()["x_train"])):
        np.testing.assert_array_equal(Dataset.from_arrays("toy", arrays(x_train=x)).x_train, expected.x_train)
    with pytest.raises(InputError, match=r"collect its images, as in np\.stack\(\[example\['image'\] for example in"):
        Dataset.from_arrays("toy", arrays(x_train=tf.data.Dataset.from_tensor_slices({"image": arrays()["x_train"]})))
    with pytest.raises(InputError, match="received a tuple"):
        Dataset.from_arrays("toy", tuple(arrays().values()))


@pytest.mark.parametrize("name", ["two\nlines.npz", "\x1b[1m.npz", "\udcff.npz", "a\0b.npz"])
def test_names_that_cannot_be_printed_are_refused(tmp_path, name):
    for path in (name, tmp_path / name):
        with pytest.raises(InputError, match="rename the file") as error:
            load(path)
        assert str(error.value).isprintable()


def test_digests_of_integers_and_floats_are_those_of_earlier_versions():
    """A run is evaluated on the data of its digest only, so that digests must not change."""
    digest = hashlib.sha256()
    column = arrays(y_train=np.arange(20)[:, None] % 3)
    for key, array in sorted(arrays().items()):
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    assert Dataset.from_arrays("toy", column).digest == digest.hexdigest()
    assert load("mnist-5k").digest == "54ffdab906d419b29efb275fd8bff5f1ddea897af398d4103b1442abff1c10e5"


def test_refuses_missing_and_damaged_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz: expected a file; there is none; check the path"):
        load(tmp_path / "none.npz")
    whole = Path(saved(tmp_path / "whole.npz")).read_bytes()
    contents = {"empty": b"", "text": b"hello", "truncated": whole[: len(whole) // 2], "short": whole[:-30]}
    middle = bytearray(whole)
    middle[len(whole) // 3] ^= 255
    contents["flipped"] = bytes(middle)
    for name, content in contents.items():
        (tmp_path / f"{name}.npz").write_bytes(content)
        with pytest.raises(DamagedFileError, match=rf"{name}\.npz: expected a readable \.npz"):
            load(tmp_path / f"{name}.npz")
    with zipfile.ZipFile(tmp_path / "foreign.npz", "w") as archive:
        archive.writestr("x_train.npy", b"not an array")
    with pytest.raises(InputError, match="'x_train' is not an array"):
        load(tmp_path / "foreign.npz")


def test_refuses_an_unknown_name():
    with pytest.raises(
        InputError, match=r"tiles-2k, a FILE\.npz, a FILE\.npy, a FILE\.csv or a FOLDER of images; received 'cifar'"
    ):
        load("cifar")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_without_network_and_cache_the_error_names_alternatives(tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    no_network(monkeypatch)
    with pytest.raises(
        InputError, match=r"use dataset='mnist-5k', which needs no download, or dataset='FILE\.npz'"
    ) as error:
        load(name)
    assert error.value.__suppress_context__  # the exceptions of the download would precede the sentence


def test_a_foreign_file_in_the_cache_is_neither_used_nor_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    no_network(monkeypatch)
    (tmp_path / "datasets").mkdir()
    foreign = Path(saved(tmp_path / "datasets" / "mnist.npz"))
    before = foreign.read_bytes()
    with pytest.raises(InputError, match="expected mnist in"):
        load("mnist")
    assert foreign.read_bytes() == before
    for damaged in (b"", before[: len(before) // 2]):
        foreign.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{foreign} is damaged or another file, and there is no network \("):
            load("mnist")
        assert foreign.read_bytes() == damaged


@pytest.mark.parametrize(("name", "file"), [("mnist", "mnist.npz"), ("fashion-mnist", "")])
def test_a_damaged_download_is_reported_with_its_path(tmp_path, monkeypatch, name, file):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    no_network(monkeypatch)
    path = tmp_path / "datasets" / "keras_vae" / (file or name)
    for part in [path] if file else [path / part for part in fashion_mnist.FILES.values()]:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"incomplete")
    with pytest.raises(DamagedFileError, match="delete it, so that it is downloaded again") as error:
        load(name)
    assert str(error.value).startswith(f"{path}: expected the published ")


@pytest.fixture
def small_mnist(monkeypatch) -> dict:
    """A few images whose digests replace those of the published MNIST."""
    made = arrays(y_train=np.zeros(20, "uint8"), y_test=np.zeros(8, "uint8"))
    digests = {key: keras_cache.idx_md5(array) for key, array in made.items()}
    monkeypatch.setattr(mnist, "IDX_MD5", digests)
    monkeypatch.setattr(fashion_mnist, "IDX_MD5", digests)
    return made


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_cached_files_are_recognized_by_their_arrays(tmp_path, monkeypatch, small_mnist, save):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    save(tmp_path / "datasets" / "mnist.npz", **small_mnist)
    assert len(load("mnist").x_train) == 20
    small_mnist["y_test"][0] = 9  # one wrong label
    save(tmp_path / "datasets" / "mnist.npz", **small_mnist)
    no_network(monkeypatch)
    with pytest.raises(InputError, match="expected mnist in"):
        load("mnist")


def test_a_download_does_not_replace_a_cached_file(tmp_path, monkeypatch, small_mnist):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").write_bytes(b"foreign")

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
    assert len(load("mnist").x_train) == 20
    assert (tmp_path / "datasets" / "mnist.npz").read_bytes() == b"foreign"
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", None)  # the second time needs no network
    assert len(load("mnist").x_train) == 20


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
    np.testing.assert_allclose(load("fashion-mnist").x_test, small_mnist["x_test"] / 255, rtol=1e-6)
    damaged = folder / "t10k-images-idx3-ubyte.gz"
    whole = damaged.read_bytes()
    no_network(monkeypatch)
    middle = bytearray(whole)
    middle[20:40] = b"\xff" * 20  # zlib.error
    for content in (b"", whole[:-20], bytes(middle), gzip.compress(b"\0\0\x08"), gzip.compress(b"\0\0\x08\x03\0")):
        damaged.write_bytes(content)
        with pytest.raises(InputError, match="expected fashion-mnist in"):
            load("fashion-mnist")


@pytest.fixture
def registry_copy(monkeypatch):
    """Removes what a test registers."""
    monkeypatch.setattr(registry, "_SETS", dict(registry._SETS))
    monkeypatch.setattr(registry, "_FORMATS", dict(registry._FORMATS))


def toy() -> dict:
    return arrays(x_train=np.zeros((20, 8, 8), "uint8"), x_test=np.zeros((8, 8, 8), "uint8"))


def test_a_registered_data_set_is_listed_loaded_and_trained_on(tmp_path, registry_copy):
    registry.register("toy", "Toy images", toy)
    assert load("toy").x_train.shape == (20, 8, 8)
    assert registry.names()[-1] == "toy"
    assert registry.title("toy") == "Toy images"
    with pytest.raises(InputError, match=r"tiles-2k, toy, a FILE\.npz, .* or a FOLDER of images; received 'cifar'"):
        load("cifar")
    run = train(Config("64-2", dataset="toy", epochs=1, batch_size=10), tmp_path / "run", quiet=True)
    assert run.title == "64-2 on Toy images"
    run.check_data(load("toy"))


def test_a_registered_format_is_chosen_by_suffix_or_predicate(tmp_path, registry_copy):
    read = []

    def reader(path: Path) -> dict:
        read.append(path)
        return toy()

    registry.register_format("a FILE.toy", ".toy", reader)
    registry.register_format("a folder", lambda text: Path(text).is_dir(), reader)
    assert load("images.toy").name == "images.toy"
    assert load(tmp_path).x_test.shape == (8, 8, 8)
    assert read == [Path("images.toy"), tmp_path]
    with pytest.raises(InputError, match=r"a FILE\.toy, a folder or a FOLDER of images; received 'cifar'"):
        load("cifar")


def test_arrays_of_a_registered_reader_are_checked(registry_copy):
    registry.register("toy", "Toy images", lambda: arrays(x_train=np.full((2, 6, 5), 1.5)))
    with pytest.raises(InputError, match="values from 0 to 1 in x_train of toy"):
        load("toy")


def test_the_names_are_listed_without_numpy():
    program = "import sys; from keras_vae.data import registry; print(registry.names(), 'numpy' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert (
        printed
        == "('mnist', 'fashion-mnist', 'mnist-5k', 'digits', 'cifar10', 'cifar100', 'tiles', 'tiles-2k') False\n"
    )


@needs_full_mnist
def test_full_mnist():
    data = load("mnist")
    assert (data.x_train.shape, data.x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert data.y_train[:5].tolist() == [5, 0, 4, 1, 9]


@needs_full_fashion
def test_full_fashion_mnist():
    data = load("fashion-mnist")
    assert (data.x_train.shape, data.x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert np.bincount(data.y_train).tolist() == [6000] * 10
