"""Start: how long a person waits for the first sign of life."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import Row, alternate, row

HERE = Path(__file__).parent


def seconds_of(*command: str):
    def run() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began

    return run


def python(code: str):
    return seconds_of(sys.executable, "-c", code)


def first_line() -> float:
    """Seconds until a recipe prints its first line; then it is stopped."""
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
    importing = alternate({"floor": python("import keras"), "ours": python("import keras, keras_vae")})
    added = [a - b for a, b in zip(importing["ours"], importing["floor"], strict=True)]
    return [
        row("keras-vae --help", "s", alternate({"ours": seconds_of(command, "--help")}), "", ours=0.3),
        row("what import keras_vae adds to import keras", "s", {"ours": added}, "", ours=0.2),
        row("first line of a recipe", "s", alternate({"ours": first_line}), "", ours=1.0),
    ]
