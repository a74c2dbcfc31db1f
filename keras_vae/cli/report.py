"""The command `report`: writes the pages of runs, studies and folders."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae.cli.arguments import parse_path, print_damaged, print_first


def report(
    runs: Annotated[
        list[Path], typer.Argument(parser=parse_path, help="Run folders, folders of runs, or a study's folder.")
    ],
    draw: Annotated[bool, typer.Option(help="Draw missing figures and videos first.")] = True,
) -> None:
    """Write a page for each run and study, and an index of several runs."""
    print_first("Writing pages")
    from keras_vae.report import pages

    print_damaged(pages.write(runs, draw).values())
