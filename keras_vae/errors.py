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


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite; the command line exits with 1.

    Example:
        >>> import keras_vae as kv
        >>> issubclass(kv.TrainingDiverged, ArithmeticError)
        True
    """
