"""Suggestions for misspelt names."""

import difflib
from collections.abc import Iterable


def similar(name: str, known: Iterable[str], min_similarity: float = 0.6) -> str | None:
    """The known name that resembles another one most, or None if none reaches a ratio of `difflib`."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=min_similarity)
    return found[0] if found else None


def advice(name: str, known: Iterable[str], otherwise: str) -> str:
    """The end of a sentence on an unknown name: the known name that is most similar, or another advice.

    Example:
        >>> advice("ytrain", ["x_train", "y_train"], "leave it out."), advice("z", ["x_train"], "leave it out.")
        ("did you mean 'y_train'?", 'leave it out.')
    """
    meant = similar(name, known)
    return otherwise if meant is None else f"did you mean {meant!r}?"
