"""Hostile files: pickles, archives that claim terabytes, models that carry code, JSON with markup."""

import base64
import io
import json
import marshal
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TERABYTES = 10**13
CANARY = "canary"  # a file that appears if hostile code runs
MARKUP = "\"'></script><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


class Payload:
    """An object whose unpickling writes the canary."""

    def __init__(self, canary: Path):
        self._canary = str(canary)

    def __reduce__(self):
        return (open, (self._canary, "w"))


def objects(canary: Path) -> np.ndarray:
    array = np.empty(1, dtype=object)
    array[0] = Payload(canary)
    return array


def write_pickled_member(path: Path, canary: Path) -> None:
    """An archive whose members are pickles with the names of arrays."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x_train.npy", "x_test.npy", "mean.npy", "images.npy"):
            archive.writestr(name, pickle.dumps(Payload(canary)))


def writer_of_claims(shapes: dict[str, tuple[int, ...]], forged: bool) -> Callable[[Path, Path], None]:
    """A writer of arrays that claim shapes which their data don't have; `forged`: the archive claims the sizes too."""

    def write(path: Path, canary: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, shape in shapes.items():
                header = io.BytesIO()
                np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
                archive.writestr(f"{name}.npy", header.getvalue() + bytes(1024))
            if forged:
                for member in archive.filelist:
                    member.file_size = TERABYTES

    return write


def _model_config(layer: dict) -> dict:
    inputs = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 64], "name": "x"}}
    inputs |= {"registered_name": None, "name": "x", "inbound_nodes": []}
    node = {"class_name": "__keras_tensor__", "config": {"shape": [None, 64], "dtype": "float32"}}
    node["config"]["keras_history"] = ["x", 0, 0]
    layer = {**layer, "name": "h", "inbound_nodes": [{"args": [node], "kwargs": {}}]}
    config = {"name": "m", "layers": [inputs, layer], "input_layers": [["x", 0, 0]], "output_layers": [["h", 0, 0]]}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": None,
    }


def _keras_writer(make: Callable[[Path], dict]) -> Callable[[Path, Path], None]:
    def write(path: Path, canary: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(make(canary)))
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
            archive.writestr("model.weights.h5", b"")

    return write


def _lambda_layer(canary: Path) -> dict:
    code = compile(f"lambda x: (open({str(canary)!r}, 'w'), x)[1]", "<hostile>", "eval").co_consts[0]
    value = {"code": base64.b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None}
    function = {"class_name": "__lambda__", "config": value}
    return _model_config(
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "h", "function": function}}
    )


def _system_call(canary: Path) -> dict:
    """A configuration whose "layer" is a function of the standard library."""
    call_it = {"module": "os", "class_name": "system", "config": f"touch {canary}", "registered_name": None}
    return {**call_it, "build_config": {}, "compile_config": {}}


def _function_call(canary: Path) -> dict:
    function = {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "exec"}
    config = {"name": "h", "activation": function, "units": 2}
    return _model_config({"module": "keras.layers", "class_name": "Dense", "config": config})


def _pickle_file(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(canary)))


MODELS: dict[str, Callable[[Path, Path], Any]] = {
    "a Lambda layer": _keras_writer(_lambda_layer),
    "os.system as its class": _keras_writer(_system_call),
    "exec as activation": _keras_writer(_function_call),
    "a pickle": _pickle_file,
}


def insert_markup(path: Path, rng: np.random.Generator) -> str:
    """Replaces a random text of a JSON file by markup and a shell command."""
    content = json.loads(path.read_text(encoding="utf-8"))
    where: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(item, str):
                where.append((value, key))
            elif isinstance(item, (dict, list)):
                collect(item)

    collect(content)
    if not where:
        content["hostile"] = MARKUP
        place = "hostile"
    else:
        container, place = where[int(rng.integers(len(where)))]
        container[place] = (MARKUP, f"a; touch {CANARY}; $(touch {CANARY})")[int(rng.integers(2))]
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(place)
