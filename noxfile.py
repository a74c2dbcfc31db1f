"""Tests on every Python and backend, with the newest and the oldest dependencies that setup.cfg allows.

`nox -l` lists the sessions; `nox -s "tests-3.12(jax)" -- tests/test_layers.py` runs one of them on one file. Each has
an environment of its own, which uv fills. The Pythons are those that setup.cfg names.
"""

import configparser
import tarfile
from pathlib import Path

import nox
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["bounds", "tests", "oldest", "release"]

SETUP = configparser.ConfigParser()
SETUP.read(Path(__file__).with_name("setup.cfg"), encoding="utf-8")
CLASSIFIER = "Programming Language :: Python :: "
PYTHONS = [
    line.removeprefix(CLASSIFIER)
    for line in SETUP["metadata"]["classifiers"].splitlines()
    if line.startswith(f"{CLASSIFIER}3.")
]
# Each backend with the extras that it needs, and its tests: all of them, or those of a user's own Keras program.
EXTRAS = {"tensorflow": "dev", "jax": "dev,jax", "torch": "dev,torch"}
TESTS = {"tensorflow": [], "jax": ["@tests/backends.txt", "tests/test_fast_fit.py"], "torch": ["@tests/backends.txt"]}
MISSING_LINES = "term-missing:skip-covered"
LOWEST = ("--resolution", "lowest-direct")


@nox.session(venv_backend="none")
def bounds(session: nox.Session) -> None:
    """Every lower bound of setup.cfg is the version that the lowest resolution yields."""
    extras = SETUP["options.extras_require"]
    check_lower_bounds(session, SETUP["options"]["install_requires"])
    for extra in extras:
        check_lower_bounds(session, extras[extra], "--extra", extra)


@nox.session(python=PYTHONS)
@nox.parametrize("backend", list(EXTRAS), ids=list(EXTRAS))
def tests(session: nox.Session, backend: str) -> None:
    """The newest dependencies."""
    session.install("--editable", f".[{EXTRAS[backend]}]")
    run_tests(session, backend)


@nox.session(python=PYTHONS[0])
@nox.parametrize("backend", list(EXTRAS), ids=list(EXTRAS))
def oldest(session: nox.Session, backend: str) -> None:
    """The oldest direct dependencies."""
    session.install(*LOWEST, "--editable", f".[{EXTRAS[backend]}]")
    run_tests(session, backend)


@nox.session(python=PYTHONS[0])
def coverage(session: nox.Session) -> None:
    """The lines of the package that no test executes; those executed in other processes are not seen."""
    session.install("--editable", ".[dev]", "pytest-cov")
    command = ("--numprocesses", "2", "--dist", "loadfile", "--cov", "keras_vae", "--cov-report", MISSING_LINES)
    session.run("python", "-m", "pytest", *command, *session.posargs)


@nox.session(python=PYTHONS[0])
def release(session: nox.Session) -> None:
    """The wheel alone in an environment, then the sdist with a part of the tests that it holds."""
    session.install("build", "cffconvert", "check-sdist", "twine")
    session.run("cffconvert", "--validate")
    session.run("check-sdist")
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"))
    sdist, wheel = (next((folder / "dist").glob(pattern)) for pattern in ("*.tar.gz", "*.whl"))
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.install(str(wheel))
    session.chdir(folder)
    run = ("--dataset", "mnist-5k", "--architecture", "784-32-2", "--epochs", "1", "--out", "run", "--overwrite")
    session.run("keras-vae", "train", *run)
    session.run("keras-vae", "report", "run")
    session.install("--reinstall-package", "keras-vae", f"{sdist}[dev]")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    session.chdir(folder / sdist.name.removesuffix(".tar.gz"))
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/test_release.py", "tests/test_layers.py"]))


def check_lower_bounds(session: nox.Session, requirements: str, *options: str) -> None:
    command = ("uv", "pip", "compile", "setup.cfg", "--quiet", "--no-annotate", "--no-header", *LOWEST)
    text = session.run(*command, "--python-version", PYTHONS[0], *options, external=True, silent=True)
    resolved = dict(line.split("==") for line in text.split())
    for required in map(Requirement, requirements.strip().splitlines()):
        lower = next(bound.version for bound in required.specifier if bound.operator == ">=")
        found = resolved[canonicalize_name(required.name)]
        if Version(found) != Version(lower):
            session.error(f"setup.cfg: {required.name}: expected the oldest version, {found}; received {lower}")


def run_tests(session: nox.Session, backend: str) -> None:
    selected = session.posargs or ["--numprocesses", "2", "--dist", "loadfile", *TESTS[backend]]
    session.run("python", "-m", "pytest", *selected, env={"KERAS_BACKEND": backend})
