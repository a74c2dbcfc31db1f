"""Command line: `keras-vae train` writes a run folder, `draw` its figures, `evaluate` its audit, `report` its page."""

import errno
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from keras_vae import likelihoods, posteriors
from keras_vae._utils.command_line import number_option, run_app, whole_option
from keras_vae._utils.exit_codes import as_options
from keras_vae._utils.foreign_text import is_clean
from keras_vae._utils.formatting import listed, printable
from keras_vae._utils.keras_import import backend_name
from keras_vae._version import __version__
from keras_vae.data import registry
from keras_vae.errors import InputError, WriteError

ARCHITECTURE = "Layers, such as 784-256-2, c32-c64-256-2 (convolutions first) or c32-c64-8x8x16 (latent map)."

NEXT_COMMANDS = {  # after a training
    "draw": "figures and a video of the training",
    "evaluate": "active units, aggregate posterior, samples",
    "report": "a page that explores the latent space",
}
AUDIT_LABEL_WIDTH = 31  # of the lines of `diagnostics.describe`

app = typer.Typer(
    name="keras-vae",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _path(text: str) -> Path:
    """A path on the command line: it is printed and written to pages."""
    if not text or not is_clean(text):
        raise typer.BadParameter(f"expected a path without control characters; received {text!r}.")
    return Path(text)


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


@app.command()
def train(
    out: Annotated[Path, typer.Option(parser=_path, metavar="PATH", help="Run folder to write.")],
    model: Annotated[str | None, typer.Option(help="Kind of architecture: dense, conv or spatial.")] = None,
    architecture: Annotated[str | None, typer.Option(help=ARCHITECTURE)] = None,
    dataset: Annotated[str, typer.Option(help=f"{registry.choices()}.")] = "mnist",
    epochs: Annotated[int, whole_option("Passes over the training images.")] = 50,
    posterior: Annotated[str, typer.Option(help=f"{listed(posteriors.names())}.")] = "diagonal",
    likelihood: Annotated[str, typer.Option(help=f"{listed(likelihoods.names())}.")] = "bernoulli",
    beta: Annotated[float, number_option("Weight of the KL.")] = 1.0,
    warmup: Annotated[float, number_option("Epochs over which beta rises from 0.")] = 0.0,
    learning_rate: Annotated[float, number_option("Learning rate of Adam.")] = 1e-3,
    batch_size: Annotated[int, whole_option("Images per step.")] = 128,
    seed: Annotated[int, whole_option("Seed of all random numbers.")] = 0,
    jit_compile: Annotated[str, typer.Option(help="XLA: auto (where it is faster), on or off.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing run.")] = False,
) -> None:
    """Train a VAE into a run folder."""
    _print_first(f"Loading data and the {backend_name()} backend")
    from keras_vae.runs.config import Config
    from keras_vae.runs.training import train

    config = Config(
        choose_architecture(model, architecture),
        dataset=dataset,
        epochs=epochs,
        posterior=posterior,
        likelihood=likelihood,
        beta=beta,
        warmup=warmup,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        jit_compile=_on_or_off(jit_compile),
    )
    try:
        run = train(config, out, overwrite=overwrite, resume=resume)
    except (KeyboardInterrupt, WriteError) as error:
        if getattr(error, "errno", None) != errno.ESTALE:  # else the folder was deleted
            replaced = " in place of --overwrite" if overwrite else ""
            print(f"Continue with the same command and --resume{replaced}.", flush=True)
        raise
    print_results(run.path)
    _print_next_commands(out)


def choose_architecture(model: str | None, architecture: str | None) -> str:
    """The requested architecture as text, or the default architecture of a kind.

    Args:
        model: kind of architecture, `dense`, `conv` or `spatial`; None for any kind.
        architecture: as text; None for the default of that kind.

    Raises:
        InputError: if the kind is unknown or the architecture is not one of that kind.
    """
    from keras_vae.networks.architecture import DEFAULTS, parse_kind

    if model is not None and model not in DEFAULTS:
        raise InputError(f"model: expected one of {', '.join(DEFAULTS)}; received {model!r}.")
    if architecture is None:
        return DEFAULTS[model or "dense"]
    return str(parse_kind(architecture, *([model] if model else DEFAULTS)))


def _on_or_off(text: str) -> bool | str:
    choices: dict[str, bool | str] = {"auto": "auto", "on": True, "off": False}
    if text not in choices:
        raise InputError(f"jit-compile: expected auto, on or off; received {text!r}.")
    return choices[text]


@app.command()
def draw(
    run: Annotated[Path, typer.Argument(parser=_path, help="A run folder, or a folder of runs.")],
    epochs: Annotated[str | None, typer.Option(help="First and last epoch of the video, as 0:5.")] = None,
    ellipses: Annotated[
        bool, typer.Option("--ellipses", help="Draw ellipses with each unit's variance, not circles.")
    ] = False,
    gif: Annotated[bool, typer.Option("--gif", help="Also write the video as a GIF.")] = False,
    video: Annotated[bool, typer.Option(help="Write the video.")] = True,
) -> None:
    """Draw a run's figures and its trajectory video, or the rate-distortion plane of a folder of runs."""
    _print_first("Drawing figures and the video" if video else "Drawing figures")
    from keras_vae.plots import rate_distortion, run_figures
    from keras_vae.runs.folder import Run

    if gif and not video:
        raise InputError("draw: expected --gif or --no-video; received both; remove one.")
    if not Run(run).is_run() and (runs := rate_distortion.runs_below(run)):
        print(rate_distortion.draw(run, runs))
        return
    drawn = run_figures.draw(run, epochs=_span(epochs), ellipses=ellipses, gif=gif, video=video)
    for path in drawn:
        print(path)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(parser=_path, help="A run folder, or a .keras file that holds a VAE.")],
    dataset: Annotated[
        str | None,
        typer.Option(help="The training's images: for a .keras file, and where they were moved."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=_path, metavar="PATH", help="With a .keras file: run folder to write; default runs/NAME."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Evaluate again, replacing earlier results.")] = False,
    audit: Annotated[bool, typer.Option(help="Also compare q(z) with the prior, estimate likelihoods.")] = True,
    samples: Annotated[int, whole_option("Importance samples per image of the likelihood.")] = 1000,
) -> None:
    """Measure a trained model: latent units, samples, aggregate posterior and likelihood."""
    _print_first(f"Loading model, data and the {backend_name()} backend")
    from keras_vae._utils.progress import ProgressReporter
    from keras_vae.data import load
    from keras_vae.evaluation import run_evaluation
    from keras_vae.evaluation.judge import Judge
    from keras_vae.plots import run_figures
    from keras_vae.runs import run_data
    from keras_vae.runs.folder import Run

    if run.suffix == ".keras":
        opened, data = _adopted(run, dataset, out, overwrite)
    elif out is not None:
        raise InputError(f"evaluate: expected --out with a .keras file only; received it with {run}; remove it.")
    else:
        opened = Run.open(run)
        opened.require_finished()
        data = run_data.load(opened) if dataset is None else load(dataset)
        opened.check_data(data)
    judge = None
    if data.y_train is not None and data.y_test is not None:
        print("Preparing the classifier that scores samples", flush=True)
        judge = Judge(data)
    found = run_evaluation.evaluate(opened, data, judge, overwrite, audit, samples, ProgressReporter().message)
    drawn = run_figures.audit(opened)
    print_evaluation(found)  # after all files are written
    for path in [*drawn, opened.path / "evaluation.json"]:
        print(path)


def _adopted(model: Path, dataset: str | None, out: Path | None, overwrite: bool):
    """Makes a run folder of a model that was trained elsewhere, draws its figures, and returns run and data."""
    from keras_vae.data import load
    from keras_vae.plots import run_figures
    from keras_vae.runs.adoption import adopt

    if dataset is None:
        raise InputError(f"dataset: expected the images that {model} was trained on; add --dataset.")
    data = load(dataset)
    run = adopt(model, data, out or Path("runs") / model.stem, overwrite=overwrite)
    for path in run_figures.draw(run):
        print(path)
    return run, data


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(parser=_path, help="Run folders, folders of runs, or a study's folder.")
    ],
    draw: Annotated[bool, typer.Option(help="Draw missing figures and videos first.")] = True,
) -> None:
    """Write a page for each run and study, and an index of several runs."""
    _print_first("Writing pages")
    from keras_vae.report import pages

    errors = pages.write(runs, draw)
    for error in errors.values():
        print(as_options(str(error)), file=sys.stderr)
    if errors:
        raise typer.Exit(1)


