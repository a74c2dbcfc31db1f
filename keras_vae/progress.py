"""Telling a person how far long work has come: a bar in a terminal, lines in a log."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


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
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self.console,
        )
        self._task = self._bar.add_task(title, total=total, completed=done, detail="")
        self._bar.start()

    def advance(self, done: int, detail: str = "") -> None:
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
