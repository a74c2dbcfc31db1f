"""README and docs: links resolve, commands exist, Python blocks compile and run at toy size."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "benchmarks/RESULTS")]
PAGES += sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
MAX_README_LINES = 150

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)")
# The blocks of a page run, in one namespace, if the first of them imports the package.
RUNNABLE = re.compile(r"\Aimport .*?keras_vae as kv", re.DOTALL)
EXTRAS = {"trackers.md": ("mlflow", "tensorboardX")}  # packages that the blocks of a page need
# What makes a block small: no download, one epoch, less to show.
TOY_SIZE = (
    (re.compile(r'"mnist"'), '"mnist-5k"'),
    (re.compile(r"epochs=\d+"), "epochs=1"),
    (re.compile(r"epochs=\(\d+, \d+\)"), "epochs=(0, 1)"),
    (re.compile(r"8x8x1024"), "8x8x4"),
)


def identifier(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCED.findall(text(page)) if name == language]


def anchors(page: Path) -> set[str]:
    """Headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    return LINK.findall(INLINE_CODE.sub("code", FENCED.sub("", text(page))))


def commands() -> list[tuple[str, str]]:
    """Every line of shell in the pages, with the page that it stands in."""
    found = []
    for page in PAGES:
        lines = "\n".join(blocks(page, "sh")).splitlines()
        prose = FENCED.sub("", text(page))
        lines += [line[4:] for line in prose.splitlines() if line.startswith("    ")]
        lines += [" ".join(code.split()) for code in re.findall(r"`(keras-vae [^`]+)`", prose)]
        found += [(identifier(page), line.split("#")[0].strip()) for line in lines]
    return [(page, line) for page, line in found if line]


def test_readme_is_short():
    assert len(text(ROOT / "README.md").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_relative_links_and_images_resolve(page):
    for link in links(page):
        if re.match(r"https?:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path), link


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if ":" not in link}
        waiting += [target for target in targets if target.suffix == ".md" and target not in reached]
    assert reached >= set(PAGES)


def test_every_picture_in_media_is_used():
    used = {(page.parent / link).resolve() for page in PAGES for link in links(page) if ":" not in link}
    assert set((ROOT / "media").iterdir()) <= used


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=identifier)
def test_python_blocks_compile(page):
    for block in blocks(page, "python"):
        compile(block, identifier(page), "exec")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page.name == "README.md" else pytest.mark.slow, id=identifier(page))
        for page in PAGES
        if RUNNABLE.match("".join(blocks(page, "python")[:1]))
    ],
)
@pytest.mark.usefixtures("registries_restored")
def test_python_blocks_run_at_toy_size(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # of the classifier that scores samples
    for package in EXTRAS.get(page.name, ()):
        pytest.importorskip(package, reason=f"{package} is not installed")
    namespace = {"__name__": "page"}
    for block in blocks(page, "python"):
        for pattern, small in TOY_SIZE:
            block = pattern.sub(small, block)
        exec(compile(block, identifier(page), "exec"), namespace)
    for video in tmp_path.glob("*.mp4"):
        assert video.stat().st_size > 10_000


@pytest.mark.slow
def test_registrations_of_the_architecture_page_work():
    checks = """
import keras_vae as kv
assert kv.load("noise").x_test.shape == (10, 8, 8)
vae = kv.dense_vae("64-8-2", image_shape=(8, 8), posterior="free-bits", likelihood="laplace")
vae.compile("adam")
assert vae.fit(kv.load("noise").x_train, verbose=0).history["penalty"][0] >= 1
from keras_vae.plots.run_figures import FIGURES
assert "stds" in FIGURES
from keras_vae.evaluation import code_measures
assert "max_abs_mean" in code_measures.names()
"""
    # In a process of its own: registrations are global.
    program = "\n".join([*blocks(ROOT / "docs" / "architecture.md", "python"), checks])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_commands_of_the_pages_exist():
    import typer.main

    from keras_vae.cli import app

    known = {
        name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, command in typer.main.get_command(app).commands.items()
    }
    checked = 0
    for page, line in commands():
        for name, arguments in re.findall(r"keras-vae (\w+)((?: [^&|]+)?)", line):
            options = set(re.findall(r"(?<= )--[\w-]+", arguments))
            assert options <= known[name], f"{page}: {line}"
            checked += 1
        for target in re.findall(r"^make (\w+)", line):
            assert re.search(rf"^{target}:", text(ROOT / "Makefile"), re.MULTILINE), f"{page}: {line}"
        for script in re.findall(r"(?:recipes|benchmarks|tests)/\w+\.py", line):
            assert (ROOT / script).is_file(), f"{page}: {line}"
    assert checked > 10
