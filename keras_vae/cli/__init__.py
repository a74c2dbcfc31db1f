"""Command line: `keras-vae train` writes a run folder, `draw` its figures, `evaluate` its audit, `report` its page.

`encode` and `score` write a row for each item of any data, `prune` writes a smaller model, `sweep` trains many
configurations. Each command is a function in a module of its own, which is registered here.
"""

from typing import Annotated

import typer

from keras_vae._utils.command_line import run_app
from keras_vae._utils.keras_import import backend_name
from keras_vae._version import __version__
from keras_vae.cli import draw, encode, evaluate, prune, report, score, sweep, train

COMMANDS = (  # as the help lists them
    train.train, draw.draw, evaluate.evaluate, report.report, encode.encode, score.score, prune.prune, sweep.sweep
)  # fmt: skip

app = typer.Typer(
    name="keras-vae",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"keras-vae {__version__}, backend {backend_name()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and backend, and exit."),
    ] = False,
) -> None:
    """Train variational autoencoders, record and draw their latent space, and measure it."""


for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Runs the command line on the arguments of the process."""
    run_app(app)
