"""Batch sizes that bound memory, the free memory, and the peak memory of the process."""

import contextlib
import os
import sys
from pathlib import Path

MAX_CODES_BYTES = 64e6  # latent codes that are computed at a time, unless the caller passes another bound
MAX_KEPT_IMAGES_BYTES = 20e6  # images of one array of a run folder: 400 of 64 × 64 × 3, 25 of 256 × 256 × 3


def images_that_fit(n_units: int, max_images: int, max_bytes: float = MAX_CODES_BYTES) -> int:
    """The number of images, from 1 to `max_images`, whose float32 codes of `n_units` fit into `max_bytes`."""
    return int(max(1, min(max_images, max_bytes // (4 * n_units))))


def kept_images(n_pixels: int, n: int) -> int:
    """The number of images, from 1 to `n`, that one array of a run folder keeps; `n_pixels` with all channels."""
    return images_that_fit(n_pixels, n, MAX_KEPT_IMAGES_BYTES)


def kept_grid_side(n_pixels: int, n_units: int, side: int) -> int:
    """The largest side, from 1 to `side`, of a grid over `n_units` units whose images a run folder keeps.

    Example:
        >>> kept_grid_side(28 * 28, 2, 20), kept_grid_side(256 * 256 * 3, 2, 20)
        (20, 5)
    """
    n = kept_images(n_pixels, side**n_units)
    return max(s for s in range(1, side + 1) if s**n_units <= n)


def chunk_sizes(n_points: int, n_units: int) -> list[int]:
    """Sizes of the chunks in which `n_points` latent points are processed, so that each fits `MAX_CODES_BYTES`."""
    size = images_that_fit(n_units, n_points)
    return [min(size, n_points - i) for i in range(0, n_points, size)]


def available_bytes() -> int | None:
    """Memory that the process can still use, within the limit of its container; None where it is not reported."""
    found = [*_available_of_the_system(), *_available_of_the_container()]
    return min(found) if found else None


def _available_of_the_system() -> list[int]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):  # not Linux, where the memory in use is not known
        pass
    try:
        return [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):  # Windows
        return []


def _available_of_the_container() -> list[int]:
    """Of a Linux control group, version 2 or 1; a group without a limit has `max` or a very large number."""
    group = Path("/sys/fs/cgroup")
    found = []
    for folder, limit, used in (
        (group, "memory.max", "memory.current"),
        (group / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, KeyError, ValueError):
            lines = (folder / "memory.stat").read_text().splitlines()
            statistics = dict(line.split()[:2] for line in lines)
            cached = sum(int(statistics[key]) for key in ("active_file", "inactive_file"))  # freed when needed
            free = int((folder / limit).read_text()) - int((folder / used).read_text()) + cached
            found.append(max(0, free))
    return found


def reset_peak() -> None:
    """Restarts the measurement of `peak_gb` (Linux only; elsewhere the peak is that since the process started)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_gb() -> float | None:
    """Peak memory of the process since `reset_peak`, in 10⁹ bytes; None where the system doesn't report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return round(int(kilobytes) * 1024 / 1e9, 2)
    except (OSError, ValueError):  # not Linux
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit / 1e9, 2)
