"""Configuration of the documentation site.

The source folder is the root of the repository, so that a relative link means the same on GitHub and on the site.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # autodoc imports TensorFlow
DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_sphinx")]

from keras_vae import __version__  # noqa: E402

project, author, version, release = "keras_vae", "The keras_vae authors", __version__, __version__
copyright = "The keras_vae authors"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "docstrings",
    "mathml",
    "navigation",
    "notebooks",
    "landing",
    "alternatives",
    "example_pages",
]

root_doc = "docs/index"
include_patterns = ["docs/**", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md"]
exclude_patterns = [
    "docs/_build", ".git", ".venv", "runs", "**/__pycache__",
    "**/.ipynb_checkpoints", "benchmarks/.venv", "keras_vae", "tests",
]  # fmt: skip
source_suffix = {".md": "markdown", ".rst": "restructuredtext", ".ipynb": "notebook"}

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # GitHub's anchors
html_math_renderer = "mathml"

default_role = "code"
add_module_names = False
maximum_signature_line_length = 80
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
# Lists without links: a link from the name of a field would lead to any object of that name.
napoleon_custom_sections = [("Attributes", "params_style"), ("Call arguments", "params_style")]
napoleon_use_rtype = False

html_theme = "furo"
html_title = "keras_vae"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
templates_path = ["_templates"]
html_additional_pages = {"index": "redirect.html"}  # the site's first page is docs/index.html
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f99", "color-brand-content": "#1f5f99"},
    "dark_css_variables": {"color-brand-primary": "#7fb8ea", "color-brand-content": "#7fb8ea"},
}
