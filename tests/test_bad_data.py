"""Data that cannot be used is refused in one sentence, which names the file and the place in it."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vae import InputError, load
from keras_vae._utils.exit_codes import as_options


def photos(folder: Path, n: int = 4, side: int = 8, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """A folder of images of noise, in subfolders by class if there are any."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / (classes[i % len(classes)] if classes else "") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side, 3), "uint8")).save(path)
    return folder


def replaced(folder: Path, content: bytes) -> Path:
    """A folder of images, one of which has another content."""
    (photos(folder) / "cat" / "0.png").write_bytes(content)
    return folder


def truncated(folder: Path, kind: str) -> Path:
    """A folder of images and of one that is cut off."""
    path = photos(folder) / "cat" / f"cut.{kind}"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), "uint8")
    Image.fromarray(noise).resize((8, 8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return folder


def with_folder(folder: Path, name: str, **options) -> Path:
    """A folder of images with another folder in it; empty without options."""
    if options:
        photos(photos(folder) / name, **options)
    else:
        (photos(folder) / name).mkdir()
    return folder


def with_link(folder: Path, name: str, target: str) -> Path:
    """A folder of images with a link in it."""
    (photos(folder) / name).symlink_to(target)
    return folder


def only_text(folder: Path) -> Path:
    folder.mkdir()
    (folder / "notes.txt").write_text("no image")
    return folder


def other_size(folder: Path) -> Path:
    Image.new("RGB", (9, 7)).save(photos(folder) / "dog" / "wide.png")
    return folder


def too_many_pixels(folder: Path) -> Path:
    Image.new("1", (20_000, 20_000)).save(photos(folder) / "dog" / "large.png")
    return folder


def table(text: str | bytes):
    def make(path: Path) -> Path:
        path = path.with_suffix(".csv")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def array(x: object):
    def make(path: Path) -> Path:
        path = path.with_suffix(".npy")
        np.save(path, x)
        return path

    return make


def cut_array(path: Path) -> Path:
    path = array(np.zeros((10, 4, 4)))(path)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def archive(**arrays):
    def make(path: Path) -> Path:
        path = path.with_suffix(".npz")
        np.savez(path, **arrays)
        return path

    return make


def named(name: str):
    """A path where there is nothing."""
    return lambda path: path.with_name(name)


X = np.random.default_rng(0).integers(0, 256, (10, 4, 4), "uint8")
ROWS = "1,2\n3,5\n4,4\n9,9\n"
# name: how the data is made, options of `load`, the error's words
FOLDERS = {
    "no such folder": (named("none"), {}, "expected a folder of images; there is none"),
    "an empty folder": (
        lambda path: path.mkdir() or path,
        {},
        "expected images, .png, .jpg, .jpeg, .webp; received no files",
    ),
    "a folder of other files": (only_text, {}, "received 1 other files"),
    "a truncated JPEG": (
        lambda p: truncated(p, "jpg"),
        {},
        "cat/cut.jpg: expected a PNG, JPEG or WebP image; it can't be",
    ),
    "a truncated PNG": (
        lambda p: truncated(p, "png"),
        {},
        "cat/cut.png: expected a PNG, JPEG or WebP image; it can't be",
    ),
    "a truncated WebP": (
        lambda p: truncated(p, "webp"),
        {},
        "cat/cut.webp: expected a PNG, JPEG or WebP image; it can't",
    ),
    "a text file named .png": (lambda p: replaced(p, b"hello"), {}, "cat/0.png: expected a PNG, JPEG or WebP image"),
    "an empty file named .png": (lambda p: replaced(p, b""), {}, "cat/0.png: expected a PNG, JPEG or WebP image"),
    "a GIF named .png": (lambda p: replaced(p, b"GIF89a" + bytes(30)), {}, "cat/0.png: expected a PNG, JPEG or WebP"),
    "an image of too many pixels": (too_many_pixels, {"size": 8}, "dog/large.png: expected a PNG, JPEG or WebP image"),
    "images of several sizes": (other_size, {}, "received 8 × 8 and others, such as"),
    "an empty class": (lambda p: with_folder(p, "fox"), {}, "fox: expected images of the class fox; received none"),
    "images beside classes": (lambda p: photos(photos(p), classes=()), {}, "either in the folder or in its subfolders"),
    "train without test": (
        lambda p: photos(p / "train").parent,
        {},
        "expected the folders train and test alone; received train",
    ),
    "train, test and another": (
        lambda p: with_folder(photos(photos(p / "train").parent / "test").parent, "val", n=2),
        {},
        "train and test alone; received cat, dog, test, train, val",
    ),
    "classes in train alone": (
        lambda p: photos(photos(p / "train").parent / "test", classes=()).parent,
        {},
        "in both train and test, or in neither",
    ),
    "a single image": (lambda p: photos(p, n=1, classes=()), {}, "at least two different items"),
    "a link to the folder itself": (
        lambda p: with_link(p, "loop", "."),
        {},
        "loop: expected every folder once; it is a link",
    ),
    "a link to a folder above": (lambda p: with_link(p / "inner", "loop", "../.."), {}, "expected every folder once"),
    "a link to nothing": (lambda p: with_link(p, "cat/gone.png", "nowhere.png"), {}, "cat/gone.png: expected a PNG"),
    "a link to itself": (lambda p: with_link(p, "cat/a.png", "a.png"), {}, "cat/a.png: expected a PNG"),
    "an option of tables for a folder": (
        photos,
        {"label": "a"},
        "label: expected no such option for a FOLDER of images",
    ),
    "a size of 0": (photos, {"size": 0}, "size: expected greater than or equal to 1; received 0"),
    "an unknown option": (photos, {"side": 3}, "side: expected no such option"),
}
TABLES = {
    "no such table": (named("none.csv"), {}, "none.csv: expected a file; there is none"),
    "an empty table": (table(""), {}, "expected a table with a header; it is empty"),
    "a header alone": (table("a,b\n"), {}, "expected at least two rows below the header; received 0"),
    "semicolons": (
        table("a;b\n1;2\n3;4\n"),
        {},
        "expected columns separated by commas; they are separated by semicolons",
    ),
    "tabs": (table("a\tb\n1\t2\n3\t4\n"), {}, "separated by commas; they are separated by tabs"),
    "duplicate columns": (table(f"a,a\n{ROWS}"), {}, "names of columns that differ; a stand there twice"),
    "a column without a name": (table(f",b\n{ROWS}"), {}, "column 1 has none; name it, or leave out the row numbers"),
    "no header": (table(ROWS), {}, "names of columns in the first line; it holds the number 1"),
    "infinite values": (table(f"a,b\n{ROWS}1,inf\n"), {}, "received infinity in b, the first in row 5"),
    "missing values": (table(f"a,b\n{ROWS}1,\n"), {}, r"missing values in b (1 of 5 rows), the first in row 5"),
    "a column of one value": (
        table("a,b\n1,7\n2,7\n3,7\n4,7\n5,7\n"),
        {},
        "received one value in b; drop them, drop='b'",
    ),
    "a column of text": (
        table("a,b\n1,2\n3,low\n4,5\n"),
        {},
        "received text in b, the first 'low' in row 2; pass label='b'",
    ),
    "two columns of text": (
        table("a,b,c\n1,x,y\n2,x,z\n"),
        {},
        "text in b, c, the first 'x' in row 1; pass one of them",
    ),
    "a label column that is not there": (
        table(f"age,b\n{ROWS}"),
        {"label": "aeg"},
        "received 'aeg'; did you mean 'age'",
    ),
    "a dropped column that is not there": (table(f"a,b\n{ROWS}"), {"drop": "c"}, "drop: expected a column of"),
    "a column that is label and dropped": (
        table(f"a,b\n{ROWS}"),
        {"label": "a", "drop": "a"},
        "other columns than the label",
    ),
    "labels alone": (table("a\n1\n2\n"), {"label": "a"}, "at least one column of numbers; received none besides a"),
    "a missing label": (table("a,b\n1,x\n2,\n3,y\n"), {"label": "b"}, "received none in 1 rows, the first row 2"),
    "rows that are too long": (table(f"a,b\n{ROWS}1,2,3\n"), {}, "expected a table; it can't be parsed"),
    "another encoding": (
        table("gr\xf6\xdfe,b\n1,2\n3,4\n".encode("latin-1")),
        {},
        "expected a table; it can't be read",
    ),
    "a binary file": (table(bytes(range(256)) * 4), {}, "expected a table; it can't be read (it is not text)"),
    "numbers that are too large": (
        table("a,b\n1e300,2\n-1e308,3\n1e307,5\n1,1\n2,2\n"),
        {},
        "whose squares are finite",
    ),
    "equal rows": (table("a,b\n1,2\n1,2\n1,2\n"), {}, "at least two different items"),
}
ARRAYS = {
    "a truncated .npy": (
        cut_array,
        {},
        "expected a readable .npy; it is damaged (its header does not agree with its size)",
    ),
    "a text file named .npy": (
        lambda p: p.with_suffix(".npy").write_text("hello") and p.with_suffix(".npy"),
        {},
        "expected a readable .npy",
    ),
    "Python objects": (array(np.array([{}, {}], object)), {}, "it holds Python objects, which are not loaded"),
    "a single number": (array(np.float32(3)), {}, "expected an array of items; received a single number"),
    "a list of numbers": (array(np.arange(5.0)), {}, "expected images of shape (n, height, width)"),
    "an array of no items": (array(np.zeros((0, 4, 4))), {}, "at least two items"),
    "NaN": (array(np.where(np.arange(160).reshape(10, 4, 4) == 50, np.nan, 0.5)), {}, "NaN or infinity in 1 of"),
    "channels in front": (
        array(np.arange(60, dtype="uint8").reshape(5, 3, 2, 2).repeat(4, 2).repeat(4, 3)),
        {},
        "set channels_first=True",
    ),
    "channels in front of vectors": (
        array(np.ones((10, 3))),
        {"channels_first": True},
        "channels_first: expected images",
    ),
    "an archive with other names": (archive(a=X), {}, "received a; name the array of images, images=NAME"),
    "an array that is not in the archive": (archive(a=X), {"images": "b"}, "expected an array 'b'; it holds a"),
    "labels without images": (archive(a=X), {"labels": "a"}, "labels: expected with images"),
    "labels of another number": (archive(x=X, y=np.arange(9)), {}, "expected 10 rows, one per item, in y"),
    "flat bytes": (array(X.reshape(10, 16)), {}, "reshape them, x.reshape(-1, 4, 4)"),
}
BAD = {**FOLDERS, **TABLES, **ARRAYS}


@pytest.mark.parametrize("kind", BAD)
def test_bad_data_is_refused_in_a_sentence_that_names_it(tmp_path, kind):
    make, options, words = BAD[kind]
    path = make(tmp_path / "data")
    with pytest.raises(InputError) as error:
        load(f"{path}/" if kind == "no such folder" else path, **options)
    sentence = str(error.value)
    assert words in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "--out" not in as_options(sentence)  # which is where the command line writes
    is_about_an_option = sentence.split(":")[0] in {*options, "labels"}
    assert is_about_an_option or str(tmp_path) in sentence


def test_the_table_has_at_least_forty_kinds():
    assert len(BAD) >= 40


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read every file")
def test_unreadable_files_are_refused(tmp_path):
    folder = photos(tmp_path / "data")
    (folder / "cat" / "0.png").chmod(0)
    with pytest.raises(InputError, match=r"0\.png: .*Permission denied"):
        load(folder)


def test_unreadable_folders_and_files_are_refused_by_any_user(tmp_path, monkeypatch):
    folder = photos(tmp_path / "data")
    read = Path.read_bytes

    def refuse(path):
        if path.name == "0.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InputError, match=r"cat/0\.png: .*\(Permission denied\)"):
        load(folder)
