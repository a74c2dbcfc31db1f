"""The command `encode`: writes the posterior means and log variances of any data to a file."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.keras_import import backend_name
from keras_vae.cli import data_options
from keras_vae.cli.arguments import parse_path, print_first

OUT = "File to write: .npz (arrays) or .csv (a row for each item)."
DATA = "Data to read, as --dataset of train."


def encode(
    run: Annotated[Path, typer.Argument(parser=parse_path, help="A finished run folder.")],
    data: Annotated[str, typer.Option(help=DATA)],
    out: Annotated[Path, typer.Option(parser=parse_path, metavar="PATH", help=OUT)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    image_size: data_options.ImageSize = None,
    gray: data_options.Gray = False,
    skip_damaged: data_options.SkipDamaged = False,
    channels_first: data_options.ChannelsFirst = False,
    images: data_options.Images = None,
    labels: data_options.Labels = None,
    label: data_options.Label = None,
) -> None:
    """Write mean and log variance of each item of a data set, which is prepared as the run's was."""
    options = data_options.given(locals())
    print_first(f"Loading model, data and the {backend_name()} backend")
    from keras_vae._utils import item_files
    from keras_vae.evaluation import item_files as writing
    from keras_vae.runs import new_items
    from keras_vae.runs.folder import Run

    opened = Run.open(run)
    opened.require_finished()
    item_files.check_path(out, overwrite)
    items = new_items.load(opened, data, **options)
    print(writing.write_encodings(opened, items, out, overwrite))
