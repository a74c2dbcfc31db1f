"""Example pages on the site: pages that `make examples` wrote, and the links of the gallery to them.

A comment `<!-- example: digits/report.html -->` becomes a link where that page was written, and nothing otherwise.
"""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

COMMENT = re.compile(r"<!-- example: (\S+) -->")
FOLDER = "docs/_build/examples"  # of the repository: runs and studies
PUBLISHED = ("*.html", "*.mp4")  # of their files


def links(text: str, folder: Path) -> str:
    """The page with links in place of the comments."""

    def link(match: re.Match[str]) -> str:
        path = folder / match[1]
        if not path.is_file():
            return ""
        size = f"{max(0.1, path.stat().st_size / 1e6):.1f} MB"
        return f'<p><a class="external" href="../examples/{match[1]}">Open the page</a> ({size})</p>'

    return COMMENT.sub(link, text)


def copy_pages(folder: Path, target: Path) -> None:
    """Copies pages and videos of a folder of runs, in their folders."""
    for pattern in PUBLISHED:
        for path in folder.rglob(pattern):
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def setup(app: "Sphinx") -> dict[str, bool]:
    from sphinx.util import logging

    logger = logging.getLogger(__name__)
    folder = Path(app.srcdir) / FOLDER

    def add_links(app: "Sphinx", page: str, source: list[str]) -> None:
        for path in COMMENT.findall(source[0]):
            if folder.is_dir() and not (folder / path).is_file():
                logger.warning("examples: expected %s in %s; make examples wrote none", path, folder, location=page)
        source[0] = links(source[0], folder)

    def add_pages(app: "Sphinx", error: Exception | None) -> None:
        if error is None and folder.is_dir():
            copy_pages(folder, Path(app.outdir) / "examples")

    app.connect("source-read", add_links)
    app.connect("build-finished", add_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
