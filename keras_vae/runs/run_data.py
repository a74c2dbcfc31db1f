"""The data set of a run, loaded again from where it was or from where it is now, and binarized as for its training."""

import os
from dataclasses import replace
from pathlib import Path

from keras_vae import data as datasets
from keras_vae._utils.items import Items
from keras_vae.data import Dataset, registry
from keras_vae.errors import InputError
from keras_vae.runs.folder import Run

CACHE_FOLDER = ".keras-vae-images"
TRAIN_BINARIZATION_SEED, TEST_BINARIZATION_SEED = 1, 0


def relative_path(name: str, folder: Path) -> str | None:
    """The path of a data set's file from a run folder; None for a data set without a file.

    A relative path holds from any working directory, also after both have been moved together, and keeps the names of
    the machine's other folders out of a run folder that is published.

    Args:
        name: the name or path that was passed to `load`.
        folder: the run folder.

    Example:
        >>> relative_path("mnist", Path("runs/a")) is None
        True
    """
    if name in registry.names() or not os.path.lexists(name):
        return None
    file = os.path.realpath(name)
    try:
        return Path(os.path.relpath(file, os.path.realpath(folder))).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(file).as_posix()


def cache_folder(run: Run) -> Path:
    """The folder beside a run that keeps the decoded images of folders, for all runs there."""
    return run.path.absolute().parent / CACHE_FOLDER


def load(run: Run, moved: str | None = None) -> Dataset:
    """Loads the data set of a run and checks that it is the one that the run was trained on.

    A file is looked for at its path from the run folder, and then at the path that the training was given. It is read
    with the options of the training.

    Args:
        run: the run.
        moved: the name or path of the data set, if it is another now.

    Raises:
        InputError: if it is at neither place, can't be read, or has changed.
    """
    config = run.config
    name, path = config["config"]["dataset"], config["dataset"].get("path")
    options = config["config"].get("data_options", {})
    if moved is not None:
        places = [moved]
    elif name in registry.names():
        places = [name]
    else:
        given = [name] if path is None else [str(run.path / path), name]
        places = [place for place in given if os.path.lexists(place)]
        if not places and registry.is_file_name(name):
            shown = dict.fromkeys(os.path.relpath(place) for place in given)
            raise InputError(
                f"data: expected the data set of {run.path} at {' or '.join(shown)}; there is "
                "none; move it back, or pass it from its new place, data=load('FILE.npz')."
            )
    for place in places or [name]:
        data = datasets.load(place, cache=cache_folder(run), **options)
        if data.digest == config["dataset"]["digest"]:
            return data
    run.check_data(data)
    return data


def as_trained(run: Run, data: Dataset) -> Dataset:
    """The data set with the images that a run was trained and evaluated on: in the shape that its model takes, and
    binary ones if it binarized them."""
    data = with_channel_axis(data, run.image_shape)
    return binarized(data) if run.config["config"].get("binarize") else data


def with_channel_axis(data: Dataset, image_shape: tuple[int, ...]) -> Dataset:
    """The data set with the axis of one channel added or removed, where that is all that its images lack."""
    if data.image_shape == image_shape or without_channel(data.image_shape) != without_channel(image_shape):
        return data
    x_train, x_test = (Items.of(items.array.reshape(len(items), *image_shape)) for items in (data.train, data.test))
    return replace(data, x_train=x_train, x_test=x_test)  # type: ignore[arg-type]


def without_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a grey image without its axis of one channel; other shapes as they are.

    Example:
        >>> without_channel((28, 28, 1)), without_channel((28, 28))
        ((28, 28), (28, 28))
    """
    return shape[:2] if len(shape) == 3 and shape[2] == 1 else shape


def binarized(data: Dataset) -> Dataset:
    """The data set with binary images, the same in every call; binary images stay as they are.

    Raises:
        InputError: if values are outside [0, 1].
    """
    for part, x in (("x_train", data.x_train), ("x_test", data.x_test)):
        if x.min() < 0 or x.max() > 1:
            raise InputError(
                f"binarize: expected values from 0 to 1, the probabilities of binary pixels; {part} of {data.name} has "
                f"values from {x.min():g} to {x.max():g}; train without binarize."
            )
    return replace(
        data,
        x_train=datasets.binarize(data.x_train, TRAIN_BINARIZATION_SEED),
        x_test=datasets.binarize(data.x_test, TEST_BINARIZATION_SEED),
    )
