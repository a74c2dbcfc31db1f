"""Registry of the figures of a run, and their files: `figures/NAME.png` and `figures/captions.json`."""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from matplotlib.figure import Figure

from keras_vae._utils.files import write_json
from keras_vae._utils.foreign_text import shortened
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.evaluation import findings
from keras_vae.plots import layout, visuals
from keras_vae.runs import study_forms
from keras_vae.runs.folder import Run

CAPTIONS = "captions.json"  # beside the figures: {file stem: caption}, in the order in which pages show them
MAX_TITLE_CHARACTERS = 60  # that fit into the narrowest figure

Section = Literal["training", "audit"]
FIGURE_NAME = re.compile(r"[\w-]+")
Draw = Callable[[Run], Figure]


class RunFigure(NamedTuple):
    """A registered figure of a run.

    Attributes:
        name: file stem; the figure is written to `figures/NAME.png`.
        caption: one sentence that says what the figure shows; pages use it as caption and alternative text.
        draw: returns the figure of a run.
        applies: whether a finished run has what the figure needs.
        section: "training" for figures of the training and the latent space, "audit" for results of the audit.
        learned_prior: the caption for a run whose prior is not N(0, I); by default `caption`.
    """

    name: str
    caption: str
    draw: Draw
    applies: Callable[[Run], bool]
    section: Section
    learned_prior: str | None = None

    def caption_of(self, run: Run) -> str:
        """The caption for a run."""
        return self.learned_prior if self.learned_prior and run.has_learned_prior else self.caption

    def path(self, run: Run) -> Path:
        """The file of the figure in the folder of a run."""
        return run.path / "figures" / f"{self.name}.png"


FIGURES: dict[str, RunFigure] = {}  # by name, in the order in which they are drawn and shown


def register(
    name: str,
    caption: str,
    applies: Callable[[Run], bool] = lambda run: True,
    section: Section = "training",
    finding: Callable[[Run], str] | None = None,
    learned_prior: str | None = None,
) -> Callable[[Draw], Draw]:
    """Registers a function of a run as the figure `name`; a decorator. The function is called in the package's style.

    Args:
        name, caption, applies, section, learned_prior: as in `RunFigure`.
        finding: returns what the figure shows of a run: see `evaluation.findings.register`.

    Raises:
        InputError: if another figure has this name.
    """
    if not isinstance(name, str) or not FIGURE_NAME.fullmatch(name):
        raise InputError(f"name: expected letters, digits, - and _, as in a file's name; received {name!r}.")
    if not isinstance(caption, str) or not caption:
        raise InputError(f"caption: expected a sentence that says what the figure shows; received {caption!r}.")
    if section not in get_args(Section):
        raise InputError(f"section: expected training or audit; received {section!r}.")
    if name in FIGURES:
        raise InputError(f"name: expected a name that no figure has yet; received {name!r}; choose another.")

    def registered(function: Draw) -> Draw:
        styled = visuals.style()(function)
        FIGURES[name] = RunFigure(name, caption, styled, applies, section, learned_prior)
        if finding is not None:
            findings.register(name)(finding)
        return styled

    return registered


class Drawn(NamedTuple):
    """What was drawn of a run.

    Attributes:
        paths: of the figures and videos.
        damaged: an error for each damaged file that a figure or video needs.
    """

    paths: list[Path]
    damaged: list[DamagedFileError]


def draw_registered(run: Run, figures: Iterable[RunFigure]) -> Drawn:
    """Draws those of the figures that apply and whose files are readable, with their captions."""
    drawn = Drawn([], [])
    for figure in figures:
        with collected(drawn.damaged):
            if figure.applies(run):
                drawn.paths.append(layout.save(figure.draw(run), figure.path(run)))
                write_captions(run, {figure.name: figure.caption_of(run)})  # now: the drawing may be interrupted
    return drawn


@contextlib.contextmanager
def collected(damaged: list[DamagedFileError]) -> Iterator[None]:
    """Context that adds the error of a damaged file to a list, once for each file."""
    try:
        yield
    except DamagedFileError as error:
        if error.path not in [known.path for known in damaged]:
            damaged.append(error)


def write_captions(run: Run, captions: dict[str, str]) -> None:
    """Adds captions to `figures/captions.json`: registered figures first, in order; only of figures that exist."""
    path = run.path / "figures" / CAPTIONS
    known = _known(path) | captions
    order = [name for name in FIGURES if name in known] + [name for name in known if name not in FIGURES]
    write_json(path, {name: known[name] for name in order if os.path.lexists(path.with_name(f"{name}.png"))})


def write_video_caption(path: Path, caption: str) -> None:
    """Adds the caption of a video to `captions.json` beside it; only captions of videos that exist are kept."""
    known = _known(path.with_name(CAPTIONS)) | {path.stem: caption}
    kept = {stem: text for stem, text in known.items() if os.path.lexists(path.with_name(f"{stem}.mp4"))}
    write_json(path.with_name(CAPTIONS), kept)


def _known(path: Path) -> dict[str, str]:
    """The captions of a file; none if it is absent, or damaged, since drawing replaces it."""
    try:
        return study_forms.read_captions(path, "draw again")
    except InputError:
        return {}


def title(run: Run) -> str:
    """The title of a run, which contains the name of its data set, for matplotlib."""
    return visuals.plain(shortened(run.title, MAX_TITLE_CHARACTERS))
