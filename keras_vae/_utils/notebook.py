"""Display in notebooks: whether the program runs in one, HTML tables, frames of pages, and a progress bar."""

import html
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

UPDATE_SECONDS = 0.2  # at least, between two changes of a bar
BAR_STYLE = "font-family: monospace; white-space: nowrap"
CELL_STYLE = "text-align: left; padding: 1px 12px 1px 0"


def is_notebook() -> bool:
    """Whether the program runs in the kernel of a notebook, whose front end displays HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


def table(title: str, rows: Mapping[str, object]) -> str:
    """A table of two columns as HTML, with a title above it.

    Example:
        >>> table("Run", {"units": 2}).count("<td")
        1
    """
    lines = [f"<strong>{html.escape(title)}</strong>", "<table>"]
    for name, value in rows.items():
        cells = (
            f'<th style="{CELL_STYLE}">{html.escape(name)}</th><td style="{CELL_STYLE}">{html.escape(str(value))}</td>'
        )
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</table>"])


def frame(page: str, title: str, height: int = 900) -> str:
    """A page within a page, as HTML.

    Args:
        page: the text of an HTML file that needs no other. Its links to places of its own stay within the frame.
        title: of the frame, for screen readers.
        height: in pixels.
    """
    page = page.replace("<head>", '<head><base href="about:srcdoc">', 1)
    style = f"width: 100%; height: {height}px; border: 1px solid #ccc"
    inner = f'<iframe title="{html.escape(title)}" style="{style}" srcdoc="{html.escape(page)}"></iframe>'
    return f"<div>{inner}</div>"  # IPython warns of a frame by itself


def show(content: str) -> Any:
    """Displays HTML below a cell; returns a handle with which it can be replaced."""
    from IPython.display import HTML, display

    return display(HTML(content), display_id=True)


class NotebookBar:
    """A progress bar below a cell.

    Args:
        title: text before the bar.
        total: number of steps.
        done: those that are complete.
    """

    def __init__(self, title: str, total: int, done: float = 0):
        self._title, self._total, self._done_before = title, total, done
        self._began = time.monotonic()
        self._updated = self._began
        self._handle = show(self._html(done, ""))

    def advance(self, done: float, detail: str = "") -> None:
        """Sets the number of completed steps and the text beside the bar."""
        now = time.monotonic()
        if now - self._updated >= UPDATE_SECONDS or done >= self._total:
            self._updated = now
            self._update(self._html(done, detail))

    def stop(self) -> None:
        """Removes the bar."""
        self._update("")

    def _update(self, content: str) -> None:
        from IPython.display import HTML

        self._handle.update(HTML(content))

    def _html(self, done: float, detail: str) -> str:
        elapsed = time.monotonic() - self._began
        times = str(timedelta(seconds=round(elapsed)))
        if done > self._done_before:
            left = elapsed * (self._total - done) / (done - self._done_before)
            times += f", {timedelta(seconds=round(left))} left"
        text = [self._title, f"{int(done)}/{self._total}", times, detail]
        bar = f'<progress value="{done}" max="{self._total}"></progress>'
        return f'<div style="{BAR_STYLE}">{bar} {html.escape("  ".join(filter(None, text)))}</div>'
