"""Messages and exit codes of command-line programs for the package's errors."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_vae._utils.program_output import program_output
from keras_vae.errors import InputError, TrainingDiverged

# Arguments of the library, and the command-line options that set them.
_OPTIONS = {
    r"\bset (overwrite|resume)=True": r"add --\1",
    r"\b(overwrite|resume)=True": r"--\1",
    r"\bdataset='([^']*)'": r"--dataset \1",
    r"\bdata=load\('([^']*)'\)": r"--dataset \1",
    r"^folder: ": "out: ",
    r"\banother (folder|out)\b": "another --out",
}


def as_options(message: str) -> str:
    """Replaces arguments in a library's message by the command-line options that set them.

    Example:
        >>> as_options("folder: expected a new folder; it holds a run; set overwrite=True to replace it.")
        'out: expected a new folder; it holds a run; add --overwrite to replace it.'
    """
    for argument, option in _OPTIONS.items():
        message = re.sub(argument, option, message)
    return message


def exit_on_error(program: Callable[..., Any], *args: Any) -> None:
    """Calls a program; an `InputError` is printed as one line and exits with code 2, `TrainingDiverged` with code 1."""
    try:
        with program_output():
            program(*args)
    except (InputError, TrainingDiverged) as error:
        print(f"{Path(sys.argv[0]).stem}: {as_options(str(error))}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
