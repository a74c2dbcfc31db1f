"""Folders of images, tables and single arrays as data sets: reading, splitting, preparation, training."""

import os
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from keras_vae import Config, Dataset, InputError, load, train
from keras_vae._utils.npy_file import NpyFile
from keras_vae.data import DataOptions, Preparation, cifar, image_files, image_folder, load_all, npy, splitting


def write_images(folder, n=12, side=8, classes=("cat", "dog"), suffix=".png", gray=False):
    """Images of noise in subfolders by class; returns their pixels by relative path."""
    rng, made = np.random.default_rng(len(classes)), {}
    for i in range(n):
        pixels = rng.integers(0, 256, (side, side) if gray else (side, side, 3), "uint8")
        path = folder / (classes[i % len(classes)] if classes else "") / f"{i:03}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        made[str(path.relative_to(folder))] = pixels
    return made


def together(data: Dataset) -> np.ndarray:
    return np.concatenate([data.x_train, data.x_test])


def sorted_rows(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    return flat[np.lexsort(flat.T)]


def test_a_folder_of_images_with_classes(tmp_path):
    made = write_images(tmp_path / "pets")
    data = load(tmp_path / "pets")
    assert data.image_shape == (8, 8, 3)
    assert data.class_names == ("cat", "dog")
    assert np.bincount(np.concatenate([data.y_train, data.y_test])).tolist() == [6, 6]
    expected = np.stack(list(made.values())).astype("float32") / np.float32(255)
    np.testing.assert_array_equal(sorted_rows(together(data)), sorted_rows(expected))
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        for image, label in zip(x, y, strict=True):
            path = next(path for path, pixels in made.items() if (pixels == np.rint(255 * image)).all())
            assert path.startswith(data.class_names[label])


def test_a_folder_without_classes_and_of_grey_images(tmp_path):
    write_images(tmp_path, classes=(), gray=True)
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / ".hidden.png").write_text("ignored")
    data = load(f"{tmp_path}/")
    assert (data.image_shape, data.y_train, len(together(data))) == ((8, 8), None, 12)


def test_added_images_do_not_move_the_others(tmp_path):
    write_images(tmp_path, n=40)
    before = load(tmp_path)
    Image.new("RGB", (8, 8)).save(tmp_path / "cat" / "a-new.png")
    Image.new("RGB", (8, 8), "white").save(tmp_path / "dog" / "another.png")
    (tmp_path / "cat" / "000.png").rename(tmp_path / "cat" / "zzz.png")
    after = load(tmp_path)
    assert len(after.x_test) >= len(before.x_test)
    test = {image.tobytes() for image in after.x_test}
    assert {image.tobytes() for image in before.x_test} <= test
    assert not test & {image.tobytes() for image in before.x_train}
    assert before.digest != after.digest


def test_folders_train_and_test_give_the_split(tmp_path):
    write_images(tmp_path / "train", n=6)
    write_images(tmp_path / "test", n=4)
    data = load(tmp_path)
    assert (len(data.x_train), len(data.x_test), data.class_names) == (6, 4, ("cat", "dog"))


def test_images_are_cropped_resized_and_described(tmp_path):
    x = np.zeros((8, 24, 3), "uint8")
    x[:, 4:20] = 200  # more than the centre, in grey
    for i, suffix in enumerate((".png", ".webp", ".jpg")):
        options = {".png": {}, ".webp": {"lossless": True}, ".jpg": {"quality": 100, "subsampling": 0}}[suffix]
        Image.fromarray(np.clip(x + i, 0, 255)).save(tmp_path / f"{i}{suffix}", **options)
    data = load(tmp_path, size=4, gray=True)
    assert data.image_shape == (4, 4)
    np.testing.assert_allclose(together(data), 201 / 255, atol=3 / 255)
    steps = " ".join(data.preparation.steps)
    assert "grey values" in steps
    assert "largest centred square cropped and resized to 4 × 4 pixels" in steps
    assert data.options == DataOptions(size=4, gray=True)


def test_orientation_and_transparency(tmp_path):
    x = np.zeros((4, 6, 3), "uint8")
    x[0] = 255
    turned, exif = Image.fromarray(x), Image.Exif()
    exif[image_files.EXIF_ORIENTATION] = 6  # shown after a quarter turn clockwise
    turned.save(tmp_path / "a.png", exif=exif)
    assert image_files.read_header(tmp_path / "a.png").size == (4, 6)
    pixels = image_files.read(tmp_path / "a.png", (4, 6), gray=False).pixels
    np.testing.assert_array_equal(pixels, np.rot90(x, -1))

    alpha = np.zeros((2, 2, 4), "uint8")
    alpha[0, :, 3] = 255
    Image.fromarray(alpha).save(tmp_path / "b.png")
    flat = image_files.read(tmp_path / "b.png", (2, 2), gray=True).pixels
    assert flat.tolist() == [[0, 0], [255, 255]]
    deep = np.array([[0, 65535], [32896, 257]], "uint16")
    Image.fromarray(deep).save(tmp_path / "c.png")
    assert image_files.read(tmp_path / "c.png", (2, 2), gray=True).pixels.tolist() == [[0, 255], [128, 1]]


