"""How much is held in memory: at once, by choice, and at most, as it turned out."""

import contextlib
import sys
from pathlib import Path

AT_ONCE = 64e6  # bytes of codes that are computed at once


def images_within(units: int, most: int, size: float | None = None) -> int:
    """How many images' codes of that many units, as float32, stay within a size in bytes: 1 to `most`."""
    return int(max(1, min(most, (size or AT_ONCE) // (4 * units))))


def parts(n: int, units: int) -> list[int]:
    """`n` latent points of that many units, in numbers of them that are held at once."""
    at_once = images_within(units, n)
    return [min(at_once, n - i) for i in range(0, n, at_once)]


def forget_peak() -> None:
    """Begins to measure the peak anew, where the system can (Linux); elsewhere it stays that of the process."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_gb() -> float | None:
    """The most memory that this process held since `forget_peak`, in 10⁹ bytes; None where nobody can tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return round(int(kilobytes) * 1024 / 1e9, 2)
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)
