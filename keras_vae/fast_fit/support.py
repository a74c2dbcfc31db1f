"""The values of images that a likelihood is defined for."""

import math
from typing import NamedTuple

import numpy as np

from keras_vae._utils.checks import PIXEL_ROUNDING
from keras_vae.errors import InputError


class Support(NamedTuple):
    """The values that a likelihood is defined for.

    Attributes:
        low, high: the limits, both included.
        likelihood: name of the likelihood, for messages.
    """

    low: float
    high: float
    likelihood: str

    @property
    def requirement(self) -> str:
        """What is expected of images, as a phrase."""
        if math.isfinite(self.low) or math.isfinite(self.high):
            return f"images with values in [{self.low:g}, {self.high:g}] for the likelihood {self.likelihood}"
        return f"images of finite numbers for the likelihood {self.likelihood}"

    @property
    def advice(self) -> str:
        """What to do about other images, as a phrase."""
        scaling = "scale them, pixels of 0 to 255 by x / 255 and pixels of -1 to 1 by (x + 1) / 2"
        return f"{scaling}; or choose likelihood='gaussian' for values without limits"

    @property
    def refusal(self) -> str:
        """The message for images whose values are known only to the pipeline that makes them."""
        return f"x: expected {self.requirement}; received others; {self.advice}."

    def contains(self, low: float, high: float) -> bool:
        """Whether numbers from `low` to `high` are finite and in the support, up to rounding."""
        finite = math.isfinite(low) and math.isfinite(high)
        return finite and self.low - PIXEL_ROUNDING <= low and high <= self.high + PIXEL_ROUNDING

    def check(self, name: str, array: np.ndarray) -> None:
        """Checks all values of an array.

        Raises:
            InputError: if one is outside the support, NaN or infinite, or the array does not hold real numbers.
        """
        if array.dtype.kind == "V":  # bfloat16, which NumPy has no name for
            array = array.astype("float32")
        if array.dtype.kind not in "biuf":
            raise InputError(f"{name}: expected {self.requirement}; received an array of {array.dtype}.")
        if not array.size:  # reported where the data is used
            return
        low, high = float(array.min()), float(array.max())
        if not self.contains(low, high):
            if not (math.isfinite(low) and math.isfinite(high)):
                raise InputError(
                    f"{name}: expected {self.requirement}; received NaN or infinity; replace or remove them."
                )
            raise InputError(
                f"{name}: expected {self.requirement}; received values from {low:g} to {high:g}; {self.advice}."
            )
