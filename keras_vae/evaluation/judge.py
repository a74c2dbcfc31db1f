"""The classifier whose features and predictions score images; trained once per data set and cached."""

import contextlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_vae import diagnostics
from keras_vae._utils import checks
from keras_vae._utils.files import write_npz
from keras_vae._utils.keras_import import import_keras
from keras_vae._utils.readers import read_npz
from keras_vae._utils.user_folders import home
from keras_vae.data import Dataset
from keras_vae.errors import InputError

EPOCHS = 4
BATCH_SIZE = 128
VERSION = 1  # of the architecture and its training, part of the cached file's name
MAX_IMAGES = 5000  # compared with as many test images
MIN_IMAGES = 4  # each has three neighbours: see `diagnostics.precision_recall`
SUBSET_SEED = 0
MAX_ACCURACY_DIFFERENCE = 0.005  # of a cached classifier from when it was trained, by rounding on another machine
ACCURACY = "accuracy"  # name of an array in a cached file, beside the weights


class Scores(NamedTuple):
    """Scores of a set of images against an equally large set of test images.

    Attributes:
        frechet: Fréchet distance in the classifier's features (not an FID).
        precision, recall: Kynkäänniemi et al. 2019, k = 3.
        confidence: mean probability of the most probable class.
        entropy: mean entropy of the predicted class, nats.
        class_balance: 1 − total variation distance between the predicted classes and those of the test set.
    """

    frechet: float
    precision: float
    recall: float
    confidence: float
    entropy: float
    class_balance: float


