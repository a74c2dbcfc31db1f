"""Tasks that sleep in place of a training, for tests of executors."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from keras_vae.errors import TrainingDiverged


@dataclass(frozen=True)
class SleepingTask:
    """Counts up to `steps`, and continues from its last count where an attempt was killed.

    Attributes:
        name: of the task.
        folder: of the "run".
        steps: of a tenth of a second.
        diverges: end with an error.
    """

    name: str
    folder: Path
    steps: int = 1
    diverges: bool = False

    def is_done(self, judge) -> bool:
        return (self.folder / "metrics.json").exists()

    def read(self, data, judge, progress) -> dict[str, float]:
        return json.loads((self.folder / "metrics.json").read_text())

    def perform(self, data, judge, progress, folder=None) -> dict[str, float]:
        folder = folder or self.folder
        folder.mkdir(parents=True, exist_ok=True)
        if self.diverges:
            raise TrainingDiverged("The loss became nan.")
        with open(self.folder.with_name(f"{self.folder.name}.pids"), "a") as file:
            file.write(f"{os.getpid()}\n")
        for _ in range(self.steps):
            time.sleep(0.1)
        row = {"loss": float(len(self.name)), "images": float(len(data.x_train))}
        (folder / "metrics.json").write_text(json.dumps(row))
        return row

    @property
    def pids(self) -> list[int]:
        """The processes that have attempted the task."""
        path = self.folder.with_name(f"{self.folder.name}.pids")
        return [int(line) for line in path.read_text().split()] if path.exists() else []
