"""Checks of arguments: arrays of numbers, numbers, whole numbers, seeds."""

import math
import operator
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_vae.errors import InputError

MAX_MAGNITUDE = 1e15  # of any number: sums of squares of more than 10⁷ such numbers are finite in float32
PIXEL_ROUNDING = 1e-5  # distance from its range that a pixel may have after resizing or averaging
MAX_SKLEARN_SEED = 2**32 - 1  # the largest seed that scikit-learn takes
Axis = str | int


def array(
    name: str,
    value: Any,
    shape: Sequence[Axis] | None = ("n", "units"),
    *,
    dtype: DTypeLike | None = "float64",
    low: float | None = None,
    high: float | None = None,
    finite: bool = True,
) -> np.ndarray:
    """An argument as an array of real numbers, checked for its shape and range.

    No copy is made of an array that has the dtype already. The check of the range reads the array twice and allocates
    nothing.

    Args:
        name: name of the argument, for the message.
        value: an array, a list, a tensor, or whatever else `numpy.asarray` takes.
        shape: the axes: a number for an exact size, a name for any size of at least 1, a name such as `"n ≥ 2"` for a
            minimum. A last name that ends in `…` stands for one axis or more, `"…"` for any number of axes. None for
            any shape that holds at least one number.
        dtype: dtype of the result; None keeps a floating dtype, and float64 replaces others. An integer dtype takes
            whole numbers of any dtype, but no booleans; `numpy.integer` keeps an integer dtype.
        low, high: limits of the values, both included; by default ±10¹⁵.
        finite: whether NaN and infinity are refused; otherwise both pass whatever the limits.

    Raises:
        InputError: if the value has another shape, type or range; the message names the argument.
    """
    found = as_array(name, value)
    if shape is None and not found.size:
        raise InputError(f"{name}: expected at least one number; received shape {found.shape}.")
    if shape is not None:
        require_shape(name, found, shape)
    if dtype is None:
        dtype = "float64" if found.dtype.kind in "biu" else found.dtype
    if dtype is np.integer:
        dtype = found.dtype if found.dtype.kind in "iu" else "int64"
    whole_numbers = np.issubdtype(dtype, np.integer)
    if found.size:
        _require_range(name, found, low, high, finite or whole_numbers)
    if whole_numbers and found.dtype.kind not in "iu":
        _require_whole_numbers(name, found)
    return found.astype(dtype, copy=False)


def require_shape(name: str, value: np.ndarray, shape: Sequence[Axis]) -> None:
    """Refuses an array of another shape than that of the specification, see `array`."""
    if not _fits(value.shape, shape):
        raise InputError(f"{name}: expected shape {_text(shape)}; received shape {value.shape}.")


def broadcast(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array in the shape of the means that it belongs to, without a copy.

    Raises:
        InputError: if it does not broadcast to that shape.
    """
    try:
        return np.broadcast_to(value, shape)
    except ValueError as error:  # NumPy has no test for it
        raise InputError(
            f"{name}: expected a shape that broadcasts to the mean's {shape}; received {value.shape}."
        ) from error


def as_array(name: str, value: Any) -> np.ndarray:
    """An argument as an array of real numbers of any shape and dtype; the values are not checked."""
    found = converted(name, value)
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(f"{name}: expected an array without masked values; received some; fill or remove them.")
    if not np.can_cast(found.dtype, "float64", "same_kind"):
        received = f"an array of {found.dtype}" if isinstance(value, np.ndarray | list | tuple) else _kind(value)
        raise InputError(f"{name}: expected an array of real numbers; received {received}.")
    return found


def labels(name: str, value: Any) -> np.ndarray:
    """An argument as labels `(n,)`: int64, or strings where they are strings."""
    found = converted(name, value)
    if found.dtype == object and found.size and all(isinstance(label, str) for label in found.flat):  # of pandas
        found = found.astype(str)
    if found.dtype.kind not in "USb":
        return array(name, value, ("n",), dtype="int64")
    require_shape(name, found, ("n",))
    return found


def converted(
    name: str, value: Any, expected: str = "an array of numbers", advice: str = "pass an array"
) -> np.ndarray:
    """An argument as an array of any type; `expected` and `advice` are parts of the message."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors that are symbolic or on a device
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{name}: expected {expected}; received {_kind(value)}, which NumPy cannot convert ({reason}); {advice}."
        ) from error


