"""Pages: their elements that run code, and the shell commands that they show."""

import re
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

from campaign.cases import Problem
from campaign.hostile_files import CANARY


class _Elements(HTMLParser):
    """Counts elements that run or load something, and attributes that hold code."""

    ACTIVE = ("script", "iframe", "object", "embed", "link", "meta", "base", "form", "svg")

    def __init__(self):
        super().__init__()
        self.found: Counter = Counter()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A text that names another data set moves a run into a plane of its own.
        is_plane = (tag, dict(attrs).get("class")) == ("svg", "rate-distortion")
        if tag in self.ACTIVE and not is_plane:
            self.found[tag] += 1
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found[f"{tag} {name}"] += 1

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def structure(page: Path) -> Counter:
    parser = _Elements()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def command_problem(page: Path, folder: Path) -> Problem | None:
    """Runs the shell commands that a page shows, with `keras-vae` and `python` replaced by commands without effect."""
    parser = _Elements()
    parser.feed(page.read_text(encoding="utf-8", errors="surrogateescape"))
    shown = [text for text in parser.text if re.match(r"\s*(keras-vae|python) ", text)]
    for text in shown:
        script = "keras_vae() { :; }; python() { :; }\n" + text.strip().replace("keras-vae", "keras_vae", 1)
        subprocess.run(["bash", "-c", script.encode("utf-8", "surrogateescape")], cwd=folder, capture_output=True)
        if (folder / CANARY).exists():
            return Problem("code ran", f"the shown command, pasted into a shell: {text.strip()[:150]!r}")
    return None
