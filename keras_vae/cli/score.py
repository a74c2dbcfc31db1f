"""The command `score`: writes the losses of each item of any data to a file, and a page of the highest and lowest."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae._utils.command_line import whole_option
from keras_vae._utils.formatting import Table, number
from keras_vae._utils.keras_import import backend_name
from keras_vae.cli import data_options
from keras_vae.cli.arguments import parse_path, print_first
from keras_vae.cli.encode import DATA, OUT

N_PRINTED = 5
BY = "Score that ranks the items, such as kl or reconstruction_at_mean; by default −ELBO of samples."


def score(
    run: Annotated[Path, typer.Argument(parser=parse_path, help="A finished run folder.")],
    data: Annotated[str, typer.Option(help=DATA)],
    out: Annotated[Path, typer.Option(parser=parse_path, metavar="PATH", help=OUT)],
    samples: Annotated[int, whole_option("Samples of z per item; 0 for the scores at the mean alone.")] = 16,
    seed: Annotated[int, whole_option("Seed of the samples.")] = 0,
    by: Annotated[str | None, typer.Option(help=BY)] = None,
    page: Annotated[bool, typer.Option(help="Write a page of the highest and lowest items beside the file.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    image_size: data_options.ImageSize = None,
    gray: data_options.Gray = False,
    skip_damaged: data_options.SkipDamaged = False,
    channels_first: data_options.ChannelsFirst = False,
    images: data_options.Images = None,
    labels: data_options.Labels = None,
    label: data_options.Label = None,
) -> None:
    """Write reconstruction loss, KL, −ELBO and encoding of each item, and a page of the highest and lowest."""
    options = data_options.given(locals())
    print_first(f"Loading model, data and the {backend_name()} backend")
    from keras_vae._utils import item_files
    from keras_vae.evaluation import item_files as writing
    from keras_vae.report import score_page
    from keras_vae.runs import new_items
    from keras_vae.runs.folder import Run

    opened = Run.open(run)
    opened.require_finished()
    item_files.check_path(out, overwrite)
    page_path = out.with_suffix(".html")
    if page:
        item_files.check_new(page_path, overwrite)
    items = new_items.load(opened, data, **options)
    ranking = writing.write_scores(opened, items, out, samples, seed, by, overwrite)
    _print(items, ranking)
    print(out)
    if page:
        print(score_page.write(page_path, opened, items, ranking))


def _print(items, ranking) -> None:
    """Prints the first items from above and from below."""
    from rich.console import Console

    from keras_vae._utils.terminal import print_table

    parts = {"highest": ranking.highest, "lowest": ranking.lowest}
    for title, part in parts.items():
        rows = [
            [str(row), *([] if items.names is None else [items.names[row]]), number(float(value))]
            for row, value in zip(part.rows[:N_PRINTED], part.scores[ranking.by], strict=False)
        ]
        head = ["item", *([] if items.names is None else ["file"]), f"{ranking.by}, nats"]
        print_table(Console(highlight=False), Table(title, head, rows))
