"""Rate–distortion planes of an index page: runs by KL and reconstruction loss, with generated images."""

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup, escape
from PIL import Image

from keras_vae._utils.data_words import worded
from keras_vae._utils.foreign_text import shortened
from keras_vae._utils.formatting import amount, count, number
from keras_vae.errors import DamagedFileError
from keras_vae.report import svg
from keras_vae.report.data_uri import data_uri
from keras_vae.runs import comparison
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import pictures

WIDTH, HEIGHT = 1040, 560
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 16, 46  # margins
MAX_THUMBNAILS = 400  # about a megabyte
THUMBNAIL_IMAGES = 3  # samples along a side
THUMBNAIL_PIXELS = 126
THUMBNAIL_QUALITY = 55  # of WebP
SHOWN_SIDE = 66  # of a thumbnail beside its mark
LINE_HEIGHT = 15  # of a name
MARK_RADIUS = 6
GAP = 12  # between a mark and its thumbnail
MAX_LINE_CHARACTERS, MAX_NAME_LINES = 24, 4  # of a name below a thumbnail
MIN_SPAN = 0.02  # of the axes, relative to the largest distortion
CHARACTER_WIDTH = 7.2
DIAGONAL_LABEL_WIDTH = 84
MAX_DIAGONALS = 7
ORIGIN_SHARE = 0.5  # of the highest rate; where all rates are above it, the axis does not begin at 0
OUTLIER_RANGES = 3  # interquartile ranges beyond the quartiles


class Mark(NamedTuple):
    """A run in the plane.

    Attributes:
        name: the settings in which it differs from the others.
        rate: KL in nats per image.
        distortion: reconstruction loss in nats per image.
        text: its numbers, for the tooltip.
        address: of its page; empty if there is none.
        picture: data URI of generated images; empty if there are none.
        is_grey: whether these are grey images, which a light page shows inverted.
    """

    name: str
    rate: float
    distortion: float
    text: str
    address: str
    picture: str
    is_grey: bool


class Box(NamedTuple):
    """A rectangle: its left upper corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: "Box") -> bool:
        """Whether two rectangles have a common point."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


class Diagonal(NamedTuple):
    """A line of constant ELBO: its ends in pixels from left to right, and its label, which ends at the right one."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str

    @property
    def label_box(self) -> Box:
        """An upright rectangle around the label."""
        rise = (self.y2 - self.y1) / (self.x2 - self.x1) * DIAGONAL_LABEL_WIDTH
        return Box(self.x2 - DIAGONAL_LABEL_WIDTH, self.y2 - rise - 18, DIAGONAL_LABEL_WIDTH, rise + 18)


class Axis(NamedTuple):
    """A linear map from values to pixels."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)


def planes(
    runs: Sequence[Run], address: Callable[[Run], str], damaged: list[DamagedFileError] | None = None
) -> list[dict[str, Any]]:
    """A plane per data set and likelihood, whose losses can be compared.

    Each has `title`, `svg`, `text` and the number of its `marks`. Unfinished runs, runs without a KL and a run that is
    the only one of its data and likelihood have no mark: a plane of a single mark compares nothing.

    Args:
        runs: readable runs.
        address: the address of a run's page, relative to the index; empty if there is none.
        damaged: receives the errors of samples that can't be read, whose runs are marked without a picture.
    """
    damaged = [] if damaged is None else damaged
    compared = {key: members for key, members in comparison.comparable(runs).items() if len(members) > 1}
    n_left = MAX_THUMBNAILS
    drawn = []
    for title, members in sorted(compared.items(), key=lambda group: -len(group[1])):
        made = (
            _mark(run, name, address(run), thumbnail(run, damaged) if i < n_left else ("", True))
            for i, (run, name) in enumerate(zip(members, comparison.names(members), strict=True))
        )
        marks = [mark for mark in made if mark is not None]
        n_left -= len(marks)
        if len(marks) > 1:
            shape = members[0].image_shape
            drawn.append(
                {
                    "title": title,
                    "svg": plane(marks, title, worded("image", shape)),
                    "text": worded(_text(marks), shape),
                    "marks": len(marks),
                }
            )
    return drawn


