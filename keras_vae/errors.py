"""Exceptions of the package; their messages are one sentence for the user."""


class InputError(ValueError):
    """An argument, file or option is not usable: the message names what was expected and received, and what to do.

    The command line prints the message without a traceback and exits with 2.

    Example:
        >>> import keras_vae as kv
        >>> try:
        ...     kv.Config("784-256-2", epochs=0)
        ... except kv.InputError as error:
        ...     print(error)
        epochs: expected greater than or equal to 1; received 0.
    """


class DamagedFileError(InputError):
    """A file exists but is damaged or wrongly formed: the message begins with its path and says what to do.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import keras_vae as kv
        >>> from keras_vae.errors import DamagedFileError
        >>> path = Path(tempfile.mkdtemp(), "digits.npz")
        >>> _ = path.write_bytes(b"not an archive")
        >>> try:
        ...     kv.load(path)
        ... except DamagedFileError as error:
        ...     print(str(error).removeprefix(f"{path}: "))
        expected an intact .npz file; it is incomplete or another kind of file; replace it by an intact file.
    """


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite; the command line exits with 1.

    Example:
        >>> import keras_vae as kv
        >>> issubclass(kv.TrainingDiverged, ArithmeticError)
        True
    """
