"""The command `report`: writes the pages of runs, studies and folders."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.exit_codes import as_options
from keras_vae.cli.arguments import parse_path, print_first


def report(
    runs: Annotated[
        list[Path], typer.Argument(parser=parse_path, help="Run folders, folders of runs, or a study's folder.")
    ],
    draw: Annotated[bool, typer.Option(help="Draw missing figures and videos first.")] = True,
) -> None:
    """Write a page for each run and study, and an index of several runs."""
    print_first("Writing pages")
    from keras_vae.report import pages

    errors = pages.write(runs, draw)
    for error in errors.values():
        print(as_options(str(error)), file=sys.stderr)
    if errors:
        raise typer.Exit(1)
