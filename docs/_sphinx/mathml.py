"""Formulas as MathML, which browsers draw themselves: no script, no font and no network."""

from docutils.nodes import Element, SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def mathml(node: Element, as_block: bool = False) -> str:
    """The formula of a node; its LaTeX where docutils does not know a command, with a warning."""
    try:
        return tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        logger.warning("math: expected a formula that docutils can convert; %s", error, location=node)
        return f"<code>{node.astext()}</code>"


def visit_inline(translator: HTML5Translator, node: Element) -> None:
    translator.body.append(mathml(node))
    raise SkipNode  # the text of the node is not written again


def visit_display(translator: HTML5Translator, node: Element) -> None:
    translator.body.append(f'<div class="math">{mathml(node, as_block=True)}</div>')
    raise SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
