"""Attributes for readers who use the keyboard or a screen reader, which Sphinx and the theme leave out."""

from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx

# Code and formulas wider than the page scroll: the keyboard reaches them. Captions of the navigation are headings,
# of the level below the title of a page.
BODY = {"<pre>": '<pre tabindex="0">', '<div class="math">': '<div class="math" tabindex="0">'}
NAVIGATION = {'role="heading"': 'role="heading" aria-level="2"'}


def replaced(text: str, pairs: dict[str, str]) -> str:
    for old, new in pairs.items():
        text = text.replace(old, new)
    return text


def add_attributes(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: document | None) -> None:
    context["body"] = replaced(context.get("body", ""), BODY)
    context["furo_navigation_tree"] = replaced(context.get("furo_navigation_tree", ""), NAVIGATION)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_attributes, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