def whole(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """An argument as a whole number from `low` to `high`, both included; `True` and `2.0` are none."""
    wanted = f"a whole number{_limits(low, high)}"
    try:
        found = None if isinstance(value, bool | np.bool) else operator.index(value)
    except TypeError as error:
        raise InputError(f"{name}: expected {wanted}; received {_short(value)}.") from error
    if found is None or found < low or (high is not None and found > high):
        raise InputError(f"{name}: expected {wanted}; received {_short(value)}.")
    return found


def number(name: str, value: Any, low: float | None = None, high: float | None = None, open_low: bool = False) -> float:
    """An argument as a finite number from `low` to `high`, both included; `open_low` excludes `low` itself."""
    kind = "a number" if math.inf in (high, -(low or 0)) else "a finite number"
    wanted = f"{kind} above {low:g}" if open_low else f"{kind}{_limits(low, high)}"
    if open_low and high is not None:
        wanted += f" and at most {high:g}"
    lowest = -MAX_MAGNITUDE if low is None else low
    highest = MAX_MAGNITUDE if high is None else high
    if isinstance(value, int | float) or hasattr(value, "__array__"):  # a scalar of NumPy or of a backend as well
        found = np.asarray(value)
        if not found.ndim and found.dtype.kind in "iuf":
            inside = lowest < found <= highest if open_low else lowest <= found <= highest
            if inside:
                return float(found)
    raise InputError(f"{name}: expected {wanted}; received {_short(value)}.")


def bounds(name: str, value: Any) -> tuple[float, float]:
    """An argument as (low, high), in ascending order; either may be infinite."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(f"{name}: expected (low, high); received {_short(value)}.")
    low, high = (number(name, bound, low=-math.inf, high=math.inf) for bound in value)
    if low > high:
        raise InputError(f"{name}: expected (low, high) in ascending order; received {_short(value)}.")
    return low, high


def seed(value: Any, *, none: bool = False, generator: bool = False, high: int | None = None) -> Any:
    """The argument `seed`: a whole number of 0 or more, and, where they are allowed, None or a generator."""
    if (none and value is None) or (generator and isinstance(value, np.random.Generator)):
        return value
    return whole("seed", value, low=0, high=high)


def text(name: str, value: Any) -> str:
    """An argument as text."""
    if not isinstance(value, str):
        raise InputError(f"{name}: expected text; received {_short(value)}.")
    return value


def texts(name: str, value: Any) -> list[str]:
    """An argument as several texts, which may be none; a single text is not taken for its letters."""
    if isinstance(value, str) or not isinstance(value, Collection) or not all(isinstance(one, str) for one in value):
        raise InputError(f"{name}: expected a list of texts; received {_short(value)}.")
    return list(value)


def function(name: str, value: Any) -> Any:
    """An argument as a function."""
    if not callable(value):
        raise InputError(f"{name}: expected a function; received {_short(value)}.")
    return value


def float_dtype(value: Any) -> np.dtype:
    """The argument `dtype`: float32 or float64."""
    for dtype in (np.dtype("float32"), np.dtype("float64")):
        if isinstance(value, str | type | np.dtype) and value == dtype:
            return dtype
    raise InputError(f"dtype: expected float32 or float64; received {_short(value)}.")


def allocation(name: str, value: Any, *sizes: int, itemsize: int = 8) -> None:
    """Refuses a count that makes an array larger than the memory of the machine.

    Args:
        name, value: the argument that determines the size.
        sizes: the axes of the array.
        itemsize: bytes of each number.

    Raises:
        InputError: if the array cannot fit.
    """
    needed = math.prod(map(int, sizes)) * itemsize
    if needed > _physical_bytes():
        raise InputError(
            f"{name}: expected a number for which the result fits into memory; received {_short(value)}, which needs "
            f"{needed / 1e9:,.0f} GB."
        )


def mapping(name: str, value: Mapping[Any, Any], keys: Sequence[str] = ()) -> Mapping[Any, Any]:
    """An argument as a mapping with at least one entry, and with these keys."""
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"{name}: expected a mapping with at least one entry; received {type(value).__name__}.")
    missing = [key for key in keys if key not in value]
    if missing:
        raise InputError(f"{name}: expected the keys {', '.join(keys)}; {', '.join(missing)} missing.")
    return value


def _fits(found: tuple[int, ...], wanted: Sequence[Axis]) -> bool:
    """Whether a shape has the axes of a specification."""
    last = wanted[-1] if wanted else ""
    if isinstance(last, str) and last.endswith("…"):
        minimum = len(wanted) - (last == "…")
        if len(found) < minimum:
            return False
        wanted = (*wanted[:-1], *["units"] * (len(found) - len(wanted) + 1))
    return len(found) == len(wanted) and all(
        size == axis if isinstance(axis, int) else size >= _minimum(axis)
        for size, axis in zip(found, wanted, strict=True)
    )


def _minimum(axis: str) -> int:
    return int(axis.partition("≥")[2] or 1)


def _text(shape: Sequence[Axis]) -> str:
    axes = ", ".join(map(str, shape))
    return f"({axes},)" if len(shape) == 1 else f"({axes})"


def _require_whole_numbers(name: str, found: np.ndarray) -> None:
    is_boolean = found.dtype.kind == "b"
    if is_boolean or (found != np.floor(found)).any():
        received = "booleans" if is_boolean else "fractions"
        raise InputError(f"{name}: expected whole numbers; received {received}; convert them.")


def _require_range(name: str, found: np.ndarray, low: float | None, high: float | None, finite: bool) -> None:
    lowest, highest = float(found.min()), float(found.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        if finite:
            raise InputError(
                f"{name}: expected finite numbers; received NaN or infinity; check whether the training diverged."
            )
        inside = found[np.isfinite(found)]
        if not inside.size:
            return
        lowest, highest = float(inside.min()), float(inside.max())
    smallest = -MAX_MAGNITUDE if low is None else low
    largest = MAX_MAGNITUDE if high is None else high
    if lowest < smallest or highest > largest:
        outside = lowest if lowest < smallest else highest
        raise InputError(f"{name}: expected numbers from {smallest:g} to {largest:g}; received {outside:g}.")


def _limits(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {_digits(low)} to {_digits(high)}" if low < high else f" that is {_digits(low)}"
    if low is not None:
        return f" of at least {_digits(low)}"
    return "" if high is None else f" of at most {_digits(high)}"


def _digits(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _short(value: Any) -> str:
    """A value for a message: short, whatever it is."""
    if isinstance(value, int) and abs(value) >= 10**20:  # (Python refuses to print integers of thousands of digits)
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else _kind(value)


def _physical_bytes() -> int:
    """The memory of the machine; on systems that do not report it, the largest size of any array."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return sys.maxsize
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