def _print_first(text: str) -> None:
    """Prints a line before the imports that take seconds: of numpy, Keras, its backend and Matplotlib."""
    print(printable(text), flush=True)


def _print_next_commands(run: Path) -> None:
    """Prints the commands that continue with a trained run."""
    print("Next:")
    commands = [f"keras-vae {command} {shlex.quote(str(run))}" for command in NEXT_COMMANDS]
    width = max(map(len, commands))
    for command, effect in zip(commands, NEXT_COMMANDS.values(), strict=True):
        print(f"  {command:{width}}  # {effect}")


def print_evaluation(evaluation: dict) -> None:
    """Prints an evaluation: its conclusion, then units, scores of the samples and audit as tables."""
    from rich.console import Console

    from keras_vae import diagnostics
    from keras_vae._utils.terminal import print_paragraph, print_table, print_text
    from keras_vae.evaluation import tables
    from keras_vae.report import audit_text

    console = Console(highlight=False)
    shown = tables.evaluation(evaluation)
    if evaluation["units"]:
        shown.insert(0, tables.units(evaluation["units"]))
    for paragraph in audit_text.sentences(evaluation):
        print_text(console, "")
        print_paragraph(console, paragraph)
    print_text(console, "")
    for table in shown:
        print_table(console, table)
    if (evaluation.get("audit") or {}).get("encodings"):
        for line in diagnostics.describe(evaluation["audit"]["encodings"]).splitlines():
            print_paragraph(console, line, AUDIT_LABEL_WIDTH if line.find("  ") > 0 else 0)


def print_results(folder: Path) -> None:
    """Prints the metrics of a run as a table."""
    from rich.console import Console

    from keras_vae._utils.formatting import Table
    from keras_vae._utils.terminal import print_paragraph, print_table, print_text
    from keras_vae.measures import find
    from keras_vae.runs.folder import Run

    run = Run.open(folder)
    config, metrics = run.config["config"], run.metrics
    rows = [[find(key).label, f"{metrics['train'][key]:.2f}", f"{value:.2f}"] for key, value in metrics["test"].items()]
    title = f"{config['architecture']} on {config['dataset']}, {metrics['epochs']} epochs"
    console = Console(highlight=False)
    print_table(console, Table(title, ["nats per image", "train", "test"], rows))
    seconds, parameters = metrics["seconds"], metrics["parameters"]
    print_paragraph(
        console,
        f"{metrics['n_active']} of {metrics['n_units']} latent units active; {parameters['encoder']:,} + "
        f"{parameters['decoder']:,} parameters; {seconds['epoch_median']:.2f} s per epoch, {seconds['total']:.0f} s in "
        "total.",
    )
    print_text(console, f"Run folder: {run.path}")


def _span(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        first, last = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"epochs: expected two numbers as in 0:5; received {text!r}.") from None
    return first, last


def main() -> None:
    run_app(app)


if __name__ == "__main__":
    main()
