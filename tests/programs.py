"""The command line, called in the process of the tests."""

import sys

from keras_vae import cli


def run(monkeypatch, *arguments) -> int:
    """The exit code of `keras-vae` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["keras-vae", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as exit:
        return exit.code or 0
    return 0