def test_damaged_images_are_named_or_skipped_and_counted(tmp_path):
    write_images(tmp_path, n=20)
    whole = (tmp_path / "cat" / "000.png").read_bytes()
    (tmp_path / "cat" / "000.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat" / "002.png").write_text("not an image")
    with pytest.raises(InputError, match=r"cat/00[02]\.png: expected a PNG.*set skip_damaged=True"):
        load(tmp_path)
    data = load(tmp_path, skip_damaged=True)
    assert len(together(data)) == 18
    assert data.preparation.damaged == 2
    assert data.preparation.description()["damaged"] == 2


def test_the_cache_returns_the_same_images_and_notices_changes(tmp_path, monkeypatch):
    folder, cache = tmp_path / "pets", tmp_path / "cache"
    write_images(folder)
    fresh, first = load(folder), load(folder, cache=cache)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(image_folder, "_decode", lambda *args: pytest.fail("decoded again"))
    second = load(folder, cache=cache)
    for data in (first, second):
        np.testing.assert_array_equal(data.x_train, fresh.x_train)
        assert data.digest == fresh.digest
    monkeypatch.undo()
    (next(cache.iterdir()) / "images.npy").write_bytes(b"damaged")
    assert load(folder, cache=cache).digest == fresh.digest
    os.utime(folder / "cat" / "000.png", (1, 1))
    load(folder, cache=cache)
    assert len(list(cache.iterdir())) == 2


def test_without_a_writable_cache_images_are_kept_in_memory(tmp_path, caplog):
    write_images(tmp_path / "pets")
    (tmp_path / "file").touch()
    assert len(together(load(tmp_path / "pets", cache=tmp_path / "file" / "cache"))) == 12
    assert "are not kept there" in caplog.text


def test_a_table_is_standardised_and_its_preparation_undone(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal([170, 3e6, -0.002], [10, 5e5, 1e-4], (300, 3))
    lines = [f"{a!r},{b!r},{c!r},{'xyz'[i % 3]},{i}" for i, (a, b, c) in enumerate(x.tolist())]
    (tmp_path / "a.csv").write_text("\n".join(["height,salary,tiny,kind,row", *lines]) + "\n")
    data = load(tmp_path / "a.csv", label="kind", drop="row")
    assert data.class_names == ("x", "y", "z")
    assert data.image_shape == (3,)
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.x_train.std(axis=0), 1, rtol=1e-5)
    made = Preparation.from_description(data.preparation.description())
    assert made == data.preparation
    assert made.columns == ("height", "salary", "tiny")
    np.testing.assert_allclose(sorted_rows(made.undo(together(data))), sorted_rows(x), rtol=1e-5)
    np.testing.assert_allclose(made.apply(made.undo(data.x_test)), data.x_test, atol=1e-6)
    for row, label in zip(made.undo(data.x_test), data.y_test, strict=True):
        assert np.abs(x - row).sum(axis=1).argmin() % 3 == label


def test_labels_of_a_table_may_be_numbers_or_na(tmp_path):
    rows = "\n".join(f"{i},{label}" for i, label in enumerate(["NA", "None", "10", "9"] * 5))
    (tmp_path / "a.csv").write_text(f"x,kind\n{rows}\n")
    assert load(tmp_path / "a.csv", label="kind").class_names == ("10", "9", "NA", "None")
    rows = "\n".join(f"{i},{i % 3}" for i in range(20))
    (tmp_path / "a.csv").write_text(f"x,kind\n{rows}\n")
    assert load(tmp_path / "a.csv", label="kind").class_names is None


def test_single_arrays(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (30, 3, 8, 6), "uint8"), np.arange(30) % 3
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    np.savez(tmp_path / "a.npz", data=x, targets=y)
    with pytest.raises(InputError, match=r"the channels are first; .* or set channels_first=True"):
        load(tmp_path / "x.npy")
    data = load(tmp_path / "x.npy", labels=str(tmp_path / "y.npy"), channels_first=True)
    assert (data.image_shape, data.train.stored.dtype) == ((8, 6, 3), np.uint8)
    expected = np.moveaxis(x, 1, -1)
    np.testing.assert_array_equal(sorted_rows(np.rint(together(data) * 255)), sorted_rows(expected))
    with pytest.raises(InputError, match=r"received data, targets; name the array of images, images=NAME"):
        load(tmp_path / "a.npz")
    same = load(tmp_path / "a.npz", images="data", labels="targets", channels_first=True)
    np.testing.assert_array_equal(same.x_test, data.x_test)
    np.testing.assert_array_equal(same.y_test, data.y_test)


