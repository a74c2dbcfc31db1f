"""Messages on arguments that a pydantic model refuses, in the form of the package's own."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from keras_vae._utils.spelling import advice

# Expected values by the beginning of the type of pydantic's error.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "string": "text",
    "finite": "a finite number",
}
# By the type of the error: words before a limit, and its key in the error's context.
LIMITS = {
    "greater_than_equal": ("of at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("of at most", "le"),
    "less_than": ("below", "lt"),
}


def sentence(error: ValidationError, fields: Iterable[str], model: str) -> str:
    """The first error as one sentence.

    Args:
        error: raised by a pydantic model.
        fields: names of the fields of that model.
        model: its name.
    """
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = list(fields)
        choices = f"choose from {', '.join(known)}."
        return f"{name}: expected an argument of {model}; {advice(name, known, choices)}"
    if not name:  # a check of several fields together
        return f"{_own(first)}."
    return f"{name}: {_expected(first)}; received {first['input']!r}."


def _expected(error: Any) -> str:
    kind = error["type"]
    if kind in LIMITS:
        words, key = LIMITS[kind]
        limit = error["ctx"][key]
        return f"expected a number {words} " + (f"{limit:,}" if isinstance(limit, int) else f"{limit:g}")
    if kind == "int_parsing_size":
        return "expected a smaller whole number"
    return f"expected {KINDS[kind.split('_')[0]]}" if kind.split("_")[0] in KINDS else _own(error)


def _own(error: Any) -> str:
    """A message of pydantic, or of a check of the model."""
    return error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
