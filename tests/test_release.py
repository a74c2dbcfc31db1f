"""What a release states in several files agrees: version, dependencies, sources, Pythons."""

import configparser
import re
from pathlib import Path

import keras_vae

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
CONDA_NAMES = {"matplotlib": "matplotlib-base"}  # without Qt


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def conda_requirement(requirement: str) -> str:
    name, bounds = re.fullmatch(r"([\w-]+)(>=.*)", requirement).groups()
    return f"{CONDA_NAMES.get(name, name)} {bounds}"


def test_the_version_is_the_same_everywhere():
    version = keras_vae.__version__
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)[1] == version
    assert re.search(r"^version: (\S+)$", text("CITATION.cff"), re.MULTILINE)[1] == version
    assert re.search(r'^  version: "(\S+)"$', text("conda/recipe.yaml"), re.MULTILINE)[1] == version


def test_the_conda_recipe_has_the_dependencies_of_setup_cfg():
    recipe = re.search(r"^  run:\n((?:    - .*\n)+)", text("conda/recipe.yaml"), re.MULTILINE)[1]
    options = SETUP["options"]
    expected = [conda_requirement(line) for line in options["install_requires"].split()]
    expected.insert(0, f"python {options['python_requires']}")
    assert recipe == "".join(f"    - {line}\n" for line in expected)


def test_the_classifiers_name_the_pythons_that_are_allowed():
    pythons = re.findall(r"Python :: 3\.(\d+)", SETUP["metadata"]["classifiers"])
    assert SETUP["options"]["python_requires"] == f">=3.{pythons[0]},<3.{int(pythons[-1]) + 1}"


def test_every_source_of_the_results_is_cited():
    sources = text("docs/results/index.md").partition("## Sources\n")[2].partition("\n## ")[0]
    references = text("CITATION.cff").partition("references:")[2]
    addresses = re.findall(r"https://[^\s)]+", sources)
    assert len(re.findall(r"^- ", sources, re.MULTILINE)) == references.count("  - type: ") >= 5
    assert all(address in references for address in addresses)
    for author in re.findall(r"^- (?:\w\. )+(\w+),", sources, re.MULTILINE):
        assert f"family-names: {author}" in references


def test_every_recipe_is_cited():
    recipes = {path.stem for path in (ROOT / "recipes").glob("*.py")}
    notes = " ".join(re.findall(r"Recipes?: ([\w, ]+)", text("CITATION.cff")))
    assert set(re.findall(r"\w+", notes)) == recipes
