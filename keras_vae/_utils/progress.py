"""Telling a person how far long work has come: a bar in a terminal, lines in a log."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column


class Narrator:
    """Says what is going on; in a terminal with a bar and an estimate of the end."""

    def __init__(self, quiet: bool = False):
        self.console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def note(self, text: str) -> None:
        """A line for a log; a terminal has the bar."""
        if not self.console.is_terminal:
            self.say(text)

    def start(self, title: str, total: int, done: int = 0) -> None:
        if not self.console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(Column(min_width=7)),
            TextColumn("left"),
            TimeRemainingColumn(table_column=Column(min_width=7)),
            TextColumn("{task.fields[detail]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self.console,
        )
        self._task = self._bar.add_task(title, total=total, completed=done, detail="")
        self._bar.start()

    def advance(self, done: float, detail: str = "") -> None:
        if self._bar:
            self._bar.update(self._task, completed=done, detail=detail)

    def stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def track(self, items: Iterable[Any], title: str, total: int) -> Iterator[Any]:
        """Hands the items on, counting them."""
        self.start(title, total)
        try:
            for done, item in enumerate(items, 1):
                yield item
                self.advance(done)
        finally:
            self.stop()


class Parts(Narrator):
    """Tells of long work in several parts which one is running, and when all of it will have ended.

    Inside a part, what is told to it of that part's own work becomes a share of the whole.

    Args:
        n: the number of parts.
    """

    def __init__(self, n: int, quiet: bool = False):
        super().__init__(quiet)
        self.n, self._ended, self._worked = n, 0, 0
        self._title, self._total = "", 0

    def __enter__(self) -> "Parts":
        self._began = time.monotonic()
        super().start("", self.n)
        return self

    def __exit__(self, kind, *_) -> None:
        super().stop()
        if kind is KeyboardInterrupt:
            super().say(f"Stopped at {self._title}; all until then is kept: the same command goes on from there.")

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Names the part that begins. One in which no work is told of was there already, and takes no time."""
        self._title, self._total = f"{self._ended + 1}/{self.n} {name}", 0
        super().advance(self._ended, self._title)
        began = time.monotonic()
        yield
        self._ended += 1
        if self._total:
            self._worked += 1
            a_part = (time.monotonic() - self._began) / self._worked
            left = timedelta(seconds=round(a_part * (self.n - self._ended)))
            if not self.console.is_terminal:
                super().say(f"{self._title}: {time.monotonic() - began:.0f} s; all done in {left}")
        super().advance(self._ended, self._title)

    def say(self, text: str) -> None:
        if not self._title:
            super().say(text)

    def note(self, text: str) -> None:
        pass

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._total = total
        self.advance(done)

    def advance(self, done: int, detail: str = "") -> None:
        super().advance(self._ended + done / self._total, f"{self._title} · {detail}")

    def stop(self) -> None:
        pass