def _text(marks: Sequence[Mark]) -> str:
    best = min(marks, key=lambda mark: mark.rate + mark.distortion)
    axes = _axes(marks)
    n_outside = sum(_direction(mark, *axes) is not None for mark in marks)
    outside = f" {count(n_outside, 'run')} outside the view: triangles at its edge." if n_outside else ""
    return (
        f"{best.name} has the largest ELBO of {amount(len(marks))} runs, {number(-best.rate - best.distortion)} nats "
        f"per image. One mark per run, test data; along a dashed diagonal, the ELBO is constant. Pictures: samples "
        f"of the prior.{outside}{_advice(marks)}"
    )


def _advice(marks: Sequence[Mark]) -> str:
    """What a click does, as a sentence after others; empty where no run has a page."""
    n_pages = sum(bool(mark.address) for mark in marks)
    if not n_pages:
        return ""
    return " A click opens the run." if n_pages == len(marks) else " A click opens a run that has a page."


def _mark(run: Run, name: str, address: str, drawn: tuple[str, bool]) -> Mark | None:
    test, config = run.metrics["test"], run.config["config"]
    rate, distortion = float(test["kl"]), float(test["reconstruction"])
    if not np.isfinite([rate, distortion]).all():
        return None
    picture, is_grey = drawn
    beta = config.get("beta")
    details = [
        f"KL {number(rate)}, reconstruction {number(distortion)}, ELBO {number(-rate - distortion)} nats",
        config["architecture"],
        f"{config['posterior']} posterior, {config.get('objective', 'elbo')} objective"
        + (f", prior {config['prior']}" if run.has_learned_prior else "")
        + ("" if beta is None else f", β = {beta:g}")
        + f", seed {config['seed']}",
        f"{amount(run.metrics['n_active'])} of {amount(run.metrics['n_units'])} units active",
    ]
    return Mark(name, rate, distortion, "\n".join(details), address, picture, is_grey)


def thumbnail(run: Run, damaged: list[DamagedFileError]) -> tuple[str, bool]:
    """A few samples of a run as a data URI, and whether they are grey; empty if it has none, or damaged ones.

    Args:
        run: a finished run.
        damaged: receives the error of damaged samples.
    """
    try:
        images = run.arrays("samples")["images"] if run.has_arrays("samples") else None
    except DamagedFileError as error:
        damaged.append(error)
        images = None
    if images is None or not len(images):
        return "", True
    side = min(THUMBNAIL_IMAGES, int(len(images) ** 0.5))
    images = np.rint(255 * np.clip(pictures(run, images[: side * side]), 0, 1)).astype("uint8")
    images = images.reshape(side, side, *images.shape[1:3], -1)
    channels = 3 if images.shape[4] > 2 else 1
    rows, columns = side * images.shape[2], side * images.shape[3]
    tiled = images[..., :channels].swapaxes(1, 2).reshape(rows, columns, channels)
    picture = Image.fromarray(tiled[..., 0] if channels == 1 else tiled)
    scale = THUMBNAIL_PIXELS / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "WEBP", quality=THUMBNAIL_QUALITY)
    return data_uri("image/webp", buffer.getvalue()), channels == 1


def plane(marks: Sequence[Mark], title: str, item: str = "image") -> Markup:
    """Draws runs by rate and distortion.

    Args:
        marks: at least one.
        title: the data set and likelihood of the runs.
        item: what losses are measured on, an image or a row.
    """
    x, y = _axes(marks)
    diagonals = _diagonals(x, y)
    parts = [
        f'<svg class="rate-distortion" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="Rate–distortion plane: {escape(title)}, {len(marks)} runs">',
        *_scales(x, y, item),
        *map(_diagonal_markup, diagonals),
    ]
    places = [_clipped(mark, x, y) for mark in marks]
    boxes = _place(marks, places, [line.label_box for line in diagonals])
    # Marks are drawn last, so that none lies below the picture of another run.
    parts += [_thumbnail_markup(i, marks[i], places[i], box) for i, box in boxes.items()]
    parts += [_mark_markup(i, mark, places[i], _direction(mark, x, y), i in boxes) for i, mark in enumerate(marks)]
    return Markup("".join(parts) + "</svg>")


