"""Progress reporting: a bar with an estimate of the remaining time on a terminal or in a notebook, lines in a log."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TypeVar

from rich.console import Console, OverflowMethod
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from keras_vae._utils import notebook
from keras_vae._utils.formatting import printable
from keras_vae._utils.terminal import print_text
from keras_vae.errors import WriteError

T = TypeVar("T")
PARTS, STARTING = "trainings", "starting"  # name of the bar of all parts, and text of a part without a step
LOG_SECONDS = 15  # between two lines on the progress of one task


class ProgressReporter:
    """Prints messages and the progress of one task.

    Args:
        quiet: print nothing.
    """

    def __init__(self, quiet: bool = False):
        # In a notebook, whose kernel sets FORCE_COLOR, messages are plain text.
        is_terminal = False if notebook.is_notebook() else None
        self.console = Console(
            quiet=quiet, highlight=False, soft_wrap=True, force_jupyter=False, force_terminal=is_terminal
        )
        self._bar: Progress | None = None
        self._notebook_bar: notebook.NotebookBar | None = None

    @property
    def shows_bars(self) -> bool:
        """Whether progress is shown by a bar, not by lines."""
        return self.console.is_terminal or notebook.is_notebook()

    def message(self, text: str) -> None:
        """Prints a line."""
        print_text(self.console, text)

    def log(self, text: str) -> None:
        """Prints a line unless a bar shows progress."""
        if not self.shows_bars:
            self.message(text)

    def start(self, title: str, total: int, done: int = 0) -> None:
        """Shows a bar of `total` steps, `done` of them complete."""
        if notebook.is_notebook() and not self.console.quiet:
            self._notebook_bar = notebook.NotebookBar(title, total, done)
        if not self.console.is_terminal:
            return
        overflow: OverflowMethod = "crop" if self.console.options.ascii_only else "ellipsis"
        columns = {width: Column(min_width=width, no_wrap=True, overflow=overflow) for width in (None, 7)}
        self._bar = Progress(
            TextColumn("{task.description}", markup=False, table_column=columns[None]),
            BarColumn(bar_width=10),
            MofNCompleteColumn(table_column=columns[None]),
            TimeElapsedColumn(table_column=columns[7]),
            TextColumn("left", table_column=columns[None]),
            TimeRemainingColumn(table_column=columns[7]),
            TextColumn("{task.fields[detail]}", markup=False, table_column=columns[None]),
            console=self.console,
        )
        self._task = self._bar.add_task(printable(title, self.console.encoding), total=total, completed=done, detail="")
        self._bar.start()

    def advance(self, done: float, detail: str = "") -> None:
        """Sets the number of completed steps and the text beside the bar."""
        if self._bar:
            self._bar.update(self._task, completed=done, detail=printable(detail, self.console.encoding))
        if self._notebook_bar:
            self._notebook_bar.advance(done, detail)

    def end_epoch(self, row: Mapping[str, float]) -> None:
        """Receives the row of history of an epoch whose checkpoint is written; does nothing."""

    def stop(self) -> None:
        """Removes the bar."""
        if self._bar:
            self._bar.stop()
            self._bar = None
        if self._notebook_bar:
            self._notebook_bar.stop()
            self._notebook_bar = None

    def track(
        self, items: Iterable[T], title: str, total: int, size: Callable[[T], int] = lambda item: 1
    ) -> Iterator[T]:
        """Yields the items and counts them on the bar, in a log in a line every `LOG_SECONDS`.

        Args:
            items: what is yielded.
            title: of the bar.
            total: the sum of all sizes.
            size: what an item counts as.
        """
        self.start(title, total)
        logged, done = time.monotonic(), 0
        try:
            for item in items:
                yield item
                done += size(item)
                self.advance(done)
                if time.monotonic() - logged > LOG_SECONDS and done < total:
                    self.log(f"{title}: {done} of {total}")
                    logged = time.monotonic()
        finally:
            self.stop()


class MultiPartProgress(ProgressReporter):
    """Progress of a task of several parts, with an estimate of when all of them will be complete.

    Progress reported within a part counts as a fraction of that part.

    Args:
        n_parts: number of parts.
        quiet: print nothing.
    """

    def __init__(self, n_parts: int, quiet: bool = False):
        super().__init__(quiet)
        self.n_parts, self._parts_done, self._parts_with_work = n_parts, 0, 0
        self._seconds = 0.0  # of the parts with work
        self._title, self._total = "", 0
        self._trained_before: list[str] = []  # titles of parts without work that no line names yet

    def __enter__(self) -> "MultiPartProgress":
        super().start("", self.n_parts)
        return self

    def __exit__(self, kind, *_) -> None:
        super().stop()
        self._count_trained_before()
        if kind in (KeyboardInterrupt, WriteError):
            super().message(
                f"Interrupted during {self._title}; finished work is kept, and the same command continues from there."
            )

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Context of one part. A part that reports no work was trained before; its time is not counted.

        In a log every part is counted: one with work in a line, consecutive ones without work in one line for all.
        """
        self._title, self._total = f"{self._parts_done + 1}/{self.n_parts} {name}", 0
        super().advance(self._parts_done, self._title)
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self._parts_done += 1
        if self._total:
            self._parts_with_work += 1
            self._seconds += seconds
            mean_seconds = self._seconds / self._parts_with_work
            left = timedelta(seconds=round(mean_seconds * (self.n_parts - self._parts_done)))
            if not self.shows_bars:
                super().message(f"{self._title}: {seconds:.0f} s; {left} left")
        else:
            self._trained_before.append(self._title)
        super().advance(self._parts_done, self._title)

    def _count_trained_before(self) -> None:
        """Prints the line of the parts without work since the last line."""
        found, self._trained_before = self._trained_before, []
        if found and not self.shows_bars:
            first, last = (title.split(" ")[0] for title in (found[0], found[-1]))
            super().message(f"{found[0] if len(found) == 1 else f'{first} to {last}'}: trained before")

    def message(self, text: str) -> None:
        """Prints a line, but only before the first part: afterwards the bar shows progress."""
        if not self._title:
            super().message(text)

    def log(self, text: str) -> None:
        pass

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._count_trained_before()
        self._total = total
        self.advance(done)

    def advance(self, done: float, detail: str = "") -> None:
        share = done / self._total if self._total else 0.0
        super().advance(self._parts_done + share, f"{self._title} · {detail}")

    def stop(self) -> None:
        pass


