"""Readers of JSON, `.npz` and CSV files: complete files are read, all others raise one error that names the file."""

import io
import json
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest

from keras_vae._utils import memory, readers
from keras_vae.errors import DamagedFileError, InputError

READERS = {"json": readers.read_json, "npz": readers.read_npz, "csv": readers.read_csv}


def npy(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in members:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Duplicate name", UserWarning)  # one of the damages
                opened.writestr(name, content)
    return buffer.getvalue()


def saved(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


ONES = npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", np.ones(2, "float32").tobytes())
HUGE = npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n")
ENCRYPTED = archive(("x.npy", ONES)).replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x01\x00\x00\x00")
UNKNOWN_COMPRESSION = archive(("x.npy", ONES)).replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00")

DAMAGED = {
    "json": {
        "empty": b"",
        "truncated": b'{"epochs": 3',
        "not UTF-8": b'{"name": "\xff"}',
        "deep": b"[" * 100_000,
        "deep but parsed": b"[" * 200 + b"]" * 200,
        "NaN": b'{"loss": NaN}',
        "infinite": b'{"loss": 1e999}',
        "too many digits": b"1" * 5000,
        "half a surrogate pair": rb'{"name": "\ud800"}',
        "a byte order mark": b"\xef\xbb\xbf{}",
    },
    "npz": {
        "empty": b"",
        "text": b"not an archive",
        "truncated": saved(x=np.arange(100))[:-50],
        "a byte changed": saved(x=np.arange(100)).replace(struct.pack("<q", 50), struct.pack("<q", 51)),
        "pickled": saved(x=np.array([{}], dtype=object)),
        "structured": saved(x=np.zeros(2, "i4,f4")),
        "not an array": archive(("x.txt", b"text")),
        "twice": archive(("x.npy", ONES), ("x.npy", ONES)),
        "a huge shape": archive(("x.npy", HUGE)),
        "a negative shape": archive(("x.npy", HUGE.replace(b"1000000000000", b"-100000000000"))),
        "an open bracket": archive(("x.npy", npy(b"{'descr': ('<f4', \n"))),
        "bad indentation": archive(("x.npy", npy(b"  {\n 1\n   2L\n  3\n"))),
        "another version": archive(("x.npy", npy(b"{}", version=b"\x03\x00"))),
        "cut in the header": archive(("x.npy", ONES[:12])),
        "encrypted": ENCRYPTED,
        "unknown compression": UNKNOWN_COMPRESSION,
    },
    "csv": {
        "empty": b"",
        "a cut number": b"epoch,loss\r\n1,210.5\r\n2,180",
        "a missing cell": b"epoch,loss\n1,210.5\n2\n",
        "an additional cell": b"epoch,loss\n1,210.5,3\n",
        "no header": b"1,210.5\n2,180.2\n",
        "a column twice": b"epoch,loss,loss\n1,2,3\n",
        "text": b"epoch,loss\n1,low\n",
        "NaN": b"epoch,loss\n1,nan\n",
        "an open quotation mark": b'epoch,loss\n1,"2\n',
        "a null character": b"epoch,loss\n1,\x002\n",
        "not UTF-8": b"epoch,loss\n1,\xff\n",
    },
}


@pytest.mark.parametrize(("kind", "damage"), [(kind, damage) for kind in DAMAGED for damage in DAMAGED[kind]])
def test_a_damaged_file_raises_one_error_that_begins_with_its_path(kind, damage, tmp_path):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(DAMAGED[kind][damage])
    with pytest.raises(DamagedFileError) as error:
        READERS[kind](path, "train again")
    assert str(error.value).startswith(f"{path}: expected ")
    advice = (
        "save it with another type, as in x.astype(str) for labels of pandas" if damage == "pickled" else "train again"
    )
    assert str(error.value).endswith(f"; {advice}.")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_file_and_a_folder_in_its_place(kind, tmp_path):
    with pytest.raises(InputError, match="there is none; train again") as error:
        READERS[kind](tmp_path / "a", "train again")
    assert not isinstance(error.value, DamagedFileError)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "loop", tmp_path / ("a" * 300), tmp_path / "a\0b"):
        with pytest.raises(DamagedFileError):
            READERS[kind](path, "train again")


def test_complete_files_are_read(tmp_path):
    content = {"a": [1, 2.5, None, "é"], "b": {"c": True}}
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    assert readers.read_json(tmp_path / "a.json", "") == content
    arrays = {"x": np.arange(6.0).reshape(2, 3), "text": np.array("{}"), "none": np.zeros((0, 3), "uint8")}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = readers.read_npz(tmp_path / "a.npz", "")
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
    (tmp_path / "a.csv").write_bytes(b"epoch,loss,kl\r\n1,2.5,\r\n2,1.5,3\r\n")
    columns = readers.read_csv(tmp_path / "a.csv", "")
    assert columns["loss"].tolist() == [2.5, 1.5]
    assert np.isnan(columns["kl"]).tolist() == [True, False]


def test_arrays_that_exceed_the_memory_are_refused_before_they_are_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(10**6))
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    with pytest.raises(DamagedFileError, match=r"0\.0 GB of memory are free"):
        readers.read_npz(tmp_path / "a.npz", "make room")


def test_the_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(DamagedFileError("a", "expected b", "c")))
    assert (str(error), error.path) == ("a: expected b; c.", "a")
