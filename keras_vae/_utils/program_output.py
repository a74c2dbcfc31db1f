"""The standard streams of a command-line program."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator

from keras_vae._utils.formatting import ERRORS


@contextlib.contextmanager
def program_output() -> Iterator[None]:
    """The standard streams of a command-line program.

    Signs that a stream's encoding lacks are replaced. The output is written out at the end, so that a full disk raises
    an `OSError` inside the program; a reader that closes the pipe ends the program silently, with exit code 1.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:  # a program without a console has none
                sys.stdout.flush()
    except OSError as error:
        _discard_unwritten()
        if isinstance(error, BrokenPipeError):
            raise SystemExit(1) from None
        raise


def _discard_unwritten() -> None:
    """Sends output that can't be written to the null device; otherwise Python fails again when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), sys.stdout.fileno())
