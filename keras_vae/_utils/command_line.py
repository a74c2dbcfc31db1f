"""Runs a Typer command line whose refusals are one sentence, as the package's own errors."""

from collections.abc import Callable
from typing import Any

import typer

from keras_vae._utils.exit_codes import exit_on_error
from keras_vae.errors import InputError

# Typer exports only this subclass of the errors that its parser raises.
_UsageError: Any = typer.BadParameter.__bases__[0]


def whole_option(text: str) -> Any:
    """An option that takes a whole number, with its help text."""
    return typer.Option(parser=_whole_number, metavar="<int>", help=text)


def number_option(text: str) -> Any:
    """An option that takes a number, with its help text."""
    return typer.Option(parser=_number, metavar="<float>", help=text)


def _whole_number(text: str) -> int:
    return _parsed(int, text, "a whole number")


def _number(text: str) -> float:
    return _parsed(float, text, "a number")


def _parsed(parse: Callable[[str], Any], text: str, expected: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise typer.BadParameter(f"expected {expected}; received {text!r}.") from None


def run_app(app: typer.Typer) -> None:
    """Runs a command line on the arguments of the process, and exits with the code of an error."""
    exit_on_error(_run, app)


def _run(app: typer.Typer) -> None:
    try:
        code = app(standalone_mode=False)
    except _UsageError as error:
        message = error.format_message()
        if not message:  # a program without arguments, which has printed its help
            raise SystemExit(error.exit_code) from None
        raise InputError(_sentence(error, message)) from None
    raise SystemExit(code or 0)


def _sentence(error: Any, message: str) -> str:
    """A refusal of the parser as a sentence, with the command that lists what is accepted."""
    if error.message.startswith("expected ") and getattr(error, "param", None):  # of a parser of this package
        return f"{error.param.name}: {error.message}"
    line = " ".join(message.split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else None
    return f"{line[0].lower()}{line[1:]}" + (f"; see {command} --help." if command else ".")
