"""Options of commands whose trainings may be executed through Ray."""

from typing import Annotated

import typer

from keras_vae._utils.command_line import number_option, whole_option

WorkersOption = Annotated[int | None, whole_option("Trainings at the same time, through Ray on this machine.")]
RayOption = Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: HOST:PORT, or auto.")]
CpusOption = Annotated[int | None, whole_option("CPUs and threads of each training; by default as without Ray.")]
GpusOption = Annotated[float | None, number_option("GPUs of each training; by default an equal share.")]
StorageOption = Annotated[str | None, typer.Option(metavar="URI", help="Keeps runs of machines that don't share OUT.")]
