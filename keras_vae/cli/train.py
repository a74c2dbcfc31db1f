"""The command `train`: writes a run folder."""

import errno
import shlex
from pathlib import Path
from typing import Annotated

import typer

from keras_vae import likelihoods, objectives, posteriors, priors
from keras_vae._utils.command_line import number_option, whole_option
from keras_vae._utils.formatting import listed
from keras_vae._utils.keras_import import backend_name
from keras_vae.cli import data_options
from keras_vae.cli.arguments import parse_path, print_first
from keras_vae.data import registry
from keras_vae.errors import InputError, WriteError

ARCHITECTURE = (
    "Layers, such as 784-256-2, c32-c64-256-2 (convolutions first; r64: with a residual block) or c32-c64-8x8x16 "
    "(latent map)."
)

OBJECTIVE = f"What is minimised: {listed(objectives.names())}; with settings as in 'decomposed tc=6'."
LIKELIHOOD = (
    f"{listed(likelihoods.names())}, with settings as in 'gaussian std=0.5'; by default chosen by the kind of data."
)
PRIOR = f"Of the latent points: {listed(priors.names())}; with settings as in 'mixture components=20'."
DEVICES = "Devices that share each batch, on JAX: all, or their number in all processes together."
COORDINATOR = "Address of process 0, if one training has several processes; auto: as Slurm, Open MPI or a TPU sets it."

NEXT_COMMANDS = {  # after a training
    "draw": "figures and a video of the training",
    "evaluate": "active units, aggregate posterior, samples",
    "report": "a page that explores the latent space",
}


def train(
    out: Annotated[Path, typer.Option(parser=parse_path, metavar="PATH", help="Run folder to write.")],
    model: Annotated[str | None, typer.Option(help="Kind of architecture: dense, conv or spatial.")] = None,
    architecture: Annotated[str | None, typer.Option(help=ARCHITECTURE)] = None,
    dataset: Annotated[str, typer.Option(help=f"{registry.choices()}.")] = "mnist",
    epochs: Annotated[int, whole_option("Passes over the training images.")] = 50,
    posterior: Annotated[str, typer.Option(help=f"{listed(posteriors.names())}.")] = "diagonal",
    likelihood: Annotated[str | None, typer.Option(help=LIKELIHOOD)] = None,
    beta: Annotated[float, number_option("Weight of the KL.")] = 1.0,
    warmup: Annotated[float, number_option("Epochs over which beta rises from 0.")] = 0.0,
    warmup_shape: Annotated[str, typer.Option(help="How beta rises: linear, cosine or cyclical.")] = "linear",
    objective: Annotated[str, typer.Option(help=OBJECTIVE)] = "elbo",
    prior: Annotated[str, typer.Option(help=PRIOR)] = "standard-normal",
    learning_rate: Annotated[float, number_option("Learning rate of Adam.")] = 1e-3,
    batch_size: Annotated[int, whole_option("Images per step.")] = 128,
    seed: Annotated[int, whole_option("Seed of all random numbers.")] = 0,
    binarize: Annotated[
        str | None, typer.Option(help="Binary images: static (drawn once) or dynamic (drawn for every epoch).")
    ] = None,
    normalization: Annotated[str | None, typer.Option(help="Of hidden layers: batch or layer.")] = None,
    activation: Annotated[
        str, typer.Option(help="Of hidden layers: relu, tanh, sigmoid, elu, silu or softplus.")
    ] = "relu",
    jit_compile: Annotated[str, typer.Option(help="XLA: auto (where it is faster), on or off.")] = "auto",
    image_size: data_options.ImageSize = None,
    gray: data_options.Gray = False,
    skip_damaged: data_options.SkipDamaged = False,
    channels_first: data_options.ChannelsFirst = False,
    images: data_options.Images = None,
    labels: data_options.Labels = None,
    label: data_options.Label = None,
    drop: data_options.Drop = None,
    standardize: data_options.Standardize = False,
    devices: Annotated[str | None, typer.Option(metavar="all|<int>", help=DEVICES)] = None,
    coordinator: Annotated[str | None, typer.Option(metavar="HOST:PORT|auto", help=COORDINATOR)] = None,
    processes: Annotated[int | None, whole_option("Number of processes of one training.")] = None,
    process_index: Annotated[int | None, whole_option("Index of this process, from 0.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing run.")] = False,
) -> None:
    """Train a VAE into a run folder."""
    options = data_options.given(locals())
    from keras_vae.runs.config import Config  # which takes a fraction of a second

    config = Config(
        choose_architecture(model, architecture),
        dataset=dataset,
        epochs=epochs,
        posterior=posterior,
        likelihood=likelihood,
        beta=beta,
        warmup=warmup,
        warmup_shape=warmup_shape,
        objective=objective,
        prior=prior,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        jit_compile=_on_or_off(jit_compile),
        data_options=options,
        binarize=binarize,
        normalization=normalization,
        activation=activation,
    )
    print_first(f"Loading data and the {backend_name()} backend")
    from keras_vae.runs.devices import is_writer
    from keras_vae.runs.folder import Run
    from keras_vae.runs.training import train

    requested = _requested_devices(devices, coordinator, processes, process_index)
    found = _written(out)
    try:
        run = train(config, out, overwrite=overwrite, resume=resume, devices=requested)
    except (KeyboardInterrupt, WriteError) as error:
        is_own = resume or _written(out) != found  # not a run that was to be replaced
        if getattr(error, "errno", None) != errno.ESTALE and is_own and Run(out).is_run():
            replaced = " in place of --overwrite" if overwrite else ""
            print(f"Continue with the same command and --resume{replaced}.", flush=True)
        raise
    if requested is None or is_writer():
        print_results(run.path)
        _print_next_commands(out)


