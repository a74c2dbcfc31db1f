"""The steps of an epoch that each compiled call runs, and the observations that are due within them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_vae.fast_fit.observers import StepObserver


@dataclass(frozen=True)
class CallRange:
    """The steps of one call.

    Attributes:
        first, last: the call runs the steps `first` … `last - 1` of the epoch.
        due: steps after which the observer is due before the call ends.
        pauses: `due`, then `last` as often as needed for one length in all calls, int32.
    """

    first: int
    last: int
    due: list[int]
    pauses: np.ndarray


@dataclass
class CallRanges:
    """Divides an epoch into calls.

    Args:
        n_steps: steps of an epoch.
        steps_per_call: steps per call; the last call of an epoch may have fewer.
        observer: receives encodings within a call; None for none.
    """

    n_steps: int
    steps_per_call: int
    observer: StepObserver | None = None
    max_frames: int = field(init=False)
    _next: int = field(init=False, default=0)

    def __post_init__(self):
        self.max_frames = 0 if self.observer is None else self.observer.max_observations(self.steps_per_call)

    def restart(self) -> None:
        """Begins an epoch."""
        self._next = 0

    def next(self) -> CallRange:
        """The steps of the next call."""
        first = self._next
        self._next = last = min(first + self.steps_per_call, self.n_steps)
        due = [] if self.observer is None else self.observer.due_between(first, last)
        pauses = np.array([*due, *[last] * (1 + self.max_frames - len(due))], "int32")
        return CallRange(first, last, due, pauses)

    def observe(self, call: CallRange, frames: Sequence[Any]) -> None:
        """Passes the frames of a call to the observer: encodings `(frames, n, units)`, unused ones at the end."""
        if self.observer is None or not call.due:
            return
        parts = [np.asarray(part) for part in frames]
        for i, step in enumerate(call.due):
            self.observer.observe(step, *(part[i] for part in parts))
