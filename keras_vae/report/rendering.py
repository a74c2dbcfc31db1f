"""Rendering of pages from templates, and the elements that all pages share."""

import functools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup, escape

from keras_vae._utils import formatting, palette
from keras_vae._version import __version__

TEMPLATES = Path(__file__).with_name("templates")
PAGE = "report.html"
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
MAX_PAGE_BYTES = 4.8e6  # without videos; figures are compressed until they fit
SECONDS_AS_MINUTES = 120  # durations from here on are given in minutes
LINK = re.compile(r"\[([^\[\]]+)\]\((https?://[^\s()]+)\)")  # of Markdown; no other kind of address


class Fact(NamedTuple):
    """A number at the top of a page, with its unit or the total that it is part of."""

    name: str
    value: str
    unit: str = ""


class Cell(NamedTuple):
    """A cell of a table that can be sorted.

    Attributes:
        text: what is shown.
        value: what is sorted by; empty for a missing value.
        href: address of a link, if any.
    """

    text: str
    value: str | float
    href: str = ""


def duration(seconds: float) -> tuple[str, str]:
    """A number and its unit.

    Example:
        >>> duration(59.6), duration(7200)
        (('60', 's'), ('120', 'min'))
    """
    if seconds < SECONDS_AS_MINUTES:
        return formatting.amount(round(seconds)), "s"
    return formatting.amount(round(seconds / 60)), "min"


def with_links(text: str) -> Markup:
    """Text whose links are written as in Markdown, with elements in their place; everything else is escaped.

    Example:
        >>> with_links("[Keras](https://keras.io) & <b>")
        Markup('<a href="https://keras.io">Keras</a> &amp; &lt;b&gt;')
    """
    # Escaped first: no address can then end its attribute.
    return Markup(LINK.sub(r'<a href="\2">\1</a>', str(escape(text))))


def footer(described: dict) -> str:
    """The versions of the software that made a run or a study, from its `config.json` or `study.json`."""
    versions = described.get("versions", {})
    software = [f"keras_vae {versions.get('keras-vae') or __version__}"]
    software += [f"Keras {versions['keras']}"] if versions.get("keras") else []
    software += [f"{BACKENDS[name]} {versions[name]}" for name in BACKENDS if versions.get(name)]
    return f"{', '.join(software)}. This page works offline and makes no network requests."


def number_cell(value: float | None) -> Cell:
    """A cell with a measured number; empty if it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return Cell(formatting.ABSENT, "")
    return Cell(formatting.amount(value) if isinstance(value, int) else formatting.number(value), value)


def _css_name(constant: str) -> str:
    return constant.lower().replace("_", "-")


def _parts(colors: Sequence[str]) -> dict[str, str]:
    """The colours of an objective's parts by their names in the style sheet."""
    return {f"part-{i}": color for i, color in enumerate(colors, 1)}


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Styles and scripts of the package need no escaping.
    environment.globals["source"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    environment.filters["amount"] = formatting.amount
    light = {_css_name(name): getattr(palette, name) for name in palette.DARK}
    dark = {_css_name(name): color for name, color in palette.DARK.items()}
    environment.globals["palette_light"] = light | _parts(palette.PARTS)
    environment.globals["palette_dark"] = dark | _parts(palette.DARK_PARTS)
    return environment


def render(template: str, **content) -> str:
    """A page from one of the templates."""
    return _environment().get_template(template).render(**content)
