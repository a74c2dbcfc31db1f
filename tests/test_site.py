"""Documentation site: every public name has an entry in the API reference, every page a place in the navigation."""

import importlib
import inspect
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import keras_vae

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS / "_sphinx"))
MODULE = re.compile(r"^\.\. currentmodule:: (\S+)$")
ENTRY = re.compile(r"^\.\. (?:autoclass|autoexception|autofunction|py:data):: (\S+)$")


def entries() -> list[str]:
    """Names in the API reference, with their modules."""
    found = []
    for page in sorted((DOCS / "api").glob("*.rst")):
        module = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if match := MODULE.match(line):
                module = match[1]
            elif match := ENTRY.match(line):
                found.append(f"{module}.{match[1]}")
    return found


def public_names() -> list[str]:
    """Names of the package, and of the modules that it exports; where they are in both, those of the package."""
    modules = {name: getattr(keras_vae, name) for name in keras_vae.__all__}
    modules = {name: item for name, item in modules.items() if inspect.ismodule(item)}
    found = [f"keras_vae.{name}" for name in keras_vae.__all__ if name not in modules]
    for module in modules.values():
        defined = [name for name, item in vars(module).items() if getattr(item, "__module__", None) == module.__name__]
        names = getattr(module, "__all__", [name for name in defined if not name.startswith("_")])
        found += [f"{module.__name__}.{name}" for name in names if name not in keras_vae.__all__]
    return found


def items(names: list[str]) -> list[object]:
    return [getattr(importlib.import_module(module), name) for module, _, name in (n.rpartition(".") for n in names)]


def test_every_public_name_has_one_entry():
    counts = Counter(entries())
    assert [name for name, count in counts.items() if count > 1] == []
    assert set(public_names()) <= set(counts)


def test_every_entry_exists():
    assert len(items(entries())) > 100


def test_a_name_that_is_missing_is_found(monkeypatch):
    monkeypatch.setattr(keras_vae.diagnostics, "__all__", [*keras_vae.diagnostics.__all__, "unlisted"])
    assert "keras_vae.diagnostics.unlisted" in set(public_names()) - set(entries())


def test_every_page_is_in_the_navigation():
    from navigation import sections

    listed = {(DOCS / "index.md").resolve()}
    for index in DOCS.rglob("index.md"):
        for pages in sections(index.read_text(encoding="utf-8")).values():
            listed |= {(index.parent / path).resolve().with_suffix(".md") for _, path in pages}
    pages = {path for path in DOCS.rglob("*.md") if DOCS / "_build" not in path.parents}
    assert len(pages) > 40
    assert pages <= listed


def test_navigation_follows_lists_and_tables():
    from navigation import sections

    text = "# T\n\n## One\n\n- [A](a.md): text\n\n| [B](sub/b.md) | c |\n\n[no](no.md)\n\n## Two\n\n- [C](https://x.y/z.md)\n"
    assert sections(text) == {"One": [("A", "a"), ("B", "sub/b")]}


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("a `code` b", "a ``code`` b"),
        ("mean |x| and y_ and 2 * 3", "mean \\|x\\| and y\\_ and 2 \\* 3"),
        ("an *emphasis*", "an *emphasis*"),
        ("log_var and μ_a", "log_var and μ_a"),
    ],
)
def test_docstrings_become_restructured_text(markdown, expected):
    from docstrings import converted

    assert converted([markdown]) == [expected]


def test_fences_and_examples_of_docstrings():
    from docstrings import converted

    fence = ["```python", "x = a * b", "```"]
    assert [line for line in converted(fence) if line] == [".. code-block:: python", "    x = a * b"]
    example = [">>> 2 * 3  # |x|", "6"]
    assert converted(example) == example


def test_the_gallery_links_to_example_pages_that_were_written(tmp_path):
    import example_pages

    source = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert example_pages.COMMENT.findall(source) == [
        "digits/report.html", "study/sampling_mnist-5k_8-epochs_1-seeds_quick/report.html", "study/index.html",
    ]  # fmt: skip
    assert "examples/" not in example_pages.links(source, tmp_path)
    folder, site = tmp_path / "made", tmp_path / "site"
    (folder / "digits" / "videos").mkdir(parents=True)
    for name in ("digits/report.html", "digits/videos/trajectory.mp4", "digits/model.keras"):
        (folder / name).write_text("1" * 200_000)
    linked = example_pages.links(source, folder)
    assert 'href="../examples/digits/report.html">Open the page</a> (0.2 MB)' in linked
    assert linked.count("href=") == 1
    example_pages.copy_pages(folder, site)
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert files == {"digits/report.html", "digits/videos/trajectory.mp4"}
