"""The data set of a run, loaded again from where it was or from where it is now."""

import os
from pathlib import Path

from keras_vae import data as datasets
from keras_vae.data import Dataset, registry
from keras_vae.errors import InputError
from keras_vae.runs.folder import Run


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


def load(run: Run) -> Dataset:
    """Loads the data set of a run and checks that it is the one that the run was trained on.

    A file is looked for at its path from the run folder, and then at the path that the training was given.

    Raises:
        InputError: if it is at neither place, can't be read, or has changed.
    """
    config = run.config
    name, path = config["config"]["dataset"], config["dataset"].get("path")
    if name in registry.names():
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
        data = datasets.load(place)
        if data.digest == config["dataset"]["digest"]:
            return data
    run.check_data(data)
    return data
