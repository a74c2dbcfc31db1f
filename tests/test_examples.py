"""The examples for other libraries run, where the library is installed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LIBRARIES = {
    "pytorch_vae": ("torch",),
    "lightning_callback": ("torch", "lightning"),
    "jax_vae": ("jax",),
    "diffusers_autoencoder": ("torch", "diffusers"),
}


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(LIBRARIES)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_an_example_writes_its_video(name, tmp_path):
    for library in LIBRARIES[name]:
        pytest.importorskip(library, reason=f"{library} is not installed")
    length = "--steps" if name == "diffusers_autoencoder" else "--epochs"
    program = [sys.executable, EXAMPLES / f"{name}.py", length, "1", "--out", tmp_path / "out"]
    done = subprocess.run(program, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "latent.mp4").stat().st_size > 1000
    encodings = tmp_path / "out" / "encodings.npz"
    if encodings.exists():
        with np.load(encodings) as arrays:
            assert set(arrays) == {"mean", "log_var", "labels", "x"}
            assert len(arrays["mean"]) == len(arrays["x"]) == len(arrays["labels"])
