"""The layout of the first page: the video beside commands and program, without a table of contents."""

from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx


def hide_contents(app: Sphinx, tree: document) -> None:
    if app.env.docname == app.config.root_doc:
        app.env.metadata[app.env.docname]["hide-toc"] = ""


def add_layout(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: document | None) -> None:
    if page == app.config.root_doc:
        app.add_css_file("landing.css")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", hide_contents)
    app.connect("html-page-context", add_layout)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