@pytest.mark.parametrize("kind", ["uint8", "bool", "float32", "float64", "vectors"])
def test_files_that_are_read_in_parts_equal_arrays_in_memory(tmp_path, monkeypatch, kind):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2 if kind == "bool" else 256, (50, 8, 8)).astype("uint8")
    made = {"float32": x / np.float32(255), "float64": x / 255, "vectors": x[:, 0] * 3.0, "bool": x.astype(bool)}
    x = made.get(kind, x)
    np.save(tmp_path / "x.npy", x)
    whole = load(tmp_path / "x.npy")
    monkeypatch.setattr(npy, "MAX_LOADED_BYTES", 0)
    for module in ("keras_vae.data.images", "keras_vae.data.splitting", "keras_vae._utils.items"):
        monkeypatch.setattr(f"{module}.MAX_CHUNK_BYTES", 1000)
    parts = load(tmp_path / "x.npy")
    assert parts.train.is_mapped
    assert not whole.train.is_mapped
    np.testing.assert_allclose(np.asarray(parts.x_train), whole.x_train, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(parts.x_test[[2, 0]], whole.x_test[[2, 0]], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.concatenate(list(parts.train.chunks(500))), whole.x_train, rtol=1e-6, atol=1e-7)
    assert parts.train.limits.tolist() == pytest.approx(whole.train.limits.tolist())
    assert parts.test.part(slice(2)).shape == (2, *x.shape[1:])


def test_a_file_that_changes_while_it_is_used_is_reported(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((10, 4)))
    array = NpyFile(tmp_path / "x.npy", "")
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:200])
    with pytest.raises(InputError, match=r"expected the array that was read before .* do not write to it"):
        array[:3]


