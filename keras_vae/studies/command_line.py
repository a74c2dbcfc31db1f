"""The command line of a recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.command_line import run_app, whole_option
from keras_vae._utils.execution_options import CpusOption, GpusOption, RayOption, StorageOption, WorkersOption
from keras_vae.data import registry
from keras_vae.studies.execution import IN_THIS_PROCESS, Execution
from keras_vae.studies.run_study import run_study
from keras_vae.studies.study import Study

DatasetOption = Annotated[str, typer.Option(help=f"{registry.choices()}.")]
EpochsOption = Annotated[int, whole_option("Epochs of every training.")]
SeedsOption = Annotated[int, whole_option("Trainings of each configuration.")]
OutOption = Annotated[Path, typer.Option(help="Folder of runs and results; recipes of one source share it.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Toy size, a minute or two; no claim is judged.")]


def run_command(command: Callable[..., None]) -> None:
    """Runs a function as a command line, with options from its annotations."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(command)
    run_app(app)


def main(study: Study, of_dataset: Callable[[str], Study] | None = None) -> None:
    """The command line of a study: trains, evaluates, draws and reports what is missing.

    Args:
        study: the study; its defaults are those of the options.
        of_dataset: makes the study of the data set that is requested, if it differs between them.
    """

    def command(
        # Evaluated here, so that it lists what the recipe has registered.
        dataset: Annotated[str, typer.Option(help=f"{registry.choices()}.")] = study.dataset,
        epochs: EpochsOption = study.epochs,
        seeds: SeedsOption = study.seeds,
        out: OutOption = Path(study.out),
        quick: QuickOption = False,
        workers: WorkersOption = None,
        ray: RayOption = None,
        cpus: CpusOption = None,
        gpus: GpusOption = None,
        storage: StorageOption = None,
    ) -> None:
        execution = Execution(workers, ray, cpus, gpus, storage)
        start(of_dataset(dataset) if of_dataset else study, dataset, epochs, seeds, out, quick, execution)

    command.__doc__ = f"{study.title}. Runs in OUT that are finished are not repeated."
    run_command(command)


def start(
    study: Study,
    dataset: str,
    epochs: int,
    seeds: int,
    out: Path,
    quick: bool,
    execution: Execution = IN_THIS_PROCESS,
) -> None:
    """Runs a study and reports it; `quick` reduces every argument that has its default value to toy size."""
    if quick:
        dataset = study.quick.dataset if dataset == study.dataset else dataset
        epochs = study.quick.epochs if epochs == study.epochs else epochs
        seeds = study.quick.seeds if seeds == study.seeds else seeds
        study = study.toy_size()
    from keras_vae.studies import presentation  # which loads the libraries of the pages

    presentation.report(run_study(study, dataset, epochs, seeds, out, quick, execution))
