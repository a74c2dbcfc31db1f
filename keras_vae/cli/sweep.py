"""The command `sweep`: trains the configurations of a search space and ranks them."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.execution_options import CpusOption, GpusOption, RayOption, StorageOption, WorkersOption
from keras_vae._utils.keras_import import backend_name
from keras_vae.cli.arguments import parse_path, print_first


def sweep(
    space: Annotated[Path, typer.Argument(parser=parse_path, metavar="SPACE.yaml", help="Search space.")],
    out: Annotated[Path, typer.Option(parser=parse_path, metavar="PATH", help="Folder of runs and results.")],
    workers: WorkersOption = None,
    ray: RayOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    storage: StorageOption = None,
) -> None:
    """Train the configurations of a search space and rank them by their ELBO; finished runs are not repeated."""
    print_first(f"Loading the search space and the {backend_name()} backend")
    from rich.console import Console

    from keras_vae._utils.terminal import print_table, print_text
    from keras_vae.studies import search_space, sweeps
    from keras_vae.studies.execution import Execution

    execution = Execution(workers, ray, cpus, gpus, storage)
    result = sweeps.run_sweep(search_space.read(space), out, execution)
    console = Console(highlight=False)
    print_table(console, result.table)
    for path in ("sweep.json", "rate-distortion.png", "index.html"):
        print_text(console, str(out / path))
    print_text(console, f"Best run: {result.best.path}")
