"""Reading of untrusted `.npz` files: sizes are checked before memory is used, every damage is one sentence."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_vae._utils import memory
from keras_vae._utils.readers import read_npz
from keras_vae.errors import DamagedFileError

ADVICE = "train again"
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
    read = read_npz(tmp_path / "a.npz", ADVICE)
    with np.load(tmp_path / "a.npz") as expected:
        assert list(read) == expected.files
        for name in read:
            np.testing.assert_array_equal(read[name], expected[name])
            assert read[name].dtype == expected[name].dtype
    assert list(read_npz(tmp_path / "a.npz", ADVICE, names=("x", "absent"))) == ["x"]


def with_method(content: bytes, method: int) -> bytes:
    content = bytearray(content)
    content[8] = method
    position = content.find(b"PK\x01\x02")
    content[position + 10] = method
    return bytes(content)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 97])
def test_compression_by_another_method_than_is_stated(tmp_path, method):
    path = tmp_path / "a.npz"
    path.write_bytes(with_method(intact(), method))
    with pytest.raises(DamagedFileError, match=r"expected a readable \.npz; it is damaged"):
        read_npz(path, ADVICE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not an array", "not an array"),
        (b"", "not an array"),
        (npy(described()), "the header of 'x' does not agree with its size"),
        (npy(described(), bytes(61)), "the header of 'x' does not agree with its size"),
        (npy(described(shape="(4611686018427387904, 60)"), bytes(60)), "the header of 'x' does not agree"),
        (npy(described(shape="(-1, 60)"), bytes(60)), "does not agree"),
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
        read_npz(archive(tmp_path / "a.npz", ("x.npy", content)), ADVICE)


def test_every_flipped_byte_is_refused_or_harmless(tmp_path):
    whole = intact()
    path = tmp_path / "a.npz"
    for position in range(len(whole)):
        for flip in (0xFF, 0x01, 0x08):
            content = bytearray(whole)
            content[position] ^= flip
            path.write_bytes(bytes(content))
            try:
                read = read_npz(path, ADVICE, names=("x", "labels"))
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
            read_npz(path, ADVICE)


def test_a_small_file_of_large_arrays_is_refused_before_any_is_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((100, 1000, 1000), "uint8"))
    assert path.stat().st_size < 200_000

    def refuse(*args, **kwargs):
        raise AssertionError("an array was read")

    monkeypatch.setattr(np.lib.format, "read_array", refuse)
    with pytest.raises(DamagedFileError, match=r"need 0\.1 GB, and 0\.0 GB of memory are free"):
        read_npz(path, ADVICE, max_bytes=40e6)
    with pytest.raises(DamagedFileError, match=r"need 0\.5 GB"):
        read_npz(path, ADVICE, max_bytes=200e6, extra_bytes_per_number=4)
    monkeypatch.setattr(memory, "available_bytes", lambda: 80_000_000)
    with pytest.raises(DamagedFileError, match=r"need 0\.1 GB, and 0\.1 GB"):
        read_npz(path, ADVICE)


def test_memory_that_is_refused_at_last_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise MemoryError

    (tmp_path / "a.npz").write_bytes(intact())
    monkeypatch.setattr(np.lib.format, "read_array", refuse)
    with pytest.raises(DamagedFileError, match="expected a readable"):
        read_npz(tmp_path / "a.npz", ADVICE)


def test_the_free_memory_is_that_of_the_system_or_the_container():
    available = memory.available_bytes()
    assert available is None or 1e6 < available < 1e16
