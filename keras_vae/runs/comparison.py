"""Comparison of runs: which have losses that can be compared, and in which settings runs differ."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from keras_vae import likelihoods
from keras_vae._utils.foreign_text import cleaned
from keras_vae.data import registry
from keras_vae.runs.folder import Run

NAMED_SETTINGS = {  # with what stands before the value
    "dataset": "", "architecture": "", "epochs": "epochs ", "posterior": "", "objective": "", "prior": "prior ",
    "beta": "β = ", "warmup": "warm-up ", "warmup_shape": "warm-up shape ", "learning_rate": "learning rate ",
    "batch_size": "batch size ", "seed": "seed ", "normalization": "normalization ", "activation": "",
}  # fmt: skip


# Runs of models that were trained elsewhere have the name of the class where an earlier version evaluated them.
NAMES_OF_CLASSES = {cls.__name__: cls.name for cls in likelihoods.BUILT_IN}


def comparable(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Finished runs with a KL and a reconstruction loss, in groups by the title of their data set and likelihood.

    Args:
        runs: readable runs; unfinished ones and those of posteriors without a KL are left out.

    Returns:
        The runs by a title such as "MNIST, bernoulli likelihood", in the order in which they were given.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if run.finished and {"kl", "reconstruction"} <= set(run.metrics["test"]):
            config = run.config["config"]
            options = "".join(f", {key} {value}" for key, value in config.get("data_options", {}).items())
            # statically or not: the test images are the same
            binarized = ", binarised" if config.get("binarize") else ""
            likelihood = NAMES_OF_CLASSES.get(config["likelihood"], config["likelihood"])
            title = f"{registry.title(config['dataset'])}{options}{binarized}, {likelihood} likelihood"
            groups.setdefault(title, []).append(run)
    return groups


def differing(runs: Sequence[Run]) -> list[str]:
    """The settings of `config.json` in which runs differ; one that only some have counts."""
    settings = [run.config["config"] for run in runs]
    keys = dict.fromkeys(key for row in settings for key in row)
    return [key for key in keys if len({json.dumps(row.get(key), sort_keys=True) for row in settings}) > 1]


def distinguishing(runs: Sequence[Run]) -> list[str]:
    """The settings that name runs: those of `NAMED_SETTINGS` of which two runs state different values.

    A model that was trained elsewhere states few settings; those that it lacks distinguish the other runs only if these
    differ in them as well.
    """
    settings = [run.config["config"] for run in runs]
    return [
        key
        for key in differing(runs)
        if key in NAMED_SETTINGS and len({json.dumps(row[key]) for row in settings if key in row}) > 1
    ]


def names(runs: Sequence[Run]) -> list[str]:
    """A name for each run that no other run has: the settings in which runs differ.

    Runs whose settings are equal have the names of their folders as well; where no setting differs, these alone.
    """
    keys = distinguishing(runs)
    settings = [run.config["config"] for run in runs]
    described = [
        ", ".join(f"{NAMED_SETTINGS[key]}{_value(key, row[key])}" for key in keys if key in row) for row in settings
    ]
    occurrences = Counter(described)
    return [
        name if name and occurrences[name] == 1 else ", ".join(filter(None, (name, folder)))
        for name, folder in zip(described, folder_names(runs), strict=True)
    ]


def folder_names(runs: Sequence[Run]) -> list[str]:
    """The name of each run's folder; where several have one name, their paths from the folder that holds all runs."""
    paths = [Path(os.path.abspath(run.path)) for run in runs]
    occurrences = Counter(path.name for path in paths)
    shared = os.path.commonpath([path.parent for path in paths]) if len(occurrences) < len(paths) else ""
    return [
        cleaned(path.name if occurrences[path.name] == 1 else Path(os.path.relpath(path, shared)).as_posix())
        for path in paths
    ]


def _value(key: str, value: Any) -> str:
    if key == "dataset":
        return registry.title(value)
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
