"""The small classifier in whose features samples are judged, trained once a data set and cached."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_vae import diagnostics
from keras_vae._utils.keras_import import import_keras
from keras_vae.data import Dataset
from keras_vae.errors import InputError
from keras_vae.runs.files import atomic

EPOCHS = 4
BATCH = 128
VERSION = 1  # of the architecture and its training: part of the cached file's name
IMAGES = 5000


class Scores(NamedTuple):
    """Of a set of images against equally many of the test set.

    Attributes:
        frechet: Fréchet distance in the classifier's features (not an FID).
        precision, recall: Kynkäänniemi et al. 2019, k = 3.
        confidence: mean probability of the likeliest class.
        entropy: mean entropy of the predicted class, nats.
        balance: 1 − total variation between the classes that come up and those of the test set.
    """

    frechet: float
    precision: float
    recall: float
    confidence: float
    entropy: float
    balance: float


class Judge:
    """Scores generated images by a classifier that learned the same data set.

    Two convolutions with strides, a layer of 64 features, a softmax; four epochs of Adam, seed 0. It is trained when
    first asked for a score, which on MNIST takes under a minute on two cores, and is then found in the cache.

    Args:
        data: a labelled data set.
        images: how many real images to compare with, at most.
        epochs: of the classifier's training.
        cache: the folder of trained classifiers; default `cache_folder()`.

    Attributes:
        accuracy: share of the test set that the classifier labels right.
        n: how many images `score` expects.

    Raises:
        InputError: if the data has no labels.
    """

    def __init__(self, data: Dataset, images: int = IMAGES, epochs: int = EPOCHS, cache: Path | None = None):
        if data.y_train is None or data.y_test is None:
            raise InputError(
                f"judge: expected labels, which the classifier learns; {data.name} has none in one of its parts."
            )
        self.n = min(images, len(data.x_test), len(data.x_train))
        self._data, self._epochs, self._cache = data, epochs, cache
        self._labels = data.y_test.astype("int64")

    @property
    def identity(self) -> dict:
        """What scores depend on beside the images: those of other judges can't be compared."""
        return {"version": VERSION, "epochs": self._epochs, "images": self.n, "digest": self._data.digest}

    @cached_property
    def accuracy(self) -> float:
        return float((self._look(self._data.x_test)[1].argmax(axis=1) == self._labels).mean())

    @cached_property
    def _network(self) -> Any:
        return _classifier(self._data, self._epochs, self._cache or cache_folder())

    @cached_property
    def _real(self) -> np.ndarray:
        return self._look(self._data.x_test[self.compared])[0]

    @cached_property
    def _real_radii(self) -> np.ndarray:
        return diagnostics.neighbour_distances(self._real)

    @property
    def compared(self) -> np.ndarray:
        """Indices of the test images that samples are compared with: what is made from them looks better than it is."""
        return self._some(len(self._data.x_test))

    @property
    def others(self) -> np.ndarray:
        """`n` indices of test images, as far as possible not of those that samples are compared with."""
        rest = np.setdiff1d(np.arange(len(self._data.x_test)), self.compared)
        return np.concatenate([rest, self.compared])[: self.n]

    def score(self, images: np.ndarray) -> Scores:
        """Scores of `n` images `(n, height, width[, channels])` in [0, 1].

        Raises:
            InputError: for another number of images.
        """
        if len(images) != self.n:
            raise InputError(f"images: expected {self.n}, as many as real ones; received {len(images)}.")
        features, probabilities = self._look(images)
        return Scores(
            diagnostics.frechet_distance(self._real, features),
            *diagnostics.precision_recall(self._real, features, real_radii=self._real_radii),
            diagnostics.confidence(probabilities),
            diagnostics.entropy(probabilities),
            diagnostics.class_balance(probabilities, self._labels),
        )

    @cached_property
    def floor(self) -> Scores:
        """The scores of training images: what samples that are as good as data would have."""
        return self.score(self._data.x_train[self._some(len(self._data.x_train))])

    def _some(self, available: int) -> np.ndarray:
        """`n` images of that many, at random: MNIST's first test images are cleaner than its last."""
        return np.random.default_rng(0).permutation(available)[: self.n]

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities `(n, classes)` of any number of images."""
        return self._look(images)[1]

    def _look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and class probabilities."""
        features, probabilities = self._network.predict(_with_channels(images), batch_size=1000, verbose=0)
        return features, probabilities


def cache_folder() -> Path:
    """Where trained classifiers are kept: `$XDG_CACHE_HOME/keras_vae`, by default `~/.cache/keras_vae`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras_vae"


def _classifier(data: Dataset, epochs: int, cache: Path) -> Any:
    keras = import_keras()
    path = cache / f"classifier-{VERSION}-{epochs}-{data.digest[:16]}.keras"
    if path.is_file():
        try:
            return keras.models.load_model(path)
        except (OSError, ValueError):
            pass  # damaged or of another Keras: train it again
    network = _train(keras, data, epochs)
    try:
        with atomic(path) as temporary:
            network.save(temporary)
    except OSError:
        pass  # a cache that can't be written costs time, nothing else
    return network


def _train(keras, data: Dataset, epochs: int) -> Any:
    layers = keras.layers
    seeds = iter(range(4))

    def initializer():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    image = keras.Input(_with_channels(data.x_train[:1]).shape[1:])
    h = image
    for filters in (32, 64):
        h = layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer=initializer())(h)
    features = layers.Dense(64, activation="relu", kernel_initializer=initializer(), name="features")(
        layers.Flatten()(h)
    )
    classes = int(max(data.y_train.max(), data.y_test.max())) + 1
    probabilities = layers.Dense(classes, activation="softmax", kernel_initializer=initializer(), name="probabilities")(
        features
    )
    trained = keras.Model(image, probabilities)
    trained.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    x, y = _with_channels(data.x_train), data.y_train.astype("int64")
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(x))  # Keras' own shuffle depends on the global seed
        trained.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)
    return keras.Model(image, [features, probabilities])


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images[..., None] if images.ndim == 3 else images
