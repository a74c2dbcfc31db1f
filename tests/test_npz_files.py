"""Reading of untrusted `.npz` files: sizes are checked before memory is used, every damage is one sentence."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_vae import InputError
from keras_vae._utils import memory
from keras_vae._utils.npz_files import read_npz
from keras_vae.errors import DamagedFileError

X = np.arange(60, dtype="uint8").reshape(5, 4, 3)


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """A file in the `.npy` format with any header."""
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode("latin1") + data


def described(descr: str = "'|u1'", shape: str = "(60,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


def archive(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def intact(**changes) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **({"x": X, "labels": np.array(["a", "b"])} | changes))
    return buffer.getvalue()


def test_reads_numbers_text_and_scalars_as_numpy_does(tmp_path):
    written = {"x": X, "order": np.asfortranarray(X), "text": np.array("é"), "empty": np.zeros((0, 3)), "flag": X > 7}
    np.savez(tmp_path / "a.npz", **written)
    read = read_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as expected:
        assert list(read) == expected.files
        for name in read:
            np.testing.assert_array_equal(read[name], expected[name])
            assert read[name].dtype == expected[name].dtype
    assert list(read_npz(str(tmp_path / "a.npz"), names=("x", "absent"))) == ["x"]


def flag_as_encrypted(content: bytes) -> bytes:
    content = bytearray(content)
    content[6] |= 1
    position = content.find(b"PK\x01\x02")
    content[position + 8] |= 1
    return bytes(content)


def with_method(content: bytes, method: int) -> bytes:
    content = bytearray(content)
    content[8] = method
    position = content.find(b"PK\x01\x02")
    content[position + 10] = method
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "incomplete or another kind of file"),
        (b"hello", "incomplete or another kind of file"),
        (intact()[:-30], "incomplete or another kind of file"),
        (intact()[: len(intact()) // 2], "incomplete or another kind of file"),
        (flag_as_encrypted(intact()), "it is encrypted"),
        (with_method(intact(), 97), "a method that Python's zipfile can't read"),
        (with_method(intact(), zipfile.ZIP_BZIP2), "it is damaged"),
        (with_method(intact(), zipfile.ZIP_LZMA), "it is damaged"),
        (intact(x=np.array([{}, None], dtype=object)), "'x' holds Python objects"),
        (intact(x=np.zeros(3, [("a", "f4"), ("b", "i4")])), "'x' is not an array"),
    ],
)
def test_damaged_archives_are_one_sentence_with_the_path(tmp_path, content, reason):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=reason) as error:
        read_npz(path, advice="train again")
    assert str(error.value).startswith(f"{path}: expected an intact .npz file; ")
    assert str(error.value).endswith("; train again.")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not an array", "not an array"),
        (b"", "not an array"),
        (npy(described()), "the size of 'x' is not that of its shape"),
        (npy(described(), bytes(61)), "the size of 'x' is not that of its shape"),
        (npy(described(shape="(4611686018427387904, 60)"), bytes(60)), "the size of 'x'"),
        (npy(described(shape="(-1, 60)"), bytes(60)), "not an array"),
        (npy(described(shape="(1.5,)"), bytes(60)), "not an array"),
        (npy(described(shape="'abc'"), bytes(60)), "not an array"),
        (npy(described(descr="'<q9'"), bytes(60)), "not an array"),
        (npy(described(descr="'O'"), bytes(60)), "Python objects"),
        (npy("(" * 5000, bytes(60)), "not an array"),  # deeply nested: RecursionError, MemoryError
        (npy("{'descr': '''", bytes(60)), "not an array"),  # tokenize.TokenError
        (npy("[]", bytes(60)), "not an array"),
        (npy("{}", bytes(60)), "not an array"),
        (npy(" " * 60_000 + described(), bytes(60)), "not an array"),  # longer than NumPy reads
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(60), "not an array"),  # a header of 2 GB
        (npy(described(), bytes(60), version=2)[:6] + b"\x09\x00", "not an array"),
    ],
)
def test_damaged_arrays_are_one_sentence(tmp_path, content, reason):
    with pytest.raises(DamagedFileError, match=reason):
        read_npz(archive(tmp_path / "a.npz", ("x.npy", content)))


def test_a_name_that_occurs_twice_is_refused(tmp_path):
    content = npy(described(), bytes(60))
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path / "a.npz", ("x.npy", content), ("x.npy", content))
    with pytest.raises(DamagedFileError, match="two arrays named 'x'"):
        read_npz(path)


def test_every_flipped_byte_is_refused_or_harmless(tmp_path):
    whole = intact()
    path = tmp_path / "a.npz"
    for position in range(len(whole)):
        for flip in (0xFF, 0x01, 0x08):
            content = bytearray(whole)
            content[position] ^= flip
            path.write_bytes(bytes(content))
            try:
                read = read_npz(path, names=("x", "labels"))
            except DamagedFileError:
                continue
            for name, array in {"x": X, "labels": np.array(["a", "b"])}.items():
                np.testing.assert_array_equal(read.get(name, array), array)


def test_every_truncation_is_refused(tmp_path):
    whole = intact()
    path = tmp_path / "a.npz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError):
            read_npz(path)


def test_a_small_file_of_large_arrays_is_refused_before_any_is_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((100, 1000, 1000), "uint8"))
    assert path.stat().st_size < 200_000

    def refuse(*args, **kwargs):
        raise AssertionError("an array was read")

    monkeypatch.setattr(np.lib.format, "read_array", refuse)
    with pytest.raises(InputError, match=r"fit into 0\.05 GB of memory; they need 0\.1 GB; use fewer"):
        read_npz(path, max_bytes=50e6)
    with pytest.raises(InputError, match=r"need 0\.5 GB"):
        read_npz(path, max_bytes=200e6, extra_bytes_per_number=4)
    monkeypatch.setattr(memory, "available_bytes", lambda: 80_000_000)
    with pytest.raises(InputError, match=r"fit into 0\.08 GB"):
        read_npz(path)


def test_memory_that_is_refused_at_last_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise MemoryError

    (tmp_path / "a.npz").write_bytes(intact())
    monkeypatch.setattr(np.lib.format, "read_array", refuse)
    with pytest.raises(InputError, match="fit into memory"):
        read_npz(tmp_path / "a.npz")


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(InputError, match=r"a\.npz: expected an \.npz file; there is none"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(InputError, match="there is none"):
        read_npz(tmp_path)
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match="there is none"):
        read_npz(tmp_path / "pipe.npz")
    for name in ("x" * 300 + ".npz", "a\0b.npz"):
        with pytest.raises(InputError):
            read_npz(tmp_path / name)


def test_the_free_memory_is_that_of_the_system_or_the_container():
    available = memory.available_bytes()
    assert available is None or 1e6 < available < 1e16
