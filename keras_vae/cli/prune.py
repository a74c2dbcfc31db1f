"""The command `prune`: writes a run folder of a smaller model, of the active units of a trained one."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.command_line import number_option
from keras_vae._utils.formatting import Table, number
from keras_vae._utils.keras_import import backend_name
from keras_vae.cli.arguments import parse_path, print_first

LABELS = {"reconstruction": "reconstruction", "kl": "KL", "penalty": "penalty", "elbo": "ELBO"}
MAX_LISTED_UNITS = 20


def prune(
    run: Annotated[Path, typer.Argument(parser=parse_path, help="A finished run folder.")],
    out: Annotated[Path, typer.Option(parser=parse_path, metavar="PATH", help="Run folder to write.")],
    threshold: Annotated[float, number_option("Units whose criterion is at most this number are removed.")] = 0.01,
    by: Annotated[
        str, typer.Option(help="Criterion: variance (of the posterior means over images) or kl (in nats).")
    ] = "variance",
    dataset: Annotated[str | None, typer.Option(help="The training's images, where they were moved.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing run.")] = False,
) -> None:
    """Write a smaller VAE of a run's active units as a run of its own; nothing is trained."""
    print_first(f"Loading model, data and the {backend_name()} backend")
    from keras_vae.runs import run_data
    from keras_vae.runs.folder import Run
    from keras_vae.runs.pruned_run import prune_run

    opened = Run.open(run)
    opened.require_finished()
    Run(out).check_usable(overwrite)
    data = None if dataset is None else run_data.load(opened, dataset)
    pruned = prune_run(opened, out, threshold, by, data, overwrite)
    print_comparison(pruned)
    print(pruned.path)


def print_comparison(run) -> None:
    """Prints which units a pruned run lacks, and its size and test losses before and after."""
    from rich.console import Console

    from keras_vae._utils.terminal import print_paragraph, print_table

    console = Console(highlight=False)
    pruned, metrics = run.config["pruned"], run.metrics
    removed = ", ".join(map(str, pruned["removed"][:MAX_LISTED_UNITS]))
    more = ", …" if len(pruned["removed"]) > MAX_LISTED_UNITS else ""
    n = len(pruned["removed"])
    print_paragraph(console, f"Removed {n} of {n + len(pruned['kept'])} units: {removed}{more}.")
    sizes = [
        ["latent units", f"{pruned['units']:,}", f"{metrics['n_units']:,}"],
        ["parameters", f"{pruned['parameters']:,}", f"{sum(metrics['parameters'].values()):,}"],
    ]
    losses = [
        [f"{label}, nats", number(pruned["test"][key]), number(metrics["test"][key])]
        for key, label in LABELS.items()
        if key in metrics["test"] and key in pruned["test"]
    ]
    print_table(console, Table("test images", ["", "before", "after"], sizes + losses))
