"""Docstring examples: every one runs, and every public function and class has one."""

import doctest
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import keras_vae
from keras_vae import diagnostics

PACKAGE = Path(keras_vae.__file__).parent
SKIPPED = {"keras_vae.fast_fit.tensorflow", "keras_vae.fast_fit.jax"}  # each imports its backend
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples() -> list[str]:
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name not in SKIPPED and ">>> " in path.read_text(encoding="utf-8"):
            names.append(name)
    return names


@pytest.mark.parametrize("name", modules_with_examples())
@pytest.mark.usefixtures("registries_restored")
def test_examples_run(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS)
    report = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).attempted, f"{name}: expected examples in docstrings of public objects"
    assert not report, "".join(report)


def public_names(module: ModuleType) -> dict[str, object]:
    """The public functions and classes of a module."""
    objects = {name: getattr(module, name) for name in module.__all__}
    return {name: item for name, item in objects.items() if inspect.isfunction(item) or inspect.isclass(item)}


def has_example(item: object) -> bool:
    docstring = item.__doc__ or ""
    return "Example:" in docstring and ">>> " in docstring


@pytest.mark.parametrize("name", sorted(public_names(diagnostics)))
def test_diagnostics_have_an_example(name):
    assert has_example(getattr(diagnostics, name)), f"diagnostics.{name}: expected an Example section in its docstring"


@pytest.mark.parametrize("name", sorted(public_names(keras_vae)))
def test_public_names_have_an_example(name):
    assert has_example(getattr(keras_vae, name)), f"{name}: expected an Example section in its docstring"
