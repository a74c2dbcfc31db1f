"""The interface of callbacks that observe a model's encodings while it trains."""

from typing import Protocol, runtime_checkable

import keras
import numpy as np


@runtime_checkable
class StepObserver(Protocol):
    """A callback that receives encodings of fixed images after certain training steps.

    A compiled call of many steps evaluates the encoder between steps, so that it need not end for the observer.

    Attributes:
        x: the images, `(n, …)`.
        every: optimizer steps between observations; None for one at the end of every epoch.
    """

    x: np.ndarray
    every: int | None

    def observes(self, model: keras.Model) -> bool:
        """Whether this callback observes the encoder of the model in training, every n steps."""

    def due_between(self, first: int, last: int) -> list[int]:
        """Steps of this epoch, after `first` and before `last`, at which an observation is due."""

    def max_observations(self, steps: int) -> int:
        """The largest number of observations that are due within a call of so many steps."""

    def observe(self, step: int, mean: np.ndarray, log_var: np.ndarray | None = None) -> None:
        """Receives the encodings after `step` steps of this epoch, units flattened: `(n, units)`."""
