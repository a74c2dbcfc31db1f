"""Forms of `study.json` and `captions.json` (see `_utils.forms`)."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from keras_vae._utils import readers
from keras_vae._utils.forms import OPTIONAL, Bounds, FileName, Form, Number, Positive, Whole
from keras_vae.errors import DamagedFileError


class StudyData(Form):
    """`dataset` of study.json."""

    name: str
    train: Whole
    test: Whole
    image_shape: Annotated[list[Positive], Field(min_length=1, max_length=3)] = OPTIONAL  # earlier versions lack it


class Summary(BaseModel):
    """A table of text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    head: list[str]
    rows: list[list[str]]

    @model_validator(mode="after")
    def _refuse_ragged_rows(self):
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"expected rows of {len(self.head)} cells, as its head; received another number")
        return self


class StudyTable(Summary):
    """A table of text with its heading."""

    title: str


class StudyRun(Form):
    """A training run of a study."""

    config: str
    seed: Whole
    folder: FileName
    measures: dict[str, Number | None]

    @model_validator(mode="after")
    def _refuse_paths(self):
        if self.folder in (".", ".."):
            raise ValueError(f"folder: expected the name of a folder beside the study's; received {self.folder!r}")
        return self


class StudyClaim(Form):
    """A claim with its verdict."""

    claim: str
    measured: str
    verdict: str
    simultaneous: str = OPTIONAL
    note: str
    estimate: Number | None
    low: Number | None
    high: Number | None
    expected: Bounds
    possible: Bounds = OPTIONAL
    published: Number | None = None
    seeds: list[Number | None] = OPTIONAL
    seeds_to_decide: Positive | None = None
    decided_by: str = OPTIONAL


class StudyFile(Form):
    """study.json: the results of a study."""

    title: str
    source: str = OPTIONAL  # earlier versions lack it
    command: str
    dataset: StudyData
    epochs: Positive
    other_epochs: list[Positive] = OPTIONAL
    seeds: Positive
    minutes: Annotated[float, Field(ge=0)]
    versions: dict[str, str | None]
    threads: Whole | None
    configs: dict[str, dict[str, Any]]
    runs: list[StudyRun]
    summary: Summary = OPTIONAL
    loss_note: str = OPTIONAL  # on the summary
    tables: list[StudyTable]
    claims: list[StudyClaim]


def read_captions(path: Path, advice: str) -> dict[str, str]:
    """Reads a captions.json: a caption for each file stem.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged or holds other things than text.
    """
    content = readers.read_json(path, advice)
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise DamagedFileError(path, "expected a caption, which is text, for each figure", advice)
    return content
