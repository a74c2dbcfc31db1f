"""The command `evaluate`: measures a trained model and prints what was found."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.command_line import whole_option
from keras_vae._utils.keras_import import backend_name
from keras_vae.cli import data_options, encodings
from keras_vae.cli.arguments import parse_path, print_first
from keras_vae.cli.results import print_results
from keras_vae.errors import InputError

N_SAMPLES = 1000  # default of --samples


def evaluate(
    run: Annotated[Path, typer.Argument(parser=parse_path, help="Run folder, .keras VAE, or .npz of encodings.")],
    dataset: Annotated[
        str | None,
        typer.Option(help="The training's images: for a .keras file, and where they were moved."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=parse_path,
            metavar="PATH",
            help="With a .keras file: run folder to write, default runs/NAME; with encodings: page, default NAME.html.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Evaluate again, replacing earlier results.")] = False,
    audit: Annotated[bool, typer.Option(help="Also compare q(z) with the prior, estimate likelihoods.")] = True,
    samples: Annotated[int, whole_option("Importance samples per image of the likelihood.")] = N_SAMPLES,
    image_size: data_options.ImageSize = None,
    gray: data_options.Gray = False,
    skip_damaged: data_options.SkipDamaged = False,
    channels_first: data_options.ChannelsFirst = False,
    images: data_options.Images = None,
    labels: data_options.Labels = None,
    label: data_options.Label = None,
    drop: data_options.Drop = None,
    standardize: data_options.Standardize = False,
) -> None:
    """Measure a trained model, or encodings alone: latent units, aggregate posterior, samples and likelihood."""
    options = data_options.given(locals())
    if encodings.is_encodings(run):
        if options or dataset is not None or not audit or samples != N_SAMPLES:
            raise InputError(f"evaluate: expected --out and --overwrite alone with the encodings {run}; remove others.")
        encodings.evaluate(run, out, overwrite)
        return
    print_first(f"Loading model, data and the {backend_name()} backend")
    from keras_vae._utils.progress import ProgressReporter
    from keras_vae.evaluation import run_evaluation
    from keras_vae.evaluation.judge import Judge
    from keras_vae.plots import run_figures
    from keras_vae.runs import run_data
    from keras_vae.runs.folder import Run

    if run.suffix == ".keras":
        opened, data = _adopted(run, dataset, options, out, overwrite)
    elif out is not None:
        raise InputError(f"evaluate: expected --out with a .keras file only; received it with {run}; remove it.")
    elif options:
        raise InputError(
            f"evaluate: expected options of the data with a .keras file only; {run} holds its own; remove them."
        )
    else:
        opened = Run.open(run)
        opened.require_finished()
        data = run_data.load(opened, dataset)
        opened.check_data(data)
    judge = None
    if data.y_train is not None and data.y_test is not None:
        print("Preparing the classifier that scores samples", flush=True)
        judge = Judge(data)
    found = run_evaluation.evaluate(opened, data, judge, overwrite, audit, samples, ProgressReporter().message)
    drawn = run_figures.audit(opened)
    print_evaluation(found, opened.image_shape)  # after all files are written
    for path in [*drawn, opened.path / "evaluation.json"]:
        print(path)


def _adopted(model: Path, dataset: str | None, options: dict, out: Path | None, overwrite: bool):
    """Makes a run folder of a model that was trained elsewhere, draws its figures, and returns run and data."""
    from keras_vae.data import load
    from keras_vae.plots import run_figures
    from keras_vae.runs import run_data
    from keras_vae.runs.adoption import adopt
    from keras_vae.runs.folder import Run

    if dataset is None:
        raise InputError(f"dataset: expected the images that {model} was trained on; add --dataset.")
    out = out or Path("runs") / model.stem
    data = load(dataset, cache=run_data.cache_folder(Run(out)), **options)
    run = adopt(model, data, out, overwrite=overwrite)
    for path in run_figures.draw(run):
        print(path)
    return run, data


def print_evaluation(evaluation: dict, image_shape: tuple[int, ...]) -> None:
    """Prints an evaluation in the words of the data: its conclusion, then units, scores and audit as tables."""
    from keras_vae.evaluation import tables
    from keras_vae.report import audit_text

    shown = tables.evaluation(evaluation)
    if evaluation["units"]:
        shown.insert(0, tables.units(evaluation["units"], learned_prior="prior" in evaluation))
    audit = (evaluation.get("audit") or {}).get("encodings")
    print_results(audit_text.sentences(evaluation), shown, audit or None, image_shape)
