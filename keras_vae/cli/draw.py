"""The command `draw`: writes the figures and the video of a run, or of a folder of runs."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae.cli.arguments import parse_path, print_damaged, print_first
from keras_vae.errors import InputError


def draw(
    runs: Annotated[
        list[Path],
        typer.Argument(parser=parse_path, metavar="RUN...", help="A run folder; or a folder of runs, or several."),
    ],
    epochs: Annotated[str | None, typer.Option(help="First and last epoch of the video, as 0:5, 5: or :5.")] = None,
    ellipses: Annotated[
        bool, typer.Option("--ellipses", help="Draw ellipses with each unit's variance, not circles.")
    ] = False,
    gif: Annotated[bool, typer.Option("--gif", help="Also write the video as a GIF.")] = False,
    video: Annotated[bool, typer.Option(help="Write the video.")] = True,
) -> None:
    """Draw a run's figures and its trajectory video; of several runs, the rate-distortion plane and one video."""
    print_first("Drawing figures and the video" if video else "Drawing figures")
    from keras_vae.plots import folder_drawings, run_figures

    if gif and not video:
        raise InputError("draw: expected --gif or --no-video; received both; remove one.")
    span = _span(epochs)
    if several := folder_drawings.find(runs):
        drawn = folder_drawings.draw(several, span, ellipses, gif, video, print_first)
    else:
        drawn = run_figures.draw_readable(runs[0], epochs=span, ellipses=ellipses, gif=gif, video=video)
    for path in drawn.paths:
        print(path, flush=True)
    print_damaged(drawn.damaged)


def _span(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    first, separator, last = text.partition(":")
    try:
        if separator and (first or last):
            return float(first or 0), float(last or "inf")
    except ValueError:
        pass
    raise InputError(f"epochs: expected two numbers, as in 0:5, 5: or :5; received {text!r}.")
