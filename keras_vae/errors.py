"""Errors that a person can put right, each told in one sentence."""


class InputError(ValueError):
    """Something handed in is wrong: the message says what was expected, what came, and what to do.

    The command line prints the message alone and exits with 2.
    """


class TrainingDiverged(ArithmeticError):
    """The loss stopped being a number; the command line exits with 1."""
