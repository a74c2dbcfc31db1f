"""The shell command, or the Python code, that repeats a run."""

import shlex
from typing import Any

from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run

OUT = "runs/again"
PYTHON_ONLY = {"record_every", "record_per_label", "decoder"}  # fields of Config without an option of the command
DATA_OPTION_NAMES = {"size": "image-size"}  # where they differ from those of `DataOptions`
SWITCHES = {True: "on", False: "off"}


def command(run: Run) -> str:
    """How to repeat a run: a shell command if its options suffice, else Python code."""
    config = run.config["config"]
    if "pruned" in run.config:
        pruned = run.config["pruned"]
        return (
            f"keras-vae prune {shlex.quote(pruned['run'])} --threshold {pruned['threshold']:g} --by {pruned['by']} "
            f"--out {OUT}"
        )
    if "adopted" in run.config:
        of_data = [_data_option(key, value) for key, value in config.get("data_options", {}).items()]
        dataset = shlex.quote(config["dataset"])
        return " ".join(["keras-vae evaluate model.keras --dataset", dataset, *of_data, f"--out {OUT}"])
    architecture = config["architecture"]
    default = Config(architecture, binarize=config.get("binarize")).with_likelihood(run.image_shape, run.value_range)
    defaults = {**default.model_dump(), "binarize": None}
    # A config.json may have keys that are not those of a configuration; they are not part of a command.
    known = [key for key in defaults if key in config and key != "architecture"]
    changed = {key: config[key] for key in known if config[key] != defaults[key]}
    if PYTHON_ONLY & set(changed):
        arguments = ", ".join(f"{key}={value!r}" for key, value in changed.items())
        return f'import keras_vae as kv\n\nkv.train(kv.Config({architecture!r}, {arguments}), "{OUT}")'
    shown = {"dataset": config["dataset"], "epochs": config["epochs"]} | changed
    of_data = shown.pop("data_options", {})
    options = [f"--{key.replace('_', '-')} {_option_value(value)}" for key, value in shown.items()]
    options += [_data_option(key, value) for key, value in of_data.items()]
    return " ".join(["keras-vae train --architecture", shlex.quote(architecture), *options, f"--out {OUT}"])


def _data_option(key: str, value: Any) -> str:
    """An option of the data, see `data.DataOptions`."""
    name = f"--{DATA_OPTION_NAMES.get(key, key).replace('_', '-')}"
    if value is True:
        return name
    values = value if isinstance(value, list) else [value]
    return " ".join(f"{name} {shlex.quote(str(one))}" for one in values)


def _option_value(value: Any) -> str:
    return SWITCHES[value] if isinstance(value, bool) else shlex.quote(str(value))
