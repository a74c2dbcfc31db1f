"""Exceptions with a message of one sentence for the user."""


class InputError(ValueError):
    """An argument, file or option is not usable: the message names what was expected and received, and what to do.

    The command line prints the message without a traceback and exits with 2.
    """


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite; the command line exits with 1."""