def test_split_of_few_and_equal_items():
    for n in range(2, 12):
        rows = splitting.split(splitting.content_keys(np.arange(n)), "toy")
        assert sorted(np.concatenate(rows)) == list(range(n))
        assert min(map(len, rows)) > 0
    train_rows, test_rows = splitting.split(splitting.content_keys(np.arange(100) // 50), "toy")
    assert len(train_rows) == len(test_rows) == 50  # copies are on one side
    with pytest.raises(InputError, match=r"at least two different items in toy.*received 1"):
        splitting.split(splitting.content_keys(np.zeros(5)), "toy")


def test_spectrograms_of_any_range_are_standardised_where_that_is_requested():
    x = np.random.default_rng(0).normal(-40, 12, (40, 20, 9))
    with pytest.raises(InputError, match="or set standardize=True"):
        Dataset.from_arrays("sounds", {"x": x})
    data = Dataset.from_arrays("sounds", {"x": x}, DataOptions(standardize=True))
    np.testing.assert_allclose(data.preparation.undo(data.x_test).min(), x.min(), rtol=0.2)
    assert data.x_train.std() == pytest.approx(1, rel=1e-5)


def test_all_items_in_their_order_are_prepared_as_those_of_the_training(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal([170, 3], [10, 1], (60, 2))

    def write(path, x, names="height,weight,kind"):
        path.write_text(
            "\n".join([names, *(f"{a!r},{b!r},{'uv'[i % 2]}" for i, (a, b) in enumerate(x.tolist()))]) + "\n"
        )

    write(tmp_path / "a.csv", x)
    data = load(tmp_path / "a.csv", label="kind")
    write(tmp_path / "b.csv", x[:7] + 100)
    new = load_all(tmp_path / "b.csv", data.preparation, label="kind")
    np.testing.assert_allclose(data.preparation.undo(new.x[:]), x[:7] + 100, rtol=1e-5)
    assert new.labels.tolist() == list("uvuvuvu")
    write(tmp_path / "c.csv", x, "weight,height,kind")
    reordered = load_all(tmp_path / "c.csv", data.preparation, label="kind")
    np.testing.assert_allclose(data.preparation.undo(reordered.x[:]), x[:, ::-1], rtol=1e-5)
    write(tmp_path / "d.csv", x, "height,width,kind")
    with pytest.raises(InputError, match=r"the columns height, weight of the training in .*d.csv; weight is missing"):
        load_all(tmp_path / "d.csv", data.preparation)
    with pytest.raises(InputError, match=r"preparation: expected a keras_vae.data.Preparation.*; received list"):
        load_all(tmp_path / "b.csv", [])
    np.save(tmp_path / "unnamed.npy", x)
    with pytest.raises(InputError, match=r"a table with the columns height, weight of the training; .*save it as .csv"):
        load_all(tmp_path / "unnamed.npy", data.preparation)

    dark = np.ones((5, 4, 4), "uint8")
    np.save(tmp_path / "dark.npy", dark)
    bytes_ = Dataset.from_arrays("images", {"x": rng.integers(0, 256, (20, 4, 4), "uint8")})
    np.testing.assert_array_equal(load_all(tmp_path / "dark.npy", bytes_.preparation).x[:], dark / np.float32(255))
    binary = Dataset.from_arrays("binary", {"x": rng.integers(0, 2, (20, 4, 4), "uint8")})
    np.testing.assert_array_equal(load_all(tmp_path / "dark.npy", binary.preparation).x[:], dark)


def test_digits_are_embedded():
    data = load("digits")
    assert (data.x_train.shape, data.x_test.shape) == ((1437, 8, 8), (360, 8, 8))
    assert (data.x_train.max(), len(np.unique(data.y_train))) == (1, 10)


@pytest.mark.parametrize("place", ["cifar-10-batches-py", "archive"])
def test_cifar_is_read_from_the_cache_by_digest(tmp_path, monkeypatch, place):
    import hashlib

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = tmp_path / "datasets" / cifar.CIFAR_10.folder
    folder.mkdir(parents=True)
    rng, digests = np.random.default_rng(0), {}
    for name in [*cifar.CIFAR_10.train, *cifar.CIFAR_10.test]:
        batch = {b"data": rng.integers(0, 256, (4, 3072), "uint8"), b"labels": [0, 1, 2, 3]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
        digests[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    published = cifar.CIFAR_10._replace(
        train={name: digests[name] for name in cifar.CIFAR_10.train}, test={"test_batch": digests["test_batch"]}
    )
    monkeypatch.setattr(cifar, "CIFAR_10", published)
    if place == "archive":
        with tarfile.open(tmp_path / "datasets" / published.archive, "w:gz") as archive:
            archive.add(folder, published.folder)
        for file in folder.iterdir():
            file.write_bytes(b"damaged")
    data = load("cifar10")
    assert (data.x_train.shape, data.x_test.shape) == ((20, 32, 32, 3), (4, 32, 32, 3))
    assert data.y_test.tolist() == [0, 1, 2, 3]
    first = np.asarray(data.train.stored[0])
    batch = pickle.loads(pickle.dumps(first))
    assert batch.shape == (32, 32, 3)


def test_a_batch_of_cifar_with_other_content_than_arrays_is_refused():
    import io

    with pytest.raises(InputError, match=r"received posix\.system|received nt\.system"):
        cifar._Unpickler(io.BytesIO(pickle.dumps(os.system))).load()


def test_data_that_was_read_with_other_options_than_those_of_the_configuration_is_refused(tmp_path):
    write_images(tmp_path / "photos", n=24)
    config = Config("c4-8-2", dataset=str(tmp_path / "photos"), data_options={"size": 4}, epochs=1, batch_size=8)
    with pytest.raises(InputError, match=r"data_options of config, {'size': 4}; received one .* read with {}; use the"):
        train(config, tmp_path / "run", quiet=True, data=load(tmp_path / "photos"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["photos", "table"])
def test_trained_drawn_again_and_described(tmp_path, kind):
    """From a folder or a table to a run, whose data is found again with its options."""
    if kind == "photos":
        write_images(tmp_path / "photos", n=24)
        config = Config(
            "c4-8-2", dataset=str(tmp_path / "photos"), data_options={"size": 4, "gray": True}, epochs=1, batch_size=8
        )
    else:
        rows = "\n".join(",".join(map(str, row)) for row in np.random.default_rng(0).normal(5, 2, (40, 3)))
        (tmp_path / "a.csv").write_text(f"a,b,c\n{rows}\n")
        config = Config(
            "2-8-2", dataset=str(tmp_path / "a.csv"), data_options={"drop": ["b"]}, likelihood="gaussian", epochs=1,
            batch_size=8,
        )  # fmt: skip
    run = train(config, tmp_path / "runs" / "a", quiet=True)
    from keras_vae.runs import run_data

    again = run_data.load(run)
    assert again.options == config.data_options
    described = run.config
    assert described["config"]["data_options"] == config.data_options.given()
    assert run.preparation == again.preparation
    assert run.preparation.steps
    resumed = train(config, tmp_path / "runs" / "a", resume=True, quiet=True)
    assert resumed.metrics == run.metrics