def _axes(marks: Sequence[Mark]) -> tuple[Axis, Axis]:
    """The axes of rate and distortion; values far from the others are left out of their ranges."""
    rates, distortions = (np.array([getattr(mark, name) for mark in marks]) for name in ("rate", "distortion"))
    # Runs whose losses hardly differ are not drawn as if they did: both axes are in the same unit.
    least = MIN_SPAN * float(np.abs(distortions).max())
    lowest_rate, highest_rate = _bulk(rates)
    if lowest_rate < ORIGIN_SHARE * highest_rate or highest_rate <= 0:
        rate = Axis(min(0.0, float(rates.min())), 1.12 * highest_rate or 1.0, LEFT, WIDTH - RIGHT)
    else:
        rate = Axis(*_widened(lowest_rate, highest_rate, least), LEFT, WIDTH - RIGHT)
    return rate, Axis(*_widened(*_bulk(distortions), least), HEIGHT - BOTTOM, TOP)


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """The ends of an axis around a range of values, which is widened to `least`."""
    missing = max(0.0, least - (high - low)) / 2
    margin = 0.14 * (high - low + 2 * missing or 1.0)
    return low - missing - margin, high + missing + margin


def _bulk(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value within `OUTLIER_RANGES` interquartile ranges of the quartiles (Tukey 1977)."""
    quartiles = np.quantile(values, [0.25, 0.75])
    reach = OUTLIER_RANGES * float(np.ptp(quartiles))
    inside = values[(values >= quartiles[0] - reach) & (values <= quartiles[1] + reach)]
    return float(inside.min()), float(inside.max())


def _clipped(mark: Mark, x: Axis, y: Axis) -> tuple[float, float]:
    """The pixels of a mark, at the edge of the view for a run outside it."""
    across, down = np.clip([x.at(mark.rate), y.at(mark.distortion)], [x.first, y.last], [x.last, y.first])
    return float(across), float(down)


def _direction(mark: Mark, x: Axis, y: Axis) -> int | None:
    """Where a run outside the view lies, in degrees clockwise from the right; None for a run inside."""
    if mark.rate > x.high:
        return 0
    if mark.rate < x.low:
        return 180
    if mark.distortion > y.high:
        return -90
    return 90 if mark.distortion < y.low else None


def _scales(x: Axis, y: Axis, item: str) -> list[str]:
    parts = []
    for tick in svg.ticks(y.low, y.high):
        at = y.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(_label(f"{tick:g}", LEFT - 8, at + 4, "end"))
    parts += [_label(f"{t:g}", x.at(t), HEIGHT - BOTTOM + 18, "middle") for t in svg.ticks(x.low, x.high, 8)]
    parts.append(_label(f"rate: KL, nats per {item} →", WIDTH - RIGHT, HEIGHT - 8, "end", kind="name"))
    turn = f"translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)"
    parts.append(_label(f"distortion: reconstruction, nats per {item} →", 0, 0, "middle", turn, "name"))
    return parts


def _label(text: str, x: float, y: float, anchor: str, transform: str = "", kind: str = "tick") -> str:
    placed = f' transform="{transform}"' if transform else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{placed}>{escape(text)}</text>'


def _diagonals(x: Axis, y: Axis) -> list[Diagonal]:
    """Lines of constant ELBO, distortion + rate = −ELBO, where they cross the plane."""
    found = []
    for total in svg.ticks(x.low + y.low, x.high + y.high, MAX_DIAGONALS):
        first, last = max(x.low, total - y.high), min(x.high, total - y.low)
        if last - first > 0.1 * (x.high - x.low):
            label = f"ELBO {-total:g}".replace("-", "\N{MINUS SIGN}")
            found.append(Diagonal(x.at(first), y.at(total - first), x.at(last), y.at(total - last), label))
    return found


def _diagonal_markup(line: Diagonal) -> str:
    angle = np.degrees(np.arctan2(line.y2 - line.y1, line.x2 - line.x1))
    turn = f"translate({line.x2:.1f} {line.y2:.1f}) rotate({angle:.1f})"
    ends = f'x1="{line.x1:.1f}" y1="{line.y1:.1f}" x2="{line.x2:.1f}" y2="{line.y2:.1f}"'
    return f'<line class="diagonal" {ends}/>{_label(line.label, -8, -4, "end", turn)}'


def _place(marks: Sequence[Mark], places: Sequence[tuple[float, float]], labels: Sequence[Box]) -> dict[int, Box]:
    """Where there is room for the pictures of which marks, those with the largest ELBO first."""
    r = MARK_RADIUS + 2
    taken = [*labels, *(Box(px - r, py - r, 2 * r, 2 * r) for px, py in places)]
    found: dict[int, Box] = {}
    for i in sorted(range(len(marks)), key=lambda i: marks[i].rate + marks[i].distortion):
        free = (box for box in _candidates(marks[i], places[i]) if not any(box.overlaps(other) for other in taken))
        box = next(free, None) if marks[i].picture else None
        if box is not None:
            found[i] = box
            taken.append(box)
    return found


def _candidates(mark: Mark, place: tuple[float, float]) -> list[Box]:
    """Rectangles beside a mark that lie in the plane, for its picture with its name below."""
    lines = _lines(mark.name)
    width = max(SHOWN_SIDE, CHARACTER_WIDTH * max(map(len, lines)))
    height = SHOWN_SIDE + LINE_HEIGHT * len(lines)
    px, py = place
    left, right, center = px - GAP - width, px + GAP, px - width / 2
    above, below, middle = py - GAP - height, py + GAP, py - height / 2
    corners = [
        (right, middle), (left, middle), (center, below), (center, above),
        (right, above), (right, below), (left, above), (left, below),
    ]  # fmt: skip
    return [
        Box(x, y, width, height)
        for x, y in corners
        if LEFT <= x <= WIDTH - RIGHT - width and TOP <= y <= HEIGHT - BOTTOM - height
    ]


def _lines(name: str) -> list[str]:
    """The name of a run below its thumbnail: a line for each of its settings, the first ones."""
    return [shortened(part, MAX_LINE_CHARACTERS) for part in name.split(", ")[:MAX_NAME_LINES]]


def _thumbnail_markup(i: int, mark: Mark, place: tuple[float, float], box: Box) -> str:
    x, y = box.x + box.width / 2, box.y + SHOWN_SIDE / 2
    size = f'x="{x - SHOWN_SIDE / 2:.1f}" y="{box.y:.1f}" width="{SHOWN_SIDE}" height="{SHOWN_SIDE}"'
    kind = ' class="grey"' if mark.is_grey else ""
    leader = f'<line class="leader" x1="{place[0]:.1f}" y1="{place[1]:.1f}" x2="{x:.1f}" y2="{y:.1f}"/>'
    picture = f'<image{kind} {size} data-of="{i}" href="{mark.picture}"/>'
    below = box.y + SHOWN_SIDE + LINE_HEIGHT - 3
    name = "".join(_label(line, x, below + LINE_HEIGHT * k, "middle") for k, line in enumerate(_lines(mark.name)))
    return _linked(mark, leader + picture + name, 'tabindex="-1" aria-hidden="true"')


def _mark_markup(i: int, mark: Mark, place: tuple[float, float], direction: int | None, is_shown: bool) -> str:
    shape = f'<circle class="mark" cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{MARK_RADIUS}"/>'
    if direction is not None:
        turn = f"translate({place[0]:.1f} {place[1]:.1f}) rotate({direction})"
        shape = f'<path class="mark" d="M-12,-8 L0,0 L-12,8 Z" transform="{turn}"/>'
    attributes = f'class="run" data-index="{i}" data-name="{escape(mark.name)}" data-text="{escape(mark.text)}"'
    attributes += " data-grey" if mark.is_grey else ""
    # The card of the page's script, which replaces the title, is no name of a mark.
    attributes += f' aria-label="{escape(mark.name)}, {escape(mark.text)}"'
    if not mark.address:  # the keyboard reaches links anyway
        attributes += ' role="img" tabindex="0"'
    if mark.picture and not is_shown:
        attributes += f' data-picture="{mark.picture}"'
    # Without the page's script, the browser shows the title in place of the card.
    return _linked(mark, f"{shape}<title>{escape(mark.name)}\n{escape(mark.text)}</title>", attributes)


def _linked(mark: Mark, content: str, attributes: str) -> str:
    if not mark.address:
        return f"<g {attributes}>{content}</g>"
    return f'<a href="{escape(mark.address)}" {attributes}>{content}</a>'
