"""Exceptions of the package; their messages are one sentence for the user."""

import errno
import os
from pathlib import Path


class InputError(ValueError):
    """An argument, file or option is not usable: the message names what was expected and received, and what to do.

    The command line prints the message without a traceback and exits with 2.

    Example:
        >>> import keras_vae as kv
        >>> try:
        ...     kv.Config("784-256-2", epochs=0)
        ... except kv.InputError as error:
        ...     print(error)
        epochs: expected a number of at least 1; received 0.
    """


class DamagedFileError(InputError):
    """A file exists, but it is damaged or wrongly formed.

    The command line exits with 1: no other argument would help.

    Args:
        path: the file; the message starts with it.
        problem: what is wrong, as a part of a sentence.
        advice: what to do, as a part of a sentence.

    Example:
        >>> import keras_vae as kv
        >>> from keras_vae.errors import DamagedFileError
        >>> error = DamagedFileError("run/config.json", "expected JSON; the file is empty", "train again")
        >>> print(error)
        run/config.json: expected JSON; the file is empty; train again.
        >>> isinstance(error, kv.InputError)
        True
    """

    def __init__(self, path: "str | os.PathLike[str]", problem: str, advice: str):
        super().__init__(path, problem, advice)  # all three, so that the exception can be pickled
        self.path, self.problem, self.advice = path, problem, advice

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.advice}."


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite; the command line exits with 1.

    Example:
        >>> import keras_vae as kv
        >>> issubclass(kv.TrainingDiverged, ArithmeticError)
        True
    """


# What to do about an error of the operating system while writing, by its number.
_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "change the permissions, or use a folder or a copy elsewhere",
    errno.EPERM: "change the permissions, or use a folder or a copy elsewhere",
    errno.EROFS: "use a folder or a copy on another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ESTALE: "choose a folder that no other program uses",
}


class WriteError(OSError):
    """A file or folder could not be written: the message names its path, the reason, and what to do.

    No incomplete file is left under the path. The command line prints the message without a traceback and exits with 1.

    Args:
        number: error number of the operating system, as in `errno`; None if there is none.
        reason: the reason as text.
        path: the file or folder.

    Example:
        >>> import errno
        >>> import keras_vae as kv
        >>> print(kv.WriteError(errno.ENOSPC, "No space left on device", "run/model.keras"))
        run/model.keras: expected a path that can be written; No space left on device; free some space.
    """

    def __init__(self, number: int | None, reason: str, path: str | Path):
        super().__init__(number, reason, str(path))

    def __str__(self) -> str:
        advice = _ADVICE.get(self.errno or 0, "check the path and its disk")
        return f"{self.filename}: expected a path that can be written; {self.strerror}; {advice}."
