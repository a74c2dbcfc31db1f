"""The user's folder for caches, also for a process without a home folder."""

import os
import tempfile
from pathlib import Path


def home() -> Path:
    """The home folder; a private folder in the system's temporary folder for a user who has none.

    A process in a container can run as a user without an account and without `HOME`.
    """
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"keras_vae-{os.getuid()}"
