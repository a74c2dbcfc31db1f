"""What the commands share: the parser of paths, the line that is printed first, and the errors at the end."""

import sys
from collections.abc import Iterable
from pathlib import Path

import typer

from keras_vae._utils.exit_codes import as_options
from keras_vae._utils.foreign_text import is_clean
from keras_vae._utils.formatting import printable
from keras_vae.errors import InputError


def parse_path(text: str) -> Path:
    """A path on the command line: it is printed and written to pages."""
    if not text or not is_clean(text):
        raise typer.BadParameter(f"expected a path without control characters; received {text!r}.")
    return Path(text)


def print_first(text: str) -> None:
    """Prints a line before the imports that take seconds: of numpy, Keras, its backend and Matplotlib."""
    print(printable(text), flush=True)


def print_damaged(errors: Iterable[InputError]) -> None:
    """Prints the errors of a command that did what it could; if there are any, the command ends with code 1."""
    printed = list(dict.fromkeys(as_options(str(error)) for error in errors))
    for text in printed:
        print(text, file=sys.stderr)
    if printed:
        raise typer.Exit(1)
