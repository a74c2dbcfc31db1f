"""What the commands share: the parser of paths, and the line that is printed first."""

from pathlib import Path

import typer

from keras_vae._utils.foreign_text import is_clean
from keras_vae._utils.formatting import printable


def parse_path(text: str) -> Path:
    """A path on the command line: it is printed and written to pages."""
    if not text or not is_clean(text):
        raise typer.BadParameter(f"expected a path without control characters; received {text!r}.")
    return Path(text)


def print_first(text: str) -> None:
    """Prints a line before the imports that take seconds: of numpy, Keras, its backend and Matplotlib."""
    print(printable(text), flush=True)
