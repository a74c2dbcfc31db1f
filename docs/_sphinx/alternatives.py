"""A warning for each image without an alternative text."""

from docutils.nodes import document, image
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def check(app: Sphinx, tree: document) -> None:
    for node in tree.findall(image):
        if not node.get("alt", "").strip():
            logger.warning("image: expected an alternative text; %s has none", node["uri"], location=node)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
