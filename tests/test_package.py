"""The installed package: lazy imports, types, registered classes, other backends."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import keras_vae

ROOT = Path(__file__).parents[1]
needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed: pip install '.[jax]'"
)


def python(program: str, *arguments: str, cwd=None, **environment) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_missing_keras_raises_the_usual_error():
    program = (
        "import sys, keras_vae\n"
        "sys.path[:] = [p for p in sys.path if 'packages' not in p]\n"
        "try: import keras\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    assert "No module named 'keras'" in python(program)


# Whichever is imported first, Keras or a module that imports it, the classes are registered.
FIRST = ("keras", "keras_vae.callbacks")
OTHERS_FIRST = (
    "keras_vae.fast_fit.epoch_order",
    "keras_vae.fast_fit.functions",
    "keras_vae.fast_fit.ordered_fit",
    "keras_vae.fast_fit.policy",
    "keras_vae.layers",
    "keras_vae.likelihoods",
    "keras_vae.models",
    "keras_vae.posteriors",
    "keras_vae.networks.builders",
)
# TensorFlow takes seconds to import. It is imported once, without Keras, before the processes are forked.
IMPORTING = """
import importlib, os, sys
sys.modules["keras"] = None
import tensorflow
del sys.modules["keras"]
assert not [name for name in sys.modules if name.split(".")[0] in ("keras", "keras_vae")]
for name in sys.argv[1:]:
    if os.fork() == 0:
        first = importlib.import_module(name)
        import keras_vae as kv, keras
        assert sys.modules[name] is first
        assert name == "keras" or first.__spec__.origin.endswith(name.split(".")[-1] + ".py")
        assert kv.models.GaussianSampling is kv.layers.GaussianSampling is kv.GaussianSampling
        assert isinstance(kv.Bernoulli(), kv.Likelihood)
        assert keras.saving.get_registered_object("keras_vae>VAE") is kv.VAE
        print(name, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.slow
@pytest.mark.parametrize("names", [FIRST, OTHERS_FIRST], ids=["Keras", "others"])
def test_any_module_can_be_imported_first(names):
    assert python(IMPORTING, *names).split() == list(names)


def test_every_public_name_exists():
    for name in keras_vae.__all__:
        assert getattr(keras_vae, name) is not None
    assert set(keras_vae.__all__) <= set(dir(keras_vae))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = keras_vae.nothing


def test_the_stub_names_the_public_names_and_the_modules_that_define_them():
    stub = ast.parse(Path(keras_vae.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes, listed = {}, []
    for statement in stub.body:
        if isinstance(statement, ast.ImportFrom):
            for name in statement.names:
                assert name.asname == name.name, "without `as` a type checker takes the name as private"
                homes[name.name] = statement.module
        else:
            assert ast.unparse(statement.targets[0]) == "__all__"
            listed = ast.literal_eval(statement.value)
    assert sorted(listed) == keras_vae.__all__
    assert homes.pop("__version__") == "keras_vae._version"
    expected = {name: f"keras_vae.{module}" for name, module in keras_vae._HOME.items()}
    for name, module in keras_vae._MODULES.items():
        expected[name], _, last = f"keras_vae.{module}".rpartition(".")
        assert last == name
    assert homes == expected


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Folder of an environment `env` that holds the built wheel and sees the other packages of this one."""
    folder = tmp_path_factory.mktemp("installed")
    source, env = folder / "source", folder / "env"
    shutil.copytree(ROOT / "keras_vae", source / "keras_vae", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(env)}))
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return env


def type_errors(program: str, env: Path, folder: Path) -> list[str]:
    (folder / "program.py").write_text(program)
    options = ("--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={folder / 'cache'}")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, f"--python-executable={env / 'bin' / 'python'}", "program.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")},
    )
    assert not done.stderr
    return [line for line in done.stdout.splitlines() if ": error:" in line]


@pytest.mark.slow
def test_a_program_that_uses_the_installed_package_is_type_checked(installed, tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed: pip install '.[dev]'")
    program = (
        "import numpy as np\n"
        "import keras_vae as kv\n"
        "config: kv.Config = kv.Config('784-2', dataset='mnist-5k')\n"
        "units: int = config.n_units\n"
        "images: np.ndarray = kv.load('mnist-5k').x_train\n"
        "vae: kv.VAE = kv.dense_vae('784-2', seed=0)\n"
        "generated: np.ndarray = vae.generate(3)\n"
        "mean: np.ndarray = kv.train(config, 'run').trajectory.mean\n"
        "kv.VAE(encoder=vae.encoder, decoder=vae.decoder, posterior='isotropic')\n"
    )
    wrong = {
        "text: str = kv.load('mnist-5k').x_train": "assignment",
        "name: int = kv.Config('784-2').posterior": "assignment",
        "number: int = kv.dense_vae('784-2').generate(3)": "assignment",
        "kv.Config(784)": "arg-type",
        "kv.VAE(vae.encoder, vae.decoder, seed='0')": "arg-type",
        "kv.nothing": "attr-defined",
    }
    errors = type_errors(program + "\n".join(wrong) + "\n", installed, tmp_path)
    first = program.count("\n") + 1
    found = [(int(line.split(":")[1]) - first, line.rpartition("[")[2].rstrip("]")) for line in errors]
    assert found == list(enumerate(wrong.values())), errors
    next(installed.rglob("keras_vae/py.typed")).unlink()
    (missing,) = type_errors("import keras_vae\n", installed, tmp_path)
    assert "py.typed" in missing


def test_an_unknown_backend_raises_an_input_error(npz, tmp_path):
    program = (
        "import keras_vae as kv\n"
        f"config = kv.Config('64-8-2', dataset={str(npz)!r}, batch_size=40)\n"
        f"try: kv.train(config, {str(tmp_path / 'run')!r}, quiet=True)\n"
        "except kv.InputError as error: print(error)"
    )
    assert "KERAS_BACKEND: expected an installed backend" in python(program, KERAS_BACKEND="nothing")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@needs_jax
def test_training_with_jax_needs_no_tensorflow(npz, tmp_path):
    program = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import keras_vae as kv\n"
        f"config = kv.Config('64-8-2', dataset={str(npz)!r}, epochs=2, batch_size=40)\n"
        f"run = kv.train(config, {str(tmp_path / 'run')!r}, quiet=True)\n"
        "assert 'keras_vae.plots' not in sys.modules\n"
        "import keras; print(keras.backend.backend(), run.config['backend'], run.metrics['epochs'])\n"
        "keras.models.load_model(run.model_path)"
    )
    assert python(program, KERAS_BACKEND="jax").split() == ["jax", "jax", "2"]


@needs_jax
def test_a_run_of_one_backend_is_read_by_another(toy_run):
    program = (
        "import keras_vae, keras, numpy\n"
        f"vae = keras.models.load_model({str(toy_run.model_path)!r})\n"
        f"run = keras_vae.Run({str(toy_run.path)!r})\n"
        "q = run.arrays('encodings'); images = run.arrays('reconstructions')\n"
        "print(abs(vae.reconstruct(images['originals']) - images['images']).max() < 1e-5)"
    )
    assert python(program, KERAS_BACKEND="jax").strip() == "True"