def _written(out: Path) -> int | None:
    """When the configuration of the run in a folder was written; None if there is none."""
    try:
        return (out / "config.json").stat().st_mtime_ns
    except OSError:
        return None


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


def _requested_devices(
    devices: str | None, coordinator: str | None, processes: int | None, process_index: int | None
) -> str | int | None:
    """The devices to train on, once this process has joined the others of the training."""
    if devices is None:
        cluster = {"coordinator": coordinator, "processes": processes, "process-index": process_index}
        given = [name for name, value in cluster.items() if value is not None]
        if given:
            raise InputError(f"{given[0]}: expected --devices too; received none; add --devices all.")
        return None
    if devices != "all" and not devices.isdecimal():
        raise InputError(f"devices: expected all or a whole number; received {devices!r}.")
    from keras_vae.runs.devices import join_cluster

    join_cluster(coordinator, processes, process_index, print_first)
    return devices if devices == "all" else int(devices)


def _on_or_off(text: str) -> bool | str:
    choices: dict[str, bool | str] = {"auto": "auto", "on": True, "off": False}
    if text not in choices:
        raise InputError(f"jit-compile: expected auto, on or off; received {text!r}.")
    return choices[text]


def print_results(folder: Path) -> None:
    """Prints the metrics of a run as a table."""
    from rich.console import Console

    from keras_vae._utils.data_words import worded
    from keras_vae._utils.formatting import Table, amount, count
    from keras_vae._utils.terminal import print_paragraph, print_table, print_text
    from keras_vae.measures import find
    from keras_vae.runs.folder import Run

    run = Run.open(folder)
    config, metrics = run.config["config"], run.metrics
    rows = [[find(key).label, f"{metrics['train'][key]:.2f}", f"{value:.2f}"] for key, value in metrics["test"].items()]
    title = f"{config['architecture']} on {config['dataset']}, {count(metrics['epochs'], 'epoch')}"
    console = Console(highlight=False)
    print_table(console, Table(title, [worded("nats per image", run.image_shape), "train", "test"], rows))
    seconds, parameters = metrics["seconds"], metrics["parameters"]
    print_paragraph(
        console,
        f"{amount(metrics['n_active'])} of {amount(metrics['n_units'])} latent units active; "
        f"{amount(parameters['encoder'])} + {amount(parameters['decoder'])} parameters; "
        f"{seconds['epoch_median']:.2f} s per epoch, {seconds['total']:.0f} s in total.",
    )
    print_text(console, f"Run folder: {run.path}")


def _print_next_commands(run: Path) -> None:
    """Prints the commands that continue with a trained run."""
    print("Next:")
    commands = [f"keras-vae {command} {shlex.quote(str(run))}" for command in NEXT_COMMANDS]
    width = max(map(len, commands))
    for command, effect in zip(commands, NEXT_COMMANDS.values(), strict=True):
        print(f"  {command:{width}}  # {effect}")
