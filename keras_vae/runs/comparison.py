"""Comparison of runs: which have losses that can be compared, and in which settings runs differ."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from keras_vae import likelihoods
from keras_vae.data import registry
from keras_vae.runs.folder import Run

NAMED_SETTINGS = {  # with what stands before the value
    "dataset": "", "architecture": "", "posterior": "", "objective": "", "prior": "prior ", "beta": "β = ",
    "warmup": "warm-up ", "seed": "seed ", "activation": "",
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


def names(runs: Sequence[Run]) -> list[str]:
    """The settings of each run in which it differs from another one; its architecture if there are none."""
    keys = [key for key in differing(runs) if key in NAMED_SETTINGS] or ["architecture"]
    settings = [run.config["config"] for run in runs]
    return [
        ", ".join(f"{NAMED_SETTINGS[key]}{_value(key, row[key])}" for key in keys if key in row) for row in settings
    ]


def _value(key: str, value: Any) -> str:
    if key == "dataset":
        return registry.title(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
