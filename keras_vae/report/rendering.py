"""What all pages share: how they are rendered, what they are called, cells of tables that sort."""

import functools
import math
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup

from keras_vae._utils import formatting
from keras_vae._version import __version__

TEMPLATES = Path(__file__).with_name("templates")
PAGE = "report.html"
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
LARGEST_PAGE = 4.8e6  # bytes without video, of which pictures take what the explorer leaves


class Cell(NamedTuple):
    """A cell of a table that sorts: by `value`, which is empty where nothing was measured."""

    text: str
    value: str | float
    href: str = ""


def duration(seconds: float) -> tuple[str, str]:
    """A number and its unit."""
    return (f"{seconds:.0f}", "s") if seconds < 120 else (f"{seconds / 60:.0f}", "min")


def footer(described: dict) -> str:
    """The last line of a page: what it was made with, of a `config.json` or `study.json`."""
    versions = described.get("versions", {})
    software = [f"keras_vae {versions.get('keras-vae') or __version__}"]
    software += [f"Keras {versions['keras']}"] if versions.get("keras") else []
    software += [f"{BACKENDS[name]} {versions[name]}" for name in BACKENDS if versions.get(name)]
    return f"{', '.join(software)}. This page fetches nothing from anywhere; it can be mailed, or put on any server."


def measured(value: float | None) -> Cell:
    """A cell with a number, empty where there is none."""
    if value is None or not math.isfinite(value):
        return Cell(formatting.ABSENT, "")
    return Cell(f"{value:,}" if isinstance(value, int) else formatting.number(value), value)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Styles and scripts are ours, and stand in the page as they are.
    environment.globals["source"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    return environment


def render(template: str, **content) -> str:
    """A page from one of the templates."""
    return _environment().get_template(template).render(**content)
