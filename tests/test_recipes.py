"""Recipes, run as their users run them."""

import os
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

RECIPES = Path(__file__).parents[1] / "recipes"
FULL = Path(os.environ.get("KERAS_HOME", "no-such-folder")) / "datasets" / "mnist.npz"


def recipe(name: str, *options) -> subprocess.CompletedProcess:
    command = [sys.executable, str(RECIPES / name), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_trajectories_on_the_embedded_digits(tmp_path):
    options = ("--dataset", "mnist-5k", "--epochs", 2, "--out", tmp_path / "run")
    done = recipe("trajectories.py", *options)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.startswith("Trajectories of 784-256-2 on mnist-5k")
    assert "radii start close to 1" in said
    first, second = (tmp_path / "run" / "videos" / name for name in ("first-epochs.mp4", "six-of-each.mp4"))
    # 32 steps an epoch, a frame every five, the untrained one and the end; epoch 1 begins with step 32
    assert imageio_ffmpeg.count_frames_and_secs(first)[0] == 14
    assert imageio_ffmpeg.count_frames_and_secs(second)[0] == 7
    again = recipe("trajectories.py", *options)
    assert again.returncode == 0
    assert "finished already" in again.stdout


def test_mistakes_end_in_a_sentence(tmp_path):
    done = recipe("trajectories.py", "--dataset", "cifar", "--out", tmp_path / "run")
    assert done.returncode == 2
    names = "mnist, fashion-mnist, mnist-5k, tiles, tiles-2k or a FILE.npz"
    assert done.stderr == f"trajectories: dataset: expected {names}; received 'cifar'.\n"


@pytest.mark.skipif(not FULL.is_file(), reason="full MNIST is not in $KERAS_HOME/datasets")
def test_full_mnist_gives_the_published_loss(tmp_path):
    """784-256-2, Adam 1e-3, batch 128: an independent implementation had 163.5 in the fifth epoch."""
    from keras_vae import Config, train

    run = train(Config("784-256-2", dataset="mnist", epochs=5), tmp_path / "run", quiet=True)
    assert run.history["loss"][4] == pytest.approx(163.5, abs=2)
    t = run.trajectory
    assert len(t.between(0, 5)) >= 300
    radius = (t.std[..., 0] * t.std[..., 1]) ** 0.5
    assert radius[-1].mean() < 0.3 * radius[0].mean()