class ParallelProgress(ProgressReporter):
    """Progress of many parts that are worked on at the same time: a bar for all, and a line for each running part.

    Args:
        n_parts: number of parts.
        done: number of those that were complete before.
        quiet: print nothing.
    """

    def __init__(self, n_parts: int, done: int = 0, quiet: bool = False):
        super().__init__(quiet)
        self.n_parts, self._done, self._done_before = n_parts, done, done
        self._began = time.monotonic()
        self._lines: dict[str, TaskID] = {}

    @property
    def is_shown(self) -> bool:
        """Whether running parts are shown: in a log they are not."""
        return self._bar is not None

    def __enter__(self) -> "ParallelProgress":
        self.start(PARTS, self.n_parts, self._done)
        if self._done:
            self.log(f"{self._done} of {self.n_parts} finished before")
        return self

    def __exit__(self, kind, *_) -> None:
        self.stop()
        if kind in (KeyboardInterrupt, WriteError):
            self.message(
                f"Interrupted after {self._done} of {self.n_parts}; finished work is kept, and the same command "
                "continues from there."
            )

    def finish_part(self, name: str, seconds: float) -> None:
        """Counts a part that is complete and took these seconds."""
        self._done += 1
        if self._bar and name in self._lines:
            self._bar.remove_task(self._lines.pop(name))
        self.advance(self._done)
        per_part = (time.monotonic() - self._began) / (self._done - self._done_before)
        left = timedelta(seconds=round(per_part * (self.n_parts - self._done)))
        self.log(f"{self._done}/{self.n_parts} {name}: {seconds:.0f} s; {left} left")

    def show(self, running: Mapping[str, tuple[float, float, str]]) -> None:
        """Shows the running parts: completed steps, all steps and a text, by name."""
        if not self._bar:
            return
        for name in [name for name in self._lines if name not in running]:
            self._bar.remove_task(self._lines.pop(name))
        for name, (done, total, detail) in running.items():
            if name not in self._lines:
                self._lines[name] = self._bar.add_task(printable(name, self.console.encoding), total=total, detail="")
            shown = printable(detail or ("" if done else STARTING), self.console.encoding)
            self._bar.update(self._lines[name], completed=done, total=total, detail=shown)
        # Fractions of parts count, or the estimate of the remaining time would jump whenever a part is finished.
        self.advance(self._done + sum(done / total for done, total, _ in running.values() if total))
