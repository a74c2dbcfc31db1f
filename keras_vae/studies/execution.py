"""How the trainings of a study are executed, as requested on the command line."""

from dataclasses import dataclass

from keras_vae._utils.formatting import number
from keras_vae.errors import InputError

MAX_GPUS = 1000  # of one training


@dataclass(frozen=True)
class Execution:
    """How the trainings of a study are executed, as requested on the command line.

    Attributes:
        workers: trainings at the same time; None for one after the other in this process or, with `ray`, for as many
            as the cluster holds.
        ray: the address of a Ray cluster; None for this machine.
        cpus: CPUs, and threads, of each training; None for the threads that a training in this process has.
        gpus: GPUs of each training, which may be a fraction; None for an equal share of those there are.
        storage: a URI where finished runs are kept, for machines that share no folder.

    Raises:
        InputError: if a number is out of range, or an option is given that has no effect in this process.

    Example:
        >>> Execution().in_this_process, Execution(workers=4).in_this_process
        (True, False)
    """

    workers: int | None = None
    ray: str | None = None
    cpus: int | None = None
    gpus: float | None = None
    storage: str | None = None

    def __post_init__(self):
        for name, value in (("workers", self.workers), ("cpus", self.cpus)):
            if value is not None and value < 1:
                raise InputError(f"{name}: expected at least 1; received {value}.")
        if self.gpus is not None and not (0 <= self.gpus <= 1 or self.gpus in range(1, MAX_GPUS)):
            raise InputError(
                f"gpus: expected a number from 0 to 1, or a whole number; received {number(self.gpus)}; a training "
                "uses a part of one GPU, or whole ones."
            )
        for name in ("cpus", "gpus", "storage"):
            if getattr(self, name) is not None and self.in_this_process:
                raise InputError(f"{name}: expected only together with workers or ray; received it alone; add workers.")

    @property
    def in_this_process(self) -> bool:
        """Whether trainings are executed one after the other in this process, without Ray."""
        return self.workers is None and self.ray is None


IN_THIS_PROCESS = Execution()
