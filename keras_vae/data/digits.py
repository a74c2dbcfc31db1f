"""Reader of scikit-learn's digits: 1,797 handwritten digits of 8 × 8 (Alpaydin & Kaynak 1998), contained in it."""

import numpy as np

SPLIT_SEED = 1797
TEST_FRACTION = 0.2
MAX_VALUE = 16  # of a pixel


def read() -> dict[str, np.ndarray]:
    """Reads the digits and splits them into 1,437 / 360, stratified and shuffled; values 0 … 16 become 0 … 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x, y = (digits.images / MAX_VALUE).astype("float32"), digits.target.astype("uint8")
    parts = train_test_split(x, y, test_size=TEST_FRACTION, stratify=y, random_state=SPLIT_SEED)
    return dict(zip(("x_train", "x_test", "y_train", "y_test"), parts, strict=True))
