"""Forms of JSON content, checked with pydantic when a file is read.

A form names the values that the package reads, with their types. Other values are allowed, since earlier and later
versions and programs of your own write more.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keras_vae._utils import readers
from keras_vae._utils.foreign_text import shortened
from keras_vae.errors import DamagedFileError

MAX_WHOLE = 2**53  # the largest number up to which JSON's numbers are exact
MAX_VALUE_CHARACTERS = 60  # of a wrong value, or the path of its keys, in a message

Whole = Annotated[int, Field(ge=0, le=MAX_WHOLE)]
Positive = Annotated[int, Field(ge=1, le=MAX_WHOLE)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Bounds = Annotated[list[Number | None], Field(min_length=2, max_length=2)]
# A name without a folder, so that joining it to a path stays in that path.
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=255)]

# The default of a key that may be missing, but is not null where it is present.
OPTIONAL: Any = None


class Form(BaseModel):
    """Base class: types are not converted, further keys are allowed."""

    model_config = ConfigDict(extra="allow", strict=True)


def read(path: Path, form: type[Form], advice: str) -> dict[str, Any]:
    """Reads a JSON file and checks its form.

    Args:
        path: the file.
        form: what it has to contain.
        advice: what to do if it is missing or damaged, as a part of a sentence.

    Returns:
        The content as it was parsed, with all keys.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is not JSON or doesn't have the form.
    """
    content = readers.read_json(path, advice)
    check(content, form, path, advice)
    return content


def check(content: Any, form: type[Form], path: Path, advice: str) -> None:
    """Checks the form of a file's parsed content.

    Raises:
        DamagedFileError: if it doesn't have the form; the message names the first difference.
    """
    difference = first_difference(content, form)
    if difference is not None:
        raise DamagedFileError(path, difference, advice)


def first_difference(content: Any, form: type[Form]) -> str | None:
    """The first difference of content from a form, as a part of a sentence; None if it has the form.

    Example:
        >>> class Epochs(Form):
        ...     epochs: Positive
        >>> first_difference({"epochs": 3}, Epochs) is None
        True
        >>> first_difference({"epochs": 0}, Epochs)
        'epochs: expected greater than or equal to 1; received 0'
    """
    try:
        form.model_validate(content)
    except ValidationError as error:
        return _described(error)
    return None


def _described(error: ValidationError) -> str:
    first = error.errors()[0]
    where = shortened(".".join(map(str, first["loc"])), MAX_VALUE_CHARACTERS)
    if first["type"] == "missing":
        return f"expected {where}; it is missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    message = f"{message[0].lower()}{message[1:]}"
    if first["type"] != "value_error":
        message = f"{message}; received {quoted(first['input'])}"
    return f"{where}: {message}" if where else message


def quoted(value: Any) -> str:
    """A wrong value for a message, shortened."""
    return shortened(repr(value), MAX_VALUE_CHARACTERS)
