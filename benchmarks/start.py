"""Start-up times: of the command line, of `import keras_vae`, and of a recipe up to its first line of output."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from timing import Row, alternate, in_a_fresh_process, row

HERE = Path(__file__).parent


def seconds_of(*command: str) -> Callable[[], float]:
    """A function that runs a command and returns its seconds."""

    def run() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began

    return run


def import_after_keras() -> float:
    """Seconds that `import keras_vae` takes in a process that has imported Keras."""
    code = (
        "import json, time, keras; began = time.perf_counter(); import keras_vae; "
        "print(json.dumps({'seconds': time.perf_counter() - began}))"
    )
    return in_a_fresh_process("-c", code)["seconds"]


def first_line() -> float:
    """Seconds until a recipe prints its first line; the recipe is then terminated."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = [sys.executable, HERE.parent / "recipes" / "collapse.py", "--quick", "--out", folder]
        began = time.perf_counter()
        with subprocess.Popen(recipe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            seconds = time.perf_counter() - began
            process.kill()
    return seconds


def rows() -> list[Row]:
    command = str(Path(sys.executable).with_name("keras-vae"))
    return [
        row("keras-vae --help", "s", alternate({"ours": seconds_of(command, "--help")}), "", ours=0.3),
        row("what import keras_vae adds to import keras", "s", alternate({"ours": import_after_keras}), "", ours=0.2),
        row("first line of a recipe", "s", alternate({"ours": first_line}), "", ours=1.0),
    ]
