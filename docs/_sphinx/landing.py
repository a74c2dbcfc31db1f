"""The layout of the first page: the video beside commands and program, without a table of contents."""

import re
from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx

VIDEO, STILL = "first-epochs.webp", "media/first-epochs.png"


def hide_contents(app: Sphinx, tree: document) -> None:
    if app.env.docname == app.config.root_doc:
        app.env.metadata[app.env.docname]["hide-toc"] = ""


def add_layout(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: document | None) -> None:
    if page == app.config.root_doc:
        app.add_css_file("landing.css")
        context["body"] = with_still(context["body"], app.env.images[STILL][1])


def with_still(body: str, still: str) -> str:
    """The page with a still picture in place of the video for readers who ask their system for less motion."""
    source = f'<source media="(prefers-reduced-motion: reduce)" srcset="../_images/{still}">'
    return re.sub(rf"<img [^>]*{VIDEO}[^>]*>", rf"<picture>{source}\g<0></picture>", body)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", hide_contents)
    app.connect("html-page-context", add_layout)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
