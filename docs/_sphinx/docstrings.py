"""Docstrings, whose text is Markdown, as reStructuredText for autodoc; and which members are left out."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FENCE = re.compile(r"^(\s*)```(\w*)\s*$")
CODE = re.compile(r"``?([^`]+?)``?")
EMPHASIS = re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])")
MARKUP = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")  # emphasis, substitution, escape, reference


def inline(text: str) -> str:
    """Code spans as literals; other text with reStructuredText's markup escaped."""
    parts = CODE.split(text)  # text, code, text, …
    parts[1::2] = [f"``{code.strip()}``" for code in parts[1::2]]
    parts[::2] = [escaped(part) for part in parts[::2]]
    return "".join(parts)


def escaped(text: str) -> str:
    parts = EMPHASIS.split(text)
    parts[1::2] = [f"*{part}*" for part in parts[1::2]]
    parts[::2] = [MARKUP.sub(r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def blocks(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Lines in blocks of one kind: text, doctest, or the name of a fenced block's language."""
    found: list[tuple[str, list[str]]] = []
    language = None
    for line in lines:
        fence = FENCE.match(line)
        if fence:
            language = (fence[2] or "text") if language is None else None
            found.append((language or "text", []))
            continue
        kind = language
        if kind is None:
            in_doctest = found and found[-1][0] == "doctest" and line.strip()
            kind = "doctest" if line.lstrip().startswith(">>> ") or in_doctest else "prose"
        if not found or found[-1][0] != kind:
            found.append((kind, []))
        found[-1][1].append(line)
    return found


def converted(lines: list[str]) -> list[str]:
    result: list[str] = []
    for kind, block in blocks(lines):
        if kind == "prose":
            result += inline("\n".join(block)).split("\n")
        elif kind == "doctest":
            result += block
        elif block:
            indent = re.match(r"\s*", block[0])[0]
            result += ["", f"{indent}.. code-block:: {kind}", "", *(f"    {line}" for line in block), ""]
    return result


def convert(app: "Sphinx", what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    lines[:] = converted(lines)


def skip(app: "Sphinx", what: str, name: str, item: Any, is_skipped: bool, options: Any) -> bool | None:
    """Leaves out fields of named tuples, which `Attributes:` describes; `None` keeps autodoc's choice."""
    return True if type(item).__name__ == "_tuplegetter" else None


def setup(app: "Sphinx") -> dict[str, bool]:
    # Before napoleon, which reads the sections.
    app.connect("autodoc-process-docstring", convert, priority=400)
    app.connect("autodoc-skip-member", skip, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
