"""The command `draw`: writes the figures and the video of a run, or of a folder of runs."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae.cli.arguments import parse_path, print_damaged, print_first
from keras_vae.errors import InputError


def draw(
    run: Annotated[Path, typer.Argument(parser=parse_path, help="A run folder, or a folder of runs.")],
    epochs: Annotated[str | None, typer.Option(help="First and last epoch of the video, as 0:5, 5: or :5.")] = None,
    ellipses: Annotated[
        bool, typer.Option("--ellipses", help="Draw ellipses with each unit's variance, not circles.")
    ] = False,
    gif: Annotated[bool, typer.Option("--gif", help="Also write the video as a GIF.")] = False,
    video: Annotated[bool, typer.Option(help="Write the video.")] = True,
) -> None:
    """Draw a run's figures and its trajectory video, or the rate-distortion plane of a folder of runs."""
    print_first("Drawing figures and the video" if video else "Drawing figures")
    from keras_vae.plots import rate_distortion, run_figures
    from keras_vae.runs.folder import Run

    if gif and not video:
        raise InputError("draw: expected --gif or --no-video; received both; remove one.")
    if not Run(run).is_run() and (runs := rate_distortion.runs_below(run)):
        print(rate_distortion.draw(run, runs))
        return
    drawn = run_figures.draw_readable(run, epochs=_span(epochs), ellipses=ellipses, gif=gif, video=video)
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
