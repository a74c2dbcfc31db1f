"""Pages of Jupyter notebooks, which are stored without outputs and are not executed: their cells become Markdown."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from myst_parser.parsers.sphinx_ import MystParser

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


def markdown(notebook: str) -> str:
    """The cells of a notebook as Markdown; code becomes fenced blocks."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(parts) + "\n"


class NotebookParser(MystParser):
    """Parses a notebook as the Markdown of its cells, with a link to its file below the title."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: "nodes.document") -> None:
        title, _, rest = markdown(inputstring).partition("\n")
        link = f"{{download}}`Download this notebook <{Path(document['source']).name}>`"
        super().parse(f"{title}\n\n{link}\n{rest}", document)


def setup(app: "Sphinx") -> dict[str, bool]:
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
