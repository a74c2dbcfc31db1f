"""Turns the package's errors into messages and exit codes of a command-line program."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_vae.errors import InputError, TrainingDiverged


def exit_on_error(program: Callable[..., Any], *args: Any) -> None:
    """Calls a program. An `InputError` ends it with one line on stderr and exit code 2, `TrainingDiverged` with 1."""
    try:
        program(*args)
    except (InputError, TrainingDiverged) as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
