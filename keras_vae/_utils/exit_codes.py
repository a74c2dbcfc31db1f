"""Messages and exit codes of command-line programs for the package's errors, system errors and signals."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_vae._utils.interruption import signals_as_interrupts
from keras_vae._utils.program_output import program_output
from keras_vae.errors import DamagedFileError, InputError, TrainingDiverged, WriteError

INTERRUPTED = 128 + signal.SIGINT  # exit code of Typer after a KeyboardInterrupt

# Arguments of the library, and the command-line options that set them.
_OPTIONS = {
    r"\bset (overwrite|resume)=True": r"add --\1",
    r"\b(overwrite|resume)=True": r"--\1",
    r"\bvideo=False": "--no-video",
    r"\bdevices='all'": "--devices all",
    r"\bdataset='([^']*)'": r"--dataset \1",
    r"\bdata=load\('([^']*)'\)": r"--dataset \1",
    r"\bset skip_damaged=True": "add --skip-damaged",
    r"\bset channels_first=True": "add --channels-first",
    r"\bset standardize=True": "add --standardize",
    r"\bsize=(\d+)": r"--image-size \1",
    r"\bimages=NAME": "--images NAME",
    r"\b(label|drop)='([^']*)'": r"--\1 '\2'",
    r"^size: ": "image-size: ",
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
    """Calls a program; prints an expected error as one line on stderr and exits with its code.

    The code is 2 for an `InputError`, 1 for a `DamagedFileError`, `TrainingDiverged` and any `OSError` (a full disk, a
    folder without permission), and 130 or 143 after SIGINT or SIGTERM, which let the program delete incomplete files
    first.
    """
    try:
        with signals_as_interrupts() as received, program_output():
            program(*args)
    except (InputError, TrainingDiverged, OSError) as error:
        _print(as_options(_sentence(error)))
        raise _exit(_code(error)) from None
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code != INTERRUPTED:
            raise
        _print("interrupted; complete files are kept.")
        raise _exit(128 + signal.SIGTERM if signal.SIGTERM in received else INTERRUPTED) from None


_codes = [1]  # of the errors in this process; the last is its exit code


def _exit(code: int) -> SystemExit:
    _codes.append(code)
    return SystemExit(code)


def exit_at_once() -> None:
    """Ends the process with the code of its error and without further work, such as waiting for other processes."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()
    os._exit(_codes[-1])


def _code(error: Exception) -> int:
    """2 for what the user can correct in the command, 1 for other failures."""
    return 2 if isinstance(error, InputError) and not isinstance(error, DamagedFileError) else 1


def _sentence(error: Exception) -> str:
    if isinstance(error, WriteError) or not isinstance(error, OSError):
        return str(error)
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def _print(message: str) -> None:
    program = Path(sys.argv[0]).stem
    print(f"{'keras-vae' if program == '__main__' else program}: {message}", file=sys.stderr)
