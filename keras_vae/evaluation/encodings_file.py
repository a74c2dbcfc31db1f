"""Reader of `.npz` files of encodings: posteriors of images by a model of any library."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_vae._utils import checks, spelling
from keras_vae._utils.foreign_images import drawable
from keras_vae._utils.foreign_text import cleaned, shortened
from keras_vae._utils.readers import read_npz
from keras_vae.data.npz import array_names
from keras_vae.diagnostics.encodings import flat_encodings
from keras_vae.encoding_frames import point_labels
from keras_vae.errors import InputError
from keras_vae.runs.array_forms import MAX_LABEL

ADVICE = "write it with numpy.savez(path, mean=…, log_var=…)"
NAMES = ("mean", "log_var", "labels", "x")
REQUIRED = NAMES[:2]
BYTES_PER_NUMBER = 12  # in float64 and float32, beside the array as it is
# Frequent names of these arrays whose spelling does not resemble them.
SYNONYMS = {
    "mu": "mean", "loc": "mean", "z_mean": "mean", "logvar": "log_var", "z_log_var": "log_var", "y": "labels",
    "targets": "labels", "images": "x", "data": "x",
}  # fmt: skip
# Quantities that others write in place of log variances, and how they are converted.
CONVERSIONS = dict.fromkeys(("std", "sigma", "scale", "stddev"), "log_var=2 * numpy.log({})")
CONVERSIONS |= dict.fromkeys(("var", "variance"), "log_var=numpy.log({})")
CONVERSIONS |= dict.fromkeys(("log_std", "logstd", "log_sigma"), "log_var=2 * {}")
MAX_LISTED_CHARACTERS = 200


class EncodedImages(NamedTuple):
    """Encodings of n images.

    Attributes:
        mean, log_var: `(n, units)` float64.
        labels: `(n,)` integers of 0 or more, or None.
        class_names: names of the labels 0, 1, … where they were text, else None.
        images: float32 in [0, 1], `(n, height, width[, channels])` or `(n, pixels)`, or None.
    """

    mean: np.ndarray
    log_var: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    images: np.ndarray | None = None


def read(path: Path) -> EncodedImages:
    """Reads the arrays `mean` and `log_var` of an `.npz` file, and `labels` and `x` where it has them.

    Units of several axes are flattened in C order. Other arrays are ignored, unless their names resemble one that is
    missing.

    Raises:
        InputError: if there is no file, an array is missing or misspelt, or has another shape, type or range.
        DamagedFileError: if the file is damaged or exceeds the memory.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "encodings.npz"
        >>> np.savez(path, mean=np.zeros((5, 3, 2)), log_var=np.zeros((5, 3, 2)), labels=list("abbab"))
        >>> found = read(path)
        >>> found.mean.shape, found.class_names, found.images
        ((5, 6), ('a', 'b'), None)
    """
    arrays = read_npz(path, ADVICE, names=NAMES, extra_bytes_per_number=BYTES_PER_NUMBER)
    _check_names(path, set(arrays))
    try:
        mean, log_var = flat_encodings(arrays["mean"], arrays["log_var"])
        labels = point_labels("labels", arrays.get("labels"), len(mean))
        if labels.numbers is not None:
            checks.array("labels", labels.numbers, None, dtype="int64", high=MAX_LABEL)
        images = _images(arrays["x"], len(mean)) if "x" in arrays else None
    except InputError as error:  # the checks do not know the path
        raise InputError(f"{path}: {error}") from error
    return EncodedImages(mean, log_var, *labels, images)


def _images(x: np.ndarray, n: int) -> np.ndarray | None:
    x = checks.as_array("x", x)
    if not x.ndim or len(x) != n:
        raise InputError(f"x: expected an image for each of {n} encodings; received shape {x.shape}; leave it out.")
    return drawable("x", x)


def _check_names(path: Path, present: set[str]) -> None:
    """Refuses a file that lacks a required array, or whose other arrays resemble a missing one."""
    held = array_names(path)
    others = [name for name in held if name not in present]
    missing = [name for name in NAMES if name not in present]
    for name in others:
        if name.lower() in CONVERSIONS and "log_var" in missing:
            convert = CONVERSIONS[name.lower()].format(name)
            raise InputError(f"{path}: expected log variances as log_var; received {name!r}; save {convert}.")
        meant = SYNONYMS.get(name.lower()) or spelling.similar(name, missing, 0.7)
        if meant in missing:
            listed = ", ".join(NAMES)
            raise InputError(
                f"{path}: expected arrays named {listed}; received {cleaned(name)!r}; did you mean {meant!r}?"
            )
    lacking = [name for name in REQUIRED if name in missing]
    if lacking:
        received = shortened(cleaned(", ".join(held)), MAX_LISTED_CHARACTERS) or "no array"
        raise InputError(f"{path}: expected arrays mean and log_var; received {received}; add {' and '.join(lacking)}.")
