"""Fixtures: generated images of 8 × 8 and runs of toy size."""

import gc
import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
# Compiling takes longer than training at toy size. XLA_FLAGS= tests with all optimizations, as `.ci/run` does for the
# comparison of compiled steps with Keras' own.
os.environ.setdefault("XLA_FLAGS", "--xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of scikit-learn: two processes of tests share the cores

import numpy as np
import pytest

# The files that take longest, in this order: of two processes neither waits long for the other.
STARTED_FIRST = (
    "test_models", "test_experiment", "test_fast_fit", "test_damaged_files", "test_aggregate", "test_audit",
    "test_other_data", "test_public_reports", "test_readable_figures", "test_cli", "test_package", "test_write_faults",
    "test_callbacks", "test_explorer", "test_study", "test_foreign_names", "test_bubbles", "test_run_page",
    "test_builders", "test_documents", "test_layers", "test_imports", "test_video", "test_faults",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(STARTED_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.fixture(autouse=True)
def collected_garbage():
    """What a test leaves is collected at once, and what stays is not visited again.

    A collection that meets an iterator of tf.data some time after its `fit` ended with an error waits for the thread
    that tunes it, which may sleep for a minute. And TensorFlow keeps some thousand objects of every function that it
    traced: late in the suite a collection took a second only to visit them.
    """
    yield
    gc.collect()
    gc.freeze()


def blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of a bright spot in one of four corners, `(n, 8, 8)` uint8, and the corners, `(n,)`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n).astype("uint8")
    rows, columns = np.mgrid[:8, :8]
    centers = np.array([(2, 2), (2, 5), (5, 2), (5, 5)])[labels] + rng.normal(0, 0.3, (n, 2))
    distance = (rows - centers[:, :1, None]) ** 2 + (columns - centers[:, 1:, None]) ** 2
    return np.round(255 * np.exp(-distance / 3)).astype("uint8"), labels


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """`(96, 8, 8)` float32 in [0, 1]."""
    return blobs(96)[0].astype("float32") / 255


@pytest.fixture(scope="session")
def npz(tmp_path_factory) -> Path:
    """Path of a data set in Keras' layout: 96 training and 40 test images of 8 × 8, four labels."""
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    (x_train, y_train), (x_test, y_test) = blobs(96), blobs(40, seed=1)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="session")
def toy_config(npz):
    """A configuration that trains in a second, with two and a half batches per epoch."""
    from keras_vae import Config

    return Config("64-16-2", dataset=str(npz), epochs=3, batch_size=40, record_every=1, record_per_label=3, seed=7)


@pytest.fixture(scope="session")
def toy_run(toy_config, tmp_path_factory):
    """A finished run of the toy configuration, read-only for tests."""
    from keras_vae import train

    return train(toy_config, tmp_path_factory.mktemp("runs") / "toy", quiet=True)


@pytest.fixture(scope="module")
def own_run(toy_run, tmp_path_factory):
    """A copy of the finished toy run that the tests of a module may write to."""
    from keras_vae import Run

    return Run(shutil.copytree(toy_run.path, tmp_path_factory.mktemp("own") / "run"))


@pytest.fixture(scope="session")
def data(npz):
    """The toy data set, loaded."""
    from keras_vae import load

    return load(npz)


@pytest.fixture(scope="session")
def judge(data, tmp_path_factory):
    """A classifier that scores images of the toy data set."""
    from keras_vae.evaluation.judge import Judge

    return Judge(data, images=30, epochs=2, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def audited_run(toy_run, data, judge, tmp_path_factory):
    """A copy of the finished toy run with an evaluation and an audit, read-only for tests."""
    from keras_vae import Run
    from keras_vae.evaluation import run_evaluation

    run = Run(shutil.copytree(toy_run.path, tmp_path_factory.mktemp("audited") / "run"))
    run_evaluation.evaluate(run, data, judge, with_audit=True, samples=40)
    return run


@pytest.fixture(scope="module")
def few_pixels(tmp_path_factory):
    """Figures of a fifth of their resolution, which takes 60 % of the time, for tests of which figures are written."""
    from keras_vae.plots import visuals

    path, style = tmp_path_factory.mktemp("style") / visuals.STYLE.name, visuals.STYLE.read_text()
    assert "savefig.dpi: 200" in style
    path.write_text(style.replace("savefig.dpi: 200", "savefig.dpi: 40"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visuals, "STYLE", path)
        yield


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Headless Chromium that logs its console and its requests."""
    from pages import CHROMIUM, DRIVER
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--window-size=1280,1000",
        "--disable-dev-shm-usage", f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """Chromium at 1280 pixels, with empty logs."""
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.get("about:blank")
    for log in ("browser", "performance"):
        chromium.get_log(log)
    return chromium


@pytest.fixture
def registries_restored(monkeypatch):
    """Removes what a test registers: data sets, kinds of posterior and likelihood, figures, measures."""
    from keras_vae import likelihoods, measures, posteriors
    from keras_vae.data import registry
    from keras_vae.evaluation import code_measures
    from keras_vae.plots import run_figures

    for module, name in (
        (registry, "_SETS"),
        (registry, "_FORMATS"),
        (posteriors._REGISTRY, "_classes"),
        (likelihoods._REGISTRY, "_classes"),
        (code_measures, "_FUNCTIONS"),
        (measures, "MEASURES"),
        (run_figures, "FIGURES"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name).copy())
