"""How much is held in memory: at once, by choice, and at most, as it turned out."""

import sys

AT_ONCE = 64e6  # bytes of codes that are computed at once


def images_within(units: int, most: int, size: float = AT_ONCE) -> int:
    """How many images' codes of that many units, as float32, stay within a size in bytes: 1 to `most`."""
    return int(max(1, min(most, size // (4 * units))))


def peak_gb() -> float | None:
    """The most memory that this process has held so far, in 10⁹ bytes; None where the system doesn't tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)
