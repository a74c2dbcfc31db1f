"""Number of CPU threads of the numerical libraries, on which the last digits of results depend."""

import os

VARIABLE = "KERAS_VAE_THREADS"  # set together with the variables that the libraries read
LIBRARIES = (
    "OMP_NUM_THREADS",  # PyTorch and scikit-learn
    "OPENBLAS_NUM_THREADS",  # NumPy
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # JAX
)


def count() -> int:
    """The number of threads of this process: as set by `environment`, else the CPUs that it may use.

    Example:
        >>> count() >= 1
        True
    """
    if os.environ.get(VARIABLE, "").isdigit():
        return int(os.environ[VARIABLE])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int) -> dict[str, str]:
    """The environment variables that give a process, before it starts, a number of threads.

    Example:
        >>> environment(2)["TF_NUM_INTRAOP_THREADS"]
        '2'
    """
    return dict.fromkeys((VARIABLE, *LIBRARIES), str(threads))
