"""The options of the commands that read a data set, as `data.DataOptions` takes them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from keras_vae._utils.command_line import whole_option

ImageSize = Annotated[int | None, whole_option("Folder: crop and resize images to this height and width.")]
Gray = Annotated[bool, typer.Option("--gray", help="Folder: convert images to grey values.")]
SkipDamaged = Annotated[bool, typer.Option("--skip-damaged", help="Folder: leave damaged images out.")]
ChannelsFirst = Annotated[bool, typer.Option("--channels-first", help="Images are (n, channels, height, width).")]
Images = Annotated[str | None, typer.Option(help="Name of the images in an .npz file.")]
Labels = Annotated[str | None, typer.Option(help="Name of the labels in an .npz file; path of those of a .npy file.")]
Label = Annotated[str | None, typer.Option(help="Column of a table that holds labels.")]
Drop = Annotated[list[str] | None, typer.Option(help="Column of a table to leave out; may be repeated.")]
Standardize = Annotated[bool, typer.Option("--standardize", help="Scale images of any range to mean 0 and std 1.")]


NAMES = {"image_size": "size"}  # of parameters of a command, where `DataOptions` has another
PARAMETERS = (
    "image_size", "gray", "skip_damaged", "channels_first", "images", "labels", "label", "drop", "standardize"
)  # fmt: skip


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the data that were given to a command, by the names of `DataOptions`.

    Args:
        parameters: of the command by name, such as its `locals()`.
    """
    found = {NAMES.get(name, name): parameters.get(name) for name in PARAMETERS}
    return {name: value for name, value in found.items() if value not in (None, False, [])}
