"""The command line: `keras-vae train` makes a run folder, `keras-vae draw` its pictures."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="keras-vae",
    help="Train a variational autoencoder, watch its latent space form, and measure what it became.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    architecture: Annotated[str, typer.Option(help="Layer sizes, pixels first, latent units last.")] = "784-256-2",
    dataset: Annotated[str, typer.Option(help="mnist, fashion-mnist, mnist-5k, tiles or FILE.npz.")] = "mnist",
    epochs: Annotated[int, typer.Option(help="Passes over the training images.")] = 50,
    posterior: Annotated[str, typer.Option(help="diagonal, isotropic, none or autoencoder.")] = "diagonal",
    likelihood: Annotated[str, typer.Option(help="bernoulli, continuous-bernoulli or gaussian.")] = "bernoulli",
    beta: Annotated[float, typer.Option(help="Weight of the KL.")] = 1.0,
    warmup: Annotated[float, typer.Option(help="Epochs in which beta rises from 0.")] = 0.0,
    learning_rate: Annotated[float, typer.Option(help="Adam's.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    seed: Annotated[int, typer.Option(help="Behind everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")] = False,
) -> None:
    """Train a dense VAE into a run folder."""
    from keras_vae import experiment

    config = experiment.Config(
        architecture,
        dataset=dataset,
        epochs=epochs,
        posterior=posterior,
        likelihood=likelihood,
        beta=beta,
        warmup=warmup,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
    )
    run = experiment.train(config, out, overwrite=overwrite, resume=resume)
    print_results(run.path)


@app.command()
def draw(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    epochs: Annotated[str | None, typer.Option(help="Part of the training in the video, as 0:5.")] = None,
    ellipses: Annotated[bool, typer.Option("--ellipses", help="Each variance apart, not their average.")] = False,
    gif: Annotated[bool, typer.Option("--gif", help="A GIF of the video as well.")] = False,
    video: Annotated[bool, typer.Option(help="Whether to make the video.")] = True,
) -> None:
    """Draw a run's figures and its trajectory video."""
    from keras_vae import gallery

    if gif and not video:
        from keras_vae.errors import InputError

        raise InputError("draw: expected --gif with a video to make it of; received --no-video.")
    drawn = gallery.draw(run, epochs=_span(epochs), ellipses=ellipses, gif=gif, video=video)
    for path in drawn:
        print(path)


def print_results(folder: Path) -> None:
    """A run's metrics as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from keras_vae.runs import Run

    run = Run.open(folder)
    config, metrics = run.config["config"], run.metrics
    table = Table(title=Text(f"{config['architecture']} on {config['dataset']}, {metrics['epochs']} epochs"))
    table.add_column("nats per image")
    table.add_column("train", justify="right")
    table.add_column("test", justify="right")
    for key, value in metrics["test"].items():
        table.add_row(key, f"{metrics['train'][key]:.2f}", f"{value:.2f}")
    console = Console()
    console.print(table)
    seconds = metrics["seconds"]
    console.print(
        f"{metrics['n_active']} of {metrics['n_units']} latent units active; {seconds['epoch_median']:.2f} s an epoch, "
        f"{seconds['total']:.0f} s in all; run folder {run.path}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _span(text: str | None) -> tuple[float, float] | None:
    from keras_vae.errors import InputError

    if text is None:
        return None
    try:
        first, last = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"epochs: expected two numbers as in 0:5; received {text!r}.") from None
    return first, last


def guarded(function: Callable, *args) -> None:
    """Calls a program; a mistake of its user's ends in one sentence and exit code 2, a broken training in 1."""
    from keras_vae.errors import InputError, TrainingDiverged

    try:
        function(*args)
    except (InputError, TrainingDiverged) as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None


def main() -> None:
    guarded(app)


if __name__ == "__main__":
    main()