class Judge:
    """Scores images by a classifier trained on the same data set.

    Two strided convolutions (for vectors a dense layer), a layer of 64 features and a softmax, trained for four epochs
    of Adam with seed 0. It is trained when the first score is computed, which takes under a minute for MNIST on two
    cores, and then cached.

    Args:
        data: a labelled data set.
        images: maximum number of images that are scored, and of test images that they are compared with; at least 4.
        epochs: of the classifier's training.
        cache: the folder of trained classifiers; default `cache_folder()`. A cached classifier is used if its file
            belongs to the same user, its weights have the right shapes, and its accuracy is that of its training.
        trained: the arrays of a classifier that was trained by an equal judge, as `arrays` returns them; none is then
            trained.

    Attributes:
        accuracy: fraction of the test set that the classifier labels correctly.
        labels: of the test images, `(n,)` int64.
        n: number of images that `score` expects.
        identity: what scores depend on besides the images; scores of different judges can't be compared.

    Raises:
        InputError: if the data has no labels, or fewer than four training or test images.
    """

    def __init__(
        self,
        data: Dataset,
        images: int = MAX_IMAGES,
        epochs: int = EPOCHS,
        cache: Path | None = None,
        trained: Mapping[str, np.ndarray] | None = None,
    ):
        if data.y_train is None or data.y_test is None:
            raise InputError(
                f"judge: expected labels for training and test images; {data.name} lacks them; use a labelled data set."
            )
        self.n = min(checks.whole("images", images, MIN_IMAGES), len(data.x_test), len(data.x_train))
        if self.n < MIN_IMAGES:
            raise InputError(
                f"judge: expected at least {MIN_IMAGES} training and {MIN_IMAGES} test images; {data.name} has "
                f"{len(data.x_train)} and {len(data.x_test)}; evaluate without a judge."
            )
        self._data, self._epochs, self._cache = data, checks.whole("epochs", epochs), cache
        self._trained = trained
        self._train_labels, self.labels = data.y_train.astype("int64"), data.y_test.astype("int64")

    @property
    def identity(self) -> dict:
        """What scores depend on besides the images; scores of different judges can't be compared."""
        return {"version": VERSION, "epochs": self._epochs, "images": self.n, "digest": self._data.digest}

    @property
    def options(self) -> dict[str, int]:
        """The arguments that, with the data, make an equal judge."""
        return {"images": self.n, "epochs": self._epochs}

    @property
    def accuracy(self) -> float:
        """Fraction of the test set that the classifier labels correctly."""
        return self._classifier[1]

    @cached_property
    def _classifier(self) -> tuple[Any, float]:
        """The classifier and its accuracy, from the cache if it holds one that is complete and as accurate."""
        classes = int(max(self._train_labels.max(), self.labels.max())) + 1
        trained, network = _build(import_keras(), _with_channels(self._data.x_train[:1]).shape[1:], classes)
        if self._trained is not None:
            _set_weights(network, self._trained)
            return network, float(self._trained[ACCURACY])
        path = self._cache_path()
        expected = _load(network, path)
        if expected is not None:
            accuracy = self._accuracy(network)
            if abs(accuracy - expected) <= MAX_ACCURACY_DIFFERENCE:
                return network, accuracy
            trained, network = _build(import_keras(), _with_channels(self._data.x_train[:1]).shape[1:], classes)
        _train(trained, self._data, self._train_labels, self._epochs)
        accuracy = self._accuracy(network)
        _save(network, accuracy, path)
        return network, accuracy

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights and the accuracy of the trained classifier, from which an equal judge can be made."""
        return _arrays(*self._classifier)

    def _accuracy(self, network: Any) -> float:
        return float((_predict(network, self._data.x_test)[1].argmax(axis=1) == self.labels).mean())

    def _cache_path(self) -> Path:
        name = f"classifier-{VERSION}-{self._epochs}-{self._data.digest[:16]}.npz"
        return (self._cache or cache_folder()) / name

    @cached_property
    def _real(self) -> np.ndarray:
        return self._features(self._data.x_test[self.compared_indices])[0]

    @cached_property
    def _real_radii(self) -> np.ndarray:
        return diagnostics.neighbour_distances(self._real)

    @property
    def compared_indices(self) -> np.ndarray:
        """Indices of the test images that samples are compared with. Images derived from these would score too well."""
        return self._subset(len(self._data.x_test))

    @property
    def other_indices(self) -> np.ndarray:
        """`n` indices of test images, as far as possible different from those that samples are compared with."""
        rest = np.setdiff1d(np.arange(len(self._data.x_test)), self.compared_indices)
        return np.concatenate([rest, self.compared_indices])[: self.n]

    def score(self, images: np.ndarray) -> Scores:
        """Scores of `n` images `(n, height, width[, channels])`, or vectors `(n, columns)`, scaled as the data is.

        Raises:
            InputError: for images of another number or shape, or with pixels that are not finite.
        """
        images = checks.as_array("images", images)
        if images.shape[:1] != (self.n,):
            raise InputError(
                f"images: expected {self.n}, as many as the test images they are compared with; received "
                f"{len(images) if images.ndim else 'a number'}."
            )
        features, probabilities = self._features(images)
        return Scores(
            diagnostics.frechet_distance(self._real, features),
            *diagnostics.precision_recall(self._real, features, real_radii=self._real_radii),
            diagnostics.confidence(probabilities),
            diagnostics.entropy(probabilities),
            diagnostics.class_balance(probabilities, self.labels),
        )

    @cached_property
    def floor(self) -> Scores:
        """The scores of training images: those of perfect samples."""
        return self.score(self._data.x_train[self._subset(len(self._data.x_train))])

    def _subset(self, available: int) -> np.ndarray:
        """`n` random indices below `available`. (MNIST's first test images are cleaner than its last.)"""
        return np.random.default_rng(SUBSET_SEED).permutation(available)[: self.n]

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities `(n, classes)` of images or vectors as `score` takes them, for any n.

        Raises:
            InputError: for images of another shape, or with pixels that are not finite.
        """
        return self._features(images)[1]

    def _features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and class probabilities."""
        images = _with_channels(checks.array("images", images, ("n", "…"), dtype=None))
        checks.require_shape("images", images, ("n", *_with_channels(self._data.x_test).shape[1:]))
        return _predict(self._classifier[0], images)


def cache_folder() -> Path:
    """The folder of trained classifiers: `$XDG_CACHE_HOME/keras_vae`, by default `~/.cache/keras_vae`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "keras_vae"


def _predict(network: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features, probabilities = network.predict(_with_channels(images), batch_size=1000, verbose=0)
    return features, probabilities


def _load(network: Any, path: Path) -> float | None:
    """Sets the weights of a cached classifier and returns its accuracy; None without a usable file.

    A file of another user is not used. A damaged or foreign one is not used either: the classifier is trained again.
    """
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        arrays = read_npz(path, "delete it")
    except (OSError, InputError):  # absent, damaged, or not readable
        return None
    return _set_weights(network, arrays)


def _set_weights(network: Any, arrays: Mapping[str, np.ndarray]) -> float | None:
    """Sets the weights of a classifier and returns its accuracy; None if these are not its arrays."""
    arrays = dict(arrays)
    accuracy = arrays.pop(ACCURACY, np.array(None, "float64"))
    weights = [arrays.get(f"weight_{i}", np.empty(0)) for i in range(len(arrays))]
    shapes = [tuple(weight.shape) for weight in network.weights]
    if accuracy.shape or [w.shape for w in weights] != shapes or any(w.dtype != np.float32 for w in weights):
        return None
    network.set_weights(weights)
    return float(accuracy)


def _save(network: Any, accuracy: float, path: Path) -> None:
    with contextlib.suppress(OSError):  # without a cache the classifier is trained again next time
        write_npz(path, _arrays(network, accuracy), compressed=False)


def _arrays(network: Any, accuracy: float) -> dict[str, np.ndarray]:
    weights = {f"weight_{i}": weight for i, weight in enumerate(network.get_weights())}
    return {**weights, ACCURACY: np.array(accuracy)}


def _build(keras: Any, image_shape: tuple[int, ...], classes: int) -> tuple[Any, Any]:
    """The compiled classifier, and the same network with its features and probabilities as outputs."""
    layers = keras.layers
    seeds = iter(range(4))

    def initializer():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    image = keras.Input(image_shape)
    h = image
    if len(image_shape) == 1:
        h = layers.Dense(128, activation="relu", kernel_initializer=initializer())(h)
    for filters in (32, 64) if len(image_shape) > 1 else ():
        h = layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer=initializer())(h)
    features = layers.Dense(64, activation="relu", kernel_initializer=initializer(), name="features")(
        layers.Flatten()(h)
    )
    probabilities = layers.Dense(classes, activation="softmax", kernel_initializer=initializer(), name="probabilities")(
        features
    )
    trained = keras.Model(image, probabilities)
    trained.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return trained, keras.Model(image, [features, probabilities])


def _train(trained: Any, data: Dataset, labels: np.ndarray, epochs: int) -> None:
    x = _with_channels(data.x_train)
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(x))  # Keras' own shuffle depends on the global seed
        trained.fit(x[order], labels[order], batch_size=BATCH_SIZE, shuffle=False, verbose=0)


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images[..., None] if images.ndim == 3 else images
