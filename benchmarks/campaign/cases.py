"""Cases of the campaign, their problems, and the checks that all parts share."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from campaign.children import Outcome

ERROR_CODES = (1, 2)  # of a command that ends with a sentence
T = TypeVar("T")


class Problem(NamedTuple):
    """What a case found.

    Attributes:
        kind: one of few, which are counted: `traceback`, `other result`, …
        detail: what was seen.
    """

    kind: str
    detail: str


class Skipped(Exception):
    """A case that can't be run, on this machine or at all; the message is the reason."""


class Case(NamedTuple):
    """One attack.

    Attributes:
        group: cases of one group are counted together.
        text: what is done, for the report.
        run: attacks; returns the problem that it found, or None.
    """

    group: str
    text: str
    run: Callable[[], Problem | None]


class Part(Protocol):
    """Cases of one kind, by number; equal numbers and seeds give equal cases.

    Attributes:
        n_cases: number of cases of a campaign that isn't limited by time.
        figures: further counts of what was done, for the report.
    """

    n_cases: int
    figures: dict[str, int]

    def case(self, number: int, rng: np.random.Generator) -> Case: ...


class Found(Generic[T]):
    """A sequence of unknown length whose items are costly to find: each is found when it is needed.

    Args:
        items: finds them in order.
    """

    def __init__(self, items: Iterator[T]):
        self._items = items
        self._found: list[T] = []

    def count_one_more(self) -> int:
        """Finds one more item, if there is one, and returns the number of those found."""
        self._found += islice(self._items, 1)
        return len(self._found)

    def item(self, number: int) -> T:
        """The item of a number; numbers beyond the last begin again."""
        self._found += islice(self._items, max(0, number + 1 - len(self._found)))
        return self._found[number % len(self._found)]


def sentence_problem(outcome: Outcome, naming: str = "") -> Problem | None:
    """The problem of a command that had to fail with one line on stderr that contains `naming`."""
    ended = crash_problem(outcome)
    if ended is not None:
        return ended
    if outcome.code not in ERROR_CODES:
        return Problem("exit code", f"expected 1 or 2; received {outcome.code}; {outcome.last_line}")
    lines = outcome.error_lines
    if len(lines) != 1:
        return Problem("not one line", f"{len(lines)} lines on stderr: {' / '.join(lines[:4])[:300]}")
    if naming not in lines[0]:
        return Problem("no path", f"expected {naming} in: {lines[0][:300]}")
    return None


def crash_problem(outcome: Outcome) -> Problem | None:
    """The problem of a command that ended in a traceback or a signal, or didn't end."""
    if outcome.timed_out:
        return Problem("no end", f"no end after {outcome.seconds:.0f} s")
    if outcome.code < 0:
        return Problem("signal", f"ended by signal {-outcome.code}")
    if "Traceback (most recent call last)" in outcome.err:
        return Problem("traceback", outcome.last_line)
    return None
