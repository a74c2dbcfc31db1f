"""The structure of the package, checked on its import statements: layers, no cycles, private names."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import keras_vae

PACKAGE = Path(keras_vae.__file__).parent

# From the lowest layer to the highest. A module imports from its own part and from parts of lower layers.
LAYERS = (
    {"errors", "_register", "_version"},
    {"_utils", "_cross_entropy"},
    {"geometry", "measures"},
    {"diagnostics", "layers", "trajectory"},
    {"samplers", "likelihoods", "posteriors", "objectives", "encoding_frames"},
    {"priors"},
    {"fast_fit", "data"},
    {"models", "callbacks", "recorder"},
    {"networks"},
    {"runs"},
    {"evaluation"},
    {"plots"},
    {"report"},
    {"trackers"},
    {"studies"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# Each imports its backend, which may not be installed; they are imported by functions alone.
BACKEND_MODULES = ("fast_fit.tensorflow", "fast_fit.jax", "fast_fit.jax_epoch")
BACKEND_INTERNALS = ("keras.src", "tensorflow", "torch", "jax")


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below `keras_vae`; packages by their `__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The dotted names that a module imports, each with whether it is imported when the module is loaded."""

    def walk(node: ast.AST, top: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield from ((f"{child.module}.{alias.name}", top) for alias in child.names)
            elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            else:
                inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, top and not inner)

    return walk(ast.parse(path.read_text(encoding="utf-8")), True)


def inner_imports(path: Path) -> list[tuple[str, bool]]:
    """The modules of the package that a module imports, by their names below `keras_vae`."""
    found = []
    for name, top in imports(path):
        if name == "keras_vae" or name.startswith("keras_vae."):
            inner = name.removeprefix("keras_vae").removeprefix(".")
            while inner and inner not in MODULES:  # the last parts are names within a module
                inner = inner.rpartition(".")[0]
            found.append((inner, top))
    return found


def part(name: str) -> str:
    return name.split(".")[0]


def test_every_part_has_a_layer():
    assert {part(name) for name in MODULES} == set(LEVEL)


@pytest.mark.parametrize("name", MODULES)
def test_nothing_imports_upwards_or_the_facade(name):
    for imported, _ in inner_imports(MODULES[name]):
        assert imported, f"{name} imports the package's facade"
        below = LEVEL[part(imported)] < LEVEL[part(name)]
        assert below or part(imported) == part(name), f"{name} imports {imported}, which is not in a lower layer"


def test_imports_have_no_cycle():
    graph = {name: {i for i, _ in inner_imports(path) if i != name} for name, path in MODULES.items()}
    while graph:
        free = {name for name, imported in graph.items() if not imported & set(graph)}
        assert free, f"these modules import each other: {sorted(graph)}"
        graph = {name: imported for name, imported in graph.items() if name not in free}


def test_only_fast_fit_imports_internals_of_keras_and_its_backends():
    for name, path in MODULES.items():
        outside = [i for i, _ in imports(path) if f"{i}.".startswith(tuple(f"{b}." for b in BACKEND_INTERNALS))]
        assert not outside or part(name) == "fast_fit", f"{name} imports {outside}"


def test_private_names_stay_in_their_folder():
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_vae."):
                private = [a.name for a in node.names if a.name.startswith("_") and not a.name.endswith("__")]
                same_folder = node.module.split(".")[1] == part(name)
                assert not private or same_folder, f"{name} imports {private} from {node.module}"


@pytest.mark.parametrize("name", sorted(name for name in MODULES if LEVEL[part(name)] < LEVEL["plots"]))
def test_modules_below_plots_do_not_import_matplotlib(name):
    drawing = [i for i, _ in imports(MODULES[name]) if i.split(".")[0] == "matplotlib"]
    assert not drawing, f"{name} imports {drawing}"


@pytest.mark.parametrize("name", sorted(set(MODULES) - set(BACKEND_MODULES)))
def test_modules_load_without_any_backend_but_that_of_keras(name):
    """What is installed here, such as JAX, need not be installed there."""
    loaded = [i for i, top in imports(MODULES[name]) if top and i.split(".")[0] in ("jax", "tensorflow", "torch")]
    loaded += [i for i, top in inner_imports(MODULES[name]) if top and i in BACKEND_MODULES]
    assert not loaded, f"{name} imports {loaded}"


def test_computing_and_reporting_modules_load_without_matplotlib():
    lower = [name for name in MODULES if LEVEL[part(name)] < LEVEL["plots"] or part(name) == "report"]
    loaded = [f"keras_vae.{name}" for name in lower if name not in BACKEND_MODULES]
    program = (
        "import importlib, sys; sys.modules['matplotlib'] = None\n"  # (Keras loads it where it is installed)
        f"for name in {loaded}: importlib.import_module(name)\n"
        "print('keras_vae.plots' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
