"""Options of reading a data set, as `load`, the configuration and the command line take them."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_serializer

from keras_vae.errors import InputError

MAX_IMAGE_SIDE = 4096  # pixels

Text = Annotated[str, Field(min_length=1)]


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class DataOptions(BaseModel):
    """How a data set is read. An option that the format of the data does not have is refused by `load`.

    Attributes:
        size: height and width of the images of a folder, in pixels; the largest centred square is cropped and resized.
        gray: whether the images of a folder are converted to grey values.
        skip_damaged: whether damaged images of a folder are left out and counted.
        channels_first: whether images are stored as `(n, channels, height, width)`.
        images: name of the array of images in an `.npz` file.
        labels: name of the array of labels in an `.npz` file; for a `.npy` file the path of another one.
        label: column of a table that holds the labels.
        drop: columns of a table that are left out, or the only one.
        standardize: whether images of floats of any range are shifted and scaled to mean 0 and standard deviation 1.

    Raises:
        InputError: if an option is unknown or out of range.

    Example:
        >>> DataOptions(size=64, gray=True).given()
        {'size': 64, 'gray': True}
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1, le=MAX_IMAGE_SIDE)] | None = None
    gray: bool = False
    skip_damaged: bool = False
    channels_first: bool = False
    images: Text | None = None
    labels: Text | None = None
    label: Text | None = None
    drop: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)] = ()
    standardize: bool = False

    def __init__(self, **options: Any):
        try:
            super().__init__(**options)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].replace("Input should be", "expected")
            message = message.replace("Extra inputs are not permitted", "expected no such option")
            raise InputError(f"{'.'.join(map(str, first['loc']))}: {message}; received {first['input']!r}.") from None

    @model_serializer
    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults, with JSON's types."""
        fields = type(self).model_fields
        found = {name: getattr(self, name) for name in fields if getattr(self, name) != fields[name].default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
