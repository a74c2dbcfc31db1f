"""Suggestions for misspelt names."""

import difflib
from collections.abc import Iterable


def advice(name: str, known: Iterable[str], otherwise: str) -> str:
    """The end of a sentence on an unknown name: the known name that is most similar, or another advice.

    Example:
        >>> advice("ytrain", ["x_train", "y_train"], "leave it out."), advice("z", ["x_train"], "leave it out.")
        ("did you mean 'y_train'?", 'leave it out.')
    """
    similar = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"did you mean {similar[0]!r}?" if similar else otherwise
