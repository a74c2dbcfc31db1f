"""Navigation from the lists of pages in `index.md` files: a page takes one line there, which GitHub shows as well.

In a file `index.md`, each list entry or table row that begins with a link to a page of the site adds it to the
navigation, under the heading of its section.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$")
ENTRY = re.compile(r"^(?:- |\| )\[([^\]]+)\]\(([^)#:]+)\.(?:md|rst|ipynb)\)")


def sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """Pages by the heading of their section, each as its title and its path."""
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for line in FENCED.sub("", text).splitlines():
        if match := HEADING.match(line):
            heading = match[1]
        elif match := ENTRY.match(line):
            found.setdefault(heading, []).append((match[1], match[2]))
    return found


def add_navigation(app: "Sphinx", docname: str, source: list[str]) -> None:
    if not docname.endswith("index") or app.env.doc2path(docname, base=False).suffix != ".md":
        return
    is_root = docname == app.config.root_doc
    for heading, pages in sections(source[0]).items():
        options = f":hidden:\n:caption: {heading}\n" if is_root else ":hidden:\n"
        entries = "\n".join(f"{title} <{path}>" for title, path in pages)
        source[0] += f"\n\n```{{toctree}}\n{options}\n{entries}\n```\n"


def setup(app: "Sphinx") -> dict[str, bool]:
    app.connect("source-read", add_navigation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
